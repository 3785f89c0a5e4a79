/**
 * ctl_json: the part of the control protocol that knows JSON; for ctl_*.c only.
 *
 * Untrusted text becomes a json_t in one place, ctl_json_load(), which bounds size and depth before
 * jansson sees it. Strings that leave are made valid: a byte that is no UTF-8 and a control
 * character become '?'; strings that arrive with control characters are refused, so no name can
 * drive a terminal.
 * Threads: any; no state.
 */
#ifndef WEFT_LIB_CTL_JSON_H
#define WEFT_LIB_CTL_JSON_H

#include "ctl_schema.h"
#include "err.h"

#include <jansson.h>

/**
 * Parse text[len] as one JSON object without duplicate keys.
 * ret_json  owned (json_decref())
 * returns   0, -EPROTO (not JSON, not an object, nested deeper than CTL_MAX_DEPTH), -EMSGSIZE
 */
int ctl_json_load(const char *text, size_t len, json_t **ret_json, struct err *err);
/** Owned text (free()) in compact form, or NULL without memory. ret_len excludes the NUL. */
char *ctl_json_dump(const json_t *json, size_t *ret_len);

/**
 * As ctl_decode(); json is borrowed. In a request an unknown field is a typing error; in the reply
 * of a newer program it is news that an older client does without (skip_unknown).
 */
int ctl_json_decode(const struct ctl_struct *schema, const json_t *json, bool skip_unknown,
	void *msg, struct err *err);
/** Owned object of the fields present. 0, -ENOMEM, -EINVAL (msg holds what no table allows). */
int ctl_json_encode(const struct ctl_struct *schema, const void *msg, json_t **ret_json);

/** An owned JSON string of text[at most max_len], made valid. NULL without memory. */
json_t *ctl_json_string(const char *text, size_t max_len);

#endif
