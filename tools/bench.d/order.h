/**
 * order: did the frames of one flow arrive once each and in order, looking at few of them?
 *
 * The sender numbers each frame whose slot is a multiple of `every` (a power of two that divides
 * the ring's size) with its position in the flow. The receiver looks at the frame where the next
 * numbered one has to be. As long as nothing is lost it is there; a loss shifts positions, which
 * the slot of the frame at hand tells, and the next numbered frame tells by how much.
 *
 * Frames lost, arrived twice or in the wrong order between two numbered frames are seen by their
 * sum: equal numbers of lost and repeated ones in between would cancel, so where that matters every
 * is 1.
 * Threads: one. Numbers are 32 bits and wrap.
 */
#ifndef WEFT_TOOLS_BENCH_D_ORDER_H
#define WEFT_TOOLS_BENCH_D_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order {
	uint32_t every;
	uint64_t next; /* position, in what was received, of the frame to look at */
	uint64_t last_at;
	uint32_t last_number;
	bool any;
	/* Found so far. */
	uint64_t looked, lost, repeated, disordered;
};

void order_init(struct order *order, uint32_t every);
/** Take the frame at position at == order->next; says where to look next. */
void order_see(struct order *order, uint64_t at, unsigned slot, uint32_t number);

#endif
