#include "dev/mc146818.h"

#include "cmocka_all.h"

#include <time.h>

enum { REG_A = 10, REG_B = 11, REG_C = 12 };
enum { PF = 0x40, AF = 0x20, UF = 0x10, IRQF = 0x80, SET = 0x80, H24 = 0x02 };

#define S  UINT64_C(1000000000)
#define MS UINT64_C(1000000)
/* 2026-11-29 22:30:00 UTC */
#define START_S INT64_C(1795991400)

static struct mc146818 mc;
static struct mc146818_now now;

static int setup(void **state)
{
	now = (struct mc146818_now){.wall_ns = START_S * (int64_t)S, .mono_ns = 5 * S};
	mc = (struct mc146818){0};
	mc146818_reset(&mc, &now);
	return 0;
}

static void pass(uint64_t ns)
{
	now.wall_ns += (int64_t)ns;
	now.mono_ns += ns;
}

static uint8_t get(unsigned at)
{
	return mc146818_read(&mc, at, &now);
}

static void put(unsigned at, uint8_t byte)
{
	mc146818_write(&mc, at, byte, &now);
}

static bool line(void)
{
	return mc146818_update(&mc, &now);
}

static uint64_t delay(void)
{
	return mc146818_delay_ns(&mc, &now);
}

static void nothing_is_due_unless_enabled(void **state)
{
	assert_true(delay() == MC146818_NEVER);
	pass(10 * S);
	assert_false(line());
	assert_int_equal(get(REG_C), PF | UF | 0); /* flags go up all the same, and tell nobody */
	assert_int_equal(get(REG_C), 0);
}

static void update_interrupt_comes_each_second(void **state)
{
	pass(300 * MS);
	(void)get(REG_C);
	put(REG_B, H24 | UF);
	assert_true(delay() == 700 * MS);
	pass(699 * MS);
	assert_false(line());
	pass(1 * MS);
	assert_true(line());
	/* Until it is read nothing more is due, however long that takes. */
	assert_true(delay() == MC146818_NEVER);
	pass(100 * S);
	assert_true(line());
	assert_int_equal(get(REG_C) & (IRQF | UF), IRQF | UF);
	assert_false(line());
	assert_true(delay() == S);
	/* One that is up already interrupts when it is enabled. */
	put(REG_B, H24);
	pass(1 * S);
	assert_false(line());
	put(REG_B, H24 | UF);
	assert_true(line());
	/* Setting the clock takes the interrupt away. */
	(void)get(REG_C);
	put(REG_B, H24 | UF | SET);
	assert_int_equal(get(REG_B), H24 | SET);
	assert_true(delay() == MC146818_NEVER);
}

static void alarm_matches_time_or_any(void **state)
{
	static const struct {
		uint8_t hour, minute, second;
		unsigned after_s; /* of 22:30:00 */
	} cases[] = {
		{0x22, 0x30, 0x05, 5},
		{0xff, 0x31, 0x00, 60},
		{0xff, 0xc0, 0x07, 7},
		{0xc5, 0xff, 0xff, 1},
		{0x01, 0x00, 0x00, 9000},
		{0x22, 0x30, 0x00, 86400},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = 0;

		(void)setup(NULL);
		put(5, cases[i].hour);
		put(3, cases[i].minute);
		put(1, cases[i].second);
		put(REG_B, H24 | AF);
		while (!line() && n++ < 100000) {
			assert_in_range(delay(), 1, S);
			pass(delay());
		}
		assert_int_equal(n, cases[i].after_s);
		assert_int_equal(get(REG_C) & (IRQF | AF), IRQF | AF);
	}
	(void)setup(NULL);
	put(5, 0x25); /* there is no such hour */
	put(REG_B, H24 | AF);
	pass(1000 * 86400 * S);
	assert_false(line());
	(void)setup(NULL);
	put(5, 0x23); /* missed by days: it comes once */
	put(REG_B, H24 | AF);
	pass(1000 * 86400 * S);
	assert_true(line());
	(void)get(REG_C);
	assert_false(line());
}

