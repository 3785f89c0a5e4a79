/* The server as seen by a raw socket: requests of any form, each with its answer. */
#include "ctl_server.h"
#include "ctl_service.h"
#include "ctl_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void request_is_answered(void **state)
{
	check_served();
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
	check_served();
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
		{"{}", "InvalidMessage", "'method' missing"},
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
			"number missing"},
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

		(void)snprintf(want, sizeof(want), "{\"error\":\"net.weft.test.%s\",",
			cases[i].name);
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
	check_served();
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
