/**
 * counters: what one worker counted at one port.
 *
 * Written by that worker only, plain stores; the control thread adds the workers up. So no atomic
 * and no shared cache line is in the way of a frame. Invariant, per worker and in sum over ports:
 *   rx_frames + copies = tx_frames + every drop + held - released
 * where copies are the frames that a flood, a software segmentation, an impairment or control
 * added, and held ones are in nobody's queue for a while until they are released and go on
 * (hold.h). Three things are no worker's, and control adds them so that the sum holds: what the
 * host's kernel dropped on the way to a port, to rx_frames and drops[RX_HOST_FULL]
 * (port_missed()), for a frame in is one that was sent to the port; what control injected
 * (inject.h), to copies and held, for it was received from nobody and waits for its worker; and
 * what was held when its link or port went, to released and drops[TX_DISCARDED] or
 * drops[RX_DISCARDED].
 */
#ifndef WEFT_VSWITCH_DATAPATH_COUNTERS_H
#define WEFT_VSWITCH_DATAPATH_COUNTERS_H

#include "drop.h"

#include <stdalign.h>
#include <stdint.h>

struct dp_counters {
	alignas(64) uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t rx_multicast; /* group addresses other than broadcast */
	uint64_t rx_broadcast;
	uint64_t tx_frames;
	uint64_t tx_bytes;
	uint64_t tx_multicast;
	uint64_t tx_broadcast;
	uint64_t copies;
	uint64_t held;
	uint64_t released;
	uint64_t drops[DROP_N_REASONS];
};

#endif
