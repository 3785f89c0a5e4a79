/*
 * What a process that has been taken over could try, tried from inside: each attempt in a child of
 * its own, with one layer of the sandbox at a time and with none. The table of what came of it goes
 * to standard output. Where the kernel lacks a layer, its test is skipped and says so.
 */
#include "cmocka_all.h"

#include "dev/disk_ring.h"
#include "metrics_server.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <linux/tiocl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define X32(nr) (0x40000000 + (nr))

/* ---- The scene: a folder with files, and descriptors of known numbers ---- */

enum { FD_FILE = 100, FD_TTY, FD_STREAM, FD_DGRAM, FD_TCP, FD_EVENT };
#define NO_NUMBER    (-1L)
#define PARENT       0x7001L /* an argument: the process that forked us */
#define THIS_PROCESS 0x7002L

static char folder[] = "/tmp/weft-sandbox-XXXXXX";
static const char *const removable[] = {"own"};
static struct sockaddr_un served = {.sun_family = AF_UNIX, .sun_path = "own/served"};
static struct sockaddr_un datagrams = {.sun_family = AF_UNIX, .sun_path = "datagrams"};
static struct sockaddr_un unused = {.sun_family = AF_UNIX, .sun_path = "unused"};
static struct sockaddr_un abstract = {.sun_family = AF_UNIX};
static struct sockaddr_in anywhere = {.sin_family = AF_INET, .sin_addr = {0x0100007f}};
static char byte;
static struct iovec bytes = {.iov_base = &byte, .iov_len = 1};
static char page[4096] __attribute__((aligned(4096)));
static const char *const no_arguments[] = {"true", NULL};

static void move_fd(int fd, int number)
{
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, number), number);
	(void)close(fd);
}

static void write_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "secret", 6), 6);
	(void)close(fd);
}

/* As it was, whatever an attempt that worked has done to it. */
static void scene_restore(void)
{
	static const char *const made[] = {"secret", "new", "other", "unused"};

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (unlink(made[i]) < 0)
			(void)rmdir(made[i]);
	}
	(void)mkdir("empty", 0755); /* there already, as a rule */
	write_file("secret");
}

static void listen_at(int type, const struct sockaddr_un *addr, socklen_t size)
{
	int fd = socket(AF_UNIX, type, 0); /* stays open for the life of this process */

	assert_int_equal(bind(fd, (const struct sockaddr *)addr, size), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 64), 0);
}

static int scene_create(void **state)
{
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(mkdir("own", 0755), 0);
	scene_restore();
	write_file("own/socket");
	(void)snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "%s", folder);
	listen_at(SOCK_STREAM, &served, sizeof(served));
	listen_at(SOCK_STREAM, &abstract, sizeof(abstract));
	listen_at(SOCK_DGRAM, &datagrams, sizeof(datagrams));
	move_fd(open("secret", O_RDWR), FD_FILE);
	move_fd(posix_openpt(O_RDWR | O_NOCTTY), FD_TTY);
	move_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), FD_STREAM);
	move_fd(socket(AF_UNIX, SOCK_DGRAM, 0), FD_DGRAM);
	move_fd(socket(AF_INET, SOCK_STREAM, 0), FD_TCP);
	move_fd(eventfd(0, EFD_NONBLOCK), FD_EVENT);
	return 0;
}

static int scene_destroy(void **state)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return chdir("/") ? -1 : system(command);
}

/* ---- A child with some layers, in which something is tried ---- */

#define LAYER_CALLS 1u /* seccomp */
#define LAYER_FILES 2u /* Landlock */
#define DIED        LONG_MIN

struct trial {
	unsigned layers;
	enum sandbox_kind kind;
	struct sandbox_needs needs;
	long (*fn)(const void *arg); /* what came of it: < 0 = -errno */
	const void *arg;
};

struct outcome {
	long result; /* of fn; DIED = it never came back */
	int status;
	char text[400]; /* standard error */
};

#define MAX_RESULTS 160
#define TRAPPED     (-LONG_MAX) /* the filter said no, in a child that is told and goes on */

static long *shared_result; /* shared_result[MAX_RESULTS], with the children */
static pid_t parent;        /* of a child */

static void enter_layers(const struct trial *trial)
{
	(void)signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on with the tests in here */
	(void)signal(SIGILL, SIG_DFL);
	sandbox_init();
	if (trial->layers & LAYER_FILES && sandbox_enter_files(removable, 1) < 0)
		_exit(99);
	if (trial->layers & LAYER_CALLS && sandbox_enter(trial->kind, &trial->needs) < 0)
		_exit(98);
}

