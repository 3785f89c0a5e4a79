/**
 * disk_file: asynchronous operations on a raw disk image or block device.
 *
 * By io_uring; where the kernel forbids it, at once and blocking, with the same order of callbacks:
 * an operation is reported from the loop, never from disk_file_submit().
 * Threads: the loop's; disk_file_submit() may be called with locks that done() takes.
 * Life cycle: disk_file_close() waits for what is in flight and reports it first.
 * Limits: n_max operations in flight.
 */
#ifndef VMM_DEV_DISK_FILE_H
#define VMM_DEV_DISK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk_file;
struct err;
struct ev;

enum disk_op_kind {
	DISK_READ,
	DISK_WRITE,
	DISK_WRITE_SYNC, /* on stable storage before it is done */
	DISK_FLUSH,
	DISK_PUNCH, /* deallocate; reads as zero */
	DISK_ZERO,  /* zero, stays allocated */
};

/** Owned by the submitter and left alone until it is reported. */
struct disk_op {
	enum disk_op_kind kind;
	uint64_t offset;
	uint64_t len;
	const struct iovec *segs; /* segs[n_segs] for reads and writes; together len bytes */
	unsigned n_segs;
	int result; /* 0 or -errno */
	struct disk_op *next;
};

/** ops: what is done, linked by next. Called on the loop. */
typedef void disk_done_fn(void *ctx, struct disk_op *ops);

/** returns 0, -EBUSY (locked by another process), or what opening said */
int disk_file_open(struct ev *ev, const char *path, bool is_read_only, unsigned n_max,
	disk_done_fn *done, void *ctx, struct disk_file **ret_file, struct err *err);
void disk_file_close(struct disk_file *file);

const char *disk_file_path(const struct disk_file *file);
uint64_t disk_file_size(const struct disk_file *file);

/** Queue; disk_file_flush_submissions() tells the kernel of all that was queued. */
void disk_file_submit(struct disk_file *file, struct disk_op *op);
void disk_file_flush_submissions(struct disk_file *file);
/** Wait until nothing is in flight, reporting it. */
void disk_file_drain(struct disk_file *file);

#endif
