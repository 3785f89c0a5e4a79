/**
 * port_rates: what a port's counters grew by a second, over the last second and the last ten.
 *
 * Data model: what was counted at the last eleven ticks, and when. A rate is over what time really
 * passed, so that a tick that came late changes nothing; of a port that is younger than ten
 * seconds it is over its life.
 *
 * Threads: the control thread; pure. Life cycle: a zeroed struct is one without a sample.
 */
#ifndef WEFT_VSWITCH_CONTROL_PORT_RATES_H
#define WEFT_VSWITCH_CONTROL_PORT_RATES_H

#include "ctl_vswitch.h"

#include "datapath/counters.h"

#define PORT_RATES_SAMPLES 11

struct port_counts {
	uint64_t rx_bits, rx_frames, tx_bits, tx_frames, dropped;
};

struct port_rates {
	struct {
		uint64_t at_ns;
		struct port_counts counts;
	} samples[PORT_RATES_SAMPLES];
	uint32_t n; /* that there ever were */
};

/** To be called each second. */
void port_rates_add(struct port_rates *rates, const struct dp_counters *counters, uint64_t now_ns);
/** Of a port without two samples there are no rates: only its name. */
void port_rates_row(const char *port, const struct port_rates *rates,
	struct ctl_port_rates *ret_row);

#endif