static struct outcome try(const struct trial *trial)
{
	struct outcome out = {0};
	size_t len = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	parent = getpid();
	for (size_t i = 0; i < MAX_RESULTS; i++)
		shared_result[i] = DIED;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		(void)dup2(fds[1], STDERR_FILENO);
		(void)close(fds[1]);
		enter_layers(trial);
		shared_result[0] = trial->fn(trial->arg);
		_exit(0);
	}
	assert_true(pid > 0);
	(void)close(fds[1]);
	while ((n = read(fds[0], out.text + len, sizeof(out.text) - 1 - len)) > 0)
		len += (size_t)n;
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &out.status, 0), pid);
	out.result = shared_result[0];
	return out;
}

/* ---- Attempts that are one system call ---- */

/* Who may: the threads whose work needs the call with these arguments. */
enum { MAY_MAIN = 1, MAY_VCPU = 2, MAY_DISK = 4, MAY_CLOSER = 8, MAY_ALL = 15 };

struct attempt {
	const char *name;
	long nr;
	long args[6];
	unsigned may;
	unsigned landlock; /* the version that refuses it; 0 = none that we use */
};

#define P(pointer) ((long)(uintptr_t)(pointer))
#define HIGH       (1L << 32) /* of a 32-bit argument: the kernel does not look at it */

