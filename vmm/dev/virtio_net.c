#include "virtio_net.h"

#include "config.h"
#include "ctl_vmm.h"
#include "env.h"
#include "err.h"
#include "ev.h"
#include "log.h"
#include "vhost_user_fe.h"
#include "virtio_net_ctrl.h"
#include "virtio_pci.h"
#include "virtio_wire.h"
#include "virtq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("virtio-net");

_Static_assert(2 * CONFIG_MAX_QUEUES + 1 <= VIRTIO_PCI_MAX_QUEUES, "pairs and control queue");
_Static_assert(2 * CONFIG_MAX_QUEUES <= VHOST_FE_MAX_RINGS, "pairs");

/* Served here, whatever the back-end knows. */
#define NET_OWN_FEATURES                                                                          \
	(VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) |                         \
		VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |             \
		VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |     \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) | \
		VIRTIO_BIT(VIRTIO_NET_F_MTU))

/* What every back-end of note has (DPDK's, the switch's): offered when none was seen yet. */
#define NET_COMMON_FEATURES                                                                 \
	(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |              \
		VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |       \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) |   \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | \
		VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))

/* Passed through when the back-end has them. */
#define NET_EXTRA_FEATURES                                                                \
	(VIRTIO_BIT(VIRTIO_NET_F_HOST_UFO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_UFO) |         \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN) |  \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_USO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO4) | \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO6) | VIRTIO_BIT(VIRTIO_F_IN_ORDER))

/* What offload=off takes away. */
#define NET_OFFLOADS                                                                        \
	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |              \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) |   \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN) |    \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_UFO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_UFO) |    \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_USO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO4) |   \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO6))

struct virtio_net {
	const struct dev_env *env;
	struct config_net config;
	struct virtio_pci *vp;
	struct vhost_fe *fe; /* loop only */
	int work_fd;         /* a vCPU wants net_on_work() */
	struct ev_source *work_source;
	struct ev_source *hold_timer;
	int err_fd; /* the back-end counts it up when a ring is wrong */
	struct ev_source *err_source;

	/* Under the transport's lock: */
	struct virtio_net_cfg cfg;
	uint64_t features;  /* accepted; 0 when not active */
	uint16_t max_pairs; /* told to the driver; fixed from its first look until reset */
	uint16_t n_pairs;   /* in use */
	bool is_active;
	bool is_running; /* set_running() */
	/* For net_on_work(): */
	bool wants_start, wants_stop, wants_calls, wants_pairs, wants_running;
	bool is_ctrl_ready;
	unsigned ctrl_queue;
	struct virtq ctrl;
	bool has_pending_pairs; /* a command whose answer waits for the back-end: */
	uint16_t pending_id, pending_n_slots;
	uint8_t *pending_ack;      /* in guest RAM */
	struct vhost_fe_status be; /* copy of the back-end's status, for vCPU threads */

	/* Loop only: */
	bool is_enabled;     /* set-link */
	bool is_held;        /* rings away for a moment, carrier still shown */
	bool has_data_kicks; /* the data rings' kicks come here: no back-end has the rings */
	uint64_t runs;       /* times the rings were started in this session */
};

/* Lock held. */
static void net_wake_loop(struct virtio_net *net)
{
	static const uint64_t one = 1;

	(void)!write(net->work_fd, &one, sizeof(one)); /* full = woken already */
}

/* ---- Carrier --------------------------------------------------------------------------------- */

/* Lock held. */
static void net_set_status_bits(struct virtio_net *net, uint16_t mask, uint16_t value)
{
	uint16_t status = (net->cfg.status & ~mask) | value;

	if (status == net->cfg.status)
		return;
	net->cfg.status = status;
	virtio_pci_notify_config(net->vp);
}

/* Lock held. */
static void net_update_link(struct virtio_net *net)
{
	bool is_running = net->be.state == VHOST_FE_RUNNING && net->be.carrier;
	bool is_up = net->is_enabled && (is_running || net->is_held);

	net_set_status_bits(net, VIRTIO_NET_S_LINK_UP, is_up ? VIRTIO_NET_S_LINK_UP : 0);
}

static void net_on_hold_off(void *ctx)
{
	struct virtio_net *net = ctx;

	virtio_pci_lock(net->vp);
	net->is_held = false;
	net_update_link(net);
	virtio_pci_unlock(net->vp);
}

