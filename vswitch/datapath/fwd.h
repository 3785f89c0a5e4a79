/**
 * fwd: one burst from one queue to wherever its frames belong.
 *
 * Receive up to FRAME_BURST frames; decide about all of them (every decision is a bit in a mask of
 * the burst); then go through the ports that something was decided for, one at a time, and deliver
 * (deliver.h). What was sent and what the sender gets back becomes visible in fwd_flush(), for
 * several bursts at once (flush.h).
 *
 * Frames that wait for a receiver without buffers (deliver.h) stay with the sender: if nothing but
 * such frames follow in the burst they go back to where they came from, and are received again in
 * the next round; else they are dropped after all.
 *
 * An address that moves inside a burst moves for the next one: all look-ups of a burst precede all
 * of its learning, and learning is the control thread's (learn.h).
 *
 * Work is bounded, whatever the input: a burst ends where its frames exceed FWD_BURST_BYTES or
 * their software segmentation FWD_BURST_SEGMENTS; the frames behind go back to the queue for the
 * next one. So for one burst a worker reads at most FWD_MAX_RX_DESCS descriptors of the sender
 * and FWD_MAX_TX_DESCS of each receiver, makes FWD_MAX_SEGMENTS segments for each receiver and
 * copies or sums up FWD_MAX_BYTES bytes for each. How many receivers there are is the operator's
 * choice. Frames of a host's device cannot go back: of them a burst is FRAME_BURST frames.
 *
 * Stages stand in the way of a burst's frames where a port has any (stage.h). Frames that one of
 * them held come back as bursts of their own (struct dp_rx, resume).
 *
 * Frames that were sent to a patch port come in at the other end of its link once the burst has
 * gone where it belongs (crossing.h), and cost once more what a burst may cost, without its
 * descriptors; CROSSING_MAX times at most.
 *
 * Invariant, per worker: frames received + copies = frames sent + drops + held (counters.h).
 * Threads: a struct fwd belongs to one worker. Nothing here allocates, waits or fails.
 */
#ifndef WEFT_VSWITCH_DATAPATH_FWD_H
#define WEFT_VSWITCH_DATAPATH_FWD_H

#include "counters.h"
#include "crossing.h"
#include "deliver.h"
#include "flush.h"
#include "learn.h"
#include "snapshot.h"
#include "vring.h"

#define FWD_MAX_SEGS (FRAME_MAX_SEGS + 4 * FRAME_BURST)
/** Frames that a worker may have forwarded and not flushed. */
#define FWD_FLUSH 256
/* Where a burst ends. */
#define FWD_BURST_BYTES    (1u << 20)
#define FWD_BURST_SEGMENTS 8192u
/* What one costs at most. A chain's first descriptor is read twice, and that of an indirect table
 * is none of its segments. Not more than half of the segments go unnoticed by the sums over a
 * burst.
 */
#define FWD_MAX_RX_DESCS (FWD_MAX_SEGS + 2 * FRAME_BURST + 2)
#define FWD_MAX_TX_DESCS (FRAME_BURST + TX_MAX_DESCS + 2 * TX_MAX_SEGS + TX_MAX_CHAINS + 1)
#define FWD_MAX_SEGMENTS (2 * FWD_BURST_SEGMENTS)
#define FWD_MAX_BYTES    (16u << 20)

/** Where a burst goes: frames (bit i = frames[i]) by port, and the ports with any. */
struct fwd_out {
	uint64_t frames[DP_MAX_PORTS];
	uint64_t tagged[DP_MAX_PORTS];
	uint16_t ports[DP_MAX_PORTS];
	unsigned n_ports;
};

/**
 * A worker's memory: for a burst, and between bursts. Large: mapped, zeroed, once.
 * Life cycle: fwd_init(), and whoever makes it makes flush.calls (notify_init()).
 */
struct fwd {
	/* Of one burst. */
	struct frame frames[FRAME_BURST];
	struct burst burst; /* of frames */
	struct fwd_out out;
	struct crossings crossings;
	struct dp_rx injected; /* what it goes by where control injected it */
	struct frame_seg segs[FWD_MAX_SEGS];
	/* From burst to burst. */
	struct flush flush;
	struct learn learn;
	struct punt_ring *punts; /* borrowed; NULL where no stage punts */
	struct deliver deliver;
	struct dp_counters *counters; /* [DP_MAX_PORTS], borrowed */
	/* Drops as they were last looked at, while somebody watches. */
	const struct drop_watch *watch;
	uint64_t drops_seen[DP_MAX_PORTS][DROP_N_REASONS];
};

/** Zeroed memory; both are borrowed. No source is reported twice within the interval, no frame
 * waits longer than the timeout. */
void fwd_init(struct fwd *fwd, struct dp_counters *counters, struct learn_ring *events,
	uint64_t learn_interval_tsc, uint64_t wait_timeout_tsc);

/** Forward one burst. Returns the number of frames received. fwd_flush() has to follow. */
unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snapshot, const struct dp_rx *rx);
/** Flush the queues that bursts used since the last time. */
void fwd_flush(struct fwd *fwd, const struct dp_snapshot *snapshot);
/** Is there something for control to look at: learn events, a broken queue? Once per time. */
bool fwd_wants_control(struct fwd *fwd);

#endif
