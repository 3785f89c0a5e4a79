/* The server as seen by a raw socket: framing, limits, and clients that behave badly. */
#include "ctl_server.h"
#include "ctl_service.h"
#include "odd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ECHO(number) "{\"method\":\"net.weft.test.Echo\",\"parameters\":{\"number\":" #number "}}"

/* Let the server do all that there is to do. */
static void pump(void)
{
	int n = 1;

	for (int i = 0; n > 0 && i < 100000; i++)
		n = ev_run_once(ctl_service.ev, 0);
	assert_int_equal(n, 0);
}

static int dial_only(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int dial(void)
{
	int fd = dial_only();

	pump();
	return fd;
}

static void say_bytes(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EPIPE)
			return;
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		pump();
	}
	pump();
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text) + 1);
}

/* What arrived, NULs made newlines; ends with "EOF" if the server closed. */
static const char *heard(int fd)
{
	static char text[1 << 20];
	size_t len = 0;
	ssize_t n;

	pump();
	while ((n = recv(fd, text + len, sizeof(text) - len - 4, 0)) > 0) {
		len += (size_t)n;
		pump();
	}
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			text[i] = '\n';
	}
	(void)strcpy(text + len, !n || errno == ECONNRESET ? "EOF" : "");
	return text;
}

static void check_heard(int fd, const char *want)
{
	assert_string_equal(heard(fd), want);
}

static void check_heard_part(int fd, const char *part)
{
	const char *text = heard(fd);

	if (!strstr(text, part))
		fail_msg("'%s' has no '%s'", text, part);
}

/* ---- Framing ---- */

static void request_is_answered(void **state)
{
	int fd = dial();

	say(fd, ECHO(7));
	check_heard(fd, "{\"parameters\":{\"number\":7}}\n");
	(void)close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	static const char text[] = ECHO(1) "\0" ECHO(2) "\0" ECHO(3);
	int fd = dial();

	say_bytes(fd, text, sizeof(text));
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n{\"parameters\":{\"number\":2}}\n"
			"{\"parameters\":{\"number\":3}}\n");
	(void)close(fd);
}

static void many_pipelined_requests_take_several_rounds(void **state)
{
	static char text[100 * sizeof(ECHO(1))];
	int fd = dial();

	for (int i = 0; i < 100; i++)
		memcpy(text + i * sizeof(ECHO(1)), ECHO(1), sizeof(ECHO(1)));
	assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
	assert_int_equal(ev_run_once(ctl_service.ev, 0), 1);
	assert_in_range(ctl_service.n_handled, 1, 50);
	(void)heard(fd);
	assert_int_equal(ctl_service.n_handled, 100);
	(void)close(fd);
}

static void requests_may_come_byte_by_byte(void **state)
{
	static const char text[] = ECHO(9) "\0" ECHO(8);
	int fd = dial();

	for (size_t i = 0; i < sizeof(text); i++)
		say_bytes(fd, text + i, 1);
	check_heard(fd, "{\"parameters\":{\"number\":9}}\n{\"parameters\":{\"number\":8}}\n");
	(void)close(fd);
}

static void half_a_message_then_close_leaves_nothing(void **state)
{
	for (int i = 0; i < 3 * CTL_MAX_CONNECTIONS; i++) {
		int fd = dial();

		say_bytes(fd, ECHO(1), 20);
		(void)close(fd);
		pump();
	}
	request_is_answered(state);
	assert_int_equal(ctl_service.n_handled, 1);
}

