#include "port_rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static struct ctl_port_rates row_of(const struct port_rates *rates)
{
	struct ctl_port_rates row;

	port_rates_row("p", rates, &row);
	assert_string_equal(row.name, "p");
	return row;
}

static void there_are_none_before_the_second_sample(void **state)
{
	struct dp_counters counters = {.rx_frames = 1000};
	struct port_rates rates = {0};
	struct ctl_port_rates row = row_of(&rates);

	assert_int_equal(row.set, CTL_BIT(ctl_port_rates, name));
	port_rates_add(&rates, &counters, SECOND);
	row = row_of(&rates);
	assert_int_equal(row.set, CTL_BIT(ctl_port_rates, name));
	port_rates_add(&rates, &counters, SECOND); /* at the same moment */
	row = row_of(&rates);
	assert_int_equal(row.set, CTL_BIT(ctl_port_rates, name));
	port_rates_add(&rates, &counters, 2 * SECOND);
	row = row_of(&rates);
	assert_true(CTL_HAS(&row, ctl_port_rates, rx_frames_1s));
	assert_int_equal(row.rx_frames_1s, 0);
}

static void each_number_is_what_its_counter_grew_by(void **state)
{
	struct dp_counters counters = {0};
	struct port_rates rates = {0};
	struct ctl_port_rates row;

	port_rates_add(&rates, &counters, 0);
	counters = (struct dp_counters){
		.rx_frames = 10, .rx_bytes = 1000, .tx_frames = 20, .tx_bytes = 4000};
	counters.drops[DROP_RX_VLAN] = 3;
	counters.drops[DROP_TX_MTU] = 4;
	port_rates_add(&rates, &counters, SECOND / 2);
	row = row_of(&rates);
	assert_int_equal(row.rx_frames_1s, 20);
	assert_int_equal(row.rx_bits_1s, 16000);
	assert_int_equal(row.tx_frames_1s, 40);
	assert_int_equal(row.tx_bits_1s, 64000);
	assert_int_equal(row.drops_1s, 14);
	assert_int_equal(row.rx_bits_10s, 16000); /* of its life */
}

/* However late a tick comes, a steady port has a steady rate; and ten seconds are no more. */
static void rates_are_over_the_time_that_passed(void **state)
{
	struct dp_counters counters = {0};
	struct port_rates rates = {0};
	struct ctl_port_rates row;
	uint64_t now = 0;

	for (unsigned i = 0; i < 100; i++) {
		uint64_t step = SECOND + i * SECOND / 7;

		now += step;
		counters.rx_frames += step / 1000;
		port_rates_add(&rates, &counters, now);
		row = row_of(&rates);
		if (i == 0)
			continue;
		assert_in_range(row.rx_frames_1s, 999999, 1000001);
		assert_in_range(row.rx_frames_10s, 999999, 1000001);
	}
	for (unsigned i = 1; i <= 10; i++) {
		now += SECOND;
		port_rates_add(&rates, &counters, now);
		row = row_of(&rates);
		assert_int_equal(row.rx_frames_1s, 0);
		assert_true((row.rx_frames_10s == 0) == (i == 10));
	}
	/* One that goes back, since workers are read one after the other, has not grown. */
	counters.rx_frames--;
	port_rates_add(&rates, &counters, now + SECOND);
	row = row_of(&rates);
	assert_int_equal(row.rx_frames_1s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_none_before_the_second_sample),
		cmocka_unit_test(each_number_is_what_its_counter_grew_by),
		cmocka_unit_test(rates_are_over_the_time_that_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
