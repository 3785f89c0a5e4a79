/**
 * ctl_words: fields of requests for tests, by the names that they have in the tables.
 *
 * Threads: one.
 */
#ifndef WEFT_TESTS_CTL_WORDS_H
#define WEFT_TESTS_CTL_WORDS_H

#include "ctl_field.h"

#include <errno.h>
#include <string.h>

/** As ctl_field_parse(); name may be FIELD.FIELD, for one of a message within: "a_to_b.delay". */
static inline int ctl_word_parse(const struct ctl_struct *schema, void *msg, char *name,
	const char *value, struct err *err)
{
	char *within = strchr(name, '.');
	const struct ctl_field *field;

	if (!within)
		return ctl_field_parse(schema, msg, name, value, err);
	*within++ = '\0';
	field = ctl_field_find(schema, name);
	return field ? ctl_field_parse_within(field, msg, within, value, err)
		     : err_set(err, -ENOENT, "no field '%s'", name);
}

#endif