static const struct attempt attempts[] = {
	/* files */
	{"open a file", SYS_open, {P("secret"), O_RDONLY}, 0, 1},
	{"open a file beside the sockets", SYS_open, {P("own/socket"), O_RDONLY}, 0, 1},
	{"open a file (openat)", SYS_openat, {AT_FDCWD, P("secret"), O_RDWR}, 0, 1},
	{"open a file (openat2)", SYS_openat2, {AT_FDCWD, P("secret"), P(page), 24}, 0, 1},
	{"open a folder", SYS_open, {P("empty"), O_RDONLY | O_DIRECTORY}, 0, 1},
	{"create a file", SYS_open, {P("new"), O_RDWR | O_CREAT, 0600}, 0, 1},
	{"create a file (creat)", SYS_creat, {P("new"), 0600}, 0, 1},
	{"truncate a file", SYS_truncate, {P("secret"), 0}, 0, 3},
	{"remove a file", SYS_unlink, {P("secret")}, MAY_MAIN, 1},
	{"remove a file (unlinkat)", SYS_unlinkat, {AT_FDCWD, P("secret"), 0}, MAY_MAIN, 1},
	{"remove a folder", SYS_rmdir, {P("empty")}, 0, 1},
	{"rename a file", SYS_rename, {P("secret"), P("other")}, 0, 1},
	{"link a file", SYS_link, {P("secret"), P("other")}, 0, 1},
	{"make a symbolic link", SYS_symlink, {P("secret"), P("other")}, 0, 1},
	{"make a folder", SYS_mkdir, {P("other"), 0700}, 0, 1},
	{"make a pipe with a name", SYS_mknod, {P("other"), S_IFIFO | 0600, 0}, 0, 1},
	{"make a socket with a name", SYS_bind, {FD_STREAM, P(&unused), sizeof(unused)}, 0, 1},
	{"change a file's mode", SYS_chmod, {P("secret"), 04755}, 0, 0},
	{"change an open file's mode", SYS_fchmod, {FD_FILE, 04755}, 0, 0},
	{"change a file's owner", SYS_chown, {P("secret"), 1, 1}, 0, 0},
	{"go to another folder", SYS_chdir, {P("empty")}, 0, 0},
	{"mount", SYS_mount, {P("none"), P("empty"), P("tmpfs"), 0, 0}, 0, 0},
	{"open by handle", SYS_open_by_handle_at, {AT_FDCWD, P(page), O_RDONLY}, 0, 0},
	/* programs and processes */
	{"start a program", SYS_execve, {P("/bin/true"), P(no_arguments), 0}, 0, 1},
	{"start a program (execveat)", SYS_execveat,
		{AT_FDCWD, P("/bin/true"), P(no_arguments), 0, 0}, 0, 1},
	{"fork", SYS_fork, {0}, 0, 0},
	{"fork (vfork)", SYS_vfork, {0}, 0, 0},
	{"fork (clone)", SYS_clone, {SIGCHLD}, 0, 0},
	{"fork (clone3)", SYS_clone3, {P(page), 64}, 0, 0},
	{"signal another process", SYS_kill, {PARENT, 0}, 0, 6},
	{"signal everybody", SYS_kill, {-1, 0}, 0, 0},
	{"signal another process (tgkill)", SYS_tgkill, {PARENT, PARENT, 0}, 0, 6},
	{"signal another process (tkill)", SYS_tkill, {PARENT, 0}, 0, 6},
	{"signal another process by a descriptor's owner", SYS_fcntl, {FD_TTY, F_SETOWN, PARENT}, 0,
		0},
	{"choose the signal of a descriptor", SYS_fcntl, {FD_TTY, F_SETSIG, SIGKILL}, 0, 0},
	{"hold up others by a lease", SYS_fcntl, {FD_FILE, F_SETLEASE, F_WRLCK}, 0, 0},
	{"trace another process", SYS_ptrace, {PTRACE_ATTACH, PARENT, 0, 0}, 0, 0},
	{"read another process's memory", SYS_process_vm_readv,
		{PARENT, P(&bytes), 1, P(&bytes), 1, 0}, 0, 0},
	{"write another process's memory", SYS_process_vm_writev,
		{PARENT, P(&bytes), 1, P(&bytes), 1, 0}, 0, 0},
	{"limit another process", SYS_prlimit64, {PARENT, RLIMIT_NOFILE, 0, P(page)}, 0, 0},
	{"take another user's place", SYS_setuid, {1}, 0, 0},
	{"take a personality", SYS_personality, {0x0400000}, 0, 0},
	{"change the process (prctl)", SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0, 0}, 0, 0},
	{"make name spaces", SYS_unshare, {CLONE_NEWUSER}, 0, 0},
	{"take a descriptor of another process", SYS_pidfd_getfd, {FD_FILE, 0, 0}, 0, 0},
	/* memory */
	{"map memory that can be executed", SYS_mmap,
		{0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
		0, 0},
	{"map a file that can be executed", SYS_mmap, {0, 4096, PROT_EXEC, MAP_PRIVATE, FD_FILE, 0},
		0, 0},
	{"make memory executable", SYS_mprotect, {P(page), 4096, PROT_READ | PROT_EXEC}, 0, 0},
	{"make memory executable (pkey_mprotect)", SYS_pkey_mprotect,
		{P(page), 4096, PROT_READ | PROT_EXEC, NO_NUMBER}, 0, 0},
	{"make a file in memory", SYS_memfd_create, {P("x"), 0}, 0, 0},
	{"attach shared memory", SYS_shmat, {0, 0, SHM_EXEC}, 0, 0},
	{"get shared memory", SYS_shmget, {IPC_PRIVATE, 4096, 0700}, 0, 0},
	{"handle faults", SYS_userfaultfd, {0}, 0, 0},
	/* sockets */
	{"use the network", SYS_socket, {AF_INET, SOCK_STREAM, 0}, 0, 0},
	{"listen to the kernel", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, 0, 0},
	{"make a Unix stream socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, 0, 0},
	{"make a Unix datagram socket", SYS_socket, {AF_UNIX, SOCK_DGRAM, 0}, 0, 0},
	{"make a pair of datagram sockets", SYS_socketpair, {AF_UNIX, SOCK_DGRAM, 0, P(page)}, 0,
		0},
	{"connect to a socket", SYS_connect, {FD_STREAM, P(&served), sizeof(served)}, 0, 0},
	{"connect to an abstract socket", SYS_connect, {FD_STREAM, P(&abstract), sizeof(abstract)},
		0, 6},
	{"connect by TCP", SYS_connect, {FD_TCP, P(&anywhere), sizeof(anywhere)}, 0, 4},
	{"bind a TCP port", SYS_bind, {FD_TCP, P(&anywhere), sizeof(anywhere)}, 0, 4},
	{"send to an address", SYS_sendto,
		{FD_DGRAM, P(&byte), 1, MSG_DONTWAIT, P(&datagrams), sizeof(datagrams)}, 0, 0},
	{"listen", SYS_listen, {FD_STREAM, 1}, 0, 0},
	{"filter a socket by a program", SYS_setsockopt,
		{FD_STREAM, SOL_SOCKET, SO_ATTACH_FILTER, P(page), 16}, 0, 0},
	/* io_uring */
	{"make an io_uring", SYS_io_uring_setup, {4, P(page)}, 0, 0},
	{"change an io_uring", SYS_io_uring_register, {FD_EVENT, IORING_REGISTER_FILES, P(page), 1},
		0, 0},
	/* terminals and other devices */
	{"type into the terminal", SYS_ioctl, {FD_TTY, TIOCSTI, P(&byte)}, 0, 0},
	{"type into the terminal, high bits set", SYS_ioctl, {FD_TTY, HIGH | TIOCSTI, P(&byte)}, 0,
		0},
	{"paste into the terminal", SYS_ioctl, {FD_TTY, TIOCLINUX, P(page)}, 0, 0},
	{"take the terminal", SYS_ioctl, {FD_TTY, TIOCSCTTY, 1}, 0, 0},
	{"change the line discipline", SYS_ioctl, {FD_TTY, TIOCSETD, P(page)}, 0, 0},
	{"own a descriptor's signals", SYS_ioctl, {FD_TTY, FIOASYNC, P(page)}, 0, 0},
	{"make a virtual machine", SYS_ioctl, {FD_FILE, KVM_CREATE_VM, 0}, 0, 0},
	{"give a machine other memory", SYS_ioctl,
		{FD_FILE, (long)KVM_SET_USER_MEMORY_REGION, P(page)}, 0, 0},
	{"make a device of KVM", SYS_ioctl, {FD_FILE, (long)KVM_CREATE_DEVICE, P(page)}, 0, 0},
	{"make a processor", SYS_ioctl, {FD_FILE, KVM_CREATE_VCPU, 1}, 0, 0},
	/* the kernel itself */
	{"load a program into the kernel", SYS_bpf, {0, P(page), 64}, 0, 0},
	{"watch events", SYS_perf_event_open, {P(page), 0, NO_NUMBER, NO_NUMBER, 0}, 0, 0},
	{"keep keys", SYS_keyctl, {0, NO_NUMBER, 0}, 0, 0},
	{"load a module", SYS_finit_module, {FD_FILE, P(""), 0}, 0, 0},
	{"start another kernel", SYS_kexec_load, {0, 0, 0, 0}, 0, 0},
	{"end the machine", SYS_reboot, {0, 0, 0, 0}, 0, 0},
	{"open a file as x32", X32(SYS_open), {P("secret"), O_RDONLY}, 0, 0},
	/* what only the main thread needs */
	{"take a connection", SYS_accept4, {FD_STREAM, 0, 0, 0}, MAY_MAIN, 0},
	{"send a descriptor", SYS_sendmsg, {FD_STREAM, P(page), 0}, MAY_MAIN, 0},
	{"receive a descriptor", SYS_recvmsg, {FD_STREAM, P(page), 0}, MAY_MAIN, 0},
	{"receive bytes out of band in line", SYS_setsockopt,
		{FD_STREAM, SOL_SOCKET, SO_OOBINLINE, P(page), 4}, MAY_MAIN, 0},
	{"make a pair of stream sockets", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, P(page)},
		MAY_MAIN, 0},
	{"close a descriptor", SYS_close, {FD_EVENT}, MAY_MAIN | MAY_CLOSER, 0},
	{"set a timer that signals it", SYS_timer_settime, {0, 0, 0, 0}, MAY_CLOSER, 0},
	{"end a timer that signals it", SYS_timer_delete, {0}, MAY_CLOSER, 0},
	{"make a timer that signals somebody", SYS_timer_create, {CLOCK_MONOTONIC, 0, 0}, 0, 0},
	{"read a link", SYS_readlink, {P("secret"), P(page), 1}, MAY_MAIN, 0},
	{"duplicate a descriptor", SYS_fcntl, {FD_EVENT, F_DUPFD_CLOEXEC, 3}, MAY_MAIN, 0},
	{"enter an io_uring", SYS_io_uring_enter, {FD_EVENT, 0, 0, 0, 0, 0}, MAY_MAIN, 0},
	{"set a processor's registers", SYS_ioctl, {FD_FILE, (long)KVM_SET_SREGS, P(page)},
		MAY_MAIN, 0},
	{"read the terminal's modes", SYS_ioctl, {FD_TTY, TCGETS, P(page)}, MAY_MAIN, 0},
	/* what only the threads of a disk need */
	{"read a disk", SYS_preadv, {FD_FILE, P(&bytes), 1, 0, 0}, MAY_DISK, 0},
	{"write a disk", SYS_pwritev2, {FD_FILE, P(&bytes), 1, 0, 0, 0}, MAY_DISK, 0},
	{"sync a disk", SYS_fdatasync, {FD_FILE}, MAY_DISK, 0},
	{"zero a disk", SYS_fallocate, {FD_FILE, 1, 0, 1}, MAY_DISK, 0},
	/* what several or all need */
	{"run a guest", SYS_ioctl, {FD_FILE, KVM_RUN, 0}, MAY_VCPU, 0},
	{"connect an interrupt", SYS_ioctl, {FD_FILE, (long)KVM_IRQFD, P(page)},
		MAY_MAIN | MAY_VCPU, 0},
	{"signal an eventfd", SYS_write, {FD_EVENT, P(page), 8}, MAY_ALL, 0},
	{"map memory", SYS_mmap,
		{0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}, MAY_ALL, 0},
	{"signal itself", SYS_kill, {THIS_PROCESS, 0}, MAY_ALL, 0},
};

