/**
 * turn_on: one feature of the switch in the way of frames, to measure what it costs.
 *
 * A feature (vswitch/feature/feature.h) is turned on at two ports as a change of the switch does
 * it: its stage of what comes in at the first and of what goes out at the second, its pace and what
 * it does to floods at the first. It is set so that it looks at every frame and stops none: limits
 * that nothing reaches, a delay of one tick, a capture whose reader is never behind; a mirror whose
 * copies go where the frames go.
 *
 * Data model. The ports and what is to be received are the caller's, to be put into its snapshot.
 * Threads: one. Life cycle: turn_on() once, turned_on_read() after each burst; it ends with the
 * process.
 */
#ifndef WEFT_TOOLS_BENCH_D_TURN_ON_H
#define WEFT_TOOLS_BENCH_D_TURN_ON_H

#include "err.h"
#include "feature.h"
#include "punt.h"
#include "snapshot.h"

/** The features that can be turned on, NULL at the end. */
extern const char *const turn_on_names[];

struct turned_on {
	const struct feature *feature;
	void *state;
	struct hold_budget budget;
	struct capture *capture; /* NULL: it is another feature */
	struct punt_ring *punts; /* the worker's, borrowed */
	unsigned n_copies;       /* that it makes of each frame, for the second port */
	struct stage ingress[2], egress[2], flood[2];
	/* What it held is received from, after each burst. */
	struct dp_rx held[2 * FEATURE_MAX_HOLDS];
	unsigned n_held;
};

/**
 * idx      in turn_on_names
 * first    the port that sends, with the id 0: gets a list of stages
 * second   the port that receives, with the id 1
 * rx       what the first is received from: gets a pace
 * punts    of the worker that forwards
 * returns  0, or as the feature does when its settings are refused; err set
 */
int turn_on(struct turned_on *on, unsigned idx, struct dp_port *first, struct dp_port *second,
	struct dp_rx *rx, struct punt_ring *punts, struct err *err);

/** Its reader, where it has one, has read all. */
void turned_on_read(struct turned_on *on);

#endif