static void client_that_shuts_its_side_still_reads_the_answer(void **state)
{
	int fd = dial();

	assert_true(send(fd, ECHO(1) "\0" ECHO(2), sizeof(ECHO(1)) + sizeof(ECHO(2)), 0) > 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n{\"parameters\":{\"number\":2}}\nEOF");
	(void)close(fd);
}

static void what_was_sent_before_a_close_counts(void **state)
{
	int fd = dial();

	assert_true(send(fd, ECHO(1) "\0" ECHO(2), sizeof(ECHO(1)) + sizeof(ECHO(2)), 0) > 0);
	(void)close(fd);
	pump();
	assert_int_equal(ctl_service.n_handled, 2);
}

static void oneway_gets_no_answer(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Echo\",\"parameters\":{\"number\":1},\"oneway\":"
		"true}");
	say(fd, "{\"method\":\"net.weft.test.Fail\",\"parameters\":{\"number\":1},\"oneway\":"
		"true}");
	say(fd, "{\"method\":\"net.weft.test.Echo\",\"parameters\":{},\"oneway\":true}");
	say(fd, "{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":3},\"oneway\":"
		"true}");
	say(fd, "{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":3},\"oneway\":"
		"true}");
	check_heard(fd, "");
	assert_int_equal(ctl_service.n_handled, 2);
	assert_int_equal(ctl_service.n_pull_done, 1);
	say(fd, ECHO(5));
	check_heard(fd, "{\"parameters\":{\"number\":5}}\n");
	(void)close(fd);
}

static void wrong_messages_get_an_answer_and_the_next_is_served(void **state)
{
	static const struct {
		const char *text, *name, *msg;
	} cases[] = {
		{"", "InvalidMessage", "not JSON"},
		{"hello", "InvalidMessage", "not JSON"},
		{"[]", "InvalidMessage", "not a JSON object"},
		{"{}", "InvalidMessage", "'method' is missing"},
		{"{\"method\":1}", "InvalidMessage", "'method' is not a string"},
		{"{\"method\":null}", "InvalidMessage", "'method' is not a string"},
		{"{\"method\":\"net.weft.test.Echo\",\"parameters\":[]}", "InvalidMessage",
			"'parameters' is not an object"},
		{"{\"method\":\"net.weft.test.Echo\",\"more\":1}", "InvalidMessage",
			"'more' is not a boolean"},
		{"{\"method\":\"net.weft.test.Echo\",\"upgrade\":true}", "InvalidMessage",
			"upgraded"},
		{"{\"method\":\"net.weft.test.Echo\",\"id\":1}", "InvalidMessage",
			"'id' is not a member"},
		{"{\"method\":\"net.weft.test.Echo\",\"method\":\"x\"}", "InvalidMessage",
			"duplicate"},
		{"{\"method\":\"net.weft.test.Eco\"}", "MethodNotFound",
			"\"hint\":\"did you mean 'Echo'?\""},
		{"{\"method\":\"net.weft.test.Reboot\"}", "MethodNotFound",
			"net.weft.test.Describe lists the methods"},
		{"{\"method\":\"net.weft.other.Echo\"}", "MethodNotFound",
			"is not of interface net.weft.test"},
		{"{\"method\":\"net.weft.tes\"}", "MethodNotFound", "is not of interface"},
		{"{\"method\":\"net.weft.test\"}", "MethodNotFound", "is not of interface"},
		{"{\"method\":\"\"}", "MethodNotFound", "is not of interface"},
		{"{\"method\":\"net.weft.test.Echo\"}", "InvalidParameter", "\"field\":\"number\""},
		{"{\"method\":\"net.weft.test.Echo\",\"parameters\":null}", "InvalidParameter",
			"number: is missing"},
		{"{\"method\":\"net.weft.test.Echo\",\"parameters\":{\"number\":-1}}", "OutOfRange",
			"-1 is not in 0..4294967295"},
		{"{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":1}}",
			"InvalidParameter", "answers with many replies"},
		{"{\"method\":\"net.weft.test.Broken\"}", "InvalidParameter", "cannot be encoded"},
		{"{\"method\":\"net.weft.test.Fail\",\"parameters\":{\"number\":2}}", "NotFound",
			"\"field\":\"number\",\"message\":\"row 2: no\",\"hint\":\"another\""},
		{"{\"method\":\"net.weft.test.Own\",\"parameters\":{\"number\":2}}", "OwnError",
			"own"},
		{"{{{{{{{{{{{{{{{{{{{{", "InvalidMessage", "deeper than 8"},
	};
	int fd = dial();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[128];
		const char *text;

		(void)snprintf(
			want, sizeof(want), "{\"error\":\"net.weft.test.%s\",", cases[i].name);
		say(fd, cases[i].text);
		text = heard(fd);
		if (strncmp(text, want, strlen(want)) || !strstr(text, cases[i].msg))
			fail_msg("'%s' gave %s", cases[i].text, text);
	}
	say(fd, ECHO(1));
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

