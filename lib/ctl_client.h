/**
 * ctl_client: the client's side of the control protocol (ctl_iface.h): one connection, calls that
 * wait.
 *
 * Threads: a client belongs to one thread, and blocks it.
 */
#ifndef WEFT_LIB_CTL_CLIENT_H
#define WEFT_LIB_CTL_CLIENT_H

#include "ctl_iface.h"
#include "err.h"

struct ctl_client;

/**
 * Connect; timeout_ms bounds every later wait for a reply (0 = 10 s). A call that ended early
 * (timeout, a row callback that stopped) leaves the connection stale; the next makes a new one.
 */
int ctl_client_open(const char *path, const struct ctl_interface *iface, unsigned timeout_ms,
	struct ctl_client **ret_client, struct err *err);
void ctl_client_close(struct ctl_client *client);

/** One call of a CTL_ONE method; out may be NULL. Errors of the server arrive in err with its code,
 *  name, field, message and hint. */
int ctl_client_call(struct ctl_client *client, const char *method, const void *in, void *out,
	struct err *err);

/** Called per row; row is borrowed for the call. Non-zero stops and is returned. */
typedef int ctl_row_fn(void *ctx, const void *row);
/**
 * A CTL_ROWS or CTL_EVENTS method. The timeout applies between rows of CTL_ROWS only; a signal ends
 * the wait for events with -EINTR.
 */
int ctl_client_rows(struct ctl_client *client, const char *method, const void *in, ctl_row_fn *fn,
	void *ctx, struct err *err);
/**
 * Begin a CTL_EVENTS call whose first event, row, comes with n_fds descriptors (owned). The call
 * goes on until ctl_client_close(), or the server ends it: then ctl_client_fd() can be read.
 * Further events are not looked at. returns 0 or as ctl_client_rows(); -EPROTO: other descriptors
 * came, or none
 */
int ctl_client_begin(struct ctl_client *client, const char *method, const void *in, void *row,
	int *fds, unsigned n_fds, struct err *err);
/** Of the connection, to wait for its end; borrowed. */
int ctl_client_fd(const struct ctl_client *client);
/** The server's Describe text (owned, free()). */
int ctl_client_describe(struct ctl_client *client, char **ret_text, struct err *err);

#endif
