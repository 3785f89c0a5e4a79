/**
 * virtio_wire: the layouts that a virtio driver and device share in memory, and their numbers.
 *
 * Structs only; whoever reads them from guest memory copies each field once into a local and checks
 * the copy. Little endian throughout (VIRTIO_F_VERSION_1 is required).
 * Source: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues", 5.1 "Network Device",
 * 6 "Reserved Feature Bits".
 */
#ifndef WEFT_LIB_VIRTIO_WIRE_H
#define WEFT_LIB_VIRTIO_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* 6 "Reserved Feature Bits" */
#define VIRTIO_F_NOTIFY_ON_EMPTY   24
#define VIRTIO_F_ANY_LAYOUT        27
#define VIRTIO_F_INDIRECT_DESC     28
#define VIRTIO_F_EVENT_IDX         29
#define VIRTIO_F_VERSION_1         32
#define VIRTIO_F_ACCESS_PLATFORM   33
#define VIRTIO_F_RING_PACKED       34
#define VIRTIO_F_IN_ORDER          35
#define VIRTIO_F_ORDER_PLATFORM    36
#define VIRTIO_F_SR_IOV            37
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_RING_RESET        40

/* 5.1.3 "Feature bits" of a network device */
#define VIRTIO_NET_F_CSUM                0
#define VIRTIO_NET_F_GUEST_CSUM          1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU                 3
#define VIRTIO_NET_F_MAC                 5
#define VIRTIO_NET_F_GUEST_TSO4          7
#define VIRTIO_NET_F_GUEST_TSO6          8
#define VIRTIO_NET_F_GUEST_ECN           9
#define VIRTIO_NET_F_GUEST_UFO           10
#define VIRTIO_NET_F_HOST_TSO4           11
#define VIRTIO_NET_F_HOST_TSO6           12
#define VIRTIO_NET_F_HOST_ECN            13
#define VIRTIO_NET_F_HOST_UFO            14
#define VIRTIO_NET_F_MRG_RXBUF           15
#define VIRTIO_NET_F_STATUS              16
#define VIRTIO_NET_F_CTRL_VQ             17
#define VIRTIO_NET_F_CTRL_RX             18
#define VIRTIO_NET_F_CTRL_VLAN           19
#define VIRTIO_NET_F_GUEST_ANNOUNCE      21
#define VIRTIO_NET_F_MQ                  22
#define VIRTIO_NET_F_CTRL_MAC_ADDR       23
#define VIRTIO_NET_F_GUEST_USO4          54
#define VIRTIO_NET_F_GUEST_USO6          55
#define VIRTIO_NET_F_HOST_USO            56
#define VIRTIO_NET_F_SPEED_DUPLEX        63

#define VIRTIO_BIT(feature) (UINT64_C(1) << (feature))

/* 2.7.5 "The Virtqueue Descriptor Table" */
#define VRING_DESC_F_NEXT     1
#define VRING_DESC_F_WRITE    2
#define VRING_DESC_F_INDIRECT 4

struct vring_desc {
	uint64_t addr; /* guest physical */
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct vring_desc) == 16, "VIRTIO 1.2, 2.7.5");

/* 2.7.6 "The Virtqueue Available Ring"; used_event follows ring[size] */
#define VRING_AVAIL_F_NO_INTERRUPT 1
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};
_Static_assert(sizeof(struct vring_avail) == 4, "VIRTIO 1.2, 2.7.6");

/* 2.7.8 "The Virtqueue Used Ring"; avail_event follows ring[size] */
#define VRING_USED_F_NO_NOTIFY 1
struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[];
};
_Static_assert(sizeof(struct vring_used_elem) == 8, "VIRTIO 1.2, 2.7.8");

#define VRING_MAX_SIZE 32768

/* 2.8.13 "Virtqueue Descriptor" of a packed ring */
#define VRING_PACKED_DESC_F_AVAIL 7
#define VRING_PACKED_DESC_F_USED  15
struct vring_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};
_Static_assert(sizeof(struct vring_packed_desc) == 16, "VIRTIO 1.2, 2.8.13");

/* 2.8.14 "Event Suppression Structure Format" */
#define VRING_PACKED_EVENT_F_ENABLE   0
#define VRING_PACKED_EVENT_F_DISABLE  1
#define VRING_PACKED_EVENT_F_DESC     2
#define VRING_PACKED_EVENT_WRAP_SHIFT 15
struct vring_packed_event {
	uint16_t off_wrap;
	uint16_t flags;
};

/* 5.1.6 "Device Operation": the header before every frame */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_HDR_F_RSC_INFO   4
#define VIRTIO_NET_HDR_GSO_NONE     0
#define VIRTIO_NET_HDR_GSO_TCPV4    1
#define VIRTIO_NET_HDR_GSO_UDP      3
#define VIRTIO_NET_HDR_GSO_TCPV6    4
#define VIRTIO_NET_HDR_GSO_UDP_L4   5
#define VIRTIO_NET_HDR_GSO_ECN      0x80

struct virtio_net_hdr_v1 {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr_v1) == 12, "VIRTIO 1.2, 5.1.6");

/* 5.1.4 "Device configuration layout" */
#define VIRTIO_NET_S_LINK_UP  1
#define VIRTIO_NET_S_ANNOUNCE 2
struct virtio_net_cfg {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
	uint32_t speed; /* Mb/s */
	uint8_t duplex; /* 1 = full */
} __attribute__((packed));
_Static_assert(offsetof(struct virtio_net_cfg, duplex) == 16, "VIRTIO 1.2, 5.1.4");

#endif
