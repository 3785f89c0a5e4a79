/**
 * clock: nanoseconds from the processor's time stamp counter.
 *
 * Reading the counter costs a few nanoseconds and no system call, so that every frame can carry a
 * time. Times are those of CLOCK_MONOTONIC at clock_init() plus what the counter went on, scaled by
 * a frequency that is measured once (over 20 ms; right to some 10 ppm).
 * Threads: clock_init() once, before any other; then any.
 * Limits: x86-64 with an invariant TSC, as every host that runs KVM guests has.
 */
#ifndef WEFT_TOOLS_TESTER_CLOCK_H
#define WEFT_TOOLS_TESTER_CLOCK_H

#include <stdint.h>
#include <x86intrin.h>

struct clock_base {
	uint64_t tsc, ns;
	double ns_per_tick, ticks_per_s;
};
extern struct clock_base clock_base;

void clock_init(void);

static inline uint64_t clock_ns(void)
{
	return clock_base.ns +
	       (uint64_t)((double)(__rdtsc() - clock_base.tsc) * clock_base.ns_per_tick);
}

#endif
