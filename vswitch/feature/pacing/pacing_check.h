/**
 * pacing_check: what settings of pacing mean together, before any switch is asked: for the switch,
 * and for who writes them into a file.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_PACING_PACING_CHECK_H
#define WEFT_VSWITCH_FEATURE_PACING_PACING_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"

/** 0, -EINVAL (a burst without a rate) or -ERANGE; err: the value and the reason, what to change as
 *  its hint, the setting as its field, in the words of lab files */
int pacing_check(const struct ctl_pacing *s, struct err *err);

#endif
