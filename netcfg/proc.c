#include "proc.h"

#include "ev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void proc_sleep_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

/* The field `idx`, from the third one on, of one's text that begins there. */
static unsigned long long stat_field(const char *at, int idx)
{
	for (int field = 3; at && field < idx; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

/*
 * The fields of /proc/PID/stat from the third one on: the command name in the second may hold
 * anything, so count from its ')'. NULL: there is no such process. A zombie is gone, unless it has
 * threads (field 20): its first thread has ended then, while others still hold its files and locks.
 */
static const char *read_stat(pid_t pid, char *text, size_t size)
{
	char path[48], *at;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	len = read(fd, text, size - 1);
	close(fd);
	if (len <= 0)
		return NULL;
	text[len] = '\0';
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return NULL;
	at += 2;
	return *at != 'Z' || stat_field(at, 20) > 1 ? at : NULL;
}

static unsigned long long start_time(pid_t pid)
{
	char text[1024];

	return stat_field(read_stat(pid, text, sizeof(text)), 22);
}

static int write_pid(const char *pid_file, pid_t pid, struct err *err)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%d %llu\n", (int)pid, start_time(pid));
	int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	errno = fd < 0 ? errno : ENOSPC; /* of a write that was cut short */
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		r = err_set(err, -errno, "file '%s': %s", pid_file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

/*
 * After fork(): only calls that are safe there. Begins when go says so, and ends if that is closed
 * before.
 */
__attribute__((noreturn)) static void run_child(char *const *argv, int log_fd, const int go[2],
	int report_fd)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;
	int r;
	char begin;

	close(go[1]);
	if (read(go[0], &begin, 1) != 1)
		_exit(125);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(log_fd, 1) >= 0 && dup2(log_fd, 2) >= 0)
		execv(argv[0], argv);
	r = errno;
	if (write(report_fd, &r, sizeof(r)) < 0)
		_exit(126);
	_exit(127);
}

/* Does the program run? End of file says so; a number is why it does not. */
static int read_report(int fd, const char *program, struct err *err)
{
	int failed = 0;

	if (read(fd, &failed, sizeof(failed)) != (ssize_t)sizeof(failed))
		return 0;
	return err_set(err, -failed, "program '%s': %s", program, strerror(failed));
}

/* A process that nobody could find again must not run: it begins once its pid file is written, and
 * where that fails, or we end before, it ends. */
static int start_child(char *const *argv, int log_fd, const char *pid_file, pid_t *ret_pid,
	struct err *err)
{
	int go[2] = {-1, -1}, report[2] = {-1, -1}, code = 0;
	pid_t pid = -1;

	if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		code = err_set(err, -errno, "pipe: %s", strerror(errno));
	if (!code && !(pid = fork()))
		run_child(argv, log_fd, go, report[1]);
	if (!code && pid < 0)
		code = err_set(err, -errno, "fork: %s", strerror(errno));
	if (!code)
		code = write_pid(pid_file, pid, err);
	if (!code && write(go[1], "", 1) != 1)
		code = err_set(err, -errno, "pipe: %s", strerror(errno));
	close(go[1]);
	close(go[0]);
	close(report[1]);
	if (!code)
		code = read_report(report[0], argv[0], err);
	close(report[0]);
	if (code && pid > 0) {
		(void)waitpid(pid, NULL, 0);
		(void)unlink(pid_file);
	}
	*ret_pid = pid;
	return code;
}

int proc_start(char *const *argv, const char *log, const char *pid_file, pid_t *ret_pid,
	struct err *err)
{
	int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (log_fd < 0)
		return err_set(err, -errno, "file '%s': %s", log, strerror(errno));
	r = start_child(argv, log_fd, pid_file, ret_pid, err);
	close(log_fd);
	return r;
}

int proc_output(char *const *argv, char *text, size_t size, struct err *err)
{
	int fds[2], r = 0;
	size_t len = 0;
	ssize_t n = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (dup2(fds[1], STDOUT_FILENO) >= 0)
			execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		r = err_set(err, -errno, "fork: %s", strerror(errno));
	close(fds[1]);
	while (pid > 0 && len + 1 < size && (n = read(fds[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	text[len] = '\0';
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return r;
}

pid_t proc_find(const char *pid_file)
{
	char text[64];
	int pid = 0, fd = open(pid_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned long long started = 0;
	ssize_t len;

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (sscanf(text, "%d %llu", &pid, &started) != 2 || pid <= 1)
		return 0;
	(void)waitpid(pid, NULL, WNOHANG); /* where it is our child */
	return started && start_time(pid) == started ? pid : 0;
}

bool proc_is_stopped(pid_t pid)
{
	char text[1024];
	const char *stat = read_stat(pid, text, sizeof(text));

	return stat && (*stat == 'T' || *stat == 't');
}

void proc_signal(const char *pid_file, int signo)
{
	pid_t pid = proc_find(pid_file);

	if (pid > 0)
		(void)kill(pid, signo); /* gone in between is fine */
}

bool proc_wait_gone(const char *pid_file, unsigned timeout_ms)
{
	uint64_t deadline = ev_now_ns() + UINT64_C(1000000) * timeout_ms;

	while (proc_find(pid_file)) {
		if (ev_now_ns() >= deadline)
			return false;
		proc_sleep_ms(10);
	}
	return true;
}

static bool is_program(char *path, size_t size, const char *dir, const char *sub, const char *name)
{
	int len = snprintf(path, size, "%s/%s%s%s", dir, sub, sub[0] ? "/" : "", name);
	struct stat st;

	return len > 0 && (size_t)len < size && !stat(path, &st) && S_ISREG(st.st_mode) &&
	       !access(path, X_OK);
}

int proc_find_program(const char *bin_dir, const char *name, char *path, size_t size,
	struct err *err)
{
	char self[PATH_MAX], up[PATH_MAX + 4];
	const char *at = getenv("PATH");
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (bin_dir) {
		if (is_program(path, size, bin_dir, "", name) ||
			is_program(path, size, bin_dir, name, name))
			return 0;
		return err_set(err, -ENOENT, "program '%s': is not in --bindir %s", name, bin_dir);
	}
	if (len > 0) {
		self[len] = '\0';
		*strrchr(self, '/') = '\0';
		(void)snprintf(up, sizeof(up), "%s/..", self);
		if (is_program(path, size, up, name, name) ||
			is_program(path, size, self, "", name))
			return 0;
	}
	while (at && *at) {
		size_t n = strcspn(at, ":");

		(void)snprintf(up, sizeof(up), "%.*s", (int)n, at);
		if (n && is_program(path, size, up, "", name))
			return 0;
		at += n + (at[n] == ':');
	}
	(void)err_set(err, -ENOENT, "program '%s': not found beside netcfg nor in $PATH", name);
	err_hint(err, "say where it is: `--bindir DIR`");
	return -ENOENT;
}

int proc_find_nfguest(const char *bin_dir, char *path, size_t size, struct err *err)
{
	static const char *const places[] = {
		"", "../tools/nfguest", "tools/nfguest", "../share/weft"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		self[len] = '\0';
		*strrchr(self, '/') = '\0';
	}
	for (size_t i = 0; (bin_dir || len > 0) && i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(path, size, "%s/%s/nfguest", bin_dir ? bin_dir : self, places[i]);

		if (n > 0 && (size_t)n < size && !access(path, R_OK))
			return 0;
	}
	(void)err_set(err, -ENOENT, "guest 'nfguest': not found beside netcfg");
	err_hint(err, "say where it is: `--bindir DIR`");
	return -ENOENT;
}

/* The end of a file as text; its length, 0 where there is none. */
static size_t read_end(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len = -1;
	off_t end;

	text[0] = '\0';
	if (fd < 0)
		return 0;
	end = lseek(fd, 0, SEEK_END);
	len = pread(fd, text, size - 1, end > (off_t)size ? end - (off_t)size + 1 : 0);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	return len < 0 ? 0 : (size_t)len;
}

bool proc_last_error(const char *file, struct err *ret_err)
{
	char text[4096];

	(void)read_end(file, text, sizeof(text));
	return err_read_last(text, ret_err);
}

void proc_last_line(const char *file, char *buf, size_t size)
{
	char text[4096];
	size_t len = read_end(file, text, sizeof(text));
	char *line;

	buf[0] = '\0';
	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	if (!len)
		return;
	text[len] = '\0';
	line = memrchr(text, '\n', len);
	(void)snprintf(buf, size, "%s", line ? line + 1 : text);
	for (char *c = buf; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}
