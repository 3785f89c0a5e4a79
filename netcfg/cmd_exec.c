/* exec: a command in the shell on a node's serial console; console: a person there. */
#include "cmd.h"
#include "ev.h"
#include "lab.h"
#include "node.h"
#include "proc.h"
#include "str.h"
#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define EXEC_TIMEOUT_S   60
#define EXEC_MAX_COMMAND 3000 /* a terminal takes lines of 4095 */
#define SYNC_EVERY_MS    2000
#define ESCAPE           0x1d /* Ctrl-] */
#define TOKEN_SIZE       7    /* of this exec, in what it says */

/* The node's run directory and console. 0, or -errno (err->code 0: said already). */
static int find_node(const struct opts *opts, const char *node, char dir[RUNDIR_PATH_SIZE],
	char *console, size_t size, struct err *err)
{
	char lab[CTL_NAME_MAX + 1], args[RUNDIR_PATH_SIZE];
	int r = lab_find(opts, NULL, lab, err);

	if (!r)
		r = rundir_path(opts, lab, dir, err);
	if (!r)
		r = rundir_check(dir, err);
	if (!r && (strchr(node, '/') || rundir_file(dir, node, ".args", args, sizeof(args), NULL) ||
			  access(args, F_OK))) {
		(void)err_set(err, -ENOENT, "node '%.64s': lab '%s' has none of that name", node,
			lab);
		err_hint(err, "see `netcfg node show`");
		r = -ENOENT;
	}
	return r ? r : rundir_file(dir, node, ".console", console, size, err);
}

/* exec */

static void to_stdout(void *ctx, const char *data, size_t len)
{
	fwrite(data, 1, len, stdout);
}

static void to_nowhere(void *ctx, const char *data, size_t len)
{
}

static int ms_left(uint64_t deadline_ns)
{
	uint64_t now = ev_now_ns();

	return now >= deadline_ns ? 0 : (int)((deadline_ns - now) / 1000000) + 1;
}

/* Read until the filter is done. 0, -EAGAIN at the deadline, -EPIPE. */
static int pump(int fd, struct term_filter *filter, uint64_t deadline_ns)
{
	char buf[4096];

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		int ready = poll(&p, 1, ms_left(deadline_ns));
		ssize_t n;

		if (!ready)
			return -EAGAIN;
		if (ready < 0 && errno != EINTR)
			return -errno;
		n = ready > 0 ? recv(fd, buf, sizeof(buf), MSG_DONTWAIT) : -1;
		if (!n)
			return -EPIPE;
		if (n < 0 && ready > 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0 && term_filter_feed(filter, buf, (size_t)n))
			break;
		if (n > 0)
			fflush(stdout);
	}
	fflush(stdout);
	return 0;
}

/*
 * How a command is run, so that of all that is typed and printed for it one line is seen:
 *
 *   typed    stty -echo; say S; read a line; stty echo; run the line
 *   S        so the shell is there, and what is typed from now on is not echoed
 *   typed    erase the line that was seen; say B; COMMAND; say E and its status
 *
 * S, B and E are application program commands (ESC _ TEXT ESC \, ECMA-48 8.3.2), which terminals do
 * not show. What is typed has no ESC in it, so an echo of it is none of them. Whoever ends us on
 * the way leaves a shell that waits for a line and then echoes again. On a terminal that is too
 * narrow a part of the line stays.
 */

/* The shell may have only begun to read: ask again until it answers. A second line that was typed
 * too early is the line that the first one reads, and so on. */
static int sync_shell(int fd, const char *token, uint64_t deadline_ns)
{
	char answer[48], line[160];
	int r = -EAGAIN;

	for (unsigned try = 0; r == -EAGAIN && ms_left(deadline_ns); try++) {
		struct term_filter filter = {.begin = answer, .end = NULL, .output = to_nowhere};
		uint64_t until = ev_now_ns() + SYNC_EVERY_MS * UINT64_C(1000000);

		(void)snprintf(answer, sizeof(answer), "\033_s%s%u\033\\", token, try);
		/*
		 * Ctrl-U: what somebody left at the prompt goes; in the line that a first one reads
		 * it would be a sign like any other. Short, to fit beside a prompt in 80 columns.
		 */
		(void)snprintf(line, sizeof(line),
			"%s stty -echo;printf '\\33_s%%s\\33\\\\' %s%u;read -r w;stty echo;eval "
			"\"$w\"\n",
			try ? "" : "\025", token, try);
		r = term_write(fd, line, strlen(line));
		if (!r)
			r = pump(fd, &filter, until < deadline_ns ? until : deadline_ns);
	}
	if (r == -EAGAIN)
		(void)term_write(fd, "\025\n",
			2); /* one that comes late shall not wait for a line */
	return r;
}

