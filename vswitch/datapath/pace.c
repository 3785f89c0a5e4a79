#include "pace.h"

unsigned pace_begin(struct pace *pace, uint16_t pair, bool can_requeue, uint64_t now_tsc)
{
	unsigned n = 1;

	if (now_tsc < pace_begin_tsc(pace))
		return 0;
	if (pair == pace->last_pair && !pace->stood_back) {
		pace->stood_back = true;
		return 0;
	}
	if (!bucket_may_pass(&pace->bucket, &pace->conf, now_tsc, 1))
		return 0;
	if (can_requeue)
		return FRAME_BURST;
	for (; n < FRAME_BURST; n *= 2) {
		uint64_t bytes = 2 * n * (uint64_t)FRAME_MAX_LEN;

		if (!bucket_holds(&pace->conf, bytes) ||
			!bucket_may_pass(&pace->bucket, &pace->conf, now_tsc, bytes))
			break;
	}
	return n;
}

unsigned pace_take(struct pace *pace, uint16_t pair, const struct frame *frames, unsigned n,
	uint64_t now_tsc)
{
	unsigned keep = 0;

	for (; keep < n; keep++) {
		if (keep && !bucket_may_pass(&pace->bucket, &pace->conf, now_tsc, frames[keep].len))
			break;
		bucket_take(&pace->bucket, &pace->conf, now_tsc, frames[keep].len);
	}
	if (keep == n && bucket_may_pass(&pace->bucket, &pace->conf, now_tsc, 1))
		return keep;
	atomic_store_explicit(&pace->begin_tsc,
		bucket_due_tsc(&pace->bucket, &pace->conf, pace->quantum), memory_order_relaxed);
	pace->last_pair = pair;
	pace->stood_back = false;
	return keep;
}

void pace_put_back(struct pace *pace, uint64_t n_bytes)
{
	bucket_put_back(&pace->bucket, &pace->conf, n_bytes);
}
