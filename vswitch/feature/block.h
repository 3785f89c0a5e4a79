/**
 * block: what a feature has of each port, as one block that a change exchanges for another.
 *
 * A block is made before anything changes, takes effect with the next snapshot, and is freed when
 * no worker has a former one. What it says to workers never changes; what they write into it is
 * behind a lock of its own.
 *
 * Data model. struct block is the first member of a feature's own struct; it comes from
 * block_new(). A struct blocks is the state of a feature, of which it has the operations that they
 * all share. Threads: the control thread. Life cycle: that of feature.h; block_put() with every
 * change.
 */
#ifndef WEFT_VSWITCH_FEATURE_BLOCK_H
#define WEFT_VSWITCH_FEATURE_BLOCK_H

#include "snapshot.h"

#include <stddef.h>

struct hold_budget;

struct block {
	struct block *next; /* of those that are gone */
};

struct blocks {
	struct block *of[DP_MAX_PORTS]; /* NULL: the port has none */
	struct block *gone;
};

/** Zeroed, on lines of its own; NULL: no memory. */
void *block_new(size_t size);
/** Exchange a port's for another; NULL = it is to have none. Transferred. */
void block_put(struct blocks *blocks, uint16_t port_id, struct block *block);

/* As struct feature has them. */
void *blocks_create(struct hold_budget *budget);
void blocks_destroy(void *state);
void blocks_published(void *state);

#endif
