#include "rig.h"
#include "vring_priv.h"
#include "vring_setup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct frame frames[FRAME_BURST];
static struct frame_seg segs[FWD_MAX_SEGS];
static struct tx_plan plan;
static uint8_t bytes[FE_FRAME_MAX], got[FE_FRAME_MAX];

static unsigned take(struct rig *rig)
{
	struct burst burst = {.frames = frames};

	return vring_rx(&rig->port[0].rx, &burst, FRAME_BURST, segs, FWD_MAX_SEGS);
}

/* Buffer i of port 0's transmit ring: its guest address and where it is. */
static uint64_t buf_gpa(const struct rig *rig, unsigned i)
{
	return rig->port[0].send.bufs_gpa + (uint64_t)i * FE_BUF_SIZE;
}

static uint8_t *buf(const struct rig *rig, unsigned i)
{
	return rig->port[0].send.bufs + (size_t)i * FE_BUF_SIZE;
}

static void offer(struct rig *rig, uint16_t head)
{
	struct vring_avail *avail = rig->port[0].send.avail;

	avail->ring[avail->idx % RIG_RING_SIZE] = head;
	avail->idx++;
}

/* ---- Framing: no assumption on how a frame is cut (VIRTIO 1.2, 2.7.4) ---- */

/* Lay n bytes over segments of the given size, chained directly or by an indirect table. */
static void lay_split(struct rig *rig, const uint8_t *data, size_t n, size_t seg, bool indirect)
{
	struct vring_desc *desc = rig->port[0].send.desc;
	struct vring_desc *table = indirect ? (struct vring_desc *)buf(rig, 60) : desc;
	unsigned i = 0;

	for (size_t at = 0; at < n; at += seg, i++) {
		size_t part = n - at < seg ? n - at : seg;
		memcpy(buf(rig, i % 50) + (i / 50) * 64, data + at, part);
		table[i] = (struct vring_desc){buf_gpa(rig, i % 50) + (i / 50) * 64, (uint32_t)part,
			at + part < n ? VRING_DESC_F_NEXT : 0, (uint16_t)(i + 1)};
	}
	if (indirect)
		desc[0] = (struct vring_desc){buf_gpa(rig, 60), i * 16, VRING_DESC_F_INDIRECT, 0};
	offer(rig, 0);
}

static void lay_packed(struct rig *rig, const uint8_t *data, size_t n, size_t seg, bool indirect)
{
	struct vring_packed_desc *desc = rig->port[0].send.desc;
	struct vring_packed_desc *table =
		indirect ? (struct vring_packed_desc *)buf(rig, 60) : desc;
	const uint16_t avail = 1 << VRING_PACKED_DESC_F_AVAIL;
	unsigned i = 0;

	for (size_t at = 0; at < n; at += seg, i++) {
		size_t part = n - at < seg ? n - at : seg;
		memcpy(buf(rig, i % 50) + (i / 50) * 64, data + at, part);
		table[i] = (struct vring_packed_desc){buf_gpa(rig, i % 50) + (i / 50) * 64,
			(uint32_t)part, 7,
			(uint16_t)(avail | (at + part < n ? VRING_DESC_F_NEXT : 0))};
	}
	if (indirect)
		desc[0] = (struct vring_packed_desc){
			buf_gpa(rig, 60), i * 16, 7, avail | VRING_DESC_F_INDIRECT};
}

static void frame_may_be_cut_anywhere(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		for (size_t seg = 1; seg < 64; seg++) {
			size_t n = 12 + (seg < 3 ? 80 : 150);
			struct rig *rig = rig_create(2, kind & 1, RIG_FEATURES);

			memset(bytes, 0, 12);
			rig_frame(bytes + 12, 2, 1, -1, 0x0800, n - 26);
			(kind & 1 ? lay_packed : lay_split)(rig, bytes, n, seg, kind & 2);
			assert_int_equal(rig_run(rig, 0), 1);
			assert_int_equal(rig->port[0].rx.broken, VRING_OK);
			assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), n - 12);
			assert_memory_equal(got, bytes + 12, n - 12);
			rig_destroy(rig);
		}
	}
}

