/**
 * bucket: a token bucket: what may pass at a rate, and how much of it at once.
 *
 * It is kept as a moment, the one at which a line of that rate would be done with all that passed:
 * so nothing has to be filled, whatever time goes by. What passes moves it ahead, and may pass if
 * it is no more than the burst ahead of the clock then. What is larger than the burst passes a full
 * bucket, and what comes next waits for it.
 *
 * Units are what the rate is in: bytes of a rate of bits, or frames.
 *
 * Threads: the owner's, who has a lock where there are several. Life cycle: zeroed is full; what it
 * costs is made by feature/bucket_setup.h.
 */
#ifndef WEFT_VSWITCH_DATAPATH_BUCKET_H
#define WEFT_VSWITCH_DATAPATH_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/** Ticks are counted to this part of one. */
#define BUCKET_SHIFT 24

struct bucket_conf {
	uint64_t cost;      /* of a unit, in 2^-BUCKET_SHIFT ticks */
	uint64_t depth_tsc; /* the burst, in ticks; at least 1 */
};

struct bucket {
	uint64_t done_tsc;
	uint32_t done_part; /* in 2^-BUCKET_SHIFT ticks */
};

static inline uint64_t bucket_cost_tsc(const struct bucket_conf *conf, uint64_t n)
{
	return (uint64_t)((unsigned __int128)n * conf->cost >> BUCKET_SHIFT);
}

/** Are n units no more than the burst? */
static inline bool bucket_holds(const struct bucket_conf *conf, uint64_t n)
{
	return bucket_cost_tsc(conf, n) <= conf->depth_tsc;
}

/** From when on n units may pass: not later than now_tsc, if they may. */
static inline uint64_t bucket_due_tsc(const struct bucket *bucket, const struct bucket_conf *conf,
	uint64_t n)
{
	uint64_t cost = bucket_cost_tsc(conf, n);
	uint64_t end_tsc = bucket->done_tsc + (cost < conf->depth_tsc ? cost : conf->depth_tsc);

	return end_tsc < conf->depth_tsc ? 0 : end_tsc - conf->depth_tsc;
}

static inline bool bucket_may_pass(const struct bucket *bucket, const struct bucket_conf *conf,
	uint64_t now_tsc, uint64_t n)
{
	return bucket_due_tsc(bucket, conf, n) <= now_tsc;
}

/** n units pass. */
static inline void bucket_take(struct bucket *bucket, const struct bucket_conf *conf,
	uint64_t now_tsc, uint64_t n)
{
	unsigned __int128 cost = (unsigned __int128)n * conf->cost;

	if (bucket->done_tsc < now_tsc) {
		bucket->done_tsc = now_tsc;
		bucket->done_part = 0;
	}
	cost += bucket->done_part;
	bucket->done_tsc += (uint64_t)(cost >> BUCKET_SHIFT);
	bucket->done_part = (uint32_t)cost & ((1u << BUCKET_SHIFT) - 1);
}

/** n units that passed did not after all. */
static inline void bucket_put_back(struct bucket *bucket, const struct bucket_conf *conf,
	uint64_t n)
{
	uint64_t cost = bucket_cost_tsc(conf, n);

	bucket->done_tsc -= cost < bucket->done_tsc ? cost : bucket->done_tsc;
}

#endif
