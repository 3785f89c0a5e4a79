/**
 * limit_check: what settings of policers, pacing and shapers have in common: they are about a rate.
 *
 * For the switch, and for who writes settings into a file. Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_LIMIT_CHECK_H
#define WEFT_VSWITCH_FEATURE_LIMIT_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"

#define LIMIT_MIN_BPS UINT64_C(1000)
/** A burst of less would let no usual frame pass. */
#define LIMIT_MIN_BURST 1518

/** Where a limit has no rate, forget what conf says about it, unless req names it. conf and req may
 *  be the same. */
void limit_trim(struct ctl_port *conf, const struct ctl_port *req);

/** A rate that is set (0 = it is not) is not too low. 0 or -ERANGE, err and its field set. */
int limit_check_rate(const char *name, uint64_t bps, struct err *err);
/** The same of a burst. */
int limit_check_burst(const char *name, uint64_t bytes, struct err *err);
/** What is set needs another setting. 0 or -EINVAL, err, its field and a hint set. */
int limit_check_needs(const char *name, bool is_set, const char *of, bool has_of, struct err *err);

#endif
