/**
 * churn_look: what looks at frames, or puts some in, coming and going at a switch under load.
 *
 * Captures whose readers read nothing; mirrors to a port that nobody drives, which loses each copy;
 * an sFlow agent whose collector is not there; frames that are injected and refused by the bridge,
 * and traced. So hosts hear nothing of all that, and copies have to be found among what is dropped.
 *
 * Threads: one. Life cycle: churn_look_begin() for each switch, churn_look() as often as wanted,
 * churn_look_end() when the switch is to be as it was, or the test ends.
 */
#ifndef WEFT_TESTS_PEER_CHURN_LOOK_H
#define WEFT_TESTS_PEER_CHURN_LOOK_H

#include "switch_proc.h"

#include <stdint.h>

/** proc is borrowed until the next one begins. ports: two of bridges, one after the other, so that
 *  each worker of two has one of them: what a worker gets for good it gets now. */
void churn_look_begin(struct switch_proc *proc, const char *const ports[2]);
/** Begin, change or end something at a port of a bridge that is there; random: what. Fails the test
 *  where the switch refuses. */
void churn_look(const char *port, uint32_t random);

/** End all that is there. gone: the switch may be. */
void churn_look_end(bool gone);

/** What was begun, changed and put in since the test began, in words. */
const char *churn_look_counts(void);

#endif
