/**
 * hold_setup: holds (datapath/hold.h): made and ended.
 *
 * Memory is taken as frames come to lie in it, and stays taken. Threads: the control thread; a hold
 * is ended when it is in no snapshot.
 */
#ifndef WEFT_VSWITCH_FEATURE_HOLD_SETUP_H
#define WEFT_VSWITCH_FEATURE_HOLD_SETUP_H

#include "hold.h"

/** Room for `size` bytes at least, with what the hold adds to each frame. 0 or -errno. */
int hold_create(uint64_t size, struct hold **ret_hold);
/** NULL is accepted. */
void hold_destroy(struct hold *hold);

/** What a hold made for that size takes. */
uint64_t hold_footprint(uint64_t size);
/** Frames in it. Any thread. */
uint64_t hold_n_frames(const struct hold *hold);

#endif
