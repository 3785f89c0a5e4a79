#include "fe_ring.h"

#include "fe.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HDR_SIZE sizeof(struct virtio_net_hdr_v1)

/* Memory that the device reads or writes is accessed whole and in order. */
#define LOAD(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

static size_t round_up(size_t n)
{
	return (n + 4095) & ~(size_t)4095;
}

size_t fe_ring_bytes(uint16_t size)
{
	return 3 * round_up((size_t)size * 16 + 64) + (size_t)size * FE_BUF_SIZE;
}

static void put_avail_split(struct fe_ring *ring, uint16_t head)
{
	struct vring_avail *avail = ring->avail;

	avail->ring[ring->avail_idx & (ring->size - 1)] = head;
	STORE(&avail->idx, ++ring->avail_idx);
}

static uint16_t packed_flags(const struct fe_ring *ring)
{
	return ring->avail_wrap ? 1 << VRING_PACKED_DESC_F_AVAIL : 1 << VRING_PACKED_DESC_F_USED;
}

static void packed_advance(const struct fe_ring *ring, uint16_t *idx, bool *wrap, unsigned by)
{
	*idx += by;
	if (*idx >= ring->size) {
		*idx -= ring->size;
		*wrap = !*wrap;
	}
}

static uint64_t buf_gpa(const struct fe_ring *ring, uint16_t id)
{
	return ring->bufs_gpa + (uint64_t)id * FE_BUF_SIZE;
}

static void offer_receive_buffer(struct fe_ring *ring, uint16_t id)
{
	if (ring->packed) {
		struct vring_packed_desc *desc =
			&((struct vring_packed_desc *)ring->desc)[ring->avail_idx];
		desc->addr = buf_gpa(ring, id);
		desc->len = FE_BUF_SIZE;
		desc->id = id;
		STORE(&desc->flags, packed_flags(ring) | VRING_DESC_F_WRITE);
		packed_advance(ring, &ring->avail_idx, &ring->avail_wrap, 1);
		return;
	}
	struct vring_desc *desc = &((struct vring_desc *)ring->desc)[id];
	*desc = (struct vring_desc){buf_gpa(ring, id), FE_BUF_SIZE, VRING_DESC_F_WRITE, 0};
	put_avail_split(ring, id);
}

int fe_ring_init(struct fe_ring *ring, uint8_t *mem, uint64_t gpa, uint16_t size, bool packed,
	bool receive)
{
	size_t area = round_up((size_t)size * 16 + 64);

	if (!size || size > FE_RING_MAX || (size & (size - 1)))
		return -EINVAL;
	*ring = (struct fe_ring){.desc = mem,
		.avail = mem + area,
		.used = mem + 2 * area,
		.bufs = mem + 3 * area,
		.bufs_gpa = gpa + 3 * area,
		.size = size,
		.packed = packed,
		.receive = receive,
		.avail_wrap = true,
		.used_wrap = true};
	ring->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->kick_fd < 0 || ring->call_fd < 0)
		return -errno;
	for (uint16_t i = 0; i < size; i++) {
		if (receive)
			offer_receive_buffer(ring, i);
		else
			ring->free_ids[ring->n_free++] = (uint16_t)(size - 1 - i);
	}
	return 0;
}

void fe_ring_done(struct fe_ring *ring)
{
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	if (ring->call_fd >= 0)
		close(ring->call_fd);
	ring->kick_fd = ring->call_fd = -1;
}

