/**
 * vhost_user_chan: one vhost-user socket, message by message, without ever waiting.
 *
 * Messages to send are put on the wire at once or queued until the socket takes them; a received
 * one is handed out when all of it is here. The peer is not trusted: sizes are checked before
 * anything is copied.
 * File descriptors from the peer are never received, and a socket in which some lie is closed where
 * nobody waits (unix_conn.h).
 * Threads: one (the event loop's).
 * Life cycle: vhost_chan_init() takes the fd over; vhost_chan_done() closes it.
 * Limits: VHOST_CHAN_MAX_QUEUED messages waiting to be sent.
 */
#ifndef WEFT_VMM_VHOST_USER_CHAN_H
#define WEFT_VMM_VHOST_USER_CHAN_H

#include "vhost_user.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_CHAN_MAX_QUEUED 512

struct closer;
struct vhost_chan_out; /* a message that waits */

struct vhost_chan {
	int fd; /* owned; -1 = closed */
	struct vhost_chan_out *out_first, *out_last;
	unsigned n_out;
	size_t n_in; /* bytes of in that are here */
	struct vhost_user_msg in;
};

/** fd: transferred, non-blocking stream socket. */
void vhost_chan_init(struct vhost_chan *chan, int fd);
/** Close and drop what waits; may be called again. */
void vhost_chan_done(struct vhost_chan *chan, struct closer *closer);

/**
 * Send hdr and hdr->size bytes of payload, with fds[n_fds] (borrowed; they must stay open until the
 * message is out, which is sure when its reply came or the channel is done).
 * returns  0, -ENOBUFS (too many wait), -ENOMEM, or what the socket said (-EPIPE: the peer is gone)
 */
int vhost_chan_send(struct vhost_chan *chan, const struct vhost_user_hdr *hdr, const void *payload,
	const int *fds, unsigned n_fds);
/** Send what waits, as far as it goes. 0 or -errno. */
int vhost_chan_flush(struct vhost_chan *chan);
/** Does a message wait for the socket to become writable? */
bool vhost_chan_is_blocked(const struct vhost_chan *chan);

/** The next message: 1, 0 (not all here), -ECONNRESET (the peer closed), -EPROTO (bad header),
 *  -EBADMSG (descriptors come with it). */
int vhost_chan_recv(struct vhost_chan *chan, struct vhost_user_msg *ret_msg);

#endif
