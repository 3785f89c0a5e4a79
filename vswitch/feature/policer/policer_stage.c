#include "policer_stage.h"

#include "spin.h"
#include "tag.h"

static enum rte_color meter(struct policer *policer, uint32_t len)
{
	uint64_t now_tsc = policer->now_tsc;

	switch (policer->kind) {
	case POLICER_RFC2697:
		break;
	case POLICER_RFC2698:
		return rte_meter_trtcm_color_blind_check(&policer->meter.rfc2698,
			&policer->profile.rfc2698, now_tsc, len);
	case POLICER_RFC4115:
		return rte_meter_trtcm_rfc4115_color_blind_check(&policer->meter.rfc4115,
			&policer->profile.rfc4115, now_tsc, len);
	}
	return rte_meter_srtcm_color_blind_check(&policer->meter.rfc2697, &policer->profile.rfc2697,
		now_tsc, len);
}

/* IEEE 802.1Q-2018, 9.6 "VLAN Tag Control Information". */
static void remark(struct frame *frame, uint8_t pcp)
{
	if (frame->len >= ETHER_HDR_LEN + TAG_LEN && frame_ether_type(frame) == ETHER_TYPE_VLAN)
		frame->header[14] = (uint8_t)(pcp << 5 | (frame->header[14] & 0x1f));
}

uint64_t policer_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	struct policer *policer = (struct policer *)(uintptr_t)conf;
	uint64_t stopped = 0;

	if (ctx->is_shared)
		spin_acquire(&policer->lock);
	if (policer->now_tsc < ctx->now_tsc)
		policer->now_tsc = ctx->now_tsc;
	for (uint64_t left = mask; left; left &= left - 1) {
		struct frame *frame = &ctx->frames[__builtin_ctzll(left)];

		switch (policer->actions[meter(policer, frame->len)]) {
		case CTL_POLICER_PASS:
			break;
		case CTL_POLICER_DROP:
			stopped |= left & -left;
			break;
		case CTL_POLICER_REMARK:
			remark(frame, policer->pcp);
			break;
		}
	}
	if (ctx->is_shared)
		spin_release(&policer->lock);
	stage_drop(ctx, DROP_RX_POLICER, stopped);
	return mask & ~stopped;
}