/* The rings run. After an interruption the network must learn again where the guest is. */
static void net_on_running(struct virtio_net *net)
{
	struct ether_addr48 mac;
	bool is_again, asks_guest;

	ev_timer_stop(net->hold_timer);
	virtio_pci_lock(net->vp);
	net->is_held = false;
	is_again = net->runs++ > 0;
	asks_guest = net->features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
	memcpy(mac.bytes, net->cfg.mac, sizeof(mac.bytes));
	net_update_link(net);
	if (is_again && asks_guest)
		net_set_status_bits(net, VIRTIO_NET_S_ANNOUNCE, VIRTIO_NET_S_ANNOUNCE);
	virtio_pci_unlock(net->vp);
	if (is_again && !asks_guest)
		(void)vhost_fe_send_rarp(net->fe,
			&mac); /* a back-end without RARP just learns later */
}

/* Watch the kicks of the data rings, which the back-end does while it has them. */
static void net_watch_data_kicks(struct virtio_net *net, bool is_wanted)
{
	if (is_wanted == net->has_data_kicks)
		return;
	net->has_data_kicks = is_wanted;
	for (unsigned i = 0; i < 2u * net->config.n_queue_pairs; i++) {
		if (i != net->ctrl_queue && virtio_pci_watch_kicks(net->vp, i, is_wanted) < 0)
			log_warn_ratelimited("nic '%s': cannot watch queue %u", net->config.path,
				i);
	}
}

static void net_finish_pairs(struct virtio_net *net);

/* The rings were to be stopped, and no back-end has them any more. */
static void net_check_stopped(struct virtio_net *net)
{
	virtio_pci_lock(net->vp);
	if (net->is_active && !net->is_running && vhost_fe_has_stopped(net->fe)) {
		net_watch_data_kicks(net, true);
		virtio_pci_stopped(net->vp);
	}
	virtio_pci_unlock(net->vp);
}

static void net_on_fe_changed(void *ctx)
{
	struct virtio_net *net = ctx;
	struct vhost_fe_status be;
	enum vhost_fe_state before;

	vhost_fe_get_status(net->fe, &be);
	virtio_pci_lock(net->vp);
	before = net->be.state;
	net->be = be;
	/* The back-end is gone, the session is not: keep the carrier for a moment. */
	if (before == VHOST_FE_RUNNING && be.state < VHOST_FE_NEGOTIATING &&
		net->cfg.status & VIRTIO_NET_S_LINK_UP) {
		net->is_held = true;
		ev_timer_set(net->hold_timer, VIRTIO_NET_HOLD_OFF_MS * UINT64_C(1000000), 0);
	}
	net_update_link(net);
	if (before == VHOST_FE_STOPPING && be.state != VHOST_FE_STOPPING)
		virtio_pci_reset_done(net->vp);
	virtio_pci_unlock(net->vp);
	if (before != VHOST_FE_RUNNING && be.state == VHOST_FE_RUNNING)
		net_on_running(net);
	net_check_stopped(net);
	net_finish_pairs(net);
}

/* Rings run for the pairs in use, and for none while the cable is out. */
static void net_enable_rings(struct virtio_net *net, unsigned n_pairs)
{
	for (unsigned i = 0; i < VHOST_FE_MAX_RINGS; i++)
		vhost_fe_set_ring_enabled(net->fe, i, i / 2 < n_pairs);
}

void virtio_net_set_link(struct virtio_net *net, bool up)
{
	unsigned n_pairs;

	virtio_pci_lock(net->vp);
	net->is_enabled = up;
	net_update_link(net);
	n_pairs = up ? net->n_pairs : 0;
	virtio_pci_unlock(net->vp);
	net_enable_rings(net, n_pairs);
}

/* ---- Control queue --------------------------------------------------------------------------- */

/* Lock held. */
static uint8_t net_ctrl_command(struct virtio_net *net, const struct virtq_chain *chain)
{
	uint8_t cmd[VIRTIO_NET_CTRL_MAX_BYTES];
	size_t len = virtq_read(chain, 0, cmd, sizeof(cmd));
	struct virtio_net_ctrl ctrl;
	uint8_t ack = virtio_net_ctrl_decode(cmd, len, net->features, net->max_pairs, &ctrl);

	switch (ctrl.op) {
	case VIRTIO_NET_CTRL_NONE:
		break;
	case VIRTIO_NET_CTRL_SET_MAC:
		memcpy(net->cfg.mac, ctrl.mac.bytes, sizeof(net->cfg.mac));
		virtio_pci_config_changed(net->vp);
		break;
	case VIRTIO_NET_CTRL_SET_PAIRS:
		net->n_pairs = ctrl.n_pairs;
		net->wants_pairs = true;
		net->has_pending_pairs = true;
		net_wake_loop(net);
		break;
	case VIRTIO_NET_CTRL_ANNOUNCED:
		net_set_status_bits(net, VIRTIO_NET_S_ANNOUNCE, 0);
		break;
	}
	return ack;
}