/* DPDK's driver marks segments that it sends by a packed ring's indirect table as writable. */
static void packed_table_to_send_may_say_writable(void **state)
{
	struct rig *rig = rig_create(2, 1, RIG_FEATURES);

	memset(bytes, 0, 12);
	rig_frame(bytes + 12, 2, 1, -1, 0x0800, 124);
	lay_packed(rig, bytes, 150, 50, true);
	((struct vring_packed_desc *)buf(rig, 60))[0].flags = VRING_DESC_F_WRITE;
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(rig->port[0].rx.broken, VRING_OK);
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 138);
	assert_memory_equal(got, bytes + 12, 138);
	rig_destroy(rig);
}

/* Buffers that go on in the next region are one range; a hole between regions is none. */
static void buffer_may_cross_adjacent_regions(void **state)
{
	for (unsigned hole = 0; hole < 2; hole++) {
		struct rig *rig = rig_create(2, 0, RIG_FEATURES);
		struct vmem *mem = &rig->port[0].vmem;
		struct vring_desc *desc = rig->port[0].send.desc;
		uint64_t cut = buf_gpa(rig, 3) + 100, whole = mem->regions[0].size;

		mem->n_regions = 2;
		mem->regions[0].size = cut - mem->regions[0].gpa;
		mem->regions[1] = mem->regions[0];
		mem->regions[1].gpa = cut + hole;
		mem->regions[1].hva += mem->regions[0].size + hole;
		mem->regions[1].size = whole - mem->regions[0].size - hole;
		memset(buf(rig, 3), 0, 12);
		rig_frame(buf(rig, 3) + 12, 2, 1, -1, 0x0800, 400);
		desc[3] = (struct vring_desc){buf_gpa(rig, 3), 12 + 414, 0, 0};
		offer(rig, 3);
		assert_int_equal(rig_run(rig, 0), !hole);
		assert_int_equal(rig->port[0].rx.broken, hole ? VRING_BAD_ADDRESS : VRING_OK);
		if (!hole) {
			assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 414);
			assert_memory_equal(got, buf(rig, 3) + 12, 414);
		}
		rig_destroy(rig);
	}
}

/* ---- Faults ---- */

static void expect_fault(struct rig *rig, enum vring_fault fault, unsigned n_before)
{
	assert_int_equal(take(rig), n_before);
	assert_int_equal(rig->port[0].rx.broken, fault);
	assert_int_equal(take(rig), 0); /* latched */
	assert_false(vring_pending(&rig->port[0].rx));
	rig_destroy(rig);
}

static struct rig *split_with(struct vring_desc desc)
{
	struct rig *rig = rig_create(1, 0, RIG_FEATURES);

	((struct vring_desc *)rig->port[0].send.desc)[0] = desc;
	offer(rig, 0);
	return rig;
}

