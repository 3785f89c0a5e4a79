/* What passes a bucket in a time is its burst and what the rate gives, to the unit. */
#include "bucket_setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HZ UINT64_C(2000000000)

/* How many units pass from now_tsc on, in steps of `size`, until none does. */
static uint64_t drain(struct bucket *bucket, const struct bucket_conf *conf, uint64_t now_tsc,
	uint64_t size)
{
	uint64_t n = 0;

	for (; bucket_may_pass(bucket, conf, now_tsc, size); n += size)
		bucket_take(bucket, conf, now_tsc, size);
	return n;
}

static void a_full_bucket_gives_its_burst(void **state)
{
	static const struct {
		uint64_t pps, burst;
	} cases[] = {{1, 1}, {1, 5}, {1000, 100}, {1000000, 1}, {33333333, 7}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bucket_conf conf = bucket_of_frames(cases[i].pps, cases[i].burst, HZ);
		struct bucket bucket = {0};

		assert_int_equal(drain(&bucket, &conf, 3600 * HZ, 1), cases[i].burst);
		/* However long nobody came. */
		assert_int_equal(drain(&bucket, &conf, 7200 * HZ, 1), cases[i].burst);
	}
}

/* Whatever the moments at which one looks. */
static void it_fills_at_the_rate(void **state)
{
	static const uint64_t rates[] = {1, 3, 7, 1000, 33333, 1000000};
	static const uint64_t steps[] = {1, 977, 65537, 1999999};

	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (unsigned s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
			const struct bucket_conf conf = bucket_of_frames(rates[r], 10, HZ);
			uint64_t begin = 1000 * HZ, end = begin + steps[s] * 2000, n = 0;
			struct bucket bucket = {0};

			(void)drain(&bucket, &conf, begin, 1);
			for (uint64_t now = begin; now < end; now += steps[s])
				n += drain(&bucket, &conf, now, 1);
			uint64_t due = rates[r] * (end - steps[s] - begin) / HZ;
			assert_in_range(n, steps[s] < conf.depth_tsc ? due : 0, due + 1);
		}
	}
}

static void bits_are_eight_to_a_byte(void **state)
{
	const struct bucket_conf conf = bucket_of_bits(8000, 100, HZ);
	struct bucket bucket = {0};

	assert_int_equal(drain(&bucket, &conf, 10 * HZ, 1), 100);
	/* A thousand bytes a second. */
	assert_false(bucket_may_pass(&bucket, &conf, 10 * HZ + HZ / 1000 - 1, 1));
	assert_int_equal(bucket_due_tsc(&bucket, &conf, 1), 10 * HZ + HZ / 1000);
	assert_int_equal(bucket_due_tsc(&bucket, &conf, 30), 10 * HZ + 30 * HZ / 1000);
	bucket_take(&bucket, &conf, 10 * HZ, 50);
	assert_int_equal(bucket_due_tsc(&bucket, &conf, 1), 10 * HZ + 51 * HZ / 1000);
}

/* One that is larger than the burst passes, and what follows waits for it. */
static void what_exceeds_the_burst_passes_once(void **state)
{
	const struct bucket_conf conf = bucket_of_bits(8000000, 1000, HZ);
	struct bucket bucket = {0};
	uint64_t now = 5 * HZ;

	assert_int_equal(drain(&bucket, &conf, now, 65000), 65000);
	assert_int_equal(bucket_due_tsc(&bucket, &conf, 1000), now + 65000 * (HZ / 1000000));
	assert_int_equal(drain(&bucket, &conf, now + HZ, 65000), 65000);
}

/* The largest and the smallest there is. */
static void nothing_overflows(void **state)
{
	struct bucket_conf conf = bucket_of_bits(1000, UINT64_C(1) << 40, UINT64_C(5000000000));
	struct bucket bucket = {0};

	bucket_take(&bucket, &conf, 1, UINT64_C(1) << 40);
	assert_true(bucket.done_tsc > UINT64_C(1) << 60);
	conf = bucket_of_frames(UINT64_MAX, 1, 1);
	assert_true(conf.cost >= 1 && conf.depth_tsc >= 1);
	conf = bucket_of_bits(1, UINT64_MAX, UINT64_MAX);
	assert_true(conf.cost <= UINT64_MAX >> 1 && conf.depth_tsc <= UINT64_C(1) << 62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_gives_its_burst),
		cmocka_unit_test(it_fills_at_the_rate),
		cmocka_unit_test(bits_are_eight_to_a_byte),
		cmocka_unit_test(what_exceeds_the_burst_passes_once),
		cmocka_unit_test(nothing_overflows),
	};

	return cmocka_run_group_tests_name("feature bucket", tests, NULL, NULL);
}
