/**
 * monitor: who wants to know what happens in the switch, and telling them.
 *
 * Data model: the open Monitor calls, at most one per client connection. What a client does not
 * read is bounded by the control server, which cuts a slow reader off; so telling never waits.
 * Threads: the control thread. Life cycle: init, done; calls leave by themselves when their client
 * goes away.
 */
#ifndef WEFT_VSWITCH_CONTROL_MONITOR_H
#define WEFT_VSWITCH_CONTROL_MONITOR_H

#include "ctl_limits.h"
#include "ctl_vswitch.h"

struct ctl_call;

struct monitor {
	struct ctl_call *calls[CTL_MAX_CONNECTIONS];
	unsigned n_calls;
};

void monitor_init(struct monitor *monitor);
/** End every subscription. */
void monitor_done(struct monitor *monitor);
/** Send every later event to call. returns 0 or -ENOSPC */
int monitor_subscribe(struct monitor *monitor, struct ctl_call *call);
/** object "port", name "p1", event "connected"; detail may be "". */
void monitor_report(struct monitor *monitor, const char *object, const char *name,
	const char *event, const char *detail);

#endif