static void split_faults_are_told_apart(void **state)
{
	const uint64_t ok = RIG_GPA + 65536;
	struct rig *rig = rig_create(1, 0, RIG_FEATURES);
	struct vring_avail *avail = rig->port[0].send.avail;

	avail->idx = RIG_RING_SIZE + 1;
	expect_fault(rig, VRING_BAD_AVAIL, 0);
	rig = rig_create(1, 0, RIG_FEATURES);
	avail = rig->port[0].send.avail;
	avail->idx = 0xffff; /* decremented */
	expect_fault(rig, VRING_BAD_AVAIL, 0);
	rig = rig_create(1, 0, RIG_FEATURES);
	offer(rig, RIG_RING_SIZE);
	expect_fault(rig, VRING_BAD_HEAD, 0);
	expect_fault(split_with((struct vring_desc){ok, 12, VRING_DESC_F_NEXT, 0}), VRING_BAD_CHAIN,
		0);
	expect_fault(split_with((struct vring_desc){ok, 0, VRING_DESC_F_NEXT, 0}), VRING_BAD_LENGTH,
		0);
	expect_fault(split_with((struct vring_desc){ok, 12, VRING_DESC_F_NEXT, RIG_RING_SIZE}),
		VRING_BAD_HEAD, 0);
	expect_fault(split_with((struct vring_desc){RIG_GPA - 1, 12, 0, 0}), VRING_BAD_ADDRESS, 0);
	expect_fault(split_with((struct vring_desc){UINT64_MAX - 4, 12, 0, 0}), VRING_BAD_ADDRESS,
		0);
	expect_fault(split_with((struct vring_desc){ok, UINT32_MAX, 0, 0}), VRING_BAD_ADDRESS, 0);
	expect_fault(split_with((struct vring_desc){ok, 12, VRING_DESC_F_WRITE, 0}),
		VRING_BAD_FLAGS, 0);
	expect_fault(split_with((struct vring_desc){ok, 0, VRING_DESC_F_INDIRECT, 0}),
		VRING_BAD_INDIRECT, 0);
	expect_fault(split_with((struct vring_desc){ok, 24, VRING_DESC_F_INDIRECT, 0}),
		VRING_BAD_INDIRECT, 0);
	expect_fault(split_with((struct vring_desc){
			     ok, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1}),
		VRING_BAD_INDIRECT, 0);
	/* A table that is the ring itself nests in itself. */
	expect_fault(split_with((struct vring_desc){RIG_GPA, 16, VRING_DESC_F_INDIRECT, 0}),
		VRING_BAD_INDIRECT, 0);
	rig = split_with((struct vring_desc){ok, 16, VRING_DESC_F_INDIRECT, 0});
	rig_set_features(rig, 0, RIG_FEATURES & ~VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
	expect_fault(rig, VRING_BAD_INDIRECT, 0);
}

static struct rig *packed_with(struct vring_packed_desc desc)
{
	struct rig *rig = rig_create(1, 1, RIG_FEATURES);

	desc.flags |= 1 << VRING_PACKED_DESC_F_AVAIL;
	((struct vring_packed_desc *)rig->port[0].send.desc)[0] = desc;
	return rig;
}

static void packed_faults_are_told_apart(void **state)
{
	const uint64_t ok = RIG_GPA + 65536;
	struct rig *rig = rig_create(1, 1, RIG_FEATURES);
	struct vring_packed_desc *desc = rig->port[0].send.desc;

	for (unsigned i = 0; i < RIG_RING_SIZE; i++) /* a chain all around the ring */
		desc[i] = (struct vring_packed_desc){
			ok, 1, 0, 1 << VRING_PACKED_DESC_F_AVAIL | VRING_DESC_F_NEXT};
	expect_fault(rig, VRING_BAD_CHAIN, 0);
	expect_fault(packed_with((struct vring_packed_desc){0, 12, 0, 0}), VRING_BAD_ADDRESS, 0);
	expect_fault(packed_with((struct vring_packed_desc){ok, 12, 0, VRING_DESC_F_WRITE}),
		VRING_BAD_FLAGS, 0);
	expect_fault(packed_with((struct vring_packed_desc){ok, 0, 0, VRING_DESC_F_INDIRECT}),
		VRING_BAD_INDIRECT, 0);
	expect_fault(packed_with((struct vring_packed_desc){ok, 17, 0, VRING_DESC_F_INDIRECT}),
		VRING_BAD_INDIRECT, 0);
	expect_fault(packed_with((struct vring_packed_desc){
			     ok, 16, 0, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT}),
		VRING_BAD_INDIRECT, 0);
}

/* Frames before the fault are good, and come back to their owner. */
static void fault_ends_the_burst_only(void **state)
{
	struct rig *rig = rig_create(1, 0, RIG_FEATURES);
	size_t len = rig_frame(bytes, 2, 1, -1, 0x0800, 50);

	for (unsigned i = 0; i < 3; i++)
		rig_send(rig, 0, bytes, len);
	offer(rig, 9999);
	expect_fault(rig, VRING_BAD_HEAD, 3);
}

/* ---- Positions and notifications ---- */

static void positions_wrap(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 3 : 0, RIG_FEATURES);

		/* Far enough for the 16-bit index of a split ring to start again. */
		for (unsigned i = 0; i < 70000; i++) {
			size_t len = rig_frame(bytes, 2, 1, -1, 0x0800, 4 + i % 100);
			memcpy(bytes + 14, &i, 4);
			rig_send(rig, 0, bytes, len);
			assert_int_equal(rig_run(rig, 0), 1);
			assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), len);
			assert_memory_equal(got, bytes, len);
		}
		rig_destroy(rig);
	}
}

