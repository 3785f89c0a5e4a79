#include "notify.h"

#include "sys.h"

#include <errno.h>

/* Collecting makes room, so that a second try is one too many already. */
#define SUBMIT_TRIES 4

/* The results say nothing, but take room. */
static void collect(struct notify *notify)
{
	struct io_event events[NOTIFY_EVENTS];

	sys_collect_requests(notify->context, NOTIFY_EVENTS, events);
	notify->n_ended = 0;
}

void notify_submit(struct notify *notify)
{
	unsigned done = 0;

	if (!notify->n)
		return;
	if (notify->n_ended + notify->n > NOTIFY_EVENTS)
		collect(notify);
	for (unsigned tries = 0; done < notify->n;) {
		long n =
			sys_submit_requests(notify->context, notify->n - done, notify->list + done);

		if (n > 0)
			done += (unsigned)n;
		else if (errno == EAGAIN && ++tries < SUBMIT_TRIES)
			collect(notify);
		else
			done++; /* it is no eventfd, which the port has checked */
	}
	notify->n_ended += notify->n;
	notify->n = 0;
}

void notify_add(struct notify *notify, int fd)
{
	if (notify->n == NOTIFY_BATCH)
		notify_submit(notify);
	notify->calls[notify->n++].aio_resfd = (uint32_t)fd;
}
