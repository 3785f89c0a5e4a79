/**
 * odd: descriptors that hold whoever is careless with them.
 *
 * What a hostile peer can pass along in a message: a file whose file system never answers again
 * (FUSE), a socket whose close() waits for a reader that does not come. Both hold until they are
 * let go of, a file for a minute at most.
 *
 * Threads: one. A file has a process of its own, which ends with its creator, however that ends.
 */
#ifndef WEFT_TESTS_PEER_ODD_H
#define WEFT_TESTS_PEER_ODD_H

#include <stddef.h>
#include <sys/types.h>

#define ODD_MAX_FDS 253 /* that the kernel lets a message carry: SCM_MAX_FD */

struct odd_file;

/**
 * A file of 1 GiB on FUSE: opened, it leaves every other request unanswered; its close() waits.
 * returns  0, -EPERM, -ENOENT (no FUSE here) or another -errno
 */
int odd_file_create(struct odd_file **ret_file);
/** Borrowed. To be closed only after odd_file_release(). */
int odd_file_fd(const struct odd_file *file);
/** End the file system: all that wait go on with an error. */
void odd_file_release(struct odd_file *file);
/** Release and free; NULL is accepted. */
void odd_file_destroy(struct odd_file *file);

/**
 * A TCP socket with unsent data, whose last close() waits for an hour. returns  it, or -errno;
 * ret_reader: closing this one ends the waiting
 */
int odd_socket(int *ret_reader);
/**
 * Send bytes[size] to a connected Unix socket, and with them n descriptors (borrowed; 0 to
 * ODD_MAX_FDS), without waiting. returns  bytes sent, or -errno
 */
ssize_t odd_send(int to, const void *bytes, size_t size, const int *fds, unsigned n);
/**
 * Send bytes[size] to a connected Unix socket, and with them an odd_socket() that then only lies
 * there: whoever receives it without room for it, or closes the socket that it lies in, waits.
 * Where nothing can be sent it is closed; who sends never waits for it. returns  bytes sent, or
 * -errno
 */
ssize_t odd_socket_send(int to, const void *bytes, size_t size, int *ret_reader);
/** The same with one byte, out of band (MSG_OOB). */
ssize_t odd_socket_send_urgent(int to, int *ret_reader);

#endif
