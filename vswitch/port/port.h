/**
 * port: the port types that the switch has, behind one face.
 *
 * A port is what connects the switch to somebody: today a vhost-user peer. It owns its sockets, its
 * peer's memory and its rings; the control thread owns the port and decides what is done with its
 * frames.
 *
 * Contract of a port type (struct port_ops):
 *   1. create() makes the port and starts looking for its peer; it never waits. The socket or
 * device that it could not get is an error here; a peer that is not there yet is not.
 *   2. From then on the port works by itself on the event loop: it connects, loses and finds its
 *      peer again, for ever, and reports by events->status.
 *   3. Queues (datapath/queue.h) come and go. Before the port changes or unmaps a queue that it has
 *      offered, it takes it out of what queues() returns and calls events->queues: when that
 * returns, no worker uses the queue. After it has a queue ready it adds it and calls events->queues
 *      again. What follows from a port that runs or not (carrier, addresses, what others are told)
 *      does not: a port calls events->status when it is done, so that a queue that is only
 * exchanged is nobody's news.
 *   4. set_carrier() reports to the peer, if it can; the port remembers it for later peers.
 *   5. destroy() closes everything. The owner has unpublished the port's queues before.
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_PORT_PORT_H
#define WEFT_VSWITCH_PORT_PORT_H

#include "ctl_vswitch.h"
#include "err.h"
#include "ev.h"
#include "queue.h"

#include <stdbool.h>
#include <stdint.h>

#define PORT_MAX_QUEUES 16

/** The queues that run, in pairs. A pair runs when both of its queues do, which may be the same. */
struct port_queues {
	uint16_t n;
	uint16_t n_disabled; /* behind those n: only rx, and what is received from it is dropped */
	struct queue *rx[PORT_MAX_QUEUES]; /* received from (a guest's transmit ring) */
	struct queue *tx[PORT_MAX_QUEUES]; /* sent to (a guest's receive ring) */
	uint16_t pair[PORT_MAX_QUEUES];    /* number of each pair */
};

struct port;

struct port_events {
	/** What queues() returns has changed; see 3. events->status follows. */
	void (*queues)(void *ctx, struct port *port);
	/** Connected, disconnected, broken, running: what status() says has changed. */
	void (*status)(void *ctx, struct port *port);
	/** The peer asks to announce this address for it (SEND_RARP). */
	void (*announce)(void *ctx, struct port *port, const struct ether_addr48 *mac);
};

struct port_ops {
	enum ctl_port_type type;
	int (*create)(struct ev *ev, const struct ctl_port *conf, const struct port_events *events,
		void *ctx, struct port **ret_port, struct err *err);
	void (*destroy)(struct port *port);
	const struct port_queues *(*queues)(const struct port *port);
	void (*status)(const struct port *port, struct ctl_port *ret_status);
	void (*set_carrier)(struct port *port, bool up);
	void (*set_mtu)(struct port *port, uint32_t mtu);
	/** A worker found one of its queues broken, perhaps: look. */
	void (*check)(struct port *port);
	uint32_t (*device_mtu)(const struct port *port); /* NULL: a type without devices */
	uint64_t (*missed)(struct port *port);           /* NULL: a type that loses none this way */
};

/** First member of every type's. */
struct port {
	const struct port_ops *ops;
	void *ctx;
	const struct port_events *events;
};

/**
 * Make a port of conf->type; conf is complete and borrowed for the call.
 * returns  0, -EADDRINUSE, -EACCES, -ENOTSUP, -ENOMEM, ... with err set
 */
int port_create(struct ev *ev, const struct ctl_port *conf, const struct port_events *events,
	void *ctx, struct port **ret_port, struct err *err);
/** NULL is accepted. */
void port_destroy(struct port *port);
/** Borrowed; valid until the next turn of the event loop. */
const struct port_queues *port_queues(const struct port *port);
/** Fill the show-only fields state, rings, queue_pairs, features, connects and last_error. */
void port_status(const struct port *port, struct ctl_port *ret_status);
void port_set_carrier(struct port *port, bool up);
void port_set_mtu(struct port *port, uint32_t mtu);
void port_check(struct port *port);
/** MTU of its device on the host; 0: it has none, or it is not known. events->queues tells a
 *  change. */
uint32_t port_device_mtu(const struct port *port);
/** Frames for the switch that the host's kernel dropped before a worker saw them; only grows. */
uint64_t port_missed(struct port *port);
/** Does at least one pair of queues run? */
bool port_is_running(const struct port *port);

#endif
