#include "cmocka_all.h"

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run fn in a confined child; what it wrote to stderr comes back in text. */
static int confined(enum sandbox_kind kind, void (*fn)(void), char *text, size_t size)
{
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		(void)dup2(fds[1], STDERR_FILENO);
		sandbox_init();
		if (sandbox_enter(kind) < 0)
			_exit(99);
		fn();
		_exit(0);
	}
	(void)close(fds[1]);
	n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && (n = read(fds[0], text + strlen(text), size - 1 - strlen(text))) > 0)
		text[size - 1] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void open_file(void)
{
	(void)!open("/etc/passwd", O_RDONLY);
}

static void execute(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void use_network(void)
{
	(void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void use_unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || close(fd) < 0)
		_exit(1);
}

static void signal_init(void)
{
	(void)kill(1, 0);
}

static void allocate(void)
{
	for (int i = 0; i < 100; i++)
		free(malloc(1u << 18));
	(void)!write(STDERR_FILENO, "", 0);
}

static void forbidden_calls_end_the_process_by_name(void **state)
{
	static const struct {
		enum sandbox_kind kind;
		void (*fn)(void);
		const char *what;
	} cases[] = {
		{SANDBOX_MAIN, open_file, "open a file"},
		{SANDBOX_MAIN, execute, "execute"},
		{SANDBOX_MAIN, use_network, "network"},
		{SANDBOX_MAIN, signal_init, "signal another process"},
		{SANDBOX_VCPU, open_file, "open a file"},
		{SANDBOX_VCPU, use_unix_socket, "socket"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = confined(cases[i].kind, cases[i].fn, text, sizeof(text));

		if (code != 1 || !strstr(text, "sandbox: system call number") ||
			!strstr(text, "--no-seccomp"))
			fail_msg("%s: exit %d, '%s'", cases[i].what, code, text);
	}
}

static void needed_calls_pass(void **state)
{
	char text[512];

	assert_int_equal(confined(SANDBOX_MAIN, use_unix_socket, text, sizeof(text)), 0);
	assert_int_equal(confined(SANDBOX_MAIN, allocate, text, sizeof(text)), 0);
	assert_int_equal(confined(SANDBOX_VCPU, allocate, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_end_the_process_by_name),
		cmocka_unit_test(needed_calls_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
