/**
 * change_text: what changes of an object's settings, for people.
 */
#ifndef WEFT_NETCFG_CHANGE_TEXT_H
#define WEFT_NETCFG_CHANGE_TEXT_H

#include "ctl_schema.h"

#include <stddef.h>
#include <stdint.h>

/** The settings of mask that a new object has (old NULL), as "from p1 to p2", or that differ, as
 *  "to p2 -> p3, truncate none -> 64". "" = none. Cut where it does not fit. Returns buf. */
const char *change_text(const struct ctl_struct *schema, uint64_t mask, const void *old,
	const void *object, char *buf, size_t size);

#endif
