/**
 * closer: letting go of what a stranger shared, where nobody waits for it.
 *
 * close() of a file asks who serves it (FUSE), of a socket may wait until its last bytes were sent
 * (SO_LINGER) or until descriptors that lie in its queue are closed; to unmap or to free a large
 * memory takes seconds. None of that may hold a control thread. So there is a list of what is to be
 * let go of, and, while there is something in it, a thread that does it.
 *
 * One that is behind (closer_is_behind()) takes no more: its user neither reads nor accepts what
 * may bring something until it has caught up. What is waiting is bounded by that. Where one
 * stranger's descriptors may not hold up another's, either there is a closer for each (a vhost-user
 * port), or it cuts each wait short (an event loop's, ev.h): a socket that lingers, however many
 * lie in one queue, keeps it for max_wait_ms. What a signal does not end, as a file on FUSE that
 * was received, keeps it longer.
 *
 * Threads: one thread calls; one of its own works, made when there is something to do, or by
 * closer_start() for good. Life cycle: create, start or not, destroy; what is left then is still
 * done. Limits: CLOSER_MAX things; what comes beyond that stays open. Cutting short uses SIGURG,
 * which means nothing else to our programs.
 */
#ifndef WEFT_LIB_CLOSER_H
#define WEFT_LIB_CLOSER_H

#include <stdbool.h>
#include <stddef.h>

#define CLOSER_BEHIND 64 /* more than this: who sends has to wait */
/* A message that is read when it was not behind carries up to 253 descriptors (SCM_MAX_FD); a
 * vhost-user connection that ends has 32 regions and two sockets, and 32 regions more may have been
 * replaced. A control socket has 64 connections. */
#define CLOSER_MAX 512

struct closer;

/** max_wait_ms: what a close() may wait, or so; 0 = as long as it likes. NULL: out of memory. */
struct closer *closer_create(unsigned max_wait_ms);
/** NULL is accepted. Does not wait; the closer frees itself when it is done. */
void closer_destroy(struct closer *closer);

/**
 * Make the thread now, for good, since none can be made later; enter(ctx) is its first act, and may
 * confine it. Before anything was closed. returns  0, once it has entered, or -errno, enter()'s too
 */
int closer_start(struct closer *closer, int (*enter)(void *ctx), void *ctx);

/** Close fd (transferred); -1 is accepted. */
void closer_close(struct closer *closer, int fd);
/** Unmap what guarded_map() mapped, size bytes at base, then call done(size). */
void closer_unmap(struct closer *closer, void *base, size_t size, void (*done)(size_t size));
/** Does so much wait that no more shall come? */
bool closer_is_behind(struct closer *closer);

#endif