static void describe_gives_the_text(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Describe\"}");
	check_heard_part(fd, "method Echo(");
	(void)close(fd);
}

/* ---- Limits ---- */

static void message_at_the_limit_is_read_and_one_over_it_ends_the_connection(void **state)
{
	char *text = malloc(CTL_MAX_MESSAGE + 2);
	int fd = dial();

	assert_non_null(text);
	memset(text, ' ', CTL_MAX_MESSAGE + 2);
	memcpy(text, ECHO(1), sizeof(ECHO(1)) - 1);
	text[CTL_MAX_MESSAGE] = '\0';
	say_bytes(fd, text, CTL_MAX_MESSAGE + 1);
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	text[CTL_MAX_MESSAGE] = ' ';
	say_bytes(fd, text, CTL_MAX_MESSAGE + 2);
	check_heard(fd, "{\"error\":\"net.weft.test.MessageTooLong\",\"parameters\":{\"message\":"
			"\"message: has more than 131072 bytes\"}}\nEOF");
	(void)close(fd);
	free(text);
	request_is_answered(state);
}

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
	say(other, ECHO(6)); // it holds up itself, nobody else
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
	assert_int_equal(ctl_service.n_closed, 0); // never from within ctl_call_send()
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
	request_is_answered(state);
}

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
	for (int i = 0; i < 50 && !ctl_service.n_handled; i++)
		(void)ev_run_once(ctl_service.ev, 20);
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

/* ---- Rows, events, pending calls ---- */

static void rows_continue_until_the_last(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":2},\"more\":true}");
	check_heard(fd, "{\"parameters\":{\"number\":0,\"text\":\"\"},\"continues\":true}\n"
			"{\"parameters\":{\"number\":1,\"text\":\"\"},\"continues\":true}\n"
			"{\"parameters\":{}}\n");
	say(fd, "{\"method\":\"net.weft.test.List\",\"parameters\":{\"number\":0},\"more\":true}");
	check_heard(fd, "{\"parameters\":{}}\n");
	(void)close(fd);
}

static void pulled_rows_wait_for_the_reader(void **state)
{
	unsigned n_rows = 0;
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":50000},\"more\":"
		"true}");
	assert_in_range(ctl_service.n_pulled, 500, 20000);
	assert_int_equal(ctl_service.n_pull_done, 0);
	for (const char *text = heard(fd); *text; text = heard(fd)) {
		for (; (text = strchr(text, '\n')); text++)
			n_rows++;
		if (n_rows > 50000)
			break;
	}
	assert_int_equal(n_rows, 50001);
	assert_int_equal(ctl_service.n_pulled, 50000);
	assert_int_equal(ctl_service.n_pull_done, 1);
	say(fd, ECHO(1));
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

static void pulling_ends_when_the_client_goes(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":50000},\"more\":"
		"true}");
	(void)close(fd);
	pump();
	assert_int_equal(ctl_service.n_pull_done, 1);
	assert_in_range(ctl_service.n_pulled, 500, 20000);
}

static void pulling_may_fail_after_rows(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":1,\"text\":\"fail\"}"
		","
		"\"more\":true}");
	check_heard(fd, "{\"parameters\":{\"number\":0,\"text\":\"fail\"},\"continues\":true}\n"
			"{\"error\":\"net.weft.test.NotFound\",\"parameters\":{\"message\":\"row: "
			"gone\"}}\n");
	assert_int_equal(ctl_service.n_pull_done, 1);
	(void)close(fd);
}

