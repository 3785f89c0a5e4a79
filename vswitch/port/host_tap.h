/**
 * host_tap: taps, made and held for a port that reads and writes them by vhost-net or read(2).
 *
 * What it is: /dev/net/tun. What it is not: address, MTU and state of a tap are those of any
 * interface (host_link.h).
 *
 * A tap lives as long as one of its queues is open, or, when persistent, until somebody deletes it
 * (host_link_delete()). Each queue carries frames behind a struct virtio_net_hdr of
 * vnet_hdr_size bytes, little-endian: checksums and segmentation may be left to the other side, as
 * far as `offloads` allows the host's stack to leave them to us.
 *
 * A held tap without a reader queues up to its tx queue length and then drops.
 *
 * Threads: the control thread.
 * Source: Linux, Documentation/networking/tuntap.rst and include/uapi/linux/if_tun.h.
 */
#ifndef WEFT_VSWITCH_PORT_HOST_TAP_H
#define WEFT_VSWITCH_PORT_HOST_TAP_H

#include "err.h"
#include "host_link.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_TAP_MAX_QUEUES 16

struct host_tap_conf {
	const char *name;       /* NULL or "" = the kernel's choice, tapN */
	uint16_t n_queues;      /* 1..HOST_TAP_MAX_QUEUES; more than 1 makes it multi-queue */
	uint16_t vnet_hdr_size; /* 10, or 12 for VIRTIO_NET_F_MRG_RXBUF and virtio 1 */
	uint32_t offloads;      /* TUN_F_*: what we take unfinished from the host's stack */
	bool persistent;        /* stays when the last queue is closed; one that does so already
				   goes on doing so: it is somebody else's */
	bool has_owner;
	uid_t owner; /* may open it without a capability */
};

/**
 * Make the tap, or take the one that exists with these flags and is not in use, and open its
 * queues. It is down at first, if it is new.
 *
 * ret_fds   [n_queues], owned, non-blocking
 * ret_name  what it is called
 * returns   0, -EBUSY (in use), -EPERM, -EINVAL, -ENOENT (no /dev/net/tun), ... with err set
 */
int host_tap_open(const struct host_tap_conf *conf, int *ret_fds,
	char ret_name[HOST_LINK_NAME_SIZE], struct err *err);

/** Change TUN_F_* later: what the peer of the port took. fd is any queue. 0 or -errno. */
int host_tap_set_offloads(int fd, uint32_t offloads);
/** What the host sees as carrier of the tap. fd is any queue. 0 or -errno. */
int host_tap_set_carrier(int fd, bool up);

#endif
