/**
 * vhost_closer: letting go of what a peer shared, where nobody waits for it.
 *
 * close() of a file asks who serves it (FUSE), of a socket may wait until its
 * last bytes were sent (SO_LINGER) or until descriptors that lie in its queue
 * are closed; to unmap or to free a large memory takes seconds. None of that
 * may hold the control thread, and what one peer left may not hold up what
 * another did. So every port has a closer: a list of what is to be let go of,
 * and, while there is something in it, a thread that does it.
 *
 * A closer that is behind (closer_is_behind()) takes no more from its peer: the
 * port neither reads its messages nor accepts a connection until it has caught
 * up. What is waiting is bounded by that, for each port, and so is the number
 * of threads: one a port, which is that of a deleted port until it is done.
 *
 * Threads: the control thread calls; one thread of its own works. Life cycle:
 * create, destroy; what is left then is still done. Limits: CLOSER_MAX things
 * of a port.
 */
#ifndef WEFT_PORT_VHOST_CLOSER_H
#define WEFT_PORT_VHOST_CLOSER_H

#include <stdbool.h>
#include <stddef.h>

struct closer;

/** NULL: out of memory. */
struct closer *closer_create(void);
/** NULL is accepted. Does not wait; the closer frees itself when it is done. */
void closer_destroy(struct closer *closer);

/** Close fd (transferred); -1 is accepted. */
void closer_close(struct closer *closer, int fd);
/** Unmap what guarded_map() mapped, size bytes at base, then call done(size). */
void closer_unmap(struct closer *closer, void *base, size_t size, void (*done)(size_t size));
/** Does so much wait that the peer shall not send more? */
bool closer_is_behind(struct closer *closer);

#endif
