#include "vhost_priv.h"

#include "log.h"
#include "owner.h"
#include "port_type.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("vhost");

#define LISTEN_BACKLOG 4

static struct vhost_port *to_vhost(struct port *port)
{
	return (struct vhost_port *)port; /* first member */
}

static void report_status(struct vhost_port *vp)
{
	vp->is_told_running = vp->running.n > 0;
	if (vp->port.events->status)
		vp->port.events->status(vp->port.ctx, &vp->port);
}

/* ---- Rings ---- */

void vhost_ring_reset(struct vhost_ring *ring)
{
	int call = ring->ring.call_fd, kick = ring->ring.queue.wake_fd;

	if (call >= 0)
		close(call);
	if (kick >= 0)
		close(kick);
	memset(ring, 0, sizeof(*ring));
	ring->ring.call_fd = ring->ring.queue.wake_fd = -1;
}

/* A ring that was broken from the start is in nobody's hands. */
static bool is_usable(const struct vhost_ring *ring)
{
	return ring->offered && !vring_is_broken(&ring->ring);
}

/* List what is offered, and give it to the workers: when this returns they use nothing else. */
static void publish(struct vhost_port *vp)
{
	struct port_queues *running = &vp->running;

	running->n = running->n_disabled = 0;
	for (unsigned pair = 0; pair < vp->max_pairs; pair++) {
		struct vhost_ring *to_guest = &vp->rings[2 * pair];

		if (!is_usable(to_guest) || !is_usable(to_guest + 1))
			continue;
		running->tx[running->n] = &to_guest->ring.queue;
		running->rx[running->n] = &to_guest[1].ring.queue;
		running->pair[running->n++] = (uint16_t)pair;
	}
	/* One that goes alone is taken from, and what it brings is dropped. */
	for (unsigned pair = 0; pair < vp->max_pairs; pair++) {
		struct vhost_ring *from_guest = &vp->rings[2 * pair + 1];

		if (!is_usable(from_guest) || from_guest[-1].offered)
			continue;
		running->rx[running->n + running->n_disabled] = &from_guest->ring.queue;
		running->pair[running->n + running->n_disabled++] = (uint16_t)pair;
	}
	vp->n_changes++;
	vp->port.events->queues(vp->port.ctx, &vp->port);
}

/* Withdraw rings[first .. first + n). */
static void withdraw(struct vhost_port *vp, unsigned first, unsigned n)
{
	uint64_t gone = 0;

	_Static_assert(VHOST_MAX_RINGS <= 64, "a bit for each");
	for (unsigned i = first; i < first + n; i++) {
		gone |= (uint64_t)vp->rings[i].offered << i;
		vp->rings[i].offered = false;
	}
	if (!gone)
		return;
	publish(vp);
	for (; gone; gone &= gone - 1) {
		struct vhost_ring *ring = &vp->rings[__builtin_ctzll(gone)];
		ring->base = vring_base(&ring->ring);
	}
}

void vhost_withdraw(struct vhost_port *vp)
{
	withdraw(vp, 0, VHOST_MAX_RINGS);
}

void vhost_withdraw_pair(struct vhost_port *vp, unsigned i)
{
	withdraw(vp, i & ~1u, 2);
}

/* Find the ring in the peer's memory. NULL, or why it cannot be used. */
static const char *locate(struct vhost_port *vp, struct vhost_ring *ring)
{
	bool packed = vp->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint64_t size = ring->size;
	uint64_t avail = packed ? sizeof(struct vring_packed_event) : 6 + 2 * size;
	uint64_t used = packed ? sizeof(struct vring_packed_event) : 6 + 8 * size;

	ring->ring.desc = vmem_translate_user(&vp->mem, ring->desc_uva, 16 * size);
	ring->ring.avail = vmem_translate_user(&vp->mem, ring->avail_uva, avail);
	ring->ring.used = vmem_translate_user(&vp->mem, ring->used_uva, used);
	ring->ring.mem = &vp->mem;
	if (!ring->ring.desc || !ring->ring.avail || !ring->ring.used)
		return "is not in the memory that was shared";
	/* Aligned in the peer's address space, which says nothing about ours. Source: VIRTIO 1.2,
	 * 2.7 "Split Virtqueues" (16, 2, 4 bytes), 2.8 "Packed Virtqueues" (16, 4, 4). */
	if ((uintptr_t)ring->ring.desc & 15 || (uintptr_t)ring->ring.avail & (packed ? 3 : 1) ||
		(uintptr_t)ring->ring.used & 3)
		return "is not aligned in its memory file";
	return NULL;
}