static void net_kicked(void *ctx, unsigned queue)
{
	struct virtio_net *net = ctx;
	struct virtq_turn turn = VIRTQ_TURN;
	struct virtq_chain chain;
	int r;
	bool has_pushed = false;

	if (!net->is_ctrl_ready || queue != net->ctrl_queue || net->has_pending_pairs)
		return;
	while ((r = virtq_pop(&net->ctrl, &turn, &chain)) > 0) {
		const struct iovec *last;
		uint8_t ack;

		if (!chain.in_bytes) {
			r = -EPROTO; /* nowhere to answer */
			break;
		}
		ack = net_ctrl_command(net, &chain);
		if (net->has_pending_pairs) { /* its answer comes later, and the others' */
			last = &chain.segs[chain.n_out + chain.n_in - 1];
			net->pending_id = chain.id;
			net->pending_n_slots = chain.n_slots;
			net->pending_ack = (uint8_t *)last->iov_base + last->iov_len - 1;
			break;
		}
		/* The answer is the last byte the driver made writable. */
		virtq_push(&net->ctrl, chain.id, chain.n_slots,
			(uint32_t)virtq_write(&chain, chain.in_bytes - 1, &ack, 1));
		has_pushed = true;
	}
	if (has_pushed && virtq_should_notify(&net->ctrl))
		virtio_pci_notify_queue(net->vp, net->ctrl_queue);
	if (r == -EAGAIN) {
		virtio_pci_kick(net->vp, queue); /* more may wait; others come first */
	} else if (r < 0) {
		net->is_ctrl_ready = false;
		virtio_pci_mark_broken(net->vp);
	}
}

/*
 * Answer the change of pairs once the back-end has carried it out, or there is none. On the loop.
 */
static void net_finish_pairs(struct virtio_net *net)
{
	virtio_pci_lock(net->vp);
	if (net->has_pending_pairs && !net->wants_pairs && virtio_pci_is_served(net->vp) &&
		vhost_fe_is_settled(net->fe)) {
		net->has_pending_pairs = false;
		*net->pending_ack = VIRTIO_NET_CTRL_OK;
		virtq_push(&net->ctrl, net->pending_id, net->pending_n_slots, 1);
		if (virtq_should_notify(&net->ctrl))
			virtio_pci_notify_queue(net->vp, net->ctrl_queue);
		virtio_pci_kick(net->vp, net->ctrl_queue); /* commands behind it */
	}
	virtio_pci_unlock(net->vp);
}

/*
 * The control queue comes after the pairs: 5.1.2, where N is 1 unless MQ was accepted. Lock held.
 */
static int net_start_ctrl(struct virtio_net *net)
{
	unsigned at = net->features & VIRTIO_BIT(VIRTIO_NET_F_MQ) ? 2u * net->max_pairs : 2;
	const struct virtio_queue *queue = virtio_pci_queue(net->vp, at);

	net->ctrl_queue = at;
	net->is_ctrl_ready = net->features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) && queue->enabled;
	return net->is_ctrl_ready ? virtq_init(&net->ctrl, net->env->mem, queue, net->features) : 0;
}

/* ---- Work handed over by vCPU threads -------------------------------------------------------- */

/* Lock held. */
static void net_fill_session(const struct virtio_net *net, struct vhost_fe_session *ret_session)
{
	unsigned max_pairs = net->features & VIRTIO_BIT(VIRTIO_NET_F_MQ) ? net->max_pairs : 1;

	*ret_session = (struct vhost_fe_session){
		.features = net->features,
		.required = net->features & ~NET_OWN_FEATURES,
		.mtu = net->features & VIRTIO_BIT(VIRTIO_NET_F_MTU) ? net->cfg.mtu : 0,
		.err_fd = net->err_fd,
		.n_rings = 2 * max_pairs,
	};
	for (unsigned i = 0; i < ret_session->n_rings; i++) {
		const struct virtio_queue *queue = virtio_pci_queue(net->vp, i);

		ret_session->rings[i] = (struct vhost_fe_ring){
			.is_used = queue->enabled,
			.is_enabled = net->is_enabled && i / 2 < net->n_pairs,
			.size = queue->size,
			.desc_gpa = queue->desc_gpa,
			.driver_gpa = queue->driver_gpa,
			.device_gpa = queue->device_gpa,
			.kick_fd = virtio_pci_kick_fd(net->vp, i),
			.call_fd = virtio_pci_call_fd(net->vp, i),
		};
	}
}

