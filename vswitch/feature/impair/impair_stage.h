/**
 * impair_stage: an impairment as a stage of a port (datapath/stage.h), which does what model.h
 * decides.
 *
 * A frame that is to leave now, and that nothing waits in front of, goes on within its burst. Every
 * other one is copied to the hold of its direction. A copy that is to be corrupted gets its
 * checksum first, for else nobody would notice. A large frame, whose segments get their checksums
 * only where it is cut, is lost instead: what its receiver would do with the damaged segment. A
 * frame that is to be reordered and corrupted is corrupted, and waits for its turn.
 *
 * A line is seeded by the first burst that passes a stage with a new seed, which changes no moment
 * at which the line is free again: what comes next stays behind what is held.
 *
 * Threads: any worker; a line is behind its lock where there are several. Life cycle: impair.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_STAGE_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_STAGE_H

#include "hold.h"
#include "model.h"
#include "stage.h"

/** One direction of a port: what goes on from frame to frame, whatever the settings. */
struct impair_line {
	_Atomic bool lock;
	uint64_t n_seeds; /* that it had */
	struct impair_state state;
};

/** Of a snapshot; the hold may be another one in the next. */
struct impair_stage {
	struct impair_conf conf;
	struct impair_line *line;
	struct hold *hold;
	uint64_t seed, n_seeds; /* the n_seeds-th seed of the line, from 1 */
};

/** conf: a struct impair_stage. */
uint64_t impair_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);

#endif
