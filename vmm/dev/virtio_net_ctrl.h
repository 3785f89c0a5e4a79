/**
 * virtio_net_ctrl: one command of the network control queue, decoded from guest bytes.
 *
 * Pure: no queue, no device. The device applies what comes out.
 * Source: VIRTIO 1.2, 5.1.6.5 "Control Virtqueue".
 */
#ifndef WEFT_VMM_DEV_VIRTIO_NET_CTRL_H
#define WEFT_VMM_DEV_VIRTIO_NET_CTRL_H

#include "ether.h"

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_NET_CTRL_OK  0
#define VIRTIO_NET_CTRL_ERR 1

/** Bytes of a command that matter: class, command, and the longest operand that is looked at. */
#define VIRTIO_NET_CTRL_MAX_BYTES 64

enum virtio_net_ctrl_op {
	VIRTIO_NET_CTRL_NONE, /* accepted, nothing to do */
	VIRTIO_NET_CTRL_SET_MAC,
	VIRTIO_NET_CTRL_SET_PAIRS,
	VIRTIO_NET_CTRL_ANNOUNCED, /* the guest has announced itself */
};

struct virtio_net_ctrl {
	enum virtio_net_ctrl_op op;
	struct ether_addr48 mac;
	uint16_t n_pairs;
};

/**
 * cmd[len]: what the driver wrote, its first VIRTIO_NET_CTRL_MAX_BYTES at most.
 * features: accepted ones; a command whose feature was not is refused.
 * returns VIRTIO_NET_CTRL_OK or VIRTIO_NET_CTRL_ERR, the byte to answer.
 */
uint8_t virtio_net_ctrl_decode(const uint8_t *cmd, size_t len, uint64_t features,
	unsigned max_pairs, struct virtio_net_ctrl *ret_ctrl);

#endif