static void interrupts_follow_the_event_index(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	struct vring_avail *avail = rig->port[1].receive.avail;
	struct vring *ring = &rig->port[1].tx;
	struct vring_used *used = rig->port[1].receive.used;

	for (unsigned step = 0; step < 50; step++) {
		unsigned batch = step % 5;
		uint16_t before = used->idx, event = (uint16_t)(before + step % 7 - 1);

		avail->ring[RIG_RING_SIZE] = event;
		plan.n_descs = 0;
		vring_tx_begin(ring, &plan, batch);
		for (unsigned i = 0; i < batch; i++) {
			struct frame frame = {.header_len = 14, .len = 14, .rest_off = 12};
			assert_int_equal(vring_tx_frame(ring, &plan, &frame, false), TX_SENT);
		}
		vring_publish(ring);
		/* Naively: does the entry with this index lie among the new ones? */
		bool want = false;
		for (uint16_t i = before; i != used->idx; i++)
			want |= i == event;
		assert_int_equal(vring_signal_needed(ring), want);
		while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
			;
	}
	rig_destroy(rig);
}

static void packed_interrupts_follow_the_event_index(void **state)
{
	struct rig *rig = rig_create(2, 2, RIG_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	struct vring_packed_event *event = rig->port[1].receive.avail;
	struct vring *ring = &rig->port[1].tx;
	uint32_t at = 0; /* entries used in all */

	event->flags = VRING_PACKED_EVENT_F_DESC;
	for (unsigned step = 0; step < 300; step++) {
		unsigned batch = step % 5;
		uint32_t wanted = at + step % 7; /* counted in all, as `at` */

		event->off_wrap =
			(uint16_t)(wanted % RIG_RING_SIZE |
				   !(wanted / RIG_RING_SIZE % 2) << VRING_PACKED_EVENT_WRAP_SHIFT);
		plan.n_descs = 0;
		vring_tx_begin(ring, &plan, batch);
		for (unsigned i = 0; i < batch; i++) {
			struct frame frame = {.header_len = 14, .len = 14, .rest_off = 12};
			assert_int_equal(vring_tx_frame(ring, &plan, &frame, false), TX_SENT);
		}
		vring_publish(ring);
		assert_int_equal(vring_signal_needed(ring), wanted < at + batch);
		at += batch;
		while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
			;
	}
	rig_destroy(rig);
}

static void kicks_are_asked_for_only_when_wanted(void **state)
{
	struct rig *rig = rig_create(1, 0, RIG_FEATURES);
	struct vring_used *used = rig->port[0].send.used;
	struct vring *ring = &rig->port[0].rx;

	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	vring_notify(ring, true);
	assert_int_equal(used->flags, 0);
	vring_notify(ring, false);
	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	/* Whatever an earlier device left there, a ring that starts says what it wants. */
	used->flags = 0;
	rig_set_features(rig, 0, RIG_FEATURES);
	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	rig_destroy(rig);
}

static void base_survives_a_restart(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 3 : 0, RIG_FEATURES);

		for (unsigned i = 0; i < 300; i++) {
			struct vring *rings[2] = {&rig->port[0].rx, &rig->port[1].tx};
			size_t len = rig_frame(bytes, 2, 1, -1, 0x0800, i);

			rig_send(rig, 0, bytes, len);
			rig_run(rig, 0);
			assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), len);
			for (unsigned r = 0; r < 2; r++)
				assert_int_equal(vring_init(rings[r], packed, RIG_FEATURES,
							 RIG_RING_SIZE, vring_base(rings[r])),
					0);
		}
		rig_destroy(rig);
	}
}

/* A packed ring's position is a slot that it has, or it does not start. */
static void position_outside_the_ring_is_refused(void **state)
{
	struct rig *rig = rig_create(1, 1, RIG_FEATURES);
	struct vring *ring = &rig->port[0].rx;

	for (uint32_t base = 0; base <= 0xffff; base++) {
		bool has_slot = (base & 0x7fff) < RIG_RING_SIZE;

		assert_int_equal(vring_init(ring, true, RIG_FEATURES, RIG_RING_SIZE, base),
			has_slot ? 0 : -EINVAL);
		assert_int_equal(ring->broken, has_slot ? VRING_OK : VRING_BAD_POSITION);
		assert_true(vring_is_sound(ring));
		if (!has_slot)
			assert_int_equal(take(rig), 0);
	}
	rig_destroy(rig);
}

