#include "metrics_server.h"

#include "closer.h"
#include "http_request.h"
#include "str.h"
#include "unix_conn.h"
#include "unix_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_MODE    0660
#define SERVER_BACKLOG 16
#define SERVER_PATH    "/metrics"
#define SECOND_NS      UINT64_C(1000000000)

/*
 * One request and its answer.
 *
 *   reading --head complete, or wrong--> writing --all written--> closed
 *      |                                    |
 *      +--------end, error, too old---------+--> closed
 */
struct metrics_conn {
	struct metrics_server *server;
	struct metrics_conn *prev, *next; /* older, newer */
	struct ev_source *source;
	int fd;
	unsigned n_ticks; /* of the server's timer that it has seen */
	bool is_writing;
	char request[METRICS_SERVER_REQUEST];
	size_t request_len;
	enum metrics_format format;
	struct metrics_cursor cursor; /* is_ended: nothing is to be written beside what is in out */
	char out[2 * METRICS_PART_MIN];
	size_t out_at, out_len;
};

struct metrics_server {
	struct ev *ev;
	const struct metrics *metrics;
	struct metrics_address address;
	struct unix_listener listener; /* of TCP, too */
	struct ev_source *source, *timer;
	struct metrics_conn *oldest, *newest;
	unsigned n_conns;
	bool is_paused; /* accepts nobody until the timer's next tick */
};

/* ---- Addresses ---- */

static int bad_address(const char *text, const char *why, struct err *err)
{
	(void)err_set(err, -EINVAL, "address '%.64s': %s", text, why);
	err_hint(err, "unix:PATH, 127.0.0.1:PORT or [::1]:PORT");
	return -EINVAL;
}

/* "HOST:PORT" taken apart in host[size]; brackets around an IPv6 address go. 0 or -EINVAL. */
static int split_host(const char *text, char *host, size_t size, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':'), *begin = text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint64_t port;

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		begin++;
		len -= 2;
	} else if (colon && memchr(text, ':', len)) {
		return -EINVAL;
	}
	if (!len || len >= size || !colon[1] ||
		colon[1 + strspn(colon + 1, "0123456789")] != '\0' ||
		str_parse_u64(colon + 1, &port) < 0 || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	memcpy(host, begin, len);
	host[len] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_tcp(struct metrics_address *address, struct err *err)
{
	const char *text = address->text;
	struct in6_addr in6;
	struct in_addr in;
	uint16_t port;
	char host[64];

	if (split_host(text, host, sizeof(host), &port) < 0)
		return bad_address(text, "is no address with a port", err);
	if (inet_pton(AF_INET, host, &in) == 1) {
		address->tcp.in = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = in};
		if (ntohl(in.s_addr) >> 24 == 127)
			return 0;
	} else if (inet_pton(AF_INET6, host, &in6) == 1) {
		address->tcp.in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6};
		if (IN6_IS_ADDR_LOOPBACK(&in6))
			return 0;
	} else {
		return bad_address(text, "is no address with a port", err);
	}
	(void)bad_address(text, "is no address of this host alone", err);
	err_hint(err, "127.0.0.1 or [::1]; for others, put a proxy before it that knows them");
	return -EINVAL;
}

int metrics_address_parse(const char *text, struct metrics_address *ret_address, struct err *err)
{
	static const char unix_prefix[] = "unix:";
	size_t prefix_len = sizeof(unix_prefix) - 1;
	struct sockaddr_un address;
	int r;

	*ret_address = (struct metrics_address){0};
	if (strlen(text) >= sizeof(ret_address->text))
		return bad_address(text, "is too long", err);
	(void)str_copy(ret_address->text, sizeof(ret_address->text), text);
	if (strncmp(text, unix_prefix, prefix_len) != 0)
		return parse_tcp(ret_address, err);
	r = unix_address(text + prefix_len, &address);
	if (r < 0)
		return bad_address(text,
			r == -EINVAL ? "the path is empty" : "the path is too long", err);
	(void)str_copy(ret_address->path, sizeof(ret_address->path), text + prefix_len);
	return 0;
}

