/**
 * disk_file: asynchronous operations on a raw disk image or block device.
 *
 * By io_uring; where the kernel has none for us, by threads (disk_engine.h). An operation is over
 * when all of it is done: short transfers go on where they ended, EINTR and EAGAIN are tried again,
 * a flush follows where the operation has to be stable.
 * No room (ENOSPC, EDQUOT) is no end of a write, punch or zero either: with a full() callback the
 * operation is held until disk_file_retry() or disk_file_cancel(). A flush is never held: what it
 * failed to write may be forgotten by the kernel, so that a second one would lie.
 *
 *   submitted -> in the engine -> over: reported by done()
 *                  ^    |  ^----- more to do
 *            retry |    v no room
 *                  held --cancel--> over
 *
 * Threads: the loop's, but for disk_file_cancel(). Callbacks come from the loop or from
 * disk_file_drain(), never from disk_file_submit(), which may be called with locks that they take.
 * Life cycle: disk_file_open(), disk_file_start() before the first operation, disk_file_close(),
 * which waits for what is in flight and reports it first. Limits: n_max operations in flight.
 */
#ifndef WEFT_VMM_DEV_DISK_FILE_H
#define WEFT_VMM_DEV_DISK_FILE_H

#include "disk_engine.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_file;
struct err;
struct ev;

struct disk_file_config {
	struct ev *ev;
	const char *path; /* copied */
	bool is_read_only;
	unsigned n_max;
	disk_engine_open_fn *engine; /* NULL = io_uring, or else threads */
	/** ops: what is over, linked by next. */
	void (*done)(void *ctx, struct disk_op *ops);
	/** The first operation is held, for want of room (code). NULL = the operation fails. */
	void (*full)(void *ctx, int code);
	void *ctx;
};

/** returns 0, -EBUSY (locked by another process), or what opening said */
int disk_file_open(const struct disk_file_config *config, struct disk_file **ret_file,
	struct err *err);
void disk_file_close(struct disk_file *file);
/** Make the threads that the engine needs, each of which calls enter_fn first. 0 or -errno. */
int disk_file_start(struct disk_file *file, disk_enter_fn *enter_fn, void *enter_ctx);

const char *disk_file_path(const struct disk_file *file);
uint64_t disk_file_size(const struct disk_file *file);

/** Queue; disk_file_flush_submissions() has all begun that was queued. */
void disk_file_submit(struct disk_file *file, struct disk_op *op);
void disk_file_flush_submissions(struct disk_file *file);
/** Begin again what is held. */
void disk_file_retry(struct disk_file *file);
/**
 * Nobody wants the operations that are in flight any more: what is held or would go on is over with
 * -ECANCELED. Until all are; the caller submits none before. Any thread.
 */
void disk_file_cancel(struct disk_file *file);
/** Wait until nothing is in flight, reporting it. What is held is cancelled. */
void disk_file_drain(struct disk_file *file);

#endif
