/**
 * snapshot: the configuration that workers forward by.
 *
 * Built by the control thread, published by pointer, never changed afterwards, and freed after a
 * grace period in which every worker has let go of it. A worker loads it once per round. What
 * points out of it (queues, tables, counters) is alive as long as the snapshot is published. Data
 * model: ports by id; a port is in a bridge, or an end of a link, or neither;
 * a patch port is both. Source: IEEE
 * 802.1Q-2018, 8.6.1 to 8.6.4 (PVID, ingress and egress rules).
 */
#ifndef WEFT_VSWITCH_DATAPATH_SNAPSHOT_H
#define WEFT_VSWITCH_DATAPATH_SNAPSHOT_H

#include "ether.h"
#include "fdb.h"
#include "pace.h"
#include "queue.h"
#include "stage.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#define DP_MAX_PORTS   1024
#define DP_MAX_WORKERS 16
#define DP_MAX_QUEUES  16 /* of a port */
#define DP_NO_PORT     0xffff

#define DP_PORT_ENABLED     0x01 /* administratively up */
#define DP_PORT_UNTAGGED    0x02 /* untagged frames pass, in VLAN pvid (which may be 0 = none) */
#define DP_PORT_TAGGED      0x04 /* tagged frames of `vlans` pass */
#define DP_PORT_PVID_TAGGED 0x08 /* frames of pvid leave with a tag (native-tagged) */
#define DP_PORT_LINK        0x10 /* end of a link; link_peer is the other, if the link is up */
#define DP_PORT_PATCH       0x20 /* end of a link between bridges, and in one; link_peer as above */

struct dp_bridge {
	struct fdb *fdb;
	const uint16_t *ports; /* ids of its members; ports[n_ports] */
	uint16_t n_ports;
	uint16_t id;
	bool keep_reserved; /* drop frames to 01:80:c2:00:00:00-0f instead of flooding them */
};

struct dp_port {
	/* First line: what every frame needs. */
	alignas(64) struct queue *const *tx; /* to send to; tx[n_tx] */
	const struct dp_bridge *bridge;      /* NULL: in none */
	const struct vlan_set *vlans;        /* member VLANs, the bridge's limits applied */
	const struct stage *ingress;         /* NULL: none */
	const struct stage *egress;
	const struct stage *flood; /* of what goes to all others of the bridge */
	uint32_t mtu;              /* largest layer-3 packet, bytes */
	uint16_t pvid;
	uint16_t n_tx;      /* 0: not running */
	uint16_t link_peer; /* DP_NO_PORT: the link is down */
	uint16_t id;
	uint16_t flags;
};
_Static_assert(sizeof(struct dp_port) == 64, "what a frame needs of a port is one cache line");

/** One queue to receive frames from. */
struct dp_rx {
	struct queue *queue;
	/* Of frames that were held: the stages behind the one that took them, at least the end of
	 * the list. NULL: the frames come from the port's peer. */
	const struct stage *resume;
	struct pace *pace; /* NULL: frames are received as they come */
	uint16_t port_id;
	uint16_t pair;    /* its number at the port: frames of one queue stay in one queue;
			     DP_MAX_QUEUES of frames that were held */
	bool is_disabled; /* what is received is dropped */
	bool is_egress;   /* they were held on the way to the port */
	bool is_injected; /* queue is a struct inject, which says of each burst what port_id,
			     resume and is_egress are */
};

struct dp_snapshot {
	const struct dp_port *ports; /* by id; flags == 0 && bridge == NULL where there is none */
	uint16_t n_ports;            /* ids in use are below this */
	uint16_t n_workers;
	const struct drop_watch *drops; /* NULL: nobody */
	struct {
		const struct dp_rx *rx; /* rx[n_rx]: the queues of this worker */
		uint16_t n_rx;
	} workers[DP_MAX_WORKERS];
};

#endif
