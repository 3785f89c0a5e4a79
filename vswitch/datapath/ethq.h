/**
 * ethq: one queue pair of a device of the host, as the data path uses it: what vring is for a
 * guest. The device is one of DPDK (a NIC, AF_XDP, pcap, memif), or a file descriptor (sockq.h: a
 * tap, a packet socket).
 *
 * Data model. Frames come in as mbufs and are looked at like a guest's: header and head copied to
 * the scratch, the rest referred to where it lies; the mbufs live until ethq_return(). Frames go
 * out as copies in mbufs of the queue's pool. The device's abilities are told in virtio's words
 * (features), so that one rule decides what has to be finished in software.
 *
 * Bursts. take ... return, and begin, put..., publish, always in these groups. A device that takes
 * less than it is given has a full ring: what it refused is freed and handed back to be counted.
 *
 * Offloads of a device of DPDK. In: none is used; a frame's checksum is there, right or wrong, and
 * for the receiver to judge. Out: where tx_features says so, the device is asked to finish TCP's
 * and UDP's checksum and to cut TCP; any other checksum is finished here.
 *
 * Threads. As vring: one worker takes; under tx_lock, where there are several, workers put. Workers
 * are no EAL threads unless the pool registered them: the pool's cache may not be relied on.
 * Control starts and stops the device only while the queue is in no published snapshot.
 */
#ifndef WEFT_DATAPATH_ETHQ_H
#define WEFT_DATAPATH_ETHQ_H

#include "frame.h"
#include "vring.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

struct sockq;

struct ethq {
	struct sockq *sock;	   /* instead of a device of DPDK */
	uint16_t dev_id, queue_id; /* DPDK's numbers */
	uint64_t rx_features; /* what may be asked for in frames that come in: CSUM, HOST_TSO4... */
	/* What the device finishes in frames put: GUEST_CSUM, GUEST_TSO4...; control may change it
	 * while workers put. */
	_Atomic uint64_t tx_features;
	uint32_t
		max_len; /* largest frame that it sends, bytes without FCS; segments of TSO aside */
	struct rte_mempool *pool; /* for frames put; borrowed from the port */
	_Atomic bool tx_lock;
	/* Interrupt for a worker that sleeps; -1: it has none and has to be polled. */
	int kick_fd;
	bool wants_kick;
	uint32_t publish_mark; /* the worker pool's, control only */
	bool is_watched;
	/* Between take and return. */
	unsigned n_taken;
	struct rte_mbuf *taken[FRAME_BURST];
	/* Between begin and publish. */
	bool has_offloads;
	unsigned n_out;
	struct rte_mbuf *out[FRAME_BURST];
	/* For frames to come: taken from the pool many at a time. */
	unsigned n_spare;
	struct rte_mbuf *spare[FRAME_BURST];
};

/** As vring_take(). Frames with more than FRAME_MAX_SEGS pieces come back with length 0. */
unsigned ethq_take(struct ethq *q, struct frame *frames, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
/** Free what was taken. */
void ethq_return(struct ethq *q);

/** Put one frame, with a tag if tagged: VRING_PUT_OK, _FULL (no mbuf) or _NO_ROOM. What the device
 *  refuses meanwhile is added to refused. */
enum vring_put ethq_put(
	struct ethq *q, const struct frame *frame, bool tagged, struct put_tally *refused);
/** Control: give spare buffers back to the pool, before the device is closed. */
void ethq_done(struct ethq *q);
/** Send what was put. */
void ethq_publish(struct ethq *q, struct put_tally *refused);

/** Ask for an interrupt, or not to. After switching on, look again: ethq_pending(). */
void ethq_notify(struct ethq *q, bool on);
/** Is there something to take? */
bool ethq_pending(struct ethq *q);

#endif
