/**
 * pace: a port's queues are received from no faster than a rate.
 *
 * Nothing is dropped or copied for it: what comes faster stays where it is, in the ring of a guest,
 * which runs full and slows its sender down, or in the queue of a device or socket, which may lose
 * what it has no room for.
 *
 * Data model. All queues of a port share a token bucket (bucket.h) of bytes. A burst is received
 * while it has any, and ends where a frame does not fit any more; what was received behind that
 * goes back. Of queues that take nothing back no more is received than fits whatever its length.
 * When the bucket is empty nothing is received until it has a quantum: that moment is known, and a
 * worker that has nothing else to do sleeps until then (idle.h), with the guest's kicks off. The
 * queue that emptied it stands back once after that, so that the others have their turn.
 *
 * Threads: a worker for each queue, under the lock where there are several; begin_tsc is read
 * without it and never goes back. Life cycle: in the snapshot's rows of queues (struct dp_rx);
 * feature/pacing makes it.
 */
#ifndef WEFT_VSWITCH_DATAPATH_PACE_H
#define WEFT_VSWITCH_DATAPATH_PACE_H

#include "bucket.h"
#include "frame.h"

#include <stdatomic.h>

struct pace {
	/* Fixed. */
	struct bucket_conf conf; /* of bytes */
	uint64_t quantum;
	/* Workers', behind the lock. */
	alignas(64) _Atomic bool lock;
	bool stood_back;
	uint16_t last_pair; /* that emptied the bucket */
	struct bucket bucket;
	_Atomic uint64_t begin_tsc; /* nothing is received before */
};

static inline uint64_t pace_begin_tsc(const struct pace *pace)
{
	return atomic_load_explicit(&pace->begin_tsc, memory_order_relaxed);
}

/** How many frames may be received from queue number `pair`; 0: none now. can_requeue: some may go
 *  back. */
unsigned pace_begin(struct pace *pace, uint16_t pair, bool can_requeue, uint64_t now_tsc);
/** Of n frames that were received, how many stay: the first one does. */
unsigned pace_take(struct pace *pace, uint16_t pair, const struct frame *frames, unsigned n,
	uint64_t now_tsc);
/** So many bytes that stayed went back after all. */
void pace_put_back(struct pace *pace, uint64_t n_bytes);

#endif