#define N_ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static long attempt_arg(long arg)
{
	return arg == PARENT ? parent : arg == THIS_PROCESS ? getpid() : arg;
}

static long run_attempt(const void *arg)
{
	const struct attempt *a = arg;
	long r = syscall(a->nr, attempt_arg(a->args[0]), attempt_arg(a->args[1]),
		attempt_arg(a->args[2]), a->args[3], a->args[4], a->args[5]);

	return r < 0 ? -errno : r;
}

/* Was it the filter that ended the child, and did it name the call? */
static bool is_named(const struct attempt *a, const struct outcome *out)
{
	char number[48];

	(void)snprintf(number, sizeof(number), "sandbox: system call number %ld", a->nr);
	return WIFEXITED(out->status) && WEXITSTATUS(out->status) == 1 &&
	       strstr(out->text, number) && strstr(out->text, "--no-seccomp");
}

static bool is_killed(const struct outcome *out)
{
	return WIFSIGNALED(out->status) && WTERMSIG(out->status) == SIGSYS;
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -ENOTRECOVERABLE;
}

/* All of them in one child: a call that the filter refuses comes back as TRAPPED. */
static long run_attempts(const void *arg)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	(void)sigaction(SIGSYS, &action, NULL);
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		if (attempts[i].nr & X32(0))
			continue; /* kills without a signal that can be taken */
		shared_result[1 + i] = run_attempt(&attempts[i]);
		if (shared_result[1 + i] == -ENOTRECOVERABLE)
			shared_result[1 + i] = TRAPPED;
	}
	return 0;
}

