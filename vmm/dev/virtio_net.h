/**
 * virtio_net: a NIC whose frames never pass the VMM: its rings are served by a vhost-user
 * back-end, and only configuration, control queue, carrier and announcements are handled here.
 *
 * Features. Before any back-end was seen the guest is offered what every back-end of note has;
 * after that, what the back-end has. What the driver accepted stays: a later back-end that lacks
 * part of it is refused (vhost_user_fe). MAC, STATUS, MTU, SPEED_DUPLEX, the control queue and
 * announcements are ours and do not depend on the back-end.
 *
 * Carrier: up when set-link says so, the back-end runs the rings and its own carrier is up. When a
 * back-end goes away the guest is told only after VIRTIO_NET_HOLD_OFF_MS, so that a switch may
 * restart without a flap; when it came back, the guest (GUEST_ANNOUNCE) or the back-end (RARP)
 * announces the address. set-link down also disables the rings, so that no frame passes meanwhile.
 *
 * Stops. While the machine is paused, or the driver does not let the device master the bus, no
 * back-end has the rings and the control queue waits; the guest sees no change of carrier. Then
 * they go on where they were.
 * The number of pairs is answered (VIRTIO_NET_CTRL_MQ) once the back-end has acknowledged that the
 * rings concerned run or do not. A ring that the back-end finds broken (VRING_ERR) is the driver's
 * fault: the device needs a reset.
 *
 * Receive filters that the driver sets (RX mode, VLAN table) are accepted: the switch is the
 * filter, and the guest drops what is not for it.
 *
 * Threads: registers on vCPU threads (the transport's lock); everything else on the loop's. What a
 * vCPU starts (activation, stop, reset) is handed to the loop by an eventfd; a reset completes from
 * there.
 * Life cycle: virtio_net_create() before the machine starts; virtio_net_destroy() after the PCI
 * bus.
 * Source: VIRTIO 1.2, 5.1 "Network Device".
 */
#ifndef WEFT_VMM_DEV_VIRTIO_NET_H
#define WEFT_VMM_DEV_VIRTIO_NET_H

#include "device.h"

#include <stdbool.h>
#include <stdint.h>

struct config_net;
struct ctl_nic;
struct dev_env;
struct err;
struct virtio_net;
struct virtio_pci;

#define VIRTIO_NET_HOLD_OFF_MS 100

/** env and config are borrowed (config is copied). */
int virtio_net_create(const struct dev_env *env, const struct config_net *config,
	struct virtio_net **ret_net, struct err *err);
/** Before the guest runs: know the back-end, if one listens (vhost_fe_settle). Loop's thread. */
void virtio_net_settle(struct virtio_net *net, uint64_t deadline_ns);
void virtio_net_destroy(struct virtio_net *net);

/** The cable, as the user sees it. Loop's thread. */
void virtio_net_set_link(struct virtio_net *net, bool up);
/** Everything of NicShow but the number. Loop's thread. */
void virtio_net_status(struct virtio_net *net, struct ctl_nic *ret_nic);

/** The transport, for tests. */
struct virtio_pci *virtio_net_transport(struct virtio_net *net);

extern const struct device_ops virtio_net_device_ops;

#endif
