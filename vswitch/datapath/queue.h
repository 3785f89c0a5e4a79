/**
 * queue: what frames are received from and sent to.
 *
 * A port has queues in pairs: one to receive from, one to send to, which may be the same object.
 * The forwarding code knows nothing else of a port: what is behind a queue is the business of its
 * implementation. There are three: a virtqueue of a guest (vring.h), a queue pair of a device of
 * DPDK (ethq.h), and one of an interface of the host by file descriptor (sockq.h). What holds
 * frames back or wraps them up (delay, tunnel, link aggregation) is a queue as well, in front of
 * another.
 *
 * Data model. struct queue is the first member of every implementation. It holds what the
 * forwarding code, the sleeping worker and the worker pool need of any queue; the rest is the
 * implementation's. An operation is called for a burst, never for a frame: an indirect call for
 * each of 64 frames would cost more than forwarding them. Where an operation is NULL the queue has
 * no use for it; the inline functions below look at that, and are the way to call them.
 *
 * Receiving, once per burst:    rx, at most one requeue, rx_done, then flush and notify_fd.
 * Sending, once per delivery:   tx, any number of times, then flush and notify_fd.
 * Flushing is put off (flush.h): one flush covers several bursts, of several ports.
 * Sleeping: set_wakeup(true), a full fence, then pending; wake_fd if nothing is.
 *
 * Frames. Those received stay where they are until rx_done, and frames[i].segs refer to them there;
 * so a frame from a guest to a guest is copied once, by tx, straight from one ring's memory into
 * the other's. tx never keeps a reference to a frame: when it returns, it has copied or sent it.
 * Which offloads a frame may ask for is told in virtio's words: rx_features what those received may
 * ask for, tx_features what those sent may. Who calls tx has finished what the queue does not take,
 * has checked the MTU, and keeps the order of frames.
 *
 * Why two more operations than a queue seems to need: requeue is how a receiver without buffers
 * slows its sender down, and how the cost of a burst stays bounded; has_room saves the segmentation
 * of a frame that could not be sent. What wakes a worker is a member, wake_fd, and no operation: it
 * is read when the configuration changes, and never changes while the queue is in use.
 *
 * Threads. While a queue is in the published snapshot, one worker receives from it (rx, requeue,
 * rx_done, pending, set_wakeup) and, under tx_lock where there are several workers, workers send to
 * it (tx, has_room). flush and notify_fd are called under tx_lock, too. A queue that both receives
 * and sends keeps the state of the two apart. Control changes or ends a queue only after it left
 * the snapshot and a grace period went by; members say where it may do so before. Life cycle:
 * whoever makes the implementation (port/) sets ops, features and wake_fd and zeroes the rest.
 * Limits: FRAME_BURST frames a call; nothing waits, allocates or fails; what a queue does for one
 * delivery is bounded by the implementation (tx_burst.effort).
 */
#ifndef WEFT_VSWITCH_DATAPATH_QUEUE_H
#define WEFT_VSWITCH_DATAPATH_QUEUE_H

#include "counters.h"
#include "frame.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct queue_ops;

struct queue {
	const struct queue_ops *ops;
	uint64_t rx_features; /* VIRTIO_NET_F_CSUM, _HOST_TSO4, ... */
	/* VIRTIO_NET_F_GUEST_CSUM, _GUEST_TSO4, ...; control may change it while workers send. */
	_Atomic uint64_t tx_features;
	uint64_t full_tsc; /* a large frame has found it full since then; 0 = it has not; under
			      tx_lock */
	/* Readable, as an edge, after frames came while wake-ups were on; -1: it has to be polled.
	 * Owned by the port. */
	int wake_fd;
	_Atomic bool tx_lock;
	bool is_listed; /* for flushing, by a worker; under tx_lock */
	/* It broke, and control has not been told: set by the implementation, cleared by workers.
	 */
	_Atomic bool wants_control;
	/* The worker pool's, control only. */
	bool is_watched;
	uint32_t publish_mark;
};

/** Frames of a burst that are to be sent to one queue, and what became of them. */
struct tx_burst {
	const struct frame *frames; /* frames[FRAME_BURST] */
	uint64_t todo;   /* bit i: frames[i] is to be sent; cleared when it is done with */
	uint64_t tagged; /* and with a VLAN tag */
	uint64_t keep;   /* not to be dropped; see tx */
	struct dp_counters *counters; /* of the port */
	bool is_fast;                 /* none asks for an offload or has a group address */
	enum drop_reason reason;      /* why one was kept */
	/* Spent so far, as the queue counts it; 0 before a delivery's first call. */
	uint32_t effort;
};

