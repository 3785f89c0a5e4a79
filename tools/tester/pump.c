#include "pump.h"

#define PAGE 4096u
#define LINE 64u

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Descriptors are the largest of the three areas of either kind of ring. */
static size_t area_bytes(uint16_t size)
{
	return round_up(size * sizeof(struct vring_desc) + LINE, PAGE);
}

/* An odd number of lines: buffers a power of two apart would share few sets of a cache. */
static uint32_t stride_of(uint32_t len)
{
	uint32_t lines = (uint32_t)round_up(len, LINE) / LINE;

	return (lines | 1) * LINE;
}

size_t pump_ring_bytes(const struct pump_layout *layout)
{
	return 3 * area_bytes(layout->size);
}

size_t pump_bytes(const struct pump_layout *layout)
{
	return pump_ring_bytes(layout) +
	       round_up((size_t)layout->size * stride_of(layout->len), PAGE);
}

static void init_split(struct pump *pump)
{
	struct vring_desc *descs = pump->desc;
	struct vring_avail *avail = pump->avail;

	avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	for (uint16_t i = 0; i < pump->size; i++) {
		descs[i] = (struct vring_desc){
			.addr = pump->bufs_gpa + (uint64_t)i * pump->stride,
			.len = pump->len,
			.flags = pump->receive ? VRING_DESC_F_WRITE : 0,
		};
		avail->ring[i] = i;
	}
}

static void init_packed(struct pump *pump)
{
	struct vring_packed_desc *descs = pump->desc;
	struct vring_packed_event *event = pump->avail;

	event->flags = VRING_PACKED_EVENT_F_DISABLE;
	for (uint16_t i = 0; i < pump->size; i++)
		descs[i].addr = pump->bufs_gpa + (uint64_t)i * pump->stride;
}

void pump_init(struct pump *pump, const struct pump_layout *layout, uint8_t *mem, uint64_t gpa)
{
	size_t area = area_bytes(layout->size);

	*pump = (struct pump){
		.desc = mem,
		.avail = mem + area,
		.used = mem + 2 * area,
		.bufs = mem + 3 * area,
		.bufs_gpa = gpa + 3 * area,
		.stride = stride_of(layout->len),
		.len = layout->len,
		.size = layout->size,
		.log2_size = (uint16_t)__builtin_ctz(layout->size),
		.packed = layout->packed,
		.receive = layout->receive,
	};
	if (pump->packed)
		init_packed(pump);
	else
		init_split(pump);
	if (pump->receive)
		pump_publish(pump, pump->size);
}

void pump_use_lens(struct pump *pump, uint32_t *lens)
{
	for (unsigned i = 0; i < pump->size; i++)
		lens[i] = pump->len;
	pump->lens = lens;
}

uint32_t pump_used_len(const struct pump *pump, uint64_t n)
{
	unsigned slot = n & (pump->size - 1);

	if (pump->packed)
		return ((const struct vring_packed_desc *)pump->desc)[slot].len;
	return ((const struct vring_used *)pump->used)->ring[slot].len;
}

bool pump_is_in_order(const struct pump *pump, uint64_t n)
{
	unsigned slot = n & (pump->size - 1);

	if (pump->packed)
		return ((const struct vring_packed_desc *)pump->desc)[slot].id == slot;
	return ((const struct vring_used *)pump->used)->ring[slot].id == slot;
}
