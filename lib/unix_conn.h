/**
 * unix_conn: connected Unix stream sockets of peers who may send file descriptors that nobody
 * wants.
 *
 * Whoever has received a descriptor has to close it, and where no room is offered for it the kernel
 * does, in the receiving thread; so it does with those that lie in a socket that is closed. That
 * can take hours: a socket may linger. So everything is looked at before it is read, and a socket
 * in which descriptors lie is not read any more, and closed by a closer (closer.h).
 *
 * A byte that is sent out of band (MSG_OOB) a look passes over, and a read drops, with the
 * descriptors that came with it: such bytes are read in line with the others.
 *
 * Who wants descriptors receives them by a call of its own, and closes what it gets.
 * Threads: any, one at a time for a socket.
 */
#ifndef WEFT_LIB_UNIX_CONN_H
#define WEFT_LIB_UNIX_CONN_H

#include <stddef.h>

#define UNIX_CONN_MAX_FDS 4
#include <sys/types.h>

struct closer;

/**
 * Read what the peer sends out of band in line with the rest. unix_conn_read() does that; for who
 * receives otherwise, before the first byte.
 */
void unix_conn_receive_inline(int fd);
/**
 * Read what is there, size bytes at most, without waiting.
 * returns  bytes read; 0 = the peer has closed; -EAGAIN; -EBADMSG: descriptors come with them, and
 *          nothing was read; -errno
 */
ssize_t unix_conn_read(int fd, void *dst, size_t size);
/**
 * Send what the socket takes without waiting, with n_fds <= UNIX_CONN_MAX_FDS descriptors at its
 * first byte. Bytes sent, at least one; or -errno, and then no descriptor was sent.
 */
ssize_t unix_conn_send(int fd, const void *src, size_t size, const int *fds, unsigned n_fds);
/**
 * Read what is there, size bytes at most, without waiting, and descriptors that come with it.
 * n_fds     room for that many, at most UNIX_CONN_MAX_FDS, and then how many came
 * returns   as unix_conn_read(); -EBADMSG: there came more than that, and all of them are closed
 */
ssize_t unix_conn_read_fds(int fd, void *dst, size_t size, int *fds, unsigned *n_fds);
/**
 * End the connection, which the peer sees, and close fd, at once if nothing lies in it. closer:
 * NULL = otherwise it stays open until the process ends, whose end waits for nothing.
 */
void unix_conn_end(int fd, struct closer *closer);

#endif
