#include "sandbox.h"

#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Needed by libc in any thread: memory, locks, time, ending, and our log. */
static const int sandbox_common[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(time),
	SCMP_SYS(write),
};

/* The main thread serves devices, consoles, back-ends and the control socket. */
static const int sandbox_main[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(chmod),
	SCMP_SYS(close),
	SCMP_SYS(connect),
	SCMP_SYS(dup),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchmod),
	SCMP_SYS(fcntl),
	SCMP_SYS(fdatasync),
	SCMP_SYS(fstat),
	SCMP_SYS(fsync),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpeername),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getuid),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(listen),
	SCMP_SYS(lseek),
	SCMP_SYS(newfstatat),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(signalfd4),
	SCMP_SYS(stat),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(umask),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(writev),
};

/* ioctls of a vCPU thread: run, and what device handlers change about interrupts and doorbells. */
static const unsigned sandbox_vcpu_ioctls[] = {
	KVM_RUN,
	KVM_GET_REGS,
	KVM_IRQ_LINE,
	KVM_IRQFD,
	KVM_IOEVENTFD,
	KVM_SET_GSI_ROUTING,
};

#define IOCTL_TYPE_MASK 0xff00u
#define IOCTL_TYPE_KVM  0xae00u
#define IOCTL_TYPE_TTY  0x5400u

static int sandbox_allow(scmp_filter_ctx filter, const int *calls, size_t n_calls)
{
	int code = 0;

	for (size_t i = 0; !code && i < n_calls; i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return code;
}

static int sandbox_allow_main(scmp_filter_ctx filter)
{
	int code =
		sandbox_allow(filter, sandbox_main, sizeof(sandbox_main) / sizeof(sandbox_main[0]));

	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!code) // the channel on which a vhost-user back-end talks to us
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
			SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE_MASK, IOCTL_TYPE_KVM));
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, IOCTL_TYPE_MASK, IOCTL_TYPE_TTY));
	return code;
}

static int sandbox_allow_vcpu(scmp_filter_ctx filter)
{
	int code = 0;

	for (size_t i = 0;
		!code && i < sizeof(sandbox_vcpu_ioctls) / sizeof(sandbox_vcpu_ioctls[0]); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, sandbox_vcpu_ioctls[i]));
	return code;
}

int sandbox_enter(enum sandbox_kind kind)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int code;

	if (!filter)
		return -ENOMEM;
	code = sandbox_allow(filter, sandbox_common,
		sizeof(sandbox_common) / sizeof(sandbox_common[0]));
	// Signals to ourselves only: the kick of a vCPU, Ctrl-A x.
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (!code)
		code = kind == SANDBOX_MAIN ? sandbox_allow_main(filter)
					    : sandbox_allow_vcpu(filter);
	if (!code)
		code = seccomp_load(filter); // sets no_new_privs first
	seccomp_release(filter);
	return code;
}

/* Async-signal-safe: only write(2) and _exit(2). */
static void sandbox_on_sigsys(int signo, siginfo_t *info, void *context)
{
	static const char text[] = "vmm: error: sandbox: system call number ";
	static const char hint[] =
		" is not allowed\nvmm: hint: this is a bug; --no-seccomp avoids it\n";
	char digits[12];
	size_t at = sizeof(digits);
	unsigned number = (unsigned)info->si_syscall;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number && at);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STDERR_FILENO, digits + at, sizeof(digits) - at);
	(void)!write(STDERR_FILENO, hint, sizeof(hint) - 1);
	_exit(EXIT_FAILURE);
}

void sandbox_init(void)
{
	struct sigaction action = {.sa_sigaction = sandbox_on_sigsys, .sa_flags = SA_SIGINFO};

	(void)sigaction(SIGSYS, &action, NULL); // cannot fail for a valid signal
}
