/**
 * idle: what a worker does when there is nothing to do.
 *
 * It asks its guests to kick, looks once more (a guest may have sent in between without kicking),
 * leaves the grace-period accounting and sleeps on an epoll set: the kick eventfds of its rings and
 * one wake-up eventfd, all edge-triggered, so that nobody ever reads them.
 *
 * Queues of devices without an interrupt have no such descriptor. While a worker has one, its sleep
 * is a nap after which it polls again: short at first, longer as nothing comes. Kicks end it, too.
 *
 * Held frames (hold.h) are due by time alone, and so is what a paced queue has (pace.h), which asks
 * for no kick meanwhile: the sleep ends a little before the first is, and the worker polls the rest
 * of the way, for the kernel wakes nobody to the microsecond.
 *
 * Threads: the worker; control makes it and says what to watch (control/idle_setup.h).
 */
#ifndef WEFT_VSWITCH_DATAPATH_IDLE_H
#define WEFT_VSWITCH_DATAPATH_IDLE_H

#include "snapshot.h"

#include <stdatomic.h>

/** The first nap between polls. */
#define IDLE_FIRST_NAP_NS 10000

struct idle {
	int epoll_fd;
	int wake_fd;
	_Atomic unsigned n_unwatched; /* rings without a kick: they must be polled */
	uint64_t ns_per_tsc;          /* times 2^32 */
	uint64_t early_tsc;           /* how long before a held frame is due a sleep ends */
	/* The worker's. */
	long nap_ns;      /* how long to leave those rings alone */
	uint64_t due_tsc; /* of the first held frame; UINT64_MAX: none is */
};

/** Worker: ask for wake-ups by rx[n_rx]. True if it may sleep: nothing is pending. */
bool idle_prepare(struct idle *idle, const struct dp_rx *rx, unsigned n_rx);
/** Worker: sleep until a kick, idle_wake() or a held frame: true; or until it is time to poll:
 *  false. */
bool idle_wait(struct idle *idle);
/** Worker: frames came after a nap: the next will be short. */
void idle_busy(struct idle *idle);

#endif
