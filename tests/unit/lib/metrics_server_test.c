/* Metrics by HTTP, for clients that behave and for those that do not. */
#include "metrics_server.h"

#include "odd.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define REQUEST "GET /metrics HTTP/1.1\r\nHost: test\r\n"
#define END     "\r\n"
#define ACCEPT  "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n"

/* More than any socket holds. */
#define N_MANY 200000

#define ITEM_FIELDS(F, T)                                      \
	F(T, U64, id, OPT, 0, UINT64_MAX, "", "id", CTL_LABEL) \
	F(T, U64, sum, OPT, 0, UINT64_MAX, "", "sum", CTL_COUNTER)
CTL_STRUCT(item, ITEM_FIELDS);
CTL_SCHEMA(item, ITEM_FIELDS);

static struct {
	struct ev *ev;
	struct metrics_server *server;
	struct metrics metrics;
	struct metrics_address address;
	char folder[64];
	uint64_t n_items;
	uint64_t n_asked; /* rows that were made */
} rig;

/* A second of the server's timer takes so much less. */
static unsigned times_faster = 1;

void __real_ev_timer_set(struct ev_source *source, uint64_t delay_ns, uint64_t interval_ns);
void __wrap_ev_timer_set(struct ev_source *source, uint64_t delay_ns, uint64_t interval_ns);

void __wrap_ev_timer_set(struct ev_source *source, uint64_t delay_ns, uint64_t interval_ns)
{
	__real_ev_timer_set(source, delay_ns / times_faster, interval_ns / times_faster);
}

static bool next_item(void *ctx, uint64_t *at, void *out)
{
	struct item *row = out;

	(void)ctx;
	if (*at == rig.n_items)
		return false;
	rig.n_asked++;
	CTL_SET(row, item, id, *at);
	CTL_SET(row, item, sum, 1);
	++*at;
	return true;
}

static const struct metrics_group items = {"x", NULL, &item_schema, next_item};

static void listen_at(const char *address)
{
	struct err err = {0};

	assert_int_equal(metrics_address_parse(address, &rig.address, &err), 0);
	assert_int_equal(metrics_server_create(rig.ev, &rig.address, &rig.metrics, &rig.server,
				 &err),
		0);
}

static int setup(void **state)
{
	char text[128];

	(void)state;
	times_faster = 1;
	rig.n_items = 1;
	rig.n_asked = 0;
	rig.metrics = (struct metrics){.groups = &items, .n_groups = 1};
	(void)snprintf(rig.folder, sizeof(rig.folder), "/tmp/weft-metrics-XXXXXX");
	assert_non_null(mkdtemp(rig.folder));
	assert_int_equal(ev_create(&rig.ev), 0);
	(void)snprintf(text, sizeof(text), "unix:%s/m.sock", rig.folder);
	listen_at(text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	metrics_server_destroy(rig.server);
	ev_destroy(rig.ev);
	/* Its socket is gone. */
	assert_int_equal(rmdir(rig.folder), 0);
	return 0;
}

static int connect_client(void)
{
	const struct sockaddr *address = &rig.address.tcp.any;
	struct sockaddr_un un;
	socklen_t size = sizeof(rig.address.tcp);
	int fd;

	if (rig.address.path[0]) {
		assert_int_equal(unix_address(rig.address.path, &un), 0);
		address = (const struct sockaddr *)&un;
		size = sizeof(un);
	}
	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, address, size), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void run_rounds(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_true(ev_run_once(rig.ev, 0) >= 0);
}

/* What the server sends until it ends the connection; text (owned). */
static char *read_all(int fd)
{
	size_t len = 0, size = 65536;
	char *text = malloc(size);

	for (;;) {
		ssize_t n;

		assert_non_null(text);
		n = recv(fd, text + len, size - len - 1, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			assert_true(ev_run_once(rig.ev, 10) >= 0);
			continue;
		}
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len + 1 == size)
			text = realloc(text, size *= 2);
	}
	text[len] = '\0';
	(void)close(fd);
	return text;
}

