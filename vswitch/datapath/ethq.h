/**
 * ethq: one queue pair of a device of DPDK (a NIC, AF_XDP, pcap, memif) as a queue (queue.h).
 *
 * Data model. Frames come in as mbufs and are looked at like a guest's: header and header bytes
 * copied to the scratch, the rest referred to where it lies; the mbufs live until rx_done. Frames
 * go out as copies in mbufs of the queue's pool, and have left when tx returns: there is nothing to
 * flush. What the device refuses, since its ring is full, is dropped. The device's abilities are
 * told in virtio's words (features), so that one rule decides what has to be finished in software.
 *
 * Offloads. In: none is used; a frame's checksum is there, right or wrong, and for the receiver to
 * judge. Out: where tx_features says so, the device is asked to finish TCP's and UDP's checksum and
 * to cut TCP; any other checksum is finished here.
 *
 * Threads. Workers are no EAL threads unless the pool registered them: the pool's cache may not be
 * relied on. Control starts and stops the device only while the queue is in no published snapshot,
 * and gives the spare mbufs back to the pool before it closes the device.
 */
#ifndef WEFT_VSWITCH_DATAPATH_ETHQ_H
#define WEFT_VSWITCH_DATAPATH_ETHQ_H

#include "queue.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

struct ethq {
	struct queue queue;        /* first member; rx_features: CSUM at most */
	uint16_t dev_id, queue_id; /* DPDK's numbers */
	uint32_t
		max_len; /* largest frame that it sends, bytes without FCS; segments of TSO aside */
	struct rte_mempool *pool; /* for frames sent; borrowed from the port */
	bool wants_wakeup;
	/* Between rx and rx_done. */
	unsigned n_received;
	struct rte_mbuf *received[FRAME_BURST];
	/* Within tx. */
	bool has_offloads;
	unsigned n_out;
	struct rte_mbuf *out[FRAME_BURST];
	/* For frames to come: taken from the pool many at a time. */
	unsigned n_spare;
	struct rte_mbuf *spare[FRAME_BURST];
};

extern const struct queue_ops ethq_ops;

#endif
