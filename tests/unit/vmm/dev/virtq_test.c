#include "dev/virtq.h"

#include "dev/virtio_pci.h"
#include "mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE     8
#define DESC     0x10000
#define DRIVER   0x20000
#define DEVICE   0x30000
#define TABLE    0x40000
#define DATA     0x50000
#define RAM_SIZE (16u << 20)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENTS   VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define PACKED   VIRTIO_BIT(VIRTIO_F_RING_PACKED)

struct rig {
	struct mem *mem;
	struct virtq vq;
	struct vring_desc *desc;
	struct vring_packed_desc *packed;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_packed_event *driver_event;
	struct vring_desc *table;
	struct virtq_chain chain;
};

static void *ram(struct rig *rig, uint64_t gpa)
{
	void *hva;

	assert_int_equal(mem_gpa_to_hva(rig->mem, gpa, 1, &hva), 0);
	return hva;
}

static void rig_init(struct rig *rig, uint64_t features)
{
	const struct virtio_queue queue = {
		.size = SIZE,
		.enabled = true,
		.desc_gpa = DESC,
		.driver_gpa = DRIVER,
		.device_gpa = DEVICE,
	};

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(mem_create(RAM_SIZE, false, &rig->mem, NULL), 0);
	assert_int_equal(virtq_init(&rig->vq, rig->mem, &queue, features), 0);
	rig->desc = ram(rig, DESC);
	rig->packed = ram(rig, DESC);
	rig->avail = ram(rig, DRIVER);
	rig->driver_event = ram(rig, DRIVER);
	rig->used = ram(rig, DEVICE);
	rig->table = ram(rig, TABLE);
}

static void rig_done(struct rig *rig)
{
	mem_destroy(rig->mem);
}

static int pop(struct rig *rig)
{
	struct virtq_turn turn = VIRTQ_TURN;

	return virtq_pop(&rig->vq, &turn, &rig->chain);
}

static void offer(struct rig *rig, uint16_t head)
{
	rig->avail->ring[rig->avail->idx % SIZE] = head;
	rig->avail->idx++;
}

static void chain_is_read_then_written(void **state)
{
	struct rig rig;
	char buf[8] = {0};

	rig_init(&rig, 0);
	assert_int_equal(pop(&rig), 0);
	rig.desc[3] = (struct vring_desc){DATA, 4, VRING_DESC_F_NEXT, 5};
	rig.desc[5] = (struct vring_desc){DATA + 100, 3, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1};
	rig.desc[1] = (struct vring_desc){DATA + 200, 5, VRING_DESC_F_WRITE, 0};
	memcpy(ram(&rig, DATA), "ask!", 4);
	offer(&rig, 3);
	assert_int_equal(pop(&rig), 1);
	assert_int_equal(rig.chain.out_bytes, 4);
	assert_int_equal(rig.chain.in_bytes, 8);
	assert_int_equal(virtq_read(&rig.chain, 1, buf, 8), 3);
	assert_string_equal(buf, "sk!");
	assert_int_equal(virtq_write(&rig.chain, 2, "answer", 7), 6);
	assert_memory_equal((char *)ram(&rig, DATA + 100) + 2, "a", 1);
	assert_memory_equal(ram(&rig, DATA + 200), "nswer", 5);
	virtq_push(&rig.vq, rig.chain.id, rig.chain.n_slots, 8);
	assert_int_equal(rig.used->idx, 1);
	assert_int_equal(rig.used->ring[0].id, 3);
	assert_int_equal(rig.used->ring[0].len, 8);
	assert_int_equal(pop(&rig), 0);
	rig_done(&rig);
}

static void indirect_chain_is_followed(void **state)
{
	struct rig rig;

	rig_init(&rig, INDIRECT);
	rig.desc[0] = (struct vring_desc){TABLE, 32, VRING_DESC_F_INDIRECT, 0};
	rig.table[0] = (struct vring_desc){DATA, 10, VRING_DESC_F_NEXT, 1};
	rig.table[1] = (struct vring_desc){DATA, 20, VRING_DESC_F_WRITE, 0};
	offer(&rig, 0);
	assert_int_equal(pop(&rig), 1);
	assert_int_equal(rig.chain.n_out, 1);
	assert_int_equal(rig.chain.n_in, 1);
	rig_done(&rig);
}