static bool is_started(struct vhost_port *vp, struct vhost_ring *ring)
{
	const char *why;

	if (!vp->features_set || !ring->kicked || !ring->has_addr || !ring->size)
		return false;
	why = locate(vp, ring);
	if (!why)
		return true;
	/* The peer may still mend it: until then it can be read why nothing passes. */
	(void)snprintf(vp->last_error, sizeof(vp->last_error), "ring %u waits: it %s",
		(unsigned)(ring - vp->rings), why);
	log_write_limited(&vp->log, LOG_WARN, log_module, "port '%s': %s", vp->name,
		vp->last_error);
	return false;
}

/* False: the peer's position is outside the ring, which is broken from the start
 * (vhost_find_fault()). */
static bool start(struct vhost_port *vp, struct vhost_ring *ring)
{
	bool packed = vp->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);

	ring->offered = true;
	return !vring_init(&ring->ring, packed, vp->features, ring->size, ring->base);
}

/* Offer what of a pair can run and is not offered. True: something is new. */
static bool offer_pair(struct vhost_port *vp, struct vhost_ring *to_guest)
{
	struct vhost_ring *from_guest = to_guest + 1;

	if (from_guest->offered)
		return false;
	if (to_guest->enabled && from_guest->enabled && is_started(vp, to_guest) &&
		is_started(vp, from_guest)) {
		return start(vp, to_guest) && start(vp, from_guest);
	}
	/* Must what the peer sends on this ring be thrown away? A ring that was not enabled yet
	 * waits: a peer that comes back after our restart has frames in it, and enables it a
	 * message later. */
	if (!from_guest->disabled || !is_started(vp, from_guest))
		return false;
	return start(vp, from_guest);
}

void vhost_offer(struct vhost_port *vp)
{
	bool is_any_new = false;

	for (unsigned pair = 0; pair < vp->max_pairs; pair++)
		is_any_new |= offer_pair(vp, &vp->rings[2 * pair]);
	if (is_any_new)
		publish(vp);
}

int vhost_find_fault(const struct vhost_port *vp, struct err *err)
{
	/* First: without its memory a ring breaks, too. */
	if (vhost_mem_is_lost(&vp->mem))
		return err_set(err, -EPROTO, "the peer took its memory away");
	for (unsigned i = 0; i < VHOST_MAX_RINGS; i++) {
		uint8_t fault =
			atomic_load_explicit(&vp->rings[i].ring.broken, memory_order_relaxed);
		if (vp->rings[i].offered && fault)
			return err_set(err, -EPROTO, "ring %u: %s", i, vring_fault_text(fault));
	}
	return 0;
}

/* ---- Connection ---- */

/*
 * Let go of the peer's socket or listener for a while: descriptors have run
 * out, or much of what the peer left waits to be closed. on_retry() looks
 * again.
 */
static void pause_source(struct vhost_port *vp, struct ev_source *source)
{
	(void)ev_set_events(source, 0);
	ev_timer_set(vp->retry, VHOST_RETRY_NS, VHOST_RETRY_NS);
}

/* End the connection, if there is one, and look for the next. */
static void hang_up(struct vhost_port *vp)
{
	bool was_connected = vp->chan.fd >= 0;

	vhost_withdraw(vp);
	ev_del(vp->conn_source);
	vp->conn_source = NULL;
	vhost_chan_done(&vp->chan);
	closer_close(vp->closer, vp->backend_fd);
	vp->backend_fd = -1;
	for (unsigned i = 0; i < VHOST_MAX_RINGS; i++)
		vhost_ring_reset(&vp->rings[i]);
	vhost_mem_clear(&vp->mem, vp->closer);
	vp->features = vp->protocol = 0;
	vp->features_set = false;
	vp->status = 0;
	if (!vp->server && vp->retry)
		ev_timer_set(vp->retry, VHOST_RETRY_NS, VHOST_RETRY_NS);
	if (was_connected)
		report_status(vp);
}

