#include "fuzz_ring.h"

#include "notify_setup.h"
#include "rig.h"
#include "vring_setup.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RING_AREA 12288 /* descriptors, driver area, device area; buffers follow */

struct program {
	const uint8_t *at, *end;
};

static uint8_t next8(struct program *p)
{
	return p->at < p->end ? *p->at++ : 0;
}

static uint16_t next16(struct program *p)
{
	return (uint16_t)(next8(p) << 8 | next8(p));
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct fe_ring *some_ring(struct rig *rig, uint8_t choice)
{
	return choice & 1 ? &rig->port[0].receive : &rig->port[0].send;
}

static void op_poke(struct rig *rig, struct program *p, uint8_t op)
{
	uint8_t *mem = some_ring(rig, op >> 4)->desc;
	unsigned at = next16(p) % RING_AREA, n = next8(p) % 16;

	for (; n && at < RING_AREA; n--)
		mem[at++] = next8(p);
}

/* A second worker, for the process. */
static struct fwd *second_worker(struct rig *rig)
{
	static struct fwd *fwd;

	if (!fwd) {
		fwd = mmap(NULL, sizeof(*fwd), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
		check(fwd != MAP_FAILED && !notify_init(&fwd->flush.calls));
	}
	fwd_init(fwd, rig->counters, rig->events, 0, 0);
	return fwd;
}

static void flush_both(struct rig *rig)
{
	fwd_flush(rig->fwd, &rig->snapshot);
	fwd_flush(second_worker(rig), &rig->snapshot);
}

/* A descriptor that is mostly right: its address lies in guest memory or just outside, or it
 * begins or ends where a region ends. */
static void op_desc(struct rig *rig, struct program *p, uint8_t op)
{
	const struct vmem *mem = &rig->port[0].vmem;
	const struct vmem_region *region;
	struct fe_ring *ring = some_ring(rig, op >> 4);
	unsigned slot = next8(p) % RIG_RING_SIZE;
	uint16_t where = next16(p);
	uint64_t gpa = RIG_GPA + (uint64_t)where * (op & 0x20 ? 64 : 2);
	uint32_t len = next16(p);
	uint16_t flags = next8(p) & 7, next = next8(p);

	if (op & 0x40) {
		region = &mem->regions[(1 + where / 256u) % mem->n_regions];
		gpa = region->gpa + region->size;
		gpa -= op & 0x20 ? len - where % 4 : next; /* to at most 3 bytes beyond */
	}
	if (!ring->packed) {
		((struct vring_desc *)ring->desc)[slot] =
			(struct vring_desc){gpa, len, flags, next};
		return;
	}
	if (op & 0x80)
		flags |= 1 << VRING_PACKED_DESC_F_USED;
	else
		flags |= 1 << VRING_PACKED_DESC_F_AVAIL;
	((struct vring_packed_desc *)ring->desc)[slot] =
		(struct vring_packed_desc){gpa, len, next, flags};
}

/* Frame bytes, so that something gets past the first check. */
static void op_bytes(struct rig *rig, struct program *p)
{
	size_t at = (size_t)next16(p) * 64, n = next8(p);

	for (; n && at < 2 * rig->ring_bytes; n--, at++)
		rig->port[0].mem[at / rig->ring_bytes][at % rig->ring_bytes] = next8(p);
}

static void op_avail(struct rig *rig, struct program *p, uint8_t op)
{
	struct fe_ring *ring = some_ring(rig, op >> 4);
	struct vring_avail *avail = ring->avail;
	unsigned n = next8(p) % 20;

	if (ring->packed)
		return; /* flags are in the descriptors */
	for (; n; n--, avail->idx++)
		avail->ring[avail->idx % RIG_RING_SIZE] = next8(p) % (RIG_RING_SIZE + 1);
}

/*
 * Fill a ring with chains of `segments` segments of the same len bytes, directly or by one table.
 */
static void op_fill(struct rig *rig, struct program *p, uint8_t op)
{
	struct fe_ring *ring = some_ring(rig, op >> 4);
	unsigned n_descs = 1u + next8(p), at = next8(p) % RIG_RING_SIZE, flags;
	bool indirect = op & 0x20;
	uint32_t len = next8(p) * (op & 0x40 ? 256u : 1u);
	uint8_t *table = indirect ? ring->bufs : ring->desc;
	uint64_t gpa = ring->bufs_gpa + (op & 0x80 ? 0 : 3 * FE_BUF_SIZE);
	struct vring_avail *avail = ring->avail;
	unsigned n = indirect ? n_descs : RIG_RING_SIZE;

	if (!len && op & 0x80)
		gpa = UINT64_MAX - 8;
	for (unsigned i = 0; i < n; i++) {
		flags = (ring->receive ? VRING_DESC_F_WRITE : 0) |
			((i + 1) % n_descs ? VRING_DESC_F_NEXT : 0);
		/* Slots before `at` are of the lap that comes next. */
		flags |= 1u << (i < at ? VRING_PACKED_DESC_F_USED : VRING_PACKED_DESC_F_AVAIL);
		if (ring->packed)
			((struct vring_packed_desc *)table)[i] =
				(struct vring_packed_desc){gpa, len, (uint16_t)i, (uint16_t)flags};
		else
			((struct vring_desc *)table)[i] = (struct vring_desc){gpa, len,
				flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE),
				(uint16_t)(indirect ? i + 1 : (i + 1) % RIG_RING_SIZE)};
	}
	for (unsigned i = 0; indirect && i < RIG_RING_SIZE; i++) {
		if (ring->packed)
			((struct vring_packed_desc *)ring->desc)[i] = (struct vring_packed_desc){
				ring->bufs_gpa, n_descs * 16, (uint16_t)i,
				(uint16_t)(VRING_DESC_F_INDIRECT |
					   1u << (i < at ? VRING_PACKED_DESC_F_USED
							 : VRING_PACKED_DESC_F_AVAIL))};
		else
			((struct vring_desc *)ring->desc)[i] = (struct vring_desc){
				ring->bufs_gpa, n_descs * 16, VRING_DESC_F_INDIRECT, 0};
	}
	for (unsigned i = 0; !ring->packed && i < RIG_RING_SIZE; i++)
		avail->ring[i] = (uint16_t)(indirect ? i : i / n_descs * n_descs);
	if (!ring->packed)
		avail->idx = (uint16_t)(((struct vring_used *)ring->used)->idx + at);
}

/* The header and the first bytes of a large TCP segment to port 1 or to all, where port 0's chains
 * begin. */
static void op_large(struct rig *rig, struct program *p)
{
	uint16_t what = next16(p);
	struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = what & 0x7fff,
		.hdr_len = 54,
		.csum_start = 34,
		.csum_offset = 16};
	uint8_t *at = rig->port[0].send.bufs;

	memcpy(at, &hdr, sizeof(hdr));
	at += sizeof(hdr);
	(void)rig_frame(at, what & 0x8000 ? 0xff : 0x41, 0x40, -1, 0x0800, 40);
	at[14] = 0x45;
	at[23] = 6;
	at[46] = 5 << 4;
}

