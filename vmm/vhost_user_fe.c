#include "vhost_user_fe.h"

#include "closer.h"
#include "err.h"
#include "ev.h"
#include "log.h"
#include "vhost_user_fe_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("vhost-user");

void vhost_fe_set_state(struct vhost_fe *fe, enum vhost_fe_state state)
{
	if (fe->state == state)
		return;
	fe->state = state;
	fe->changed(fe->ctx);
}

/* ---- Closing --------------------------------------------------------------------------------- */

void vhost_fe_drop_backend_chan(struct vhost_fe *fe)
{
	ev_del(fe->backend_source);
	fe->backend_source = NULL;
	vhost_chan_done(&fe->backend_chan);
	if (fe->backend_peer_fd >= 0)
		(void)close(fe->backend_peer_fd);
	fe->backend_peer_fd = -1;
}

/* Forget the connection; the session stays. */
static void fe_disconnect(struct vhost_fe *fe)
{
	ev_del(fe->chan_source);
	fe->chan_source = NULL;
	vhost_chan_done(&fe->chan);
	vhost_fe_drop_backend_chan(fe);
	ev_timer_stop(fe->reply_timer);
	fe->n_expected = 0;
	fe->protocol_features = 0;
	fe->carrier = false;
	fe->is_config_stale = false;
	fe->is_mem_sent = false;
}

/* Say why, and disconnect. */
static void fe_end_connection(struct vhost_fe *fe, const char *fmt, va_list ap)
{
	(void)vsnprintf(fe->last_error, sizeof(fe->last_error), fmt, ap);
	fe_disconnect(fe);
	log_notice_ratelimited("back-end '%s': %s", fe->config.path, fe->last_error);
}

void vhost_fe_lose(struct vhost_fe *fe, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fe_end_connection(fe, fmt, ap);
	va_end(ap);
	if (fe->config.is_server)
		(void)ev_set_events(fe->listen_source, EPOLLIN);
	else
		ev_timer_set(fe->retry_timer, VHOST_FE_RETRY_MS * FE_NS_PER_MS, 0);
	vhost_fe_set_state(fe, fe->config.is_server ? VHOST_FE_LISTENING : VHOST_FE_CONNECTING);
}

