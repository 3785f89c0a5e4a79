/**
 * deliver: the way out of the switch, one port of a burst at a time.
 *
 * Frames of a burst that go to one port are sorted once: those that the receiver takes as they are,
 * and those with offloads that it did not negotiate, which are finished in software first. They
 * leave in order. What cannot be sent is counted at the port.
 *
 * Back-pressure. Large TCP segments that find their receiver without buffers may wait where they
 * came from for a moment, so that two guests' TCP does not live on losses: one of them takes many
 * buffers, a burst of them more than a ring has, and a sender whose frames stay in its ring slows
 * down instead of losing them. Other frames are dropped at once, as by any switch, lest they hold
 * up what the sender has for somebody else; so are these when the receiver does not move.
 *
 * Threads: a struct deliver belongs to one worker. Life cycle: zeroed, then counters,
 * crossings and timeout_tsc. Limits: see fwd.h.
 */
#ifndef WEFT_VSWITCH_DATAPATH_DELIVER_H
#define WEFT_VSWITCH_DATAPATH_DELIVER_H

#include "counters.h"
#include "flush.h"
#include "snapshot.h"

#include <stdalign.h>

#define DELIVER_BOUNCE_SIZE (FRAME_MAX_LEN + 64)
/** Segments that are made before they are sent. */
#define DELIVER_SEGMENTS 16

/** What delivering needs of a worker, from burst to burst. */
struct deliver {
	struct dp_counters *counters; /* [DP_MAX_PORTS], borrowed */
	struct crossings *crossings;  /* of the worker, borrowed */
	uint64_t timeout_tsc;         /* how long a receiver without buffers keeps frames waiting */
	/* Software offloads: a whole frame, segments of it. */
	struct frame segments[DELIVER_SEGMENTS];
	alignas(64) uint8_t bounce[DELIVER_BOUNCE_SIZE];
	alignas(64) uint8_t segment_bytes[DELIVER_BOUNCE_SIZE];
};

/** Frames of one burst for one port. */
struct delivery {
	const struct dp_snapshot *snapshot;
	const struct burst *burst;
	struct flush *flush; /* where the port's queue is listed */
	uint64_t may_wait;   /* bit i: burst->frames[i] can go back to where it came from */
	uint64_t frames;     /* of the burst, to be sent */
	uint64_t tagged;     /* with a VLAN tag */
	uint16_t port_id;
	uint16_t pair; /* the number of the queue pair that they came from */
};

/** Returns those of may_wait that have to wait for the port: sent or dropped is none of them. */
uint64_t deliver(struct deliver *deliver, const struct delivery *job);

#endif
