#include "feature_list.h"

#include "capture/capture.h"
#include "count/count.h"
#include "impair/impair.h"
#include "mirror/mirror.h"
#include "pacing/pacing.h"
#include "policer/policer.h"
#include "sflow/sflow.h"
#include "shaper/shaper.h"
#include "storm/storm.h"

#include <errno.h>

const struct feature *const features[N_FEATURES] = {
	[FEATURE_CAPTURE] = &capture_feature,
	[FEATURE_MIRROR] = &mirror_feature,
	[FEATURE_COUNT] = &count_feature,
	[FEATURE_SFLOW] = &sflow_feature,
	[FEATURE_PORT_IMPAIR] = &impair_feature,
	[FEATURE_LINK_IMPAIR] = &impair_feature,
	[FEATURE_SHAPER] = &shaper_feature,
	[FEATURE_PACING] = &pacing_feature,
	[FEATURE_POLICER] = &policer_feature,
	[FEATURE_STORM] = &storm_feature,
};

int features_create(struct feature_states *states, uint64_t hold_budget)
{
	*states = (struct feature_states){.budget = {.bytes = hold_budget}};
	for (unsigned i = 0; i < N_FEATURES; i++) {
		states->of[i] = features[i]->create(&states->budget);
		if (!states->of[i]) {
			features_destroy(states);
			return -ENOMEM;
		}
	}
	return 0;
}

void features_destroy(struct feature_states *states)
{
	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (states->of[i])
			features[i]->destroy(states->of[i]);
		states->of[i] = NULL;
	}
}

void features_published(struct feature_states *states)
{
	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (features[i]->published)
			features[i]->published(states->of[i]);
	}
}

bool features_tick(struct feature_states *states)
{
	bool has_changed = false;

	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (features[i]->tick)
			has_changed |= features[i]->tick(states->of[i]);
	}
	return has_changed;
}

bool features_event(struct feature_states *states, uint16_t port_id, struct feature_event *ret)
{
	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (features[i]->event && features[i]->event(states->of[i], port_id, ret))
			return true;
	}
	return false;
}

uint64_t features_discarded(const struct feature_states *states, uint16_t port_id, bool is_egress)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (features[i]->discarded)
			sum += features[i]->discarded(states->of[i], port_id, is_egress);
	}
	return sum;
}

void features_forget(struct feature_states *states, uint16_t port_id)
{
	for (unsigned i = 0; i < N_FEATURES; i++) {
		if (features[i]->forget)
			features[i]->forget(states->of[i], port_id);
	}
}
