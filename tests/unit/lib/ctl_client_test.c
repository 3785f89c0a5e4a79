/* The client against the server on a thread of its own, and against servers that misbehave. */
#include "ctl_client.h"
#include "ctl_server.h"
#include "ctl_service.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static pthread_t thread;
static struct ctl_client *client;
static struct err err;

static void *serve(void *ctx)
{
	(void)ev_run(ctx);
	return NULL;
}

static void stop_serving(void)
{
	ev_stop(ctl_service.ev);
	ev_wake(ctl_service.ev);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	if (ctl_service_setup(state))
		return -1;
	assert_int_equal(pthread_create(&thread, NULL, serve, ctl_service.ev), 0);
	assert_int_equal(ctl_client_open(ctl_service.path, &ctl_service_interface, 2000, &client,
				 &err),
		0);
	return 0;
}

static int teardown(void **state)
{
	ctl_client_close(client);
	stop_serving();
	return ctl_service_teardown(state);
}

static int call(const char *method, uint32_t number, struct row *out)
{
	struct row in = {0};

	CTL_SET(&in, row, number, number);
	err_clear(&err);
	return ctl_client_call(client, method, &in, out, &err);
}

static void call_gives_the_reply(void **state)
{
	struct row out;

	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(call("Echo", i, &out), 0);
		assert_true(CTL_HAS(&out, row, number));
		assert_int_equal(out.number, i);
	}
	assert_int_equal(call("Echo", 1, NULL), 0);
	assert_int_equal(call("Early", 3, &out), 0);
	assert_int_equal(out.number, 3);
}

static void errors_arrive_whole(void **state)
{
	static const int codes[] = {ENOENT, EEXIST, EINVAL, ERANGE, EBUSY, EACCES, ENOSPC,
		ETIMEDOUT, ENOTSUP, ENOMEM, EADDRINUSE};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(call("Fail", (uint32_t)codes[i], NULL), -codes[i]);
		assert_int_equal(err.code, -codes[i]);
		assert_string_equal(err.field, "number");
		assert_string_equal(err.hint, "another");
		assert_non_null(strstr(err.msg, ": no"));
	}
	assert_int_equal(call("Own", 0, NULL), -EXDEV);
	assert_string_equal(err.name, "OwnError");
	assert_int_equal(call("Echo", 1, NULL), 0);
	assert_int_equal(ctl_client_call(client, "Fail", &(struct row){.set = 1, .number = 2}, NULL,
				 NULL),
		-ENOENT);
}

static void server_checks_what_is_missing(void **state)
{
	assert_int_equal(ctl_client_call(client, "Echo", NULL, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "number");
	assert_string_equal(err.name, "InvalidParameter");
}

static void wrong_kinds_of_call_are_refused_here(void **state)
{
	assert_int_equal(call("Eccho", 1, NULL), -EINVAL);
	assert_int_equal(call("List", 1, NULL), -EINVAL);
	assert_int_equal(ctl_client_rows(client, "Echo", NULL, NULL, NULL, &err), -EINVAL);
	assert_int_equal(call("Echo", 1, NULL), 0);
}

struct counter {
	uint32_t n, stop_at;
};

static int count(void *ctx, const void *row_)
{
	struct counter *counter = ctx;
	const struct row *row = row_;

	if (row->number != counter->n)
		return -EILSEQ;
	counter->n++;
	return counter->n == counter->stop_at ? 1234 : 0;
}

static int rows(const char *method, uint32_t number, const char *text, struct counter *counter)
{
	struct row in = {0};

	CTL_SET(&in, row, number, number);
	CTL_SET_STR(&in, row, text, text);
	err_clear(&err);
	return ctl_client_rows(client, method, &in, count, counter, &err);
}

static void rows_arrive_in_order(void **state)
{
	static const uint32_t numbers[] = {0, 1, 2, 1000};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct counter listed = {0}, pulled = {0};

		assert_int_equal(rows("List", numbers[i], "x", &listed), 0);
		assert_int_equal(listed.n, numbers[i]);
		assert_int_equal(rows("Pull", numbers[i], "x", &pulled), 0);
		assert_int_equal(pulled.n, numbers[i]);
	}
}

static void a_large_table_is_pulled_through(void **state)
{
	struct counter counter = {0};

	assert_int_equal(rows("Pull", 60000, "0123456789012345678901234567890123456789", &counter),
		0);
	assert_int_equal(counter.n, 60000);
}