static void bridge_all(struct rig *rig)
{
	for (unsigned i = 0; i < rig->n_ports; i++) {
		rig->ports[i].bridge = &rig->bridge;
		rig->ports[i].link_peer = DP_NO_PORT;
		rig->ports[i].flags = DP_PORT_ENABLED | DP_PORT_TAGGED | DP_PORT_UNTAGGED;
	}
}

/*
 * Port 0's memory: its two regions whole; or the first cut short, with what is left of it behind a
 * hole, or next to it, or cut off; the second at any address, over the first or not. All of it is
 * in the mappings.
 */
static void set_regions(struct rig *rig, struct program *p, bool cut, bool moved)
{
	struct vmem *mem = &rig->port[0].vmem;
	uint64_t part = cut ? next16(p) * 8u + 1u : rig->ring_bytes,
		 hole = cut ? next8(p) * 64u : 0;

	mem->n_regions = 2;
	for (unsigned r = 0; r < 2; r++)
		mem->regions[r] = (struct vmem_region){RIG_GPA + r * rig->ring_bytes,
			rig->ring_bytes, (uintptr_t)rig->port[0].mem[r], rig->port[0].mem[r]};
	if (moved)
		mem->regions[1].gpa = RIG_GPA + next16(p) * 16u + 3;
	if (part >= rig->ring_bytes)
		return;
	mem->regions[0].size = part;
	if (part + hole >= rig->ring_bytes)
		return;
	mem->regions[2] = (struct vmem_region){RIG_GPA + part + hole, rig->ring_bytes - part - hole,
		0, rig->port[0].mem[0] + part + hole};
	mem->n_regions = 3;
}

