/**
 * note: what a worker tells the control thread about addresses it saw.
 *
 * A ring with one producer (the worker) and one consumer (control). Notes are advisory: a full ring
 * loses them, counted, and losing one only means that the next frame floods and tells again.
 */
#ifndef WEFT_DATAPATH_NOTE_H
#define WEFT_DATAPATH_NOTE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTE_RING_SIZE 8192

struct note {
	uint64_t mac48;
	uint16_t vid;
	uint16_t port_id;
	uint16_t bridge_id;
};

struct note_ring {
	alignas(64) _Atomic uint32_t head; /* producer */
	uint64_t lost;
	alignas(64) _Atomic uint32_t tail; /* consumer */
	alignas(64) struct note notes[NOTE_RING_SIZE];
};

/** Worker. False when the ring is full: the note is lost and counted. */
static inline bool note_put(struct note_ring *ring, const struct note *note)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) >= NOTE_RING_SIZE) {
		ring->lost++;
		return false;
	}
	ring->notes[head % NOTE_RING_SIZE] = *note;
	/* Pairs with the acquire in note_take(): the note is complete before it counts. */
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/** Control. False when there is none. */
static inline bool note_take(struct note_ring *ring, struct note *ret_note)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	*ret_note = ring->notes[tail % NOTE_RING_SIZE];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

#endif
