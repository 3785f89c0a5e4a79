/**
 * notify: signalling the eventfds by which drivers are called.
 *
 * A driver's call eventfd is an open file that its peer has, too: whatever was
 * checked before, the peer can make it blocking and fill its counter, and a write() waits until
 * somebody reads it, which may be never. Where an asynchronous request ends, the kernel signals an
 * eventfd without ever waiting: a counter that is full stays full. So a call is a request that
 * transfers nothing and names the eventfd, and one system call carries a batch of them: it costs
 * what one write() does, for up to NOTIFY_BATCH drivers.
 *
 * Threads: a struct notify belongs to one worker; control makes it before and ends it after
 * (control/notify_setup.h).
 * Source: io_submit(2), "aio_resfd"; linux/aio_abi.h.
 */
#ifndef WEFT_VSWITCH_DATAPATH_NOTIFY_H
#define WEFT_VSWITCH_DATAPATH_NOTIFY_H

#include <linux/aio_abi.h>

/** Calls in one system call. */
#define NOTIFY_BATCH 64
/** Ended requests that the kernel keeps until they are collected. */
#define NOTIFY_EVENTS 128

struct notify {
	aio_context_t context;
	int null_fd;      /* what the requests read nothing from */
	unsigned n;       /* calls[n] wait for notify_submit() */
	unsigned n_ended; /* since they were last collected */
	struct iocb calls[NOTIFY_BATCH];
	struct iocb *list[NOTIFY_BATCH]; /* &calls[i]: it may not move */
};

/** Add one to the driver's eventfd (borrowed until then) at the next notify_submit(). */
void notify_add(struct notify *notify, int fd);
/** Signal those that were added. Never waits for who has the eventfd. */
void notify_submit(struct notify *notify);

#endif
