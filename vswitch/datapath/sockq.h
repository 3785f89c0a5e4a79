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
 * goes back to its place in the header bytes. Out: small frames are copied to slots and sent at
 * once at the end of the burst; larger ones go out straight from where they lie.
 *
 * An empty queue is not asked again for a few microseconds, so that a worker that is busy with
 * other ports makes no system call per round. Nothing is lost by that: a frame that comes meanwhile
 * leaves its edge in the worker's epoll set.
 *
 * Sending ends in tx; there is nothing to flush. What came since the last look has left an edge
 * that ends a worker's sleep at once: nothing is ever pending, and nobody need be asked for
 * wake-ups.
 *
 * Threads: as queue.h says. Life cycle: port/sockq_setup.h. Memory: slots are mapped, and there
 * once touched. Source: Linux, packet(7); include/uapi/linux/if_packet.h (PACKET_VNET_HDR,
 * PACKET_AUXDATA).
 */
#ifndef WEFT_VSWITCH_DATAPATH_SOCKQ_H
#define WEFT_VSWITCH_DATAPATH_SOCKQ_H

#include "queue.h"

#include <linux/if_packet.h>
#include <stdalign.h>
#include <sys/socket.h>

#define SOCKQ_HDR_SIZE 10 /* struct virtio_net_hdr */
/** A frame and its header, and then some: slots do not start on the same cache set. */
#define SOCKQ_IN_SLOT  (FRAME_MAX_LEN / 64 * 64 + 64 + 4096 + 64)
#define SOCKQ_OUT_SLOT 4096

enum sockq_type { SOCKQ_TAP, SOCKQ_PACKET };

struct sockq_aux {
	alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct sockq {
	struct queue queue; /* first member */
	enum sockq_type kind;
	int fd;
	uint64_t rest_until_tsc;
	struct mmsghdr in_msgs[FRAME_BURST], out_msgs[FRAME_BURST];
	struct iovec in_iov[FRAME_BURST], out_iov[FRAME_BURST];
	struct sockq_aux aux[FRAME_BURST];
	unsigned n_out;
	alignas(64) uint8_t out[FRAME_BURST][SOCKQ_OUT_SLOT];
	alignas(64) uint8_t in[FRAME_BURST][SOCKQ_IN_SLOT];
};

extern const struct queue_ops sockq_ops;

#endif
