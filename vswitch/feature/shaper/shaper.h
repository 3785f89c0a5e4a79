/**
 * shaper: what a port gets is slowed down to a rate, in eight queues by priority.
 *
 * Data model. A port with a shaper has a stage in the way out, in front of its impairments, and the
 * queue that the stage's frames come back from (shaper_stage.h). Settings change under traffic:
 * what waits stays, in its order. Without a rate a shaper runs empty before it goes (tick). Memory
 * of its queues is that of held frames, within the budget of all of them; it is taken as frames
 * come to lie in it.
 *
 * A change is made in two steps, so that a request happens wholly or not at all: shaper_prepare()
 * checks and gets what can be refused, shaper_commit() cannot fail.
 *
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_H
#define WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_H

#include "ctl_vswitch.h"
#include "err.h"
#include "feature.h"

extern const struct feature shaper_feature;

struct shaper;
struct shaper_conf;

/** What a change of a port needs; zeroed: nothing changes. */
struct shaper_change {
	uint16_t port_id;
	struct shaper *shaper; /* NULL: the one that there is */
	struct shaper_conf *conf;
};

/**
 * Check settings, and get what they need.
 *
 * settings  of the port from now on; no field is set = none
 * tsc_hz    ticks a second of the workers' clock
 * returns   0, -EINVAL, -ERANGE (settings), -ENOSPC (memory for held frames), -EBUSY (another
 *           limit-bytes than it has), -ENOMEM; err set. Then there is nothing to give back.
 */
int shaper_prepare(void *state, uint16_t port_id, const struct ctl_shaper *settings,
	uint64_t tsc_hz, struct shaper_change *ret, struct err *err);
/** Take it back. */
void shaper_abort(void *state, struct shaper_change *change);
/** Make it so, with the next snapshot. */
void shaper_commit(void *state, struct shaper_change *change);
/** The port is no more: what waits is dropped. */
void shaper_end(void *state, uint16_t port_id);
/** What a queue of the port did, from 0; false: there is no such queue. Of name nothing is set. */
bool shaper_row(const void *state, uint16_t port_id, unsigned queue, struct ctl_port_queue *ret);

#endif
