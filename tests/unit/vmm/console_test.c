#include "cmocka_all.h"

#include "console.h"
#include "err.h"
#include "ev.h"
#include "no_descriptors.h"
#include "odd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
	char dir[32];
	struct ev *ev;
	struct console *console;
	char input[64]; /* what the device took */
	size_t n_input;
	size_t room; /* how much it takes */
};

static size_t take(void *ctx, const uint8_t *data, size_t len)
{
	struct fixture *f = ctx;
	size_t n = len < f->room ? len : f->room;

	memcpy(f->input + f->n_input, data, n);
	f->n_input += n;
	f->room -= n;
	return n;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memcpy(f->dir, "/tmp/console-test-XXXXXX", 25);
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(ev_create(&f->ev), 0);
	assert_int_equal(console_create(f->ev, "serial", &f->console), 0);
	f->room = sizeof(f->input);
	console_set_input(f->console, take, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	console_destroy(f->console);
	ev_destroy(f->ev);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct console_sink_config sink(struct fixture *f, enum console_sink_kind kind,
	const char *name)
{
	struct console_sink_config config = {.kind = kind};

	(void)snprintf(config.path, sizeof(config.path), "%s/%s", f->dir, name);
	return config;
}

static void run(struct fixture *f)
{
	int n = 1;

	/* Both ends are in this process: what can happen has happened when a round is empty. */
	for (int i = 0; n && i < 20; i++) {
		n = ev_run_once(f->ev, 0);
		assert_true(n >= 0);
	}
}

#define WAIT_ROUNDS 60000 /* of up to 1 ms: a hang, whatever the machine is busy with */

/* A terminal's bytes go through a thread of the kernel, whenever that runs. */
static void run_until_readable(struct fixture *f, int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	for (int i = 0; i < WAIT_ROUNDS && !poll(&pfd, 1, 0); i++)
		assert_true(ev_run_once(f->ev, 1) >= 0);
}

static void run_until_input(struct fixture *f, size_t n)
{
	for (int i = 0; i < WAIT_ROUNDS && f->n_input < n; i++)
		assert_true(ev_run_once(f->ev, 1) >= 0);
}

static int attach(struct fixture *f, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", f->dir, name);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	run(f);
	return fd;
}

static size_t file_size(struct fixture *f, const char *name, char *text, size_t size)
{
	char path[128];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(text, 1, size, file);
	(void)fclose(file);
	return n;
}

static void all_sinks_see_the_output(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config file = sink(f, CONSOLE_FILE, "out"),
				   log = sink(f, CONSOLE_LOG, "log"),
				   sock = sink(f, CONSOLE_UNIX, "sock");
	char text[64] = "";
	int a, b;

	assert_int_equal(console_add_sink(f->console, &file, NULL), 0);
	assert_int_equal(console_add_sink(f->console, &log, NULL), 0);
	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	console_write(f->console, "hello ", 6);
	a = attach(f, "sock");
	console_write(f->console, "world", 5);
	b = attach(f, "sock");
	run(f);
	assert_int_equal(recv(a, text, sizeof(text), 0), 11); /* with what came before it */
	assert_memory_equal(text, "hello world", 11);
	assert_int_equal(recv(b, text, sizeof(text), 0), 11);
	assert_int_equal(file_size(f, "out", text, sizeof(text)), 11);
	assert_int_equal(file_size(f, "log", text, sizeof(text)), 11);
	assert_memory_equal(text, "hello world", 11);
	(void)close(a);
	(void)close(b);
}

static void who_does_not_read_is_skipped_and_files_are_not(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config file = sink(f, CONSOLE_FILE, "out"),
				   sock = sink(f, CONSOLE_UNIX, "sock");
	enum { LINES = 100000, LINE = 8 };
	static char got[LINES * LINE + 1];
	size_t n = 0;
	ssize_t len;
	int lazy;

	assert_int_equal(console_add_sink(f->console, &file, NULL), 0);
	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	lazy = attach(f, "sock");
	for (int i = 0; i < LINES; i++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "%07d\n", i);
		console_write(f->console, line, LINE); /* returns although nobody reads */
		if (i % 1000 == 0)
			run(f);
	}
	run(f);
	assert_int_equal(file_size(f, "out", got, sizeof(got)), LINES * LINE);
	for (int i = 0; i < LINES; i++) {
		if (atoi(got + i * LINE) != i)
			fail_msg("line %d of the file is '%.8s'", i, got + i * LINE);
	}
	for (int round = 0; round < 400; round++) {
		while ((len = recv(lazy, got + n, sizeof(got) - n, 0)) > 0)
			n += (size_t)len;
		run(f);
	}
	assert_in_range(n, CONSOLE_RING_BYTES, LINES * LINE - 1); /* lost the middle */
	assert_memory_equal(got + n - LINE, "0099999\n", LINE);   /* but not the end */
	(void)close(lazy);
}

static void input_waits_until_the_device_has_room(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	int fd;

	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	fd = attach(f, "sock");
	f->room = 3;
	assert_int_equal(send(fd, "abcdef", 6, 0), 6);
	run(f);
	assert_int_equal(f->n_input, 3);
	f->room = 10;
	console_input_ready(f->console);
	run(f);
	assert_int_equal(f->n_input, 6);
	assert_memory_equal(f->input, "abcdef", 6);
	assert_int_equal(send(fd, "gh", 2, 0), 2); /* reading goes on */
	run(f);
	assert_memory_equal(f->input, "abcdefgh", 8);
	(void)close(fd);
}

static void clients_are_limited_and_make_room_again(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	int fds[CONSOLE_MAX_CLIENTS], extra;
	char byte;

	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	for (unsigned i = 0; i < CONSOLE_MAX_CLIENTS; i++)
		fds[i] = attach(f, "sock");
	extra = attach(f, "sock");
	assert_int_equal(recv(extra, &byte, 1, 0), 0); /* closed at once */
	(void)close(extra);
	(void)close(fds[0]);
	run(f);
	fds[0] = attach(f, "sock");
	console_write(f->console, "x", 1);
	run(f);
	assert_int_equal(recv(fds[0], &byte, 1, 0), 1);
	for (unsigned i = 0; i < CONSOLE_MAX_CLIENTS; i++)
		(void)close(fds[i]);
	run(f);
}

static void pty_has_a_link_and_works_both_ways(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config pty = sink(f, CONSOLE_PTY, "tty");
	char text[8];
	int fd;

	assert_int_equal(console_add_sink(f->console, &pty, NULL), 0);
	fd = open(pty.path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(fd >= 0);
	console_write(f->console, "out", 3);
	run_until_readable(f, fd);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_int_equal(write(fd, "in\r", 3), 3);
	run_until_input(f, 3);
	assert_memory_equal(f->input, "in\r", 3);
	(void)close(fd);
	console_destroy(f->console);
	f->console = NULL;
	assert_int_equal(access(pty.path, F_OK), -1);
}

static void a_link_that_was_left_is_taken_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config pty = sink(f, CONSOLE_PTY, "tty");
	struct err err = {0};
	char target[64] = "";
	int fd;

	assert_int_equal(symlink("/dev/pts/4095", pty.path), 0); /* of a VM that was killed */
	assert_int_equal(console_add_sink(f->console, &pty, &err), 0);
	assert_true(readlink(pty.path, target, sizeof(target) - 1) > 0);
	assert_string_not_equal(target, "/dev/pts/4095");
	assert_int_equal(unlink(pty.path), 0);
	assert_int_equal(symlink("/etc/passwd", pty.path), 0); /* not ours any more */
	console_destroy(f->console);
	assert_int_equal(console_create(f->ev, "serial", &f->console), 0);
	assert_int_equal(readlink(pty.path, target, sizeof(target)), strlen("/etc/passwd"));
	assert_int_equal(console_add_sink(f->console, &pty, &err), -EEXIST);
	assert_int_equal(unlink(pty.path), 0);
	fd = open(pty.path, O_WRONLY | O_CREAT, 0600);
	(void)close(fd);
	assert_int_equal(console_add_sink(f->console, &pty, &err), -EEXIST);
	assert_int_equal(access(pty.path, F_OK), 0);
}

/* A connection that waits for a descriptor costs a look now and then, not every round. */
static void nothing_spins_without_descriptors(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	char byte;
	int fd;

	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	fd = no_descriptors_connect(sock.path, f->ev);
	console_write(f->console, "x", 1);
	for (int i = 0; i < 10000 && recv(fd, &byte, 1, 0) != 1; i++)
		assert_true(ev_run_once(f->ev, 1) >= 0);
	assert_int_equal(byte, 'x'); /* served once there are some */
	(void)close(fd);
	run(f);
}

static void a_served_socket_is_not_taken_and_a_stale_one_is(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct err err = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, sock.path, sizeof(sock.path));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(console_add_sink(f->console, &sock, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "a running program serves it"));
	(void)close(fd); /* the file stays behind */
	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	(void)close(attach(f, "sock"));
	run(f);
}

