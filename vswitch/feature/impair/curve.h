/**
 * curve: how delays scatter around their mean, as tables of quantiles.
 *
 * A curve has mean 0 and variance 1: a frame's delay is `delay + jitter * curve`. It is read at a
 * random number u: the share of frames below the result is u / 2^64.
 *
 *   normal        Gauss; cut at 5 of its deviations
 *   pareto        shape 3, cut at 5 times its least value: nothing below -0.81, the tail up to 6.35
 *   paretonormal  a quarter of normal and three of pareto, quantile by quantile
 *
 * The cuts bound what a frame can wait, and so the memory of a link: one frame in a million of an
 * endless pareto would hold back all that follow it for a hundred times the jitter.
 *
 * The tables are made by the inverse functions and read in between by straight lines. Their cells
 * get narrower by powers of two towards both ends, as floating-point numbers do towards 0, so that
 * tails are as exact as the middle; and they are scaled by their own mean and variance, so that
 * those are exact.
 *
 * Threads: tables are made by the control thread (impair_curve_get()) and never change; workers
 * read them.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_CURVE_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_CURVE_H

#include <stdint.h>

enum impair_distribution {
	IMPAIR_UNIFORM, /* needs no table */
	IMPAIR_NORMAL,
	IMPAIR_PARETO,
	IMPAIR_PARETONORMAL,
};

/** A value of 1 in the tables; none exceeds 8. */
#define IMPAIR_CURVE_ONE_BITS 28

/* From an end, where u is 0, to the middle, where it is 2^63: IMPAIR_CURVE_CELLS cells up to
 * 2^IMPAIR_CURVE_LOW_BIT, as many for each power of two behind it. */
#define IMPAIR_CURVE_CELL_BITS 5
#define IMPAIR_CURVE_CELLS     (1u << IMPAIR_CURVE_CELL_BITS)
#define IMPAIR_CURVE_LOW_BIT   41u
#define IMPAIR_CURVE_N_EDGES   ((63 - IMPAIR_CURVE_LOW_BIT + 1) * IMPAIR_CURVE_CELLS + 1)

struct impair_curve {
	int32_t edges[2][IMPAIR_CURVE_N_EDGES]; /* from the lower end, from the upper end */
};

/**
 * The table of a distribution, made when it is first asked for; NULL = uniform.
 *
 * thread  control
 */
const struct impair_curve *impair_curve_get(enum impair_distribution distribution);

/** The curve's value for the random number u, in 2^-IMPAIR_CURVE_ONE_BITS. */
static inline int32_t impair_curve_at(const struct impair_curve *curve, uint64_t u)
{
	const int32_t *edges = curve->edges[u >> 63];
	uint64_t from_end = u >> 63 ? ~u : u;
	unsigned lead = 63 - (unsigned)__builtin_clzll(from_end | 1ull << IMPAIR_CURVE_LOW_BIT);
	unsigned shift = lead - IMPAIR_CURVE_CELL_BITS;
	uint64_t cell = (lead - IMPAIR_CURVE_LOW_BIT) * IMPAIR_CURVE_CELLS + (from_end >> shift);
	int64_t part = (int64_t)(from_end >> (shift - 32) & UINT32_MAX);

	return (int32_t)(edges[cell] + ((edges[cell + 1] - (int64_t)edges[cell]) * part >> 32));
}

#endif
