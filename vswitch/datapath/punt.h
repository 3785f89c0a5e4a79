/**
 * punt: frames that a worker hands to the control thread.
 *
 * What a feature wants to look at in its own time (a sample, a frame of a protocol) a stage copies
 * to a ring, with which feature wants it and where it was seen. Either the frame itself goes on,
 * and the copy is none of counters.h (punt_frame()); or it was meant for the switch, and the stage
 * takes it (punt_take()): then it ends there, as consumed, or as lost on the way to control, which
 * are reasons of drop.h like any other, so that the sum of counters.h holds.
 *
 * Data model. A ring of records of fixed size, with one producer (the worker) and one consumer
 * (control). Punts are lossy: a full ring loses them, counted, and no worker ever waits. Each side
 * looks at the other's index as rarely as it can (learn_event.h). Control is woken up once a round
 * of the worker at most, and not at all while it has not come to look since it was last woken.
 *
 * A copy has the bytes of the frame as it is on the port's wire, up to a length that the stage
 * says.
 *
 * Threads: as said of each function. Life cycle: zeroed; part of a worker. What a port's frames
 * left in the rings is taken out before its id is given to another port (worker_ctl_drain()).
 * Limits: PUNT_RING_SIZE records, PUNT_MAX_BYTES of a frame.
 */
#ifndef WEFT_VSWITCH_DATAPATH_PUNT_H
#define WEFT_VSWITCH_DATAPATH_PUNT_H

#include "stage.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PUNT_RING_SIZE 512 /* a power of two */
#define PUNT_MAX_BYTES 2048

/** Who wants them. */
enum punt_client {
	PUNT_SFLOW,
	PUNT_N_CLIENTS,
};

struct punt_record {
	uint64_t tsc;
	uint64_t words[2]; /* the client's */
	uint32_t len;      /* of the frame on the wire */
	uint32_t n_bytes;  /* of those that were copied */
	uint16_t port_id;
	uint8_t client; /* enum punt_client */
	bool is_egress;
	uint8_t bytes[PUNT_MAX_BYTES];
};

struct punt_ring {
	alignas(64) _Atomic uint32_t head; /* producer */
	uint32_t tail_seen;                /* producer: where the consumer was at the last look */
	uint64_t lost;
	alignas(64) _Atomic uint32_t tail; /* consumer */
	alignas(64) struct punt_record records[PUNT_RING_SIZE];
};

/**
 * Worker. Copy up to max_bytes of frame i of a stage's burst for a client, whose words[2] go with
 * it. Returns false when the ring is full: the copy is lost and counted.
 */
bool punt_frame(const struct stage_ctx *ctx, unsigned i, enum punt_client client,
	const uint64_t *words, uint32_t max_bytes);

/**
 * Worker. Take the frames of mask out of a burst at ingress, for a client that they are meant for:
 * of each up to PUNT_MAX_BYTES are punted, and none goes on. Returns those that go on: 0.
 */
static inline uint64_t punt_take(struct stage_ctx *ctx, uint64_t mask, enum punt_client client,
	const uint64_t *words)
{
	uint64_t lost = 0;

	for (uint64_t left = mask; left; left &= left - 1) {
		if (!punt_frame(ctx, (unsigned)__builtin_ctzll(left), client, words,
			    PUNT_MAX_BYTES))
			lost |= left & -left;
	}
	stage_drop(ctx, DROP_RX_CONSUMED, mask & ~lost);
	stage_drop(ctx, DROP_RX_PUNT_FULL, lost);
	return 0;
}

/** Control. The first record, valid until punt_ring_pop(); NULL: there is none. */
static inline const struct punt_record *punt_ring_first(const struct punt_ring *ring)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* Pairs with the release in punt_frame(): the record is complete before it counts. */
	if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
		return NULL;
	return &ring->records[tail % PUNT_RING_SIZE];
}

/** Control. Done with the first record, which there is. */
static inline void punt_ring_pop(struct punt_ring *ring)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* Pairs with the acquire in punt_frame(): the record was read before it is overwritten. */
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

#endif
