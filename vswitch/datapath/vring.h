/**
 * vring: the device's side of one virtqueue, split or packed.
 *
 * Data model. A ring lies in the peer's memory and is never trusted: indices, descriptors and
 * indirect tables are read once into locals and checked there. The device's own positions are kept
 * here and never read back. What cannot be right marks the ring broken, with a reason; it is then
 * not touched again until the control thread has reset it.
 *
 * A ring is a queue (queue.h) of one direction: frames are received from the guest's transmit ring
 * or sent to its receive ring. Its operations work on bursts and leave publishing to flush, but for
 * a small ring, which is published as soon as a quarter of it waits.
 *
 * Positions. next_avail is where to receive from, next_used where to return to; between bursts they
 * are the same. Of a packed ring both are slots below size, with a wrap counter each; of a split
 * ring free-running 16-bit indices. Entries that a burst received and has not returned and those
 * that are returned and not published yet (n_unpublished) are together at most size: a driver has
 * no more to make available, and what looks like more was written by one that lies. Every function
 * keeps this, whatever stands in the ring, and vring_is_sound() says whether it holds.
 *
 * Threads. As queue.h says. broken is set by workers and read by control, which is woken up for it
 * (queue.wants_control).
 * Limits: size a power of two up to VRING_MAX_SIZE (packed: any size); FRAME_MAX_SEGS descriptors
 * in a chain to transmit, TX_MAX_SEGS in one to receive, the ring's size at most; none without
 * bytes. Source: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues".
 */
#ifndef WEFT_VSWITCH_DATAPATH_VRING_H
#define WEFT_VSWITCH_DATAPATH_VRING_H

#include "queue.h"
#include "vmem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum vring_fault {
	VRING_OK,
	VRING_BAD_AVAIL,    /* more available than the ring holds */
	VRING_BAD_HEAD,     /* descriptor index out of range */
	VRING_BAD_CHAIN,    /* chain too long or looping */
	VRING_BAD_ADDRESS,  /* outside guest memory */
	VRING_BAD_INDIRECT, /* nested, empty, odd-sized or not negotiated */
	VRING_BAD_FLAGS,    /* a readable buffer where a writable one must be, or the reverse */
	VRING_BAD_LENGTH,   /* shorter than the virtio header, or no bytes at all */
	VRING_BAD_POSITION, /* to start at a slot that the ring does not have */
	VRING_N_FAULTS
};

struct vring {
	struct queue queue; /* first member */
	/* Read for every frame. */
	void *desc;  /* split: descriptor table; packed: descriptor ring */
	void *avail; /* split: driver area; packed: driver event structure */
	void *used;  /* split: device area; packed: device event structure */
	const struct vmem *mem;
	uint64_t features; /* negotiated; the queue's rx_features and tx_features, too */
	uint32_t near;     /* region of mem that the last buffer lay in */
	uint16_t size;
	uint16_t next_avail; /* split: free-running index; packed: slot */
	uint16_t next_used;
	bool packed;
	bool avail_wrap, used_wrap; /* packed */
	bool mergeable;             /* VIRTIO_NET_F_MRG_RXBUF */
	bool event_idx;
	bool notify_on;         /* the driver was asked to kick, */
	uint16_t notify_at;     /* EVENT_IDX: at this position */
	uint16_t avail_seen;    /* split: the driver's index when last read */
	uint16_t n_unpublished; /* positions used, and not yet visible */
	/* What the driver can see: an interrupt is decided about for that alone, since another
	 * worker may have put more and signals it itself. */
	uint16_t published;     /* next_used when it was last published, */
	bool published_wrap;    /* packed: and its lap */
	uint32_t n_unsignalled; /* positions published since the last vring_signal_needed() */
	uint16_t publish_slot;  /* packed: the first of them, */
	uint16_t publish_flags; /* and the flags that make it visible */
	_Atomic uint8_t broken; /* enum vring_fault */
	int call_fd;            /* owned by the port; -1 = none */
};

static inline bool vring_is_broken(const struct vring *ring)
{
	return atomic_load_explicit(&ring->broken, memory_order_relaxed) != VRING_OK;
}

/** Of a queue whose operations are vring_ops. */
static inline struct vring *vring_of(struct queue *q)
{
	return (struct vring *)q; /* first member */
}

extern const struct queue_ops vring_ops;

/** Does the invariant of positions hold? For tests; between bursts. During them the counted library
 *  (steps.h) checks the part of it that holds at any time, after every call. */
bool vring_is_sound(const struct vring *ring);
/* What one frame may be sent into: segments of a chain, chains, and segments after which no other
 * chain is added. 64 KiB need 44 buffers of 1.5 KiB. */
#define TX_MAX_SEGS   256
#define TX_MAX_CHAINS 256
/** Descriptors of a ring that one delivery reads (tx_burst.effort); then the ring counts as full.
 */
#define TX_MAX_DESCS 16384

#endif
