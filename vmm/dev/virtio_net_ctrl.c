#include "virtio_net_ctrl.h"

#include "virtio_wire.h"

#include <stdbool.h>
#include <string.h>

/* Classes and their commands */
enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_VLAN = 2, CLASS_ANNOUNCE = 3, CLASS_MQ = 4 };
enum { RX_PROMISC = 0, RX_ALLMULTI = 1 };
enum { MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };
enum { VLAN_ADD = 0, VLAN_DEL = 1 };
enum { ANNOUNCE_ACK = 0 };
enum { MQ_PAIRS_SET = 0 };

static bool ctrl_mac(const uint8_t *body, size_t len, uint8_t command, uint64_t features,
	struct virtio_net_ctrl *ctrl)
{
	if (command == MAC_TABLE_SET)
		return features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX);
	if (command != MAC_ADDR_SET || !(features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR)) ||
		len < ETHER_ADDR_LEN)
		return false;
	memcpy(ctrl->mac.bytes, body, ETHER_ADDR_LEN);
	if (ether_addr_is_multicast(&ctrl->mac) || ether_addr_is_zero(&ctrl->mac))
		return false;
	ctrl->op = VIRTIO_NET_CTRL_SET_MAC;
	return true;
}

static bool ctrl_mq(const uint8_t *body, size_t len, uint8_t command, uint64_t features,
	unsigned max_pairs, struct virtio_net_ctrl *ctrl)
{
	if (command != MQ_PAIRS_SET || !(features & VIRTIO_BIT(VIRTIO_NET_F_MQ)) ||
		len < sizeof(ctrl->n_pairs))
		return false;
	memcpy(&ctrl->n_pairs, body, sizeof(ctrl->n_pairs));
	if (ctrl->n_pairs < 1 || ctrl->n_pairs > max_pairs)
		return false;
	ctrl->op = VIRTIO_NET_CTRL_SET_PAIRS;
	return true;
}

static bool ctrl_decode(const uint8_t *cmd, size_t len, uint64_t features, unsigned max_pairs,
	struct virtio_net_ctrl *ctrl)
{
	uint8_t class, command;

	if (len < 2)
		return false;
	class = cmd[0];
	command = cmd[1];
	switch (class) {
	case CLASS_RX:
		return features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) &&
		       (command == RX_PROMISC || command == RX_ALLMULTI);
	case CLASS_MAC:
		return ctrl_mac(cmd + 2, len - 2, command, features, ctrl);
	case CLASS_VLAN:
		return features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) &&
		       (command == VLAN_ADD || command == VLAN_DEL);
	case CLASS_ANNOUNCE:
		ctrl->op = VIRTIO_NET_CTRL_ANNOUNCED;
		return features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) &&
		       command == ANNOUNCE_ACK;
	case CLASS_MQ:
		return ctrl_mq(cmd + 2, len - 2, command, features, max_pairs, ctrl);
	default:
		return false;
	}
}

uint8_t virtio_net_ctrl_decode(const uint8_t *cmd, size_t len, uint64_t features,
	unsigned max_pairs, struct virtio_net_ctrl *ret_ctrl)
{
	*ret_ctrl = (struct virtio_net_ctrl){.op = VIRTIO_NET_CTRL_NONE};
	if (ctrl_decode(cmd, len, features, max_pairs, ret_ctrl))
		return VIRTIO_NET_CTRL_OK;
	ret_ctrl->op = VIRTIO_NET_CTRL_NONE;
	return VIRTIO_NET_CTRL_ERR;
}