static void the_filter_alone_refuses(void **state)
{
	static const struct {
		const char *name;
		enum sandbox_kind kind;
		unsigned may;
	} kinds[] = {
		{"main", SANDBOX_MAIN, MAY_MAIN},
		{"disk", SANDBOX_DISK, MAY_DISK},
		{"closer", SANDBOX_CLOSER, MAY_CLOSER},
		{"vCPU", SANDBOX_VCPU, MAY_VCPU},
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct trial trial = {
			.layers = LAYER_CALLS, .kind = kinds[k].kind, .fn = run_attempts};
		struct outcome out = try(&trial);

		for (size_t i = 0; i < N_ATTEMPTS; i++) {
			const struct attempt *a = &attempts[i];
			bool is_refused = shared_result[1 + i] == TRAPPED;

			if (a->nr & X32(0))
				continue;
			(void)printf("# filter, %s thread: %-48s %s\n", kinds[k].name, a->name,
				is_refused ? "refused" : "passed");
			if (shared_result[1 + i] == DIED || is_refused == !!(a->may & kinds[k].may))
				fail_msg("%s, %s thread: result %ld, status 0x%x, '%s'", a->name,
					kinds[k].name, shared_result[1 + i], out.status, out.text);
		}
	}
}

/* What it does to a process: one line that names the call, and the end. */
static void a_forbidden_call_ends_the_process_by_name(void **state)
{
	static const long numbers[] = {SYS_execve, SYS_ioctl, SYS_socket, X32(SYS_open)};

	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		const struct attempt *a = attempts;

		while (a->nr != numbers[n])
			a++;
		for (enum sandbox_kind kind = SANDBOX_MAIN; kind <= SANDBOX_VCPU; kind++) {
			const struct trial trial = {
				.layers = LAYER_CALLS, .kind = kind, .fn = run_attempt, .arg = a};
			struct outcome out = try(&trial);

			if (out.result != DIED ||
				!(a->nr & X32(0) ? is_killed(&out) || is_named(a, &out)
						 : is_named(a, &out)))
				fail_msg("%s: result %ld, status 0x%x, '%s'", a->name, out.result,
					out.status, out.text);
		}
	}
}

/* A 32-bit program's way into the kernel has other numbers: 5 is open(). */
static long run_int80(const void *arg)
{
	long r = 5;

	__asm__ volatile("int $0x80" : "+a"(r) : "b"(0), "c"(0), "d"(0) : "memory");
	return r;
}

static void the_filter_refuses_calls_of_32_bits(void **state)
{
	const struct trial without = {.fn = run_int80};
	const struct trial trial = {.layers = LAYER_CALLS, .fn = run_int80};
	struct outcome out = try(&without);

	if (out.result == DIED || out.result == -ENOSYS) {
		(void)printf("# calls of 32 bits: not in this kernel, skipped\n");
		skip();
	}
	out = try(&trial);
	assert_int_equal(out.result, DIED);
	assert_true(is_killed(&out) || strstr(out.text, "sandbox: system call number"));
}

