/**
 * impair_check: what settings of impairments mean together, before any switch is asked: for the
 * switch, and for who writes them into a file.
 *
 * Pure functions; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_CHECK_H
#define WEFT_VSWITCH_FEATURE_IMPAIR_IMPAIR_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"
#include "settings.h"

/**
 * Make what means the same the same, however it was said: of the impairments within conf, a message
 * of the schema, forget what is at its default, and what says something about that, such as the
 * jitter of no delay, unless req, another one, names it. conf and req may be the same.
 */
void impair_trim(const struct ctl_struct *schema, void *conf, const void *req);

/** The settings of one direction as the model has them. */
struct impair_settings impair_settings_of(const struct ctl_impair *s);

/**
 * Can one direction be like that?
 * returns  0, -EINVAL (two that contradict, one that lacks another) or -ERANGE; err: the value and
 *          the reason, what to change as its hint, the setting as its field, in the words of lab
 *          files
 */
int impair_check(const struct ctl_impair *s, struct err *err);
/** The same of settings that have one model of loss. */
int impair_settings_check(const struct impair_settings *s, struct err *err);

#endif
