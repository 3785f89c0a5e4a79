/**
 * host_nl: talking to the kernel about network interfaces, in this network namespace or another.
 *
 * A request is built with libmnl into the session's buffer and answered before the call returns;
 * the kernel answers rtnetlink at once, so that the control thread may wait for it. libmnl rather
 * than libnl, because a user is owed the kernel's own error number and words (extended ACK).
 *
 * A network namespace is named as `ip netns` does (NAME under /run/netns) or by a path that holds
 * a '/', such as /proc/PID/ns/net. A socket stays in the namespace that it was made in.
 *
 * Threads: the control thread. host_nl_socket() moves the calling thread, and no other, to the
 * namespace and back.
 * Source: netlink(7), rtnetlink(7), network_namespaces(7).
 */
#ifndef WEFT_VSWITCH_PORT_HOST_NL_H
#define WEFT_VSWITCH_PORT_HOST_NL_H

#include "err.h"

#include <libmnl/libmnl.h>
#include <stdint.h>

#define HOST_NL_BUF_SIZE 32768 /* the kernel fills no more of a dump at once */

struct host_nl {
	int fd;
	uint32_t seq;
	struct nlmsghdr *req; /* in buf; begun by host_nl_request() */
	union {
		struct nlmsghdr align;
		char bytes[HOST_NL_BUF_SIZE];
	} buf;
};

/** The file of a network namespace; owned fd, or -errno with err set (-ENOENT names the others). */
int host_nl_open_netns(const char *netns, struct err *err);
/** A socket made in netns (NULL = this namespace). Owned fd, or -errno with err set. */
int host_nl_socket(const char *netns, int domain, int type, int protocol, struct err *err);

/** Life cycle; the session is large, so it lives on the heap. 0 or -errno with err set. */
int host_nl_open(const char *netns, struct host_nl **ret_nl, struct err *err);
/** NULL is accepted. */
void host_nl_close(struct host_nl *nl);

/** Begin a request; returns its zeroed family header of size bytes, borrowed. */
void *host_nl_request(struct host_nl *nl, uint16_t type, uint16_t flags, size_t size);
/** Called for each message of the answer. A negative return ends the reading. */
typedef int host_nl_fn(void *ctx, const struct nlmsghdr *msg);
/**
 * Send the request and read its answer up to the acknowledgement or the end of the dump. fn may be
 * NULL. 0, what fn returned, or -errno: err then reads `WHAT: the kernel's words`, with a hint
 * where privileges are missing.
 */
int host_nl_talk(struct host_nl *nl, host_nl_fn *fn, void *ctx, struct err *err, const char *what,
	...) __attribute__((format(printf, 5, 6)));

/** Say what is missing: the hint of -EPERM and -EACCES. Other codes are left alone. */
void host_nl_hint(struct err *err, int r);

#endif
