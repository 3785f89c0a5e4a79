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
	while (monitor->n_calls > 0)
		ctl_call_finish(monitor->calls[--monitor->n_calls], 0, NULL, NULL);
}

static void forget_call(void *ctx, struct ctl_call *call)
{
	struct monitor *monitor = ctx;

	for (unsigned i = 0; i < monitor->n_calls; i++) {
		if (monitor->calls[i] != call)
			continue;
		monitor->calls[i] = monitor->calls[--monitor->n_calls];
		return;
	}
}

int monitor_subscribe(struct monitor *monitor, struct ctl_call *call)
{
	if (monitor->n_calls == CTL_MAX_CONNECTIONS)
		return -ENOSPC;
	monitor->calls[monitor->n_calls++] = call;
	ctl_call_on_close(call, forget_call, monitor);
	return 0;
}

void monitor_report(struct monitor *monitor, const char *object, const char *name,
	const char *event, const char *detail)
{
	struct ctl_event row = {0};
	struct timespec now;

	if (monitor->n_calls == 0)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	CTL_SET(&row, ctl_event, time_ns,
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	CTL_SET_STR(&row, ctl_event, object, object);
	CTL_SET_STR(&row, ctl_event, name, name);
	CTL_SET_STR(&row, ctl_event, event, event);
	if (detail[0])
		CTL_SET_STR(&row, ctl_event, detail, detail);
	/* Backwards: a call that turns out closed takes itself off the list, and the last one takes
	 * its place, which was told already. */
	for (unsigned i = monitor->n_calls; i-- > 0;) {
		if (i < monitor->n_calls)
			(void)ctl_call_send(monitor->calls[i], &row);
	}
}
