#include "mirror.h"

#include "ctl_codec.h"
#include "ctl_field.h"

#include <stdio.h>
#include <string.h>

int mirror_compile(struct ctl_mirror *mirror, struct pcap_filter_mark *ret_mark, struct err *err)
{
	int r;

	*ret_mark = (struct pcap_filter_mark){0};
	if (!CTL_HAS(mirror, ctl_mirror, filter))
		return 0;
	r = pcap_filter_compile(mirror->filter, mirror->program, ret_mark, err);
	if (!r && mirror->program[0])
		CTL_MARK(mirror, ctl_mirror, program);
	else if (!r)
		CTL_UNMARK(mirror, ctl_mirror, filter);
	return r;
}

/* A setting as people type it; a filter is longer than others. */
static const char *value_of(const struct ctl_field *field, const struct ctl_mirror *mirror,
	char *buf, size_t size)
{
	if (!ctl_field_is_set(mirror, field->idx))
		return "none";
	(void)ctl_field_format(field, mirror, buf, size);
	return buf;
}

const char *mirror_change(const struct ctl_mirror *old, const struct ctl_mirror *mirror, char *buf,
	size_t size)
{
	const uint64_t settings = ctl_fields(&ctl_mirror_schema, CTL_ACCESS_SETTINGS);
	char from[CTL_VALUE_SIZE], to[CTL_VALUE_SIZE];
	size_t used = 0;

	for (unsigned i = 0; i < ctl_mirror_schema.n_fields && used < size; i++) {
		const struct ctl_field *field = &ctl_mirror_schema.fields[i];
		const char *is = value_of(field, mirror, to, sizeof(to));

		if (!(settings >> i & 1))
			continue;
		if (!old && ctl_field_is_set(mirror, i))
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s",
				used ? " " : "", field->name, is);
		else if (old &&
			 ctl_find_difference(&ctl_mirror_schema, old, mirror, UINT64_C(1) << i))
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s -> %s",
				used ? ", " : "", field->name,
				value_of(field, old, from, sizeof(from)), is);
	}
	if (!used)
		(void)snprintf(buf, size, "is made anew");
	return buf;
}