/* In one child: what is refused changes nothing for the next. */
static long run_landlock_attempts(const void *arg)
{
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		if (attempts[i].landlock && attempts[i].landlock <= sandbox_landlock_version())
			shared_result[1 + i] = run_attempt(&attempts[i]);
	}
	return 0;
}

static void landlock_alone_refuses(void **state)
{
	const struct trial trial = {.layers = LAYER_FILES, .fn = run_landlock_attempts};
	unsigned version = sandbox_landlock_version();

	if (!version) {
		(void)printf("# Landlock: not in this kernel, skipped\n");
		skip();
	}
	(void)try(&trial);
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];
		long result = shared_result[1 + i];

		if (!a->landlock)
			continue;
		if (a->landlock > version) {
			(void)printf("# Landlock: %-48s not before version %u, this is %u\n",
				a->name, a->landlock, version);
			continue;
		}
		if (result != -EACCES && result != -EPERM && result != -EXDEV)
			fail_msg("%s: result %ld", a->name, result);
		(void)printf("# Landlock: %-48s refused\n", a->name);
	}
}

/* The same attempts work where nothing refuses them: they are what they seem. */
static void nothing_refuses_without_layers(void **state)
{
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];
		const struct trial trial = {.fn = run_attempt, .arg = a};
		struct outcome out;

		if (a->landlock != 1)
			continue;
		out = try(&trial);
		/*
		 * A program that was started ends with 0; openat2() here has no flags: read only.
		 */
		if (out.result == DIED ? out.status != 0 : out.result < 0)
			fail_msg("%s: result %ld, status 0x%x", a->name, out.result, out.status);
		scene_restore();
	}
}

/* ---- What is needed passes ---- */

static long remove_own(const void *arg)
{
	if (unlink("own/none") == 0 || errno != ENOENT)
		return -errno;
	return unlink("own/served") < 0 ? -errno : 0;
}

static long remove_any(const void *arg)
{
	return unlink("secret") < 0 ? -errno : 0;
}

static long connect_stream(const void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&served, sizeof(served)) < 0)
		return -errno;
	return send(fd, "x", 1, MSG_DONTWAIT) == 1 ? 0 : -errno;
}

static void *allocate(void *arg)
{
	if (sandbox_enter(SANDBOX_VCPU, NULL) < 0)
		_exit(97);
	(void)pthread_barrier_wait(arg); /* each with a pool of its own */
	for (size_t i = 0; i < 100; i++)
		free(malloc((size_t)1 << (i % 20)));
	return NULL;
}

/* More threads than malloc() has pools before it counts the processors. */
static long allocate_in_threads(const void *arg)
{
	pthread_t threads[24];
	pthread_barrier_t barrier;

	(void)pthread_barrier_init(&barrier, NULL, 24);
	for (size_t i = 0; i < 24; i++) {
		if (pthread_create(&threads[i], NULL, allocate, &barrier))
			return -EAGAIN;
	}
	for (size_t i = 0; i < 24; i++)
		(void)pthread_join(threads[i], NULL);
	return 0;
}

static long tell_time(const void *arg)
{
	time_t now = time(NULL);
	struct tm tm;

	return gmtime_r(&now, &tm) ? 0 : -errno;
}

/* Metrics are served by TCP or a Unix socket that listened before. */
static struct {
	struct ev *ev;
	struct metrics_server *server;
	struct metrics metrics;
	struct metrics_address address;
	int client;
} collected;

static void collect_metrics(void)
{
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	struct sockaddr_in *in = &collected.address.tcp.in;
	socklen_t size = sizeof(*in);
	char text[32];

	assert_int_equal(ev_create(&collected.ev), 0);
	/* A port that nobody has. */
	*in = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	collected.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(collected.client, (struct sockaddr *)in, size), 0);
	assert_int_equal(getsockname(collected.client, (struct sockaddr *)in, &size), 0);
	(void)close(collected.client);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(in->sin_port));
	assert_int_equal(metrics_address_parse(text, &collected.address, NULL), 0);
	assert_int_equal(metrics_server_create(collected.ev, &collected.address, &collected.metrics,
				 &collected.server, NULL),
		0);
	collected.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(collected.client, &collected.address.tcp.any, size), 0);
	assert_int_equal(send(collected.client, request, sizeof(request) - 1, 0),
		sizeof(request) - 1);
}

