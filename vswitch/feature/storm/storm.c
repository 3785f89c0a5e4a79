#include "storm.h"

#include "bucket_setup.h"
#include "storm_check.h"
#include "storm_stage.h"

#include "measure.h"

#include <errno.h>
#include <stdio.h>

/* A burst is what comes in this part of a second. */
#define BURSTS_PER_S 10

static const char *const kind_names[STORM_N_KINDS] = {
	[STORM_BROADCAST] = "broadcast",
	[STORM_MULTICAST] = "multicast",
	[STORM_UNKNOWN_UNICAST] = "unknown unicast",
};

static uint64_t burst_of(uint64_t rate)
{
	return rate < BURSTS_PER_S ? 1 : rate / BURSTS_PER_S;
}

static struct storm_limit limit_of(uint64_t bps, uint64_t pps, uint64_t tsc_hz)
{
	if (pps)
		return (struct storm_limit){
			true, true, pps, bucket_of_frames(pps, burst_of(pps), tsc_hz)};
	if (bps)
		return (struct storm_limit){
			true, false, bps, bucket_of_bits(bps, burst_of(bps / 8), tsc_hz)};
	return (struct storm_limit){0};
}

int storm_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block, struct err *err)
{
	const struct ctl_storm *s = settings;
	int r = storm_check(s, err);
	struct storm *storm;

	*ret_block = NULL;
	if (r < 0 || !s->set)
		return r;
	storm = block_new(sizeof(*storm));
	if (!storm)
		return err_set(err, -ENOMEM, "out of memory");
	storm->limits[STORM_BROADCAST] = limit_of(s->broadcast, s->broadcast_pps, tsc_hz);
	storm->limits[STORM_MULTICAST] = limit_of(s->multicast, s->multicast_pps, tsc_hz);
	storm->limits[STORM_UNKNOWN_UNICAST] =
		limit_of(s->unknown_unicast, s->unknown_unicast_pps, tsc_hz);
	storm->shuts = s->action == CTL_STORM_SHUT;
	*ret_block = &storm->block;
	return 0;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static struct storm *storm_of(const void *state, uint16_t port_id)
{
	return (struct storm *)((const struct blocks *)state)->of[port_id]; /* first member */
}

static bool flood_stage(const void *state, uint16_t port_id, struct stage *ret)
{
	struct storm *storm = storm_of(state, port_id);

	if (!storm)
		return false;
	*ret = (struct stage){storm_stage_run, storm};
	return true;
}

/* In a second in which nothing is dropped a storm is over. */
static bool tick(void *state)
{
	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		struct storm *storm = storm_of(state, (uint16_t)i);

		for (unsigned kind = 0; storm && kind < STORM_N_KINDS; kind++)
			storm->is_over[kind] = storm->is_reported[kind] &&
					       !atomic_exchange(&storm->hit[kind], false);
	}
	return false;
}

static void describe(const struct storm *storm, unsigned kind, struct feature_event *ret)
{
	const struct storm_limit *limit = &storm->limits[kind];
	char rate[MEASURE_TEXT_SIZE];

	(void)measure_format(limit->counts_frames ? MEASURE_PPS : MEASURE_RATE, limit->rate, rate);
	ret->shuts = storm->shuts;
	ret->name = "storm";
	(void)snprintf(ret->detail, sizeof(ret->detail), "more than %s of %s: %s", rate,
		kind_names[kind], storm->shuts ? "port disabled" : "the rest is dropped");
}

static bool event(void *state, uint16_t port_id, struct feature_event *ret)
{
	struct storm *storm = storm_of(state, port_id);

	for (unsigned kind = 0; storm && kind < STORM_N_KINDS; kind++) {
		if (storm->is_over[kind]) {
			storm->is_over[kind] = storm->is_reported[kind] = false;
			*ret = (struct feature_event){.name = "storm-over"};
			(void)snprintf(ret->detail, sizeof(ret->detail), "of %s", kind_names[kind]);
			return true;
		}
		if (storm->is_reported[kind] || !atomic_load(&storm->hit[kind]))
			continue;
		*ret = (struct feature_event){0};
		describe(storm, kind, ret);
		/* Once the port is enabled again the next one is a new storm. */
		if (storm->shuts)
			atomic_store(&storm->hit[kind], false);
		else
			storm->is_reported[kind] = true;
		return true;
	}
	return false;
}

/* A copy of the buckets is asked. */
static void explain(const struct stage_ctx *ctx, const void *conf, uint64_t tsc_hz,
	struct feature_answer *ret)
{
	struct storm copy = *(const struct storm *)conf;
	struct dp_counters counters = {0};
	struct stage_ctx dry = *ctx;

	dry.counters = &counters;
	dry.is_shared = false;
	/* Nobody is to be told. */
	for (unsigned i = 0; i < STORM_N_KINDS; i++)
		atomic_init(&copy.hit[i], true);
	ret->stops = !storm_stage_run(&dry, &copy, 1);
	ret->reason = DROP_RX_STORM;
	(void)snprintf(ret->text, sizeof(ret->text), "%s",
		ret->stops ? "more than it lets pass now" : "goes on: below its limit");
}

const struct feature storm_feature = {
	.name = "storm-control",
	.explain = explain,
	.create = blocks_create,
	.destroy = blocks_destroy,
	.flood_stage = flood_stage,
	.published = blocks_published,
	.tick = tick,
	.event = event,
};
