#include "ctl_server.h"

#include "closer.h"
#include "ctl_buf.h"
#include "ctl_json.h"
#include "ctl_wire.h"
#include "log.h"
#include "unix_conn.h"
#include "unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("ctl");

/* Requests of one client, and rows of one table, per round of the loop: others wait their turn. */
#define SERVER_REQUESTS_PER_ROUND 16
#define SERVER_MODE               0660
#define SERVER_BACKLOG            64
#define SERVER_PULL_BYTES         65536
#define SERVER_ACCEPTS_PER_ROUND  16
/* Clients of other users (readers) leave this many connections to root and to our own user. */
#define SERVER_MAX_FOREIGN (CTL_MAX_CONNECTIONS / 2)
/* Without file descriptors accept() fails at once, for ever; look again after a while. */
#define SERVER_ACCEPT_PAUSE_NS UINT64_C(100000000)

/*
 * A connection has at most one call. It takes the next request when that call has ended and its
 * reply has left, so that a client that does not read only holds up itself.
 *
 *   idle --request--> in handler --0, -errno--> reply queued --written--> idle
 *                         |
 *                         +--CTL_PENDING--> pending --finish--> reply queued
 *
 * It is closed only at the end of its own event, never from within a handler or ctl_call_send():
 * who finds it useless marks it dead and shuts the socket down, which makes the event happen.
 */
struct ctl_conn {
	struct ctl_server *server;
	struct ctl_conn *prev, *next;
	struct ev_source *source;
	int fd;
	uid_t uid;
	struct ctl_buf in, out;
	struct ctl_call *call;
	bool eof;     /* the client will not send more; it may still read */
	bool hung;    /* the client is gone; what it sent before still counts */
	bool closing; /* close when the output has left */
	bool dead;    /* close now */
};

struct ctl_call {
	struct ctl_server *server;
	struct ctl_call *prev, *next; /* in the server's list */
	struct ctl_conn *conn;        /* NULL when the client is gone */
	const struct ctl_method *method;
	bool oneway;
	bool in_handler;
	bool finished; /* by ctl_call_finish() within the handler */
	bool closing;  /* on_close runs */
	void (*on_close)(void *ctx, struct ctl_call *call);
	void *on_close_ctx;
	ctl_next_fn *pull;
	void (*pull_done)(void *state);
	void *pull_state;
};

struct ctl_server {
	struct ev *ev;
	const struct ctl_interface *iface;
	ctl_handler_fn **handlers; /* by index of the method */
	void *ctx;
	char *path;
	struct unix_listener listener;
	struct ev_source *source;
	struct ev_source *accept_timer;
	uid_t uid;
	struct ctl_conn *conns;
	unsigned n_conns, n_foreign;
	struct ctl_call *calls;
};

/* ---- Output ---- */

/* Closed at its next event, which the shutdown brings about. */
static void conn_kill(struct ctl_conn *conn)
{
	conn->dead = true;
	(void)shutdown(conn->fd, SHUT_RDWR);
}

static bool conn_has_work(struct ctl_conn *conn)
{
	size_t len;

	if (conn->call)
		return conn->call->pull;
	return !conn->closing && ctl_buf_message(&conn->in, &len);
}

/* Ask for what there is something to do with. */
static void conn_update_events(struct ctl_conn *conn)
{
	uint32_t events = 0;

	if (!conn->eof && !conn->closing && ctl_buf_len(&conn->in) <= CTL_MAX_MESSAGE)
		events |= EPOLLIN;
	if (ctl_buf_len(&conn->out) || conn->closing || conn_has_work(conn))
		events |= EPOLLOUT;
	if (ev_set_events(conn->source, events) < 0)
		conn_kill(conn);
}

/* Takes text over; len excludes the NUL. */
static int conn_send(struct ctl_conn *conn, char *text, size_t len)
{
	int r;

	if (conn->dead || conn->hung) {
		free(text);
		return -EPIPE;
	}
	r = text ? ctl_buf_append(&conn->out, text, len + 1, CTL_MAX_BACKLOG) : -ENOMEM;
	free(text);
	if (r < 0) {
		log_debug("client of uid %u: does not read, cutting it off", conn->uid);
		conn_kill(conn);
		return -EPIPE;
	}
	return 0;
}

static void conn_send_error(struct ctl_conn *conn, const struct err *err)
{
	size_t len = 0;
	char *text = ctl_wire_format_error(conn->server->iface, err, &len);

	(void)conn_send(conn, text, len); /* a dead connection needs no error */
}

