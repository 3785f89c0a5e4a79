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
 * Threads: the owner's, who has a lock where there are several. Pure.
 */
#ifndef WEFT_VSWITCH_FEATURE_BUCKET_H
#define WEFT_VSWITCH_FEATURE_BUCKET_H

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

/** A rate of bits a second, with a burst of bytes. tsc_hz: ticks a second. */
struct bucket_conf bucket_of_bits(uint64_t bps, uint64_t burst_bytes, uint64_t tsc_hz);
/** A rate of frames a second, with a burst of frames. */
struct bucket_conf bucket_of_frames(uint64_t pps, uint64_t burst_frames, uint64_t tsc_hz);

/** From when on n units may pass: not later than now_tsc, if they may. */
static inline uint64_t bucket_due_tsc(const struct bucket *bucket, const struct bucket_conf *conf,
	uint64_t n)
{
	uint64_t cost = (uint64_t)((unsigned __int128)n * conf->cost >> BUCKET_SHIFT);
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

#endif
