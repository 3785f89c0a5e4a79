/**
 * sflow_stage: one in N of the frames that a port sends, sampled by a stage (datapath/stage.h): the
 * header bytes are punted to control (datapath/punt.h), the frame goes on.
 *
 * How many frames pass before the next sample is random, between one and twice the rate, so that
 * traffic that repeats itself is not sampled always at the same place; the mean is the rate. Frames
 * that are not sampled cost a subtraction a burst. Patch ports sample nothing: what comes from them
 * was sampled where it entered the switch.
 *
 * Threads: any worker, under the lock of the port where there are several; control changes the rate
 * meanwhile. Source: sFlow version 5 (sflow.org, July 2004), 3.1 "Sampling of Switched Flows".
 */
#ifndef WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_STAGE_H
#define WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_STAGE_H

#include "stage.h"

#include <stdatomic.h>

/** Bytes of a frame that a sample has. */
#define SFLOW_HEADER_BYTES 128

/** Words of a punted sample: how many frames there were to sample from, and of how many samples the
 *  copies were lost. */
enum { SFLOW_POOL, SFLOW_LOST };

/** Of one port. */
struct sflow_point {
	alignas(64) _Atomic uint32_t rate; /* control's: one in so many; 1..2^24 */
	_Atomic bool lock;
	uint32_t skip; /* frames until the next sample, with it */
	uint32_t random;
	uint64_t pool, lost;
};

/** conf: a struct sflow_point. All frames of mask go on. */
uint64_t sflow_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);

#endif
