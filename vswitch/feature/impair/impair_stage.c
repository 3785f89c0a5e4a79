#include "impair_stage.h"

#include "flush.h"
#include "offload.h"
#include "spin.h"
#include "tag.h"

/* A frame of the burst, and what is to become of it. */
struct job {
	struct stage_ctx *ctx;
	const struct impair_stage *stage;
	const struct frame *frame;
	uint64_t bit; /* of the frame */
	bool is_tagged;
	uint32_t line_len; /* bytes on the line */
};

static void drop(const struct job *job, enum drop_reason rx, enum drop_reason tx)
{
	stage_drop(job->ctx, job->ctx->is_egress ? tx : rx, job->bit);
}

/* Flip a bit of a copy, counted in the canonical frame. */
static void corrupt(struct held *copy, uint32_t bit)
{
	uint32_t shift = copy->rest_off - 12u, at = bit / 8;

	if (copy->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		struct virtio_net_hdr_v1 hdr = copy->hdr;

		/* It counts from the canonical form, and the copy may have the tag in it. */
		hdr.csum_start += shift;
		offload_checksum(copy->bytes, copy->n_bytes, &hdr);
		copy->hdr = (struct virtio_net_hdr_v1){0};
	}
	copy->bytes[at < 12 ? at : at + shift] ^= (uint8_t)(1u << bit % 8);
}

/* False: it goes on at once. */
static bool hold_frame(const struct job *job, const struct impair_fate *fate, uint32_t corrupt_bit)
{
	const struct impair_stage *stage = job->stage;
	uint64_t due_tsc;
	struct held *copy;

	if (!hold_has_room(stage->hold, job->frame)) {
		drop(job, DROP_RX_HOLD_FULL, DROP_TX_HOLD_FULL);
		return true;
	}
	due_tsc = impair_due(&stage->line->state, &stage->conf, job->ctx->now_tsc, fate->delay_tsc,
		job->line_len);
	if (due_tsc <= job->ctx->now_tsc && corrupt_bit == IMPAIR_NOT_CORRUPT &&
		hold_is_empty(stage->hold))
		return false;
	copy = hold_add(stage->hold, job->frame, job->is_tagged, due_tsc);
	job->ctx->counters->held++;
	if (corrupt_bit != IMPAIR_NOT_CORRUPT)
		corrupt(copy, corrupt_bit);
	return true;
}

/* True: the frame of the burst goes on at once. */
static bool decide(const struct job *job)
{
	struct impair_fate fate;
	bool is_large = job->frame->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE, goes_on;

	impair_decide(&job->stage->line->state, &job->stage->conf, job->frame->len, &fate);
	if (fate.is_lost || (is_large && fate.corrupt_bit != IMPAIR_NOT_CORRUPT)) {
		drop(job, DROP_RX_IMPAIR_LOSS, DROP_TX_IMPAIR_LOSS);
		return false;
	}
	goes_on = (fate.is_reordered && fate.corrupt_bit == IMPAIR_NOT_CORRUPT) ||
		  !hold_frame(job, &fate, fate.corrupt_bit);
	if (fate.is_duplicated) {
		job->ctx->counters->copies++;
		/* Whoever gets two at once cannot tell which is the copy: it is held, if for no
		 * time at all. */
		if (!hold_frame(job, &fate, IMPAIR_NOT_CORRUPT)) {
			hold_add(job->stage->hold, job->frame, job->is_tagged, job->ctx->now_tsc);
			job->ctx->counters->held++;
		}
	}
	return goes_on;
}

static __attribute__((noinline)) void seed(struct impair_line *line,
	const struct impair_stage *stage)
{
	uint64_t due_tsc = line->state.due_tsc;
	uint32_t due_part = line->state.due_part;

	impair_state_init(&line->state, stage->seed);
	line->state.due_tsc = due_tsc;
	line->state.due_part = due_part;
	line->n_seeds = stage->n_seeds;
}

uint64_t impair_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	const struct impair_stage *stage = conf;
	struct queue *in = &stage->hold->in;
	uint64_t pass = 0;

	if (ctx->is_shared) {
		spin_acquire(&stage->line->lock);
		spin_acquire(&in->tx_lock);
	}
	/* Not the other way round: another worker may have passed the stage of a newer snapshot. */
	if (__builtin_expect(stage->line->n_seeds < stage->n_seeds, 0))
		seed(stage->line, stage);
	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);
		bool is_tagged = ctx->tagged >> i & 1;
		const struct job job = {.ctx = ctx,
			.stage = stage,
			.frame = &ctx->frames[i],
			.bit = mask & -mask,
			.is_tagged = is_tagged,
			.line_len = ctx->frames[i].len + (is_tagged ? TAG_LEN : 0)};

		if (decide(&job))
			pass |= mask & -mask;
	}
	flush_add(ctx->flush, in);
	if (ctx->is_shared) {
		spin_release(&in->tx_lock);
		spin_release(&stage->line->lock);
	}
	return pass;
}