static void conn_flush(struct ctl_conn *conn)
{
	if (!conn->hung && ctl_buf_flush(&conn->out, conn->fd) < 0) {
		conn->hung = true;
		(void)shutdown(conn->fd, SHUT_RDWR);
	}
	if (conn->hung)
		ctl_buf_done(&conn->out);
}

/* ---- Calls ---- */

static struct ctl_call *call_create(struct ctl_conn *conn, const struct ctl_request *request)
{
	struct ctl_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->server = conn->server;
	call->conn = conn;
	call->method = request->method;
	call->oneway = request->oneway;
	call->next = conn->server->calls;
	if (call->next)
		call->next->prev = call;
	conn->server->calls = call;
	conn->call = call;
	return call;
}

static void call_pull_done(struct ctl_call *call)
{
	if (call->pull && call->pull_done)
		call->pull_done(call->pull_state);
	call->pull = NULL;
}

static void call_destroy(struct ctl_call *call)
{
	call_pull_done(call);
	if (call->prev)
		call->prev->next = call->next;
	else
		call->server->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	if (call->conn)
		call->conn->call = NULL;
	free(call);
}

/* The client is gone, or the server goes. */
static void call_abandon(struct ctl_call *call)
{
	call->conn->call = NULL;
	call->conn = NULL;
	call->closing = true;
	if (call->on_close)
		call->on_close(call->on_close_ctx, call);
	call->closing = false;
	if (call->on_close || call->pull)
		call_destroy(call);
	/* Otherwise its owner still holds it, and ends it. */
}

static void call_reply(struct ctl_call *call, int r, const void *out, const struct err *err)
{
	struct err failure = {0};
	char *text = NULL;
	size_t len = 0;

	if (call->oneway || !call->conn)
		return;
	if (r >= 0) {
		/* Rows and events end with an empty reply. */
		r = ctl_wire_format_reply(call->method->out,
			call->method->reply == CTL_ONE ? out : NULL, false, &text, &len);
		if (r >= 0) {
			(void)conn_send(call->conn, text,
				len); /* a dead connection needs no reply */
			return;
		}
		(void)err_set(&failure, r, "method '%s': the reply cannot be encoded",
			call->method->name);
	} else {
		if (err)
			failure = *err;
		failure.code = r;
	}
	conn_send_error(call->conn, &failure);
}

static int call_send_row(struct ctl_call *call, const void *row)
{
	size_t len = 0;
	char *text;
	int r;

	if (!call->conn || call->conn->dead || call->conn->hung)
		return -EPIPE;
	if (call->oneway)
		return 0;
	r = ctl_wire_format_reply(call->method->out, row, true, &text, &len);
	return r < 0 ? r : conn_send(call->conn, text, len);
}

const struct ctl_method *ctl_call_method(const struct ctl_call *call)
{
	return call->method;
}

int ctl_call_send(struct ctl_call *call, const void *row)
{
	struct ctl_conn *conn = call->conn;
	int r = call_send_row(call, row);

	if (r < 0)
		return r;
	if (ctl_buf_len(&conn->out) >= SERVER_PULL_BYTES)
		conn_flush(conn);
	if (!call->in_handler)
		conn_update_events(conn);
	return 0;
}

size_t ctl_call_backlog(const struct ctl_call *call)
{
	return call->conn ? ctl_buf_len(&call->conn->out) : 0;
}

int ctl_call_send_fds(struct ctl_call *call, const void *row, const int *fds, unsigned n_fds)
{
	struct ctl_conn *conn = call->conn;
	size_t len = 0;
	ssize_t n;
	char *text;
	int r;

	if (!conn || conn->dead || conn->hung)
		return -EPIPE;
	if (call->oneway)
		return 0;
	r = ctl_wire_format_reply(call->method->out, row, true, &text, &len);
	if (r < 0)
		return r;
	/* A request is taken when all before has left: descriptors go with the first byte. */
	n = unix_conn_send(conn->fd, text, len + 1, fds, n_fds);
	r = n < 0 ? (int)n : 0;
	if (n >= 0 && (size_t)n <= len)
		r = ctl_buf_append(&conn->out, text + n, len + 1 - (size_t)n, CTL_MAX_BACKLOG);
	free(text);
	return r;
}