static void net_stop(struct virtio_net *net)
{
	struct vhost_fe_status be;

	(void)virtio_pci_watch_kicks(net->vp, net->ctrl_queue, false); /* taking away cannot fail */
	ev_timer_stop(net->hold_timer);
	net->is_held = false;
	net->runs = 0;
	net_watch_data_kicks(net, false);
	vhost_fe_stop(net->fe);
	vhost_fe_get_status(net->fe, &be);
	virtio_pci_lock(net->vp);
	net_update_link(net);
	if (be.state != VHOST_FE_STOPPING)
		virtio_pci_reset_done(net->vp); /* no back-end had the rings */
	virtio_pci_unlock(net->vp);
}

/* Take the rings from the back-end, or give them back to it. */
static void net_apply_running(struct virtio_net *net, bool is_running)
{
	ev_timer_stop(net->hold_timer);
	virtio_pci_lock(net->vp);
	/* The guest sees no change of carrier; after the stop it is up to the back-end again. */
	net->is_held = net->cfg.status & VIRTIO_NET_S_LINK_UP;
	virtio_pci_unlock(net->vp);
	if (is_running) {
		net_watch_data_kicks(net, false);
		ev_timer_set(net->hold_timer, VIRTIO_NET_HOLD_OFF_MS * UINT64_C(1000000), 0);
	}
	vhost_fe_set_paused(net->fe, !is_running);
	net_check_stopped(net);
}

static void net_on_work(void *ctx, int fd, uint32_t events)
{
	struct virtio_net *net = ctx;
	struct vhost_fe_session session;
	bool wants_start, wants_stop, wants_calls, wants_pairs, wants_running, is_running, has_ctrl;
	unsigned n_pairs;
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count)); /* only resets the counter */
	virtio_pci_lock(net->vp);
	wants_start = net->wants_start;
	wants_stop = net->wants_stop;
	wants_calls = net->wants_calls;
	wants_pairs = net->wants_pairs;
	wants_running = net->wants_running;
	is_running = net->is_running;
	net->wants_start = net->wants_stop = net->wants_calls = net->wants_pairs = false;
	net->wants_running = false;
	has_ctrl = net->is_ctrl_ready;
	n_pairs = net->is_enabled ? net->n_pairs : 0;
	if (wants_start || wants_calls)
		net_fill_session(net, &session);
	virtio_pci_unlock(net->vp);
	if (wants_stop) {
		net_stop(net); /* a start that was not carried out yet is void with it */
		return;
	}
	if (wants_start) {
		/* On failure commands stay unanswered; drivers have a time-out for that. */
		if (has_ctrl && virtio_pci_watch_kicks(net->vp, net->ctrl_queue, true) < 0)
			log_warn("nic '%s': cannot watch the control queue", net->config.path);
		vhost_fe_set_paused(net->fe, !is_running);
		vhost_fe_start(net->fe, &session);
		net_check_stopped(net);
		return;
	}
	if (wants_running)
		net_apply_running(net, is_running);
	if (wants_calls) {
		for (unsigned i = 0; i < session.n_rings; i++)
			vhost_fe_set_call_fd(net->fe, i, session.rings[i].call_fd);
	}
	if (wants_pairs) {
		net_enable_rings(net, n_pairs);
		vhost_fe_sync(net->fe);
	}
	net_finish_pairs(net);
}

/* The back-end says that a ring is wrong: it is the guest that writes them. */
static void net_on_ring_error(void *ctx, int fd, uint32_t events)
{
	struct virtio_net *net = ctx;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return;
	virtio_pci_lock(net->vp);
	if (net->is_active)
		virtio_pci_mark_broken(net->vp);
	virtio_pci_unlock(net->vp);
}

/*
 * ---- Device operations: lock held, but for abandon ---------------------------------------------
 */

