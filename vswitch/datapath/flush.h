/**
 * flush: queues that a worker used and has not flushed yet.
 *
 * What was sent and what was received and done with becomes visible to the other side for several
 * bursts at once: the cache line of a ring's index goes to and fro between two cores each time, and
 * so does the one that says whether the driver wants an interrupt. A worker flushes at the end of
 * each round at the latest.
 *
 * One fence serves all queues, and the lines by which drivers ask for interrupts are fetched side
 * by side. Other workers may send to the same queues between the two halves, flush_publish() and
 * flush_notify(); what each may do meanwhile is modelled in tests/model/signal.pml.
 *
 * Threads: a struct flush belongs to one worker. shared: there are several workers.
 * Life cycle: zeroed, with calls made by notify_init(). Limits: FLUSH_MAX queues.
 */
#ifndef WEFT_VSWITCH_DATAPATH_FLUSH_H
#define WEFT_VSWITCH_DATAPATH_FLUSH_H

#include "notify.h"
#include "queue.h"
#include "snapshot.h"

#define FLUSH_MAX (4 * DP_MAX_PORTS)
/** Of those that are no port's own: what stages of any port copy frames to. */
#define FLUSH_MAX_SHARED 64

struct flush {
	struct queue *listed[FLUSH_MAX];
	unsigned n_listed;
	bool wants_control;  /* one of them broke, and control is to be told */
	struct notify calls; /* drivers to be told */
};

/** Does control have to hear of the queue? */
static inline void flush_check(struct flush *flush, struct queue *q)
{
	if (__builtin_expect(atomic_load_explicit(&q->wants_control, memory_order_relaxed), 0)) {
		atomic_store_explicit(&q->wants_control, false, memory_order_relaxed);
		flush->wants_control = true;
	}
}

/** The queue was used; its tx_lock is held where it was sent to and there are several workers. */
static inline void flush_add(struct flush *flush, struct queue *q)
{
	flush_check(flush, q);
	if (!q->ops->flush || q->is_listed)
		return;
	q->is_listed = true;
	flush->listed[flush->n_listed++] = q;
}

/** Is there room for n more queues? */
static inline bool flush_has_room(const struct flush *flush, unsigned n)
{
	return flush->n_listed + n < FLUSH_MAX;
}

void flush_publish(struct flush *flush, bool shared);
void flush_notify(struct flush *flush, bool shared);

/** Both. */
void flush_all(struct flush *flush, bool shared);

#endif
