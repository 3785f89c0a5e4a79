#include "storm_stage.h"

#include "flush.h"
#include "spin.h"
#include "tag.h"

static enum storm_kind kind_of(const struct frame *frame)
{
	const uint8_t *dst = frame->header;

	if (!(dst[0] & 1))
		return STORM_UNKNOWN_UNICAST;
	return (dst[0] & dst[1] & dst[2] & dst[3] & dst[4] & dst[5]) == 0xff ? STORM_BROADCAST
									     : STORM_MULTICAST;
}

static bool may_pass(struct storm *storm, const struct frame *frame, enum storm_kind kind,
	uint64_t now_tsc)
{
	const struct storm_limit *limit = &storm->limits[kind];
	struct bucket *bucket = &storm->buckets[kind];
	uint64_t n = limit->counts_frames ? 1 : frame->len + (frame->rest_off == 12 ? 0 : TAG_LEN);

	if (!limit->is_on)
		return true;
	if (!bucket_may_pass(bucket, &limit->bucket, now_tsc, n))
		return false;
	bucket_take(bucket, &limit->bucket, now_tsc, n);
	return true;
}

uint64_t storm_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	struct storm *storm = (struct storm *)(uintptr_t)conf;
	uint64_t stopped = 0;

	if (ctx->is_shared)
		spin_acquire(&storm->lock);
	for (uint64_t left = mask; left; left &= left - 1) {
		const struct frame *frame = &ctx->frames[__builtin_ctzll(left)];
		enum storm_kind kind = kind_of(frame);

		if (may_pass(storm, frame, kind, ctx->now_tsc))
			continue;
		stopped |= left & -left;
		if (!atomic_load_explicit(&storm->hit[kind], memory_order_relaxed)) {
			atomic_store_explicit(&storm->hit[kind], true, memory_order_relaxed);
			ctx->flush->wants_control = true;
		}
	}
	if (ctx->is_shared)
		spin_release(&storm->lock);
	stage_drop(ctx, DROP_RX_STORM, stopped);
	return mask & ~stopped;
}
