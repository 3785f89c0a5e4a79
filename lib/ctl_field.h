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
 * ctl_decode(), but that what measures something has its unit (20ms). returns 0, -ENOENT (no such
 * field), -EINVAL or -ERANGE.
 */
int ctl_field_parse(const struct ctl_struct *schema, void *msg, const char *field, const char *word,
	struct err *err);
/** The same for a field of the message within (CTL_KIND_MSG) that `field` of msg is. */
int ctl_field_parse_within(const struct ctl_field *field, void *msg, const char *name,
	const char *word, struct err *err);
/** Print one field's value (plain, unquoted); "" when absent. Returns the length as snprintf(). */
size_t ctl_field_format(const struct ctl_field *field, const void *msg, char *buf, size_t size);
const struct ctl_field *ctl_field_find(const struct ctl_struct *schema, const char *name);
/** What is known of the field in one line: its help, what types take it and its default, as in
 *  "replay for ever (pcap; default off)". Cut where it does not fit. Returns buf. */
const char *ctl_field_help(const struct ctl_struct *schema, const struct ctl_field *field,
	char *buf, size_t size);
/** Room for any ctl_field_help(). */
#define CTL_HELP_SIZE 192

/** The fields with one of these accesses (enum ctl_access), as bits of a set mask. */
uint64_t ctl_fields(const struct ctl_struct *schema, unsigned accesses);
/** Set the fields of mask that msg lacks and that have a default. */
void ctl_fill_defaults(const struct ctl_struct *schema, void *msg, uint64_t mask);
/** Copy the fields of mask that src has over those of dst; of messages within, what they have. */
void ctl_merge(const struct ctl_struct *schema, void *dst, const void *src, uint64_t mask);
/** Empty the messages within msg that src has. */
void ctl_clear_within(const struct ctl_struct *schema, void *msg, const void *src);
/** In messages within, forget what is at its default, and those of which nothing is left: so that
 *  two that mean the same are the same. */
void ctl_trim(const struct ctl_struct *schema, void *msg);
/** Messages within are no larger, and values of their fields no longer. */
#define CTL_SUB_MAX    512
#define CTL_VALUE_SIZE 128

/**
 * Relative paths of files in msg (is_path) get the working directory before them.
 * returns  0, -ENAMETOOLONG (err->field set), or what getcwd() gave
 */
int ctl_make_absolute(const struct ctl_struct *schema, void *msg, struct err *err);

/** May a request have that value of an enum? Others are not offered to people. */
bool ctl_field_offers(const struct ctl_field *field, unsigned value);

/** Is field i of msg present? */
bool ctl_field_is_set(const void *msg, unsigned i);
/** The field that an unknown name was likely meant to be; NULL = none is near. */
const char *ctl_field_nearest(const struct ctl_struct *schema, const char *name);

#endif
