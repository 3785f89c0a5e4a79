/*
 * Frames that a stage takes for control: they end there, each under one reason, and control has
 * them as they were.
 */
#include "punt.h"
#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* Takes what is meant for a group of bridges, as a protocol would. */
static uint64_t take_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	static const uint8_t group[5] = {0x01, 0x80, 0xc2, 0, 0};
	uint64_t taken = 0;

	for (uint64_t left = mask; left; left &= left - 1) {
		if (!memcmp(ctx->frames[__builtin_ctzll(left)].header, group, sizeof(group)))
			taken |= left & -left;
	}
	return (mask & ~taken) | punt_take(ctx, taken, PUNT_SFLOW, conf);
}

static const uint64_t words[2] = {11, 22};
static const struct stage stages[] = {{take_run, words}, {NULL, NULL}};

static struct rig *begin(void)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);

	rig->fwd->punts = aligned_alloc(64, sizeof(*rig->fwd->punts));
	assert_non_null(rig->fwd->punts);
	memset(rig->fwd->punts, 0, sizeof(*rig->fwd->punts));
	rig->ports[0].ingress = stages;
	return rig;
}

static void end(struct rig *rig)
{
	assert_true(rig_counts_add_up(rig));
	free(rig->fwd->punts);
	rig_destroy(rig);
}

static size_t send_to_bridges(struct rig *rig, int tci, size_t payload)
{
	static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0, 0, 2};
	size_t len = rig_frame(sent, 0, 1, tci, 0x8809, payload);

	memcpy(sent, group, sizeof(group));
	rig_send(rig, 0, sent, len);
	return len;
}

static void taken_frames_reach_control_and_nobody_else(void **state)
{
	struct rig *rig = begin();

	/* Also longer than the header bytes, and than what is punted. */
	for (unsigned i = 0; i < 3; i++) {
		static const size_t payloads[] = {46, 1000, 4000};
		size_t len = send_to_bridges(rig, i == 1 ? 0xe00a : -1, payloads[i]);
		const struct punt_record *record;

		assert_int_equal(rig_run(rig, 0), 1);
		assert_true(fwd_wants_control(rig->fwd));
		record = punt_ring_first(rig->fwd->punts);
		assert_non_null(record);
		assert_int_equal(record->len, len);
		assert_int_equal(record->n_bytes, len < PUNT_MAX_BYTES ? len : PUNT_MAX_BYTES);
		assert_memory_equal(record->bytes, sent, record->n_bytes);
		assert_memory_equal(record->words, words, sizeof(words));
		assert_int_equal(record->port_id, 0);
		assert_false(record->is_egress);
		punt_ring_pop(rig->fwd->punts);
		assert_null(punt_ring_first(rig->fwd->punts));
	}
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), -EAGAIN);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_CONSUMED), 3);
	assert_int_equal(rig->counters[0].rx_frames, 3);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_PUNT_FULL), 0);
	end(rig);
}

/* Of one burst some are taken and some go on. */
static void others_go_on(void **state)
{
	struct rig *rig = begin();

	for (uint8_t i = 0; i < 10; i++) {
		size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, 60);

		if (i % 2) {
			(void)send_to_bridges(rig, -1, 60);
			continue;
		}
		sent[20] = i;
		rig_send(rig, 0, sent, len);
	}
	assert_int_equal(rig_run(rig, 0), 10);
	for (uint8_t i = 0; i < 10; i += 2) {
		assert_true(rig_receive(rig, 1, NULL, got, sizeof(got)) > 0);
		assert_int_equal(got[20], i);
	}
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), -EAGAIN);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_CONSUMED), 5);
	end(rig);
}

/* Control does not come by: those that find no room are lost, under a reason of their own, and do
 * not go on either. */
static void what_finds_no_room_is_counted_apart(void **state)
{
	struct rig *rig = begin();

	for (unsigned n = 0; n < PUNT_RING_SIZE + FRAME_BURST; n += FRAME_BURST) {
		for (unsigned i = 0; i < FRAME_BURST; i++)
			(void)send_to_bridges(rig, -1, 60);
		assert_int_equal(rig_run(rig, 0), FRAME_BURST);
	}
	assert_int_equal(rig_drops(rig, 0, DROP_RX_CONSUMED), PUNT_RING_SIZE);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_PUNT_FULL), FRAME_BURST);
	assert_int_equal(rig->fwd->punts->lost, FRAME_BURST);
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), -EAGAIN);
	end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_frames_reach_control_and_nobody_else),
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(what_finds_no_room_is_counted_apart),
	};

	return cmocka_run_group_tests_name("datapath punt", tests, NULL, NULL);
}
