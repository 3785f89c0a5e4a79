#include "change_text.h"

#include "ctl_codec.h"
#include "ctl_field.h"

#include <stdio.h>

static const char *value_of(const struct ctl_field *field, const void *object, char *buf,
	size_t size)
{
	if (!ctl_field_is_set(object, field->idx))
		return "none";
	(void)ctl_field_format(field, object, buf, size);
	return buf;
}

const char *change_text(const struct ctl_struct *schema, uint64_t mask, const void *old,
	const void *object, char *buf, size_t size)
{
	char from[CTL_VALUE_SIZE], to[CTL_VALUE_SIZE];
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < schema->n_fields && used < size; i++) {
		const struct ctl_field *field = &schema->fields[i];
		uint64_t bit = UINT64_C(1) << i;
		const char *is = value_of(field, object, to, sizeof(to));

		if (!(mask & bit))
			continue;
		if (!old && ctl_field_is_set(object, i))
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s",
				used ? " " : "", field->name, is);
		else if (old && ctl_find_difference(schema, old, object, bit))
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s -> %s",
				used ? ", " : "", field->name,
				value_of(field, old, from, sizeof(from)), is);
	}
	return buf;
}
