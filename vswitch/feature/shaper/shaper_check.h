/**
 * shaper_check: what settings of a shaper mean together, before any switch is asked: for the
 * switch, and for who writes them into a file.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_CHECK_H
#define WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"

/** 0, -EINVAL (settings without a rate, weights without drr) or -ERANGE; err: the value and the
 *  reason, what to change as its hint, the setting as its field, in the words of lab files */
int shaper_check(const struct ctl_shaper *s, struct err *err);

#endif
