/**
 * storm_check: what settings of storm control mean together, before any switch is asked: for the
 * switch, and for who writes them into a file.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_STORM_STORM_CHECK_H
#define WEFT_VSWITCH_FEATURE_STORM_STORM_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"

/** 0, -EINVAL (two limits of one kind) or -ERANGE (less than there may be); err: the value and the
 *  reason, what to change as its hint, the setting as its field, in the words of lab files */
int storm_check(const struct ctl_storm *s, struct err *err);

#endif
