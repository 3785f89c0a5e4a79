/**
 * pacing: a guest sends no faster than a rate, without losing anything: the switch takes its frames
 * no faster (datapath/pace.h), and TCP slows down.
 *
 * Data model. A port with pacing has a block (block.h) with the bucket that its queues share. A
 * change begins with a full one.
 *
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_PACING_PACING_H
#define WEFT_VSWITCH_FEATURE_PACING_PACING_H

#include "block.h"
#include "err.h"
#include "feature.h"

/** Its state is a struct blocks. */
extern const struct feature pacing_feature;

/**
 * Check settings, and get what they need.
 *
 * settings   a struct ctl_pacing, of the port from now on; no field is set = none
 * tsc_hz     ticks a second of the workers' clock
 * ret_block  owned, for block_put(); NULL: the port is to have none
 * returns    0, -EINVAL, -ERANGE (settings), -ENOMEM; err set
 */
int pacing_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block,
	struct err *err);

#endif
