/**
 * vhost_chan: vhost-user messages in and out of a socket, without ever waiting.
 *
 * A peer may send a byte a second, half a message, too many file descriptors: a
 * channel collects one message at a time and keeps its place. Descriptors
 * belong to the message they came with; those that its handler did not take are
 * closed, by the port's closer, as the socket is: nobody knows what they are,
 * nor what still lies in the socket's queue.
 *
 * Threads: the control thread. Life cycle: init with a connected non-blocking
 * socket (transferred), done closes it. Limits: VHOST_USER_MAX_PAYLOAD,
 * VHOST_USER_MAX_FDS. Source: "Vhost-user Protocol", "Message Specification".
 */
#ifndef WEFT_VSWITCH_PORT_VHOST_CHAN_H
#define WEFT_VSWITCH_PORT_VHOST_CHAN_H

#include "closer.h"

#include "err.h"
#include "vhost_user.h"

#include <stddef.h>

struct vhost_chan {
	int fd;
	struct closer *closer; /* borrowed */
	struct vhost_user_msg msg;
	size_t got; /* bytes of msg that are here */
	int fds[VHOST_USER_MAX_FDS];
	unsigned n_fds;
};

void vhost_chan_init(struct vhost_chan *chan, int fd, struct closer *closer);
void vhost_chan_done(struct vhost_chan *chan);

/**
 * Read on. returns 1 (a message is complete in chan->msg), 0 (not yet),
 * -ECONNRESET (the peer is gone), -EPROTO or another -errno with err set. After
 * 1, vhost_chan_next() begins the next one.
 */
int vhost_chan_read(struct vhost_chan *chan, struct err *err);
/** Forget the message and close its descriptors that nobody took. */
void vhost_chan_next(struct vhost_chan *chan);
/** Take descriptor i of the message (transferred), or -1. */
int vhost_chan_take_fd(struct vhost_chan *chan, unsigned i);
/** Answer the current message with payload[size]. returns 0 or -errno (a full
 * socket counts). */
int vhost_chan_reply(struct vhost_chan *chan, const void *payload, size_t size);

#endif
