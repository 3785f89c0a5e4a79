/**
 * disk_op: one operation on a disk's file, as it passes between device, disk_file and engine.
 */
#ifndef WEFT_VMM_DEV_DISK_OP_H
#define WEFT_VMM_DEV_DISK_OP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum disk_op_kind {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH, /* all that is done so far goes to stable storage */
	DISK_PUNCH, /* deallocate; reads as zero */
	DISK_ZERO,  /* zero, stays allocated */
};

/** Owned by the submitter and left alone until it is reported. */
struct disk_op {
	enum disk_op_kind kind;
	bool is_stable;     /* on stable storage before it is done, as if a flush followed */
	uint64_t offset;    /* where it goes on; as given at first */
	uint64_t len;       /* bytes that are left; as given at first */
	struct iovec *segs; /* segs[n_segs] for reads and writes; together len bytes; changed */
	unsigned n_segs;
	int result; /* 0 or -errno; from an engine: bytes or -errno */
	struct disk_op *next;
	/* disk_file's own: */
	enum disk_op_kind step; /* what the engine has to do now: kind, or the flush after it */
	unsigned n_tries;       /* in a row without progress */
};

#endif