void vhost_fe_fail(struct vhost_fe *fe, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fe_end_connection(fe, fmt, ap);
	va_end(ap);
	ev_timer_set(fe->retry_timer, fe->retry_ms * FE_NS_PER_MS, 0);
	fe->retry_ms =
		fe->retry_ms * 2 < VHOST_FE_RETRY_MAX_MS ? fe->retry_ms * 2 : VHOST_FE_RETRY_MAX_MS;
	vhost_fe_set_state(fe, VHOST_FE_BROKEN);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

/* fd: transferred. */
static void fe_connected(struct vhost_fe *fe, int fd)
{
	int r;

	vhost_chan_init(&fe->chan, fd, ev_closer(fe->ev), 0);
	r = ev_add_io(fe->ev, fd, EPOLLIN, vhost_fe_on_chan, fe, &fe->chan_source);
	if (r < 0) {
		vhost_fe_fail(fe, "cannot watch the connection: %s", strerror(-r));
		return;
	}
	fe->connects++;
	log_info("back-end '%s': connected, connects=%llu", fe->config.path,
		(unsigned long long)fe->connects);
	vhost_fe_set_state(fe, VHOST_FE_NEGOTIATING);
	vhost_fe_negotiate(fe);
}

static void fe_pause_listening(struct vhost_fe *fe)
{
	(void)ev_set_events(fe->listen_source, 0);
	ev_timer_set(fe->retry_timer, VHOST_FE_RETRY_MS * FE_NS_PER_MS, 0);
}

static void fe_on_listen(void *ctx, int fd, uint32_t events)
{
	struct vhost_fe *fe = ctx;
	int conn;

	(void)events;
	if (closer_is_behind(ev_closer(fe->ev))) {
		fe_pause_listening(fe);
		return;
	}
	conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (conn < 0) {
		/*
		 * Without descriptors accept() fails at once, for ever; look again after a while.
		 */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			fe_pause_listening(fe);
		return;
	}
	(void)ev_set_events(fe->listen_source, 0); /* the others wait in the backlog */
	fe_connected(fe, conn);
}

static void fe_try_connect(struct vhost_fe *fe)
{
	struct sockaddr_un addr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (!r)
		r = unix_address(fe->config.path, &addr);
	/* On a Unix socket this completes at once or fails at once. */
	if (!r && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		r = -errno;
	if (!r) {
		fe->last_error[0] = '\0'; /* "cannot connect" is not true any more */
		fe_connected(fe, fd);
		return;
	}
	if (fd >= 0)
		(void)close(fd);
	/* Not there yet is the normal case, and no reason for a line in the log. */
	(void)snprintf(fe->last_error, sizeof(fe->last_error), "cannot connect: %s", strerror(-r));
	ev_timer_set(fe->retry_timer, VHOST_FE_RETRY_MS * FE_NS_PER_MS, 0);
	vhost_fe_set_state(fe, VHOST_FE_CONNECTING);
}

static void fe_on_retry(void *ctx)
{
	struct vhost_fe *fe = ctx;

	if (closer_is_behind(ev_closer(fe->ev))) {
		ev_timer_set(fe->retry_timer, VHOST_FE_RETRY_MS * FE_NS_PER_MS, 0);
		return;
	}
	if (!fe->config.is_server) {
		fe_try_connect(fe);
		return;
	}
	(void)ev_set_events(fe->listen_source, EPOLLIN);
	vhost_fe_set_state(fe, VHOST_FE_LISTENING);
}

static int fe_listen(struct vhost_fe *fe, struct err *err)
{
	int r = unix_listen(fe->config.path, 0, 1, "vhost-user socket", &fe->listener, err);

	if (r < 0)
		return r;
	r = ev_add_io(fe->ev, fe->listener.fd, EPOLLIN, fe_on_listen, fe, &fe->listen_source);
	if (r < 0)
		return err_set(err, r, "vhost-user socket '%s': %s", fe->config.path, strerror(-r));
	fe->state = VHOST_FE_LISTENING;
	return 0;
}

/* ---- Life cycle and session, for the device -------------------------------------------------- */

int vhost_fe_create(struct ev *ev, const struct mem *mem, const struct vhost_fe_config *config,
	vhost_fe_changed_fn *changed, void *ctx, struct vhost_fe **ret_fe, struct err *err)
{
	struct vhost_fe *fe = calloc(1, sizeof(*fe));
	int r;

	if (!fe)
		return err_set(err, -ENOMEM, "vhost-user socket '%s': out of memory", config->path);
	*fe = (struct vhost_fe){
		.ev = ev,
		.mem = mem,
		.config = *config,
		.changed = changed,
		.ctx = ctx,
		.state = VHOST_FE_CONNECTING,
		.listener.fd = -1,
		.chan.fd = -1,
		.backend_chan.fd = -1,
		.backend_peer_fd = -1,
		.retry_ms = VHOST_FE_RETRY_MS,
	};
	r = ev_add_timer(ev, fe_on_retry, fe, &fe->retry_timer);
	if (!r)
		r = ev_add_timer(ev, vhost_fe_on_reply_timeout, fe, &fe->reply_timer);
	if (r < 0)
		(void)err_set(err, r, "vhost-user socket '%s': %s", config->path, strerror(-r));
	else if (config->is_server)
		r = fe_listen(fe, err);
	else
		ev_timer_set(fe->retry_timer, 0, 0);
	if (r < 0) {
		vhost_fe_destroy(fe);
		return r;
	}
	*ret_fe = fe;
	return 0;
}

void vhost_fe_destroy(struct vhost_fe *fe)
{
	if (!fe)
		return;
	fe_disconnect(fe);
	ev_del(fe->retry_timer);
	ev_del(fe->reply_timer);
	ev_del(fe->listen_source);
	unix_listener_close(&fe->listener, fe->config.path, ev_closer(fe->ev));
	free(fe);
}

void vhost_fe_start(struct vhost_fe *fe, const struct vhost_fe_session *session)
{
	fe->session = *session;
	fe->has_session = true;
	fe->is_resumed = false;
	if (fe->state == VHOST_FE_IDLE && !fe->is_paused)
		vhost_fe_begin_session(fe);
}

static bool fe_has_rings(const struct vhost_fe *fe)
{
	return fe->state == VHOST_FE_STARTING || fe->state == VHOST_FE_RUNNING;
}

void vhost_fe_stop(struct vhost_fe *fe)
{
	fe->has_session = false;
	if (fe_has_rings(fe))
		vhost_fe_end_session(fe);
}

void vhost_fe_set_paused(struct vhost_fe *fe, bool is_paused)
{
	fe->is_paused = is_paused;
	if (is_paused && fe_has_rings(fe))
		vhost_fe_end_session(fe);
	else if (!is_paused && fe->has_session && fe->state == VHOST_FE_IDLE)
		vhost_fe_begin_session(fe);
}

bool vhost_fe_has_stopped(const struct vhost_fe *fe)
{
	return !fe_has_rings(fe) && fe->state != VHOST_FE_STOPPING;
}

void vhost_fe_abandon(struct vhost_fe *fe)
{
	if (fe->state == VHOST_FE_STOPPING)
		vhost_fe_fail(fe, "did not give the rings back in time");
}

void vhost_fe_sync(struct vhost_fe *fe)
{
	if (fe_has_rings(fe) && !vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		vhost_fe_send_barrier(fe);
}

bool vhost_fe_is_settled(const struct vhost_fe *fe)
{
	return vhost_fe_has_stopped(fe) || (fe->state == VHOST_FE_RUNNING && !fe->n_expected);
}

void vhost_fe_settle(struct vhost_fe *fe, uint64_t deadline_ns)
{
	if (fe->state == VHOST_FE_CONNECTING) {
		ev_timer_stop(fe->retry_timer);
		fe_try_connect(fe);
	}
	while (fe->state == VHOST_FE_NEGOTIATING) { /* serve this connection alone */
		struct pollfd pfd = {
			.fd = fe->chan.fd,
			.events = vhost_chan_is_blocked(&fe->chan) ? POLLIN | POLLOUT : POLLIN,
		};
		uint64_t now_ns = ev_now_ns();

		if (now_ns >= deadline_ns)
			return;
		if (poll(&pfd, 1, (int)((deadline_ns - now_ns) / FE_NS_PER_MS) + 1) > 0)
			vhost_fe_on_chan(fe, pfd.fd, EPOLLIN);
	}
}

void vhost_fe_set_ring_enabled(struct vhost_fe *fe, unsigned ring, bool is_enabled)
{
	struct vhost_fe_ring *r = &fe->session.rings[ring];

	if (!fe->has_session || ring >= fe->session.n_rings || !r->is_used ||
		r->is_enabled == is_enabled)
		return;
	r->is_enabled = is_enabled;
	if (fe_has_rings(fe))
		vhost_fe_set_vring_enable(fe, ring);
}

void vhost_fe_set_call_fd(struct vhost_fe *fe, unsigned ring, int call_fd)
{
	struct vhost_fe_ring *r = &fe->session.rings[ring];

	if (!fe->has_session || ring >= fe->session.n_rings || !r->is_used || r->call_fd == call_fd)
		return;
	r->call_fd = call_fd;
	if (fe_has_rings(fe))
		vhost_fe_set_vring_call(fe, ring);
}

bool vhost_fe_send_rarp(struct vhost_fe *fe, const struct ether_addr48 *mac)
{
	if (fe->state != VHOST_FE_RUNNING || !vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_RARP))
		return false;
	vhost_fe_send_rarp_msg(fe, mac);
	return true;
}

void vhost_fe_get_status(const struct vhost_fe *fe, struct vhost_fe_status *ret_status)
{
	*ret_status = (struct vhost_fe_status){
		.state = fe->state,
		.has_features = fe->has_features,
		.features = fe->features,
		.protocol_features = fe->protocol_features,
		.max_queue_pairs = fe->max_queue_pairs,
		.carrier = fe->carrier,
		.connects = fe->connects,
	};
	memcpy(ret_status->last_error, fe->last_error, sizeof(fe->last_error));
}
