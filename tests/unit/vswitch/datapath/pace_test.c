/* What a paced queue is received from and when; what is left in it is lost to nobody. */
#include "pace.h"

#include "bucket_setup.h"
#include "idle.h"
#include "rig.h"

#include <errno.h>
#include <rte_cycles.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HZ UINT64_C(1000000000)
#define US UINT64_C(1000)
/* Ticks a second of a clock beside which that of the rig stands still. */
#define STILL_HZ (UINT64_C(1) << 45)
#define LEN      1000

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

static struct pace pace_of(uint64_t bps, uint64_t burst, uint64_t quantum, uint64_t hz)
{
	return (struct pace){.conf = bucket_of_bits(bps, burst, hz),
		.quantum = quantum,
		.last_pair = UINT16_MAX};
}

static const struct frame *frames_of(uint32_t len)
{
	static struct frame frames[FRAME_BURST];

	for (unsigned i = 0; i < FRAME_BURST; i++)
		frames[i].len = len;
	return frames;
}

/* One look at a queue with enough in it. */
static unsigned look(struct pace *pace, uint16_t pair, uint64_t now_tsc)
{
	unsigned max = pace_begin(pace, pair, true, now_tsc);

	return max ? pace_take(pace, pair, frames_of(LEN), max, now_tsc) : 0;
}

/* A byte a microsecond, ten frames at once; then four of them each 4 ms. */
static void what_does_not_fit_waits_for_a_quantum(void **state)
{
	struct pace pace = pace_of(8000000, 10 * LEN, 4 * LEN, HZ);
	uint64_t now_tsc = 50 * HZ;

	assert_int_equal(look(&pace, 0, now_tsc), 10);
	assert_int_equal(pace_begin_tsc(&pace), now_tsc + 4 * LEN * US);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(look(&pace, 0, pace_begin_tsc(&pace) - 1), 0);
		now_tsc = pace_begin_tsc(&pace);
		/* It emptied the bucket: others first. */
		assert_int_equal(look(&pace, 0, now_tsc), 0);
		assert_int_equal(look(&pace, 0, now_tsc), 4);
	}
	assert_int_equal(now_tsc, 50 * HZ + 4000 * LEN * US);
}

static void what_fits_is_received_at_once(void **state)
{
	struct pace pace = pace_of(8000000, 10 * LEN, 4 * LEN, HZ);
	uint64_t now_tsc = 50 * HZ;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(pace_begin(&pace, 0, true, now_tsc), FRAME_BURST);
		assert_int_equal(pace_take(&pace, 0, frames_of(LEN), 3, now_tsc), 3);
		assert_int_equal(pace_begin_tsc(&pace), 0);
		now_tsc += 3 * LEN * US;
	}
}

/* A frame that is larger than the burst is received, and paid for before the next. */
static void a_large_frame_is_paid_for_afterwards(void **state)
{
	struct pace pace = pace_of(8000000, 10 * LEN, LEN, HZ);
	uint64_t now_tsc = 50 * HZ;

	assert_int_equal(pace_begin(&pace, 0, true, now_tsc), FRAME_BURST);
	assert_int_equal(pace_take(&pace, 0, frames_of(64 * LEN), 5, now_tsc), 1);
	assert_int_equal(pace_begin_tsc(&pace), now_tsc + 55 * LEN * US);
	/* It went back after all. */
	pace_put_back(&pace, 64 * LEN);
	now_tsc = pace_begin_tsc(&pace);
	assert_int_equal(look(&pace, 1, now_tsc), 10);
}

/* Of what cannot go back no more is received than fits, whatever its length. */
static void what_cannot_go_back_is_received_sparingly(void **state)
{
	struct pace pace = pace_of(8000000, 5 * FRAME_MAX_LEN, LEN, HZ);
	uint64_t now_tsc = 50 * HZ;

	assert_int_equal(pace_begin(&pace, 0, false, now_tsc), 4);
	assert_int_equal(pace_take(&pace, 0, frames_of(FRAME_MAX_LEN), 4, now_tsc), 4);
	assert_int_equal(pace_begin(&pace, 0, false, now_tsc), 1);
	assert_int_equal(pace_take(&pace, 0, frames_of(FRAME_MAX_LEN), 1, now_tsc), 1);
	assert_int_equal(pace_begin(&pace, 0, false, now_tsc), 0);
}

