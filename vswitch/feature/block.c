#include "block.h"

#include <stdlib.h>
#include <string.h>

void *block_new(size_t size)
{
	size_t whole = (size + 63) / 64 * 64;
	void *block = aligned_alloc(64, whole);

	if (block)
		memset(block, 0, whole);
	return block;
}

void block_put(struct blocks *blocks, uint16_t port_id, struct block *block)
{
	struct block *old = blocks->of[port_id];

	blocks->of[port_id] = block;
	if (!old)
		return;
	old->next = blocks->gone;
	blocks->gone = old;
}

void *blocks_create(struct hold_budget *budget)
{
	(void)budget;
	return calloc(1, sizeof(struct blocks));
}

void blocks_published(void *state)
{
	struct blocks *blocks = state;
	struct block *block;

	while ((block = blocks->gone)) {
		blocks->gone = block->next;
		free(block);
	}
}

void blocks_destroy(void *state)
{
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		block_put(state, (uint16_t)i, NULL);
	blocks_published(state);
	free(state);
}
