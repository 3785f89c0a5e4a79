/**
 * ctl_sample: messages with every field filled, and the list of both interfaces; for tests of lib.
 */
#ifndef WEFT_TESTS_UNIT_LIB_CTL_SAMPLE_H
#define WEFT_TESTS_UNIT_LIB_CTL_SAMPLE_H

#include "ctl_iface.h"

/** Both interfaces, NULL-terminated. */
extern const struct ctl_interface *const ctl_sample_interfaces[];

/**
 * A message (owned, free()) with every field present: numbers at their upper bound, enums at their
 * last name, strings as long as their field's name.
 */
void *ctl_sample_filled(const struct ctl_struct *schema);

#endif
