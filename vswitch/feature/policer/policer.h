/**
 * policer: a rate above which frames that a port sends are dropped, or get another priority.
 *
 * Data model. A port with a policer has a block (block.h) with a meter and an ingress stage
 * (policer_stage.h), behind the port's impairment: it sees what the line brings. A change begins
 * with full buckets.
 *
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_POLICER_POLICER_H
#define WEFT_VSWITCH_FEATURE_POLICER_POLICER_H

#include "block.h"
#include "err.h"
#include "feature.h"

/** Its state is a struct blocks. */
extern const struct feature policer_feature;

/**
 * Check settings, and get what they need.
 *
 * settings   a struct ctl_policer, of the port from now on; no field is set = none
 * tsc_hz     ticks a second of the workers' clock
 * ret_block  owned, for block_put(); NULL: the port is to have none
 * returns    0, -EINVAL, -ERANGE (settings), -ENOMEM; err set
 */
int policer_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block,
	struct err *err);

#endif
