#include "monitor.h"

#include "ctl_server.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void monitor_init(struct monitor *monitor)
{
	*monitor = (struct monitor){0};
}

void monitor_done(struct monitor *monitor)
{
	while (monitor->n_readers > 0)
		ctl_call_finish(monitor->readers[--monitor->n_readers].call, 0, NULL, NULL);
}

static void forget_call(void *ctx, struct ctl_call *call)
{
	struct monitor *monitor = ctx;

	for (unsigned i = 0; i < monitor->n_readers; i++) {
		if (monitor->readers[i].call != call)
			continue;
		monitor->readers[i] = monitor->readers[--monitor->n_readers];
		return;
	}
}

int monitor_subscribe(struct monitor *monitor, struct ctl_call *call)
{
	if (monitor->n_readers == CTL_MAX_CONNECTIONS)
		return -ENOSPC;
	monitor->readers[monitor->n_readers++] = (struct monitor_reader){call, monitor->n_events};
	ctl_call_on_close(call, forget_call, monitor);
	return 0;
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool has_room(const struct monitor_reader *reader)
{
	return ctl_call_backlog(reader->call) < MONITOR_MAX_BACKLOG;
}

/* What the reader missed up to the event of that number. */
static void tell_gap(struct monitor_reader *reader, uint64_t last)
{
	struct ctl_event row = {0};

	if (reader->last == last)
		return;
	CTL_SET(&row, ctl_event, seq, last);
	CTL_SET(&row, ctl_event, time_ns, wall_ns());
	CTL_SET_STR(&row, ctl_event, object, "monitor");
	CTL_SET_STR(&row, ctl_event, event, "lost");
	CTL_SET(&row, ctl_event, lost, last - reader->last);
	reader->last = last;
	(void)ctl_call_send(reader->call, &row); /* who is gone needs no events */
}

void monitor_tick(struct monitor *monitor)
{
	monitor->n_traffic = 0;
	/* Who lost the last events that there were gets to know it, too. */
	for (unsigned i = 0; i < monitor->n_readers; i++) {
		if (has_room(&monitor->readers[i]))
			tell_gap(&monitor->readers[i], monitor->n_events);
	}
}

static void send_event(struct monitor *monitor, struct ctl_event *event)
{
	CTL_SET(event, ctl_event, seq, ++monitor->n_events);
	if (monitor->n_readers == 0)
		return;
	CTL_SET(event, ctl_event, time_ns, wall_ns());
	for (unsigned i = 0; i < monitor->n_readers; i++) {
		struct monitor_reader *reader = &monitor->readers[i];

		if (!has_room(reader))
			continue;
		tell_gap(reader, event->seq - 1);
		reader->last = event->seq;
		(void)ctl_call_send(reader->call, event); /* who is gone needs no events */
	}
}

void monitor_report_traffic(struct monitor *monitor, struct ctl_event *event)
{
	if (monitor->n_traffic++ < MONITOR_TRAFFIC_PER_S)
		send_event(monitor, event);
	else
		monitor->n_events++;
}

void monitor_report(struct monitor *monitor, const char *object, const char *name,
	const char *event, const char *detail)
{
	struct ctl_event row = {0};

	CTL_SET_STR(&row, ctl_event, object, object);
	CTL_SET_STR(&row, ctl_event, name, name);
	CTL_SET_STR(&row, ctl_event, event, event);
	if (detail[0])
		CTL_SET_STR(&row, ctl_event, detail, detail);
	send_event(monitor, &row);
}
