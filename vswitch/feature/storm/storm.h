/**
 * storm: storm control: how much broadcast, multicast and unknown unicast a port may send to all
 * others.
 *
 * Data model. A port with a limit has a block (block.h) with a token bucket for each kind of frames
 * that has one, of a burst of a tenth of a second and one frame at least, and a stage on what the
 * port floods (storm_stage.h). So a frame counts as broadcast, multicast or unknown unicast if it
 * goes to all, behind the ingress rules and the look-up; an end of a link floods nothing. A change
 * begins with full buckets.
 *
 * What exceeds a limit is dropped. The first frame of a storm, and a second in which nothing was
 * dropped, are events (feature.h); with the action `shut` the first disables the port.
 *
 * Threads: the control thread. Life cycle: feature.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_STORM_STORM_H
#define WEFT_VSWITCH_FEATURE_STORM_STORM_H

#include "block.h"
#include "err.h"
#include "feature.h"

/** Its state is a struct blocks. */
extern const struct feature storm_feature;

/**
 * Check settings, and get what they need.
 *
 * settings   a struct ctl_storm, of the port from now on; no field is set = none
 * tsc_hz     ticks a second of the workers' clock
 * ret_block  owned, for block_put(); NULL: the port is to have none
 * returns    0, -EINVAL, -ERANGE (settings), -ENOMEM; err set
 */
int storm_prepare(const void *settings, uint64_t tsc_hz, struct block **ret_block, struct err *err);

#endif
