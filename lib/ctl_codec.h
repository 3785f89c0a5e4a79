/**
 * ctl_codec: messages to JSON and back, and whether two are the same.
 *
 * Threads: any; no state.
 */
#ifndef WEFT_LIB_CTL_CODEC_H
#define WEFT_LIB_CTL_CODEC_H

#include "ctl_schema.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Decode a JSON object text[len] into msg (schema->size bytes, zeroed first).
 * returns  0, -EPROTO (not an object, too deep), -EMSGSIZE, -EINVAL or -ERANGE (unknown, missing or
 *          bad field; err->field set)
 */
int ctl_decode(const struct ctl_struct *schema, const char *text, size_t len, void *msg,
	struct err *err);
/** Encode the present fields as a JSON object. ret_text is owned (free()). 0 or -ENOMEM. */
int ctl_encode(const struct ctl_struct *schema, const void *msg, char **ret_text);

/** Same value, where both have one? */
bool ctl_field_equal(const struct ctl_field *field, const void *a, const void *b);
/** The first field of mask that one has and the other not, or with another value; NULL = none. */
const struct ctl_field *ctl_find_difference(const struct ctl_struct *schema, const void *a,
	const void *b, uint64_t mask);
/** The first field of mask that wanted has and old has not, or with another value; NULL = none. */
const struct ctl_field *ctl_find_change(const struct ctl_struct *schema, const void *old,
	const void *wanted, uint64_t mask);
/** Same presence and same values. */
bool ctl_msg_equal(const struct ctl_struct *schema, const void *a, const void *b);

#endif
