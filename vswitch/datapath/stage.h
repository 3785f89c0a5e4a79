/**
 * stage: what stands in the way of a port's frames, beside forwarding them.
 *
 * A port has a list of ingress stages, which its frames pass before anything is decided about them,
 * and one of egress stages, which they pass before they are sent to it. Limits, impairments,
 * captures and mirrors are stages. What the look-up found nobody for passes a third list before it
 * is flooded. A port without any has no list, and is asked once per burst.
 *
 * Data model. A list is an array that ends with a stage without a function. A stage is called for a
 * burst, never for a frame, and answers with the frames that go on. Those that do not it has either
 * dropped, by stage_drop() under a reason of its own (drop.h); or handed to control, for which they
 * were meant (punt_take()), and counted as consumed; or taken: copied to where they are
 * held (hold.h), and counted as held. Those go on behind the stage that took them when they are
 * released (struct dp_rx, resume).
 *
 * What a stage sees. At ingress a frame is as it was received, tag and all, and the stage may
 * change its header bytes. Before it is flooded it is canonical (frame.h), and a stage only looks
 * at it. At egress it is canonical, too, ctx->tagged says which frames get a tag, and since others
 * may get the same frame, a stage changes a copy, never the frame. At a patch port (crossing.h) it
 * is canonical in both directions: a tag that the frame has beside its bytes is that of frame->tci,
 * where ctx->tagged says so. Frames with stages do not wait in the queue that they came from: they
 * would pass the stages twice.
 *
 * Threads: any worker, several at once for one port; so what a stage remembers from burst to burst
 * is behind a lock where there are several workers (ctx->is_shared, spin.h). Life cycle: conf is
 * part of the snapshot, as the list is; what it points to lives as long. Limits: a stage does a
 * bounded amount of work for each frame, and none of what check-hotpath refuses.
 */
#ifndef WEFT_VSWITCH_DATAPATH_STAGE_H
#define WEFT_VSWITCH_DATAPATH_STAGE_H

#include "counters.h"
#include "frame.h"

#include <stdbool.h>
#include <stdint.h>

struct burst;
struct deliver;
struct dp_port;
struct dp_snapshot;
struct flush;
struct punt_ring;

/** A burst on its way through the stages of a port. */
struct stage_ctx {
	const struct dp_port *port;
	struct dp_counters *counters; /* of the port */
	struct frame *frames;         /* frames[FRAME_BURST] */
	struct flush *flush;          /* where queues are listed that the stage sent to */
	struct punt_ring *punts;      /* of the worker, for what control is to see (punt.h) */
	/* For copies that go to other ports. The stage leaves the burst's frames where they are. */
	const struct dp_snapshot *snapshot;
	const struct burst *burst; /* that frames are of */
	struct deliver *deliver;   /* nothing is under way by it */
	uint64_t tagged;           /* have, or will have, a tag that is not in their bytes */
	uint64_t now_tsc;
	bool is_egress;
	bool is_shared; /* there are several workers */
};

struct stage {
	/** Returns those of the frames of mask that go on. NULL: the list ends here. */
	uint64_t (*run)(struct stage_ctx *ctx, const void *conf, uint64_t mask);
	const void *conf;
};

/**
 * Who wants to see every frame that is dropped at some ports, wherever that is: by stages, by
 * rules, for want of a buffer. While it is there workers take frames one at a time, for then a
 * count that has grown says which frame was dropped; so nothing is to be done where frames are.
 */
struct drop_watch {
	/** The one frame of ctx was dropped at ctx->port. */
	void (*dropped)(struct stage_ctx *ctx, const void *conf, enum drop_reason reason);
	const void *conf;
	unsigned n_ports;
	uint16_t ports[]; /* ids */
};

/** A stage stops the frames of mask for a reason of its own. */
static inline void stage_drop(struct stage_ctx *ctx, enum drop_reason reason, uint64_t mask)
{
	ctx->counters->drops[reason] += (unsigned)__builtin_popcountll(mask);
}

/** Returns those of mask that pass all stages. */
static inline uint64_t stages_run(const struct stage *stages, struct stage_ctx *ctx, uint64_t mask)
{
	for (; mask && stages->run; stages++)
		mask = stages->run(ctx, stages->conf, mask);
	return mask;
}

#endif