/*
 * What was cut out of port 0's memory is not the switch's to touch; on: from now on. Only the rings
 * are, which may lie there: whoever starts a ring looks at its addresses.
 */
static void fence_hole(const struct rig *rig, bool on)
{
	const struct vmem *mem = &rig->port[0].vmem;
	uint64_t part = mem->regions[0].size;
	uint8_t *begin = mem->regions[0].hva + (part > RING_AREA ? part : RING_AREA);
	uint8_t *end =
		mem->n_regions > 2 ? mem->regions[2].hva : mem->regions[0].hva + rig->ring_bytes;

	if (begin >= end)
		return;
	if (on)
		ASAN_POISON_MEMORY_REGION(begin, end - begin);
	else
		ASAN_UNPOISON_MEMORY_REGION(begin, end - begin);
}

static void op_reset(struct rig *rig, struct program *p)
{
	uint8_t how = next8(p);
	bool packed = rig->port[0].send.packed;
	uint64_t features = RIG_FEATURES | RIG_OFFLOADS;
	uint32_t base = packed ? 1u << 15 : 0;
	uint16_t size = RIG_RING_SIZE;

	if (how & 1)
		features |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	bridge_all(rig);
	if (how & 2)
		rig_link(rig, 0, 1);
	set_regions(rig, p, how & 4, how & 8);
	if (how & 0x10)
		size = packed ? next8(p) % RIG_RING_SIZE + 1 : 1u << next8(p) % 8;
	if (how & 0x20)
		base = next16(p);
	if (how & 0x40)
		features &= ~(uint64_t)RIG_OFFLOADS;
	rig->fwd->deliver.timeout_tsc = how & 0x80 ? UINT64_MAX : 0;
	flush_both(rig);
	check(!rig_restart(rig, 0, features, size, base) == (!packed || (base & 0x7fff) < size));
}

/* The neighbours read what came, so that they have room. */
static void drain(struct rig *rig)
{
	uint8_t got[1];

	for (unsigned i = 1; i < 3; i++)
		while (rig_receive(rig, i, NULL, got, sizeof(got)) > 0)
			;
}

static void exchange(struct rig *rig, unsigned from, unsigned to, uint8_t dst)
{
	static uint8_t frame[2000], got[2000];
	size_t len = rig_frame(frame, dst, (uint8_t)(0x40 + from), -1, 0x0800, 300);
	int n;

	flush_both(rig);
	drain(rig);
	rig_send(rig, from, frame, len);
	check(rig_run(rig, from) == 1);
	do
		n = rig_receive(rig, to, NULL, got, sizeof(got));
	while (n > 0 && ((size_t)n != len || memcmp(got, frame, len)));
	check(n == (int)len);
}

/* A neighbour's burst of 1 to 64 frames to port 0 by one of the workers, which keeps it for itself;
 * or it publishes what it has, or signals. */
