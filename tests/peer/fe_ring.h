/**
 * fe_ring: the driver's half of one virtqueue, split or packed, for fe.
 *
 * A ring and its buffers lie in one stretch of shared memory: descriptors, driver area, device
 * area, then size buffers of FE_BUF_SIZE bytes, buffer i for descriptor i. A receive ring is kept
 * full; a transmit ring reuses a descriptor when the device returned it.
 * Source: VIRTIO 1.2, 2.7.13 "Supplying Buffers to The Device", 2.8.17 for packed rings.
 */
#ifndef WEFT_TESTS_PEER_FE_RING_H
#define WEFT_TESTS_PEER_FE_RING_H

#include "virtio_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FE_RING_MAX 1024

struct fe_ring {
	void *desc, *avail, *used; /* used: the device event structure of a packed ring */
	uint8_t *bufs;
	uint64_t bufs_gpa;
	uint16_t size;
	bool packed, receive;
	int kick_fd, call_fd;
	uint16_t avail_idx, used_idx; /* free-running (split), slot (packed) */
	bool avail_wrap, used_wrap;   /* packed */
	uint16_t n_free;
	uint16_t free_ids[FE_RING_MAX];
	uint8_t chain[FE_RING_MAX]; /* descriptors of the chain whose head is this id */
	uint16_t next[FE_RING_MAX]; /* split: the chain's further descriptors */
};

/** Bytes that a ring of this size needs, buffers included. */
size_t fe_ring_bytes(uint16_t size);
int fe_ring_init(struct fe_ring *ring, uint8_t *mem, uint64_t gpa, uint16_t size, bool packed,
	bool receive);
void fe_ring_done(struct fe_ring *ring);

/** Value for SET_VRING_BASE: what the device has returned so far. */
uint32_t fe_ring_base(struct fe_ring *ring);
int fe_ring_kick(struct fe_ring *ring);
/** Ask to be interrupted for the next returned descriptor (EVENT_IDX). Look again afterwards. */
void fe_ring_arm(struct fe_ring *ring);
unsigned fe_ring_pending(struct fe_ring *ring);
int fe_ring_send(struct fe_ring *ring, const struct virtio_net_hdr_v1 *hdr, const void *frame,
	size_t len);
/** Length of the frame, -EAGAIN or -EPROTO. */
int fe_ring_recv(struct fe_ring *ring, bool merge, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size);

#endif
