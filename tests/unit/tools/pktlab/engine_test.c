#include "clock.h"
#include "engine.h"
#include "err.h"
#include "result_json.h"
#include "stream_json.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

static struct err err;

static struct engine *engine_of(unsigned n_ports)
{
	struct engine *engine = engine_create();
	char name[16], spec[24];

	assert_non_null(engine);
	for (unsigned i = 0; i < n_ports; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(spec, sizeof(spec), "loop:w%u", i / 2);
		assert_int_equal(engine_add_port(engine, name, spec, &err), 0);
	}
	return engine;
}

/* text: streams as JSON with ' in place of ". */
static int set_streams(struct engine *engine, const char *text)
{
	struct stream streams[8];
	char buf[1024];
	size_t len = strlen(text), n = 0;
	int r = 0;

	for (size_t i = 0; i <= len; i++)
		buf[i] = (char)(text[i] == '\'' ? '"' : text[i]);
	json_t *array = json_loads(buf, 0, NULL);
	assert_non_null(array);
	for (; !r && n < json_array_size(array); n += !r)
		r = stream_from_json(json_array_get(array, n), engine, &streams[n], &err);
	json_decref(array);
	if (!r)
		return engine_set_streams(engine, streams, (unsigned)n, &err);
	while (n)
		stream_done(&streams[--n]);
	return r;
}

static void counted_frames_arrive_whole_and_in_order(void **state)
{
	struct engine *engine = engine_of(2);
	struct engine_run run = {.n_steps = 1, .steps = {{0, 1}}, .check_every = 1};

	assert_int_equal(set_streams(engine,
				 "[{'id':5,'from':'p0','to':['p1'],'rate':'max','count':20000,"
				 "'size':'imix','vlan':{'first':10,'count':100},'ip':{},'udp':{}},"
				 "{'id':6,'from':'p1','to':['p0'],'rate':'max','count':10000}]"),
		0);
	/* Twice: what the first run sent is not counted in the second. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(engine_run(engine, &run), 0);
		for (unsigned j = 0; j < 2; j++) {
			const struct sender *sender = &engine->senders[j];
			const struct flow *flow = sender->flows;

			assert_int_equal(sender->sent, j ? 10000 : 20000);
			assert_int_equal(flow->track.received, sender->sent);
			assert_int_equal(flow->corrupted + flow->track.duplicated +
						 flow->track.reordered + flow->track.stale,
				0);
			assert_int_equal(flow->latency.count, sender->sent);
		}
		assert_int_equal(engine->ports[0].counts.rx, 10000);
		assert_int_equal(engine->ports[1].counts.rx, 20000);
		engine_run_done(&run);
	}
	engine_destroy(engine);
}

static void a_frame_at_a_port_where_it_should_not_be_is_misrouted(void **state)
{
	struct engine *engine = engine_of(4);
	struct engine_run run = {.n_steps = 1, .steps = {{0, 1}}};

	/* p0 is joined with p1. */
	assert_int_equal(set_streams(engine,
				 "[{'id':1,'from':'p0','to':['p2'],'rate':'max','count':"
				 "9000}]"),
		0);
	assert_int_equal(engine_run(engine, &run), 0);
	assert_int_equal(engine->senders[0].misrouted, 9000);
	assert_int_equal(engine->senders[0].flooded, 0);
	assert_int_equal(engine->senders[0].flows[0].track.received, 0);
	engine_destroy(engine);
}

/* Faster than the receiver, but never more ahead of it than the ring holds: all arrive; and the run
 * does not wait for more. */
static void a_window_waits_for_what_is_under_way(void **state)
{
	struct engine *engine = engine_of(2);
	struct engine_run run = {.n_steps = 1, .steps = {{0, 1}}, .drain_s = 600};

	assert_int_equal(set_streams(engine,
				 "[{'from':'p0','to':['p1'],'rate':'10Mpps','window':32,"
				 "'count':5000}]"),
		0);
	engine->ports[1].is_slow = true;
	pace_set(&engine->ports[1].slow, 100e3, 1000000);
	assert_int_equal(engine_run(engine, &run), 0);
	assert_int_equal(engine->senders[0].sent, 5000);
	assert_int_equal(engine->senders[0].refused, 0);
	assert_int_equal(engine->senders[0].flows[0].track.received, 5000);
	engine_run_done(&run);
	engine_destroy(engine);
}

static void a_port_that_does_not_take_in_refuses(void **state)
{
	struct engine *engine = engine_of(2);
	struct engine_run run = {.n_steps = 1, .steps = {{0, 1}}};

	assert_int_equal(set_streams(engine, "[{'from':'p0','to':['p1'],'rate':'10Mpps','count':"
					     "5000}]"),
		0);
	engine->ports[1].is_slow = true;
	pace_set(&engine->ports[1].slow, 1e-9, 1000000);
	assert_int_equal(engine_run(engine, &run), 0);
	/* The ring holds 1,024; all the others were due and found no room. */
	assert_int_equal(engine->senders[0].sent, 1024);
	assert_int_equal(engine->senders[0].refused, 5000 - 1024);
	assert_int_equal(engine->senders[0].flows[0].track.received, 0);
	engine_destroy(engine);
}