/* ---- A connection ---- */

static void conn_close(struct metrics_conn *conn)
{
	struct metrics_server *server = conn->server;

	ev_del(conn->source);
	unix_conn_end(conn->fd, ev_closer(server->ev));
	*(conn->prev ? &conn->prev->next : &server->oldest) = conn->next;
	*(conn->next ? &conn->next->prev : &server->newest) = conn->prev;
	server->n_conns--;
	free(conn);
}

static void begin_answer(struct metrics_conn *conn, enum http_status status)
{
	bool is_ok = status == HTTP_OK;
	const char *reason = http_reason(status);
	int n = snprintf(conn->out, sizeof(conn->out),
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nConnection: close\r\n%s\r\n%s%s", status,
		reason, is_ok ? metrics_media_type(conn->format) : "text/plain; charset=utf-8",
		status == HTTP_METHOD_NOT_ALLOWED ? "Allow: GET\r\n" : "", is_ok ? "" : reason,
		is_ok ? "" : "; ask for GET " SERVER_PATH "\n");

	conn->out_len = (size_t)n;
	conn->cursor.is_ended = !is_ok;
	conn->is_writing = true;
}

static void read_request(struct metrics_conn *conn, const struct http_request *request)
{
	bool is_ours = request->path_len == sizeof(SERVER_PATH) - 1 &&
		       !memcmp(request->path, SERVER_PATH, request->path_len);

	conn->format = http_request_accepts(request, "application/openmetrics-text")
			       ? METRICS_OPENMETRICS
			       : METRICS_PROMETHEUS;
	begin_answer(conn, is_ours ? HTTP_OK : HTTP_NOT_FOUND);
}

/* 0; negative: the connection is of no use any more. */
static int receive(struct metrics_conn *conn)
{
	struct http_request request;
	enum http_status status;
	ssize_t n = unix_conn_read(conn->fd, conn->request + conn->request_len,
		sizeof(conn->request) - conn->request_len);

	if (n <= 0)
		return n == -EAGAIN ? 0 : -EPIPE;
	conn->request_len += (size_t)n;
	status = http_request_parse(conn->request, conn->request_len, &request);
	if (status == HTTP_OK)
		read_request(conn, &request);
	else if (status)
		begin_answer(conn, status);
	else if (conn->request_len == sizeof(conn->request))
		begin_answer(conn, HTTP_HEADERS_TOO_LARGE);
	return 0;
}

