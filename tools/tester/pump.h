/**
 * pump: the driver's half of one virtqueue that costs next to nothing.
 *
 * For measuring switches: descriptors and buffers are laid out once and stay. Slot i of the ring is
 * always buffer i, one descriptor a frame. Publishing n frames is an index bump in a split ring; in
 * a packed ring, whose descriptors the device overwrites, one 8-byte store a slot. What the device
 * returned is counted, and looked at only by whoever wants to (pump_buf()).
 * Assumes that the device returns buffers in order, as every network back-end does;
 * pump_is_in_order() checks it.
 *
 * All frames of a ring have one length, or each its own: then whoever made the pump gives it an
 * array for the lengths of the slots (pump_use_lens()).
 *
 * A transmit ring starts empty. A receive ring starts published whole and is kept so: what was
 * collected is to be published again.
 * Threads: one. Limits: size a power of two up to 32768.
 * Source: VIRTIO 1.2, 2.7.13 "Supplying Buffers to The Device", 2.8.17 for packed rings.
 */
#ifndef WEFT_TOOLS_TESTER_PUMP_H
#define WEFT_TOOLS_TESTER_PUMP_H

#include "virtio_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUMP_HDR_SIZE sizeof(struct virtio_net_hdr_v1)

struct pump {
	void *desc, *avail, *used; /* packed: descriptors, driver events, device events */
	uint8_t *bufs;
	uint64_t bufs_gpa;
	uint64_t n_published, n_done; /* since the start; their difference is the device's */
	uint32_t *lens;               /* of the slot's descriptor; NULL: all are len. Borrowed */
	uint32_t stride;              /* from buffer to buffer, bytes */
	uint32_t len;                 /* of every descriptor */
	uint16_t size, log2_size;
	bool packed, receive;
};

struct pump_layout {
	uint16_t size; /* slots */
	bool packed, receive;
	uint32_t len; /* bytes of a buffer that the device may use, virtio header included */
};

/** Bytes of shared memory that a ring with its buffers takes; a multiple of a page. */
size_t pump_bytes(const struct pump_layout *layout);
/** Lay a ring out in mem[pump_bytes()], zeroed, which the device knows as gpa. */
void pump_init(struct pump *pump, const struct pump_layout *layout, uint8_t *mem, uint64_t gpa);

/** Bytes of the rings themselves, which come before the buffers. */
size_t pump_ring_bytes(const struct pump_layout *layout);
/**
 * From now on every slot has a length of its own: lens[size], borrowed, set here to what all had.
 */
void pump_use_lens(struct pump *pump, uint32_t *lens);

/** The length of the n-th frame since the start, virtio header included, before it is published. */
static inline void pump_set_len(struct pump *pump, uint64_t n, uint32_t len)
{
	uint64_t slot = n & (pump->size - 1);

	if (pump->lens[slot] == len)
		return;
	pump->lens[slot] = len;
	if (!pump->packed)
		((struct vring_desc *)pump->desc)[slot].len = len;
}

/** The buffer of the n-th frame since the start: virtio header, then the frame. */
static inline uint8_t *pump_buf(const struct pump *pump, uint64_t n)
{
	return pump->bufs + (n & (pump->size - 1)) * pump->stride;
}

/** Frames that may be published. */
static inline unsigned pump_room(const struct pump *pump)
{
	return pump->size - (unsigned)(pump->n_published - pump->n_done);
}

/** Set avail and used as they are in the lap of the ring that the n-th frame belongs to. */
static inline uint16_t pump_packed_flags(const struct pump *pump, uint64_t n, bool used)
{
	bool wrap = !(n >> pump->log2_size & 1);

	return (uint16_t)(wrap << VRING_PACKED_DESC_F_AVAIL | (used ? wrap : !wrap)
								      << VRING_PACKED_DESC_F_USED);
}

/** Give the device the next n <= pump_room() slots. */
static inline void pump_publish(struct pump *pump, unsigned n)
{
	uint64_t at = pump->n_published;

	pump->n_published += n;
	if (!pump->packed) {
		struct vring_avail *avail = pump->avail;

		/* The device acquires idx: the frames are complete. */
		__atomic_store_n(&avail->idx, (uint16_t)pump->n_published, __ATOMIC_RELEASE);
		return;
	}
	/* The first slot last: until then the device sees none of them. */
	while (n--) {
		uint64_t slot = (at + n) & (pump->size - 1);
		uint16_t flags = pump_packed_flags(pump, at + n, false) |
				 (pump->receive ? VRING_DESC_F_WRITE : 0);
		uint64_t *words = (uint64_t *)pump->desc + 2 * slot;

		uint32_t len = pump->lens ? pump->lens[slot] : pump->len;

		__atomic_store_n(&words[1], len | slot << 32 | (uint64_t)flags << 48,
			__ATOMIC_RELEASE);
	}
}

/** Does the device want to be kicked for what was published? */
static inline bool pump_wants_kick(const struct pump *pump)
{
	/* Published first, then looked: or the device goes to sleep in between. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (pump->packed) {
		const struct vring_packed_event *event = pump->used;

		return __atomic_load_n(&event->flags, __ATOMIC_RELAXED) !=
		       VRING_PACKED_EVENT_F_DISABLE;
	}
	const struct vring_used *used = pump->used;

	return !(__atomic_load_n(&used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

/** How many slots the device returned since the last call; n_done counts them. */
static inline unsigned pump_collect(struct pump *pump)
{
	unsigned n = 0;

	if (!pump->packed) {
		const struct vring_used *used = pump->used;

		n = (uint16_t)(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) -
			       (uint16_t)pump->n_done);
		pump->n_done += n;
		return n;
	}
	const struct vring_packed_desc *descs = pump->desc;
	const uint16_t both = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;
	for (; pump->n_done < pump->n_published; n++, pump->n_done++) {
		uint16_t flags = __atomic_load_n(&descs[pump->n_done & (pump->size - 1)].flags,
			__ATOMIC_ACQUIRE);

		if ((flags & both) != pump_packed_flags(pump, pump->n_done, true))
			break;
	}
	return n;
}

/** Length that the device wrote for the n-th frame, header included; n was collected and its slot
 *  not published again. */
uint32_t pump_used_len(const struct pump *pump, uint64_t n);
/** Is what was returned for the n-th frame the n-th buffer? Under the same condition. */
bool pump_is_in_order(const struct pump *pump, uint64_t n);

#endif
