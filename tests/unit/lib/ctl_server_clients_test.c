/* What clients may take from the server and from each other: connections, memory, time,
 * permissions. */
#include "ctl_server.h"
#include "ctl_service.h"
#include "ctl_talk.h"
#include "odd.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Connections ---- */

static void connections_are_capped_and_slots_come_back(void **state)
{
	int fds[CTL_MAX_CONNECTIONS], extra;

	for (int i = 0; i < CTL_MAX_CONNECTIONS; i++)
		fds[i] = dial();
	extra = dial();
	check_heard_part(extra, "net.weft.test.LimitReached");
	check_heard(extra, "EOF");
	(void)close(extra);
	for (int i = 0; i < CTL_MAX_CONNECTIONS; i++) {
		say(fds[i], ECHO(3));
		check_heard(fds[i], "{\"parameters\":{\"number\":3}}\n");
	}
	(void)close(fds[17]);
	fds[17] = dial();
	say(fds[17], ECHO(4));
	check_heard(fds[17], "{\"parameters\":{\"number\":4}}\n");
	for (int i = 0; i < CTL_MAX_CONNECTIONS; i++)
		(void)close(fds[i]);
}

/* Where the server waited, this test would, for an hour. */
static void descriptors_of_a_client_hold_nobody(void **state)
{
	static const char *const before[] = {"", "{\"method\":", ECHO(1)};
	int fds[CTL_MAX_CONNECTIONS], readers[8], other = dial(), fd;
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		fd = dial();
		if (before[i][0])
			say(fd, before[i]);
		assert_int_equal(odd_socket_send(fd, " ", 1, &readers[n++]), 1);
		say(other, ECHO(2));
		check_heard(other, "{\"parameters\":{\"number\":2}}\n");
		check_heard_part(fd, "EOF");
		(void)close(fd);
	}
	/* One that closes at once, and one that is turned away. */
	fd = dial();
	assert_int_equal(odd_socket_send(fd, " ", 1, &readers[n++]), 1);
	(void)close(fd);
	for (unsigned i = 1; i < CTL_MAX_CONNECTIONS; i++) {
		pump();
		fds[i] = dial();
	}
	fd = dial_only();
	assert_int_equal(odd_socket_send(fd, " ", 1, &readers[n++]), 1);
	check_heard_part(fd, "the most there can be");
	(void)close(fd);
	say(other, ECHO(3));
	check_heard(other, "{\"parameters\":{\"number\":3}}\n");
	for (unsigned i = 1; i < CTL_MAX_CONNECTIONS; i++)
		(void)close(fds[i]);
	(void)close(other);
	while (n)
		(void)close(readers[--n]);
}

/* Until fd was answered or closed, however long the server takes to accept it. */
static void wait_readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	while (!poll(&pfd, 1, 0))
		assert_true(ev_run_once(ctl_service.ev, 10) >= 0);
}

/* However many of those there were, and however long each would wait: the next one is served. */
static void clients_that_send_descriptors_use_up_none(void **state)
{
	int readers[3 * CTL_MAX_CONNECTIONS], other = dial(), fd;

	for (unsigned i = 0; i < 3 * CTL_MAX_CONNECTIONS; i++) {
		fd = dial_only();
		assert_int_equal(odd_socket_send(fd, " ", 1, &readers[i]), 1);
		wait_readable(fd);
		check_heard_part(fd, "EOF");
		(void)close(fd);
		say(other, ECHO(2));
		check_heard(other, "{\"parameters\":{\"number\":2}}\n");
	}
	fd = dial_only();
	(void)send(fd, ECHO(1), sizeof(ECHO(1)), 0);
	wait_readable(fd);
	check_heard_part(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
	(void)close(other);
	for (unsigned i = 0; i < 3 * CTL_MAX_CONNECTIONS; i++)
		(void)close(readers[i]);
}

/* ---- Reading ---- */

static void client_that_does_not_read_is_not_served_further(void **state)
{
	static const char request[] =
		"{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":"
		"2000,\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"\"},\"more\":true}";
	int fd = dial(), other = dial();

	for (int i = 0; i < 50; i++)
		assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
	pump();
	assert_in_range(ctl_service.n_handled, 1, 4);
	say(other, ECHO(6)); /* it holds up itself, nobody else */
	check_heard(other, "{\"parameters\":{\"number\":6}}\n");
	for (int i = 0; i < 200 && ctl_service.n_handled < 51; i++)
		(void)heard(fd);
	assert_int_equal(ctl_service.n_handled, 51);
	(void)close(fd);
	(void)close(other);
}

static void subscriber_that_does_not_read_is_cut_off(void **state)
{
	int fd = dial(), other = dial(), code = 0;
	struct row row = {0};
	size_t n = 0;

	say(fd, "{\"method\":\"net.weft.test.Watch\",\"more\":true}");
	assert_int_equal(ctl_service.n_calls, 1);
	say(other, "{\"method\":\"net.weft.test.Watch\",\"more\":true}");
	assert_int_equal(ctl_service.n_calls, 2);
	memset(row.text, 'x', sizeof(row.text) - 1);
	CTL_MARK(&row, row, text);
	while (!code && n < 10000) {
		code = ctl_call_send(ctl_service.calls[0], &row);
		n++;
	}
	assert_int_equal(code, -EPIPE);
	assert_in_range(n, 4000, 5000);
	assert_int_equal(ctl_service.n_closed, 0); /* never from within ctl_call_send() */
	assert_int_equal(ctl_call_send(ctl_service.calls[0], &row), -EPIPE);
	pump();
	assert_int_equal(ctl_service.n_closed, 1);
	assert_int_equal(ctl_service.n_calls, 1);
	row.text[0] = '\0';
	assert_int_equal(ctl_call_send(ctl_service.calls[0], &row), 0);
	check_heard(other, "{\"parameters\":{\"text\":\"\"},\"continues\":true}\n");
	(void)close(fd);
	(void)close(other);
}

static void rows_beyond_the_backlog_end_the_connection(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":1000000},\"more\":"
		"true}");
	check_heard_part(fd, "EOF");
	(void)close(fd);
	check_served();
}

