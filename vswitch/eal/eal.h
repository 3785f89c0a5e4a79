/**
 * eal: DPDK's environment, brought up when the first port needs it.
 *
 * A switch of guests alone never does: its data path takes nothing of DPDK but headers and grace
 * periods, which need no environment, and so it starts in milliseconds, without DPDK's drivers and
 * memory. The first port on an Ethernet device costs the control thread some tenths of a second,
 * once; frames meanwhile pass.
 *
 * Set up so that it needs no privileges: no huge pages, no shared configuration, no telemetry
 * socket, and no NIC touched before a port names it. Its messages go to log.h as module
 * "eal".
 *
 * Threads: the control thread. DPDK starts threads of its own for interrupts.
 */
#ifndef WEFT_VSWITCH_EAL_EAL_H
#define WEFT_VSWITCH_EAL_EAL_H

#include "err.h"

/** Start, if that was not done before. 0, or -errno with err set. The CPUs that this thread may run
 *  on do not change. */
int eal_start(struct err *err);
/** At the end of the process; nothing happens if it never started. It cannot start again. */
void eal_stop(void);

#endif