void ctl_call_finish(struct ctl_call *call, int r, const void *out, const struct err *err)
{
	struct ctl_conn *conn = call->conn;

	if (call->closing || call->finished)
		return;
	call_reply(call, r, out, err);
	if (call->in_handler) {
		call->finished = true;
		return;
	}
	call_destroy(call);
	if (conn)
		conn_update_events(conn);
}

void ctl_call_on_close(struct ctl_call *call, void (*fn)(void *ctx, struct ctl_call *call),
	void *ctx)
{
	call->on_close = fn;
	call->on_close_ctx = ctx;
}

int ctl_call_rows(struct ctl_call *call, ctl_next_fn *next, void (*done)(void *state), void *state)
{
	call->pull = next;
	call->pull_done = done;
	call->pull_state = state;
	return CTL_PENDING;
}

/* Rows on demand: as many as keep the client busy until it reads. */
static void call_pull(struct ctl_call *call)
{
	struct ctl_conn *conn = call->conn;
	struct err err = {0};
	void *row = malloc(call->method->out->size);
	int r = row ? 1 : -ENOMEM, sent;

	while (r > 0 && ctl_buf_len(&conn->out) < SERVER_PULL_BYTES) {
		memset(row, 0, call->method->out->size);
		r = call->pull(call->pull_state, row, &err);
		if (r <= 0 || r == CTL_NO_ROW_YET)
			break;
		sent = call_send_row(call, row);
		if (sent == -EPIPE)
			break; /* the connection goes, and the call with it */
		if (sent < 0)
			r = err_set(&err, sent, "method '%s': a row cannot be encoded",
				call->method->name);
	}
	free(row);
	if (r <= 0) {
		call_reply(call, r, NULL, &err);
		call_destroy(call);
	}
}

/* ---- Requests ---- */

static int request_check(const struct ctl_conn *conn, const struct ctl_request *request,
	struct err *err)
{
	const struct ctl_method *method = request->method;

	if (method->class == CTL_CHANGE && conn->uid && conn->uid != conn->server->uid) {
		(void)err_set(err, -EACCES, "method '%s': user %u may look but not change",
			method->name, conn->uid);
		err_hint(err, "run it as root or as user %u", conn->server->uid);
		return -EACCES;
	}
	if (method->reply != CTL_ONE && !request->more && !request->oneway) {
		(void)err_set(err, -EINVAL, "method '%s': answers with many replies", method->name);
		err_hint(err, "send it with \"more\":true");
		return -EINVAL;
	}
	return 0;
}

static int request_decode(const struct ctl_request *request, void *in, struct err *err)
{
	json_t *none = NULL;
	int r;

	if (!request->params)
		none = json_object();
	if (!request->params && !none)
		return -ENOMEM;
	r = ctl_json_decode(request->method->in, request->params ? request->params : none, false,
		in, err);
	json_decref(none);
	return r;
}

static void request_handle(struct ctl_conn *conn, const struct ctl_request *request, const void *in,
	void *out)
{
	struct ctl_server *server = conn->server;
	struct ctl_call *call = call_create(conn, request);
	struct err err = {0};
	int r;

	if (!call) {
		(void)err_set(&err, -ENOMEM, "no memory for the request");
		conn_send_error(conn, &err);
		return;
	}
	call->in_handler = true;
	r = server->handlers[request->method - server->iface->methods](call, server->ctx, in, out,
		&err);
	call->in_handler = false;
	if (r == CTL_PENDING && !call->finished)
		return;
	if (!call->finished)
		call_reply(call, r, out, &err);
	call_destroy(call);
}

static void request_dispatch(struct ctl_conn *conn, const struct ctl_request *request)
{
	struct err err = {0};
	void *in, *out;
	int r = request_check(conn, request, &err);

	in = calloc(1, request->method->in->size);
	out = calloc(1, request->method->out->size);
	if (!in || !out)
		r = err_set(&err, -ENOMEM, "no memory for the request");
	if (!r)
		r = request_decode(request, in, &err);
	if (!r)
		request_handle(conn, request, in, out);
	else if (!request->oneway)
		conn_send_error(conn, &err);
	free(in);
	free(out);
}

static void conn_serve_message(struct ctl_conn *conn, const char *text, size_t len)
{
	struct ctl_request request;
	struct err err = {0};
	size_t reply_len = 0;
	char *reply = NULL;

	if (ctl_wire_parse_request(conn->server->iface, text, len, &request, &err) < 0) {
		conn_send_error(conn, &err);
		return;
	}
	if (request.method) {
		request_dispatch(conn, &request);
	} else if (!request.oneway) {
		if (ctl_wire_format_description(conn->server->iface, &reply, &reply_len) < 0)
			reply = NULL;
		(void)conn_send(conn, reply, reply_len); /* a dead connection needs no reply */
	}
	ctl_request_done(&request);
}