/* A device that died with chains in flight has a position ahead of what it returned. They are
 * received again, and the driver gets each of them back once. */
static void split_ring_resumes_at_its_used_index(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct vring *ring = &rig->port[0].rx;
	struct vring_used *used = rig->port[0].send.used;

	for (unsigned i = 0; i < 5; i++) {
		size_t len = rig_frame(bytes, 2, 1, -1, 0x0800, 50 + i);

		rig_send(rig, 0, bytes, len);
		if (i == 1)
			assert_int_equal(rig_run(rig, 0), 2);
	}
	assert_int_equal(vring_init(ring, false, RIG_FEATURES, RIG_RING_SIZE, 4), 0);
	assert_true(vring_is_sound(ring));
	assert_int_equal(rig_run(rig, 0), 3);
	assert_int_equal(used->idx, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 64 + i);
	assert_int_equal(fe_ring_pending(&rig->port[0].send), 0);
	rig_destroy(rig);
}

/* Begin anew at the last slot, so that the next chain begins another lap. */
static void start_at_last_slot(struct vring *ring, uint64_t features)
{
	assert_int_equal(vring_init(ring, true, features, RIG_RING_SIZE,
				 (RIG_RING_SIZE - 1) | 1u << 15),
		0);
}

#define PACKED_AVAIL(wrap) (1u << ((wrap) ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED))

/* The chains that one frame is merged into cover the ring once at most, whatever the driver wrote.
 */
static void merged_frame_covers_a_ring_at_most(void **state)
{
	for (unsigned over = 0; over < 2; over++) {
		struct rig *rig = rig_create(2, 2, RIG_FEATURES);
		struct vring_packed_desc *desc = rig->port[1].receive.desc;
		uint64_t gpa = rig->port[1].receive.bufs_gpa;
		size_t len = rig_frame(bytes, 0xff, 1, -1, 0x0800, 50);

		/* The last slot holds the header; from the first on goes a chain over all others,
		 * or round to the last slot again. */
		desc[RIG_RING_SIZE - 1] = (struct vring_packed_desc){
			gpa, 12, 7, (uint16_t)(PACKED_AVAIL(true) | VRING_DESC_F_WRITE)};
		for (unsigned i = 0; i < RIG_RING_SIZE - 1; i++)
			desc[i] = (struct vring_packed_desc){gpa + 64 * i, 1, (uint16_t)i,
				(uint16_t)(PACKED_AVAIL(false) | VRING_DESC_F_WRITE |
					   (i < RIG_RING_SIZE - 2 || over ? VRING_DESC_F_NEXT
									  : 0))};
		start_at_last_slot(&rig->port[1].tx, RIG_FEATURES);
		rig_send(rig, 0, bytes, len);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(rig->port[1].tx.broken, over ? VRING_BAD_CHAIN : VRING_OK);
		assert_int_equal(rig->port[1].tx.next_avail, RIG_RING_SIZE - 1);
		assert_true(rig_counts_add_up(rig));
		rig_destroy(rig);
	}
}

/* Neither do the chains of a burst, so that those which wait can be put back. */
static void burst_covers_a_ring_at_most(void **state)
{
	for (unsigned over = 0; over < 2; over++) {
		struct rig *rig = rig_create(1, 1, RIG_FEATURES);
		struct vring_packed_desc *desc = rig->port[0].send.desc;
		struct vring *ring = &rig->port[0].rx;
		unsigned n = 0;

		desc[RIG_RING_SIZE - 1] = (struct vring_packed_desc){
			buf_gpa(rig, 0), 100, 7, (uint16_t)PACKED_AVAIL(true)};
		for (unsigned i = 0; i < RIG_RING_SIZE - 1; i++)
			desc[i] = (struct vring_packed_desc){buf_gpa(rig, 1), 16, (uint16_t)i,
				(uint16_t)(PACKED_AVAIL(false) |
					   (i < RIG_RING_SIZE - 2 || over ? VRING_DESC_F_NEXT
									  : 0))};
		start_at_last_slot(ring, RIG_FEATURES);
		n = take(rig);
		assert_int_equal(n, over ? 1 : 2);
		assert_int_equal(ring->broken, over ? VRING_BAD_CHAIN : VRING_OK);
		vring_requeue(ring, frames, n);
		assert_true(vring_is_sound(ring));
		assert_int_equal(ring->next_avail, RIG_RING_SIZE - 1);
		assert_true(ring->avail_wrap);
		rig_destroy(rig);
	}
}

