#include "virtq.h"

#include "mem.h"
#include "virtio_pci.h"

#include <errno.h>
#include <string.h>

/* One read of memory that the guest may write meanwhile. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

static _Thread_local uint64_t virtq_n_steps;

uint64_t virtq_steps(void)
{
	return virtq_n_steps;
}

int virtq_init(struct virtq *vq, const struct mem *mem, const struct virtio_queue *queue,
	uint64_t features)
{
	bool is_packed = features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint64_t driver_size = is_packed ? 4 : 6 + 2ull * queue->size;
	uint64_t device_size = is_packed ? 4 : 6 + 8ull * queue->size;
	void *desc, *driver, *device;

	if (mem_gpa_to_hva(mem, queue->desc_gpa, 16ull * queue->size, &desc) < 0 ||
		mem_gpa_to_hva(mem, queue->driver_gpa, driver_size, &driver) < 0 ||
		mem_gpa_to_hva(mem, queue->device_gpa, device_size, &device) < 0)
		return -ERANGE;
	*vq = (struct virtq){
		.mem = mem,
		.size = queue->size,
		.is_packed = is_packed,
		.has_event_idx = features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
		.has_indirect = features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC),
		.avail_wrap = true,
		.used_wrap = true,
		.desc = desc,
		.avail = driver,
		.used = device,
	};
	return 0;
}

/* ---- Chains ---------------------------------------------------------------------------------- */

/* Add one range. Readable ones come first: 2.7.4.2. */
static int add_seg(const struct virtq *vq, struct virtq_chain *chain, uint64_t gpa, uint32_t len,
	bool is_write)
{
	unsigned n = chain->n_out + chain->n_in;
	void *hva;

	if (!is_write && chain->n_in)
		return -EPROTO;
	if (!len)
		return 0;
	if (n >= VIRTQ_MAX_SEGS || mem_gpa_to_hva(vq->mem, gpa, len, &hva) < 0)
		return -EPROTO;
	chain->segs[n] = (struct iovec){.iov_base = hva, .iov_len = len};
	if (is_write) {
		chain->n_in++;
		chain->in_bytes += len;
	} else {
		chain->n_out++;
		chain->out_bytes += len;
	}
	return 0;
}

/*
 * An indirect table: gpa and number of descriptors. 2.7.5.3.1: at least one, no larger than the
 * queue.
 */
static int walk_indirect(const struct virtq *vq, uint64_t gpa, uint32_t len, void **ret_table,
	unsigned *ret_n)
{
	if (!vq->has_indirect || !len || len % sizeof(struct vring_desc) ||
		len / sizeof(struct vring_desc) > vq->size)
		return -EPROTO;
	if (mem_gpa_to_hva(vq->mem, gpa, len, ret_table) < 0)
		return -EPROTO;
	*ret_n = len / sizeof(struct vring_desc);
	return 0;
}

/*
 * Copy a descriptor out of guest RAM, once: after the barrier the compiler cannot go back to the
 * source. Descriptors of both layouts are 16 bytes; an indirect table may lie at any address. This
 * is the step that is counted.
 */