static void queues_of_a_port_take_turns(void **state)
{
	struct pace pace = pace_of(8000000, 10 * LEN, 4 * LEN, HZ);
	unsigned n[3] = {0};
	uint64_t now_tsc = 50 * HZ;

	for (unsigned i = 0; i < 300; i++) {
		for (uint16_t pair = 0; pair < 3; pair++)
			n[pair] += look(&pace, pair, now_tsc) > 0;
		now_tsc += LEN * US;
	}
	assert_in_range(n[0], 20, 55);
	assert_in_range(n[1], 20, 55);
	assert_true(n[0] + n[1] + n[2] >= 70);
}

/* ---- In a switch ---- */

static size_t make_frame(unsigned number)
{
	size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, LEN - 14);

	sent[20] = (uint8_t)number;
	return len;
}

static void expect_frames(struct rig *rig, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), LEN);
		assert_int_equal(got[20], first + i);
	}
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), -EAGAIN);
}

/* Nothing is lost, counted twice or out of order, in rings of both layouts. */
static void what_waits_stays_in_its_ring(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 3 : 0, RIG_FEATURES);
		struct pace pace = pace_of(8000, 10 * LEN, 4 * LEN, STILL_HZ);

		rig_link(rig, 0, 1);
		rig->rx[0].pace = &pace;
		for (unsigned i = 0; i < 30; i++)
			rig_send(rig, 0, sent, make_frame(i));
		assert_int_equal(rig_run(rig, 0), 10);
		expect_frames(rig, 0, 10);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(rig_run(rig, 0), 0);
		assert_int_equal(rig->counters[0].rx_frames, 10);
		assert_int_equal(rig->counters[0].rx_bytes, 10 * LEN);
		/* Time goes by. */
		pace.bucket.done_tsc -= 4 * LEN * (STILL_HZ / 1000);
		pace.begin_tsc = 0;
		assert_int_equal(rig_run(rig, 0), 0);
		assert_int_equal(rig_run(rig, 0), 4);
		expect_frames(rig, 10, 4);
		/* Without pacing the rest comes at once. */
		rig->rx[0].pace = NULL;
		assert_int_equal(rig_run(rig, 0), 16);
		expect_frames(rig, 14, 16);
		assert_true(rig_counts_add_up(rig));
		rig_destroy(rig);
	}
}

static bool may_sleep(struct idle *idle, struct rig *rig)
{
	return idle_prepare(idle, rig->rx, 2);
}

/* A worker sleeps until the moment, whatever its ring has, and asks for no kick; other rings are
 * as they were. */
static void a_worker_sleeps_until_the_moment(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct pace pace = pace_of(8000, 10 * LEN, 4 * LEN, STILL_HZ);
	struct idle idle = {.early_tsc = 1000};

	rig_link(rig, 0, 1);
	rig->rx[0].pace = &pace;
	assert_true(may_sleep(&idle, rig));
	assert_true(idle.due_tsc == UINT64_MAX);
	assert_true(rig->port[0].rx.notify_on);
	for (unsigned i = 0; i < 15; i++)
		rig_send(rig, 0, sent, make_frame(i));
	assert_false(may_sleep(&idle, rig));
	assert_int_equal(rig_run(rig, 0), 10);
	assert_true(may_sleep(&idle, rig));
	assert_true(idle.due_tsc == pace_begin_tsc(&pace));
	assert_false(rig->port[0].rx.notify_on);
	assert_true(rig->port[1].rx.notify_on);
	/* The other one has something. */
	rig_send(rig, 1, sent, make_frame(0));
	assert_false(may_sleep(&idle, rig));
	assert_int_equal(rig_run(rig, 1), 1);
	assert_true(may_sleep(&idle, rig));
	/* The moment is near, or has come. */
	pace.begin_tsc = rte_rdtsc() + 500;
	assert_false(may_sleep(&idle, rig));
	pace.begin_tsc = 1;
	assert_false(may_sleep(&idle, rig));
	assert_true(rig->port[0].rx.notify_on);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_waits_for_a_quantum),
		cmocka_unit_test(what_fits_is_received_at_once),
		cmocka_unit_test(a_large_frame_is_paid_for_afterwards),
		cmocka_unit_test(what_cannot_go_back_is_received_sparingly),
		cmocka_unit_test(queues_of_a_port_take_turns),
		cmocka_unit_test(what_waits_stays_in_its_ring),
		cmocka_unit_test(a_worker_sleeps_until_the_moment),
	};

	return cmocka_run_group_tests_name("datapath pace", tests, NULL, NULL);
}
