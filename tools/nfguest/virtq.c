#include "virtq.h"

#include "machine.h"

#define DESC_NEXT    1u
#define DESC_WRITE   2u
#define NO_INTERRUPT 1u /* split avail.flags, packed driver event flags */
#define NO_NOTIFY    1u
#define PACKED_AVAIL (1u << 7)
#define PACKED_USED  (1u << 15)

struct split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct split_avail {
	uint16_t flags, idx, ring[];
};

struct split_used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[];
};

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct packed_event {
	uint16_t off_wrap, flags;
};

bool virtq_init(struct virtq *q, uint16_t number, uint16_t size, bool packed, bool writable)
{
	uint8_t *bufs = memory_take((size_t)size * VIRTQ_BUF);

	q->desc = memory_take(size * 16u);
	q->driver = memory_take(size * 2u + 8);
	q->device = memory_take(size * 8u + 8);
	if (!bufs || !q->desc || !q->driver || !q->device)
		return false;
	q->number = number;
	q->size = size;
	q->packed = packed;
	q->writable = writable;
	q->wrap_avail = q->wrap_used = true;
	for (uint16_t i = 0; i < size; i++) {
		q->bufs[i] = bufs + (size_t)i * VIRTQ_BUF;
		q->free[i] = (uint16_t)(size - 1 - i);
	}
	q->n_free = size;
	if (packed)
		((struct packed_event *)q->driver)->flags = NO_INTERRUPT;
	else
		((struct split_avail *)q->driver)->flags = NO_INTERRUPT;
	return true;
}

static uint16_t packed_flags(const struct virtq *q)
{
	return (uint16_t)(q->wrap_avail ? PACKED_AVAIL : PACKED_USED);
}

static void packed_step(const struct virtq *q, uint16_t *slot, bool *wrap, unsigned n)
{
	*slot = (uint16_t)(*slot + n);
	if (*slot >= q->size) {
		*slot = (uint16_t)(*slot - q->size);
		*wrap = !*wrap;
	}
}

void virtq_post(struct virtq *q, uint16_t id, uint32_t len)
{
	uint16_t flags = q->writable ? DESC_WRITE : 0;

	q->is_out[id] = true;
	if (q->packed) {
		struct packed_desc *desc = (struct packed_desc *)q->desc + q->next_avail;

		desc->addr = (uintptr_t)q->bufs[id];
		desc->len = len;
		desc->id = id;
		/* The device acquires the flags: all else of the descriptor is there. */
		__atomic_store_n(&desc->flags, (uint16_t)(flags | packed_flags(q)),
			__ATOMIC_RELEASE);
		packed_step(q, &q->next_avail, &q->wrap_avail, 1);
		return;
	}
	struct split_desc *desc = (struct split_desc *)q->desc + id;
	struct split_avail *avail = q->driver;

	*desc = (struct split_desc){(uintptr_t)q->bufs[id], len, flags, 0};
	avail->ring[q->next_avail++ & (q->size - 1)] = id;
}

void virtq_publish(struct virtq *q)
{
	bool quiet;

	if (!q->packed)
		__atomic_store_n(&((struct split_avail *)q->driver)->idx, q->next_avail,
			__ATOMIC_RELEASE);
	/* Published first, then looked: or the device goes to sleep in between. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->packed)
		quiet = __atomic_load_n(&((struct packed_event *)q->device)->flags,
				__ATOMIC_RELAXED) == NO_NOTIFY;
	else
		quiet = __atomic_load_n(&((struct split_used *)q->device)->flags,
				__ATOMIC_RELAXED) &
			NO_NOTIFY;
	if (!quiet)
		*q->notify = q->number;
}

static bool get_used_split(struct virtq *q, uint32_t *ret_id, uint32_t *ret_len)
{
	struct split_used *used = q->device;

	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == q->next_used)
		return false;
	unsigned slot = q->next_used++ & (q->size - 1);
	*ret_id = __atomic_load_n(&used->ring[slot].id, __ATOMIC_RELAXED);
	*ret_len = __atomic_load_n(&used->ring[slot].len, __ATOMIC_RELAXED);
	return true;
}

static bool get_used_packed(struct virtq *q, uint32_t *ret_id, uint32_t *ret_len, unsigned n_slots)
{
	struct packed_desc *desc = (struct packed_desc *)q->desc + q->next_used;
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
	uint16_t both = q->wrap_used ? PACKED_AVAIL | PACKED_USED : 0;

	if ((flags & (PACKED_AVAIL | PACKED_USED)) != both)
		return false;
	*ret_id = __atomic_load_n(&desc->id, __ATOMIC_RELAXED);
	*ret_len = __atomic_load_n(&desc->len, __ATOMIC_RELAXED);
	packed_step(q, &q->next_used, &q->wrap_used, n_slots);
	return true;
}

bool virtq_get_used(struct virtq *q, uint16_t *ret_id, uint32_t *ret_len)
{
	uint32_t id, len = 0;

	if (q->broken ||
		!(q->packed ? get_used_packed(q, &id, &len, 1) : get_used_split(q, &id, &len)))
		return false;
	if (id >= q->size || !q->is_out[id] || (q->writable && len > VIRTQ_BUF)) {
		q->broken = true;
		return false;
	}
	q->is_out[id] = false;
	*ret_id = (uint16_t)id;
	*ret_len = len;
	return true;
}

bool virtq_get_free(struct virtq *q, uint16_t *ret_id)
{
	uint32_t len;
	uint16_t id;

	if (!q->n_free)
		while (virtq_get_used(q, &id, &len))
			q->free[q->n_free++] = id;
	if (!q->n_free)
		return false;
	*ret_id = q->free[--q->n_free];
	return true;
}

void virtq_command(struct virtq *q, const uint32_t lens[3])
{
	uint32_t id, len;

	for (unsigned n = 3; n--;) { /* the first last: then the device sees all */
		uint16_t flags = (uint16_t)((n < 2 ? DESC_NEXT : DESC_WRITE));

		if (q->packed) {
			struct packed_desc *desc = (struct packed_desc *)q->desc + n;

			*desc = (struct packed_desc){(uintptr_t)q->bufs[n], lens[n], 0, 0};
			__atomic_store_n(&desc->flags, (uint16_t)(flags | packed_flags(q)),
				__ATOMIC_RELEASE);
		} else {
			((struct split_desc *)q->desc)[n] = (struct split_desc){
				(uintptr_t)q->bufs[n], lens[n], flags, (uint16_t)(n + 1)};
		}
	}
	if (q->packed)
		packed_step(q, &q->next_avail, &q->wrap_avail, 3);
	else
		((struct split_avail *)q->driver)->ring[q->next_avail++ & (q->size - 1)] = 0;
	virtq_publish(q);
	while (!(q->packed ? get_used_packed(q, &id, &len, 3) : get_used_split(q, &id, &len)))
		__asm__ volatile("pause");
}
