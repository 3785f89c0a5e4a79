/**
 * fe: a small vhost-user front-end with its driver, for tests.
 *
 * What a VMM and the guest's virtio-net driver are to a switch, in one object without a guest: it
 * connects (or listens), negotiates, shares a memfd, lays out split or packed rings, sends frames
 * and collects them. Not fast and not general: one descriptor per frame to send, one buffer per
 * descriptor to receive; merged receive buffers are put together.
 *
 * Data model: queue pair q has ring 2q (receive, device to driver) and 2q+1 (transmit). Every
 * buffer has FE_BUF_SIZE bytes at a fixed place; a ring owns ring_size of them.
 * Threads: one. Nothing here blocks longer than its timeout.
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications; VIRTIO 1.2, 2.7, 2.8,
 * 5.1.
 */
#ifndef WEFT_TESTS_PEER_FE_H
#define WEFT_TESTS_PEER_FE_H

#include "vhost_user.h"
#include "virtio_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FE_BUF_SIZE  4096
#define FE_GPA       UINT64_C(0x100000) /* guest-physical start of the one memory region */
#define FE_FRAME_MAX 65550

struct fe_config {
	const char *path;     /* Unix socket, borrowed */
	bool listen;          /* we listen and the back-end connects */
	bool packed;          /* ask for packed rings */
	bool unsealed;        /* the memory file may shrink */
	uint16_t queue_pairs; /* 0 = 1 */
	uint16_t ring_size;   /* power of two; 0 = 256 */
	uint64_t features;    /* wanted virtio features; 0 = FE_DEFAULT_FEATURES */
	unsigned timeout_ms;  /* for connecting and for each reply; 0 = 60000 */
};

#define FE_DEFAULT_FEATURES                                                    \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES))

struct fe;
struct fe_ring;

/** Connect or accept, negotiate and start all rings. 0 or -errno; ret_fe owned. */
int fe_create(const struct fe_config *config, struct fe **ret_fe);
/** Close the connection and free all; NULL is accepted. */
void fe_destroy(struct fe *fe);

/** Drop the connection and set up a new one over the same memory and rings, as a VMM does after its
 *  back-end died: bases are taken from the used indices. */
int fe_reconnect(struct fe *fe);
/**
 * Stop all rings with GET_VRING_BASE, keep the connection. 0, or -errno when a reply is missing.
 */
int fe_stop(struct fe *fe);
/** Start rings again after fe_stop(). */
int fe_start(struct fe *fe);

/** Features in use, and the protocol features. */
uint64_t fe_features(const struct fe *fe);
uint64_t fe_protocol_features(const struct fe *fe);
/** The connected socket, for tests that send their own messages. Borrowed. */
int fe_socket(const struct fe *fe);
/** The driver's half of ring i, for tests that break it. Borrowed. */
struct fe_ring *fe_ring(struct fe *fe, unsigned i);
/** The memory file that is shared. Borrowed. */
int fe_memory_fd(const struct fe *fe);
/** Has the back-end closed the connection? */
bool fe_is_closed(struct fe *fe);

/**
 * Queue one frame and kick. hdr NULL = no offload. -ENOSPC while the ring is full, -EMSGSIZE above
 * FE_BUF_SIZE less the header per descriptor times four.
 */
int fe_send(struct fe *fe, unsigned queue, const struct virtio_net_hdr_v1 *hdr, const void *frame,
	size_t len);
/** Frames sent and not yet returned by the back-end on this queue. */
unsigned fe_pending(struct fe *fe, unsigned queue);

/**
 * Take one received frame, waiting up to timeout_ms for it.
 * returns  its length, -EAGAIN when none came, -EPROTO when the back-end broke the ring
 */
int fe_recv(struct fe *fe, unsigned queue, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size, unsigned timeout_ms);

/** Send one vhost-user message with fds[n_fds], VHOST_USER_MAX_FDS at most; 0 or -errno. */
int fe_message(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	const int *fds, unsigned n_fds);
/** Send a request and read the reply of `size` bytes into ret_payload. */
int fe_request(struct fe *fe, uint32_t request, const void *payload, uint32_t size,
	void *ret_payload, uint32_t reply_size);
/** Device status as GET_CONFIG tells: VIRTIO_NET_S_LINK_UP or not; -ENOTSUP without CONFIG. */
int fe_link_status(struct fe *fe);

#endif
