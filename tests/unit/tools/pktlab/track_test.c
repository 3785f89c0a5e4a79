#include "pace.h"
#include "track.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

static void frames_in_order_are_received(void **state)
{
	static struct track track;

	track = (struct track){0};
	for (uint64_t n = 0; n < 3 * TRACK_WINDOW + 5; n++)
		assert_int_equal(track_see(&track, n), TRACK_NEW);
	assert_int_equal(track.received, 3 * TRACK_WINDOW + 5);
	assert_int_equal(track.reordered + track.duplicated + track.stale, 0);
}

static void a_frame_seen_twice_is_a_duplicate(void **state)
{
	static struct track track;

	track = (struct track){0};
	for (uint64_t n = 0; n < 100; n++) {
		assert_int_equal(track_see(&track, n), TRACK_NEW);
		assert_int_equal(track_see(&track, n), TRACK_DUPLICATE);
	}
	assert_int_equal(track.received, 100);
	assert_int_equal(track.duplicated, 100);
	assert_int_equal(track.reordered, 0);
}

static void a_late_frame_is_reordered_by_its_distance(void **state)
{
	static struct track track;

	track = (struct track){0};
	for (uint64_t n = 0; n < 100; n++)
		if (n != 40)
			(void)track_see(&track, n);
	assert_false(track_has(&track, 40));
	assert_int_equal(track_see(&track, 40), TRACK_NEW);
	assert_true(track_has(&track, 40));
	assert_int_equal(track.reordered, 1);
	assert_int_equal(track.reorder_max, 59);
	assert_int_equal(track.received, 100);
}

static void what_is_too_old_is_stale(void **state)
{
	static struct track track;

	track = (struct track){0};
	assert_int_equal(track_see(&track, 2 * TRACK_WINDOW), TRACK_NEW);
	assert_int_equal(track_see(&track, TRACK_WINDOW + 1), TRACK_NEW);
	assert_int_equal(track_see(&track, TRACK_WINDOW), TRACK_STALE);
}

/* Against a table of all numbers, with gaps, repetitions and disorder. */
static void agrees_with_a_table(void **state)
{
	enum { N = 200000 };
	static struct track track;
	unsigned char *seen = calloc(N + 4096, 1);
	uint64_t received = 0, duplicated = 0, at = 0;

	assert_non_null(seen);
	track = (struct track){0};
	srandom(7);
	while (at < N) {
		uint64_t n = at;

		switch (random() % 8) {
		case 0: /* a gap, sometimes of more than a word */
			n = at += 1 + (uint64_t)random() % 300;
			break;
		case 1: /* back */
			n = at > 2000 ? at - (uint64_t)random() % 2000 : 0;
			break;
		default:
			at++;
		}
		assert_int_equal(track_has(&track, n), seen[n]);
		assert_int_equal(track_see(&track, n), seen[n] ? TRACK_DUPLICATE : TRACK_NEW);
		duplicated += seen[n];
		received += !seen[n];
		seen[n] = 1;
	}
	assert_int_equal(track.received, received);
	assert_int_equal(track.duplicated, duplicated);
	free(seen);
}

static void numbers_go_on_past_32_bits(void **state)
{
	assert_int_equal(track_extend(UINT64_C(0x1fffffffe), 0xffffffff), 0x1ffffffff);
	assert_int_equal(track_extend(UINT64_C(0x1fffffffe), 3), 0x200000003);
	assert_int_equal(track_extend(UINT64_C(0x200000003), 0xfffffff0), 0x1fffffff0);
	assert_int_equal(track_extend(0, 0xffffffff), -1); /* of an earlier run */
}

static void a_pace_is_kept_without_rounding(void **state)
{
	struct pace pace = {0};
	uint64_t sent = 0;

	pace_set(&pace, 333333.3, 1000000);
	pace_start(&pace, 1000);
	for (uint64_t ns = 1000; ns <= 1000 + 3000000000u; ns += 777) {
		unsigned due = pace_due(&pace, ns, 32);

		pace_take(&pace, due);
		sent += due;
	}
	assert_in_range(sent, 999998, 1000000);
	assert_int_equal(pace.n_late, 0);
}

static void a_long_pause_is_not_made_good(void **state)
{
	struct pace pace = {0};

	pace_set(&pace, 1e6, 1000000); /* a backlog of 1,000 frames */
	pace_start(&pace, 0);
	assert_int_equal(pace_due(&pace, 10000000, 64), 64);
	assert_in_range(pace.n_late, 8999, 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_order_are_received),
		cmocka_unit_test(a_frame_seen_twice_is_a_duplicate),
		cmocka_unit_test(a_late_frame_is_reordered_by_its_distance),
		cmocka_unit_test(what_is_too_old_is_stale),
		cmocka_unit_test(agrees_with_a_table),
		cmocka_unit_test(numbers_go_on_past_32_bits),
		cmocka_unit_test(a_pace_is_kept_without_rounding),
		cmocka_unit_test(a_long_pause_is_not_made_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
