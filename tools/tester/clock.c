#include "clock.h"

#include <time.h>

#define MEASURE_NS 20000000u

struct clock_base clock_base;

static uint64_t monotonic_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void clock_init(void)
{
	uint64_t start_ns = monotonic_ns(), start = __rdtsc(), now_ns;

	while ((now_ns = monotonic_ns()) < start_ns + MEASURE_NS)
		;
	uint64_t now = __rdtsc();
	clock_base.ns_per_tick = (double)(now_ns - start_ns) / (double)(now - start);
	clock_base.ticks_per_s = 1e9 / clock_base.ns_per_tick;
	clock_base.tsc = now;
	clock_base.ns = now_ns;
}