static void copy_desc(const void *table, unsigned at, struct virtq_turn *turn, void *ret_desc)
{
	turn->steps_left--;
	memcpy(ret_desc, (const uint8_t *)table + at * sizeof(struct vring_desc),
		sizeof(struct vring_desc));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static int walk_split(const struct virtq *vq, uint16_t head, struct virtq_turn *turn,
	struct virtq_chain *chain)
{
	const void *table = vq->desc;
	unsigned table_len = vq->size, at = head;
	bool is_indirect = false;

	/* A chain visits each descriptor of its table at most once, or it is a loop. */
	for (unsigned steps = 0; steps < table_len; steps++) {
		struct vring_desc d;
		int r;

		if (at >= table_len)
			return -EPROTO;
		copy_desc(table, at, turn, &d);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			void *inner; /* its table: no alignment is promised */

			if (is_indirect || d.flags & VRING_DESC_F_NEXT)
				return -EPROTO;
			r = walk_indirect(vq, d.addr, d.len, &inner, &table_len);
			if (r < 0)
				return r;
			table = inner;
			is_indirect = true;
			at = 0;
			steps = UINT32_MAX; /* the count begins anew in the inner table */
			continue;
		}
		r = add_seg(vq, chain, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (r < 0)
			return r;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
	}
	return -EPROTO;
}

static int pop_split(struct virtq *vq, struct virtq_turn *turn, struct virtq_chain *chain)
{
	/*
	 * Acquire: pairs with the driver's release of idx; ring and descriptors are read after it.
	 */
	uint16_t idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t waiting = (uint16_t)(idx - vq->next_avail);
	uint16_t head;

	if (!waiting && vq->has_event_idx) {
		uint16_t *avail_event = (uint16_t *)&vq->used->ring[vq->size];

		__atomic_store_n(avail_event, vq->next_avail, __ATOMIC_RELAXED);
		/*
		 * Full barrier: the driver stores idx, then reads avail_event. One of us sees the
		 * other.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);
		waiting = (uint16_t)(idx - vq->next_avail);
	}
	if (!waiting)
		return 0;
	if (waiting > vq->size)
		return -EPROTO;
	head = READ_ONCE(vq->avail->ring[vq->next_avail % vq->size]);
	if (head >= vq->size)
		return -EPROTO;
	vq->next_avail++;
	chain->id = head;
	return walk_split(vq, head, turn, chain) < 0 ? -EPROTO : 1;
}

/* In an inner table only WRITE counts, and all of it is the chain: 2.8.8. */
static int walk_packed_inner(const struct virtq *vq, uint64_t gpa, uint32_t len,
	struct virtq_turn *turn, struct virtq_chain *chain)
{
	void *table;
	unsigned n;
	int r = walk_indirect(vq, gpa, len, &table, &n);

	for (unsigned i = 0; r == 0 && i < n; i++) {
		struct vring_packed_desc d;

		copy_desc(table, i, turn, &d);
		r = add_seg(vq, chain, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
	}
	return r;
}

static int pop_packed(struct virtq *vq, struct virtq_turn *turn, struct virtq_chain *chain)
{
	uint16_t slot = vq->next_avail;
	/*
	 * Acquire: pairs with the driver's release of the head's flags; the rest is read after it.
	 */
	uint16_t head_flags = __atomic_load_n(&vq->packed[slot].flags, __ATOMIC_ACQUIRE);
	bool avail = head_flags >> VRING_PACKED_DESC_F_AVAIL & 1;
	bool used = head_flags >> VRING_PACKED_DESC_F_USED & 1;

	/* Kicks are never suppressed on packed rings (device_event stays 0 = enable). */
	if (avail != vq->avail_wrap || used == vq->avail_wrap)
		return 0;
	for (uint16_t n = 1; n <= vq->size; n++) {
		struct vring_packed_desc d;
		bool is_last;
		int r;

		copy_desc(vq->packed, slot, turn, &d);
		is_last = !(d.flags & VRING_DESC_F_NEXT);
		if (d.flags & VRING_DESC_F_INDIRECT)
			r = n > 1 || !is_last ? -EPROTO
					      : walk_packed_inner(vq, d.addr, d.len, turn, chain);
		else
			r = add_seg(vq, chain, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (r < 0)
			return -EPROTO;
		if (++slot == vq->size) {
			slot = 0;
			vq->avail_wrap = !vq->avail_wrap;
		}
		if (is_last) {
			chain->id = d.id;
			chain->n_slots = n;
			vq->next_avail = slot;
			return 1;
		}
	}
	return -EPROTO;
}

int virtq_pop(struct virtq *vq, struct virtq_turn *turn, struct virtq_chain *ret_chain)
{
	int before = turn->steps_left;
	int r;

	if (before <= 0)
		return -EAGAIN;
	ret_chain->id = 0;
	ret_chain->n_slots = 1;
	ret_chain->n_out = 0;
	ret_chain->n_in = 0;
	ret_chain->out_bytes = 0;
	ret_chain->in_bytes = 0;
	r = vq->is_packed ? pop_packed(vq, turn, ret_chain) : pop_split(vq, turn, ret_chain);
	virtq_n_steps += (uint64_t)(before - turn->steps_left);
	return r;
}

/* ---- Used ------------------------------------------------------------------------------------ */

static void push_packed(struct virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written_bytes)
{
	struct vring_packed_desc *d = &vq->packed[vq->next_used];
	uint16_t flags = vq->used_wrap
				 ? 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED
				 : 0;

	if (written_bytes)
		flags |= VRING_DESC_F_WRITE;
	d->id = id;
	d->len = written_bytes;
	/* Release: the driver reads flags first and then the rest. */
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	vq->next_used += n_slots;
	if (vq->next_used >= vq->size) {
		vq->next_used -= vq->size;
		vq->used_wrap = !vq->used_wrap;
	}
}

void virtq_push(struct virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written_bytes)
{
	struct vring_used_elem *elem;

	if (vq->is_packed) {
		push_packed(vq, id, n_slots, written_bytes);
		return;
	}
	elem = &vq->used->ring[vq->next_used % vq->size];
	elem->id = id;
	elem->len = written_bytes;
	vq->next_used++;
	/* Release: the driver reads idx first and then the element. */
	__atomic_store_n(&vq->used->idx, vq->next_used, __ATOMIC_RELEASE);
}

static bool should_notify_packed(struct virtq *vq)
{
	uint16_t off_wrap = READ_ONCE(vq->driver_event->off_wrap);
	uint16_t flags = READ_ONCE(vq->driver_event->flags) & 3;
	int32_t event, pushed;

	if (flags != VRING_PACKED_EVENT_F_DESC || !vq->has_event_idx)
		return flags != VRING_PACKED_EVENT_F_DISABLE;
	/* 2.8.10: interrupt when the slot the driver named was among those just pushed. */
	event = off_wrap & 0x7fff;
	if ((off_wrap >> VRING_PACKED_EVENT_WRAP_SHIFT) != vq->used_wrap)
		event -= vq->size;
	pushed = (int32_t)vq->next_used - vq->signalled_used;
	if (pushed <= 0)
		pushed += vq->size;
	return event < vq->next_used && event >= (int32_t)vq->next_used - pushed;
}

bool virtq_should_notify(struct virtq *vq)
{
	bool wanted;

	/* Full barrier: used was stored before the driver's wish is read; it does the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->is_packed) {
		wanted = should_notify_packed(vq);
	} else if (vq->has_event_idx) {
		uint16_t event = READ_ONCE(vq->avail->ring[vq->size]);

		/* 2.7.10: has next_used passed event since the last interrupt? (modulo 2^16) */
		wanted = (uint16_t)(vq->next_used - event - 1) <
			 (uint16_t)(vq->next_used - vq->signalled_used);
	} else {
		wanted = !(READ_ONCE(vq->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	}
	vq->signalled_used = vq->next_used;
	return wanted;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static size_t copy_bytes(const struct iovec *segs, unsigned n_segs, size_t offset, void *buf,
	size_t size_bytes, bool is_write)
{
	size_t done = 0;

	for (unsigned i = 0; i < n_segs && done < size_bytes; i++) {
		size_t n = segs[i].iov_len;
		uint8_t *at;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		if (n > size_bytes - done)
			n = size_bytes - done;
		at = (uint8_t *)segs[i].iov_base + offset;
		if (is_write)
			memcpy(at, (uint8_t *)buf + done, n);
		else
			memcpy((uint8_t *)buf + done, at, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t virtq_read(const struct virtq_chain *chain, size_t offset, void *dst, size_t size_bytes)
{
	return copy_bytes(chain->segs, chain->n_out, offset, dst, size_bytes, false);
}

size_t virtq_write(const struct virtq_chain *chain, size_t offset, const void *src,
	size_t size_bytes)
{
	/* copy_bytes() only reads buf when it writes to the chain. */
	return copy_bytes(chain->segs + chain->n_out, chain->n_in, offset, (void *)(uintptr_t)src,
		size_bytes, true);
}
