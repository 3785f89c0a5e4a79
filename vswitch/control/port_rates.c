#include "port_rates.h"

#include "stats.h"

void port_rates_add(struct port_rates *rates, const struct dp_counters *counters, uint64_t now_ns)
{
	unsigned at = rates->n++ % PORT_RATES_SAMPLES;

	rates->samples[at].at_ns = now_ns;
	rates->samples[at].counts = (struct port_counts){
		.rx_bits = counters->rx_bytes * 8,
		.rx_frames = counters->rx_frames,
		.tx_bits = counters->tx_bytes * 8,
		.tx_frames = counters->tx_frames,
		.dropped = stats_dropped(counters),
	};
}

/* Counters of several workers may be read a little apart, but none goes back. */
static uint64_t per_second(uint64_t now, uint64_t then, uint64_t ns)
{
	double grown = now > then ? (double)(now - then) : 0;

	return (uint64_t)(grown * 1e9 / (double)ns + 0.5);
}

/* Over the time since n samples ago, or since the first. False: there are not two. */
static bool rates_over(const struct port_rates *rates, unsigned n, struct port_counts *ret)
{
	unsigned last = (rates->n - 1) % PORT_RATES_SAMPLES, first;
	uint64_t ns;

	if (rates->n < 2)
		return false;
	if (n > rates->n - 1)
		n = rates->n - 1;
	first = (rates->n - 1 - n) % PORT_RATES_SAMPLES;
	ns = rates->samples[last].at_ns - rates->samples[first].at_ns;
	if (ns == 0)
		return false;
	const struct port_counts *now = &rates->samples[last].counts;
	const struct port_counts *then = &rates->samples[first].counts;

	ret->rx_bits = per_second(now->rx_bits, then->rx_bits, ns);
	ret->rx_frames = per_second(now->rx_frames, then->rx_frames, ns);
	ret->tx_bits = per_second(now->tx_bits, then->tx_bits, ns);
	ret->tx_frames = per_second(now->tx_frames, then->tx_frames, ns);
	ret->dropped = per_second(now->dropped, then->dropped, ns);
	return true;
}

void port_rates_row(const char *port, const struct port_rates *rates,
	struct ctl_port_rates *ret_row)
{
	struct ctl_port_rates *row = ret_row;
	struct port_counts per_s;

	*row = (struct ctl_port_rates){0};
	CTL_SET_STR(row, ctl_port_rates, name, port);
	if (rates_over(rates, 1, &per_s)) {
		CTL_SET(row, ctl_port_rates, rx_bits_1s, per_s.rx_bits);
		CTL_SET(row, ctl_port_rates, rx_frames_1s, per_s.rx_frames);
		CTL_SET(row, ctl_port_rates, tx_bits_1s, per_s.tx_bits);
		CTL_SET(row, ctl_port_rates, tx_frames_1s, per_s.tx_frames);
		CTL_SET(row, ctl_port_rates, drops_1s, per_s.dropped);
	}
	if (rates_over(rates, PORT_RATES_SAMPLES - 1, &per_s)) {
		CTL_SET(row, ctl_port_rates, rx_bits_10s, per_s.rx_bits);
		CTL_SET(row, ctl_port_rates, rx_frames_10s, per_s.rx_frames);
		CTL_SET(row, ctl_port_rates, tx_bits_10s, per_s.tx_bits);
		CTL_SET(row, ctl_port_rates, tx_frames_10s, per_s.tx_frames);
		CTL_SET(row, ctl_port_rates, drops_10s, per_s.dropped);
	}
}
