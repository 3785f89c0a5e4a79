/* Calls that go on: rows, events, and answers that come later, whatever their client does
 * meanwhile. */
#include "ctl_server.h"
#include "ctl_service.h"
#include "ctl_talk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Rows ---- */

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

#define SLOW_PULL                                                                             \
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

/* ---- Pending calls ---- */

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
	assert_int_equal(ctl_service.n_closed, 0); /* it had ended before */
}

static void pending_call_may_fail_later(void **state)
{
	struct err err = {0};
	int fd = dial();

	say(fd, "{\"method\":\"net.weft.test.Wait\",\"parameters\":{\"number\":1}}");
	(void)err_set(&err, -EBUSY, "later");
	ctl_call_finish(ctl_service.calls[0], -EBUSY, NULL, &err);
	check_heard(fd,
		"{\"error\":\"net.weft.test.Busy\",\"parameters\":{\"message\":\"later\"}}\n");
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
	check_served();
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

#define SERVER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, ctl_service_setup, ctl_service_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