static uint64_t net_get_features(void *ctx)
{
	struct virtio_net *net = ctx;
	uint64_t ours = NET_OWN_FEATURES;
	uint64_t passed = NET_COMMON_FEATURES;

	if (net->be.has_features)
		passed = (NET_COMMON_FEATURES | NET_EXTRA_FEATURES) & net->be.features;
	/* Not before a back-end said that it can: many cannot, and the driver's choice is final. */
	if (net->config.packed && net->be.has_features &&
		net->be.features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) {
		/* A packed ring in order may skip slots: its place could not be found again. */
		passed |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
		passed &= ~VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	}
	if (!net->config.offload)
		passed &= ~NET_OFFLOADS;
	net->max_pairs = net->config.n_queue_pairs;
	if (net->be.has_features && !(net->be.features & VIRTIO_BIT(VIRTIO_NET_F_MQ)))
		net->max_pairs = 1;
	else if (net->be.max_queue_pairs && net->be.max_queue_pairs < net->max_pairs)
		net->max_pairs = (uint16_t)net->be.max_queue_pairs;
	net->cfg.max_virtqueue_pairs = net->max_pairs;
	if (net->max_pairs > 1)
		passed |= VIRTIO_BIT(VIRTIO_NET_F_MQ);
	if (!net->cfg.mtu)
		ours &= ~VIRTIO_BIT(VIRTIO_NET_F_MTU);
	return ours | passed;
}

static void net_config_read(void *ctx, unsigned offset, unsigned size, uint8_t *buf)
{
	struct virtio_net *net = ctx;

	memcpy(buf, (const uint8_t *)&net->cfg + offset, size);
}

static int net_activate(void *ctx, uint64_t features)
{
	struct virtio_net *net = ctx;
	int r;

	net->features = features;
	net->n_pairs = 1;
	r = net_start_ctrl(net);
	if (r < 0)
		return r;
	net->is_active = true;
	net->is_running = true;
	net->has_pending_pairs = false;
	net->wants_start = true;
	net_wake_loop(net);
	return 0;
}

static bool net_reset(void *ctx)
{
	struct virtio_net *net = ctx;

	net->is_active = false;
	net->is_ctrl_ready = false;
	net->has_pending_pairs = false;
	net->features = 0;
	net->cfg.status &= ~VIRTIO_NET_S_ANNOUNCE;
	memcpy(net->cfg.mac, net->config.mac.bytes, sizeof(net->cfg.mac));
	net->wants_stop = true;
	net_wake_loop(net);
	return false;
}

static bool net_set_running(void *ctx, bool is_running)
{
	struct virtio_net *net = ctx;

	net->is_running = is_running;
	net->wants_running = true;
	net_wake_loop(net);
	return is_running;
}

static void net_abandon(void *ctx)
{
	struct virtio_net *net = ctx;

	net_on_work(net, net->work_fd, EPOLLIN); /* the stop, if it was not carried out yet */
	vhost_fe_abandon(net->fe);
}

