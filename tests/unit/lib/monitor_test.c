/* Events reach who listens, numbered; who does not read loses some, and is told how many. */
#include "monitor.h"

#include "ctl_client.h"
#include "ctl_json.h"
#include "ctl_server.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	struct ev *ev;
	struct ctl_server *server;
	struct monitor monitor;
	char folder[64], path[100];
} rig;

static int serve(struct ctl_call *call, void *ctx, const void *in, void *out, struct err *err)
{
	return monitor_subscribe(ctx, call) < 0 ? err_set(err, -ENOSPC, "full") : CTL_PENDING;
}

static const struct ctl_method methods[] = {{"Monitor", CTL_READ, CTL_STABLE, CTL_EVENTS,
	&ctl_empty_schema, &ctl_event_schema, "report"}};
static const struct ctl_interface iface = {
	.name = "net.weft.test", .help = "test", .methods = methods, .n_methods = 1};

static int setup(void **state)
{
	static const struct ctl_handler handlers[] = {{"Monitor", serve}};

	(void)state;
	(void)snprintf(rig.folder, sizeof(rig.folder), "/tmp/weft-monitor-XXXXXX");
	assert_non_null(mkdtemp(rig.folder));
	(void)snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.folder);
	assert_int_equal(ev_create(&rig.ev), 0);
	monitor_init(&rig.monitor);
	assert_int_equal(ctl_server_create(rig.ev, rig.path, &iface, handlers, 1, &rig.monitor,
				 &rig.server, NULL),
		0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	monitor_done(&rig.monitor);
	ctl_server_destroy(rig.server);
	ev_destroy(rig.ev);
	assert_int_equal(rmdir(rig.folder), 0);
	return 0;
}

static void run(void)
{
	for (unsigned i = 0; i < 20; i++)
		assert_true(ev_run_once(rig.ev, 0) >= 0);
}

/* A reader; it subscribed. */
static int listen_in(void)
{
	static const char request[] = "{\"method\":\"net.weft.test.Monitor\",\"more\":true}";
	struct sockaddr_un address;
	unsigned n = rig.monitor.n_readers;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.path);
	address.sun_family = AF_UNIX;
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
	while (rig.monitor.n_readers == n)
		run();
	return fd;
}

/* The next event. False: none is there. */
static bool hear(int fd, struct ctl_event *ret_event)
{
	static char text[4096];
	struct err err = {0};
	json_t *json;
	size_t len = 0;

	run();
	do {
		if (recv(fd, text + len, 1, MSG_DONTWAIT) != 1) {
			assert_int_equal(len, 0);
			return false;
		}
		assert_true(len < sizeof(text) - 1);
	} while (text[len++]);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	if (ctl_json_decode(&ctl_event_schema, json_object_get(json, "parameters"), false,
		    ret_event, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	json_decref(json);
	return true;
}

static void report(unsigned n)
{
	static char detail[250];

	memset(detail, 'x', sizeof(detail) - 1);
	for (unsigned i = 0; i < n; i++)
		monitor_report(&rig.monitor, "port", "p", "changed", detail);
}

static void events_are_numbered(void **state)
{
	struct ctl_event event;
	int early = listen_in(), late;

	report(1);
	late = listen_in();
	report(2);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(hear(early, &event));
		assert_int_equal(event.seq, i);
		assert_string_equal(event.object, "port");
		assert_false(CTL_HAS(&event, ctl_event, lost));
		if (i == 1)
			continue;
		/* What was before it listened it has not lost. */
		assert_true(hear(late, &event));
		assert_int_equal(event.seq, i);
	}
	assert_false(hear(early, &event));
	assert_false(hear(late, &event));
	(void)close(early);
	(void)close(late);
	run();
	assert_int_equal(rig.monitor.n_readers, 0);
	report(1);
}

static void who_does_not_read_loses_events_and_is_told(void **state)
{
	struct ctl_event event;
	int slow = listen_in(), quick = listen_in();
	uint64_t last = 0, n_lost = 0, n_gaps = 0;

	for (unsigned i = 0; i < 10000; i++) {
		report(1);
		assert_true(hear(quick, &event));
		assert_int_equal(event.seq, i + 1);
	}
	/* However little it reads, it is not cut off, and what waits for it is bounded. */
	assert_int_equal(rig.monitor.n_readers, 2);
	for (unsigned i = 0; i < rig.monitor.n_readers; i++)
		assert_in_range(ctl_call_backlog(rig.monitor.readers[i].call), 0,
			MONITOR_MAX_BACKLOG + 1000);
	while (hear(slow, &event) || last != rig.monitor.n_events) {
		if (event.seq == last) {
			monitor_tick(&rig.monitor); /* tells of the last ones, too */
			continue;
		}
		if (CTL_HAS(&event, ctl_event, lost)) {
			assert_string_equal(event.object, "monitor");
			assert_string_equal(event.event, "lost");
			n_lost += event.lost;
			n_gaps++;
		}
		assert_int_equal(event.seq,
			last + (CTL_HAS(&event, ctl_event, lost) ? event.lost : 1));
		last = event.seq;
	}
	assert_in_range(n_lost, 1, 9999);
	assert_in_range(n_gaps, 1, n_lost);
	/* And all is well again. */
	report(1);
	assert_true(hear(slow, &event));
	assert_int_equal(event.seq, 10001);
	(void)close(slow);
	(void)close(quick);
}

static void traffic_makes_so_many_events_a_second(void **state)
{
	struct ctl_event event;
	int fd = listen_in();

	for (unsigned i = 0; i < 3 * MONITOR_TRAFFIC_PER_S; i++) {
		struct ctl_event moved = {0};

		CTL_SET_STR(&moved, ctl_event, object, "fdb");
		CTL_SET_STR(&moved, ctl_event, event, "moved");
		monitor_report_traffic(&rig.monitor, &moved);
	}
	for (unsigned i = 0; i < MONITOR_TRAFFIC_PER_S; i++) {
		assert_true(hear(fd, &event));
		assert_int_equal(event.seq, i + 1);
	}
	assert_false(hear(fd, &event));
	/* What others report goes through, and the gap before it is told. */
	report(1);
	assert_true(hear(fd, &event));
	assert_int_equal(event.lost, 2 * MONITOR_TRAFFIC_PER_S);
	assert_int_equal(event.seq, 3 * MONITOR_TRAFFIC_PER_S);
	assert_true(hear(fd, &event));
	assert_string_equal(event.object, "port");
	assert_int_equal(event.seq, 3 * MONITOR_TRAFFIC_PER_S + 1);
	/* The next second has its own. */
	monitor_tick(&rig.monitor);
	event = (struct ctl_event){0};
	CTL_SET_STR(&event, ctl_event, object, "fdb");
	monitor_report_traffic(&rig.monitor, &event);
	assert_true(hear(fd, &event));
	assert_string_equal(event.object, "fdb");
	(void)close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(events_are_numbered),
		CASE(who_does_not_read_loses_events_and_is_told),
		CASE(traffic_makes_so_many_events_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
