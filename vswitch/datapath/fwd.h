/**
 * fwd: one burst from one ring to wherever its frames belong.
 *
 * Take up to FRAME_BURST frames; decide about all of them (every decision is a bit in a mask of the
 * burst); then go through the ports that something was decided for, one at a time, and put.
 *
 * What was put and given back becomes visible in fwd_flush(), for several bursts at once: the line
 * of a ring's index goes to and fro between two cores each time, and so does the one that tells
 * whether the driver wants an interrupt. A worker flushes at the end of each round at the latest.
 *
 * Large TCP segments that find their receiver without buffers wait in the sender's ring for a
 * moment (deliver.c), so that two guests' TCP does not live on losses.
 *
 * An address that moves inside a burst moves for the next one: all look-ups of a burst precede all
 * of its learning, and learning is the control thread's (note.h).
 *
 * Work is bounded, whatever the input: a burst of a guest's ring ends where its frames exceed
 * FWD_BURST_BYTES or their software segmentation FWD_BURST_SEGMENTS; the frames behind stay in the
 * ring for the next one. So for one burst a worker reads at most FWD_MAX_TAKE_DESCS descriptors of
 * the sender and FWD_MAX_PUT_DESCS of each receiver, makes FWD_MAX_SEGMENTS segments for each
 * receiver and copies or sums up FWD_MAX_BYTES bytes for each. How many receivers there are is the
 * operator's choice. Frames of a host's device cannot stay there: of them a burst is FRAME_BURST
 * frames.
 *
 * Invariant, per worker: frames taken + copies = frames put + drops (counters.h).
 * Threads: a struct fwd belongs to one worker. Nothing here allocates, waits or fails.
 */
#ifndef WEFT_DATAPATH_FWD_H
#define WEFT_DATAPATH_FWD_H

#include "counters.h"
#include "note.h"
#include "notify.h"
#include "snapshot.h"

#include <stdalign.h>

#define FWD_MAX_SEGS	(FRAME_MAX_SEGS + 4 * FRAME_BURST)
#define FWD_NOTE_FILTER 256
#define FWD_MAX_LISTED	(4 * DP_MAX_PORTS)
/** Frames that a worker may have forwarded and not flushed. */
#define FWD_FLUSH	256
#define FWD_BOUNCE_SIZE (FRAME_MAX_LEN + 64)
/* Where a burst ends. */
#define FWD_BURST_BYTES	   (1u << 20)
#define FWD_BURST_SEGMENTS 8192u
/* What one costs at most. A chain's first descriptor is read twice, and that of an indirect table
 * is none of its pieces. Not more than half of the segments go unnoticed by the sums over a burst.
 */
#define FWD_MAX_TAKE_DESCS (FWD_MAX_SEGS + 2 * FRAME_BURST + 2)
#define FWD_MAX_PUT_DESCS  (FRAME_BURST + PUT_MAX_DESCS + 2 * PUT_MAX_SEGS + PUT_MAX_CHAINS + 1)
#define FWD_MAX_SEGMENTS   (2 * FWD_BURST_SEGMENTS)
#define FWD_MAX_BYTES	   (16u << 20)

/** A worker's memory for a burst. Large: mapped, zeroed, once. */
struct fwd {
	struct frame frames[FRAME_BURST];
	struct burst burst; /* of frames */
	/* Where the burst goes: frames (bit i = frames[i]) by port, and the ports with any. */
	uint64_t out[DP_MAX_PORTS];
	uint64_t out_tagged[DP_MAX_PORTS];
	uint16_t out_ports[DP_MAX_PORTS];
	unsigned n_out_ports;
	/* Frames that found a receiver full and may wait for it; see fwd_wait(). */
	uint64_t may_wait, waiting;
	uint16_t waits_for[FRAME_BURST];
	uint64_t patience_tsc; /* how long a receiver may keep them waiting */
	/* Rings with something that is not published or signalled yet. */
	struct vring *listed[FWD_MAX_LISTED];
	unsigned n_listed;
	struct notify calls;  /* drivers to be called for them */
	bool wants_attention; /* notes or a broken ring wait for control */

	struct dp_counters *counters; /* [DP_MAX_PORTS], borrowed */
	struct note_ring *notes;      /* borrowed */
	uint64_t note_interval_tsc;   /* the same note not more often than this */
	struct {
		uint64_t key;
		uint64_t tsc;
		uint16_t port_id;
	} note_filter[FWD_NOTE_FILTER];

	struct put_plan plan;
	struct frame_seg segs[FWD_MAX_SEGS];
	/* Software offloads: a whole frame, one segment of it. */
	alignas(64) uint8_t bounce[FWD_BOUNCE_SIZE];
	alignas(64) uint8_t segment[FWD_BOUNCE_SIZE];
};

/** Forward one burst. Returns the number of frames taken. fwd_flush() has to follow. */
unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snapshot, const struct dp_rx *rx);

/** Publish what was put into or given back to rings since the last time, and interrupt the drivers
 *  that want to know. One fence serves all, and the lines that say so are fetched side by side. */
void fwd_flush(struct fwd *fwd, const struct dp_snapshot *snapshot);
/** Inside, the two halves of that: other workers may put into the same rings in between. What each may
 *  do meanwhile is modelled in tests/model/signal.pml. */
void fwd_publish(struct fwd *fwd, const struct dp_snapshot *snapshot);
void fwd_signal(struct fwd *fwd, const struct dp_snapshot *snapshot);

/**
 * Inside: frames of mask would have to be dropped because port_id has no buffers. If nothing but
 * such frames follow in the burst they stay where they are, in the sender's ring, and are taken
 * again in the next round; else they are dropped after all.
 */
void fwd_wait(struct fwd *fwd, uint64_t mask, uint16_t port_id);
/** Inside: a ring was written to; its lock is held where there are several workers. */
void fwd_list(struct fwd *fwd, struct vring *ring);

#endif