struct queue_ops {
	/**
	 * Receive up to max <= FRAME_BURST frames into burst->frames and sum them up in burst.
	 * segs[n_segs] is room for their segments, at least FRAME_MAX_SEGS. A frame that cannot be
	 * one comes with a length that says so, for the caller to count. Returns how many.
	 */
	unsigned (*rx)(struct queue *q, struct burst *burst, unsigned max, struct frame_seg *segs,
		unsigned n_segs);
	/** The first n frames that rx returned are no longer needed: all but those requeued. */
	void (*rx_done)(struct queue *q, const struct frame *frames, unsigned n);
	/** The last n frames that rx returned are to be received again; n may be 0.
	 *  NULL: what was received cannot go back. */
	void (*requeue)(struct queue *q, const struct frame *frames, unsigned n);

	/**
	 * Send the frames of tx->todo, in the order of their bits. Each one is sent or dropped and
	 * counted so in tx->counters, once. But one of tx->keep that cannot be sent is left in
	 * todo, with all behind it, and tx->reason says why; only DROP_TX_RING_FULL passes.
	 */
	void (*tx)(struct queue *q, struct tx_burst *tx);
	/** Is there room for a frame, probably? NULL: always, and no frame waits for it. */
	bool (*has_room)(struct queue *q);

	/** Make what was sent or done with visible to the other side. NULL: it is already. */
	void (*flush)(struct queue *q);
	/** After a flush and a full fence: the eventfd (borrowed) by which the other side has to be
	 *  told of what was flushed since the last call; -1: it need not be. NULL with flush. */
	int (*notify_fd)(struct queue *q);

	/** Is there something to receive? Cheap. */
	bool (*pending)(struct queue *q);
	/** Of frames that were held: when the first may be received; UINT64_MAX: there is none. */
	uint64_t (*due_tsc)(struct queue *q);
	/** Ask for wake-ups through wake_fd, or not to. NULL: nobody need be asked. */
	void (*set_wakeup)(struct queue *q, bool on);
};

static inline unsigned queue_rx(struct queue *q, struct burst *burst, unsigned max,
	struct frame_seg *segs, unsigned n_segs)
{
	return q->ops->rx(q, burst, max, segs, n_segs);
}

static inline void queue_rx_done(struct queue *q, const struct frame *frames, unsigned n)
{
	q->ops->rx_done(q, frames, n);
}

static inline bool queue_can_requeue(const struct queue *q)
{
	return q->ops->requeue;
}

/** Only where queue_can_requeue(). */
static inline void queue_requeue(struct queue *q, const struct frame *frames, unsigned n)
{
	q->ops->requeue(q, frames, n);
}

static inline void queue_tx(struct queue *q, struct tx_burst *tx)
{
	q->ops->tx(q, tx);
}

/** May frames wait for it? */
static inline bool queue_can_fill(const struct queue *q)
{
	return q->ops->has_room;
}

static inline bool queue_has_room(struct queue *q)
{
	return !q->ops->has_room || q->ops->has_room(q);
}

static inline bool queue_pending(struct queue *q)
{
	return q->ops->pending(q);
}

/** Of a queue of held frames only. */
static inline uint64_t queue_due_tsc(struct queue *q)
{
	return q->ops->due_tsc(q);
}

static inline void queue_set_wakeup(struct queue *q, bool on)
{
	if (q->ops->set_wakeup)
		q->ops->set_wakeup(q, on);
}

/* ---- For implementations ---- */

/** Beside the reasons: it was not dropped. */
#define TX_SENT DROP_N_REASONS

struct tx_tally {
	uint64_t frames, bytes, multicast, broadcast;
};

/** Add a frame of len bytes to the address at mac. */
static inline void tally_add(struct tx_tally *tally, const uint8_t *mac, uint32_t len)
{
	tally->frames++;
	tally->bytes += len;
	if (!(mac[0] & 1))
		return;
	if ((mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff)
		tally->broadcast++;
	else
		tally->multicast++;
}

static inline void tally_subtract(struct tx_tally *tally, const struct tx_tally *less)
{
	tally->frames -= less->frames;
	tally->bytes -= less->bytes;
	tally->multicast -= less->multicast;
	tally->broadcast -= less->broadcast;
}

static inline void tally_count(const struct tx_tally *tally, struct dp_counters *counters)
{
	counters->tx_frames += tally->frames;
	counters->tx_bytes += tally->bytes;
	counters->tx_multicast += tally->multicast;
	counters->tx_broadcast += tally->broadcast;
}

/** The first frame of todo cannot be sent: it is dropped and counted. True: it is kept instead, and
 *  tx has to return. */
static inline bool tx_refuse(struct tx_burst *tx, enum drop_reason reason)
{
	if (tx->keep & tx->todo & -tx->todo) {
		tx->reason = reason;
		return true;
	}
	tx->counters->drops[reason]++;
	tx->todo &= tx->todo - 1;
	return false;
}

#endif
