/**
 * idle: what a worker does when there is nothing to do.
 *
 * It asks its guests to kick, looks once more (a guest may have sent in between without kicking),
 * leaves the grace-period accounting and sleeps on an epoll set: the kick eventfds of its rings and
 * one wake-up eventfd, all edge-triggered, so that nobody ever reads them.
 */
#ifndef WEFT_DATAPATH_IDLE_H
#define WEFT_DATAPATH_IDLE_H

#include "snapshot.h"

#include <stdatomic.h>

struct idle {
	int epoll_fd;
	int wake_fd;
	_Atomic unsigned n_unwatched; /* rings without a kick: they must be polled */
};

/** Control: 0 or -errno; done accepts a struct that init failed on. */
int idle_init(struct idle *idle);
void idle_done(struct idle *idle);
/** Control: watch the kick of a ring or device, or no longer. */
void idle_watch(struct idle *idle, const struct dp_rx *rx);
void idle_unwatch(struct idle *idle, const struct dp_rx *rx);
/** Any thread: make idle_wait() return, this time or the next. */
void idle_wake(struct idle *idle);

/** Worker: ask the drivers of rx[n_rx] to kick. True if it may sleep: nothing is pending. */
bool idle_prepare(struct idle *idle, const struct dp_rx *rx, unsigned n_rx);
/** Worker: sleep until a kick or idle_wake(). */
void idle_wait(struct idle *idle);

#endif