static long serve_metrics(const void *arg)
{
	char text[512] = "";
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 || (n < 0 && errno == EAGAIN)) {
		(void)ev_run_once(collected.ev, 100);
		n = recv(collected.client, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	return strncmp(text, "HTTP/1.1 200 OK", 15) || !strstr(text, "# EOF\n") ? -EIO : 0;
}

static void needed_calls_pass(void **state)
{
	static const struct sandbox_needs connects = {.connects = true};
	static const struct sandbox_needs removes = {.removes_files = true};
	const struct {
		const char *name;
		struct trial trial;
		long result;
	} cases[] = {
		{"connect", {LAYER_CALLS, SANDBOX_MAIN, connects, connect_stream, NULL}, 0},
		{"remove any", {LAYER_CALLS, SANDBOX_MAIN, removes, remove_any, NULL}, 0},
		{"remove none", {LAYER_CALLS, SANDBOX_MAIN, {0}, remove_any, NULL}, -EACCES},
		{"serve metrics", {LAYER_CALLS, SANDBOX_MAIN, {0}, serve_metrics, NULL}, 0},
		{"tell the time", {LAYER_CALLS, SANDBOX_VCPU, {0}, tell_time, NULL}, 0},
		{"allocate", {0, SANDBOX_VCPU, {0}, allocate_in_threads, NULL}, 0},
	};

	collect_metrics();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome out = try(&cases[i].trial);

		if (out.result != cases[i].result)
			fail_msg("%s: result %ld, status 0x%x, '%s'", cases[i].name, out.result,
				out.status, out.text);
		scene_restore();
	}
	metrics_server_destroy(collected.server);
	ev_destroy(collected.ev);
	(void)close(collected.client);
}

static void landlock_lets_own_sockets_be_removed(void **state)
{
	const struct trial trial = {
		LAYER_CALLS | LAYER_FILES, SANDBOX_MAIN, {.removes_files = true}, remove_own, NULL};

	if (!sandbox_landlock_version())
		skip();
	assert_int_equal(try(&trial).result, 0);
	assert_int_equal(access("own/served", F_OK), -1);
}

/* ---- What the ring of a disk can do ---- */

static struct statx stat_result;
static struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
static struct open_how how;
static int other_fds[] = {FD_EVENT};

/* One operation as the kernel takes it; fd is a descriptor, never the registered file. */
struct ring_attempt {
	const char *name;
	uint8_t op;
	int fd;
	const void *addr;
	uint32_t len;
	uint64_t off;
};

static const struct ring_attempt ring_attempts[] = {
	{"open a file", IORING_OP_OPENAT, AT_FDCWD, "secret", 0, 0},
	{"open a file (openat2)", IORING_OP_OPENAT2, AT_FDCWD, "secret", sizeof(how),
		(uintptr_t)&how},
	{"look at a file", IORING_OP_STATX, AT_FDCWD, "secret", 0, (uintptr_t)&stat_result},
	{"make a folder", IORING_OP_MKDIRAT, AT_FDCWD, "other", 0700, 0},
	{"make a socket", IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM},
	{"connect", IORING_OP_CONNECT, FD_STREAM, &served, 0, sizeof(served)},
	{"send to an address", IORING_OP_SENDMSG, FD_DGRAM, &message, 1, 0},
	{"read another descriptor", IORING_OP_READV, FD_FILE, &bytes, 1, 0},
	{"write another descriptor", IORING_OP_WRITEV, FD_FILE, &bytes, 1, 0},
	{"close a descriptor", IORING_OP_CLOSE, FD_EVENT, NULL, 0, 0},
	{"remove a file", IORING_OP_UNLINKAT, AT_FDCWD, "secret", 0, 0},
};

static int ring_do(struct io_uring *ring, const struct ring_attempt *a, unsigned flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int r;

	if (!sqe)
		return -EBUSY; /* the ring has room for more than one: never */
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = a->op;
	sqe->fd = a->fd;
	sqe->addr = (uintptr_t)a->addr;
	sqe->len = a->len;
	sqe->off = a->off;
	io_uring_sqe_set_flags(sqe, flags);
	r = io_uring_submit_and_wait(ring, 1);
	if (r < 0)
		return r;
	assert_int_equal(io_uring_wait_cqe(ring, &cqe), 0);
	r = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return r;
}

/* A ring as a disk has it, on FD_FILE. */
static void open_disk_ring(struct io_uring *ring)
{
	int r = disk_ring_open(ring, 8, FD_FILE, FD_EVENT);

	if (r == -ENOSYS || r == -EPERM) {
		(void)printf("# io_uring: not to be had here (%s), skipped\n", strerror(-r));
		skip();
	}
	assert_int_equal(r, 0);
}