static void periodic_interrupt_keeps_its_grid(void **state)
{
	static const struct {
		uint8_t rate;
		uint64_t period_ns;
	} cases[] = {{15, S / 2}, {6, 976562}, {9, 7812500}, {2, 7812500}, {1, 3906250},
		{3, S / MC146818_MAX_HZ}}; /* 8,192 Hz is more than a guest gets */

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t period_ns = cases[i].period_ns;

		(void)setup(NULL);
		put(REG_A, 0x20 | cases[i].rate);
		put(REG_B, H24 | PF);
		assert_in_range(delay(), period_ns, period_ns + 1);
		for (unsigned n = 0; n < 10; n++) {
			pass(delay());
			assert_true(line());
			assert_true(delay() == MC146818_NEVER);
			assert_int_equal(get(REG_C) & (IRQF | PF), IRQF | PF);
			assert_false(line());
		}
		/* Late by ten and a half: one comes, and the next is half a period away. */
		pass(10 * period_ns + period_ns / 2);
		assert_true(line());
		(void)get(REG_C);
		assert_false(line());
		assert_in_range(delay(), period_ns / 2 - 20, period_ns / 2 + 20);
	}
	put(REG_A, 0x20);
	assert_true(delay() == MC146818_NEVER);
}

static void update_in_progress_shows_before_the_second(void **state)
{
	assert_int_equal(get(REG_A), 0x26);
	pass(999 * MS);
	assert_int_equal(get(REG_A), 0x26);
	pass(800000);
	assert_int_equal(get(REG_A), 0xa6);
	assert_int_equal(get(0), 0);
	pass(200000);
	assert_int_equal(get(REG_A), 0x26);
	assert_int_equal(get(0), 1);
}

/* As Linux does it: hold, stop the divider, write, let go of both. */
static void guest_sets_the_clock(void **state)
{
	pass(300 * MS);
	put(REG_B, H24 | SET);
	put(REG_A, 0x76);
	put(0, 0x10);
	put(2, 0x20);
	put(4, 0x03);
	put(7, 0x01);
	put(8, 0x02);
	put(9, 0x31);
	put(0x32, 0x20);
	pass(5 * S);
	assert_int_equal(get(0), 0x10);
	put(REG_B, H24);
	assert_int_equal(get(0), 0x10); /* the divider still stands */
	put(REG_A, 0x26);
	pass(499 * MS);
	assert_int_equal(get(0), 0x10);
	pass(1 * MS);
	assert_int_equal(get(0), 0x11);
	pass(86400 * S);
	assert_int_equal(get(7), 0x02);
	assert_int_equal(get(6), 1); /* a Sunday */
	mc146818_reset(&mc, &now);
	assert_int_equal(get(9), 0x31); /* a battery keeps it */
}

static void any_byte_may_be_written(void **state)
{
	for (unsigned at = 0; at < MC146818_SIZE; at++) {
		for (unsigned byte = 0; byte < 256; byte += 15) {
			put(at, (uint8_t)byte);
			pass(123456789);
			(void)line();
			(void)get(at);
			(void)delay();
			now.wall_ns -= byte % 2 ? 86400 * (int64_t)S
						: 0; /* the host's clock is set back */
		}
	}
}

static void twelve_hours_and_binary(void **state)
{
	put(REG_B, 0);
	assert_int_equal(get(4), 0x90); /* 10 pm */
	put(REG_B, 0x04);
	assert_int_equal(get(4), 0x8a);
	put(REG_B, H24 | 0x04);
	assert_int_equal(get(4), 22);
	put(REG_B, H24);
	assert_int_equal(get(4), 0x22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_due_unless_enabled, setup),
		cmocka_unit_test_setup(update_interrupt_comes_each_second, setup),
		cmocka_unit_test_setup(alarm_matches_time_or_any, setup),
		cmocka_unit_test_setup(periodic_interrupt_keeps_its_grid, setup),
		cmocka_unit_test_setup(update_in_progress_shows_before_the_second, setup),
		cmocka_unit_test_setup(guest_sets_the_clock, setup),
		cmocka_unit_test_setup(any_byte_may_be_written, setup),
		cmocka_unit_test_setup(twelve_hours_and_binary, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
