/**
 * hold: frames that are held until they are due.
 *
 * What delays frames, or lets them go no faster than a rate, copies them here, each with the moment
 * at which it is due. They leave in the order in which they came: one that is due earlier than the
 * frame before it waits for that one. Then they go on behind the stage that held them (stage.h), as
 * a burst of the worker that has the hold.
 *
 * Data model. A ring of bytes, in which each frame takes what it needs and no more: so the memory
 * is what a link of that bandwidth and delay has in flight. Positions only grow; tail is where the
 * next frame goes, head the first that is not done with. A frame lies in one piece; where the end
 * of the ring is too near, an empty record fills it. The ring is seen as two queues (queue.h):
 *
 *     stage, hold_add() -> in: flush publishes, notify_fd wakes
 *                          out: rx, requeue, rx_done -> worker
 *
 * A hold may follow another one, which takes no more frames: none leaves it before that one is
 * empty.
 *
 * A copy keeps the frame's form: canonical, or as it was received; its offloads; and whether it is
 * to leave with a tag.
 *
 * Threads: hold_add() and what is said of `in` by any worker, under in.tx_lock where there are
 * several; `out` by one worker. Both may read the other side's position, which is behind the truth
 * at worst. Life cycle: feature/hold_setup.h; a hold is in the snapshot as a row of one worker
 * (struct dp_rx) as long as anything can be in it. Limits: the size of the ring, and max_frames; a
 * frame of FRAME_MAX_LEN fits into HOLD_MIN_SIZE with another one.
 */
#ifndef WEFT_VSWITCH_DATAPATH_HOLD_H
#define WEFT_VSWITCH_DATAPATH_HOLD_H

#include "queue.h"

#define HOLD_MIN_SIZE (256u << 10)

/** A frame that is held: its header bytes and, behind them, its tail. */
struct held {
	uint64_t due_tsc; /* or what else a queue of its own over the hold goes by */
	uint32_t size;    /* of the record */
	uint32_t n_bytes; /* 0: it fills the end of the ring */
	/* As in struct frame. */
	uint32_t len;
	uint16_t rest_off, vid, tci;
	bool is_tagged;
	struct virtio_net_hdr_v1 hdr;
	uint8_t bytes[];
};

struct hold {
	struct queue in, out;
	/* Fixed. */
	uint8_t *bytes; /* bytes[size] */
	uint64_t size;  /* a power of two */
	/* Of control. NULL: it follows none. Both are of one worker, and there while it says so. */
	_Atomic(struct hold *) before;
	/* Of who adds. */
	alignas(64) uint64_t tail;
	uint64_t seen_head;
	_Atomic uint64_t n_added;
	_Atomic uint64_t max_frames; /* control may change it */
	_Atomic uint64_t published;  /* tail, as of the last flush */
	/* Of the worker that has it. */
	alignas(64) uint64_t next; /* the first that rx has not returned */
	unsigned n_received;
	uint64_t ends[FRAME_BURST]; /* where each frame between rx and rx_done ends */
	_Atomic uint64_t head;
	_Atomic uint64_t n_released;
	/* It sleeps, and nothing was held when it went to sleep. */
	alignas(64) _Atomic bool wants_wakeup;
};

extern const struct queue_ops hold_in_ops, hold_out_ops;

/** Is there room for a frame, and are there fewer than max_frames? For who adds. */
bool hold_has_room(struct hold *hold, const struct frame *frame);
/**
 * Hold a copy of a frame until due_tsc. There is room for it; in.tx_lock is held where there are
 * several workers, and `in` has to be flushed. Returns the copy, which may be changed until then.
 */
struct held *hold_add(struct hold *hold, const struct frame *frame, bool is_tagged,
	uint64_t due_tsc);

/* ---- For queues over several holds: who adds, as above, and who receives ---- */

/** What was added may be received. */
static inline void hold_publish(struct hold *hold)
{
	atomic_store_explicit(&hold->published, hold->tail, memory_order_release);
}

/** The first frame that was not received yet; NULL: there is none. */
const struct held *hold_first(struct hold *hold);
/** A burst begins: nothing was received of it. */
static inline void hold_begin(struct hold *hold)
{
	hold->n_received = 0;
}
/** Receive the first frame; there is one. Up to FRAME_BURST in a burst. */
const struct held *hold_receive(struct hold *hold, struct frame *frame);
/** The last n of them are to be received again. */
void hold_requeue(struct hold *hold, unsigned n);
/** The first n of them are no longer needed. */
void hold_release(struct hold *hold, unsigned n);

static inline bool hold_is_done(struct hold *hold)
{
	if (hold->seen_head != hold->tail)
		hold->seen_head = atomic_load_explicit(&hold->head, memory_order_acquire);
	return hold->seen_head == hold->tail;
}

/**
 * Is every frame that was added done with, of the hold before it, too? For who adds; where there
 * are several workers a lock that is the same for both holds is held.
 */
static inline bool hold_is_empty(struct hold *hold)
{
	struct hold *before = atomic_load_explicit(&hold->before, memory_order_acquire);

	return hold_is_done(hold) && (!before || hold_is_done(before));
}

/** When the first frame is due; UINT64_MAX: there is none. For who has `out`. */
uint64_t hold_due_tsc(struct queue *out);

#endif
