/**
 * rig: the data path without threads or sockets, for its tests.
 *
 * Ports 0..n-1 with one ring each way in plain memory; the driver's half of each ring is the one of
 * tests/peer, written apart from the device's. One bridge, one snapshot that tests may edit, and
 * fwd_burst() called by hand.
 */
#ifndef WEFT_TESTS_UNIT_VSWITCH_DATAPATH_RIG_H
#define WEFT_TESTS_UNIT_VSWITCH_DATAPATH_RIG_H

#include "fe.h"
#include "fe_ring.h"
#include "fwd.h"

#include <stddef.h>

#define RIG_MAX_PORTS 8
#define RIG_RING_SIZE 128
#define RIG_GPA       UINT64_C(0x100000)

#define RIG_FEATURES                                                           \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC))
#define RIG_OFFLOADS                                                                       \
	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |             \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6))

struct rig_port {
	uint8_t *mem[2];              /* of each ring: a region of its own, between guard pages */
	struct fe_ring send, receive; /* the driver's halves */
	struct vring rx, tx;          /* ours */
	struct queue *tx_list[1];
	struct vlan_set vlans;
	struct vmem vmem; /* a port's rings and buffers, and nothing of its neighbours */
};

struct rig {
	unsigned n_ports;
	size_t ring_bytes; /* of each ring's memory */
	struct rig_port port[RIG_MAX_PORTS];
	struct dp_port ports[RIG_MAX_PORTS]; /* edit freely between bursts */
	uint16_t members[RIG_MAX_PORTS];
	struct dp_bridge bridge;
	struct dp_snapshot snapshot;
	struct dp_rx rx[RIG_MAX_PORTS];
	struct dp_counters *counters;
	struct learn_ring *events;
	struct fwd *fwd;
};

/** n_ports in one bridge, every port a trunk of all VLANs. packed is a bit mask of ports. */
struct rig *rig_create(unsigned n_ports, unsigned packed, uint64_t features);
void rig_destroy(struct rig *rig);
/** Negotiate other features at a port. Its rings are empty. */
void rig_set_features(struct rig *rig, unsigned port, uint64_t features);

void rig_access(struct rig *rig, unsigned port, uint16_t vid);
/** vids: 0-terminated; native 0 = untagged frames are refused. */
void rig_trunk(struct rig *rig, unsigned port, const uint16_t *vids, uint16_t native,
	bool native_tagged);
void rig_link(struct rig *rig, unsigned a, unsigned b);
/** They are patch ports that join their bridges, whatever their roles. */
void rig_patch(struct rig *rig, unsigned a, unsigned b);

/** Queue a frame at a port's driver. */
void rig_send(struct rig *rig, unsigned port, const void *frame, size_t len);
void rig_send_hdr(struct rig *rig, unsigned port, const struct virtio_net_hdr_v1 *hdr,
	const void *frame, size_t len);
/**
 * Have a port's rings begin anew, over `size` entries, at a position as in SET_VRING_BASE, with the
 *  memory that port.vmem says. returns  what vring_init() does, of the first that it refuses
 */
int rig_restart(struct rig *rig, unsigned port, uint64_t features, uint16_t size, uint32_t base);
/** One burst by a worker, which has to flush. Checks the same as rig_run(). */
unsigned rig_burst(struct rig *rig, struct fwd *fwd, unsigned port);
/** One burst from a port; returns the frames taken. Aborts when a ring's positions are not sound
 *  or the burst cost more steps than fwd.h allows. */
unsigned rig_run(struct rig *rig, unsigned port);
/** A frame that a port's driver received: its length, or -EAGAIN. */
int rig_receive(struct rig *rig, unsigned port, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size);
/** Learn at the bridge what workers reported so far. */
void rig_learn(struct rig *rig);

/** Check the invariant of counters.h over all ports. */
bool rig_counts_add_up(const struct rig *rig);
uint64_t rig_drops(const struct rig *rig, unsigned port, enum drop_reason reason);

/** dst and src are the last byte of 02:00:00:00:00:xx (0xff = broadcast). Returns the length. */
size_t rig_frame(uint8_t *out, uint8_t dst, uint8_t src, int tci, uint16_t type, size_t payload);

#endif