#define SLOW_PULL                                                                          \
	"{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":2,\"text\":\"slow\"}," \
	"\"more\":true}"

/* Between two rows that take long to find, others are served. */
static void pulling_may_take_its_time(void **state)
{
	int fd = dial(), other = dial();

	say(fd, SLOW_PULL);
	check_heard(fd, "{\"parameters\":{\"number\":0,\"text\":\"slow\"},\"continues\":true}\n"
			"{\"parameters\":{\"number\":1,\"text\":\"slow\"},\"continues\":true}\n"
			"{\"parameters\":{}}\n");
	assert_int_equal(ctl_service.n_pull_done, 1);
	assert_int_equal(write(fd, SLOW_PULL, sizeof(SLOW_PULL)), sizeof(SLOW_PULL));
	(void)ev_run_once(ctl_service.ev, 100);
	assert_int_equal(write(other, ECHO(1), sizeof(ECHO(1))), sizeof(ECHO(1)));
	(void)ev_run_once(ctl_service.ev, 100);
	(void)ev_run_once(ctl_service.ev, 100);
	assert_int_equal(ctl_service.n_handled, 1);
	assert_int_equal(ctl_service.n_pull_done, 1);
	(void)close(fd);
	(void)close(other);
	pump();
	assert_int_equal(ctl_service.n_pull_done, 2);
}

static void pending_call_is_answered_later_and_holds_the_next(void **state)
{
	static const char text[] =
		"{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}\0" ECHO(2);
	struct row row = {0};
	int fd = dial();

	say_bytes(fd, text, sizeof(text));
	check_heard(fd, "");
	assert_int_equal(ctl_service.n_handled, 0);
	CTL_SET(&row, row, number, 77);
	ctl_call_finish(ctl_service.calls[0], 0, &row, NULL);
	check_heard(fd, "{\"parameters\":{\"number\":77}}\n{\"parameters\":{\"number\":2}}\n");
	(void)close(fd);
	pump();
	assert_int_equal(ctl_service.n_closed, 0); // it had ended before
}

static void pending_call_may_fail_later(void **state)
{
	struct err err = {0};
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
	(void)err_set(&err, -EBUSY, "later");
	ctl_call_finish(ctl_service.calls[0], -EBUSY, NULL, &err);
	check_heard(
		fd, "{\"error\":\"net.weft.test.Busy\",\"parameters\":{\"message\":\"later\"}}\n");
	say(fd, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
	ctl_call_finish(ctl_service.calls[1], -EBUSY, NULL, NULL);
	check_heard_part(fd, "\"Device or resource busy\"");
	(void)close(fd);
}

static void half_closed_client_still_gets_the_late_answer(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	check_heard(fd, "");
	assert_int_equal(ctl_service.n_closed, 0);
	ctl_call_finish(ctl_service.calls[0], 0, &(struct row){0}, NULL);
	check_heard(fd, "{\"parameters\":{}}\nEOF");
	(void)close(fd);
}

static void on_close_runs_once_when_the_client_goes(void **state)
{
	for (int finish = 0; finish < 2; finish++) {
		int fd = dial();

		ctl_service.finish_on_close = finish;
		say(fd, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
		(void)close(fd);
		pump();
		assert_int_equal(ctl_service.n_closed, finish + 1);
		assert_int_equal(ctl_service.n_calls, 0);
	}
}

static void call_without_on_close_outlives_its_client(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Orphan\",\"parameters\":{\"number\":1}}");
	(void)close(fd);
	pump();
	assert_int_equal(ctl_call_send(ctl_service.calls[0], &(struct row){0}), -EPIPE);
	ctl_call_finish(ctl_service.calls[0], 0, &(struct row){0}, NULL);
	request_is_answered(state);
}

static void call_finished_within_its_handler(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Early\",\"parameters\":{\"number\":4}}");
	check_heard(fd, "{\"parameters\":{\"number\":4}}\n");
	say(fd, ECHO(1));
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
}

