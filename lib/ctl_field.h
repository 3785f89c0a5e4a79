/**
 * ctl_field: single fields of messages, as users type and read them.
 *
 * Threads: any; no state. Messages of errors begin with the field's name, and err->field is set.
 */
#ifndef WEFT_LIB_CTL_FIELD_H
#define WEFT_LIB_CTL_FIELD_H

#include "ctl_schema.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Set one field from a word as a user types it (CLI, lab file). The same bounds and messages as
 * ctl_decode(). returns 0, -ENOENT (no such field), -EINVAL or -ERANGE.
 */
int ctl_field_parse(const struct ctl_struct *schema, void *msg, const char *field, const char *word,
	struct err *err);
/** Print one field's value (plain, unquoted); "" when absent. Returns the length as snprintf(). */
size_t ctl_field_format(const struct ctl_field *field, const void *msg, char *buf, size_t size);
const struct ctl_field *ctl_field_find(const struct ctl_struct *schema, const char *name);
/** Is field i of msg present? */
bool ctl_field_is_set(const void *msg, unsigned i);
/** The field that an unknown name was likely meant to be; NULL = none is near. */
const char *ctl_field_nearest(const struct ctl_struct *schema, const char *name);

#endif