static void rows_may_end_with_an_error(void **state)
{
	struct counter counter = {0};

	assert_int_equal(rows("Pull", 5, "fail", &counter), -ENOENT);
	assert_int_equal(counter.n, 5);
	assert_string_equal(err.msg, "row: gone");
	assert_int_equal(call("Echo", 1, NULL), 0);
}

static void stopping_early_does_not_spoil_the_next_call(void **state)
{
	struct counter counter = {.stop_at = 3};
	struct row out;

	assert_int_equal(rows("Pull", 100000, "x", &counter), 1234);
	assert_int_equal(counter.n, 3);
	assert_int_equal(call("Echo", 8, &out), 0);
	assert_int_equal(out.number, 8);
}

static void describe_gives_the_text(void **state)
{
	char *text, *want;

	assert_int_equal(ctl_client_describe(client, &text, &err), 0);
	assert_int_equal(ctl_describe(&ctl_service_interface, &want), 0);
	assert_string_equal(text, want);
	free(text);
	free(want);
	assert_int_equal(call("Echo", 1, NULL), 0);
}

static void no_answer_in_time_is_an_error_and_the_next_call_works(void **state)
{
	struct ctl_client *hasty;
	struct row out, in = {.set = 1, .number = 1};

	assert_int_equal(ctl_client_open(ctl_service.path, &ctl_service_interface, 30, &hasty,
				 &err),
		0);
	assert_int_equal(ctl_client_call(hasty, "Wait", &in, &out, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "no answer in 30 ms"));
	/* A busy machine may need longer for an answer that does come. */
	int r = -ETIMEDOUT;
	for (unsigned tries = 0; r == -ETIMEDOUT && tries < 1000; tries++)
		r = ctl_client_call(hasty, "Echo", &in, &out, &err);
	assert_int_equal(r, 0);
	ctl_client_close(hasty);
}

static void restarted_server_is_found_again(void **state)
{
	stop_serving();
	ctl_server_destroy(ctl_service.server);
	assert_true(call("Echo", 1, NULL) < 0);
	assert_int_equal(call("Echo", 1, NULL), -ENOENT);
	assert_non_null(strstr(err.hint, "is it running"));
	assert_int_equal(ctl_server_create(ctl_service.ev, ctl_service.path, &ctl_service_interface,
				 ctl_service_handlers, ctl_service_n_handlers, &ctl_service,
				 &ctl_service.server, &err),
		0);
	assert_int_equal(pthread_create(&thread, NULL, serve, ctl_service.ev), 0);
	assert_int_equal(call("Echo", 1, NULL), 0);
}

/* Events */

static void send_event(void *ctx)
{
	struct row row = {0};

	for (uint32_t i = 0; ctl_service.n_calls && i < 3; i++) {
		CTL_SET(&row, row, number, i);
		(void)ctl_call_send(ctl_service.calls[0], &row);
	}
	if (ctl_service.n_calls && ctx) {
		ctl_call_finish(ctl_service.calls[0], 0, NULL, NULL);
		ctl_service.n_calls = 0;
	}
}

static void events_arrive_until_the_subscription_ends(void **state)
{
	struct counter counter = {0};
	struct ev_source *timer;

	stop_serving();
	assert_int_equal(ev_add_timer(ctl_service.ev, send_event, &ctl_service, &timer), 0);
	ev_timer_set(timer, 20000000, 20000000);
	assert_int_equal(pthread_create(&thread, NULL, serve, ctl_service.ev), 0);
	assert_int_equal(ctl_client_rows(client, "Watch", NULL, count, &counter, &err), 0);
	assert_int_equal(counter.n, 3);
	assert_int_equal(call("Echo", 1, NULL), 0);
}

static void on_alarm(int signo)
{
}

static void signal_ends_the_wait_for_events(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm}, old;
	struct counter counter = {0};
	sigset_t set;

	/* The serving thread shall not take the signal. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	stop_serving();
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, ctl_service.ev), 0);
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	(void)ualarm(50000, 50000);
	assert_int_equal(ctl_client_rows(client, "Watch", NULL, count, &counter, &err), -EINTR);
	(void)ualarm(0, 0);
	(void)sigaction(SIGALRM, &old, NULL);
	assert_int_equal(call("Echo", 1, NULL), 0);
}

/* Opening */