static void server_ends_with_calls_in_every_state(void **state)
{
	int waiting = dial(), orphan = dial(), gone = dial(), pulling = dial(), half = dial();

	say(waiting, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
	say(orphan, "{\"method\":\"net.weft.test.Orphan\",\"parameters\":{\"number\":1}}");
	say(gone, "{\"method\":\"net.weft.test.Orphan\",\"parameters\":{\"number\":1}}");
	say(pulling, "{\"method\":\"net.weft.test.Pull\",\"parameters\":{\"number\":99999},"
		     "\"more\":true}");
	say_bytes(half, ECHO(1), 10);
	(void)close(gone);
	pump();
	ctl_server_destroy(ctl_service.server);
	ctl_service.server = NULL;
	assert_int_equal(ctl_service.n_closed, 1);
	assert_int_equal(ctl_service.n_pull_done, 1);
	check_heard(waiting, "EOF");
	assert_int_equal(access(ctl_service.path, F_OK), -1);
	(void)close(waiting);
	(void)close(orphan);
	(void)close(pulling);
	(void)close(half);
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
	// The server may have closed already, leaving its reason to be read.
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
	assert_true(as_nobody(child_is_refused)); // mode 0660 keeps strangers out
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
	assert_true(as_nobody(child_gets_half_of_the_connections)); // slots came back
	request_is_answered(state);
}

static void own_user_may_change(void **state)
{
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Change\",\"parameters\":{\"number\":1}}");
	check_heard(fd, "{\"parameters\":{\"number\":1}}\n");
	(void)close(fd);
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

#define SERVER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, ctl_service_setup, ctl_service_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(request_is_answered),
		SERVER_TEST(pipelined_requests_are_answered_in_order),
		SERVER_TEST(many_pipelined_requests_take_several_rounds),
		SERVER_TEST(requests_may_come_byte_by_byte),
		SERVER_TEST(half_a_message_then_close_leaves_nothing),
		SERVER_TEST(client_that_shuts_its_side_still_reads_the_answer),
		SERVER_TEST(what_was_sent_before_a_close_counts),
		SERVER_TEST(oneway_gets_no_answer),
		SERVER_TEST(wrong_messages_get_an_answer_and_the_next_is_served),
		SERVER_TEST(describe_gives_the_text),
		SERVER_TEST(message_at_the_limit_is_read_and_one_over_it_ends_the_connection),
		SERVER_TEST(connections_are_capped_and_slots_come_back),
		SERVER_TEST(descriptors_of_a_client_hold_nobody),
		SERVER_TEST(clients_that_send_descriptors_use_up_none),
		SERVER_TEST(client_that_does_not_read_is_not_served_further),
		SERVER_TEST(subscriber_that_does_not_read_is_cut_off),
		SERVER_TEST(rows_beyond_the_backlog_end_the_connection),
		SERVER_TEST(without_descriptors_the_loop_does_not_spin),
		SERVER_TEST(rows_continue_until_the_last),
		SERVER_TEST(pulled_rows_wait_for_the_reader),
		SERVER_TEST(pulling_ends_when_the_client_goes),
		SERVER_TEST(pulling_may_fail_after_rows),
		SERVER_TEST(pulling_may_take_its_time),
		SERVER_TEST(pending_call_is_answered_later_and_holds_the_next),
		SERVER_TEST(pending_call_may_fail_later),
		SERVER_TEST(half_closed_client_still_gets_the_late_answer),
		SERVER_TEST(on_close_runs_once_when_the_client_goes),
		SERVER_TEST(call_without_on_close_outlives_its_client),
		SERVER_TEST(call_finished_within_its_handler),
		SERVER_TEST(server_ends_with_calls_in_every_state),
		SERVER_TEST(other_users_may_read_but_not_change),
		SERVER_TEST(other_users_leave_room_for_the_owner),
		SERVER_TEST(own_user_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
