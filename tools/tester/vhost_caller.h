/**
 * vhost_caller: what a vhost-user front-end asks of a back-end, one request after the other, each
 * waited for. For testers and tests, which have nothing else to do meanwhile; who serves others
 * uses the channel itself (vhost_user_chan.h).
 *
 * It makes no connection and decides nothing: its user negotiates, and keeps the memory and the
 * rings. Set chan.has_reply_ack when that was agreed: what is set is then waited for, too.
 *
 * Life cycle: init takes a connected socket over; chan.fd is -1 before it and after done. Threads:
 * one. Nothing waits longer than timeout_ms for a sign of the back-end.
 * Errors of all calls: -errno of the socket, -ETIMEDOUT, -ECONNRESET (it hung up), -EPROTO (it
 * answered something else), -EIO (it refused). The connection is of no use after them.
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications, by message name.
 */
#ifndef WEFT_TOOLS_TESTER_VHOST_CALLER_H
#define WEFT_TOOLS_TESTER_VHOST_CALLER_H

#include "vhost_user_chan.h"

struct vhost_caller {
	struct vhost_chan chan;
	unsigned timeout_ms;
};

/** A ring that its driver has laid out, to be run from base on. */
struct vhost_caller_ring {
	uint32_t index, size, base;
	const void *desc, *avail, *used; /* in the memory that is shared */
	int call_fd, kick_fd;            /* borrowed */
	bool has_enable;                 /* PROTOCOL_FEATURES: it waits to be enabled */
};

void vhost_caller_init(struct vhost_caller *caller, int fd, unsigned timeout_ms);
void vhost_caller_done(struct vhost_caller *caller);

/** Ask with payload[size], and wait for the answer of ret_size bytes. */
int vhost_caller_get(struct vhost_caller *caller, uint32_t request, const void *payload,
	uint32_t size, void *ret_payload, uint32_t ret_size);
/** Set something by payload[size] and fds[n_fds], and wait until it is done where that is told. */
int vhost_caller_set(struct vhost_caller *caller, uint32_t request, const void *payload,
	uint32_t size, const int *fds, unsigned n_fds);
/** Send a message, whatever it says, and wait until the socket has taken it. */
int vhost_caller_send(struct vhost_caller *caller, const struct vhost_user_hdr *hdr,
	const void *payload, const int *fds, unsigned n_fds);

/** SET_MEM_TABLE of one region: the file memory_fd, of which base[size] is our mapping. */
int vhost_caller_share_memory(struct vhost_caller *caller, int memory_fd, const void *base,
	size_t size, uint64_t gpa);
/** All messages of a ring up to its enabling; it is not kicked. */
int vhost_caller_start_ring(struct vhost_caller *caller, const struct vhost_caller_ring *ring);

#endif