struct bad {
	const char *what;
	uint64_t features;
	uint16_t head;
	uint16_t idx;
	struct vring_desc desc[2];
	struct vring_desc table[2];
};

static void split_garbage_is_refused(void **state)
{
	static const struct bad bads[] = {
		{"head beyond the ring", 0, SIZE, 1, {{0}}, {{0}}},
		{"more buffers than the ring has", 0, 0, SIZE + 1, {{DATA, 1, 0, 0}}, {{0}}},
		{"next beyond the table", 0, 0, 1, {{DATA, 1, VRING_DESC_F_NEXT, SIZE}}, {{0}}},
		{"loop of one", 0, 0, 1, {{DATA, 1, VRING_DESC_F_NEXT, 0}}, {{0}}},
		{"loop of two", 0, 0, 1,
			{{DATA, 1, VRING_DESC_F_NEXT, 1}, {DATA, 1, VRING_DESC_F_NEXT, 0}}, {{0}}},
		{"endless empty loop", 0, 0, 1, {{DATA, 0, VRING_DESC_F_NEXT, 0}}, {{0}}},
		{"address beyond RAM", 0, 0, 1, {{RAM_SIZE, 1, 0, 0}}, {{0}}},
		{"length beyond RAM", 0, 0, 1, {{RAM_SIZE - 4, 8, 0, 0}}, {{0}}},
		{"address that wraps", 0, 0, 1, {{UINT64_MAX - 1, 8, 0, 0}}, {{0}}},
		{"readable after writable", 0, 0, 1,
			{{DATA, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1}, {DATA, 1, 0, 0}},
			{{0}}},
		{"indirect not negotiated", 0, 0, 1, {{TABLE, 16, VRING_DESC_F_INDIRECT, 0}},
			{{DATA, 1, 0, 0}}},
		{"indirect table of no size", INDIRECT, 0, 1,
			{{TABLE, 0, VRING_DESC_F_INDIRECT, 0}}, {{0}}},
		{"indirect table of odd size", INDIRECT, 0, 1,
			{{TABLE, 17, VRING_DESC_F_INDIRECT, 0}}, {{0}}},
		{"indirect table beyond RAM", INDIRECT, 0, 1,
			{{RAM_SIZE - 16, 32, VRING_DESC_F_INDIRECT, 0}}, {{0}}},
		{"indirect in indirect", INDIRECT, 0, 1, {{TABLE, 16, VRING_DESC_F_INDIRECT, 0}},
			{{TABLE, 16, VRING_DESC_F_INDIRECT, 0}}},
		{"indirect with next", INDIRECT, 0, 1,
			{{TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1}},
			{{DATA, 1, 0, 0}}},
		{"next beyond the indirect table", INDIRECT, 0, 1,
			{{TABLE, 16, VRING_DESC_F_INDIRECT, 0}}, {{DATA, 1, VRING_DESC_F_NEXT, 1}}},
	};

	for (unsigned i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct rig rig;

		rig_init(&rig, bads[i].features);
		memcpy(rig.desc, bads[i].desc, sizeof(bads[i].desc));
		memcpy(rig.table, bads[i].table, sizeof(bads[i].table));
		rig.avail->ring[0] = bads[i].head;
		rig.avail->idx = bads[i].idx;
		if (pop(&rig) != -EPROTO)
			fail_msg("%s: accepted", bads[i].what);
		rig_done(&rig);
	}
}

static void chain_longer_than_we_take_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint16_t queue_size;
		unsigned n_table;
		uint32_t len;
		int code;
	} cases[] = {
		{"table of the queue's size", SIZE, SIZE, 1, 1},
		{"table larger than the queue", SIZE, SIZE + 1, 1, -EPROTO},
		{"empty ones in a table larger than the queue", SIZE, SIZE + 1, 0, -EPROTO},
		{"the largest table there is", SIZE, VRING_MAX_SIZE, 0, -EPROTO},
		{"ranges as many as we take", 512, VIRTQ_MAX_SEGS, 1, 1},
		{"one range more than we take", 512, VIRTQ_MAX_SEGS + 1, 1, -EPROTO},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int packed = 0; packed < 2; packed++) {
			unsigned n = cases[i].n_table;
			uint64_t steps;
			struct rig rig;
			int code;

			rig_init(&rig, packed ? INDIRECT | PACKED : INDIRECT);
			rig.vq.size = cases[i].queue_size;
			if (packed)
				rig.packed[0] = (struct vring_packed_desc){
					TABLE, 16 * n, 0, 1 << 7 | VRING_DESC_F_INDIRECT};
			else
				rig.desc[0] = (struct vring_desc){
					TABLE, 16 * n, VRING_DESC_F_INDIRECT, 0};
			for (unsigned j = 0; j < n; j++)
				rig.table[j] = (struct vring_desc){DATA, cases[i].len,
					j + 1 < n && !packed ? VRING_DESC_F_NEXT : 0,
					packed ? 0 : (uint16_t)(j + 1)};
			if (!packed) {
				rig.avail->ring[0] = 0;
				rig.avail->idx = 1;
			}
			steps = virtq_steps();
			code = pop(&rig);
			steps = virtq_steps() - steps;
			if (code != cases[i].code || steps > 1u + cases[i].queue_size)
				fail_msg("%s%s: %d, %llu steps", cases[i].what,
					packed ? ", packed" : "", code, (unsigned long long)steps);
			rig_done(&rig);
		}
	}
}

