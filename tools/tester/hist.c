#include "hist.h"

#include <math.h>
#include <string.h>

void hist_clear(struct hist *hist)
{
	memset(hist, 0, sizeof(*hist));
}

uint64_t hist_top(unsigned i)
{
	if (i < HIST_SUB)
		return i;
	unsigned shift = i / HIST_SUB - 1;
	uint64_t first = (uint64_t)(i % HIST_SUB + HIST_SUB) << shift;

	return first + (UINT64_C(1) << shift) - 1;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)hist->count), seen = 0;

	if (!hist->count)
		return 0;
	if (!rank)
		rank = 1;
	for (unsigned i = 0; i < HIST_N; i++) {
		seen += hist->buckets[i];
		if (seen >= rank)
			return hist_top(i) < hist->max ? hist_top(i) : hist->max;
	}
	return hist->max;
}
