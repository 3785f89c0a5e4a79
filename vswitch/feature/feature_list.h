/**
 * feature_list: the features that there are, and what is asked of all of them.
 *
 * Their order in the array is that of their stages, from the port's wire on: the first comes first
 * on the way in, and last on the way out.
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_FEATURE_LIST_H
#define WEFT_VSWITCH_FEATURE_FEATURE_LIST_H

#include "feature.h"

enum feature_id {
	FEATURE_CAPTURE,
	FEATURE_MIRROR,
	FEATURE_COUNT,
	FEATURE_SFLOW,
	FEATURE_PORT_IMPAIR, /* of a port's own */
	FEATURE_LINK_IMPAIR, /* of a link's directions */
	FEATURE_SHAPER,
	FEATURE_PACING,
	FEATURE_POLICER,
	FEATURE_STORM,
	N_FEATURES,
};

/** By enum feature_id. */
extern const struct feature *const features[N_FEATURES];

struct feature_states {
	void *of[N_FEATURES];
	struct hold_budget budget;
};

/** 0 or -ENOMEM. states stays where it is. Held frames take no more than hold_budget bytes. */
int features_create(struct feature_states *states, uint64_t hold_budget);
void features_destroy(struct feature_states *states);
void features_published(struct feature_states *states);
bool features_tick(struct feature_states *states);
/** The next event of a port, of any feature; false: there is none. */
bool features_event(struct feature_states *states, uint16_t port_id, struct feature_event *ret);
/** Sum over features. */
uint64_t features_discarded(const struct feature_states *states, uint16_t port_id, bool is_egress);
void features_forget(struct feature_states *states, uint16_t port_id);

#endif
