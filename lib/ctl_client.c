#include "ctl_client.h"

#include "ctl_buf.h"
#include "ctl_json.h"
#include "ctl_wire.h"
#include "ev.h"
#include "str.h"
#include "unix_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_DEFAULT_TIMEOUT_MS 10000
#define CLIENT_RETRY_NS           10000000
#define CLIENT_FOREVER            UINT64_MAX
#define NSEC_PER_MSEC             UINT64_C(1000000)

struct ctl_client {
	const struct ctl_interface *iface;
	char *path;
	uint64_t timeout_ns;
	int fd;
	struct ctl_buf in;
	bool stale; /* a reply was not read to its end: the next call needs a new connection */
	/* Descriptors that come with the reply, of a call that wants any. */
	int fds[UNIX_CONN_MAX_FDS];
	unsigned n_fds;
	bool wants_fds;
};

/* ---- Bytes ---- */

/* Wait for events on the socket. 0, -ETIMEDOUT or -errno; -EINTR only without a deadline. */
static int client_wait(const struct ctl_client *client, short events, uint64_t deadline_ns)
{
	struct pollfd pfd = {.fd = client->fd, .events = events};

	for (;;) {
		uint64_t now_ns = ev_now_ns();
		int timeout_ms = -1, n;

		if (deadline_ns != CLIENT_FOREVER) {
			if (now_ns >= deadline_ns)
				return -ETIMEDOUT;
			timeout_ms =
				(int)((deadline_ns - now_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
		}
		n = poll(&pfd, 1, timeout_ms);
		if (n > 0)
			return 0;
		if (n < 0 && (errno != EINTR || deadline_ns == CLIENT_FOREVER))
			return -errno;
	}
}

static int client_connect_once(const struct ctl_client *client, const struct sockaddr_un *address)
{
	int r;

	if (!connect(client->fd, (const struct sockaddr *)address, sizeof(*address)))
		return 0;
	r = -errno;
	return r == -EINTR ? -EAGAIN : r;
}

static int client_connect(struct ctl_client *client, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timespec pause = {.tv_nsec = CLIENT_RETRY_NS};
	uint64_t deadline_ns = ev_now_ns() + client->timeout_ns;
	int r;

	(void)str_copy(address.sun_path, sizeof(address.sun_path), client->path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		return err_set(err, -errno, "control socket '%s': %m", client->path);
	/* A Unix socket connects at once, or says EAGAIN while its listen queue is full. */
	while ((r = client_connect_once(client, &address)) == -EAGAIN) {
		if (ev_now_ns() >= deadline_ns)
			return err_set(err, -ETIMEDOUT,
				"control socket '%s': the program does not take connections",
				client->path);
		(void)nanosleep(&pause, NULL);
	}
	if (r < 0) {
		(void)err_set(err, r, "control socket '%s': cannot connect: %s", client->path,
			strerror(-r));
		if (r == -ENOENT || r == -ECONNREFUSED)
			err_hint(err, "no program serves it: is it running, and is this its "
				      "--control path?");
		else if (r == -EACCES)
			err_hint(err, "your user may not use this socket");
	}
	return r;
}

static void client_disconnect(struct ctl_client *client)
{
	if (client->fd >= 0)
		unix_conn_end(client->fd, NULL); /* the server may be anybody's */
	client->fd = -1;
	ctl_buf_done(&client->in);
}

static int client_lost(const struct ctl_client *client, int r, struct err *err)
{
	if (r == -ETIMEDOUT)
		return err_set(err, r, "control socket '%s': no answer in %u ms", client->path,
			(unsigned)(client->timeout_ns / NSEC_PER_MSEC));
	if (r == -EINTR)
		return err_set(err, r, "control socket '%s': interrupted", client->path);
	return err_set(err, r, "control socket '%s': the program closed the connection",
		client->path);
}

static int client_send(const struct ctl_client *client, const char *text, size_t len,
	struct err *err)
{
	uint64_t deadline_ns = ev_now_ns() + client->timeout_ns;
	size_t at = 0;

	while (at < len) {
		ssize_t n = send(client->fd, text + at, len - at, MSG_NOSIGNAL);
		int r = 0;

		if (n >= 0)
			at += (size_t)n;
		else if (errno == EAGAIN)
			r = client_wait(client, POLLOUT, deadline_ns);
		else if (errno == EPIPE)
			return 0; /* the server said why before it closed; the reply has it */
		else if (errno != EINTR)
			r = -errno;
		if (r < 0)
			return client_lost(client, r, err);
	}
	return 0;
}

/* As ctl_buf_read(), with descriptors. */
static int client_read_fds(struct ctl_client *client)
{
	char bytes[4096];
	unsigned n_fds = UNIX_CONN_MAX_FDS - client->n_fds;
	ssize_t n = unix_conn_read_fds(client->fd, bytes, sizeof(bytes),
		client->fds + client->n_fds, &n_fds);

	if (n == -EAGAIN)
		return 1;
	if (n <= 0)
		return (int)n;
	client->n_fds += n_fds;
	n = ctl_buf_append(&client->in, bytes, (size_t)n, 2 * CTL_MAX_MESSAGE);
	return n < 0 ? (int)n : 1;
}

/* The next message; borrowed until it is consumed. */
static int client_receive(struct ctl_client *client, uint64_t deadline_ns, const char **ret_text,
	size_t *ret_len, struct err *err)
{
	bool eof = false;

	for (;;) {
		int r;

		*ret_text = ctl_buf_message(&client->in, ret_len);
		if (*ret_text)
			return 0;
		if (ctl_buf_len(&client->in) > CTL_MAX_MESSAGE)
			return err_set(err, -EMSGSIZE,
				"control socket '%s': the reply has more than %d bytes",
				client->path, CTL_MAX_MESSAGE);
		if (eof)
			return client_lost(client, -EPIPE, err);
		r = client_wait(client, POLLIN, deadline_ns);
		if (r < 0)
			return client_lost(client, r, err);
		r = client->wants_fds ? client_read_fds(client)
				      : ctl_buf_read(&client->in, client->fd, CTL_MAX_MESSAGE + 1);
		if (r < 0)
			return client_lost(client, r, err);
		eof = !r;
	}
}

/* ---- Calls ---- */

/* On success the connection expects a reply, and is stale until that has been read. */
static int client_begin(struct ctl_client *client, const char *name, const void *in, bool more,
	const struct ctl_method **ret_method, struct err *err)
{
	const struct ctl_method *method = ctl_method_find(client->iface, name);
	char *text = NULL;
	size_t len = 0;
	int r;

	if (!method || (method->reply != CTL_ONE) != more)
		return err_set(err, -EINVAL, "unknown method '%s'", name);
	if (client->stale || client->fd < 0) {
		client_disconnect(client);
		r = client_connect(client, err);
		if (r < 0)
			return r;
	}
	r = ctl_wire_format_request(client->iface, name, method->in, in, more, &text, &len);
	if (r < 0)
		return err_set(err, r, "method '%s': the request cannot be encoded", name);
	client->stale = true;
	if (len > CTL_MAX_MESSAGE)
		r = err_set(err, -EMSGSIZE, "method '%s': the request has more than %d bytes", name,
			CTL_MAX_MESSAGE);
	else
		r = client_send(client, text, len + 1, err);
	free(text);
	*ret_method = method;
	return r;
}

/* One reply. ret_json owned; client is no longer stale once the last one is here. */
static int client_reply(struct ctl_client *client, uint64_t deadline_ns, json_t **ret_json,
	const json_t **ret_params, bool *ret_continues, struct err *err)
{
	const char *text;
	size_t len;
	int r;

	r = client_receive(client, deadline_ns, &text, &len, err);
	if (r < 0)
		return r;
	*ret_continues = false;
	r = ctl_wire_parse_reply(client->iface, text, len, ret_json, ret_params, ret_continues,
		err);
	ctl_buf_consume(&client->in, len + 1);
	/* After these two the server or we are out of step. */
	if (!*ret_continues && r != -EPROTO && r != -EMSGSIZE)
		client->stale = false;
	return r;
}

static int client_decode(const struct ctl_struct *schema, const json_t *params, void *msg,
	struct err *err)
{
	int r;

	if (!params) {
		memset(msg, 0, schema->size);
		return 0;
	}
	r = ctl_json_decode(schema, params, true, msg, err);
	if (r < 0)
		(void)err_prefix(err, "reply");
	return r;
}

int ctl_client_call(struct ctl_client *client, const char *name, const void *in, void *out,
	struct err *err)
{
	const struct ctl_method *method;
	const json_t *params;
	json_t *json;
	bool continues;
	int r;

	r = client_begin(client, name, in, false, &method, err);
	if (r < 0)
		return r;
	r = client_reply(client, ev_now_ns() + client->timeout_ns, &json, &params, &continues, err);
	if (r < 0)
		return r;
	if (out)
		r = client_decode(method->out, params, out, err);
	json_decref(json);
	return r;
}

int ctl_client_rows(struct ctl_client *client, const char *name, const void *in, ctl_row_fn *fn,
	void *ctx, struct err *err)
{
	const struct ctl_method *method;
	bool continues = true;
	void *row;
	int r;

	r = client_begin(client, name, in, true, &method, err);
	if (r < 0)
		return r;
	row = calloc(1, method->out->size);
	if (!row)
		return err_set(err, -ENOMEM, "method '%s': no memory", name);
	while (!r && continues) {
		uint64_t deadline_ns = method->reply == CTL_EVENTS
					       ? CLIENT_FOREVER
					       : ev_now_ns() + client->timeout_ns;
		const json_t *params;
		json_t *json;

		r = client_reply(client, deadline_ns, &json, &params, &continues, err);
		if (r < 0)
			break;
		if (continues)
			r = client_decode(method->out, params, row, err);
		if (continues && !r)
			r = fn(ctx, row);
		json_decref(json);
	}
	free(row);
	return r;
}

int ctl_client_begin(struct ctl_client *client, const char *name, const void *in, void *row,
	int *fds, unsigned n_fds, struct err *err)
{
	const struct ctl_method *method;
	const json_t *params;
	bool continues;
	json_t *json;
	int r;

	r = client_begin(client, name, in, true, &method, err);
	if (r < 0)
		return r;
	client->wants_fds = true;
	client->n_fds = 0;
	r = client_reply(client, ev_now_ns() + client->timeout_ns, &json, &params, &continues, err);
	client->wants_fds = false;
	if (r == 0) {
		r = client_decode(method->out, params, row, err);
		json_decref(json);
	}
	if (r == 0 && client->n_fds != n_fds)
		r = err_set(err, -EPROTO, "method '%s': %u descriptors came, not %u", name,
			client->n_fds, n_fds);
	if (r == 0)
		memcpy(fds, client->fds, n_fds * sizeof(*fds));
	for (unsigned i = 0; r && i < client->n_fds; i++)
		(void)close(client->fds[i]);
	client->n_fds = 0;
	client->stale = true;
	return r;
}

int ctl_client_fd(const struct ctl_client *client)
{
	return client->fd;
}

int ctl_client_describe(struct ctl_client *client, char **ret_text, struct err *err)
{
	const json_t *params;
	const char *text;
	char *request;
	json_t *json;
	bool continues;
	size_t len;
	int r;

	r = ctl_wire_format_request(client->iface, "Describe", NULL, NULL, false, &request, &len);
	if (r < 0)
		return err_set(err, r, "method 'Describe': the request cannot be encoded");
	if (client->stale || client->fd < 0) {
		client_disconnect(client);
		r = client_connect(client, err);
	}
	client->stale = true;
	if (!r)
		r = client_send(client, request, len + 1, err);
	free(request);
	if (!r)
		r = client_reply(client, ev_now_ns() + client->timeout_ns, &json, &params,
			&continues, err);
	if (r < 0)
		return r;
	text = json_string_value(json_object_get(params, "description"));
	*ret_text = text ? strdup(text) : NULL;
	json_decref(json);
	return *ret_text ? 0
			 : err_set(err, -EPROTO, "method 'Describe': the reply has no description");
}

/* ---- Life cycle ---- */

int ctl_client_open(const char *path, const struct ctl_interface *iface, unsigned timeout_ms,
	struct ctl_client **ret_client, struct err *err)
{
	struct sockaddr_un address;
	struct ctl_client *client;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG,
			"control socket '%s': the path has more than %zu bytes", path,
			sizeof(address.sun_path) - 1);
	client = calloc(1, sizeof(*client));
	if (!client)
		return err_set(err, -ENOMEM, "control socket '%s': no memory", path);
	client->iface = iface;
	client->fd = -1;
	client->timeout_ns = (timeout_ms ? timeout_ms : CLIENT_DEFAULT_TIMEOUT_MS) * NSEC_PER_MSEC;
	client->path = strdup(path);
	r = client->path ? client_connect(client, err)
			 : err_set(err, -ENOMEM, "control socket '%s': no memory", path);
	if (r < 0) {
		ctl_client_close(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

void ctl_client_close(struct ctl_client *client)
{
	if (!client)
		return;
	client_disconnect(client);
	free(client->path);
	free(client);
}
