/**
 * fwd: one burst from one ring to wherever its frames belong.
 *
 * Take up to FRAME_BURST frames; decide about all of them (every decision is a bit in a mask of the
 * burst); then go through the ports that something was decided for, one at a time: put, publish,
 * signal. At the end the sender gets its descriptors back.
 *
 * An address that moves inside a burst moves for the next one: all look-ups of a burst precede all
 * of its learning, and learning is the control thread's (note.h).
 *
 * Invariant, per worker: frames taken + copies = frames put + drops (counters.h).
 * Threads: a struct fwd belongs to one worker. Nothing here allocates, waits or fails.
 */
#ifndef WEFT_DATAPATH_FWD_H
#define WEFT_DATAPATH_FWD_H

#include "counters.h"
#include "note.h"
#include "snapshot.h"

#include <stdalign.h>

#define FWD_MAX_SEGS	(FRAME_MAX_SEGS + 4 * FRAME_BURST)
#define FWD_NOTE_FILTER 256
#define FWD_BOUNCE_SIZE (FRAME_MAX_LEN + 64)

/** A worker's memory for a burst. Large: mapped, zeroed, once. */
struct fwd {
	struct frame frames[FRAME_BURST];
	struct burst burst; /* of frames */
	/* Where the burst goes: frames (bit i = frames[i]) by port, and the ports with any. */
	uint64_t out[DP_MAX_PORTS];
	uint64_t out_tagged[DP_MAX_PORTS];
	uint16_t out_ports[DP_MAX_PORTS];
	unsigned n_out_ports;
	struct vring *signals[DP_MAX_PORTS + 1]; /* rings whose drivers may want to know */
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

/** Forward one burst. Returns the number of frames taken. */
unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snapshot, const struct dp_rx *rx);

#endif
