/**
 * policer_check: what settings of a policer mean together, before any switch is asked: for the
 * switch, and for who writes them into a file.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_POLICER_POLICER_CHECK_H
#define WEFT_VSWITCH_FEATURE_POLICER_POLICER_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"

/** 0, -EINVAL (two meters, one setting that lacks another) or -ERANGE; err: the value and the
 *  reason, what to change as its hint, the setting as its field, in the words of lab files */
int policer_check(const struct ctl_policer *s, struct err *err);

#endif
