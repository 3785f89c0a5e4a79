#include "bucket_setup.h"

/* burst units at `units` a second, in ticks, of which there is one at least. */
static struct bucket_conf make(unsigned __int128 cost, uint64_t burst)
{
	unsigned __int128 depth;

	if (cost < 1)
		cost = 1;
	if (cost >> 63)
		cost = UINT64_MAX >> 1;
	depth = cost * burst >> BUCKET_SHIFT;
	if (depth < 1)
		depth = 1;
	return (struct bucket_conf){.cost = (uint64_t)cost,
		.depth_tsc = depth >> 62 ? UINT64_C(1) << 62 : (uint64_t)depth};
}

struct bucket_conf bucket_of_bits(uint64_t bps, uint64_t burst_bytes, uint64_t tsc_hz)
{
	return make(((unsigned __int128)tsc_hz * 8 << BUCKET_SHIFT) / bps, burst_bytes);
}

struct bucket_conf bucket_of_frames(uint64_t pps, uint64_t burst_frames, uint64_t tsc_hz)
{
	return make(((unsigned __int128)tsc_hz << BUCKET_SHIFT) / pps, burst_frames);
}
