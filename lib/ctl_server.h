/**
 * ctl_server: the server's side of the control protocol (ctl_iface.h).
 *
 * A server listens on one socket, decodes requests, bounds what its clients may cost (ctl_limits.h)
 * and calls one handler per method.
 *
 * Permissions: socket mode 0660; the peer's uid (SO_PEERCRED) must be root, the server's own, or,
 * for CTL_READ methods, a member that the socket's mode let in.
 * Threads: a server belongs to its event loop's thread.
 */
#ifndef WEFT_LIB_CTL_SERVER_H
#define WEFT_LIB_CTL_SERVER_H

#include "ctl_iface.h"
#include "err.h"
#include "ev.h"

struct ctl_server;
struct ctl_call; /* one request of one client */

/**
 * Serve one request. in is decoded and in bounds; out is zeroed.
 * returns  0: out is the reply (CTL_ONE), or the rows are ended (CTL_ROWS);
 *          CTL_PENDING: the call stays open: the owner sends rows with ctl_call_send() and may end
 *          it with ctl_call_finish();
 *          -errno with err set: the error reply; its name is err->name or derived from the errno.
 */
typedef int ctl_handler_fn(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err);
#define CTL_PENDING 1

struct ctl_handler {
	const char *method; /* "PortAdd" */
	ctl_handler_fn *fn;
};

/**
 * Listen on path (at most 107 bytes), replacing a socket that nobody serves any more, and answer on
 * ev. handlers[n_handlers] must cover every method of iface (-EINVAL else); ctx goes to each.
 * returns  0, -EADDRINUSE (served by a living process), -EACCES, -ENAMETOOLONG, ...
 */
int ctl_server_create(struct ev *ev, const char *path, const struct ctl_interface *iface,
	const struct ctl_handler *handlers, unsigned n_handlers, void *ctx,
	struct ctl_server **ret_server, struct err *err);
/** Close all clients and unlink the socket. Not from within a handler. */
void ctl_server_destroy(struct ctl_server *server);

/** What the call asks for: one handler may serve several methods. */
const struct ctl_method *ctl_call_method(const struct ctl_call *call);
/** Queue one row or event of a CTL_ROWS or CTL_EVENTS call. 0, -EPIPE when the client is gone. */
int ctl_call_send(struct ctl_call *call, const void *row);
/** Bytes of the call's rows that its client has not taken yet; 0 when the client is gone. */
size_t ctl_call_backlog(const struct ctl_call *call);
/**
 * Within a handler: send one row of a CTL_EVENTS call together with descriptors, which stay the
 * caller's. 0, -EPIPE when the client is gone, -EAGAIN when it does not read, or -errno.
 */
int ctl_call_send_fds(struct ctl_call *call, const void *row, const int *fds, unsigned n_fds);
/**
 * For replies that may be long: the rows are pulled as the client reads them, so that a table of
 * any size takes little memory. A handler ends with `return ctl_call_rows(call, next, done, st)`.
 * next   fills row (zeroed) and returns 1, or returns 0 at the end, or -errno with err set, or
 *        CTL_NO_ROW_YET after a while in which no row passed its filters: others get their turn,
 *        and it is asked again
 * done   frees state; called once, however the call ends; may be NULL
 */
typedef int ctl_next_fn(void *state, void *row, struct err *err);
#define CTL_NO_ROW_YET 2
int ctl_call_rows(struct ctl_call *call, ctl_next_fn *next, void (*done)(void *state), void *state);
/** End a pending call: out as in a handler, or err when r is negative. call is gone then. */
void ctl_call_finish(struct ctl_call *call, int r, const void *out, const struct err *err);
/**
 * fn(ctx, call) runs once if the client goes away, or the server ends, while the call is pending;
 * the call is gone when fn returns. Without it a call whose client went away stays valid (sending
 * gives -EPIPE) until ctl_call_finish() or the server's end.
 */
void ctl_call_on_close(struct ctl_call *call, void (*fn)(void *ctx, struct ctl_call *call),
	void *ctx);

#endif
