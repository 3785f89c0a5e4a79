#include "policer.h"

#include "policer_check.h"
#include "policer_stage.h"

#include <errno.h>
#include <stdio.h>

/* Without one that is set, a burst is what comes in this part of a second, so that a TCP that loses
 * many frames at once and waits for its timer makes up for it; and large frames pass. */
#define BURSTS_PER_S 2
#define MIN_GUESS    (128u << 10)
/* Buckets are filled in steps of about so many ticks. */
#define STEP_TSC 4096

static uint64_t burst_of(uint64_t burst, uint64_t bps)
{
	uint64_t guess = bps / 8 / BURSTS_PER_S;

	if (burst)
		return burst;
	return guess > MIN_GUESS ? guess : MIN_GUESS;
}

/* So many bytes each so many ticks; what is not a whole number of ticks is for the slower side. */
static void set_period(uint64_t bps, uint64_t tsc_hz, uint64_t *ret_period, uint64_t *ret_bytes)
{
	unsigned __int128 bytes = (unsigned __int128)bps * STEP_TSC / 8 / tsc_hz;

	*ret_bytes = bytes ? (uint64_t)bytes : 1;
	*ret_period = (uint64_t)(((unsigned __int128)tsc_hz * 8 * *ret_bytes + bps - 1) / bps);
}

static void begin_rfc2697(struct policer *policer, const struct ctl_policer *s, uint64_t tsc_hz)
{
	struct rte_meter_srtcm_profile *profile = &policer->profile.rfc2697;

	policer->kind = POLICER_RFC2697;
	profile->cbs = policer->meter.rfc2697.tc = burst_of(s->burst, s->rate);
	profile->ebs = policer->meter.rfc2697.te = s->excess_burst;
	set_period(s->rate, tsc_hz, &profile->cir_period, &profile->cir_bytes_per_period);
}

static void begin_rfc2698(struct policer *policer, const struct ctl_policer *s, uint64_t tsc_hz)
{
	struct rte_meter_trtcm_profile *profile = &policer->profile.rfc2698;

	policer->kind = POLICER_RFC2698;
	profile->cbs = policer->meter.rfc2698.tc = burst_of(s->burst, s->rate);
	profile->pbs = policer->meter.rfc2698.tp = burst_of(s->peak_burst, s->peak_rate);
	set_period(s->rate, tsc_hz, &profile->cir_period, &profile->cir_bytes_per_period);
	set_period(s->peak_rate, tsc_hz, &profile->pir_period, &profile->pir_bytes_per_period);
}

static void begin_rfc4115(struct policer *policer, const struct ctl_policer *s, uint64_t tsc_hz)
{
	struct rte_meter_trtcm_rfc4115_profile *profile = &policer->profile.rfc4115;

	policer->kind = POLICER_RFC4115;
	profile->cbs = policer->meter.rfc4115.tc = burst_of(s->burst, s->rate);
	profile->ebs = policer->meter.rfc4115.te = burst_of(s->excess_burst, s->excess_rate);
	set_period(s->rate, tsc_hz, &profile->cir_period, &profile->cir_bytes_per_period);
	set_period(s->excess_rate, tsc_hz, &profile->eir_period, &profile->eir_bytes_per_period);
}

int policer_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block,
	struct err *err)
{
	const struct ctl_policer *s = settings;
	struct policer *policer;
	int r = policer_check(s, err);

	*ret_block = NULL;
	if (r < 0 || !s->set)
		return r;
	policer = block_new(sizeof(*policer));
	if (!policer)
		return err_set(err, -ENOMEM, "out of memory");
	if (s->peak_rate)
		begin_rfc2698(policer, s, tsc_hz);
	else if (s->excess_rate)
		begin_rfc4115(policer, s, tsc_hz);
	else
		begin_rfc2697(policer, s, tsc_hz);
	policer->actions[RTE_COLOR_GREEN] = CTL_POLICER_PASS;
	policer->actions[RTE_COLOR_YELLOW] = s->exceed_action;
	policer->actions[RTE_COLOR_RED] =
		CTL_HAS(s, ctl_policer, violate_action) ? s->violate_action : CTL_POLICER_DROP;
	policer->pcp = (uint8_t)s->pcp;
	*ret_block = &policer->block;
	return 0;
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct block *block = ((const struct blocks *)state)->of[port_id];

	if (is_egress || !block)
		return false;
	*ret = (struct feature_part){.stage = {policer_stage_run, block}};
	return true;
}

/* A copy of the meter is asked. */
static void explain(const struct stage_ctx *ctx, const void *conf, uint64_t tsc_hz,
	struct feature_answer *ret)
{
	struct policer copy = *(const struct policer *)conf;
	struct dp_counters counters = {0};
	struct stage_ctx dry = *ctx;
	uint8_t priority = ctx->frames[0].header[14];

	dry.counters = &counters;
	dry.is_shared = false;
	ret->stops = !policer_stage_run(&dry, &copy, 1);
	ret->reason = DROP_RX_POLICER;
	(void)snprintf(ret->text, sizeof(ret->text), "%s",
		ret->stops                              ? "more than it lets pass now"
		: priority != ctx->frames[0].header[14] ? "goes on, with another priority"
							: "goes on: conforms");
}

const struct feature policer_feature = {
	.name = "policer",
	.explain = explain,
	.create = blocks_create,
	.destroy = blocks_destroy,
	.part = part,
	.published = blocks_published,
};