static void what_is_no_socket_stays(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	struct err err = {0};
	char text[8] = "";
	int fd = open(sock.path, O_RDWR | O_CREAT, 0600);

	assert_int_equal(write(fd, "mine", 4), 4);
	assert_int_equal(console_add_sink(f->console, &sock, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "something else is there"));
	(void)close(fd);
	fd = open(sock.path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "mine");
	(void)close(fd);
	assert_int_equal(unlink(sock.path), 0);
}

static void a_bad_path_says_which(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config file = sink(f, CONSOLE_FILE, "no/such/file");
	struct err err = {0};

	assert_int_equal(console_add_sink(f->console, &file, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no/such/file"));
}

/* Send a lingering socket to the console, and wait until the connection has ended. */
static void send_odd(struct fixture *f, int fd, int *ret_reader)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char text[256];

	assert_int_equal(odd_socket_send(fd, "x", 1, ret_reader), 1);
	do {
		while (!poll(&pfd, 1, 0))
			assert_true(ev_run_once(f->ev, 10) >= 0);
	} while (recv(fd, text, sizeof(text), 0) > 0);
	(void)close(fd);
}

/* More of them than there may be clients, one while the device takes nothing; where the console
 * waited for one to be closed, this test would, for an hour. */
static void descriptors_of_a_client_hold_nobody(void **state)
{
	struct fixture *f = *state;
	struct console_sink_config sock = sink(f, CONSOLE_UNIX, "sock");
	int readers[3 * CONSOLE_MAX_CLIENTS + 1], n = 0, fd;
	char text[8] = "";

	assert_int_equal(console_add_sink(f->console, &sock, NULL), 0);
	for (; n < 3 * CONSOLE_MAX_CLIENTS; n++)
		send_odd(f, attach(f, "sock"), &readers[n]);
	assert_int_equal(f->n_input, 0);
	f->room = 0;
	fd = attach(f, "sock");
	assert_int_equal(send(fd, "abc", 3, 0), 3);
	run(f);
	assert_int_equal(odd_socket_send(fd, "x", 1, &readers[n++]), 1);
	(void)close(fd);
	fd = attach(f, "sock");
	console_write(f->console, "hello", 5);
	run_until_readable(f, fd);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
	(void)close(fd);
	while (n)
		(void)close(readers[--n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_sinks_see_the_output, setup, teardown),
		cmocka_unit_test_setup_teardown(who_does_not_read_is_skipped_and_files_are_not,
			setup, teardown),
		cmocka_unit_test_setup_teardown(input_waits_until_the_device_has_room, setup,
			teardown),
		cmocka_unit_test_setup_teardown(clients_are_limited_and_make_room_again, setup,
			teardown),
		cmocka_unit_test_setup_teardown(pty_has_a_link_and_works_both_ways, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_link_that_was_left_is_taken_and_nothing_else,
			setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_spins_without_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_served_socket_is_not_taken_and_a_stale_one_is,
			setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors_of_a_client_hold_nobody, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_is_no_socket_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_path_says_which, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
