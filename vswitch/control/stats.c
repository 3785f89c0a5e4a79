#include "stats.h"

#include <string.h>

static bool is_rx(enum drop_reason reason)
{
	return drop_infos[reason].direction[0] == 'r';
}

static uint64_t sum_drops(const struct dp_counters *counters, bool rx)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_N_REASONS; i++) {
		if (is_rx(i) == rx)
			sum += counters->drops[i];
	}
	return sum;
}

uint64_t stats_dropped(const struct dp_counters *counters)
{
	return sum_drops(counters, true) + sum_drops(counters, false);
}

/* Of frames that nobody could have delivered, as ifInErrors and ifOutErrors of the IF-MIB. */
static uint64_t sum_rx_errors(const struct dp_counters *counters)
{
	const uint64_t *drops = counters->drops;

	return drops[DROP_RX_TOO_SHORT] + drops[DROP_RX_TOO_LONG] + drops[DROP_RX_BAD_HEADER] +
	       drops[DROP_RX_SEGMENTS];
}

static uint64_t sum_tx_errors(const struct dp_counters *counters)
{
	return counters->drops[DROP_TX_OFFLOAD] + counters->drops[DROP_TX_BROKEN];
}

/* Neither to a group nor to all. The counters of a burst are read one by one while it counts. */
static uint64_t rest(uint64_t frames, uint64_t multicast, uint64_t broadcast)
{
	return frames > multicast + broadcast ? frames - multicast - broadcast : 0;
}

void stats_port_row(const char *port, const struct dp_counters *counters,
	struct ctl_port_stats *ret_row)
{
	struct ctl_port_stats *row = ret_row;

	*row = (struct ctl_port_stats){0};
	CTL_SET_STR(row, ctl_port_stats, name, port);
	CTL_SET(row, ctl_port_stats, rx_frames, counters->rx_frames);
	CTL_SET(row, ctl_port_stats, rx_bytes, counters->rx_bytes);
	CTL_SET(row, ctl_port_stats, rx_multicast, counters->rx_multicast);
	CTL_SET(row, ctl_port_stats, rx_broadcast, counters->rx_broadcast);
	CTL_SET(row, ctl_port_stats, rx_dropped, sum_drops(counters, true));
	CTL_SET(row, ctl_port_stats, tx_frames, counters->tx_frames);
	CTL_SET(row, ctl_port_stats, tx_bytes, counters->tx_bytes);
	CTL_SET(row, ctl_port_stats, tx_multicast, counters->tx_multicast);
	CTL_SET(row, ctl_port_stats, tx_broadcast, counters->tx_broadcast);
	CTL_SET(row, ctl_port_stats, tx_dropped, sum_drops(counters, false));
	CTL_SET(row, ctl_port_stats, copies, counters->copies);
	CTL_SET(row, ctl_port_stats, rx_unicast,
		rest(counters->rx_frames, counters->rx_multicast, counters->rx_broadcast));
	CTL_SET(row, ctl_port_stats, rx_errors, sum_rx_errors(counters));
	CTL_SET(row, ctl_port_stats, tx_unicast,
		rest(counters->tx_frames, counters->tx_multicast, counters->tx_broadcast));
	CTL_SET(row, ctl_port_stats, tx_errors, sum_tx_errors(counters));
}

void stats_switch_row(const struct dp_counters *sum, struct ctl_switch *row)
{
	CTL_SET(row, ctl_switch, rx_frames, sum->rx_frames);
	CTL_SET(row, ctl_switch, copies, sum->copies);
	CTL_SET(row, ctl_switch, tx_frames, sum->tx_frames);
	CTL_SET(row, ctl_switch, dropped, stats_dropped(sum));
	/* One worker's counters may be older than another's. */
	CTL_SET(row, ctl_switch, held, sum->held > sum->released ? sum->held - sum->released : 0);
}

void stats_drop_row(const char *port, const struct dp_counters *counters, enum drop_reason reason,
	struct ctl_drop *ret_row)
{
	*ret_row = (struct ctl_drop){0};
	CTL_SET_STR(ret_row, ctl_drop, port, port);
	CTL_SET_STR(ret_row, ctl_drop, direction, drop_infos[reason].direction);
	CTL_SET_STR(ret_row, ctl_drop, reason, drop_infos[reason].name);
	CTL_SET(ret_row, ctl_drop, frames, counters->drops[reason]);
	CTL_SET_STR(ret_row, ctl_drop, help, drop_infos[reason].help);
}

bool stats_drop_next(const char *port, const struct dp_counters *counters, unsigned *at,
	struct ctl_drop *ret_row)
{
	for (unsigned i; (i = *at) < DROP_N_REASONS;) {
		++*at;
		if (counters->drops[i] == 0)
			continue;
		stats_drop_row(port, counters, i, ret_row);
		return true;
	}
	return false;
}

void stats_add(struct dp_counters *sum, const struct dp_counters *from)
{
	sum->rx_frames += from->rx_frames;
	sum->rx_bytes += from->rx_bytes;
	sum->rx_multicast += from->rx_multicast;
	sum->rx_broadcast += from->rx_broadcast;
	sum->tx_frames += from->tx_frames;
	sum->tx_bytes += from->tx_bytes;
	sum->tx_multicast += from->tx_multicast;
	sum->tx_broadcast += from->tx_broadcast;
	sum->copies += from->copies;
	sum->held += from->held;
	sum->released += from->released;
	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		sum->drops[i] += from->drops[i];
}
