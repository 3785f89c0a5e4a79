#include "stats.h"

#include <string.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void drops_are_split_by_direction(void **state)
{
	struct dp_counters counters = {.rx_frames = 10, .tx_frames = 7, .rx_bytes = 640};
	struct ctl_port_stats row;

	counters.drops[DROP_RX_VLAN] = 2;
	counters.drops[DROP_RX_SOURCE] = 1;
	counters.drops[DROP_TX_RING_FULL] = 5;
	stats_port_row("p1", &counters, &row);
	assert_string_equal(row.name, "p1");
	assert_int_equal(row.rx_dropped, 3);
	assert_int_equal(row.tx_dropped, 5);
	assert_int_equal(row.rx_frames, 10);
	assert_int_equal(row.rx_bytes, 640);
	assert_true(CTL_HAS(&row, ctl_port_stats, tx_broadcast));
}

static void unicast_is_the_rest_and_errors_are_drops(void **state)
{
	struct dp_counters counters = {.rx_frames = 10,
		.rx_multicast = 2,
		.rx_broadcast = 3,
		.tx_frames = 4,
		.tx_multicast = 3,
		.tx_broadcast = 2};
	struct ctl_port_stats row;

	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		counters.drops[i] = 1;
	stats_port_row("p1", &counters, &row);
	assert_int_equal(row.rx_unicast, 5);
	assert_int_equal(row.tx_unicast, 0); /* read while it counts */
	assert_int_equal(row.rx_errors, 4);
	assert_int_equal(row.tx_errors, 2);
	assert_true(row.rx_errors < row.rx_dropped && row.tx_errors < row.tx_dropped);
	assert_int_equal(stats_dropped(&counters), row.rx_dropped + row.tx_dropped);
}

static void switch_row_balances(void **state)
{
	struct dp_counters sum = {
		.rx_frames = 10, .copies = 4, .tx_frames = 11, .held = 9, .released = 9};
	struct ctl_switch row = {0};

	sum.drops[DROP_RX_VLAN] = 2;
	sum.drops[DROP_TX_RING_FULL] = 1;
	stats_switch_row(&sum, &row);
	assert_int_equal(row.dropped, 3);
	assert_int_equal(row.held, 0);
	assert_int_equal(row.rx_frames + row.copies, row.tx_frames + row.dropped);
	sum.held += 5;
	sum.rx_frames += 5;
	stats_switch_row(&sum, &row);
	assert_int_equal(row.held, 5);
	assert_int_equal(row.rx_frames + row.copies, row.tx_frames + row.dropped + row.held);
	/* Read while another worker released what this one held. */
	sum.released += 6;
	stats_switch_row(&sum, &row);
	assert_int_equal(row.held, 0);
}

/* The rows of a port, as "rx:vlan-refused ". */
static void collect(const struct dp_counters *counters, char *out)
{
	struct ctl_drop row;
	unsigned at = 0;

	out[0] = '\0';
	while (stats_drop_next("p1", counters, &at, &row)) {
		assert_string_equal(row.port, "p1");
		assert_true(row.help[0]);
		(void)sprintf(out + strlen(out), "%s:%s ", row.direction, row.reason);
	}
}

static void only_reasons_that_counted_are_rows(void **state)
{
	struct dp_counters counters = {0};
	char got[256];

	collect(&counters, got);
	assert_string_equal(got, "");
	counters.drops[DROP_RX_VLAN] = 1;
	counters.drops[DROP_TX_MTU] = 1;
	collect(&counters, got);
	assert_string_equal(got, "rx:vlan-refused tx:over-mtu ");
}

/* What came in or was made and neither went out nor was dropped. */
static int64_t missing(const struct dp_counters *sum)
{
	uint64_t dropped = 0;

	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		dropped += sum->drops[i];
	return (int64_t)(sum->rx_frames + sum->copies - sum->tx_frames - dropped);
}

static void frames_are_conserved_over_ports(void **state)
{
	struct dp_counters sum = {0}, a = {.rx_frames = 10, .copies = 4}, b = {.tx_frames = 11};

	a.drops[DROP_RX_SOURCE] = 2;
	b.drops[DROP_TX_RING_FULL] = 1;
	stats_add(&sum, &a);
	assert_int_equal(missing(&sum), 12);
	stats_add(&sum, &b);
	assert_int_equal(missing(&sum), 0);
	assert_int_equal(sum.drops[DROP_RX_SOURCE], 2);
}

static void every_reason_fits_its_row(void **state)
{
	for (unsigned i = 0; i < DROP_N_REASONS; i++) {
		assert_true(strlen(drop_infos[i].name) <= 63);
		assert_true(strlen(drop_infos[i].help) <= 127);
		assert_true(!strcmp(drop_infos[i].direction, "rx") ||
			    !strcmp(drop_infos[i].direction, "tx"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_are_split_by_direction),
		cmocka_unit_test(unicast_is_the_rest_and_errors_are_drops),
		cmocka_unit_test(switch_row_balances),
		cmocka_unit_test(only_reasons_that_counted_are_rows),
		cmocka_unit_test(frames_are_conserved_over_ports),
		cmocka_unit_test(every_reason_fits_its_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
