/**
 * conf: what the configurations of bridges, ports and links have in common.
 *
 * Pure functions over messages of the control protocol. Threads: any.
 */
#ifndef WEFT_VSWITCH_CONTROL_CONF_H
#define WEFT_VSWITCH_CONTROL_CONF_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdint.h>

/** Bit of field f of message T in its `set`. */
#define CONF_BIT(T, f) (UINT64_C(1) << (T##__##f))

/**
 * Refuse a request that sets a field which is only shown: ignoring it would let a misunderstanding
 * pass.
 * besides: a mask of CONF_BIT(), others that the request may not set. returns 0 or -EINVAL
 */
int conf_check_writable(const struct ctl_struct *schema, const void *msg, uint64_t besides,
	const char *kind, const char *name, struct err *err);

/** Copy the fields of src that are present and in mask over those of dst. */
void conf_merge(const struct ctl_struct *schema, void *dst, const void *src, uint64_t mask);

/** The first field of mask that wanted sets and old has with another value or not at all; NULL when
 *  there is none. */
const struct ctl_field *conf_find_change(const struct ctl_struct *schema, const void *old,
	const void *wanted, uint64_t mask);

/** What a change from old to conf changes: "tag 10 -> 20, mtu 1500 -> 9000"; what a value was not
 *  given before, or is no more, is "-". Cut where it does not fit. Returns buf. */
const char *conf_format_change(const struct ctl_struct *schema, const void *old, const void *conf,
	char *buf, size_t size);

/**
 * An object that is to be added exists: the answer of an idempotent add.
 * returns  0 when exist_ok and the settings are the same, else -EEXIST, naming the first field that
 *          differs and error_name
 */
int conf_check_exists(const struct ctl_struct *schema, const void *old, const void *wanted,
	bool exist_ok, const char *kind, const char *name, const char *error_name, struct err *err);

/** Can a new object be called so? On a command line it has to be told from options and is one word.
 * returns 0 or -EINVAL */
int conf_check_new_name(const char *kind, const char *name, struct err *err);

/** A request to delete or change must say what. returns 0 or -EINVAL */
int conf_check_named(const struct ctl_ref *ref, const char *kind, struct err *err);

#endif
