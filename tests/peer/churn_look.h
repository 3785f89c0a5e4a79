/**
 * churn_look: captures that come and go at a switch under load, and whose readers read nothing.
 *
 * Threads: one. Life cycle: churn_look() as often as wanted, churn_look_end() when the switch is
 * to be as it was, or the test ends.
 */
#ifndef WEFT_TESTS_PEER_CHURN_LOOK_H
#define WEFT_TESTS_PEER_CHURN_LOOK_H

#include "switch_proc.h"

#include <stdint.h>

/** Begin or end a capture of a port that is there, of all, or of what is dropped; random: which.
 *  Fails the test where the switch refuses. */
void churn_look(const struct switch_proc *proc, const char *port, uint32_t random);

/** End every capture. */
void churn_look_end(void);

/** Captures begun since the test began. */
unsigned churn_look_n(void);

#endif
