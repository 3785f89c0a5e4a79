/**
 * storm_stage: storm control as a stage of what a port floods (datapath/stage.h).
 *
 * Of the frames that go to all ports it counts broadcast, multicast and unicast apart, and lets as
 * many pass as the bucket of each does. The others are dropped; the first of them says so to
 * control, which disables the port if that is asked for.
 *
 * A tag counts as bytes. Threads: any worker, behind the lock where there are several. Life cycle:
 * storm.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_STORM_STORM_STAGE_H
#define WEFT_VSWITCH_FEATURE_STORM_STORM_STAGE_H

#include "block.h"
#include "bucket.h"
#include "stage.h"

enum storm_kind { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN_UNICAST, STORM_N_KINDS };

struct storm_limit {
	bool is_on, counts_frames;
	uint64_t rate; /* for people: bits or frames a second */
	struct bucket_conf bucket;
};

/** Of one port. */
struct storm {
	struct block block;
	/* Fixed. */
	struct storm_limit limits[STORM_N_KINDS];
	bool shuts;
	/* Workers', behind the lock. */
	alignas(64) _Atomic bool lock;
	struct bucket buckets[STORM_N_KINDS];
	/* Raised by workers, lowered by control: some was dropped. */
	alignas(64) _Atomic bool hit[STORM_N_KINDS];
	/* Control's: it was reported; and nothing was dropped in the last second. */
	bool is_reported[STORM_N_KINDS], is_over[STORM_N_KINDS];
};

/** conf: a struct storm. */
uint64_t storm_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);

#endif