static void wrong_paths_are_explained(void **state)
{
	char path[200] = "/tmp/";
	struct ctl_client *other;

	assert_int_equal(ctl_client_open("/nowhere/s.sock", &ctl_service_interface, 0, &other,
				 &err),
		-ENOENT);
	assert_non_null(strstr(err.msg, "control socket '/nowhere/s.sock': cannot connect"));
	memset(path + 5, 'x', 150);
	assert_int_equal(ctl_client_open(path, &ctl_service_interface, 0, &other, &err),
		-ENAMETOOLONG);
	assert_int_equal(ctl_client_open("/dev/null", &ctl_service_interface, 0, &other, &err),
		-ECONNREFUSED);
}

/* Servers that misbehave: answer with the given bytes, then close. */

struct liar {
	int fd;
	const char *reply;
	size_t len;
};

static void *lie(void *ctx)
{
	struct liar *liar = ctx;
	int fd = accept(liar->fd, NULL, NULL);
	char buf[4096];

	(void)!read(fd, buf, sizeof(buf));
	for (size_t at = 0; at < liar->len;) {
		ssize_t n = send(fd, liar->reply + at, liar->len - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	(void)close(fd);
	return NULL;
}

static int call_liar(const char *reply, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct liar liar = {.reply = reply, .len = len};
	struct row in = {.set = 1, .number = 1}, out;
	struct ctl_client *other;
	pthread_t liar_thread;
	int code;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/liar", ctl_service.folder);
	liar.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(liar.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(liar.fd, 1), 0);
	assert_int_equal(pthread_create(&liar_thread, NULL, lie, &liar), 0);
	assert_int_equal(ctl_client_open(address.sun_path, &ctl_service_interface, 1000, &other,
				 &err),
		0);
	err_clear(&err);
	code = ctl_client_call(other, "Echo", &in, &out, &err);
	ctl_client_close(other);
	assert_int_equal(pthread_join(liar_thread, NULL), 0);
	(void)close(liar.fd);
	(void)unlink(address.sun_path);
	return code;
}

static void lying_servers_are_found_out(void **state)
{
	static const struct {
		const char *reply;
		int code;
	} cases[] = {
		{"{\"parameters\":{\"number\":5}}", 0},
		{"{}", 0},
		{"{\"parameters\":null}", 0},
		{"{\"parameters\":{\"number\":5,\"news\":[1,{}]}}", 0}, /* from a newer program */
		{"", -EPROTO},
		{"nonsense", -EPROTO},
		{"{\"parameters\":5}", -EPROTO},
		{"{\"error\":5}", -EPROTO},
		{"{\"continues\":5}", -EPROTO},
		{"{\"parameters\":{\"number\":\"5\"}}", -EINVAL},
		{"{\"parameters\":{\"text\":\"\"}}", -EINVAL},
		{"{\"error\":\"\"}", -EIO},
		{"{\"error\":\"x.y.NotFound\",\"parameters\":{\"message\":5}}", -ENOENT},
		{"{\"error\":\"org.varlink.service.MethodNotFound\"}", -ENOSYS},
	};
	static char large[CTL_MAX_MESSAGE + 100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = call_liar(cases[i].reply, strlen(cases[i].reply) + 1);

		if (code != cases[i].code || (code && !err.msg[0]))
			fail_msg("'%s' gave %d '%s'", cases[i].reply, code, err.msg);
	}
	assert_int_equal(call_liar("{\"para", 6), -EPIPE);
	assert_non_null(strstr(err.msg, "closed the connection"));
	assert_int_equal(call_liar("", 0), -EPIPE);
	memset(large, ' ', sizeof(large));
	assert_int_equal(call_liar(large, sizeof(large)), -EMSGSIZE);
}

#define CLIENT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(call_gives_the_reply),
		CLIENT_TEST(errors_arrive_whole),
		CLIENT_TEST(server_checks_what_is_missing),
		CLIENT_TEST(wrong_kinds_of_call_are_refused_here),
		CLIENT_TEST(rows_arrive_in_order),
		CLIENT_TEST(a_large_table_is_pulled_through),
		CLIENT_TEST(rows_may_end_with_an_error),
		CLIENT_TEST(stopping_early_does_not_spoil_the_next_call),
		CLIENT_TEST(describe_gives_the_text),
		CLIENT_TEST(no_answer_in_time_is_an_error_and_the_next_call_works),
		CLIENT_TEST(restarted_server_is_found_again),
		CLIENT_TEST(events_arrive_until_the_subscription_ends),
		CLIENT_TEST(signal_ends_the_wait_for_events),
		CLIENT_TEST(wrong_paths_are_explained),
		CLIENT_TEST(lying_servers_are_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