static void conn_serve(struct ctl_conn *conn)
{
	struct err err = {0};
	const char *text;
	size_t len;

	for (int i = 0; i < SERVER_REQUESTS_PER_ROUND; i++) {
		if (conn->call || conn->closing || conn->dead || ctl_buf_len(&conn->out))
			return;
		text = ctl_buf_message(&conn->in, &len);
		if (!text)
			break;
		conn_serve_message(conn, text, len);
		ctl_buf_consume(&conn->in, len + 1);
		conn_flush(conn);
	}
	if (!ctl_buf_message(&conn->in, &len) && ctl_buf_len(&conn->in) > CTL_MAX_MESSAGE) {
		(void)err_set(&err, -EMSGSIZE, "message: has more than %d bytes", CTL_MAX_MESSAGE);
		conn_send_error(conn, &err);
		conn->closing = true;
	}
}

/* ---- Connections ---- */

static bool server_is_foreign(const struct ctl_server *server, uid_t uid)
{
	return uid && uid != server->uid;
}

/* Of a client, who may have sent descriptors. */
static void server_end_connection(struct ctl_server *server, int fd)
{
	unix_conn_end(fd, ev_closer(server->ev));
}

static void conn_close(struct ctl_conn *conn)
{
	struct ctl_server *server = conn->server;

	if (conn->call)
		call_abandon(conn->call);
	ev_del(conn->source);
	server_end_connection(server, conn->fd);
	ctl_buf_done(&conn->in);
	ctl_buf_done(&conn->out);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		server->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	server->n_conns--;
	if (server_is_foreign(server, conn->uid))
		server->n_foreign--;
	free(conn);
}

/* Nothing is left to do for this client. */
static bool conn_is_over(struct ctl_conn *conn)
{
	size_t len;

	if (conn->dead)
		return true;
	if (ctl_buf_len(&conn->out))
		return false;
	if (conn->closing)
		return true;
	if (conn->hung && conn->call)
		return true; /* nobody will read the reply */
	return conn->eof && !conn->call && !ctl_buf_message(&conn->in, &len);
}

static void conn_on_event(void *ctx, int fd, uint32_t events)
{
	struct ctl_conn *conn = ctx;

	if (events & (EPOLLHUP | EPOLLERR))
		conn->hung = true;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !conn->eof && !conn->closing &&
		ctl_buf_read(&conn->in, fd, CTL_MAX_MESSAGE + 1) <= 0)
		conn->eof = true;
	conn_flush(conn);
	if (conn->call && conn->call->pull && !conn->hung && !conn->dead)
		call_pull(conn->call);
	conn_serve(conn);
	conn_flush(conn);
	if (conn_is_over(conn))
		conn_close(conn);
	else
		conn_update_events(conn);
}

static int server_admit(const struct ctl_server *server, uid_t uid, struct err *err)
{
	if (server->n_conns >= CTL_MAX_CONNECTIONS)
		return err_set(err, -ENOSPC,
			"connection: %d clients are connected already, the most there can be",
			CTL_MAX_CONNECTIONS);
	if (server_is_foreign(server, uid) && server->n_foreign >= SERVER_MAX_FOREIGN)
		return err_set(err, -ENOSPC,
			"connection: %d clients of other users are connected already",
			SERVER_MAX_FOREIGN);
	return 0;
}

static int conn_create(struct ctl_server *server, int fd, uid_t uid)
{
	struct ctl_conn *conn = calloc(1, sizeof(*conn));
	int r;

	if (!conn)
		return -ENOMEM;
	r = ev_add_io(server->ev, fd, EPOLLIN, conn_on_event, conn, &conn->source);
	if (r < 0) {
		free(conn);
		return r;
	}
	conn->server = server;
	conn->fd = fd;
	conn->uid = uid;
	conn->next = server->conns;
	if (conn->next)
		conn->next->prev = conn;
	server->conns = conn;
	server->n_conns++;
	if (server_is_foreign(server, uid))
		server->n_foreign++;
	return 0;
}

