#include "vring_setup.h"

#include <errno.h>

const char *vring_fault_text(enum vring_fault fault)
{
	static const char *const texts[VRING_N_FAULTS] = {
		[VRING_OK] = "no fault",
		[VRING_BAD_AVAIL] = "more descriptors available than the ring holds",
		[VRING_BAD_HEAD] = "descriptor index outside its table",
		[VRING_BAD_CHAIN] = "descriptor chain too long or in a loop",
		[VRING_BAD_ADDRESS] = "buffer outside guest memory",
		[VRING_BAD_INDIRECT] =
			"indirect table that is nested, empty, odd-sized or not negotiated",
		[VRING_BAD_FLAGS] = "buffer with the wrong direction",
		[VRING_BAD_LENGTH] = "buffer lengths that cannot be",
		[VRING_BAD_POSITION] = "position to start at is outside the ring",
	};

	return fault < VRING_N_FAULTS ? texts[fault] : "unknown fault";
}

int vring_init(struct vring *ring, bool packed, uint64_t features, uint16_t size, uint32_t base)
{
	const struct vring_used *used = ring->used;
	uint16_t at = packed ? base & 0x7fff : __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);
	bool has_slot = !packed || at < size;

	ring->queue.ops = &vring_ops;
	ring->queue.rx_features = features;
	atomic_store_explicit(&ring->queue.tx_features, features, memory_order_relaxed);
	ring->packed = packed;
	ring->features = features;
	ring->size = size;
	ring->mergeable = features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	ring->event_idx = features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	ring->n_unpublished = ring->publish_slot = 0;
	ring->n_unsignalled = 0;
	ring->queue.is_listed = false;
	ring->queue.full_tsc = 0;
	ring->near = 0;
	ring->next_avail = has_slot ? at : 0;
	ring->next_used = ring->avail_seen = ring->published = ring->next_avail;
	ring->avail_wrap = ring->used_wrap = ring->published_wrap = packed && base >> 15 & 1;
	atomic_store_explicit(&ring->broken, has_slot ? VRING_OK : VRING_BAD_POSITION,
		memory_order_relaxed);
	atomic_store_explicit(&ring->queue.wants_control, !has_slot, memory_order_relaxed);
	atomic_store_explicit(&ring->queue.tx_lock, false, memory_order_relaxed);
	/* Whatever an earlier device left in the suppression fields, from now on it is known. */
	ring->notify_on = true;
	queue_set_wakeup(&ring->queue, false);
	return has_slot ? 0 : -EINVAL;
}

uint32_t vring_base(const struct vring *ring)
{
	if (!ring->packed)
		return ring->next_avail;
	return ring->next_avail | (uint32_t)ring->avail_wrap << 15 |
	       (uint32_t)ring->next_used << 16 | (uint32_t)ring->used_wrap << 31;
}
