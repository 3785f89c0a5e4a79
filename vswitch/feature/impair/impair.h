/**
 * impair: the impairments of a switch: delay, loss and the rest of netem's, in one direction of a
 * port each.
 *
 * Data model. A direction is a port and whether frames go to it; what goes from one end of a link
 * to the other is on its way out at the other. Where a direction has settings it has a stage
 * (impair_stage.h), the state of the model, and a hold. Settings change under traffic: state and
 * hold stay, so that what is held leaves when it was due and in order. A hold that is too small for
 * new settings is left to run empty in front of a larger one; one that is needed no longer runs
 * empty, too, before the stage goes (tick).
 *
 * Memory for held frames is what the delay and the rate have in flight: twice the bytes, for a
 * short frame takes as much again; without a rate that of a line of 10 Gbit/s, up to
 * IMPAIR_MAX_GUESS and half of what is left for others. `limit-bytes` says otherwise. All of it
 * together stays within a budget.
 *
 * A change is made in two steps, so that a request happens wholly or not at all: impair_prepare()
 * checks and gets what can be refused, impair_commit() cannot fail and takes effect with the next
 * snapshot.
 *
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_H

#include "ctl_vswitch.h"
#include "err.h"
#include "feature.h"

/** Memory for the frames of one direction, where nobody says how much: at most. */
#define IMPAIR_MAX_GUESS (UINT64_C(256) << 20)

extern const struct feature impair_feature;

/** What a change of one direction needs. */
struct impair_change {
	uint16_t port_id;
	bool is_egress;
	bool has_settings, has_seed;
	uint64_t seed, max_frames;
	struct impair_way *way; /* NULL: there is nothing to change */
	struct impair_stage *stage;
	/* NULL: those that there are. */
	struct impair_line *line;
	struct hold *hold;
};

/**
 * Check settings, and get what they need.
 *
 * settings  of the direction from now on; no field is set = none
 * tsc_hz    ticks a second of the workers' clock
 * returns   0, -EINVAL, -ERANGE (settings), -ENOSPC (memory for held frames), -EBUSY (two holds run
 *           empty already), -ENOMEM; err set. Then there is nothing to give back.
 */
int impair_prepare(void *state, uint16_t port_id, bool is_egress, const struct ctl_impair *settings,
	uint64_t tsc_hz, struct impair_change *ret, struct err *err);
/** Take it back. */
void impair_abort(void *state, struct impair_change *change);
/** Make it so, with the next snapshot. */
void impair_commit(void *state, struct impair_change *change);
/** The direction is no more: its stage goes with the next snapshot, and what is held is dropped. */
void impair_end(void *state, uint16_t port_id, bool is_egress);

/** Frames that are held. */
uint64_t impair_n_held(const void *state, uint16_t port_id, bool is_egress);

#endif