static int run_command(int fd, const char *token, const char *command, uint64_t deadline_ns,
	int *ret_status)
{
	char begin[48], end[48];
	struct term_filter filter = {.begin = begin, .end = end, .output = to_stdout};
	char *line;
	int r;

	(void)snprintf(begin, sizeof(begin), "\033_b%s\033\\", token);
	(void)snprintf(end, sizeof(end), "\033_e%s:", token);
	line = str_dup_printf("printf '\\033[A\\033[2K\\033_b%%s\\033\\134' %s; %s; "
			      "printf '\\033_e%%s:%%s\\033\\134' %s $?\n",
		token, command, token);
	if (!line)
		return -ENOMEM;
	r = term_write(fd, line, strlen(line));
	free(line);
	if (!r)
		r = pump(fd, &filter, deadline_ns);
	if (r == -EAGAIN)
		(void)term_write(fd, "\003", 1); /* Ctrl-C */
	*ret_status = filter.status;
	return r;
}

/* What to type for words: in a shell of its own, without input. Owned; NULL = out of memory. */
static char *make_command(char *const *words, unsigned n)
{
	char *line = term_quote(words, n);
	char *apart = line ? str_dup_printf("( %s\n) </dev/null 2>&1", line)
			   : NULL; /* the line may end in a comment */
	char *command = apart ? term_typed(apart) : NULL;

	free(line);
	free(apart);
	return command;
}

static int make_token(char token[TOKEN_SIZE])
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	(void)snprintf(token, TOKEN_SIZE, "%06x", number & 0xffffff);
	return 0;
}

/* One exec at a time on a console; the others wait. */
static int lock_console(const char *dir, const char *node, uint64_t deadline_ns, struct err *err)
{
	char path[RUNDIR_PATH_SIZE];
	int fd, r = rundir_file(dir, node, ".exec", path, sizeof(path), err);

	if (r)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, -errno, "file '%s': %s", path, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (!ms_left(deadline_ns)) {
			close(fd);
			return err_set(err, -ETIMEDOUT, "node '%s': another exec does not end",
				node);
		}
		proc_sleep_ms(20);
	}
	return fd;
}

static int exec_on(const char *dir, const char *console, const char *node, const char *command,
	unsigned timeout_s, int *ret_status, struct err *err)
{
	uint64_t deadline = ev_now_ns() + timeout_s * UINT64_C(1000000000);
	char token[TOKEN_SIZE];
	int fd = -1, lock, r = node_wait_ready(dir, &node, 1, deadline, timeout_s, NULL, err);

	if (r)
		return r;
	lock = lock_console(dir, node, deadline, err);
	if (lock < 0)
		return lock;
	fd = term_connect(console, node, err);
	r = fd < 0 ? fd : 0;
	if (!r && make_token(token))
		r = err_set(err, -EIO, "no random numbers");
	if (!r) {
		r = sync_shell(fd, token, deadline);
		if (r)
			(void)err_set(err, r == -EAGAIN ? -ETIMEDOUT : r,
				"node '%s': no shell answers on its console", node);
	}
	if (!r) {
		r = run_command(fd, token, command, deadline, ret_status);
		if (r == -EAGAIN)
			(void)err_set(err, -ETIMEDOUT, "node '%s': command did not end in %u s",
				node, timeout_s);
		else if (r)
			(void)err_set(err, r, "node '%s': console is gone: %s", node, strerror(-r));
	}
	if (fd >= 0)
		close(fd);
	close(lock);
	return r;
}

