/**
 * vu: one port of a vhost-user front-end for measurements: connection, memory and one queue pair.
 *
 * Opens a socket (as client or server), offers memory in huge pages where the host has some, starts
 * the queue pair and kicks each ring once, as the specification wants before a ring may run. What
 * goes through the rings is pump.h's. Configuration only: but for kicks, nothing here is on
 * the path of frames.
 *
 * Life cycle: vu_open (memory, listening socket), vu_start (connect or accept, negotiate, start),
 * vu_close; when the switch went away, vu_reset and vu_start again. Threads: one.
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications.
 */
#ifndef WEFT_TOOLS_TESTER_VU_H
#define WEFT_TOOLS_TESTER_VU_H

#include "pump.h"
#include "unix_socket.h"
#include "vhost_caller.h"

struct vu_config {
	const char *path; /* Unix socket, borrowed */
	bool listen;      /* we listen and the switch connects */
	bool offloads;    /* TSO and checksums both ways, IPv4 */
	struct pump_layout send, receive;
	unsigned timeout_ms; /* for connecting, and for each answer */
	bool once;           /* vu_start() gives up at once when no switch is there */
};

struct vu_port {
	struct vu_config config;
	struct pump send, receive;
	uint64_t features;
	bool huge; /* memory is in huge pages */
	/* Private. */
	struct vhost_caller caller;
	struct unix_listener listener;
	int mem_fd;
	int kick_fds[2], call_fds[2];
	uint8_t *mem;
	size_t mem_size;
};

/** 0 or -errno. vu_close() in either case. */
int vu_open(struct vu_port *port, const struct vu_config *config);
/** 0 or -errno; -ENOTSUP when the switch lacks a feature that config asks for, -ETIMEDOUT when
 *  there is none. After an error: vu_reset() before the next try. */
int vu_start(struct vu_port *port);
/** Drop the connection and empty the rings; buffers keep what they hold. */
void vu_reset(struct vu_port *port);
/** Kick the ring that sends, which is the one system call of a running port. */
void vu_kick(const struct vu_port *port);
void vu_close(struct vu_port *port);
/** Did the switch close the connection? */
bool vu_is_closed(const struct vu_port *port);

#endif