int fe_ring_kick(struct fe_ring *ring)
{
	uint64_t one = 1;

	return write(ring->kick_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

void fe_ring_arm(struct fe_ring *ring)
{
	if (ring->packed) {
		struct vring_packed_event *event = ring->avail;

		STORE(&event->off_wrap,
			(uint16_t)(ring->used_idx | ring->used_wrap
							    << VRING_PACKED_EVENT_WRAP_SHIFT));
		STORE(&event->flags, VRING_PACKED_EVENT_F_DESC);
	} else {
		struct vring_avail *avail = ring->avail;

		STORE(&avail->ring[ring->size], ring->used_idx);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the look that decides to wait */
}

/* The next returned descriptor: its id and length. False when there is none. */
static bool take_used(struct fe_ring *ring, uint32_t *ret_id, uint32_t *ret_len)
{
	if (ring->packed) {
		struct vring_packed_desc *desc =
			&((struct vring_packed_desc *)ring->desc)[ring->used_idx];
		uint16_t flags = LOAD(&desc->flags);
		bool avail = flags >> VRING_PACKED_DESC_F_AVAIL & 1;
		bool used = flags >> VRING_PACKED_DESC_F_USED & 1;

		if (avail != used || used != ring->used_wrap)
			return false;
		*ret_id = desc->id;
		*ret_len = desc->len;
		unsigned n = *ret_id < ring->size && !ring->receive ? ring->chain[*ret_id] : 1;
		packed_advance(ring, &ring->used_idx, &ring->used_wrap, n);
		return true;
	}
	struct vring_used *used = ring->used;
	if (LOAD(&used->idx) == ring->used_idx)
		return false;
	const struct vring_used_elem *elem = &used->ring[ring->used_idx++ & (ring->size - 1)];
	*ret_id = elem->id;
	*ret_len = elem->len;
	return true;
}

static void reclaim(struct fe_ring *ring)
{
	uint32_t id, len;

	while (take_used(ring, &id, &len)) {
		if (id >= ring->size)
			continue;
		unsigned n = ring->chain[id];
		ring->chain[id] = 0;
		for (uint16_t at = (uint16_t)id; n; n--, at = ring->next[at])
			ring->free_ids[ring->n_free++] = at;
	}
}

uint32_t fe_ring_base(struct fe_ring *ring)
{
	if (!ring->packed)
		return LOAD(&((struct vring_used *)ring->used)->idx);
	if (!ring->receive)
		reclaim(ring);
	/* Frames that wait to be received are past: look over them, but leave them. */
	struct fe_ring ahead = *ring;
	uint32_t id, len;
	while (ring->receive && take_used(&ahead, &id, &len))
		continue;
	uint32_t at = ahead.used_idx | (uint32_t)ahead.used_wrap << 15;
	return at | at << 16;
}

unsigned fe_ring_pending(struct fe_ring *ring)
{
	reclaim(ring);
	return ring->size - ring->n_free;
}

static void put_desc(struct fe_ring *ring, unsigned slot, uint16_t id, uint32_t len, bool more,
	uint16_t head, uint16_t *ret_head_flags)
{
	uint16_t next = more ? VRING_DESC_F_NEXT : 0;

	if (!ring->packed) {
		((struct vring_desc *)ring->desc)[id] =
			(struct vring_desc){buf_gpa(ring, id), len, next, ring->next[id]};
		return;
	}
	struct vring_packed_desc *desc = &((struct vring_packed_desc *)ring->desc)[ring->avail_idx];
	desc->addr = buf_gpa(ring, id);
	desc->len = len;
	desc->id = head;
	if (slot == 0)
		*ret_head_flags = packed_flags(ring) | next;
	else
		STORE(&desc->flags, packed_flags(ring) | next);
	packed_advance(ring, &ring->avail_idx, &ring->avail_wrap, 1);
}

int fe_ring_send(struct fe_ring *ring, const struct virtio_net_hdr_v1 *hdr, const void *frame,
	size_t len)
{
	size_t total = HDR_SIZE + len, done = 0;
	unsigned n = (unsigned)((total + FE_BUF_SIZE - 1) / FE_BUF_SIZE);
	struct vring_packed_desc *first =
		&((struct vring_packed_desc *)ring->desc)[ring->avail_idx];
	uint16_t ids[32] = {0}, head_flags = 0;

	if (n > 32 || n > ring->size)
		return -EMSGSIZE;
	reclaim(ring);
	if (ring->n_free < n)
		return -ENOSPC;
	for (unsigned i = 0; i < n; i++)
		ids[i] = ring->free_ids[--ring->n_free];
	for (unsigned i = 0; i < n; i++) {
		size_t part = total - done < FE_BUF_SIZE ? total - done : FE_BUF_SIZE;
		uint8_t *buf = ring->bufs + (size_t)ids[i] * FE_BUF_SIZE;
		size_t skip = i ? 0 : HDR_SIZE;

		if (!i)
			memcpy(buf, hdr, HDR_SIZE);
		memcpy(buf + skip, (const uint8_t *)frame + (i ? done - HDR_SIZE : 0), part - skip);
		done += part;
		ring->next[ids[i]] = i + 1 < n ? ids[i + 1] : 0;
		put_desc(ring, i, ids[i], (uint32_t)part, i + 1 < n, ids[0], &head_flags);
	}
	ring->chain[ids[0]] = (uint8_t)n;
	if (ring->packed)
		STORE(&first->flags, head_flags); /* the chain becomes visible as a whole */
	else
		put_avail_split(ring, ids[0]);
	return 0;
}

int fe_ring_recv(struct fe_ring *ring, bool merge, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size)
{
	struct virtio_net_hdr_v1 hdr;
	uint32_t id, len;
	size_t got = 0;
	unsigned n = 1;

	for (unsigned i = 0; i < n; i++) {
		unsigned spins = 0;
		/*
		 * A merged frame's buffers are published together; allow for the device's store
		 * order.
		 */
		while (!take_used(ring, &id, &len))
			if (!i)
				return -EAGAIN;
			else if (++spins > 1000000)
				return -EPROTO;
		if (id >= ring->size || len > FE_BUF_SIZE || (!i && len < HDR_SIZE))
			return -EPROTO;
		const uint8_t *buf = ring->bufs + (size_t)id * FE_BUF_SIZE;
		size_t skip = i ? 0 : HDR_SIZE;
		if (!i) {
			memcpy(&hdr, buf, HDR_SIZE);
			n = merge ? hdr.num_buffers : 1;
			if (!n || n > ring->size)
				return -EPROTO;
		}
		size_t part = len - skip;
		if (got < size)
			memcpy((uint8_t *)frame + got, buf + skip,
				part < size - got ? part : size - got);
		got += part;
		offer_receive_buffer(ring, (uint16_t)id);
	}
	if (ret_hdr)
		*ret_hdr = hdr;
	return (int)got;
}
