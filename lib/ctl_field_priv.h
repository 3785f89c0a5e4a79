/**
 * ctl_field_priv: values of single fields in a message, shared by the codec and the word parser so
 * that both refuse the same things in the same words; for ctl_*.c only.
 *
 * Threads: any; no state. Messages of errors begin with the field's name, and err->field is set.
 */
#ifndef WEFT_LIB_CTL_FIELD_PRIV_H
#define WEFT_LIB_CTL_FIELD_PRIV_H

#include "ctl_schema.h"
#include "err.h"

/** Where field's value is in msg. */
void *ctl_field_at(const struct ctl_field *field, void *msg);
const void *ctl_field_at_const(const struct ctl_field *field, const void *msg);
void ctl_field_mark(const struct ctl_field *field, void *msg);

/** Number of names of an enum field. */
unsigned ctl_field_n_names(const struct ctl_field *field);
/** The unsigned value of a U16, U32 or U64 field. */
uint64_t ctl_field_number(const struct ctl_field *field, const void *msg);

/** Store a number in a U16, U32 or U64 field. 0 or -ERANGE. */
int ctl_field_set_number(const struct ctl_field *field, void *msg, uint64_t value, struct err *err);
/** Store text[len] in a STR, MAC, VLANS or ENUM field. 0, -EINVAL or -ERANGE. */
int ctl_field_set_text(const struct ctl_field *field, void *msg, const char *text, size_t len,
	struct err *err);
/** -ENOENT or -EINVAL (code) for a name that schema does not have, with the nearest as hint. */
int ctl_field_unknown(const struct ctl_struct *schema, const char *name, int r, struct err *err);

#endif