static void frames_of_others_are_shown_to_the_caller(void **state)
{
	struct engine *engine = engine_of(2);
	uint8_t data[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct engine_frame frames[3] = {{data, 60}, {data, 60}, {data, 60}};
	struct engine_run run = {.n_steps = 1, .steps = {{0, 1}}, .drain_s = 0.01};

	assert_int_equal(set_streams(engine, "[{'from':'p0','to':['p1'],'rate':'max','count':1}]"),
		0);
	assert_int_equal(engine_inject(engine, 1, frames, 3, 1e6, 1), 3);
	assert_int_equal(engine_run(engine, &run), 0);
	assert_int_equal(engine->senders[0].flows[0].track.received, 1);
	engine_destroy(engine);
}

static void every_pair_of_vlan_and_address_is_taught_once(void **state)
{
	struct engine *engine = engine_of(2);
	struct engine_learn learn = {.timeout_s = 10};

	assert_int_equal(set_streams(engine,
				 "[{'from':'p0','to':['p1'],'dst':{'first':'02:00:00:00:01:00',"
				 "'count':6},'vlan':{'first':10,'count':4}},"
				 "{'id':2,'from':'p0','to':['p1'],'dst':'ff:ff:ff:ff:ff:ff'}]"),
		0);
	assert_int_equal(engine_learn(engine, &learn, &err), 0);
	assert_int_equal(learn.n_frames, 12); /* the least common multiple; broadcast is nobody's */
	engine_destroy(engine);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{"[{'from':'p9'}]", "stream 1: from: there is no port 'p9'"},
		{"[{'id':0,'from':'p0'}]", "a stream's id is not in 1..65535"},
		{"[{'from':'p0','to':['p1','p1']}]",
			"stream 1: to: [\"p1\",\"p1\"] is not understood"},
		{"[{'from':'p0','size':32}]", "stream 1: size 32 is below 64"},
		{"[{'from':'p0','size':64,'ip':{},'udp':{},'vlan':[{'vid':1},{'vid':2}]}]",
			"stream 1: size 64 is below 68"},
		{"[{'from':'p0','size':9000}]", "stream 1: size 9000 is above 1530"},
		{"[{'from':'p0','rate':'fast'}]", "stream 1: rate: \"fast\" is not understood"},
		{"[{'from':'p0','rate':'5Gpps'}]",
			"stream 1: rate of 5e+09 frames a second is not in 0.001..1e+09"},
		{"[{'from':'p0','vlan':4095}]", "stream 1: vlan: 1 values from 0xfff on go beyond "
						"0xffe"},
		{"[{'from':'p0','src':'01:00:00:00:00:00'}]", "stream 1: src is a group address"},
		{"[{'from':'p0','burst':65}]", "stream 1: burst 65 is not in 1..64"},
		{"[{'from':'p0','dts':'02:00:00:00:00:00'}]", "stream 1: member 'dts' is unknown"},
		{"[{'from':'p0'},{'from':'p1'}]", "stream 1 is there twice"},
	};
	struct engine *engine = engine_of(2);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(set_streams(engine, cases[i][0]) < 0);
		assert_string_equal(err.msg, cases[i][1]);
		assert_int_equal(engine->n_senders, 0);
	}
	engine_destroy(engine);
}

static void ports_that_cannot_be_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{"nothing:x", "port 'p': 'nothing:x' names no port type"},
		{"vhost", "port 'p': 'vhost' lacks "
			  "vhost:PATH[,listen][,packed][,size=SLOTS][,mtu=BYTES]"},
		{"loop:x,packed", "port 'p': option 'packed' is unknown"},
		{"loop:x,size=100",
			"port 'p': option 'size': '100' is not a number from 128 to 32768"},
		{"loop:x,size=1000", "port 'p': option 'size': 1000 is not a power of two"},
		{"loop:x,mtu", "port 'p': option 'mtu' takes a value"},
		{"packet:no-such-one", "port 'p': interface 'no-such-one': No such device"},
	};
	struct engine *engine = engine_of(0);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(engine_add_port(engine, "p", cases[i][0], &err) < 0);
		assert_string_equal(err.msg, cases[i][1]);
	}
	assert_int_equal(engine_add_port(engine, "p", "loop:x", &err), 0);
	assert_int_equal(engine_add_port(engine, "p", "loop:y", &err), -EEXIST);
	engine_destroy(engine);
}

static int start_clock(void **state)
{
	clock_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_frames_arrive_whole_and_in_order),
		cmocka_unit_test(a_frame_at_a_port_where_it_should_not_be_is_misrouted),
		cmocka_unit_test(a_window_waits_for_what_is_under_way),
		cmocka_unit_test(a_port_that_does_not_take_in_refuses),
		cmocka_unit_test(frames_of_others_are_shown_to_the_caller),
		cmocka_unit_test(every_pair_of_vlan_and_address_is_taught_once),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(ports_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, start_clock, NULL);
}
