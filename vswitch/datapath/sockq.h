/**
 * sockq: one queue of an interface of the host, by file descriptor: a tap, or a packet socket.
 *
 * Both carry frames behind a virtio header (`struct virtio_net_hdr`, 10 bytes, IFF_VNET_HDR and
 * PACKET_VNET_HDR), so that checksums and segmentation pass between guests and the host's stack
 * without being done. Both cost a system call: a tap per frame, a packet socket per burst; with
 * TSO a frame is up to 64 KiB, so that this matters little for what such ports are for.
 *
 * In: frames are read into slots of the queue, which hold them until the next rx. The kernel
 * takes the 802.1Q tag out of a frame before a packet socket sees it and tells it beside; here it
 * goes back to its place in the head. Out: small frames are copied to slots and sent at once at the
 * end of the burst; larger ones go out straight from where they lie.
 *
 * An empty queue is not asked again for a few microseconds, so that a worker that is busy with
 * other ports makes no system call per round. Nothing is lost by that: a frame that comes meanwhile
 * leaves its edge in the worker's epoll set.
 *
 * Sending ends in tx; there is nothing to flush. What came since the last look has left an edge
 * that ends a worker's sleep at once: nothing is ever pending, and nobody need be asked for
 * wake-ups.
 *
 * Threads: as queue.h says. Memory: slots are mapped, and there once touched.
 * Source: Linux, packet(7); include/uapi/linux/if_packet.h (PACKET_VNET_HDR, PACKET_AUXDATA).
 */
#ifndef WEFT_DATAPATH_SOCKQ_H
#define WEFT_DATAPATH_SOCKQ_H

#include "queue.h"

enum sockq_kind { SOCKQ_TAP, SOCKQ_PACKET };

/** fd is borrowed, non-blocking, and the queue's wake_fd. 0 or -ENOMEM. */
int sockq_create(enum sockq_kind kind, int fd, struct queue **ret_q);
/** One that sockq_create() made; NULL is accepted. */
void sockq_destroy(struct queue *q);

#endif
