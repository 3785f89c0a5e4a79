#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* A stage that notes what it is given, and stops the frames whose last byte is odd. */
struct probe {
	unsigned n_calls, n_frames;
	uint64_t tagged;
	uint16_t port_id;
	bool is_egress, lets_all;
	uint8_t mark; /* 0: none; else written into the header bytes of each frame */
};

static uint64_t probe_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	struct probe *probe = (struct probe *)(uintptr_t)conf;
	uint64_t pass = 0;

	probe->n_calls++;
	probe->n_frames += (unsigned)__builtin_popcountll(mask);
	probe->tagged = ctx->tagged & mask;
	probe->port_id = ctx->port->id;
	probe->is_egress = ctx->is_egress;
	for (; mask; mask &= mask - 1) {
		struct frame *frame = &ctx->frames[__builtin_ctzll(mask)];

		if (probe->mark)
			frame->header[20] = probe->mark;
		if (probe->lets_all || !(frame->header[19] & 1))
			pass |= mask & -mask;
		else
			ctx->counters
				->drops[ctx->is_egress ? DROP_TX_RING_FULL : DROP_RX_PORT_DOWN]++;
	}
	return pass;
}

static size_t make_frame(uint8_t dst, uint8_t src, int tci, uint8_t number)
{
	size_t len = rig_frame(sent, dst, src, tci, 0x88b5, 60);

	sent[19] = number;
	return len;
}

static void expect_number(struct rig *rig, unsigned port, uint8_t number)
{
	assert_true(rig_receive(rig, port, NULL, got, sizeof(got)) > 0);
	assert_int_equal(got[19], number);
}

static void expect_nothing(struct rig *rig, unsigned port)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

static void done(struct rig *rig)
{
	assert_true(rig_counts_add_up(rig));
	rig_destroy(rig);
}

static void ingress_stages_run_once_a_burst_and_in_order(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct probe first = {0}, second = {.lets_all = true, .mark = 0x77};
	const struct stage stages[] = {{probe_run, &first}, {probe_run, &second}, {NULL, NULL}};

	rig_link(rig, 0, 1);
	rig->ports[0].ingress = stages;
	for (uint8_t i = 0; i < 10; i++)
		rig_send(rig, 0, sent, make_frame(2, 1, -1, i));
	assert_int_equal(rig_run(rig, 0), 10);
	assert_int_equal(first.n_calls, 1);
	assert_int_equal(first.n_frames, 10);
	assert_int_equal(second.n_calls, 1);
	assert_int_equal(second.n_frames, 5);
	assert_false(first.is_egress);
	for (uint8_t i = 0; i < 10; i += 2) {
		expect_number(rig, 1, i);
		assert_int_equal(got[20], 0x77);
	}
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_PORT_DOWN), 5);
	done(rig);
}

/* None is called for nothing, nor behind one that stopped all. */
static void a_stage_is_given_frames_or_not_called(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct probe first = {0}, second = {.lets_all = true};
	const struct stage stages[] = {{probe_run, &first}, {probe_run, &second}, {NULL, NULL}};

	rig->ports[0].ingress = stages;
	assert_int_equal(rig_run(rig, 0), 0);
	assert_int_equal(first.n_calls, 0);
	rig_send(rig, 0, sent, make_frame(2, 1, -1, 3));
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(first.n_calls, 1);
	assert_int_equal(second.n_calls, 0);
	/* A port that takes nothing has nothing to show to its stages. */
	rig->ports[0].flags &= (uint16_t)~DP_PORT_ENABLED;
	rig_send(rig, 0, sent, make_frame(2, 1, -1, 2));
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(first.n_calls, 1);
	done(rig);
}

