/**
 * model: the machine that filters are programs of, as workers run it (filter.h).
 *
 * A program was checked (filter_create()): operands and jumps are within bounds, and it ends. A
 * load beyond the frame ends it, too, and the frame does not pass; so does a division by zero.
 *
 * Threads: any; no state.
 */
#ifndef WEFT_VSWITCH_FEATURE_FILTER_MODEL_H
#define WEFT_VSWITCH_FEATURE_FILTER_MODEL_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_MAX_INSNS 512

struct filter {
	unsigned n;
	struct sock_filter insns[FILTER_MAX_INSNS];
};

/** What a filter looks at. */
struct filter_frame {
	const uint8_t *head; /* head[head_len], of the frame's len bytes */
	uint32_t head_len, len;
	/* The others, in one piece; NULL: not yet, and gather makes it so, if it is needed. */
	const uint8_t *tail;
	const uint8_t *(*gather)(void *ctx);
	void *ctx;
};

/** Does the frame pass? */
bool filter_passes(const struct filter *filter, struct filter_frame *frame);

#endif
