/* Which frames are sampled, what control gets of them, and what is lost where it does not look. */
#include "sflow/sflow_stage.h"

#include "flush.h"
#include "punt.h"
#include "snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct punt_ring *punts;
	struct flush flush;
	struct dp_port port;
	struct dp_counters counters;
	struct sflow_point point;
	struct frame frames[FRAME_BURST];
	uint8_t tail[FRAME_BURST];
	struct stage_ctx ctx;
};

static void begin(struct fixture *f, uint32_t rate)
{
	memset(f, 0, sizeof(*f));
	f->punts = aligned_alloc(64, sizeof(*f->punts));
	assert_non_null(f->punts);
	memset(f->punts, 0, sizeof(*f->punts));
	f->port.id = 7;
	f->point.rate = rate;
	f->point.random = 1;
	f->ctx = (struct stage_ctx){.port = &f->port,
		.counters = &f->counters,
		.frames = f->frames,
		.flush = &f->flush,
		.punts = f->punts};
	for (unsigned i = 0; i < FRAME_BURST; i++) {
		struct frame *frame = &f->frames[i];

		/* 128 header bytes and 64 behind them, all with the frame's number. */
		memset(frame->header, (int)i, FRAME_HEADER_SIZE);
		frame->header_len = FRAME_HEADER_SIZE;
		frame->rest_off = 12;
		frame->len = FRAME_HEADER_SIZE + FRAME_BURST;
		frame->seg = (struct frame_seg){f->tail, FRAME_BURST};
		frame->segs = &frame->seg;
		frame->n_segs = 1;
		frame->tail_len = FRAME_BURST;
	}
}

static void end(struct fixture *f)
{
	free(f->punts);
}

static void run(struct fixture *f, uint64_t mask)
{
	assert_true(sflow_stage_run(&f->ctx, &f->point, mask) == mask);
}

static unsigned drain(struct fixture *f)
{
	unsigned n = 0;

	for (; punt_ring_first(f->punts); n++)
		punt_ring_pop(f->punts);
	return n;
}

static void every_frame_at_a_rate_of_one(void **state)
{
	struct fixture f;

	begin(&f, 1);
	run(&f, 0xf0);
	assert_true(f.flush.wants_control);
	for (unsigned i = 4; i < 8; i++) {
		const struct punt_record *record = punt_ring_first(f.punts);

		assert_non_null(record);
		assert_int_equal(record->client, PUNT_SFLOW);
		assert_int_equal(record->port_id, 7);
		assert_int_equal(record->len, FRAME_HEADER_SIZE + FRAME_BURST);
		assert_int_equal(record->n_bytes, SFLOW_HEADER_BYTES);
		assert_int_equal(record->bytes[0], i);
		assert_int_equal(record->bytes[SFLOW_HEADER_BYTES - 1], i);
		assert_int_equal(record->words[SFLOW_POOL], i - 3);
		punt_ring_pop(f.punts);
	}
	assert_null(punt_ring_first(f.punts));
	end(&f);
}

static void as_many_as_the_rate_says(void **state)
{
	enum { ROUNDS = 50000, RATE = 100 };
	const unsigned want = ROUNDS * FRAME_BURST / RATE;
	struct fixture f;
	unsigned n = 0;

	begin(&f, RATE);
	for (unsigned i = 0; i < ROUNDS; i++) {
		run(&f, UINT64_MAX);
		n += drain(&f);
	}
	/* Gaps are uniform: the standard deviation of n is sqrt(want / 3), 103; five of them. */
	assert_in_range(n, want - 520, want + 520);
	assert_int_equal(f.point.pool, (uint64_t)ROUNDS * FRAME_BURST);
	assert_int_equal(f.point.lost, 0);
	end(&f);
}

static void a_higher_rate_takes_effect_at_once(void **state)
{
	struct fixture f;

	begin(&f, SFLOW_HEADER_BYTES << 16);
	run(&f, 1);
	f.point.rate = 1;
	run(&f, UINT64_MAX);
	assert_int_equal(drain(&f), FRAME_BURST);
	end(&f);
}

static void what_finds_no_room_is_lost_and_counted(void **state)
{
	struct fixture f;

	begin(&f, 1);
	for (unsigned i = 0; i < PUNT_RING_SIZE / FRAME_BURST; i++)
		run(&f, UINT64_MAX);
	run(&f, 7);
	assert_int_equal(f.point.lost, 3);
	assert_int_equal(f.punts->lost, 3);
	assert_int_equal(drain(&f), PUNT_RING_SIZE);
	run(&f, 1);
	assert_int_equal(punt_ring_first(f.punts)->words[SFLOW_LOST], 3);
	end(&f);
}

static void patch_ports_sample_nothing(void **state)
{
	struct fixture f;

	begin(&f, 1);
	f.port.flags = DP_PORT_PATCH;
	run(&f, UINT64_MAX);
	assert_int_equal(drain(&f), 0);
	end(&f);
}

/* A copy may have more than header bytes, and has a tag where the port's wire has one. */
static void a_copy_is_as_on_the_wire(void **state)
{
	static const uint64_t words[2];
	const struct punt_record *record;
	struct fixture f;

	begin(&f, 1);
	f.tail[0] = 0xaa;
	f.ctx.tagged = 2;
	f.frames[1].tci = 0x2005;
	assert_true(punt_frame(&f.ctx, 1, PUNT_SFLOW, words, FRAME_HEADER_SIZE + 5));
	record = punt_ring_first(f.punts);
	assert_int_equal(record->len, FRAME_HEADER_SIZE + 4 + FRAME_BURST);
	assert_int_equal(record->n_bytes, FRAME_HEADER_SIZE + 5);
	assert_memory_equal(record->bytes + 11, "\1\x81\0\x20\5\1", 6);
	assert_int_equal(record->bytes[FRAME_HEADER_SIZE + 3], 1);
	assert_int_equal(record->bytes[FRAME_HEADER_SIZE + 4], 0xaa);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_at_a_rate_of_one),
		cmocka_unit_test(as_many_as_the_rate_says),
		cmocka_unit_test(a_higher_rate_takes_effect_at_once),
		cmocka_unit_test(what_finds_no_room_is_lost_and_counted),
		cmocka_unit_test(patch_ports_sample_nothing),
		cmocka_unit_test(a_copy_is_as_on_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
