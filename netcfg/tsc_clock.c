#include "tsc_clock.h"

#include <time.h>

#define NS_PER_S 1e9
#define TRIES    5
/* It goes no more wrong than this, to get right again. */
#define MAX_SLEW 0.001
/* Further ahead, somebody has set the wall's clock. */
#define LEAP_NS 1000000000.0

static uint64_t at(const struct tsc_clock *clock, uint64_t tsc)
{
	return clock->ns +
	       (uint64_t)(int64_t)((double)(int64_t)(tsc - clock->tsc) * clock->ns_per_tick);
}

void tsc_clock_init(struct tsc_clock *clock, uint64_t hz, uint64_t tsc, uint64_t wall_ns)
{
	*clock = (struct tsc_clock){
		.hz = hz, .tsc = tsc, .ns = wall_ns, .ns_per_tick = NS_PER_S / (double)hz};
}

void tsc_clock_sync(struct tsc_clock *clock, uint64_t tsc, uint64_t wall_ns)
{
	uint64_t ns = at(clock, tsc);
	double error_ns = (double)(int64_t)(wall_ns - ns), slew = error_ns / NS_PER_S;

	clock->tsc = tsc;
	clock->ns = ns;
	if (error_ns > LEAP_NS) {
		clock->ns = wall_ns;
		slew = 0;
	}
	if (slew > MAX_SLEW)
		slew = MAX_SLEW;
	if (slew < -MAX_SLEW)
		slew = -MAX_SLEW;
	clock->ns_per_tick = NS_PER_S / (double)clock->hz * (1 + slew);
}

uint64_t tsc_clock_ns(struct tsc_clock *clock, uint64_t tsc)
{
	uint64_t ns = at(clock, tsc);

	if (ns > clock->last_ns)
		clock->last_ns = ns;
	return clock->last_ns;
}

void tsc_clock_read(uint64_t *ret_tsc, uint64_t *ret_wall_ns)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before = __builtin_ia32_rdtsc(), after;
		struct timespec now;

		(void)clock_gettime(CLOCK_REALTIME, &now);
		after = __builtin_ia32_rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*ret_tsc = before + best / 2;
		*ret_wall_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	}
}
