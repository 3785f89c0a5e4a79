/**
 * model: what an impaired link does to a frame, in the words of netem, tc-netem(8).
 *
 * It decides, and keeps no frames: who calls it has the queue. For one direction, per frame
 *
 *   impair_decide()  is it lost, duplicated, corrupted, reordered; how long is it delayed?
 *   impair_due()     for each copy that the queue takes: when does it leave?
 *
 *   frame --> loss --> duplicate --> corrupt --> reorder --> delay --> rate --> when due
 *                                                   |
 *                                                   +----------------> at once
 *
 * A frame for which the queue has no room is decided about like the others, and takes none of the
 * line's time. Of a duplicated frame the copy follows with the same delay, and what is corrupted is
 * the frame and not the copy. What is reordered leaves at once, before all that wait. The others
 * may be kept in a FIFO: none is due before the one in front of it.
 *
 * Where netem does otherwise:
 * - Order. With jitter, or after a delay gets smaller, frames of netem overtake each other; here
 *   only `reorder` does that. So a frame may wait longer than its own delay: until the one in front
 *   of it leaves.
 * - Correlation. netem mixes each random number with the one before, which makes extremes rare: of
 *   1 % loss with 25 % correlation it loses much less than 1 %. Here a frame shares the number of
 *   the frame before it with that probability. Shares and distributions stay what they are, and
 *   the correlation of neighbours is exactly that, of frames k apart its k-th power.
 * - Distributions deviate by `jitter`, and are cut where curve.h says; netem's pareto deviates by
 *   more, and all of them are cut at 4 deviations. `uniform` is delay +- jitter, as in netem.
 * - Probabilities are exact to a part of a billion, and 100 % is every frame.
 * - Each kind of decision has random numbers of its own, and for each frame the same number of them
 *   whatever becomes of it. So changing one setting leaves the other decisions as they were, and a
 *   seed repeats them all.
 *
 * As in netem: gemodel loses a frame by the state that the frame before left, and then takes its
 * step; state takes its step and loses by where it leads. Of a frame that is both lost and
 * duplicated one is left. With a rate, frames are delayed first and then take the line one after
 * the other, so that they never leave faster than the line is.
 *
 * Time is in ticks of the TSC, or of any clock whose rate impair_compile() was told. A decision
 * takes no division, no floating point and no memory but the two structs.
 *
 * Threads: struct impair_conf is made by the control thread (settings.h) and never changes; struct
 * impair_state belongs to the worker that serves the direction. The conf may be another for each
 * frame: the state goes on.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_MODEL_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct impair_curve;

enum impair_loss_model {
	IMPAIR_LOSS_RANDOM,
	IMPAIR_LOSS_GEMODEL, /* Gilbert and Elliott: a good and a bad state */
	IMPAIR_LOSS_STATE,   /* a Markov chain of four states */
};

/** Decisions that take random numbers; conf->random has a bit for each. */
enum impair_purpose {
	IMPAIR_LOSS,
	IMPAIR_LOSS_STEP, /* from state to state, of a loss model */
	IMPAIR_DUPLICATE,
	IMPAIR_CORRUPT,
	IMPAIR_CORRUPT_WHERE,
	IMPAIR_REORDER,
	IMPAIR_DELAY,
	IMPAIR_N_PURPOSES,
};

/** A probability: 2^63 is always. */
typedef uint64_t impair_odds;
#define IMPAIR_ALWAYS (UINT64_C(1) << 63)

struct impair_conf {
	uint64_t delay_tsc;
	uint64_t ticks_per_byte; /* of the line, in 2^-32; 0 = no rate */
	unsigned random; /* bits by enum impair_purpose; 0 = no frame differs from another */
	enum impair_loss_model loss_model;
	uint64_t jitter_tsc;
	const struct impair_curve *curve; /* NULL = uniform */
	impair_odds share[IMPAIR_N_PURPOSES];
	impair_odds correlation[IMPAIR_N_PURPOSES];
	uint32_t gap; /* frames from one that may be reordered to the next, at least 1 */
	struct {
		impair_odds to_bad, to_good, loss_bad, loss_good;
	} gemodel;
	struct {
		impair_odds p13, p31, p32, p23, p14;
	} state;
	uint64_t
		max_delay_tsc; /* of delay and jitter, for who makes room; without rate and order */
};

struct impair_state {
	uint64_t due_tsc;   /* of the last frame, when the line is free again */
	uint32_t due_part;  /* of a tick behind it, in 2^-32 */
	uint32_t n_delayed; /* frames since the last that was reordered, as far as a gap counts */
	uint8_t loss_state; /* 0 .. 3: states 1 .. 4 of the chain; of gemodel 0 = good */
	struct impair_stream {
		uint64_t at, last;
	} streams[IMPAIR_N_PURPOSES];
};

#define IMPAIR_NOT_CORRUPT UINT32_MAX

struct impair_fate {
	uint64_t delay_tsc;   /* for impair_due() */
	uint32_t corrupt_bit; /* to flip, counted from the frame's first, or IMPAIR_NOT_CORRUPT */
	bool is_lost;         /* and nothing else */
	bool is_duplicated;
	bool is_reordered;
};

/** The same seed and the same frames have the same fates. */
void impair_state_init(struct impair_state *state, uint64_t seed);

/** Decide about a frame of len bytes. */
void impair_decide(struct impair_state *state, const struct impair_conf *conf, uint32_t len,
	struct impair_fate *ret_fate);

/**
 * When a frame of len bytes leaves that comes now and goes to the end of the queue.
 *
 * delay_tsc  as its fate says; of reordered frames nothing is asked
 */
static inline uint64_t impair_due(struct impair_state *state, const struct impair_conf *conf,
	uint64_t now_tsc, uint64_t delay_tsc, uint32_t len)
{
	uint64_t due_tsc = now_tsc + delay_tsc;
	unsigned __int128 line_time;

	if (due_tsc > state->due_tsc) {
		state->due_tsc = due_tsc;
		state->due_part = 0;
	}
	if (conf->ticks_per_byte) {
		line_time = (unsigned __int128)conf->ticks_per_byte * len + state->due_part;
		state->due_tsc += (uint64_t)(line_time >> 32);
		state->due_part = (uint32_t)line_time;
	}
	return state->due_tsc;
}

#endif
