/**
 * virtq: the device's side of a virtqueue, split or packed, for devices that the VMM itself serves
 * (block, rng, console, the network control queue).
 *
 * Data model: descriptors belong to the guest, which may change them at any time. Each field is
 * read once into a local, checked, and only the local is used. A chain becomes host memory ranges,
 * readable ones first; all lie in RAM. Anything illegal is -EPROTO: the caller marks the device
 * broken and does not come back until it is reset.
 * A popped chain is finished with virtq_push(), in any order. virtq_pop() returns 0 only after
 * kicks were armed, so that the next buffer is sure to kick.
 *
 * Work is counted in steps, one for each descriptor read, those of length zero included. A chain
 * has at most as many descriptors as its queue, an indirect table at most as many as well. A device
 * serves its queue by turns of the event loop: struct virtq_turn goes along with every virtq_pop()
 * of one callback, and once VIRTQ_TURN_STEPS are used up the device must kick itself and return, so
 * that everybody else on the loop is served before its next turn. Whatever a guest puts on a ring,
 * a turn ends after VIRTQ_TURN_STEPS and what its last chain has beyond them.
 *
 * Threads: one at a time (the device's lock).
 * Life cycle: virtq_init() at activation; nothing to free. Pointers into guest RAM live as long as
 * mem.
 * Limits: VIRTQ_MAX_SEGS ranges a chain, one level of indirection.
 * Source: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.7.5.3.1 "Driver Requirements: Indirect
 * Descriptors", 2.8 "Packed Virtqueues".
 */
#ifndef WEFT_VMM_DEV_VIRTQ_H
#define WEFT_VMM_DEV_VIRTQ_H

#include "virtio_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct mem;
struct virtio_queue;

#define VIRTQ_MAX_SEGS   258
#define VIRTQ_TURN_STEPS 4096

/** One callback's share of work: begins as VIRTQ_TURN. */
struct virtq_turn {
	int steps_left;
};
#define VIRTQ_TURN                             \
	{                                      \
		.steps_left = VIRTQ_TURN_STEPS \
	}

struct virtq {
	const struct mem *mem;
	uint16_t size;
	bool is_packed;
	bool has_event_idx;
	bool has_indirect;
	uint16_t next_avail; /* split: free-running; packed: slot */
	uint16_t next_used;
	uint16_t signalled_used;    /* next_used when the driver was last interrupted */
	bool avail_wrap, used_wrap; /* packed only */
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_event *device_event;
	};
};

struct virtq_chain {
	uint16_t id;
	uint16_t n_slots; /* packed: descriptors in the ring */
	unsigned n_out;   /* segs[0..n_out): the device reads */
	unsigned n_in;    /* segs[n_out..n_out + n_in): the device writes */
	size_t out_bytes;
	size_t in_bytes;
	struct iovec segs[VIRTQ_MAX_SEGS];
};

/** queue: as checked by the transport. 0, or -ERANGE if it does not lie in RAM. */
int virtq_init(struct virtq *vq, const struct mem *mem, const struct virtio_queue *queue,
	uint64_t features);

/**
 * The next chain: 1, 0 (none; kicks are armed), -EAGAIN (the turn is over: virtio_pci_kick() and
 * return) or -EPROTO (garbage).
 */
int virtq_pop(struct virtq *vq, struct virtq_turn *turn, struct virtq_chain *ret_chain);
/** Give back a chain of which written_bytes were written. */
void virtq_push(struct virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written_bytes);
/** Does the driver want an interrupt for what was pushed since it last said so here? */
bool virtq_should_notify(struct virtq *vq);

/** Copy between a chain and a buffer, from byte offset on; return the bytes copied. */
size_t virtq_read(const struct virtq_chain *chain, size_t offset, void *dst, size_t size_bytes);
size_t virtq_write(const struct virtq_chain *chain, size_t offset, const void *src,
	size_t size_bytes);

/** Steps that this thread has taken so far, in all queues: tests bound the work of a call by it. */
uint64_t virtq_steps(void);

#endif
