/**
 * conf: what the configurations of bridges, ports and links have in common.
 *
 * Pure functions over messages of the control protocol. Threads: any.
 */
#ifndef WEFT_VSWITCH_CONTROL_CONF_H
#define WEFT_VSWITCH_CONTROL_CONF_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Refuse a request that has fields of other accesses than these (enum ctl_access, as a mask):
 * ignoring them would let a misunderstanding pass. returns 0 or -EINVAL
 */
int conf_check_writable(const struct ctl_struct *schema, const void *req, unsigned accesses,
	const char *kind, const char *name, struct err *err);
/** May req ask for a new object of its name? returns 0 or -EINVAL */
int conf_check_new(const struct ctl_struct *schema, const void *req, const char *kind,
	const char *name, struct err *err);
/** May req change the object that is old now: does it leave what stays? returns 0 or -EINVAL */
int conf_check_change(const struct ctl_struct *schema, const void *old, const void *req,
	const char *kind, const char *name, struct err *err);

/**
 * The settings of an object after req, a LinkSet or a PortSet: those of old, with what req has of
 * the fields of mask; of impairments that it replaces, nothing else. Then conf_check_change() has
 * passed. ret_conf is neither of both. returns 0 or -EINVAL
 */
int conf_change(const struct ctl_struct *schema, const void *old, const void *req, uint64_t mask,
	const char *kind, const char *name, void *ret_conf, struct err *err);

/** What a change from old to conf changes: "tag 10 -> 20, a_to_b.delay 1ms -> 2ms"; what a value
 *  was not given before, or is no more, is "-". Cut where it does not fit. Returns buf. */
const char *conf_format_change(const struct ctl_struct *schema, const void *old, const void *conf,
	char *buf, size_t size);

/**
 * An object that is to be added exists: the answer of an idempotent add.
 * returns  0 when exist_ok and the settings are the same, else -EEXIST, naming the first field that
 *          differs and error_name
 */
int conf_check_exists(const struct ctl_struct *schema, const void *old, const void *wanted,
	bool exist_ok, const char *kind, const char *name, const char *error_name, struct err *err);

/** A request to delete or change must say what. returns 0 or -EINVAL */
int conf_check_named(const struct ctl_ref *ref, const char *kind, struct err *err);

#endif
