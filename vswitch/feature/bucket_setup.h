/**
 * bucket_setup: rates as token buckets have them (datapath/bucket.h).
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_BUCKET_SETUP_H
#define WEFT_VSWITCH_FEATURE_BUCKET_SETUP_H

#include "bucket.h"

/** A rate of bits a second, with a burst of bytes. tsc_hz: ticks a second. */
struct bucket_conf bucket_of_bits(uint64_t bps, uint64_t burst_bytes, uint64_t tsc_hz);
/** A rate of frames a second, with a burst of frames. */
struct bucket_conf bucket_of_frames(uint64_t pps, uint64_t burst_frames, uint64_t tsc_hz);

#endif
