/**
 * note: what a worker tells the control thread about addresses it saw.
 *
 * A ring with one producer (the worker) and one consumer (control). Notes are advisory: a full ring
 * loses them, counted, and losing one only means that the next frame floods and tells again.
 * Each side looks at the other's index as rarely as it can: a look costs a transfer between cores.
 */
#ifndef WEFT_VSWITCH_DATAPATH_NOTE_H
#define WEFT_VSWITCH_DATAPATH_NOTE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTE_RING_SIZE 32768 /* control may be away for 30 ms at 1 M new addresses a second */

struct note {
	uint64_t mac48;
	uint16_t vid;
	uint16_t port_id;
	uint16_t bridge_id;
};

struct note_ring {
	alignas(64) _Atomic uint32_t head; /* producer */
	uint32_t tail_seen;                /* producer: where the consumer was at the last look */
	uint64_t lost;
	alignas(64) _Atomic uint32_t tail; /* consumer */
	alignas(64) struct note notes[NOTE_RING_SIZE];
};

/** Worker. False when the ring is full: the note is lost and counted. */
static inline bool note_put(struct note_ring *ring, const struct note *note)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - ring->tail_seen >= NOTE_RING_SIZE)
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (head - ring->tail_seen >= NOTE_RING_SIZE) {
		ring->lost++;
		return false;
	}
	ring->notes[head % NOTE_RING_SIZE] = *note;
	/* Pairs with the acquire in note_take_burst(): the note is complete before it counts. */
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/** Control. Take up to max notes; returns how many there were. */
static inline unsigned note_take_burst(struct note_ring *ring, struct note *notes, unsigned max)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t n = atomic_load_explicit(&ring->head, memory_order_acquire) - tail;

	if (n > max)
		n = max;
	for (uint32_t i = 0; i < n; i++)
		notes[i] = ring->notes[(tail + i) % NOTE_RING_SIZE];
	/* Pairs with the acquire in note_put(): the notes were read before they are overwritten. */
	if (n)
		atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
	return n;
}

/** Control. False when there is none. */
static inline bool note_take(struct note_ring *ring, struct note *ret_note)
{
	return note_take_burst(ring, ret_note, 1) == 1;
}

#endif
