/**
 * eth_priv: a port on a device of the host from the inside (see eth.h).
 *
 * eth.c owns the life cycle and what the operator is told; a back-end opens the device, fills in
 * `queues` and the facts, and reports the link with eth_link_set() and eth_gone().
 */
#ifndef WEFT_VSWITCH_PORT_ETH_PRIV_H
#define WEFT_VSWITCH_PORT_ETH_PRIV_H

#include "eth.h"

#define ETH_RETRY_NS UINT64_C(1000000000)
/** How long a port that begins to run keeps the carrier that its interface has: by then its link's
 * other end runs, too, where a switch that is started again restores both. */
#define ETH_SETTLE_NS UINT64_C(100000000)
/** What an interface that we make gets where the operator named no MTU. */
#define ETH_DEFAULT_MTU 1500
/** What the switch gives a port whose operator named no number of queues: one will do. */
#define ETH_ANY_QUEUES PORT_MAX_QUEUES

struct eth_port;

struct eth_backend {
	/** Open the device as conf says, and fill in queues, n_queues and the facts. What stands
	 * half open at an error is left to close(). -ENODEV: not there, or not there any more. */
	int (*open)(struct eth_port *ep, struct err *err);
	/** Close whatever is open; no worker uses the queues. */
	void (*close)(struct eth_port *ep);
	/** Of an open device, as often as asked; may be NULL. */
	void (*set_carrier)(struct eth_port *ep, bool up);
	int (*set_mtu)(struct eth_port *ep, uint32_t mtu, struct err *err);
	/** Frames that the kernel dropped since the last call, or since open(). */
	uint64_t (*missed)(struct eth_port *ep);
};

struct eth_port {
	struct port port;
	struct ev *ev;
	struct ctl_port conf;
	const struct eth_backend *backend;
	bool is_open, link_up, carrier;
	struct port_queues running;
	struct ev_source *timer; /* the first offer, its carrier, looking for a device that went */
	uint64_t connects;
	uint64_t missed; /* frames that the kernel dropped on the way to us */
	char last_error[256];
	/* The back-end's, while open. */
	struct queue *queues[PORT_MAX_QUEUES];
	uint16_t n_queues;
	uint32_t dev_mtu;    /* 0 = not known */
	uint32_t speed_mbps; /* 0 = not known */
	char driver[32];
	void *dev;
	struct ether_addr48 host_mac; /* tap, veth: of what was made last; 0 = nothing yet */
	uint64_t lost_nic; /* nic: the NIC that the host asked back, see eth_dpdk.c; 0 = none */
};

extern const struct eth_backend eth_dpdk_backend, eth_sock_backend;

/** The link came or went; the first report may come from within open(). */
void eth_link_set(struct eth_port *ep, bool up);
/** The device's MTU is now this: it is what passes. Say so where the operator wants more. */
void eth_mtu_set(struct eth_port *ep, uint32_t mtu);
/** The device is no more: close it and look for it from now on. */
void eth_gone(struct eth_port *ep, const char *why);
/** The MTU that an interface which the port makes is given. */
uint32_t eth_wanted_mtu(const struct eth_port *ep);
/** How many queue pairs the operator wants, 1..PORT_MAX_QUEUES. */
uint16_t eth_wanted_queues(const struct eth_port *ep);

#endif
