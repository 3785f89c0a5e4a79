/* Which frames of a port pass its storm control, and what control hears of the others. */
#include "storm/storm_stage.h"

#include "ctl_vswitch.h"
#include "rig.h"
#include "storm/storm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ticks a second of a clock beside which that of the test stands still. */
#define STILL_HZ (UINT64_C(1) << 45)
#define HZ       UINT64_C(1000000000)

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* Port 0 of three on a bridge, with storm control. */
struct fixture {
	struct rig *rig;
	struct blocks *blocks;
	struct stage stages[2];
};

static struct storm *set(struct fixture *f, const struct ctl_storm *settings, uint64_t hz)
{
	struct block *block;
	struct err err = {0};

	if (storm_prepare(settings, hz, &block, &err) < 0)
		fail_msg("%s", err.msg);
	block_put(f->blocks, 0, block);
	f->rig->ports[0].flood = f->stages;
	f->stages[1] = (struct stage){NULL, NULL};
	assert_true(storm_feature.flood_stage(f->blocks, 0, &f->stages[0]));
	return (struct storm *)block;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){
		.rig = rig_create(3, 0, RIG_FEATURES), .blocks = storm_feature.create(NULL)};
	assert_non_null(f->blocks);
}

static void done(struct fixture *f)
{
	assert_true(rig_counts_add_up(f->rig));
	storm_feature.destroy(f->blocks);
	rig_destroy(f->rig);
}

#define BROADCAST 0xff
#define MULTICAST 0x100 /* beside the bytes that rig_frame() takes */

static unsigned send(struct fixture *f, unsigned dst, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = rig_frame(sent, (uint8_t)dst, 9, -1, 0x88b5, 60);

		if (dst & MULTICAST)
			memcpy(sent, "\x01\x00\x5e\x01\x02\x03", 6);
		rig_send(f->rig, 0, sent, len);
	}
	assert_int_equal(rig_run(f->rig, 0), n);
	return n;
}

/* How many each of the others got. */
static unsigned received(struct fixture *f)
{
	unsigned n[2] = {0};

	for (unsigned i = 0; i < 2; i++)
		while (rig_receive(f->rig, i + 1, NULL, got, sizeof(got)) > 0)
			n[i]++;
	assert_int_equal(n[0], n[1]);
	return n[0];
}

static void each_kind_has_a_limit_of_its_own(void **state)
{
	static const struct {
		struct ctl_storm settings;
		unsigned dst;
	} cases[] = {
		{{.set = 1, .broadcast_pps = 200}, BROADCAST},
		{{.set = 1, .multicast_pps = 200}, MULTICAST},
		{{.set = 1, .unknown_unicast_pps = 200}, 77},
	};
	static const unsigned others[] = {BROADCAST, MULTICAST, 77};

	for (unsigned i = 0; i < 3; i++) {
		struct fixture f;

		begin(&f);
		(void)set(&f, &cases[i].settings, STILL_HZ);
		/* A tenth of a second's. */
		send(&f, cases[i].dst, 15);
		assert_int_equal(received(&f), 15);
		send(&f, cases[i].dst, 15);
		assert_int_equal(received(&f), 5);
		assert_int_equal(rig_drops(f.rig, 0, DROP_RX_STORM), 10);
		for (unsigned k = 0; k < 3; k++) {
			if (k == i)
				continue;
			send(&f, others[k], 30);
			assert_int_equal(received(&f), 30);
		}
		assert_int_equal(rig_drops(f.rig, 0, DROP_RX_STORM), 10);
		done(&f);
	}
}

/* What has a port to go to is nobody's storm, and what is learned of a dropped frame stays. */
static void known_addresses_pass(void **state)
{
	struct fixture f;

	begin(&f);
	(void)set(&f, &(struct ctl_storm){.set = 1, .unknown_unicast_pps = 1}, STILL_HZ);
	send(&f, 2, 3);
	assert_int_equal(received(&f), 1);
	rig_send(f.rig, 2, sent, rig_frame(sent, 9, 2, -1, 0x88b5, 60));
	assert_int_equal(rig_run(f.rig, 2), 1);
	rig_learn(f.rig);
	assert_int_equal(rig_receive(f.rig, 0, NULL, got, sizeof(got)), 74);
	while (rig_receive(f.rig, 1, NULL, got, sizeof(got)) > 0)
		;
	send(&f, 2, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rig_receive(f.rig, 2, NULL, got, sizeof(got)), 74);
	assert_int_equal(rig_receive(f.rig, 1, NULL, got, sizeof(got)), -EAGAIN);
	assert_int_equal(rig_drops(f.rig, 0, DROP_RX_STORM), 2);
	done(&f);
}

/* In bytes of the frame, and a tag's. 592 bits are one of 74 bytes. */
static void bits_count_what_is_on_the_line(void **state)
{
	for (unsigned tagged = 0; tagged < 2; tagged++) {
		const size_t len = tagged ? 78 : 74;
		struct fixture f;

		begin(&f);
		(void)set(&f, &(struct ctl_storm){.set = 1, .broadcast = 10 * 8 * 10 * len},
			STILL_HZ);
		for (unsigned i = 0; i < 30; i++)
			rig_send(f.rig, 0, sent,
				rig_frame(sent, BROADCAST, 9, tagged ? 5 : -1, 0x88b5, 60));
		assert_int_equal(rig_run(f.rig, 0), 30);
		assert_int_equal(received(&f), 10);
		assert_int_equal(rig_drops(f.rig, 0, DROP_RX_STORM), 20);
		done(&f);
	}
}

