#include "fuzz_ring.h"

#include "rig.h"

#include <stdlib.h>
#include <string.h>

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

/** A descriptor that is mostly right: its address lies in guest memory or just outside. */
static void op_desc(struct rig *rig, struct program *p, uint8_t op)
{
	struct fe_ring *ring = some_ring(rig, op >> 4);
	unsigned slot = next8(p) % RIG_RING_SIZE;
	uint64_t gpa = RIG_GPA + (uint64_t)next16(p) * (op & 0x20 ? 64 : 2);
	uint32_t len = next16(p);
	uint16_t flags = next8(p) & 7, next = next8(p);

	if (op & 0x40)
		gpa = RIG_GPA + rig->mem_size / 3 - next;
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

/** Frame bytes, so that something gets past the first check. */
static void op_bytes(struct rig *rig, struct program *p)
{
	size_t at = (size_t)next16(p) * 64, n = next8(p);

	for (; n && at < rig->mem_size / 3; n--)
		rig->mem[at++] = next8(p);
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

static void op_reset(struct rig *rig, struct program *p)
{
	rig_set_features(rig, 0,
		RIG_FEATURES | RIG_OFFLOADS | (next8(p) & 1 ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0));
}

static void exchange(struct rig *rig, unsigned from, unsigned to, uint8_t dst)
{
	static uint8_t frame[2000], got[2000];
	size_t len = rig_frame(frame, dst, (uint8_t)(0x40 + from), -1, 0x0800, 300);
	int n;

	rig_send(rig, from, frame, len);
	check(rig_run(rig, from) == 1);
	do
		n = rig_receive(rig, to, NULL, got, sizeof(got));
	while (n > 0 && ((size_t)n != len || memcmp(got, frame, len)));
	check(n == (int)len);
}

/** The neighbours read what came, so that they have room. */
static void drain(struct rig *rig)
{
	uint8_t got[1];

	for (unsigned i = 1; i < 3; i++)
		while (rig_receive(rig, i, NULL, got, sizeof(got)) > 0)
			;
}

static void op_time(struct rig *rig, uint8_t op)
{
	struct vring *ring = op & 0x10 ? &rig->port[0].tx : &rig->port[0].rx;

	switch (op >> 5) {
	case 0:
		exchange(rig, 1, 2, 0xff);
		break;
	case 1:
		vring_notify(ring, true);
		(void)vring_pending(ring);
		break;
	case 2:
		vring_notify(ring, false);
		(void)vring_signal_needed(ring);
		(void)vring_base(ring);
		break;
	default:
		(void)rig_run(rig, 0);
	}
	drain(rig);
	rig_learn(rig);
}

int fuzz_ring(bool packed, const uint8_t *data, size_t size)
{
	struct rig *rig = rig_create(3, packed ? 1 : 0, RIG_FEATURES | RIG_OFFLOADS);
	struct program program = {data, data + size};

	while (program.at < program.end) {
		uint8_t op = next8(&program);

		switch (op & 0xf) {
		case 0 ... 1:
			op_poke(rig, &program, op);
			break;
		case 2 ... 5:
			op_desc(rig, &program, op);
			break;
		case 6 ... 7:
			op_avail(rig, &program, op);
			break;
		case 8:
			op_bytes(rig, &program);
			break;
		case 9:
			op_reset(rig, &program);
			break;
		default:
			op_time(rig, op);
		}
	}
	(void)rig_run(rig, 0);
	drain(rig);
	check(rig_counts_add_up(rig));
	for (unsigned i = 1; i < 3; i++)
		check(!vring_is_broken(&rig->port[i].rx) && !vring_is_broken(&rig->port[i].tx));
	/* The guest may have taken their addresses, so by broadcast; and by a fresh table. */
	exchange(rig, 1, 2, 0xff);
	exchange(rig, 2, 1, 0xff);
	rig_destroy(rig);
	return 0;
}
