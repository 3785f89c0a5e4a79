/**
 * monitor: who wants to know what happens in a program (calls of a method Monitor), and telling
 * them.
 *
 * Whatever happens that people may wait for is reported here, by one call: monitor_report() for
 * what an operator or a peer's connection did, monitor_report_traffic() for what frames did, of
 * which there may be any number (a moved address, a storm, a limit).
 *
 * Data model. Events are numbered, from 1 at the program's start. A reader who does not keep up is
 * not waited for: beyond MONITOR_MAX_BACKLOG bytes that it has not read it loses events, and is
 * told how many before it gets the next one: an event "lost" of object "monitor", whose number is
 * that of the last that was lost. So for each reader, the number of an event is one more than that
 * of the event before, or than that plus what was lost. Of traffic's events, those beyond
 * MONITOR_TRAFFIC_PER_S are lost to all.
 *
 * Threads: the loop's. Life cycle: init, done; readers leave by themselves when their client goes
 * away. Limits: a reader for each connection that a control server has; nothing waits.
 */
#ifndef WEFT_LIB_MONITOR_H
#define WEFT_LIB_MONITOR_H

#include "ctl_limits.h"
#include "ctl_vswitch.h"

#define MONITOR_MAX_BACKLOG   (256 * 1024)
#define MONITOR_TRAFFIC_PER_S 100

struct ctl_call;

struct monitor_reader {
	struct ctl_call *call;
	uint64_t last; /* number of the last event that it got, or got to know the loss of */
};

struct monitor {
	struct monitor_reader readers[CTL_MAX_CONNECTIONS];
	unsigned n_readers;
	uint64_t n_events;  /* so far: the number of the last one */
	unsigned n_traffic; /* of them by traffic, since the last tick */
};

void monitor_init(struct monitor *monitor);
/** End every subscription. */
void monitor_done(struct monitor *monitor);
/** Send every later event to call. returns 0 or -ENOSPC */
int monitor_subscribe(struct monitor *monitor, struct ctl_call *call);
/** To be called each second. */
void monitor_tick(struct monitor *monitor);

/** object "port", name "p1", event "connected"; detail may be "". */
void monitor_report(struct monitor *monitor, const char *object, const char *name,
	const char *event, const char *detail);
/**
 * What frames did. event: object, name, event and what else there is to say; number and time are
 * filled in.
 */
void monitor_report_traffic(struct monitor *monitor, struct ctl_event *event);

#endif
