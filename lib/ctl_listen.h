/**
 * ctl_listen: a listening control socket in the file system; for ctl_server.c only.
 *
 * A socket that a dead process left is replaced, one that is served is not, and anything else at
 * the path is left alone. Processes that start at once on one path are told apart by a lock on the
 * folder, held for the moment of looking and binding.
 * Limits: path of at most 107 bytes. Mode of the socket 0660.
 */
#ifndef WEFT_CTL_LISTEN_H
#define WEFT_CTL_LISTEN_H

#include "err.h"

#include <sys/types.h>

struct ctl_listener {
	int fd;    /* owned; non-blocking */
	dev_t dev; /* identity of the socket's inode, so that we unlink only our own */
	ino_t ino;
};

/** 0, -EADDRINUSE (served), -EEXIST (no socket), -ENAMETOOLONG, or what bind() gave. */
int ctl_listen(const char *path, struct ctl_listener *ret_listener, struct err *err);
/** Close, and unlink path if it is still this listener's. */
void ctl_listener_close(struct ctl_listener *listener, const char *path);

#endif
