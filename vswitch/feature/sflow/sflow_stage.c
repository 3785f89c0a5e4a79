#include "sflow_stage.h"

#include "punt.h"
#include "snapshot.h"
#include "spin.h"

/* Marsaglia's xorshift; never 0. */
static uint32_t next_random(struct sflow_point *point)
{
	uint32_t x = point->random ? point->random : 0x9e3779b9;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	point->random = x;
	return x;
}

/* 1 to 2 * rate - 1, all of them alike. */
static uint32_t next_skip(struct sflow_point *point, uint32_t rate)
{
	return 1 + (uint32_t)((uint64_t)next_random(point) * (2 * rate - 1) >> 32);
}

static void sample(struct stage_ctx *ctx, struct sflow_point *point, uint64_t mask, uint32_t rate)
{
	for (; mask; mask &= mask - 1) {
		uint64_t words[2];

		point->pool++;
		if (--point->skip)
			continue;
		point->skip = next_skip(point, rate);
		words[SFLOW_POOL] = point->pool;
		words[SFLOW_LOST] = point->lost;
		if (!punt_frame(ctx, (unsigned)__builtin_ctzll(mask), PUNT_SFLOW, words,
			    SFLOW_HEADER_BYTES))
			point->lost++;
	}
}

uint64_t sflow_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	/* Of the snapshot is only where it is; what is counted there is ours to write. */
	struct sflow_point *point = (struct sflow_point *)conf;
	uint32_t rate = atomic_load_explicit(&point->rate, memory_order_relaxed);
	unsigned n = (unsigned)__builtin_popcountll(mask);

	if (ctx->port->flags & DP_PORT_PATCH)
		return mask;
	if (ctx->is_shared)
		spin_acquire(&point->lock);
	/* The first, or the rate is another one. */
	if (!point->skip || point->skip >= 2 * rate)
		point->skip = next_skip(point, rate);
	if (__builtin_expect(point->skip > n, 1)) {
		point->skip -= n;
		point->pool += n;
	} else {
		sample(ctx, point, mask, rate);
	}
	if (ctx->is_shared)
		spin_release(&point->lock);
	return mask;
}