static void the_ring_alone_refuses(void **state)
{
	struct io_uring free_ring, disk_ring;

	open_disk_ring(&disk_ring);
	message.msg_name = &datagrams;
	message.msg_namelen = sizeof(datagrams);
	assert_int_equal(io_uring_queue_init(8, &free_ring, 0), 0);
	for (size_t i = 0; i < sizeof(ring_attempts) / sizeof(ring_attempts[0]); i++) {
		const struct ring_attempt *a = &ring_attempts[i];
		int is_refused = ring_do(&disk_ring, a, 0);
		int is_free = ring_do(&free_ring, a, 0);

		/* An older kernel may not have the operation at all. */
		(void)printf("# ring: %-48s %s; %s without\n", a->name,
			is_refused < 0 ? "refused" : "DONE", is_free < 0 ? "refused" : "done");
		if (is_refused != -EACCES && !(is_refused == -EINVAL && is_free == -EINVAL))
			fail_msg("%s: %d", a->name, is_refused);
		if (is_free < 0 && is_free != -EINVAL)
			fail_msg("%s: a free ring gives %d", a->name, is_free);
	}
	io_uring_queue_exit(&free_ring);
	io_uring_queue_exit(&disk_ring);
	scene_restore();
	move_fd(eventfd(0, EFD_NONBLOCK), FD_EVENT);
	move_fd(open("secret", O_RDWR), FD_FILE);
	move_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), FD_STREAM);
}

static void the_ring_has_four_operations(void **state)
{
	struct io_uring ring;
	unsigned n_done = 0;

	open_disk_ring(&ring);
	for (unsigned op = 0; op < UINT8_MAX; op++) {
		const struct ring_attempt a = {"any", (uint8_t)op, DISK_RING_FILE, &bytes, 1, 0};
		int r = ring_do(&ring, &a, IOSQE_FIXED_FILE);
		bool is_ours = op == IORING_OP_READV || op == IORING_OP_WRITEV ||
			       op == IORING_OP_FSYNC || op == IORING_OP_FALLOCATE;

		n_done += is_ours;
		if (!is_ours && r != -EACCES && r != -EINVAL)
			fail_msg("operation %u: %d", op, r);
		if (is_ours && r == -EACCES)
			fail_msg("operation %u: refused", op);
	}
	assert_int_equal(n_done, 4);
	io_uring_queue_exit(&ring);
}

static void the_ring_has_one_file_for_good(void **state)
{
	const struct ring_attempt second = {"other file", IORING_OP_READV, 1, &bytes, 1, 0};
	const struct ring_attempt first = {"file", IORING_OP_READV, DISK_RING_FILE, &bytes, 1, 0};
	struct io_uring_files_update update = {.offset = 0, .fds = (uintptr_t)other_fds};
	struct io_uring ring;
	unsigned fd;

	open_disk_ring(&ring);
	fd = (unsigned)ring.ring_fd;
	assert_int_equal(ring_do(&ring, &first, IOSQE_FIXED_FILE), 1);
	assert_int_equal(ring_do(&ring, &second, IOSQE_FIXED_FILE), -EBADF);
	assert_int_equal(ring_do(&ring, &first, IOSQE_FIXED_FILE | IOSQE_ASYNC), -EACCES);
	for (unsigned op = 0; op < 32; op++) {
		int r = io_uring_register(fd, op,
			op == IORING_REGISTER_FILES_UPDATE ? (void *)&update : (void *)other_fds,
			1);

		/* One does nothing and is allowed, others exist only in other kernels. */
		if (r >= 0 || (op != IORING_REGISTER_PROBE && r != -EACCES && r != -EINVAL &&
				      r != -EBADFD))
			fail_msg("register operation %u: %d", op, r);
	}
	io_uring_queue_exit(&ring);
}

static int group_setup(void **state)
{
	_Static_assert(N_ATTEMPTS < MAX_RESULTS, "each has its result");
	shared_result = mmap(NULL, MAX_RESULTS * sizeof(*shared_result), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared_result == MAP_FAILED ? -1 : scene_create(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_refuses_without_layers),
		cmocka_unit_test(the_filter_alone_refuses),
		cmocka_unit_test(a_forbidden_call_ends_the_process_by_name),
		cmocka_unit_test(the_filter_refuses_calls_of_32_bits),
		cmocka_unit_test(landlock_alone_refuses),
		cmocka_unit_test(needed_calls_pass),
		cmocka_unit_test(the_ring_alone_refuses),
		cmocka_unit_test(the_ring_has_four_operations),
		cmocka_unit_test(the_ring_has_one_file_for_good),
		cmocka_unit_test(landlock_lets_own_sockets_be_removed),
	};

	return cmocka_run_group_tests(tests, group_setup, scene_destroy);
}
