/**
 * ping: a control socket on a test's event loop, and a client that asks it something, to see
 * whether the loop still answers.
 *
 * Threads: one. Every function fails the running cmocka test when something is wrong with it.
 */
#ifndef WEFT_TESTS_FAKE_PING_H
#define WEFT_TESTS_FAKE_PING_H

#include <stdbool.h>

struct ctl_server;
struct ev;

struct ping {
	struct ctl_server *server;
	int fd;
};

/** path: where the socket is to be. */
void ping_create(struct ping *ping, struct ev *ev, const char *path);
void ping_destroy(struct ping *ping);
void ping_ask(struct ping *ping);
/** Has the answer come? One answer a question. */
bool ping_is_answered(struct ping *ping);

#endif