int cmd_exec(const struct opts *opts, const struct grammar_request *req)
{
	char dir[RUNDIR_PATH_SIZE], console[CTL_PATH_MAX + 1];
	struct err err = {0};
	char **words = req->args + 1;
	unsigned n = req->n_args ? req->n_args - 1 : 0;
	char *command;
	int r, status = 0;

	if (n && !strcmp(words[0], "--")) {
		words++;
		n--;
	}
	if (!n) {
		(void)err_set(&err, -EINVAL, "exec: %s missing", req->n_args ? "command" : "node");
		err_hint(&err, "`netcfg exec NODE -- COMMAND...`");
		return cmd_fail(&err);
	}
	command = make_command(words, n);
	if (!command || strlen(command) > EXEC_MAX_COMMAND) {
		free(command);
		(void)err_set(&err, -EINVAL, "exec: command is longer than %d bytes",
			EXEC_MAX_COMMAND);
		return cmd_fail(&err);
	}
	r = find_node(opts, req->args[0], dir, console, sizeof(console), &err);
	if (!r)
		r = exec_on(dir, console, req->args[0], command,
			opts->timeout_s ? opts->timeout_s : EXEC_TIMEOUT_S, &status, &err);
	free(command);
	if (!r)
		return status;
	if (!err.code)
		return EXIT_USAGE;
	return cmd_fail(&err);
}

/* console */

static int print_log(const char *dir, const char *node, struct err *err)
{
	char path[RUNDIR_PATH_SIZE], buf[4096];
	int fd, r = rundir_file(dir, node, ".serial", path, sizeof(path), err);
	ssize_t n;

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "file '%s': %s", path, strerror(errno));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	close(fd);
	return 0;
}

static bool copy_output(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0), done = 0, out;

	while (done < n) {
		out = write(STDOUT_FILENO, buf + done, (size_t)(n - done));
		if (out < 0 && errno != EINTR)
			return false;
		done += out > 0 ? out : 0;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

/* false: the person leaves. */
static bool copy_input(int fd, bool *stdin_open)
{
	char buf[1024];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	char *escape;

	if (n <= 0) {
		*stdin_open = n < 0 && errno == EINTR;
		return true;
	}
	escape = memchr(buf, ESCAPE, (size_t)n);
	if (escape)
		n = escape - buf;
	return term_write(fd, buf, (size_t)n) == 0 && !escape;
}

static void attach(int fd)
{
	bool stdin_open = true, open = true;

	while (open) {
		struct pollfd p[2] = {{fd, POLLIN, 0}, {stdin_open ? STDIN_FILENO : -1, POLLIN, 0}};
		/* Input that ended (a script's): stay until the guest is silent for a second. */
		int ready = poll(p, 2, stdin_open ? -1 : 1000);

		if (ready < 0 && errno != EINTR)
			return;
		if (!ready)
			return;
		if (ready > 0 && p[0].revents)
			open = copy_output(fd);
		if (open && ready > 0 && p[1].revents)
			open = copy_input(fd, &stdin_open);
	}
}

int cmd_console(const struct opts *opts, const struct grammar_request *req)
{
	char dir[RUNDIR_PATH_SIZE], console[CTL_PATH_MAX + 1];
	struct termios saved, raw;
	struct err err = {0};
	bool is_terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &saved);
	int fd, r;

	if (req->n_args != 1) {
		(void)err_set(&err, -EINVAL, "console: which node?");
		err_hint(&err, "`netcfg console NODE`");
		return cmd_fail(&err);
	}
	r = find_node(opts, req->args[0], dir, console, sizeof(console), &err);
	if (!r && opts->follow_log)
		r = print_log(dir, req->args[0], &err);
	if (r || opts->follow_log)
		return !r ? EXIT_DONE : err.code ? cmd_fail(&err) : EXIT_USAGE;
	fd = term_connect(console, req->args[0], &err);
	if (fd < 0)
		return cmd_fail(&err);
	if (is_terminal) {
		fprintf(stderr, "console of %s; leave with Ctrl-]\n", req->args[0]);
		raw = saved;
		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	attach(fd);
	if (is_terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
		fprintf(stderr, "\n");
	}
	close(fd);
	return EXIT_DONE;
}