/* The peer did what cannot be: say so once, drop it. */
static void give_up(struct vhost_port *vp, const struct err *err)
{
	bool gone = err->code == -ECONNRESET;

	(void)snprintf(vp->last_error, sizeof(vp->last_error), "%.255s", err->msg);
	vp->broken = !gone;
	if (gone)
		log_debug("port '%s': %s", vp->name, err->msg);
	else
		log_write_limited(&vp->log, LOG_WARN, log_module, "port '%s': peer dropped: %s",
			vp->name, err->msg);
	hang_up(vp);
}

/* Read no more of the peer: what it sent is not closed yet. */
static void wait_for_closer(struct vhost_port *vp, uint32_t events)
{
	struct err err = {0};

	if (events & (EPOLLHUP | EPOLLERR)) {
		(void)err_set(&err, -ECONNRESET, "the peer closed the connection");
		give_up(vp, &err);
		return;
	}
	(void)snprintf(vp->last_error, sizeof(vp->last_error),
		"the peer waits until the descriptors that it sent are closed");
	pause_source(vp, vp->conn_source);
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct vhost_port *vp = ctx;
	unsigned n_changes = vp->n_changes;
	struct err err = {0};

	for (unsigned i = 0;
		i < VHOST_MSGS_A_TURN && vp->n_changes - n_changes < VHOST_CHANGES_A_TURN; i++) {
		int r;

		if (closer_is_behind(vp->closer)) {
			wait_for_closer(vp, events);
			return;
		}
		r = vhost_chan_recv(&vp->chan, &err);
		if (r == 0)
			return;
		if (r > 0)
			r = vhost_msg_handle(vp, &err);
		if (r < 0) {
			give_up(vp, &err);
			return;
		}
		vhost_chan_next(&vp->chan);
		if (vp->is_told_running != (vp->running.n > 0))
			report_status(vp);
	}
}

/* fd is transferred. */
static void connected(struct vhost_port *vp, int fd)
{
	vhost_chan_init(&vp->chan, fd, vp->closer, VHOST_USER_MAX_FDS);
	if (ev_add_io(vp->ev, fd, EPOLLIN, on_readable, vp, &vp->conn_source)) {
		vhost_chan_done(&vp->chan);
		return;
	}
	vp->broken = false;
	vp->connects++;
	ev_timer_stop(vp->retry);
	log_write_limited(&vp->log, LOG_INFO, log_module, "port '%s': peer connected, socket=%s",
		vp->name, vp->path);
	report_status(vp);
}

/* Without descriptors accept() fails at once, for ever. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void on_accept(void *ctx, int listen_fd, uint32_t events)
{
	struct vhost_port *vp = ctx;
	int fd;

	/* Who waits at the listener may have sent descriptors already. */
	if (closer_is_behind(vp->closer)) {
		pause_source(vp, vp->listen_source);
		return;
	}
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (is_shortage(errno))
			pause_source(vp, vp->listen_source);
		return;
	}
	/* A peer that died and came back may be here before its hang-up was read. */
	if (vp->chan.fd >= 0)
		on_readable(vp, vp->chan.fd, 0);
	if (vp->chan.fd >= 0) {
		log_write_limited(&vp->log, LOG_WARN, log_module,
			"port '%s': second peer turned away", vp->name);
		closer_close(vp->closer, fd);
		return;
	}
	connected(vp, fd);
}

