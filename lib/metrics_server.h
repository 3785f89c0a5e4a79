/**
 * metrics_server: a program's metrics (metrics.h) by HTTP, for Prometheus and the like.
 *
 * It answers `GET /metrics` and nothing else, then closes the connection. Who accepts OpenMetrics
 * gets that, everybody else Prometheus' older format.
 *
 * Clients are strangers. There are METRICS_SERVER_CONNS at most, each with buffers of a fixed size:
 * when one more comes, the one that is there longest goes. Whoever has not sent its request and
 * read its answer after a while is cut off. An answer is made as it is read, a part in a round of
 * the loop, and nothing waits. File descriptors that a client sends are left alone (unix_conn.h).
 *
 * Access. A Unix socket has mode 0660, as control sockets have. TCP is for this host only, so a
 * loopback address; and there anybody on the host may read what the metrics say.
 *
 * Threads: the loop's. Life cycle: create; destroy closes everything.
 */
#ifndef WEFT_LIB_METRICS_SERVER_H
#define WEFT_LIB_METRICS_SERVER_H

#include "err.h"
#include "ev.h"
#include "metrics.h"
#include "unix_socket.h"

#include <netinet/in.h>
#include <stdbool.h>

#define METRICS_SERVER_CONNS   8
#define METRICS_SERVER_REQUEST 4096 /* bytes of a request at most */
#define METRICS_SERVER_LIFE    10   /* seconds, more or less */

/** Where to listen: "unix:PATH", "127.0.0.1:PORT" or "[::1]:PORT". */
struct metrics_address {
	char text[128];               /* as it was given */
	char path[UNIX_PATH_MAX + 1]; /* "": TCP */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} tcp;
};
#define METRICS_ADDRESS_WORDS "unix:PATH|127.0.0.1:PORT"

/** 0, or -EINVAL, -ENAMETOOLONG with err set. */
int metrics_address_parse(const char *text, struct metrics_address *ret_address, struct err *err);

struct metrics_server;

/**
 * Listen, replacing a Unix socket that nobody serves any more. metrics is borrowed.
 * returns  0, -EADDRINUSE, -EACCES, ... with err set
 */
int metrics_server_create(struct ev *ev, const struct metrics_address *address,
	const struct metrics *metrics, struct metrics_server **ret_server, struct err *err);
/** NULL is accepted. */
void metrics_server_destroy(struct metrics_server *server);

#endif
