/**
 * notify: the data path's only system calls: waking a guest, waking control, and sleeping.
 *
 * Threads: workers.
 */
#ifndef WEFT_DATAPATH_NOTIFY_H
#define WEFT_DATAPATH_NOTIFY_H

#include "fwd.h"

/** Interrupt the drivers of fwd->touched[] that want to know, and clear the list. */
void notify_touched(struct fwd *fwd);
/** Write an eventfd that never blocks; a full one already says what there is to say. */
void notify_write(int fd);
/** Wait for an edge on epoll_fd, at most timeout_ms (-1 = for ever). */
void notify_wait(int epoll_fd, int timeout_ms);

#endif