/* Buffers that were looked at ahead become a chain before the frame comes: what it took is not
 * taken for the next frame again. */
static void look_ahead_follows_a_ring_that_changes(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 2 : 0, RIG_FEATURES);
		struct vring *ring = &rig->port[1].tx;
		struct frame frame = {.header_len = 14, .len = 14, .rest_off = 12};
		struct tx_tally tally = {0};
		struct tx_burst burst = {.frames = frames, .todo = UINT64_MAX, .is_fast = true};

		plan.n_descs = 0;
		vring_tx_begin(ring, &plan, RIG_RING_SIZE / 2);
		for (unsigned i = 0; packed && i < RIG_RING_SIZE - 1; i++)
			((struct vring_packed_desc *)rig->port[1].receive.desc)[i].flags |=
				VRING_DESC_F_NEXT;
		assert_int_equal(vring_tx_frame(ring, &plan, &frame, false), TX_SENT);
		frame = (struct frame){.header_len = 14, .len = 14, .rest_off = 12};
		for (unsigned i = 0; i < FRAME_BURST; i++)
			frames[i] = frame;
		(void)vring_tx_fast(ring, &plan, &burst, &tally);
		assert_true(vring_is_sound(ring));
		assert_int_equal(tally.frames, packed ? 0 : RIG_RING_SIZE / 2 - 1);
		rig_destroy(rig);
	}
}

/* A driver cannot make available again what was used and is not published. */
static void unpublished_entries_are_not_available(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(1, packed, RIG_FEATURES);
		struct vring *ring = &rig->port[0].rx;
		size_t len = rig_frame(bytes, 2, 1, -1, 0x0800, 50);

		for (unsigned lap = 0; lap < 2; lap++) {
			for (unsigned i = 0; i < RIG_RING_SIZE; i++) {
				if (!lap)
					rig_send(rig, 0, bytes, len);
				else if (packed)
					((struct vring_packed_desc *)rig->port[0].send.desc)[i]
						.flags = PACKED_AVAIL(false);
				else
					offer(rig, (uint16_t)i);
			}
			for (unsigned i = 0; i < 2; i++) {
				unsigned n = take(rig);

				assert_int_equal(n, lap ? 0 : FRAME_BURST);
				vring_return(ring, frames, n);
				assert_true(vring_is_sound(ring));
			}
		}
		assert_int_equal(ring->n_unpublished, RIG_RING_SIZE);
		assert_int_equal(ring->broken, packed ? VRING_OK : VRING_BAD_AVAIL);
		rig_destroy(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_may_be_cut_anywhere),
		cmocka_unit_test(packed_table_to_send_may_say_writable),
		cmocka_unit_test(buffer_may_cross_adjacent_regions),
		cmocka_unit_test(split_faults_are_told_apart),
		cmocka_unit_test(packed_faults_are_told_apart),
		cmocka_unit_test(fault_ends_the_burst_only),
		cmocka_unit_test(positions_wrap),
		cmocka_unit_test(interrupts_follow_the_event_index),
		cmocka_unit_test(packed_interrupts_follow_the_event_index),
		cmocka_unit_test(kicks_are_asked_for_only_when_wanted),
		cmocka_unit_test(base_survives_a_restart),
		cmocka_unit_test(position_outside_the_ring_is_refused),
		cmocka_unit_test(split_ring_resumes_at_its_used_index),
		cmocka_unit_test(merged_frame_covers_a_ring_at_most),
		cmocka_unit_test(burst_covers_a_ring_at_most),
		cmocka_unit_test(look_ahead_follows_a_ring_that_changes),
		cmocka_unit_test(unpublished_entries_are_not_available),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