/* Empty descriptors count as the others do, and what a turn leaves is there in the next. */
static void turn_ends_after_its_steps(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct virtq_turn turn = {.steps_left = 3 * (SIZE + 1)};
		unsigned n_chains = 0;
		struct rig rig;
		int code;

		rig_init(&rig, packed ? INDIRECT | PACKED : INDIRECT);
		for (unsigned i = 0; i < SIZE; i++) {
			if (packed)
				rig.packed[i] = (struct vring_packed_desc){
					TABLE, 16 * SIZE, 0, 1 << 7 | VRING_DESC_F_INDIRECT};
			else
				offer(&rig, 0);
			rig.table[i] = (struct vring_desc){0, 0,
				i + 1 < SIZE && !packed ? VRING_DESC_F_NEXT : 0,
				packed ? 0 : (uint16_t)(i + 1)};
		}
		if (!packed)
			rig.desc[0] =
				(struct vring_desc){TABLE, 16 * SIZE, VRING_DESC_F_INDIRECT, 0};
		while ((code = virtq_pop(&rig.vq, &turn, &rig.chain)) > 0)
			n_chains++;
		assert_int_equal(code, -EAGAIN);
		assert_int_equal(n_chains, 3);
		while ((code = pop(&rig)) > 0)
			n_chains++;
		assert_int_equal(code, 0);
		assert_int_equal(n_chains, SIZE);
		rig_done(&rig);
	}
}

static void interrupts_follow_flags(void **state)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig.desc[0] = (struct vring_desc){DATA, 1, 0, 0};
	for (int i = 0; i < 2; i++) {
		rig.avail->flags = i ? VRING_AVAIL_F_NO_INTERRUPT : 0;
		offer(&rig, 0);
		assert_int_equal(pop(&rig), 1);
		virtq_push(&rig.vq, 0, 1, 0);
		assert_int_equal(virtq_should_notify(&rig.vq), !i);
	}
	rig_done(&rig);
}

static void interrupts_and_kicks_follow_event_idx(void **state)
{
	struct rig rig;
	uint16_t *used_event, *avail_event;

	rig_init(&rig, EVENTS);
	used_event = &rig.avail->ring[SIZE];
	avail_event = (uint16_t *)&rig.used->ring[SIZE];
	rig.desc[0] = (struct vring_desc){DATA, 1, 0, 0};
	*used_event = 2; /* "when the third one is done" */
	for (int i = 0; i < 5; i++) {
		offer(&rig, 0);
		assert_int_equal(pop(&rig), 1);
		virtq_push(&rig.vq, 0, 1, 0);
		assert_int_equal(virtq_should_notify(&rig.vq), i == 2);
	}
	assert_int_equal(pop(&rig), 0);
	assert_int_equal(*avail_event, 5); /* the next one kicks */
	rig_done(&rig);
}

/* ---- Packed ---------------------------------------------------------------------------------- */

static uint16_t packed_avail(bool wrap)
{
	return (uint16_t)(wrap << VRING_PACKED_DESC_F_AVAIL | !wrap << VRING_PACKED_DESC_F_USED);
}

