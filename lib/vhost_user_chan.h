/**
 * vhost_user_chan: one end of a vhost-user socket, message by message: what front-ends and
 * back-ends have in common, in the switch, the VMM, the tester and the tests' peers.
 *
 * It knows how messages are framed, how descriptors come and go beside them, and who acknowledges
 * what. It does not know what a message means, whether it may come now, nor in which order answers
 * are due: that is its user's.
 *
 *   front-end   init(max_fds 0)   request() ...               recv() an answer, next() ...
 *   back-end    init(max_fds 8)   recv() a request, handle it, reply() or ack(), next() ...
 *
 * Receiving. A peer may send a byte a second, half a message, a size without end, descriptors that
 * nobody wants: vhost_chan_recv() collects one message, checks version and size before it takes the
 * payload, and keeps its place between calls. It takes no more than a call to the kernel for each
 * byte of a message. What a payload lacks of union vhost_user_payload is zero.
 *
 * Descriptors that come belong to the message, until vhost_chan_take_fd() takes them over; the rest
 * is closed by vhost_chan_next(). Where max_fds is 0 they are not even received: nobody knows what
 * closing them waits for (unix_conn.h). One too many ends the connection. What is closed goes to
 * the closer, as does a socket in which some may lie; only who may wait, a tester or a test, has
 * none. Before each message a user with a closer of its own looks whether that is behind.
 *
 * Sending never waits. What the socket does not take at once is queued, VHOST_CHAN_MAX_QUEUED
 * messages of it, and sent by vhost_chan_flush() when the socket is writable; descriptors that are
 * sent are borrowed until then. An answer is not queued: whoever does not read its answers has to
 * be dropped, and costs no memory.
 *
 * Acknowledgements. Once both sides have set REPLY_ACK (has_reply_ack), vhost_chan_request() wants
 * one for every request that has no answer of its own, and vhost_chan_ack() gives it to who wanted
 * one; the message in which the feature is set has none.
 *
 * Threads: one. Life cycle: init takes a connected stream socket over, done closes it, which the
 * peer sees at once. After an error of any function but take_fd, the connection can only end.
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications, "Message Specification",
 * "Communication", and VHOST_USER_PROTOCOL_F_REPLY_ACK.
 */
#ifndef WEFT_LIB_VHOST_USER_CHAN_H
#define WEFT_LIB_VHOST_USER_CHAN_H

#include "vhost_user.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_CHAN_MAX_QUEUED 512

struct closer;
struct err;
struct vhost_chan_out; /* a message that waits */

struct vhost_chan {
	int fd;                    /* -1 = closed */
	bool has_reply_ack;        /* set by the user, when it was negotiated */
	struct vhost_user_msg msg; /* the one that vhost_chan_recv() completed; read only */
	unsigned n_fds;            /* that came with it, those that were taken over included */
	int fds[VHOST_USER_MAX_FDS];
	/* Private. */
	unsigned max_fds;
	struct closer *closer;
	size_t n_in; /* bytes of msg that are here */
	bool is_ack_due;
	struct vhost_chan_out *out_first, *out_last;
	unsigned n_out;
};

/** Does the front-end's request have an answer of its own, which no acknowledgement replaces? */
bool vhost_user_has_answer(uint32_t request);

/**
 * fd       transferred
 * closer   borrowed; NULL = closing may wait
 * max_fds  that a message may bring, VHOST_USER_MAX_FDS at most
 */
void vhost_chan_init(struct vhost_chan *chan, int fd, struct closer *closer, unsigned max_fds);
/** Close, and drop what waits; may be called again. msg can still be read. */
void vhost_chan_done(struct vhost_chan *chan);

/**
 * Read on, without waiting.
 * returns  1 (a message is complete in chan->msg), 0 (not yet), -ECONNRESET (the peer closed),
 *          -EPROTO (it broke a rule of this file), or -errno; err (may be NULL) says which
 */
int vhost_chan_recv(struct vhost_chan *chan, struct err *err);
/** Be done with the message, if there is one, and close its descriptors that nobody took. */
void vhost_chan_next(struct vhost_chan *chan);
/** Take descriptor i of the message over (owned), or -1. */
int vhost_chan_take_fd(struct vhost_chan *chan, unsigned i);

/**
 * Answer the message with payload[size]. The socket takes it now, or never.
 * returns  0, -EAGAIN (the peer does not read), or -errno
 */
int vhost_chan_reply(struct vhost_chan *chan, const void *payload, size_t size);
/** Acknowledge the message with result, 0 = done, where its sender wants that. As reply(). */
int vhost_chan_ack(struct vhost_chan *chan, uint64_t result);

/**
 * Ask for something: send a request with payload[size] and fds[n_fds].
 * returns  1 (its answer or acknowledgement will come), 0 (none will), -ENOBUFS (too many
 *          descriptors, or too many messages wait), -ENOMEM, or what the socket said (-EPIPE: the
 *          peer is gone)
 */
int vhost_chan_request(struct vhost_chan *chan, uint32_t request, const void *payload,
	uint32_t size, const int *fds, unsigned n_fds);
/** Send a message of hdr and payload[hdr->size], whatever they say. As request(), but never 1. */
int vhost_chan_send(struct vhost_chan *chan, const struct vhost_user_hdr *hdr, const void *payload,
	const int *fds, unsigned n_fds);
/** Send what waits, as far as it goes. 0 or -errno. */
int vhost_chan_flush(struct vhost_chan *chan);
/** Does a message wait for the socket to become writable? */
bool vhost_chan_is_blocked(const struct vhost_chan *chan);

#endif
