#include "tsc_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HZ UINT64_C(2500000000)
#define S  UINT64_C(1000000000)

static void ticks_are_nanoseconds(void **state)
{
	struct tsc_clock clock;

	tsc_clock_init(&clock, HZ, 1000, 5 * S);
	assert_int_equal(tsc_clock_ns(&clock, 1000), 5 * S);
	assert_int_equal(tsc_clock_ns(&clock, 1000 + HZ), 6 * S);
	/* Never back. */
	assert_int_equal(tsc_clock_ns(&clock, 1000), 6 * S);
	assert_int_equal(tsc_clock_ns(&clock, 1000 + HZ + HZ / 1000), 6 * S + S / 1000);
}

/* A processor that is said to be a little slower than it is: the wall's clock is kept up with. */
static void it_follows_the_wall(void **state)
{
	uint64_t tsc = 0, wall = S, last = 0, ns = 0;
	struct tsc_clock clock;

	tsc_clock_init(&clock, HZ, tsc, wall);
	for (unsigned i = 0; i < 100; i++) {
		tsc += HZ + HZ / 50000;
		wall += S;
		for (unsigned part = 10; part-- > 0;) {
			ns = tsc_clock_ns(&clock, tsc - part * (HZ / 10));
			assert_true(ns >= last);
			last = ns;
		}
		assert_true(ns > wall - S / 10000 && ns < wall + S / 10000);
		tsc_clock_sync(&clock, tsc, wall);
	}
}

static void a_leap_is_followed_forward_alone(void **state)
{
	struct tsc_clock clock;
	uint64_t ns;

	tsc_clock_init(&clock, HZ, 0, 100 * S);
	tsc_clock_sync(&clock, HZ, 500 * S);
	assert_int_equal(tsc_clock_ns(&clock, HZ), 500 * S);
	tsc_clock_sync(&clock, 2 * HZ, 300 * S);
	ns = tsc_clock_ns(&clock, 3 * HZ);
	assert_true(ns > 501 * S && ns < 502 * S);
}

static void both_clocks_are_read(void **state)
{
	uint64_t tsc = 0, ns = 0;

	tsc_clock_read(&tsc, &ns);
	assert_true(tsc && ns > 1700000000 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_are_nanoseconds),
		cmocka_unit_test(it_follows_the_wall),
		cmocka_unit_test(a_leap_is_followed_forward_alone),
		cmocka_unit_test(both_clocks_are_read),
	};

	return cmocka_run_group_tests_name("tsc clock", tests, NULL, NULL);
}
