/**
 * disk_ring: an io_uring that can do nothing but the operations of a disk on one open file.
 *
 * System calls that a ring carries out pass by the system call filter (sandbox.h), so the ring has
 * limits of its own, which the kernel keeps and nobody can take back: it reads, writes, syncs and
 * allocates, only on the file that is registered as number 0, and nothing can be registered later.
 * Threads: the caller's. Life cycle: disk_ring_open(), io_uring_queue_exit(); or that of an engine.
 * Needs Linux 5.10; an older one is refused as if it had no io_uring.
 * Source: io_uring_register(2), IORING_REGISTER_RESTRICTIONS.
 */
#ifndef WEFT_VMM_DEV_DISK_RING_H
#define WEFT_VMM_DEV_DISK_RING_H

#include "disk_engine.h"

#include <liburing.h>

/** What an entry of the ring gives for its file, with IOSQE_FIXED_FILE, which each must have. */
#define DISK_RING_FILE 0

/** fd, event_fd: borrowed; event_fd counts completions. Returns 0 or -errno. */
int disk_ring_open(struct io_uring *ret_ring, unsigned n_entries, int fd, int event_fd);
/** Can this process have one? 0 or -errno. */
int disk_ring_probe(void);

/** An engine on such a ring. */
disk_engine_open_fn disk_ring_engine;

#endif