static void egress_stages_see_each_receiver_by_itself(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	struct probe probe = {0};
	const struct stage stages[] = {{probe_run, &probe}, {NULL, NULL}};
	static const uint16_t vids[] = {10, 0};

	rig_access(rig, 0, 10);
	rig_trunk(rig, 1, vids, 0, false);
	rig_access(rig, 2, 10);
	rig->ports[1].egress = stages;
	rig_send(rig, 0, sent, make_frame(0xff, 1, -1, 2));
	rig_send(rig, 0, sent, make_frame(0xff, 1, -1, 3));
	assert_int_equal(rig_run(rig, 0), 2);
	assert_int_equal(probe.n_calls, 1);
	assert_int_equal(probe.n_frames, 2);
	assert_int_equal(probe.tagged, 3);
	assert_int_equal(probe.port_id, 1);
	assert_true(probe.is_egress);
	/* The one without stages gets both, the other what was let through, with its tag. */
	expect_number(rig, 2, 2);
	expect_number(rig, 2, 3);
	assert_true(rig_receive(rig, 1, NULL, got, sizeof(got)) > 0);
	assert_int_equal(got[12] << 8 | got[13], 0x8100);
	assert_int_equal(got[23], 2);
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 1);
	done(rig);
}

/* The same on a link. */
static void egress_stages_stand_at_the_end_of_a_link(void **state)
{
	struct rig *rig = rig_create(2, 3, RIG_FEATURES);
	struct probe probe = {0};
	const struct stage stages[] = {{probe_run, &probe}, {NULL, NULL}};

	rig_link(rig, 0, 1);
	rig->ports[1].egress = stages;
	for (uint8_t i = 0; i < 4; i++) {
		rig_send(rig, 0, sent, make_frame(2, 1, -1, i));
		rig_send(rig, 1, sent, make_frame(1, 2, -1, i));
	}
	rig_run(rig, 0);
	rig_run(rig, 1);
	assert_int_equal(probe.n_frames, 4);
	expect_number(rig, 1, 0);
	expect_number(rig, 1, 2);
	expect_nothing(rig, 1);
	for (uint8_t i = 0; i < 4; i++)
		expect_number(rig, 0, i);
	done(rig);
}

/* What has a receiver of its own, or is refused, never comes to it; the others go to all as before.
 */
static void what_is_flooded_passes_stages_first(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	struct probe probe = {0};
	const struct stage stages[] = {{probe_run, &probe}, {NULL, NULL}};
	static const uint16_t vids[] = {10, 0};

	rig->ports[0].flood = stages;
	rig_send(rig, 2, sent, make_frame(0xff, 2, -1, 0));
	assert_int_equal(rig_run(rig, 2), 1);
	assert_int_equal(probe.n_calls, 0);
	rig_learn(rig);
	expect_number(rig, 0, 0);
	expect_number(rig, 1, 0);
	for (uint8_t i = 0; i < 4; i++) {
		rig_send(rig, 0, sent, make_frame(0xff, 1, -1, i));
		rig_send(rig, 0, sent, make_frame(2, 1, -1, i));
		rig_send(rig, 0, sent, make_frame(77, 1, -1, i));
	}
	assert_int_equal(rig_run(rig, 0), 12);
	assert_int_equal(probe.n_calls, 1);
	assert_int_equal(probe.n_frames, 8);
	assert_int_equal(probe.port_id, 0);
	assert_false(probe.is_egress);
	for (uint8_t i = 0; i < 4; i += 2) {
		expect_number(rig, 1, i);
		expect_number(rig, 1, i);
	}
	expect_nothing(rig, 1);
	for (unsigned i = 0; i < 8; i++)
		assert_true(rig_receive(rig, 2, NULL, got, sizeof(got)) > 0);
	expect_nothing(rig, 2);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_PORT_DOWN), 4);
	rig_trunk(rig, 0, vids, 0, false);
	rig_send(rig, 0, sent, make_frame(0xff, 1, -1, 0));
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(probe.n_calls, 1);
	done(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ingress_stages_run_once_a_burst_and_in_order),
		cmocka_unit_test(a_stage_is_given_frames_or_not_called),
		cmocka_unit_test(egress_stages_see_each_receiver_by_itself),
		cmocka_unit_test(egress_stages_stand_at_the_end_of_a_link),
		cmocka_unit_test(what_is_flooded_passes_stages_first),
	};

	return cmocka_run_group_tests_name("datapath stage", tests, NULL, NULL);
}
