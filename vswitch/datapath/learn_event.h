/**
 * learn event: what a worker reports to the control thread of addresses that it saw.
 *
 * A ring with one producer (the worker) and one consumer (control). Learn events are advisory: a
 * full ring loses them, counted, and losing one only means that the next frame floods and tells
 * again. Each side looks at the other's index as rarely as it can: a look costs a transfer between
 * cores.
 */
#ifndef WEFT_VSWITCH_DATAPATH_LEARN_EVENT_H
#define WEFT_VSWITCH_DATAPATH_LEARN_EVENT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEARN_RING_SIZE 32768 /* control may be away for 30 ms at 1 M new addresses a second */

struct learn_event {
	uint64_t mac48;
	uint16_t vid;
	uint16_t port_id;
	uint16_t bridge_id;
};

struct learn_ring {
	alignas(64) _Atomic uint32_t head; /* producer */
	uint32_t tail_seen;                /* producer: where the consumer was at the last look */
	uint64_t lost;
	alignas(64) _Atomic uint32_t tail; /* consumer */
	alignas(64) struct learn_event events[LEARN_RING_SIZE];
};

/** Worker. False when the ring is full: the learn event is lost and counted. */
static inline bool learn_ring_put(struct learn_ring *ring, const struct learn_event *event)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - ring->tail_seen >= LEARN_RING_SIZE)
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (head - ring->tail_seen >= LEARN_RING_SIZE) {
		ring->lost++;
		return false;
	}
	ring->events[head % LEARN_RING_SIZE] = *event;
	/*
	 * Pairs with the acquire in learn_ring_get_burst(): the learn event is complete before it
	 * counts.
	 */
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/** Control. Take up to max learn events; returns how many there were. */
static inline unsigned learn_ring_get_burst(struct learn_ring *ring, struct learn_event *events,
	unsigned max)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t n = atomic_load_explicit(&ring->head, memory_order_acquire) - tail;

	if (n > max)
		n = max;
	for (uint32_t i = 0; i < n; i++)
		events[i] = ring->events[(tail + i) % LEARN_RING_SIZE];
	/*
	 * Pairs with the acquire in learn_ring_put(): the learn events were read before they are
	 * overwritten.
	 */
	if (n)
		atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
	return n;
}

/** Control. False when there is none. */
static inline bool learn_ring_get(struct learn_ring *ring, struct learn_event *ret_event)
{
	return learn_ring_get_burst(ring, ret_event, 1) == 1;
}

#endif