static char *ask(const char *request)
{
	int fd = connect_client();

	send_text(fd, request);
	return read_all(fd);
}

static void check_begins(const char *text, const char *begin)
{
	if (strncmp(text, begin, strlen(begin)))
		fail_msg("'%.80s' does not begin with '%s'", text, begin);
}

/* A good client gets its whole answer, whatever others do. */
static void check_served(void)
{
	char *text = ask(REQUEST END);

	check_begins(text, "HTTP/1.1 200 OK\r\n");
	assert_non_null(strstr(text, "# EOF\n"));
	free(text);
}

static unsigned count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void the_format_is_what_the_client_accepts(void **state)
{
	char *text = ask(REQUEST ACCEPT END);

	check_begins(text, "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; "
			   "version=1.0.0; charset=utf-8\r\n");
	assert_string_equal(strstr(text, "\r\n\r\n") + 4,
		"# TYPE x_sum counter\n# HELP x_sum sum\nx_sum_total{id=\"0\"} 1\n# EOF\n");
	free(text);
	text = ask(REQUEST END);
	check_begins(text,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_non_null(strstr(text, "# TYPE x_sum_total counter\n"));
	free(text);
}

static void an_answer_of_any_length_arrives_whole(void **state)
{
	char *text, *last;

	rig.n_items = N_MANY;
	text = ask(REQUEST END);
	assert_int_equal(rig.n_asked, N_MANY);
	last = strstr(text, "x_sum_total{id=\"199999\"} 1\n# EOF\n");
	assert_non_null(last);
	assert_string_equal(strchr(last, '\n') + 1, "# EOF\n");
	free(text);
}

static void a_request_may_come_in_pieces(void **state)
{
	const char *request = REQUEST ACCEPT END;
	int fd = connect_client();
	char *text;

	for (const char *c = request; *c; c++) {
		assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
		run_rounds(2);
	}
	text = read_all(fd);
	check_begins(text, "HTTP/1.1 200 OK\r\n");
	free(text);
}

static void everything_else_is_refused(void **state)
{
	static char large[METRICS_SERVER_REQUEST + 100];
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		{"GET /metrics/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		{"PUT /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n"},
		{"PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
		{"hello\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{large, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
	};

	memset(large, 'a', sizeof(large) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = ask(cases[i].request);

		check_begins(text, cases[i].answer);
		assert_int_equal(rig.n_asked, 0);
		free(text);
	}
}

static void of_too_many_clients_the_oldest_goes(void **state)
{
	unsigned n_before = count_files(), n = 4 * METRICS_SERVER_CONNS;
	int fds[4 * METRICS_SERVER_CONNS];
	char byte;

	for (unsigned i = 0; i < n; i++) {
		fds[i] = connect_client();
		run_rounds(3);
	}
	/* Both ends of each are ours. */
	assert_in_range(count_files(), n, n_before + n + METRICS_SERVER_CONNS + 2);
	check_served();
	for (unsigned i = 0; i < n - METRICS_SERVER_CONNS; i++)
		assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fds[n - 1], &byte, 1, MSG_DONTWAIT), -1);
	for (unsigned i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void who_does_not_read_costs_no_more(void **state)
{
	int fd = connect_client();
	uint64_t n_asked;

	rig.n_items = N_MANY;
	send_text(fd, REQUEST END);
	do {
		n_asked = rig.n_asked;
		run_rounds(1000);
	} while (rig.n_asked != n_asked);
	assert_in_range(n_asked, 1, N_MANY - 1);
	check_served();
	(void)close(fd);
	run_rounds(10);
	rig.n_items = 1;
	check_served();
}

static void who_takes_too_long_is_cut_off(void **state)
{
	int silent, deaf;
	char *text;

	times_faster = 1000;
	rig.n_items = N_MANY;
	silent = connect_client();
	deaf = connect_client();
	send_text(silent, "GET /me");
	send_text(deaf, REQUEST END);
	text = read_all(silent);
	assert_string_equal(text, "");
	free(text);
	/* What the socket holds is there, and then the end, before that of the answer. */
	while (rig.n_asked == 0)
		run_rounds(1);
	for (unsigned i = 0; i < 100 * METRICS_SERVER_LIFE; i++)
		assert_true(ev_run_once(rig.ev, 1) >= 0);
	text = read_all(deaf);
	assert_null(strstr(text, "# EOF\n"));
	free(text);
}

static void descriptors_end_the_connection_and_hold_nobody(void **state)
{
	int fd = connect_client(), reader;
	char *text;

	assert_int_equal(odd_socket_send(fd, "G", 1, &reader), 1);
	text = read_all(fd);
	assert_string_equal(text, "");
	free(text);
	check_served();
	(void)close(reader);
}

static void tcp_is_served_as_well(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "[::1]"};

	for (unsigned i = 0; i < 2; i++) {
		struct metrics_address any;
		struct metrics_server *other;
		socklen_t size = sizeof(any.tcp);
		struct err err = {0};
		char text[64];
		int fd;

		/* A port that nobody has. */
		(void)snprintf(text, sizeof(text), "%s:1", hosts[i]);
		assert_int_equal(metrics_address_parse(text, &any, &err), 0);
		any.tcp.in.sin_port = 0; /* where IPv6 has it as well */
		fd = socket(any.tcp.any.sa_family, SOCK_STREAM, 0);
		if (fd < 0 || bind(fd, &any.tcp.any, size) < 0) {
			(void)close(fd);
			continue; /* no such addresses here */
		}
		assert_int_equal(getsockname(fd, &any.tcp.any, &size), 0);
		(void)snprintf(text, sizeof(text), "%s:%u", hosts[i], ntohs(any.tcp.in.sin_port));
		(void)close(fd);
		metrics_server_destroy(rig.server);
		listen_at(text);
		check_served();
		assert_int_equal(metrics_server_create(rig.ev, &rig.address, &rig.metrics, &other,
					 &err),
			-EADDRINUSE);
		assert_non_null(strstr(err.msg, text));
	}
}

static void addresses_are_of_this_host(void **state)
{
	static char too_long[] = "unix:/a-path/of-much-more-bytes/than-a-Unix-socket/can-have/"
				 "whatever-one-thinks/that-should-be-enough-by-now-or-is-it/no";
	static const char *const good[] = {
		"unix:/run/m", "unix:m", "127.0.0.1:9100", "127.1.2.3:65535", "[::1]:1"};
	static const char *const bad[] = {"", "unix:", "/run/m", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:0x10", "127.0.0.1:1x",
		"127.0.0.1:-1", ":9100", "9100", "localhost:9100", "0.0.0.0:9100", "192.0.2.1:9100",
		"[::]:9100", "::1:9100", "[::1]", "[::1", "[]:1", "[fe80::1]:1", too_long};
	struct metrics_address address;
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		err_clear(&err);
		if (metrics_address_parse(good[i], &address, &err))
			fail_msg("'%s': %s", good[i], err.msg);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		if (metrics_address_parse(bad[i], &address, &err) != -EINVAL)
			fail_msg("'%s' is accepted", bad[i]);
		assert_true(err.msg[0] && err.hint[0]);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_format_is_what_the_client_accepts),
		CASE(an_answer_of_any_length_arrives_whole),
		CASE(a_request_may_come_in_pieces),
		CASE(everything_else_is_refused),
		CASE(of_too_many_clients_the_oldest_goes),
		CASE(who_does_not_read_costs_no_more),
		CASE(who_takes_too_long_is_cut_off),
		CASE(descriptors_end_the_connection_and_hold_nobody),
		CASE(tcp_is_served_as_well),
		cmocka_unit_test(addresses_are_of_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
