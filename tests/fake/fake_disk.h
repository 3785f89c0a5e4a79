/**
 * fake_disk: an engine of a disk (disk_engine.h) that gives the answers a test wants, and remembers
 * what it was asked.
 *
 * Threads: one; one engine at a time. A step has ended as soon as it was submitted, unless it is
 * held back. Every function fails the running cmocka test when something is wrong with it.
 */
#ifndef WEFT_TESTS_FAKE_FAKE_DISK_H
#define WEFT_TESTS_FAKE_FAKE_DISK_H

#include "dev/disk_engine.h"

#include <limits.h>

#define FAKE_DISK_MAX_STEPS 400
#define FAKE_ALL            INT_MAX /* an answer: as many bytes as were asked for, or success */

struct fake_disk {
	unsigned n_refusals; /* set by the test: of submit() or flush() before they are accepted */
	/* What it was asked. */
	unsigned n_steps;
	struct {
		enum disk_op_kind step;
		uint64_t offset, len, n_bytes; /* n_bytes: of its segments */
		bool is_stable;
	} steps[FAKE_DISK_MAX_STEPS];
};

extern struct fake_disk fake_disk;

/** Forget what was asked. answers (borrowed): to the next steps in order, up to FAKE_ALL, which
 * stands for all that follow; NULL: FAKE_ALL. */
void fake_disk_answer(const int *answers);
/** From now on nothing ends, or all that was held back has. */
void fake_disk_hold(bool on);
/** A disk_engine_open_fn. */
int fake_disk_engine(int fd, int event_fd, unsigned n_max, struct disk_engine *ret);

#endif