/* Write what the socket takes of one part. 0; negative: it is all written, or nobody reads. */
static int answer(struct metrics_conn *conn)
{
	ssize_t n;

	if (conn->out_at == conn->out_len && !conn->cursor.is_ended) {
		conn->out_at = 0;
		conn->out_len = metrics_write(conn->server->metrics, conn->format, &conn->cursor,
			conn->out, sizeof(conn->out));
	}
	while (conn->out_at < conn->out_len) {
		n = send(conn->fd, conn->out + conn->out_at, conn->out_len - conn->out_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		conn->out_at += (size_t)n;
	}
	return conn->cursor.is_ended ? -EPIPE : 0;
}

static void conn_on_event(void *ctx, int fd, uint32_t events)
{
	struct metrics_conn *conn = ctx;
	int r = 0;

	(void)fd;
	(void)events;
	if (!conn->is_writing) {
		r = receive(conn);
		if (!r && conn->is_writing)
			r = ev_set_events(conn->source, EPOLLOUT);
	}
	if (!r && conn->is_writing)
		r = answer(conn);
	if (r < 0)
		conn_close(conn);
}

/* ---- Connections come and go ---- */

/* Takes fd over. */
static void add_conn(struct metrics_server *server, int fd)
{
	struct metrics_conn *conn = calloc(1, sizeof(*conn));

	if (!conn || ev_add_io(server->ev, fd, EPOLLIN, conn_on_event, conn, &conn->source) < 0) {
		free(conn);
		unix_conn_end(fd, ev_closer(server->ev));
		return;
	}
	conn->server = server;
	conn->fd = fd;
	conn->prev = server->newest;
	*(conn->prev ? &conn->prev->next : &server->oldest) = conn;
	server->newest = conn;
	if (server->n_conns++ == METRICS_SERVER_CONNS)
		conn_close(server->oldest);
}

static void pause_accepting(struct metrics_server *server)
{
	if (ev_set_events(server->source, 0) == 0)
		server->is_paused = true;
}

/* One in a round: others have their turn. */
static void on_accept(void *ctx, int listen_fd, uint32_t events)
{
	struct metrics_server *server = ctx;
	int fd;

	(void)events;
	if (!server->n_conns)
		ev_timer_set(server->timer, SECOND_NS, SECOND_NS);
	/* What clients sent is let go of before more may come. */
	if (closer_is_behind(ev_closer(server->ev))) {
		pause_accepting(server);
		return;
	}
	fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		add_conn(server, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		pause_accepting(server); /* or it would fail at once, for ever */
}

static void on_timer(void *ctx)
{
	struct metrics_server *server = ctx;
	struct metrics_conn *conn = server->oldest, *next;

	for (; conn; conn = next) {
		next = conn->next;
		if (++conn->n_ticks > METRICS_SERVER_LIFE)
			conn_close(conn);
	}
	if (server->is_paused && ev_set_events(server->source, EPOLLIN) == 0)
		server->is_paused = false;
	if (!server->n_conns && !server->is_paused)
		ev_timer_stop(server->timer);
}

/* ---- Life cycle ---- */

static int listen_tcp(struct metrics_server *server, struct err *err)
{
	const struct sockaddr *address = &server->address.tcp.any;
	socklen_t size = address->sa_family == AF_INET ? sizeof(server->address.tcp.in)
						       : sizeof(server->address.tcp.in6);
	const int on = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, address, size) < 0 || listen(fd, SERVER_BACKLOG) < 0) {
		int r = -errno;

		if (fd >= 0)
			(void)close(fd);
		return err_set(err, r, "metrics '%s': cannot listen: %s", server->address.text,
			strerror(-r));
	}
	server->listener.fd = fd;
	return 0;
}

int metrics_server_create(struct ev *ev, const struct metrics_address *address,
	const struct metrics *metrics, struct metrics_server **ret_server, struct err *err)
{
	struct metrics_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, -ENOMEM, "metrics '%s': out of memory", address->text);
	server->ev = ev;
	server->metrics = metrics;
	server->address = *address;
	server->listener.fd = -1;
	if (address->path[0])
		r = unix_listen(server->address.path, SERVER_MODE, SERVER_BACKLOG, "metrics socket",
			&server->listener, err);
	else
		r = listen_tcp(server, err);
	if (r < 0)
		goto fail;
	r = ev_add_timer(ev, on_timer, server, &server->timer);
	if (r == 0)
		r = ev_add_io(ev, server->listener.fd, EPOLLIN, on_accept, server, &server->source);
	if (r < 0) {
		(void)err_set(err, r, "metrics '%s': %s", address->text, strerror(-r));
		goto fail;
	}
	*ret_server = server;
	return 0;
fail:
	metrics_server_destroy(server);
	return r;
}

void metrics_server_destroy(struct metrics_server *server)
{
	if (!server)
		return;
	ev_del(server->source);
	ev_del(server->timer);
	while (server->oldest)
		conn_close(server->oldest);
	if (server->address.path[0])
		unix_listener_close(&server->listener, server->address.path, ev_closer(server->ev));
	else if (server->listener.fd >= 0)
		(void)close(server->listener.fd);
	free(server);
}
