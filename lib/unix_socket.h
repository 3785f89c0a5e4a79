/**
 * unix_socket: listening Unix sockets in the file system, which never cost anybody a file.
 *
 * A listener takes the place of a socket that a dead process left. One that is served, and anything
 * else at the path, stays; and at the end only the listener's own socket is removed, whoever put
 * something else at the path meanwhile.
 *
 * Order. The socket is bound to a name of its own in the same folder, gets its mode and its owner
 * (of its inode, never through a link), and listens there; link(2) then gives it the path and fails
 * if anything is there. So whoever finds it finds it served, and two programs that start at once
 * cannot take each other's for dead. A dead socket is moved aside first, and looked at again there:
 * what is not the file that was found dead is put back. Programs of ours that replace the same
 * socket at once take turns by a lock on the folder, for which they wait UNIX_LOCK_MS at most. A
 * program that binds its socket a while before it listens cannot be told from a dead one.
 *
 * Threads: any. Limits: a path of at most UNIX_PATH_MAX bytes.
 */
#ifndef WEFT_LIB_UNIX_SOCKET_H
#define WEFT_LIB_UNIX_SOCKET_H

#include "err.h"

#include <sys/types.h>
#include <sys/un.h>

#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define UNIX_LOCK_MS  20

struct closer;

struct unix_listener {
	int fd;    /* owned; non-blocking */
	dev_t dev; /* identity of the socket's file */
	ino_t ino;
};

/** The address of path: 0, -EINVAL if it is empty, or -ENAMETOOLONG. */
int unix_address(const char *path, struct sockaddr_un *ret_address);

/** Of the socket's file: who may connect. */
struct unix_access {
	mode_t mode; /* 0 = as the umask leaves it */
	uid_t uid;   /* -1 = ours */
	gid_t gid;   /* -1 = ours, or the folder's */
};

/**
 * Listen at path. mode: of the socket's file; 0 = as the umask leaves it. what: the object that the
 * messages begin with, e.g. "control socket"; borrowed.
 * returns  0, -EADDRINUSE (served), -EEXIST (no socket), -ENAMETOOLONG, -EINVAL, or what bind()
 *          gave.
 */
int unix_listen(const char *path, mode_t mode, int backlog, const char *what,
	struct unix_listener *ret_listener, struct err *err);
/**
 * The same for others: the socket's file has that access before anybody can connect.
 * returns  as unix_listen(); -EPERM: we may not give it away (CAP_CHOWN), or give a path to what is
 *          not ours (CAP_FOWNER, where the host protects hard links)
 */
int unix_listen_for(const struct unix_access *access, const char *path, int backlog,
	const char *what, struct unix_listener *ret_listener, struct err *err);
/**
 * Could unix_listen() have the path now? Nothing is changed. For what is asked before anything
 * starts; who then listens asks again.
 * returns  0, or what unix_listen() would, of what is at the path
 */
int unix_check_free(const char *path, const char *what, struct err *err);
/**
 * Remove a dead socket at the path, for a library that will listen there and does not itself.
 * returns  0 (nothing is there now), or as unix_check_free()
 */
int unix_clear_dead(const char *path, const char *what, struct err *err);
/**
 * Close, and remove path if it is still this listener's. closer: closes the connections of those
 * who wait to be accepted and have sent descriptors (unix_conn.h); NULL = they stay open.
 */
void unix_listener_close(struct unix_listener *listener, const char *path, struct closer *closer);

#endif
