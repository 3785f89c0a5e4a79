/**
 * trace: what would happen to a frame, as the workers' own forwarding decides it.
 *
 * A frame is forwarded by a worker that is none: a struct fwd of its own (datapath/fwd.h) runs on a
 * copy of the published snapshot in which everything that frames leave a mark on is another one:
 * queues take what they are sent and write it down, counters and learn events are the worker's own,
 * each bridge's table holds the two addresses of the frame and nothing else, and in the place of
 * each stage one asks its feature what it would do (feature.h, explain). So the answer is that of
 * the functions that forward frames, and nothing of the switch is changed by it.
 *
 * What is told. Steps in their order: in at a port; its ingress stages; VLAN; source; look-up; then
 * port by port the egress stages and the result; then the same at the other end of each link
 * between bridges that it crossed. A frame that would be held goes on at once, for where it goes is
 * what is asked. Receivers have room: nobody is told that a ring is full.
 *
 * Threads: the control thread, which is the only one that replaces the snapshot. Life cycle: run,
 * read, destroy. Limits: TRACE_MAX_STEPS steps, those beyond are counted; memory of about that of a
 * worker, 3 MiB, while it is there.
 */
#ifndef WEFT_VSWITCH_CONTROL_TRACE_H
#define WEFT_VSWITCH_CONTROL_TRACE_H

#include "ctl_vswitch.h"

#include "datapath/snapshot.h"
#include "feature/feature_list.h"

#define TRACE_MAX_STEPS 256

struct trace_input {
	const struct dp_snapshot *snapshot;
	const struct feature_states *features; /* NULL: stages have no names */
	uint64_t tsc_hz;
	uint16_t port_id; /* where it comes in, in use */
	const uint8_t *bytes;
	uint32_t len; /* 1..CTL_TRACE_MAX_FRAME */
	/* [DP_MAX_PORTS], zeroed, borrowed until the end of the run, or NULL: what a worker would
	 * count, but for what stages hold. */
	struct dp_counters *counters;
};

struct trace_step {
	enum ctl_trace_step_kind kind;
	enum ctl_trace_result result;
	uint16_t hops; /* links between bridges crossed before */
	uint16_t port_id;
	uint16_t other_id;       /* port that an address is at, or that it crosses to; DP_NO_PORT */
	enum drop_reason reason; /* of CTL_TRACE_DROPPED */
	bool is_known;           /* which VLAN it is in, and whether tagged */
	bool is_tagged;
	uint16_t tci;
	uint32_t len;      /* on the wire; 0 = it does not matter */
	const char *stage; /* NULL: it is none */
	char detail[128];  /* for people, may be empty */
};

struct trace;

/** 0 or -ENOMEM. ret_trace: owned. */
int trace_run(const struct trace_input *input, struct trace **ret_trace);
void trace_destroy(struct trace *trace);

/** steps[*ret_n]; borrowed. */
const struct trace_step *trace_steps(const struct trace *trace, unsigned *ret_n);
/** Steps left out, and how many of them delivered and dropped it. */
unsigned trace_more(const struct trace *trace, unsigned *ret_delivered, unsigned *ret_dropped);

#endif
