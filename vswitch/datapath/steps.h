/**
 * steps: what a burst costs a worker, counted where it is spent.
 *
 * In the switch STEP() and STEP_CHECK() are nothing. The library that the data path's tests and
 * fuzz targets link is compiled with WEFT_COUNT_STEPS, and their rig compares the counts of every
 * burst with the bounds that fwd.h states: no input may make a worker take longer. STEP_CHECK()
 * ends them at once where an invariant does not hold.
 */
#ifndef WEFT_VSWITCH_DATAPATH_STEPS_H
#define WEFT_VSWITCH_DATAPATH_STEPS_H

#ifdef WEFT_COUNT_STEPS
#include <stdint.h>

struct steps {
	uint64_t frames;      /* received, */
	uint64_t frame_bytes; /* and their lengths */
	uint64_t descriptors; /* read, of rings and of indirect tables, */
	uint64_t rx_descs;    /* and those of them of the sender's */
	uint64_t segments;    /* made by software segmentation */
	uint64_t bytes;       /* copied or summed up */
};
/** Of this thread; defined by the rig. */
extern _Thread_local struct steps steps_taken;
#define STEP(what, n)     (steps_taken.what += (n))
#define STEP_CHECK(holds) ((holds) ? (void)0 : __builtin_trap())
#else
#define STEP(what, n)     ((void)0)
#define STEP_CHECK(holds) ((void)0)
#endif

#endif