static void packed_ring_goes_round(void **state)
{
	struct rig rig;
	uint16_t slot = 0, used_slot = 0;
	bool wrap = true, used_wrap = true;

	rig_init(&rig, PACKED);
	for (unsigned round = 0; round < 20;
		round++) { /* chains of three slots in a ring of eight */
		uint16_t head = slot;
		uint16_t head_flags = 0;

		for (unsigned i = 0; i < 3; i++) {
			uint16_t flags = packed_avail(wrap) |
					 (i < 2 ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE);

			rig.packed[slot] = (struct vring_packed_desc){DATA, 10,
				(uint16_t)(round + 7), i ? flags : rig.packed[slot].flags};
			if (!i)
				head_flags = flags;
			if (++slot == SIZE) {
				slot = 0;
				wrap = !wrap;
			}
		}
		assert_int_equal(pop(&rig), 0);
		rig.packed[head].flags = head_flags;
		assert_int_equal(pop(&rig), 1);
		assert_int_equal(rig.chain.id, round + 7);
		assert_int_equal(rig.chain.n_slots, 3);
		assert_int_equal(rig.chain.n_out, 2);
		virtq_push(&rig.vq, rig.chain.id, 3, 5);
		assert_int_equal(rig.packed[used_slot].id, round + 7);
		assert_int_equal(rig.packed[used_slot].len, 5);
		assert_int_equal(rig.packed[used_slot].flags >> VRING_PACKED_DESC_F_AVAIL & 1,
			used_wrap);
		assert_int_equal(rig.packed[used_slot].flags >> VRING_PACKED_DESC_F_USED & 1,
			used_wrap);
		used_slot += 3;
		if (used_slot >= SIZE) {
			used_slot -= SIZE;
			used_wrap = !used_wrap;
		}
	}
	rig_done(&rig);
}

static void packed_garbage_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t features;
		struct vring_packed_desc desc[2];
	} bads[] = {
		{"address beyond RAM", 0, {{RAM_SIZE, 1, 0, 1 << 7}}},
		{"chain without end", 0, {{DATA, 0, 0, 1 << 7 | VRING_DESC_F_NEXT}}},
		{"indirect not negotiated", 0, {{TABLE, 16, 0, 1 << 7 | VRING_DESC_F_INDIRECT}}},
		{"indirect with next", INDIRECT,
			{{TABLE, 16, 0, 1 << 7 | VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT}}},
		{"indirect in a chain", INDIRECT,
			{{DATA, 1, 0, 1 << 7 | VRING_DESC_F_NEXT},
				{TABLE, 16, 0, 1 << 7 | VRING_DESC_F_INDIRECT}}},
		{"readable after writable", 0,
			{{DATA, 1, 0, 1 << 7 | VRING_DESC_F_WRITE | VRING_DESC_F_NEXT},
				{DATA, 1, 0, 1 << 7}}},
	};

	for (unsigned i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct rig rig;

		rig_init(&rig, PACKED | bads[i].features);
		for (unsigned slot = 0; slot < SIZE; slot++)
			rig.packed[slot] = bads[i].desc[slot && bads[i].desc[1].flags ? 1 : 0];
		if (pop(&rig) != -EPROTO)
			fail_msg("%s: accepted", bads[i].what);
		rig_done(&rig);
	}
}

static void packed_interrupts_follow_the_event(void **state)
{
	struct rig rig;

	rig_init(&rig, PACKED | EVENTS);
	for (uint16_t i = 0; i < 6; i++) {
		rig.driver_event->flags = i < 3 ? i : VRING_PACKED_EVENT_F_DESC;
		rig.driver_event->off_wrap = i < 5 ? 1u << 15 | 4 : 1u << 15 | 7;
		rig.packed[i] = (struct vring_packed_desc){DATA, 1, 0, packed_avail(true)};
		assert_int_equal(pop(&rig), 1);
		virtq_push(&rig.vq, 0, 1, 0);
		/* enabled, disabled, then only for slot 4 */
		assert_int_equal(virtq_should_notify(&rig.vq), i == 0 || i == 4);
	}
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_is_read_then_written),
		cmocka_unit_test(indirect_chain_is_followed),
		cmocka_unit_test(split_garbage_is_refused),
		cmocka_unit_test(chain_longer_than_we_take_is_refused),
		cmocka_unit_test(turn_ends_after_its_steps),
		cmocka_unit_test(interrupts_follow_flags),
		cmocka_unit_test(interrupts_and_kicks_follow_event_idx),
		cmocka_unit_test(packed_ring_goes_round),
		cmocka_unit_test(packed_garbage_is_refused),
		cmocka_unit_test(packed_interrupts_follow_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
