/*
 * A ring of a virtio device that the VMM serves, filled by the input as a guest might, split or
 * packed:
 *
 *   byte 0    bit 0 packed, bit 1 INDIRECT_DESC, bit 2 EVENT_IDX, bits 4.. size of the queue
 *   the rest  the bytes of a window of RAM with descriptors, both ring parts and tables in it
 *
 * Addresses are folded into the window, but for those with their top bit set; those with the next
 * bit set lie at the very end of RAM, which a guard page follows. However the ring looks, no chain
 * may take more steps than its queue allows, a turn must end, every range lies in RAM, nothing is
 * touched outside, and positions stay inside the ring.
 */
#include "fuzz.h"

#include "dev/virtio_pci.h"
#include "dev/virtq.h"
#include "mem.h"
#include "virtio_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_GPA  0x100000
#define WINDOW_SIZE 0x4000
#define DRIVER_GPA  (WINDOW_GPA + 0x400)
#define DEVICE_GPA  (WINDOW_GPA + 0x600)
#define MAX_TURNS   16

/* In every 16 bytes an address, as if all were descriptors. */
static void fold_addresses(uint8_t *window)
{
	for (unsigned at = 0; at < WINDOW_SIZE; at += sizeof(struct vring_desc)) {
		uint64_t addr;

		memcpy(&addr, window + at, sizeof(addr));
		if (addr >> 62 == 1)
			addr = MEM_MIN_BYTES - addr % 256;
		else if (!(addr >> 63))
			addr = WINDOW_GPA + addr % WINDOW_SIZE;
		memcpy(window + at, &addr, sizeof(addr));
	}
}

static void check_chain(const struct mem *mem, const struct virtq_chain *chain)
{
	const struct mem_region *regions;
	size_t bytes = 0;

	(void)mem_regions(mem, &regions);
	for (unsigned i = 0; i < chain->n_out + chain->n_in; i++) {
		const uint8_t *base = chain->segs[i].iov_base, *ram = regions[0].hva;

		if (!chain->segs[i].iov_len || base < ram ||
			chain->segs[i].iov_len > regions[0].size_bytes ||
			(size_t)(base - ram) > regions[0].size_bytes - chain->segs[i].iov_len)
			abort();
		bytes += chain->segs[i].iov_len;
	}
	if (bytes != chain->out_bytes + chain->in_bytes)
		abort();
}

/* False: nothing more to be had, or garbage. */
static bool take_turn(struct virtq *vq)
{
	struct virtq_turn turn = VIRTQ_TURN;
	uint64_t begin = virtq_steps();
	struct virtq_chain chain;

	for (;;) {
		uint64_t before = virtq_steps();
		int r = virtq_pop(vq, &turn, &chain);

		/* The ring's own descriptors, and a table's behind them. */
		if (virtq_steps() - before > 2u * vq->size)
			abort();
		if (virtq_steps() - begin > VIRTQ_TURN_STEPS + 2u * vq->size)
			abort();
		if (vq->is_packed && (vq->next_avail >= vq->size || vq->next_used >= vq->size))
			abort();
		if (r <= 0)
			return r == -EAGAIN;
		check_chain(vq->mem, &chain);
		virtq_push(vq, chain.id, chain.n_slots, (uint32_t)chain.in_bytes);
		(void)virtq_should_notify(vq);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mem *mem;
	struct virtio_queue queue = {.enabled = true,
		.desc_gpa = WINDOW_GPA,
		.driver_gpa = DRIVER_GPA,
		.device_gpa = DEVICE_GPA};
	uint64_t features = 0;
	struct virtq vq;
	void *window;

	if (!mem && mem_create(MEM_MIN_BYTES, false, &mem, NULL) < 0)
		abort();
	if (!size || mem_gpa_to_hva(mem, WINDOW_GPA, WINDOW_SIZE, &window) < 0)
		return 0;
	queue.size = (uint16_t)(1u << (data[0] >> 4) % 7); /* up to 64 */
	if (data[0] & 1) {
		features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
		queue.size = (uint16_t)(queue.size + (data[0] >> 4) / 7); /* any size is allowed */
	}
	features |= data[0] & 2 ? VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) : 0;
	features |= data[0] & 4 ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0;
	data++;
	size = size - 1 < WINDOW_SIZE ? size - 1 : WINDOW_SIZE;
	memset(window, 0, WINDOW_SIZE);
	memcpy(window, data, size);
	fold_addresses(window);
	if (size > DRIVER_GPA - WINDOW_GPA) /* what is no descriptor, as it came */
		memcpy((uint8_t *)window + 0x400, data + 0x400,
			size - 0x400 < 0x400 ? size - 0x400 : 0x400);
	if (virtq_init(&vq, mem, &queue, features) < 0)
		abort();
	for (unsigned i = 0; i < MAX_TURNS && take_turn(&vq); i++)
		;
	return 0;
}
