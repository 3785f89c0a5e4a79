#include "conf.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t field_size(const struct ctl_field *field)
{
	switch (field->kind) {
	case CTL_KIND_BOOL:
		return sizeof(bool);
	case CTL_KIND_U16:
		return sizeof(uint16_t);
	case CTL_KIND_U32:
	case CTL_KIND_ENUM:
		return sizeof(uint32_t);
	case CTL_KIND_U64:
		return sizeof(uint64_t);
	case CTL_KIND_STR:
		return field->max + 1;
	case CTL_KIND_MAC:
		return sizeof(struct ether_addr48);
	case CTL_KIND_VLANS:
		return sizeof(struct vlan_set);
	}
	return 0;
}

/* Every message begins with its presence mask (CTL_STRUCT). */
static uint64_t *set_mask(void *msg)
{
	return msg;
}

int conf_check_writable(const struct ctl_struct *schema, const void *msg, uint64_t besides,
	const char *kind, const char *name, struct err *err)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (!ctl_field_is_set(msg, i) || !(schema->fields[i].show_only || besides >> i & 1))
			continue;
		return err_set_field(err, -EINVAL, schema->fields[i].name,
			"%s '%s': %s is reported by the switch and cannot be set", kind, name,
			schema->fields[i].name);
	}
	return 0;
}

void conf_merge(const struct ctl_struct *schema, void *dst, const void *src, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if (!(mask >> i & 1) || !ctl_field_is_set(src, i))
			continue;
		memcpy((char *)dst + field->offset, (const char *)src + field->offset,
			field_size(field));
		*set_mask(dst) |= UINT64_C(1) << i;
	}
}

const struct ctl_field *conf_find_change(const struct ctl_struct *schema, const void *old,
	const void *wanted, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if ((mask >> i & 1) && ctl_field_is_set(wanted, i) &&
			!(ctl_field_is_set(old, i) && ctl_field_equal(field, old, wanted)))
			return field;
	}
	return NULL;
}

/* Of one field, "-" for one that is absent. */
static const char *format_value(const struct ctl_field *field, const void *msg, char *buf,
	size_t size)
{
	if (!ctl_field_is_set(msg, field->idx) || !ctl_field_format(field, msg, buf, size))
		(void)str_copy(buf, size, "-");
	return buf;
}

const char *conf_format_change(const struct ctl_struct *schema, const void *old, const void *conf,
	char *buf, size_t size)
{
	char before[128], after[128];
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < schema->n_fields && used < size; i++) {
		const struct ctl_field *field = &schema->fields[i];

		(void)format_value(field, old, before, sizeof(before));
		(void)format_value(field, conf, after, sizeof(after));
		if (strcmp(before, after) != 0)
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s -> %s",
				used ? ", " : "", field->name, before, after);
	}
	return buf;
}

int conf_check_exists(const struct ctl_struct *schema, const void *old, const void *wanted,
	bool exist_ok, const char *kind, const char *name, const char *error_name, struct err *err)
{
	for (unsigned i = 0; exist_ok && i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if (ctl_field_is_set(old, i) == ctl_field_is_set(wanted, i) &&
			(!ctl_field_is_set(old, i) || ctl_field_equal(field, old, wanted)))
			continue;
		(void)err_set_field(err, -EEXIST, field->name, "%s '%s': exists with another %s",
			kind, name, field->name);
		err_name(err, error_name);
		err_hint(err, "change it with `netcfg %s set %s`", kind, name);
		return -EEXIST;
	}
	if (exist_ok)
		return 0;
	(void)err_set_field(err, -EEXIST, "name", "%s '%s': exists already", kind, name);
	err_name(err, error_name);
	return -EEXIST;
}

int conf_check_new_name(const char *kind, const char *name, struct err *err)
{
	bool blank = strpbrk(name, " \t") != NULL;

	if (name[0] != '-' && !blank)
		return 0;
	(void)err_set_field(err, -EINVAL, "name", "%s '%s': a name %s", kind, name,
		blank ? "has no blanks" : "does not begin with '-', as options do");
	return -EINVAL;
}

int conf_check_named(const struct ctl_ref *ref, const char *kind, struct err *err)
{
	if (CTL_HAS(ref, ctl_ref, name))
		return 0;
	return err_set_field(err, -EINVAL, "name", "%s: name missing", kind);
}
