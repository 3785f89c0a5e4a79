/**
 * notify_setup: making and ending what a worker calls drivers by (datapath/notify.h).
 *
 * Threads: the control thread, while the worker does not run.
 * Limits: /proc/sys/fs/aio-max-nr counts NOTIFY_EVENTS for each worker.
 */
#ifndef WEFT_VSWITCH_CONTROL_NOTIFY_SETUP_H
#define WEFT_VSWITCH_CONTROL_NOTIFY_SETUP_H

#include "datapath/notify.h"

/** 0, -EAGAIN (fs.aio-max-nr is used up), -ENOSYS or another -errno. */
int notify_init(struct notify *notify);
/** A struct of zeroes, or one that init failed on, is accepted. */
void notify_done(struct notify *notify);

#endif