/* Returns a connected socket or -errno. Connecting to a Unix socket never waits unless full. */
static int try_connect(const struct vhost_port *vp)
{
	struct sockaddr_un addr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	(void)unix_address(vp->path, &addr); /* its length was checked with the request */
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static void retry_connect(struct vhost_port *vp)
{
	int fd = try_connect(vp);

	if (fd >= 0)
		connected(vp, fd);
	else if (!vp->broken)
		(void)snprintf(vp->last_error, sizeof(vp->last_error),
			"connecting to %s failed: %s", vp->path, strerror(-fd));
}

static void on_retry(void *ctx)
{
	struct vhost_port *vp = ctx;

	if (closer_is_behind(vp->closer))
		return;
	if (vp->chan.fd < 0 && !vp->server) {
		retry_connect(vp);
		return;
	}
	/* What was paused goes on. */
	ev_timer_stop(vp->retry);
	if (vp->conn_source)
		(void)ev_set_events(vp->conn_source, EPOLLIN);
	if (vp->listen_source)
		(void)ev_set_events(vp->listen_source, EPOLLIN);
}

/* In place of what the kernel says of a socket that is to be somebody else's. */
static int refuse_owner(const struct ctl_port *conf, struct err *err)
{
	(void)err_set_field(err, -EPERM, "owner",
		"port '%s': owner '%s': the switch may not give a socket away", conf->name,
		conf->owner);
	err_hint(err, "run it as root or with CAP_CHOWN and CAP_FOWNER; "
		      "for a group that its user is in it needs neither");
	return -EPERM;
}

static int open_listener(struct vhost_port *vp, const struct ctl_port *conf, struct err *err)
{
	struct unix_access access = {port_type_file_mode(conf->socket_mode), (uid_t)-1, (gid_t)-1};
	int r = 0;

	if (CTL_HAS(conf, ctl_port, owner))
		r = owner_find(conf->owner, &access.uid, &access.gid, err);
	if (r)
		return err_prefix(err, "port '%s'", vp->name);
	r = unix_listen_for(&access, vp->path, LISTEN_BACKLOG, "socket", &vp->listener, err);
	if (r == -EPERM && CTL_HAS(conf, ctl_port, owner))
		return refuse_owner(conf, err);
	if (r) {
		(void)str_copy(err->field, sizeof(err->field), "path");
		return err_prefix(err, "port '%s'", vp->name);
	}
	return ev_add_io(vp->ev, vp->listener.fd, EPOLLIN, on_accept, vp, &vp->listen_source);
}

static int open_connector(struct vhost_port *vp)
{
	ev_timer_set(vp->retry, 1, VHOST_RETRY_NS);
	return 0;
}

/* ---- Memory that is lost ---- */

static struct vhost_port *first_port;
static struct ev_source *lost_source; /* while there is a port */

static void on_memory_lost(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count)); /* non-blocking, and nobody else has it */
	for (struct vhost_port *vp = first_port; vp; vp = vp->next)
		port_check(&vp->port);
}

/* Add the port to those whose memory is watched. 0 or -errno. */
static int watch_memory(struct vhost_port *vp)
{
	int r = 0;

	if (!lost_source) {
		r = vhost_mem_guard();
		if (!r)
			r = ev_add_io(vp->ev, vhost_mem_lost_fd(), EPOLLIN, on_memory_lost, NULL,
				&lost_source);
	}
	vp->next = first_port;
	if (vp->next)
		vp->next->prev = vp;
	first_port = vp;
	return r;
}

static void unwatch_memory(struct vhost_port *vp)
{
	if (vp->prev)
		vp->prev->next = vp->next;
	else
		first_port = vp->next;
	if (vp->next)
		vp->next->prev = vp->prev;
	if (first_port)
		return;
	ev_del(lost_source);
	lost_source = NULL;
}

/* ---- Port ---- */

static void destroy_vhost(struct port *port)
{
	struct vhost_port *vp = to_vhost(port);
	static const struct port_events silent;

	vhost_withdraw(vp);
	vp->port.events = &silent;
	if (vp->closer)
		hang_up(vp);
	unwatch_memory(vp);
	ev_del(vp->retry);
	ev_del(vp->listen_source);
	unix_listener_close(&vp->listener, vp->path, vp->closer);
	closer_destroy(vp->closer);
	free(vp);
}