/* ---- Descriptors of our own ---- */

static void without_descriptors_the_loop_does_not_spin(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n = 0;
	struct rlimit limit, low;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, ECHO(1), sizeof(ECHO(1)), 0), sizeof(ECHO(1)));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 20; i++)
		n += ev_run_once(ctl_service.ev, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_in_range(n, 1, 3);
	for (int i = 0; i < 3000 && !ctl_service.n_handled; i++)
		(void)ev_run_once(ctl_service.ev, 20);
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

/* ---- Permission ---- */

/* Run fn in a child as user nobody; true if it returned true. The parent serves meanwhile. */
static bool as_nobody(bool (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		bool ok = !setgid(65534) && !setuid(65534) && fn();

		_exit(ok ? 0 : 1);
	}
	while (waitpid(pid, &status, WNOHANG) != pid)
		(void)ev_run_once(ctl_service.ev, 5);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool child_calls(const char *method, const char *part)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[512] = "";

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return !strcmp(part, "refused") && errno == EACCES;
	(void)snprintf(text, sizeof(text),
		"{\"method\":\"net.weft.test.%s\",\"parameters\":{\"number\":1}}", method);
	/* The server may have closed already, leaving its reason to be read. */
	(void)!send(fd, text, strlen(text) + 1, MSG_NOSIGNAL);
	text[0] = '\0';
	if (recv(fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	(void)close(fd);
	return strstr(text, part);
}

static bool child_reads(void)
{
	return child_calls("Echo", "{\"number\":1}");
}

static bool child_is_denied_change(void)
{
	return child_calls("Change", "net.weft.test.PermissionDenied");
}

static bool child_is_refused(void)
{
	return child_calls("Echo", "refused");
}

static bool child_gets_half_of_the_connections(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[512] = "";
	int fd = -1;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	for (int i = 0; i <= CTL_MAX_CONNECTIONS / 2; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return false;
	}
	return recv(fd, text, sizeof(text) - 1, 0) > 0 && strstr(text, "LimitReached") &&
	       child_calls("Echo", "LimitReached");
}

static void other_users_may_read_but_not_change(void **state)
{
	if (geteuid())
		skip();
	assert_int_equal(chmod(ctl_service.folder, 0755), 0);
	assert_true(as_nobody(child_is_refused)); /* mode 0660 keeps strangers out */
	assert_int_equal(chmod(ctl_service.path, 0666), 0);
	assert_true(as_nobody(child_reads));
	assert_true(as_nobody(child_is_denied_change));
	assert_int_equal(ctl_service.n_handled, 1);
}

static void other_users_leave_room_for_the_owner(void **state)
{
	if (geteuid())
		skip();
	assert_int_equal(chmod(ctl_service.folder, 0755), 0);
	assert_int_equal(chmod(ctl_service.path, 0666), 0);
	assert_true(as_nobody(child_gets_half_of_the_connections));
	assert_true(as_nobody(child_gets_half_of_the_connections)); /* slots came back */
	check_served();
}

static void own_user_may_change(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Change\",\"parameters\":{\"number\":1}}");
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

#define SERVER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, ctl_service_setup, ctl_service_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(connections_are_capped_and_slots_come_back),
		SERVER_TEST(descriptors_of_a_client_hold_nobody),
		SERVER_TEST(clients_that_send_descriptors_use_up_none),
		SERVER_TEST(client_that_does_not_read_is_not_served_further),
		SERVER_TEST(subscriber_that_does_not_read_is_cut_off),
		SERVER_TEST(rows_beyond_the_backlog_end_the_connection),
		SERVER_TEST(without_descriptors_the_loop_does_not_spin),
		SERVER_TEST(other_users_may_read_but_not_change),
		SERVER_TEST(other_users_leave_room_for_the_owner),
		SERVER_TEST(own_user_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
