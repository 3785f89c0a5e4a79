/**
 * sockq_setup: making and ending a queue of an interface of the host (datapath/sockq.h).
 *
 * Threads: the control thread, while the queue is in no published snapshot.
 */
#ifndef WEFT_VSWITCH_PORT_SOCKQ_SETUP_H
#define WEFT_VSWITCH_PORT_SOCKQ_SETUP_H

#include "sockq.h"

/** fd is borrowed, non-blocking, and the queue's wake_fd. 0 or -ENOMEM. */
int sockq_create(enum sockq_type type, int fd, struct queue **ret_q);
/** One that sockq_create() made; NULL is accepted. */
void sockq_destroy(struct queue *q);

#endif