static void op_workers(struct rig *rig, struct program *p)
{
	static uint8_t frame[2000];
	uint8_t what = next8(p);
	struct fwd *fwd = what & 1 ? second_worker(rig) : rig->fwd;
	unsigned from = 1 + (what & 1), n = 1 + (what >> 2) % FRAME_BURST;
	size_t len = rig_frame(frame, 0xff, (uint8_t)(0x40 + from), -1, 0x0800, 60);

	if (!(what & 2)) {
		for (unsigned i = 0; i < n; i++)
			rig_send(rig, from, frame, len);
		while (rig_burst(rig, fwd, from))
			;
	} else if (what & 4) {
		flush_publish(&fwd->flush, rig->snapshot.n_workers > 1);
		if (what & 8)
			flush_notify(&fwd->flush, rig->snapshot.n_workers > 1);
	} else {
		fwd_flush(fwd, &rig->snapshot);
	}
}

/* Many frames in one burst from a neighbour. */
static void op_many(struct rig *rig, struct program *p)
{
	static uint8_t frame[FE_BUF_SIZE];
	unsigned n = 1 + next8(p) % FRAME_BURST;
	size_t len = rig_frame(frame, 0xff, 0x41, -1, 0x0800, 46 + next8(p) * 15u);

	for (unsigned i = 0; i < n; i++)
		rig_send(rig, 1, frame, len);
	while (rig_run(rig, 1))
		;
}

static void op_time(struct rig *rig, struct program *p, uint8_t op)
{
	struct vring *ring = op & 0x10 ? &rig->port[0].tx : &rig->port[0].rx;

	switch (op >> 5) {
	case 0:
		if (rig->ports[1].flags & DP_PORT_LINK)
			op_many(rig, p);
		else
			exchange(rig, 1, 2, 0xff);
		break;
	case 1:
		queue_set_wakeup(&ring->queue, true);
		(void)queue_pending(&ring->queue);
		break;
	case 2:
		queue_set_wakeup(&ring->queue, false);
		(void)ring->queue.ops->notify_fd(&ring->queue);
		(void)vring_base(ring);
		break;
	case 3:
		op_many(rig, p);
		break;
	case 4:
		op_workers(rig, p);
		break;
	case 5: /* nobody empties the receivers: large frames wait */
		(void)rig_run(rig, 0);
		return;
	default:
		(void)rig_run(rig, 0);
	}
	drain(rig);
	rig_learn(rig);
}

/* An operation of port 0's guest on its memory. False: it is one of others. */
static bool op_guest(struct rig *rig, struct program *p, uint8_t op)
{
	switch (op & 0xf) {
	case 0 ... 1:
		op_poke(rig, p, op);
		break;
	case 2 ... 5:
		op_desc(rig, p, op);
		break;
	case 6 ... 7:
		op_avail(rig, p, op);
		break;
	case 8:
		op_bytes(rig, p);
		break;
	case 10:
		op_fill(rig, p, op);
		break;
	case 11:
		op_large(rig, p);
		break;
	default:
		return false;
	}
	return true;
}

int fuzz_ring(bool packed, const uint8_t *data, size_t size)
{
	struct rig *rig = rig_create(3, packed ? 1 : 0, RIG_FEATURES | RIG_OFFLOADS);
	struct program program = {data, data + size};

	rig->snapshot.n_workers = 2;            /* one after the other, but with locks */
	rig_set_features(rig, 2, RIG_FEATURES); /* one neighbour gets large frames in segments */

	while (program.at < program.end) {
		uint8_t op = next8(&program);

		if (op_guest(rig, &program, op))
			continue;
		if ((op & 0xf) == 9) {
			op_reset(rig, &program);
			continue;
		}
		fence_hole(rig, true);
		op_time(rig, &program, op);
		fence_hole(rig, false);
	}
	fence_hole(rig, true);
	flush_both(rig);
	drain(rig);
	(void)rig_run(rig, 0);
	drain(rig);
	bridge_all(rig);
	check(rig_counts_add_up(rig));
	for (unsigned i = 1; i < 3; i++)
		check(!vring_is_broken(&rig->port[i].rx) && !vring_is_broken(&rig->port[i].tx));
	/* The guest may have taken their addresses, so by broadcast; and by a fresh table. */
	exchange(rig, 1, 2, 0xff);
	exchange(rig, 2, 1, 0xff);
	fence_hole(rig, false);
	rig_destroy(rig);
	return 0;
}