static void net_vector_changed(void *ctx, unsigned queue)
{
	struct virtio_net *net = ctx;

	(void)queue;
	net->wants_calls = true;
	net_wake_loop(net);
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

static void net_fill_config(struct virtio_net *net)
{
	memcpy(net->cfg.mac, net->config.mac.bytes, sizeof(net->cfg.mac));
	net->cfg.max_virtqueue_pairs = net->config.n_queue_pairs;
	net->cfg.mtu = net->config.mtu;
	net->cfg.speed = net->config.speed_mbps;
	net->cfg.duplex = 1;
}

static int net_create_parts(struct virtio_net *net, struct err *err)
{
	static const struct virtio_dev_ops ops = {
		.get_features = net_get_features,
		.config_read = net_config_read,
		.activate = net_activate,
		.reset = net_reset,
		.set_running = net_set_running,
		.abandon = net_abandon,
		.vector_changed = net_vector_changed,
		.kicked = net_kicked,
	};
	const struct virtio_pci_config transport = {
		.name = "virtio-net",
		.type = VIRTIO_ID_NET,
		.class_code = 0x020000, /* network, Ethernet */
		.n_queues = 2u * net->config.n_queue_pairs + 1,
		.queue_size = net->config.queue_size,
		.config_size = sizeof(struct virtio_net_cfg),
		.ops = &ops,
		.ctx = net,
	};
	struct vhost_fe_config fe = {.is_server = net->config.server};
	int r;

	memcpy(fe.path, net->config.path, sizeof(fe.path));
	net->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	net->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (net->work_fd < 0 || net->err_fd < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = ev_add_io(net->env->ev, net->work_fd, EPOLLIN, net_on_work, net, &net->work_source);
	if (!r)
		r = ev_add_io(net->env->ev, net->err_fd, EPOLLIN, net_on_ring_error, net,
			&net->err_source);
	if (!r)
		r = ev_add_timer(net->env->ev, net_on_hold_off, net, &net->hold_timer);
	if (r < 0)
		return err_set(err, r, "event loop: %s", strerror(-r));
	r = virtio_pci_create(net->env, &transport, &net->vp, err);
	if (r < 0)
		return r;
	r = vhost_fe_create(net->env->ev, net->env->mem, &fe, net_on_fe_changed, net, &net->fe,
		err);
	if (r < 0)
		return r;
	vhost_fe_get_status(net->fe, &net->be);
	return 0;
}

int virtio_net_create(const struct dev_env *env, const struct config_net *config,
	struct virtio_net **ret_net, struct err *err)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return err_set(err, -ENOMEM, "network device: out of memory");
	net->env = env;
	net->config = *config;
	net->work_fd = net->err_fd = -1;
	net->is_enabled = true;
	net_fill_config(net);
	r = net_create_parts(net, err);
	if (r < 0) {
		virtio_net_destroy(net);
		return r;
	}
	*ret_net = net;
	return 0;
}

void virtio_net_settle(struct virtio_net *net, uint64_t deadline_ns)
{
	vhost_fe_settle(net->fe, deadline_ns);
}

void virtio_net_destroy(struct virtio_net *net)
{
	if (!net)
		return;
	vhost_fe_destroy(net->fe);
	ev_del(net->hold_timer);
	ev_del(net->work_source);
	ev_del(net->err_source);
	if (net->work_fd >= 0)
		(void)close(net->work_fd);
	if (net->err_fd >= 0)
		(void)close(net->err_fd);
	virtio_pci_destroy(net->vp);
	free(net);
}

static uint32_t net_conn_state(enum vhost_fe_state state)
{
	switch (state) {
	case VHOST_FE_LISTENING:
		return CTL_CONN_LISTENING;
	case VHOST_FE_CONNECTING:
		return CTL_CONN_CONNECTING;
	case VHOST_FE_BROKEN:
		return CTL_CONN_BROKEN;
	case VHOST_FE_RUNNING:
		return CTL_CONN_RUNNING;
	default:
		return CTL_CONN_NEGOTIATING;
	}
}

void virtio_net_status(struct virtio_net *net, struct ctl_nic *ret_nic)
{
	struct vhost_fe_status be;
	struct ether_addr48 mac;

	vhost_fe_get_status(net->fe, &be);
	virtio_pci_lock(net->vp);
	memcpy(mac.bytes, net->cfg.mac, sizeof(mac.bytes));
	CTL_SET(ret_nic, ctl_nic, mac, mac);
	CTL_SET_STR(ret_nic, ctl_nic, path, net->config.path);
	CTL_SET(ret_nic, ctl_nic, mode, net->config.server ? CTL_SOCK_SERVER : CTL_SOCK_CLIENT);
	CTL_SET(ret_nic, ctl_nic, state, net_conn_state(be.state));
	CTL_SET(ret_nic, ctl_nic, enabled, net->is_enabled);
	CTL_SET(ret_nic, ctl_nic, link, net->cfg.status & VIRTIO_NET_S_LINK_UP);
	CTL_SET(ret_nic, ctl_nic, queue_pairs, net->is_active ? net->n_pairs : 0);
	CTL_SET(ret_nic, ctl_nic, mtu, net->cfg.mtu);
	CTL_SET(ret_nic, ctl_nic, features, net->features);
	CTL_SET(ret_nic, ctl_nic, connects, be.connects);
	CTL_SET_STR(ret_nic, ctl_nic, last_error, be.last_error);
	virtio_pci_unlock(net->vp);
}

struct virtio_pci *virtio_net_transport(struct virtio_net *net)
{
	return net->vp;
}

/* ---- In a machine ---- */

static void destroy_device(void *device)
{
	virtio_net_destroy(device);
}

static struct virtio_pci *device_transport(void *device)
{
	return virtio_net_transport(device);
}

static void settle_device(void *device, uint64_t deadline_ns)
{
	virtio_net_settle(device, deadline_ns);
}

const struct device_ops virtio_net_device_ops = {
	.settle = settle_device,
	.destroy = destroy_device,
	.transport = device_transport,
};