static int create_vhost(struct ev *ev, const struct ctl_port *conf,
	const struct port_events *events, void *ctx, struct port **ret_port, struct err *err)
{
	struct vhost_port *vp = calloc(1, sizeof(*vp));
	int r;

	if (!vp)
		return err_set(err, -ENOMEM, "port '%s': out of memory", conf->name);
	vp->port = (struct port){&vhost_port_ops, ctx, events};
	vp->ev = ev;
	memcpy(vp->name, conf->name, sizeof(vp->name));
	memcpy(vp->path, conf->path, sizeof(vp->path));
	vp->server = conf->mode == CTL_SOCK_SERVER;
	vp->max_pairs =
		conf->queues && conf->queues <= PORT_MAX_QUEUES ? conf->queues : PORT_MAX_QUEUES;
	vp->mtu = conf->mtu;
	vp->listener.fd = vp->chan.fd = vp->backend_fd = -1;
	for (unsigned i = 0; i < VHOST_MAX_RINGS; i++)
		vp->rings[i].ring.call_fd = vp->rings[i].ring.queue.wake_fd = -1;
	r = watch_memory(vp);
	vp->closer = closer_create(0);
	if (!vp->closer)
		r = -ENOMEM;
	if (!r)
		r = ev_add_timer(vp->ev, on_retry, vp, &vp->retry);
	if (!r)
		r = vp->server ? open_listener(vp, conf, err) : open_connector(vp);
	if (r) {
		destroy_vhost(&vp->port);
		return err->code ? r : err_set(err, r, "port '%s': %s", conf->name, strerror(-r));
	}
	*ret_port = &vp->port;
	return 0;
}

static const struct port_queues *vhost_queues(const struct port *port)
{
	return &((const struct vhost_port *)port)->running;
}

static enum ctl_conn_state conn_state(const struct vhost_port *vp)
{
	if (vp->chan.fd >= 0)
		return vp->running.n ? CTL_CONN_RUNNING : CTL_CONN_NEGOTIATING;
	if (vp->broken)
		return CTL_CONN_BROKEN;
	return vp->server ? CTL_CONN_LISTENING : CTL_CONN_CONNECTING;
}

static void fill_status(const struct port *port, struct ctl_port *ret_status)
{
	const struct vhost_port *vp = (const struct vhost_port *)port;
	bool packed = vp->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint32_t rings = !vp->running.n ? CTL_RING_NONE : packed ? CTL_RING_PACKED : CTL_RING_SPLIT;

	CTL_SET(ret_status, ctl_port, state, conn_state(vp));
	CTL_SET(ret_status, ctl_port, rings, rings);
	CTL_SET(ret_status, ctl_port, queue_pairs, vp->running.n);
	CTL_SET(ret_status, ctl_port, features, vp->features);
	CTL_SET(ret_status, ctl_port, connects, vp->connects);
	CTL_SET_STR(ret_status, ctl_port, last_error, vp->last_error);
}

void vhost_send_config_change(struct vhost_port *vp)
{
	const struct vhost_user_hdr hdr = {
		VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, VHOST_USER_VERSION, 0};

	/* A front-end that does not read loses only news that it can ask for. */
	if (vp->backend_fd >= 0)
		(void)send(vp->backend_fd, &hdr, sizeof(hdr), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void set_carrier(struct port *port, bool up)
{
	struct vhost_port *vp = to_vhost(port);

	if (vp->carrier == up)
		return;
	vp->carrier = up;
	vhost_send_config_change(vp);
}

static void set_mtu(struct port *port, uint32_t mtu)
{
	struct vhost_port *vp = to_vhost(port);

	if (vp->mtu == mtu)
		return;
	vp->mtu = mtu;
	vhost_send_config_change(vp);
}

static void check_vhost(struct port *port)
{
	struct vhost_port *vp = to_vhost(port);
	struct err err = {0};

	if (vhost_find_fault(vp, &err))
		give_up(vp, &err);
}

const struct port_ops vhost_port_ops = {
	.type = CTL_PORT_VHOST_USER,
	.create = create_vhost,
	.destroy = destroy_vhost,
	.queues = vhost_queues,
	.status = fill_status,
	.set_carrier = set_carrier,
	.set_mtu = set_mtu,
	.check = check_vhost,
};
