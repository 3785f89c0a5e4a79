/**
 * vhost_priv: a vhost-user port from the inside: its connection, its rings, its messages.
 *
 *            create                 connected               a pair runs
 *   (none) --------> LISTENING or -----------> NEGOTIATING ------------> RUNNING
 *                    CONNECTING  <-----------              <------------
 *                        ^         hang-up,                 GET_VRING_BASE, disable,
 *                        |         retry in VHOST_RETRY_NS  ring change
 *                        +--------- BROKEN <---------------- nonsense in message or ring
 *
 * vhost.c owns the connection and the states; vhost_msg.c has one function per message; rings are
 * offered and withdrawn by vhost_offer(), vhost_withdraw() and vhost_withdraw_pair() only. A
 * message may withdraw a pair, change it and offer it again: whether the port runs is looked at
 * after the message, so that nobody hears of it.
 */
#ifndef WEFT_VSWITCH_PORT_VHOST_PRIV_H
#define WEFT_VSWITCH_PORT_VHOST_PRIV_H

#include "port.h"
#include "unix_socket.h"
#include "vhost_mem.h"
#include "vhost_user_chan.h"
#include "vring_setup.h"

#include "log.h"

#define VHOST_RETRY_NS  UINT64_C(100000000)
#define VHOST_MAX_RINGS (2 * PORT_MAX_QUEUES)
/** Before other ports and control get their turn: messages handled, */
#define VHOST_MSGS_A_TURN 64
/** and changes of the rings that workers have, each of which waits for a round of all of them. */
#define VHOST_CHANGES_A_TURN 4

/** One virtqueue as the messages describe it. */
struct vhost_ring {
	struct vring ring;
	uint16_t size;
	uint32_t base;
	uint64_t desc_uva, avail_uva, used_uva;
	bool has_addr, kicked; /* kicked: SET_VRING_KICK came */
	bool enabled;
	bool disabled; /* SET_VRING_ENABLE said so; before its first word neither is set */
	bool offered;
};

struct vhost_port {
	struct port port;
	struct vhost_port *prev, *next; /* of this process */
	struct ev *ev;
	char name[CTL_NAME_MAX + 1];
	char path[CTL_PATH_MAX + 1];
	bool server;
	uint16_t max_pairs;
	uint32_t mtu;
	bool carrier;

	struct unix_listener listener; /* fd -1: connects */
	struct ev_source *listen_source, *conn_source;
	struct ev_source *retry; /* to connect, accept or read again */
	struct closer *closer;   /* of what the peer sent */
	struct vhost_chan chan;  /* chan.fd -1: not connected */
	int backend_fd;          /* channel to the front-end; -1 = none */

	uint64_t features, protocol;
	bool features_set;
	uint8_t status;
	struct vmem mem;
	struct vhost_ring rings[VHOST_MAX_RINGS];
	struct port_queues running;
	bool is_told_running; /* the owner's opinion */
	unsigned n_changes;   /* of running */

	bool broken;
	uint64_t connects;
	char last_error[256];
	struct log_bucket log; /* all that its peer can make it say */
};

extern const struct port_ops vhost_port_ops;

/** Handle the complete message in vp->chan. 0; -errno with err set: the connection must end. */
int vhost_msg_handle(struct vhost_port *vp, struct err *err);

/** Take all rings away from the workers; returns when none uses one. Their positions are kept. */
void vhost_withdraw(struct vhost_port *vp);
/** The same for the pair that ring i is of. */
void vhost_withdraw_pair(struct vhost_port *vp, unsigned i);
/** Offer every pair of rings that is complete and not offered yet. */
void vhost_offer(struct vhost_port *vp);
/** Is one of the rings broken, or the memory gone? 0, or -EPROTO with err set. */
int vhost_find_fault(const struct vhost_port *vp, struct err *err);
/** Forget what the peer said of a ring and close its descriptors. It is not offered. */
void vhost_ring_reset(struct vhost_ring *ring);
/** Tell the front-end that the configuration (carrier) changed, if it wants to know. */
void vhost_send_config_change(struct vhost_port *vp);

#endif
