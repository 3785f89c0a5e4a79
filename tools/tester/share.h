/**
 * share: how much of its core a polling thread really had.
 *
 * Where other programs run on the same core, a rate says nothing about the switch. A thread that
 * polls runs all the time, so that less run time than time went by means that it was disturbed.
 * Time that a hypervisor takes from the core is not seen here.
 *
 * A switch has several threads; its packet thread is the one that ran the most from share_begin()
 * to share_pick(), with load in between.
 */
#ifndef WEFT_TOOLS_TESTER_SHARE_H
#define WEFT_TOOLS_TESTER_SHARE_H

#include <stdint.h>

/** Below this a window is disturbed. */
#define SHARE_MIN         0.97
#define SHARE_MAX_THREADS 128

struct share {
	int pid;
	int tid; /* watched; 0: none */
	unsigned n_threads;
	struct {
		int tid;
		uint64_t run_ns;
	} threads[SHARE_MAX_THREADS]; /* as of share_begin() */
};

/** 0, or -ENOENT when there is no such process. */
int share_begin(struct share *share, int pid);
void share_pick(struct share *share);
/** Run time of the picked thread so far, ns; 0 when it cannot be read. */
uint64_t share_run_ns(const struct share *share);
/** The same of the calling thread. */
uint64_t share_own_run_ns(void);

#endif