/* By a clock that the test moves. */
static void buckets_fill_as_time_goes_by(void **state)
{
	struct fixture f;
	struct flush flush = {0};
	struct dp_counters counters = {0};
	struct frame frames[FRAME_BURST] = {0};
	struct stage_ctx ctx = {
		.counters = &counters, .frames = frames, .flush = &flush, .now_tsc = 50 * HZ};

	begin(&f);
	for (unsigned i = 0; i < FRAME_BURST; i++) {
		frames[i].len = 60;
		memset(frames[i].header, 0xff, 6);
	}
	(void)set(&f, &(struct ctl_storm){.set = 1, .broadcast_pps = 100}, HZ);
	assert_int_equal(storm_stage_run(&ctx, f.stages[0].conf, UINT64_MAX), 0x3ff);
	assert_true(flush.wants_control);
	ctx.now_tsc += HZ / 50;
	assert_int_equal(storm_stage_run(&ctx, f.stages[0].conf, UINT64_MAX << 7), 3 << 7);
	ctx.now_tsc += HZ;
	assert_int_equal(storm_stage_run(&ctx, f.stages[0].conf, UINT64_MAX), 0x3ff);
	assert_int_equal(counters.drops[DROP_RX_STORM], 54 + 55 + 54);
	done(&f);
}

static void expect_event(struct fixture *f, const char *name, const char *detail, bool shuts)
{
	struct feature_event event;

	assert_true(storm_feature.event(f->blocks, 0, &event));
	assert_string_equal(event.name, name);
	assert_string_equal(event.detail, detail);
	assert_int_equal(event.shuts, shuts);
}

static void expect_no_event(struct fixture *f)
{
	struct feature_event event;

	assert_false(storm_feature.event(f->blocks, 0, &event));
}

static void a_storm_begins_and_ends_with_an_event(void **state)
{
	struct fixture f;

	begin(&f);
	(void)set(&f, &(struct ctl_storm){.set = 1, .broadcast_pps = 1000, .multicast = 1000},
		STILL_HZ);
	for (unsigned i = 0; i < 2; i++) {
		send(&f, BROADCAST, 50);
		(void)received(&f);
	}
	expect_no_event(&f);
	send(&f, BROADCAST, 1);
	send(&f, MULTICAST, 2);
	expect_event(&f, "storm", "more than 1kpps of broadcast: the rest is dropped", false);
	expect_event(&f, "storm", "more than 1kbit of multicast: the rest is dropped", false);
	expect_no_event(&f);
	(void)storm_feature.tick(f.blocks);
	send(&f, BROADCAST, 1);
	expect_no_event(&f);
	(void)storm_feature.tick(f.blocks);
	expect_event(&f, "storm-over", "of multicast", false);
	expect_no_event(&f);
	(void)storm_feature.tick(f.blocks);
	expect_event(&f, "storm-over", "of broadcast", false);
	(void)storm_feature.tick(f.blocks);
	expect_no_event(&f);
	send(&f, BROADCAST, 1);
	expect_event(&f, "storm", "more than 1kpps of broadcast: the rest is dropped", false);
	(void)received(&f);
	done(&f);
}

static void a_storm_asks_for_the_port_to_be_disabled(void **state)
{
	struct fixture f;

	begin(&f);
	(void)set(&f,
		&(struct ctl_storm){.set = 1, .unknown_unicast_pps = 10, .action = CTL_STORM_SHUT},
		STILL_HZ);
	send(&f, 77, 1);
	expect_no_event(&f);
	(void)fwd_wants_control(f.rig->fwd);
	send(&f, 77, 1);
	assert_true(fwd_wants_control(f.rig->fwd));
	expect_event(&f, "storm", "more than 10pps of unknown unicast: port disabled", true);
	expect_no_event(&f);
	send(&f, 77, 1);
	expect_event(&f, "storm", "more than 10pps of unknown unicast: port disabled", true);
	(void)received(&f);
	done(&f);
}

static void settings_that_contradict_are_refused(void **state)
{
	static const struct {
		struct ctl_storm settings;
		int code;
		const char *field;
	} cases[] = {
		{{.set = 1, .broadcast = 1000, .broadcast_pps = 1}, -EINVAL, "broadcast-pps"},
		{{.set = 1, .multicast = 1000, .multicast_pps = 1}, -EINVAL, "multicast-pps"},
		{{.set = 1, .unknown_unicast = 1000, .unknown_unicast_pps = 1}, -EINVAL,
			"unknown-unicast-pps"},
		{{.set = 1, .multicast = 999}, -ERANGE, "multicast"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct block *block;
		struct err err = {0};

		assert_int_equal(storm_prepare(&cases[i].settings, HZ, &block, &err),
			cases[i].code);
		assert_string_equal(err.field, cases[i].field);
		assert_null(block);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_a_limit_of_its_own),
		cmocka_unit_test(known_addresses_pass),
		cmocka_unit_test(bits_count_what_is_on_the_line),
		cmocka_unit_test(buckets_fill_as_time_goes_by),
		cmocka_unit_test(a_storm_begins_and_ends_with_an_event),
		cmocka_unit_test(a_storm_asks_for_the_port_to_be_disabled),
		cmocka_unit_test(settings_that_contradict_are_refused),
	};

	return cmocka_run_group_tests_name("feature storm stage", tests, NULL, NULL);
}
