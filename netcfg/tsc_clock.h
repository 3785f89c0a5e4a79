/**
 * tsc_clock: moments of the processors' clock (TSC) in nanoseconds of the wall's.
 *
 * The wall's clock is looked at once a second. What this one is wrong by it makes good in the
 * seconds that follow, by going a little faster or slower; a leap forward it follows at once. So
 * times never go back.
 *
 * Threads: one. Source: Intel SDM volume 3, "Time-Stamp Counter": invariant, the same on all cores.
 */
#ifndef WEFT_NETCFG_TSC_CLOCK_H
#define WEFT_NETCFG_TSC_CLOCK_H

#include <stdint.h>

struct tsc_clock {
	uint64_t hz;
	uint64_t tsc, ns; /* a moment on both */
	double ns_per_tick;
	uint64_t last_ns; /* the latest that was told */
};

void tsc_clock_init(struct tsc_clock *clock, uint64_t hz, uint64_t tsc, uint64_t wall_ns);
/** It is so late on both. */
void tsc_clock_sync(struct tsc_clock *clock, uint64_t tsc, uint64_t wall_ns);
/** Never earlier than what was told before. */
uint64_t tsc_clock_ns(struct tsc_clock *clock, uint64_t tsc);

/** Both clocks, read as close together as can be. */
void tsc_clock_read(uint64_t *ret_tsc, uint64_t *ret_wall_ns);

#endif
