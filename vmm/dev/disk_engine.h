/**
 * disk_engine: who carries out the operations of a disk: an io_uring (disk_ring.h) or threads
 * (disk_threads.h); in tests, whoever gives the answers that are wanted.
 *
 * An engine does one step (op->step) on the rest of an operation, once, and gives back what the
 * kernel said: short transfers and errors are disk_file's to judge. It counts its eventfd up when
 * something ended.
 * Threads: all calls come from the loop's.
 */
#ifndef WEFT_VMM_DEV_DISK_ENGINE_H
#define WEFT_VMM_DEV_DISK_ENGINE_H

#include "disk_op.h"

/** Called first thing on each thread that an engine makes (sandbox). 0 or -errno. */
typedef int disk_enter_fn(void *ctx);

struct disk_engine_ops {
	/** Make the threads it needs; returns when enter_fn (may be NULL) was called on each. */
	int (*start)(void *engine, disk_enter_fn *enter_fn, void *enter_ctx);
	/** Queue a step. False: not now; ask again when something ended, or after a while. */
	bool (*submit)(void *engine, struct disk_op *op);
	/** Begin all that is queued. False: some is still queued; ask again after a while. */
	bool (*flush)(void *engine);
	/** What has ended, linked by next, with its result. */
	struct disk_op *(*take)(void *engine);
	/** Nothing is under way any more. */
	void (*destroy)(void *engine);
};

struct disk_engine {
	const struct disk_engine_ops *ops;
	void *ctx;
};

/** For at most n_max operations at a time on fd; fd and event_fd are borrowed. 0 or -errno. */
typedef int disk_engine_open_fn(int fd, int event_fd, unsigned n_max, struct disk_engine *ret);

/** The mode of fallocate() for DISK_PUNCH and DISK_ZERO. */
int disk_fallocate_mode(enum disk_op_kind kind);

#endif
