/**
 * eal: DPDK's environment layer, kept in the background.
 *
 * DPDK wants arguments, huge pages, a runtime directory, one pinned thread per core and the
 * console. Here it gets none of these: the arguments are chosen inside, memory is ordinary and
 * small, nothing is left in the file system, threads keep the CPUs that the caller had, and what it
 * has to say goes to our log. Packet workers are threads of our own.
 *
 * Threads: the main thread, before others start and after they ended. Once per process.
 */
#ifndef WEFT_VSWITCH_EAL_H
#define WEFT_VSWITCH_EAL_H

#include "err.h"

/** Initialise. returns 0 or -errno with err set */
int eal_start(struct err *err);
/** Release what eal_start() took. */
void eal_stop(void);

#endif
