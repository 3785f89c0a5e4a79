#include "conf.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "ctl_field_priv.h"
#include "feature/impair/impair_check.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int conf_check_writable(const struct ctl_struct *schema, const void *msg, unsigned accesses,
	const char *kind, const char *name, struct err *err)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (!ctl_field_is_set(msg, i) || (schema->fields[i].access & accesses))
			continue;
		return err_set_field(err, -EINVAL, schema->fields[i].name,
			"%s '%s': %s is reported by the switch and cannot be set", kind, name,
			schema->fields[i].name);
	}
	return 0;
}

/* On a command line it has to be told from options, and is one word. */
static int check_new_name(const char *kind, const char *name, struct err *err)
{
	bool blank = strpbrk(name, " \t") != NULL;

	if (name[0] != '-' && !blank)
		return 0;
	(void)err_set_field(err, -EINVAL, "name", "%s '%s': a name %s", kind, name,
		blank ? "has no blanks" : "does not begin with '-', as options do");
	return -EINVAL;
}

int conf_check_new(const struct ctl_struct *schema, const void *req, const char *kind,
	const char *name, struct err *err)
{
	int r = conf_check_writable(schema, req, CTL_ACCESS_ADD, kind, name, err);

	return r < 0 ? r : check_new_name(kind, name, err);
}

int conf_check_change(const struct ctl_struct *schema, const void *old, const void *req,
	const char *kind, const char *name, struct err *err)
{
	const struct ctl_field *fixed =
		ctl_find_change(schema, old, req, ctl_fields(schema, CTL_ACCESS_NEW));
	int r = conf_check_writable(schema, req, CTL_ACCESS_SET, kind, name, err);

	if (r < 0 || !fixed)
		return r;
	(void)err_set_field(err, -EINVAL, fixed->name,
		"%s '%s': its %s cannot change while it exists", kind, name, fixed->name);
	err_hint(err, "delete the %s and add it again", kind);
	return -EINVAL;
}

int conf_change(const struct ctl_struct *schema, const void *old, const void *req, uint64_t mask,
	const char *kind, const char *name, void *ret_conf, struct err *err)
{
	const struct ctl_field *replace = ctl_field_find(schema, "replace");
	int r;

	/* How it is meant is no setting. */
	memcpy(ret_conf, req, schema->size);
	*(uint64_t *)ret_conf &= ~(UINT64_C(1) << replace->idx);
	r = conf_check_change(schema, old, ret_conf, kind, name, err);
	if (r < 0)
		return r;
	memcpy(ret_conf, old, schema->size);
	if (*(const bool *)ctl_field_at_const(replace, req))
		ctl_clear_within(schema, ret_conf, req);
	ctl_merge(schema, ret_conf, req, mask);
	impair_trim(schema, ret_conf, req);
	return 0;
}

/* Of one field, "-" for one that is absent. */
static const char *format_value(const struct ctl_field *field, const void *msg, char *buf,
	size_t size)
{
	if (!ctl_field_is_set(msg, field->idx) || !ctl_field_format(field, msg, buf, size))
		(void)str_copy(buf, size, "-");
	return buf;
}

/* Text that grows as far as there is room. */
struct text {
	char *buf;
	size_t size, used;
};

/* within: the name of the message that these are fields of, and a dot; or "". */
static void add_changes(struct text *text, const char *within, const struct ctl_struct *schema,
	const void *old, const void *conf)
{
	for (unsigned i = 0; i < schema->n_fields && text->used < text->size; i++) {
		const struct ctl_field *field = &schema->fields[i];
		char before[128], after[128];

		if (field->kind == CTL_KIND_MSG) {
			(void)snprintf(before, sizeof(before), "%s%s.", within, field->name);
			add_changes(text, before, field->sub, ctl_field_at_const(field, old),
				ctl_field_at_const(field, conf));
			continue;
		}
		(void)format_value(field, old, before, sizeof(before));
		(void)format_value(field, conf, after, sizeof(after));
		if (strcmp(before, after) != 0)
			text->used += (size_t)snprintf(text->buf + text->used,
				text->size - text->used, "%s%s%s %s -> %s", text->used ? ", " : "",
				within, field->name, before, after);
	}
}

const char *conf_format_change(const struct ctl_struct *schema, const void *old, const void *conf,
	char *buf, size_t size)
{
	struct text text = {buf, size, 0};

	buf[0] = '\0';
	add_changes(&text, "", schema, old, conf);
	return buf;
}

int conf_check_exists(const struct ctl_struct *schema, const void *old, const void *wanted,
	bool exist_ok, const char *kind, const char *name, const char *error_name, struct err *err)
{
	const struct ctl_field *other = ctl_find_difference(schema, old, wanted, UINT64_MAX);

	if (exist_ok && other) {
		(void)err_set_field(err, -EEXIST, other->name, "%s '%s': exists with another %s",
			kind, name, other->name);
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

int conf_check_named(const struct ctl_ref *ref, const char *kind, struct err *err)
{
	if (CTL_HAS(ref, ctl_ref, name))
		return 0;
	return err_set_field(err, -EINVAL, "name", "%s: name missing", kind);
}