/* Takes fd over. */
static void server_add_client(struct ctl_server *server, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct err err = {0};
	size_t len = 0;
	char *text;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		server_end_connection(server, fd);
		return;
	}
	if (!server_admit(server, peer.uid, &err) && !conn_create(server, fd, peer.uid))
		return;
	if (!err.code)
		(void)err_set(&err, -ENOMEM, "connection: no memory for another client");
	text = ctl_wire_format_error(server->iface, &err, &len);
	if (text)
		(void)!send(fd, text, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* a courtesy */
	free(text);
	server_end_connection(server, fd);
}

static void server_pause_accepting(struct ctl_server *server)
{
	if (!ev_set_events(server->source, 0))
		ev_timer_set(server->accept_timer, SERVER_ACCEPT_PAUSE_NS, 0);
}

static void server_on_accept(void *ctx, int listen_fd, uint32_t events)
{
	struct ctl_server *server = ctx;

	(void)events;
	/* What clients sent is let go of before more may come. */
	if (closer_is_behind(ev_closer(server->ev))) {
		server_pause_accepting(server);
		return;
	}
	for (int i = 0; i < SERVER_ACCEPTS_PER_ROUND; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			server_add_client(server, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			server_pause_accepting(server);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void server_on_accept_timer(void *ctx)
{
	struct ctl_server *server = ctx;

	if (ev_set_events(server->source, EPOLLIN) < 0)
		ev_timer_set(server->accept_timer, SERVER_ACCEPT_PAUSE_NS, 0);
}

/* ---- Life cycle ---- */

/* Each method has exactly one handler. */
static int server_bind_handlers(struct ctl_server *server, const struct ctl_handler *handlers,
	unsigned n_handlers, struct err *err)
{
	const struct ctl_interface *iface = server->iface;

	server->handlers = calloc(iface->n_methods, sizeof(*server->handlers));
	if (!server->handlers)
		return err_set(err, -ENOMEM, "interface %s: no memory", iface->name);
	for (unsigned i = 0; i < n_handlers; i++) {
		const struct ctl_method *method = ctl_method_find(iface, handlers[i].method);

		if (!method || server->handlers[method - iface->methods])
			return err_set(err, -EINVAL, "interface %s: handler '%s' %s", iface->name,
				handlers[i].method, method ? "is given twice" : "has no method");
		server->handlers[method - iface->methods] = handlers[i].fn;
	}
	for (unsigned i = 0; i < iface->n_methods; i++) {
		if (!server->handlers[i])
			return err_set(err, -EINVAL, "interface %s: method '%s' has no handler",
				iface->name, iface->methods[i].name);
	}
	return 0;
}

int ctl_server_create(struct ev *ev, const char *path, const struct ctl_interface *iface,
	const struct ctl_handler *handlers, unsigned n_handlers, void *ctx,
	struct ctl_server **ret_server, struct err *err)
{
	struct ctl_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, -ENOMEM, "control socket '%s': no memory", path);
	server->ev = ev;
	server->iface = iface;
	server->ctx = ctx;
	server->uid = geteuid();
	server->listener.fd = -1;
	r = server_bind_handlers(server, handlers, n_handlers, err);
	if (r < 0)
		goto fail;
	/* The hash seed of JSON objects is read from a file: now, before a sandbox closes. */
	json_object_seed(0);
	server->path = strdup(path);
	r = server->path ? ev_add_timer(ev, server_on_accept_timer, server, &server->accept_timer)
			 : -ENOMEM;
	if (r < 0) {
		(void)err_set(err, r, "control socket '%s': %s", path, strerror(-r));
		goto fail;
	}
	r = unix_listen(path, SERVER_MODE, SERVER_BACKLOG, "control socket", &server->listener,
		err);
	if (r < 0)
		goto fail;
	r = ev_add_io(ev, server->listener.fd, EPOLLIN, server_on_accept, server, &server->source);
	if (r < 0) {
		(void)err_set(err, r, "control socket '%s': %s", path, strerror(-r));
		goto fail;
	}
	*ret_server = server;
	return 0;
fail:
	ctl_server_destroy(server);
	return r;
}

void ctl_server_destroy(struct ctl_server *server)
{
	if (!server)
		return;
	ev_del(server->source);
	ev_del(server->accept_timer);
	while (server->conns)
		conn_close(server->conns);
	while (server->calls)
		call_destroy(server->calls); /* orphans: their owners end with the server */
	unix_listener_close(&server->listener, server->path, ev_closer(server->ev));
	free(server->path);
	free(server->handlers);
	free(server);
}
