/**
 * stats: counters, added up over the workers, as rows of the control protocol.
 *
 * rx = received from the port's peer by the switch, tx = delivered to it. A frame that was dropped
 * is counted at one port, with one reason, whose direction says whether that is the port it came
 * from or the one it was meant for.
 *
 * Threads: the control thread; pure.
 */
#ifndef WEFT_VSWITCH_CONTROL_STATS_H
#define WEFT_VSWITCH_CONTROL_STATS_H

#include "ctl_vswitch.h"

#include "datapath/counters.h"

void stats_port_row(const char *port, const struct dp_counters *counters,
	struct ctl_port_stats *ret_row);
/** The frame counters of the whole switch. */
void stats_switch_row(const struct dp_counters *sum, struct ctl_switch *row);

/** For all reasons, in both directions. */
uint64_t stats_dropped(const struct dp_counters *counters);
/** What was dropped for one reason. */
void stats_drop_row(const char *port, const struct dp_counters *counters, enum drop_reason reason,
	struct ctl_drop *ret_row);
/** The row of the next reason that counted anything; *at begins as 0. False: there is none. */
bool stats_drop_next(const char *port, const struct dp_counters *counters, unsigned *at,
	struct ctl_drop *ret_row);

/** Add from to sum. */
void stats_add(struct dp_counters *sum, const struct dp_counters *from);

#endif
