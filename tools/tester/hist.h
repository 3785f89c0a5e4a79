/**
 * hist: a log-linear histogram of 64-bit values.
 *
 * Every power of two is cut into HIST_SUB equal parts, so that a quantile is right to 1/HIST_SUB
 * (1.6 %) over the whole range, without a limit and without allocation while values come.
 * Threads: one.
 */
#ifndef WEFT_TOOLS_TESTER_HIST_H
#define WEFT_TOOLS_TESTER_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_SUB      (1u << HIST_SUB_BITS)
#define HIST_N        ((64 - HIST_SUB_BITS + 1) * HIST_SUB)

struct hist {
	uint64_t count, max;
	uint64_t buckets[HIST_N];
};

static inline unsigned hist_bucket(uint64_t value)
{
	if (value < HIST_SUB)
		return (unsigned)value;
	unsigned shift = 63 - HIST_SUB_BITS - (unsigned)__builtin_clzll(value);

	return (shift + 1) * HIST_SUB + (unsigned)(value >> shift) - HIST_SUB;
}

static inline void hist_add(struct hist *hist, uint64_t value)
{
	hist->buckets[hist_bucket(value)]++;
	hist->count++;
	if (value > hist->max)
		hist->max = value;
}

void hist_clear(struct hist *hist);
/** The largest value that bucket i, below HIST_N, counts. */
uint64_t hist_top(unsigned i);
/** The largest value of the bucket in which the quantile q (0..1) lies; 0 when there are no values.
 *  Never above the largest value seen. */
uint64_t hist_quantile(const struct hist *hist, double q);

#endif
