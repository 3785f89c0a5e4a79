/**
 * idle_setup: what a worker sleeps on (datapath/idle.h): made, filled and ended.
 *
 * Threads: the control thread. Descriptors are watched and unwatched while the worker sleeps or
 * not.
 */
#ifndef WEFT_VSWITCH_CONTROL_IDLE_SETUP_H
#define WEFT_VSWITCH_CONTROL_IDLE_SETUP_H

#include "datapath/idle.h"

/** 0 or -errno; done accepts a struct that init failed on. */
int idle_init(struct idle *idle, uint64_t tsc_per_us);
void idle_done(struct idle *idle);
/** Watch what wakes the worker of a queue, or no longer. */
void idle_watch(struct idle *idle, struct queue *q);
void idle_unwatch(struct idle *idle, struct queue *q);
/** Any thread: make idle_wait() return, this time or the next. */
void idle_wake(struct idle *idle);

#endif
