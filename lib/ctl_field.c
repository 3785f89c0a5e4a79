#include "ctl_field.h"

#include "ctl_codec.h"
#include "ctl_field_priv.h"
#include "former.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much of an offending value a message quotes. */
#define QUOTE_MAX 64

void ctl_copy_str(char *dst, size_t size, const char *src)
{
	(void)str_copy(dst, size, src);
}

void *ctl_field_at(const struct ctl_field *field, void *msg)
{
	return (char *)msg + field->offset;
}

const void *ctl_field_at_const(const struct ctl_field *field, const void *msg)
{
	return (const char *)msg + field->offset;
}

/* Every message starts with its set mask. */
void ctl_field_mark(const struct ctl_field *field, void *msg)
{
	*(uint64_t *)msg |= UINT64_C(1) << field->idx;
}

bool ctl_field_is_set(const void *msg, unsigned i)
{
	return *(const uint64_t *)msg >> i & 1;
}

const struct ctl_field *ctl_field_find(const struct ctl_struct *schema, const char *name)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (!strcmp(schema->fields[i].name, name))
			return &schema->fields[i];
	}
	name = former_word(name);
	return name ? ctl_field_find(schema, name) : NULL;
}

const char *ctl_field_nearest(const struct ctl_struct *schema, const char *name)
{
	const char *names[CTL_MAX_FIELDS];

	for (unsigned i = 0; i < schema->n_fields; i++)
		names[i] = schema->fields[i].name;
	return str_nearest(name, names, schema->n_fields);
}

uint64_t ctl_fields(const struct ctl_struct *schema, unsigned accesses)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < schema->n_fields; i++)
		mask |= (uint64_t) !!(schema->fields[i].access & accesses) << i;
	return mask;
}

void ctl_fill_defaults(const struct ctl_struct *schema, void *msg, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if ((mask >> i & 1) && field->def && !ctl_field_is_set(msg, i))
			(void)ctl_field_parse(schema, msg, field->name, field->def, NULL);
	}
}

void ctl_merge(const struct ctl_struct *schema, void *dst, const void *src, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if (!(mask >> i & 1) || !ctl_field_is_set(src, i))
			continue;
		if (field->kind == CTL_KIND_MSG)
			ctl_merge(field->sub, ctl_field_at(field, dst),
				ctl_field_at_const(field, src), UINT64_MAX);
		else
			memcpy(ctl_field_at(field, dst), ctl_field_at_const(field, src),
				field->size);
		ctl_field_mark(field, dst);
	}
}

static void unmark(const struct ctl_field *field, void *msg)
{
	memset(ctl_field_at(field, msg), 0, field->size);
	*(uint64_t *)msg &= ~(UINT64_C(1) << field->idx);
}

void ctl_clear_within(const struct ctl_struct *schema, void *msg, const void *src)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (schema->fields[i].kind == CTL_KIND_MSG && ctl_field_is_set(src, i))
			unmark(&schema->fields[i], msg);
	}
}

/* Is a field what it is where nothing is said? */
static bool is_default(const struct ctl_struct *schema, const struct ctl_field *field,
	const void *msg)
{
	union {
		uint64_t set;
		char bytes[CTL_SUB_MAX];
	} unset = {0};

	return field->def && !ctl_field_parse(schema, &unset, field->name, field->def, NULL) &&
	       ctl_field_equal(field, msg, &unset);
}

void ctl_trim(const struct ctl_struct *schema, void *msg)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		void *sub = ctl_field_at(field, msg);

		if (field->kind != CTL_KIND_MSG || !ctl_field_is_set(msg, i))
			continue;
		for (unsigned k = 0; k < field->sub->n_fields; k++) {
			if (ctl_field_is_set(sub, k) &&
				is_default(field->sub, &field->sub->fields[k], sub))
				unmark(&field->sub->fields[k], sub);
		}
		if (!*(const uint64_t *)sub)
			unmark(field, msg);
	}
}

static int make_absolute(const struct ctl_field *field, char *path, struct err *err)
{
	char dir[PATH_MAX], *absolute;
	int r = 0;

	if (!path[0] || path[0] == '/')
		return 0;
	if (!getcwd(dir, sizeof(dir)))
		return err_set(err, -errno, "working directory: %m");
	absolute = str_dup_printf("%s/%s", dir, path);
	if (!absolute)
		return err_set(err, -ENOMEM, "out of memory");
	if (strlen(absolute) < field->size)
		(void)str_copy(path, field->size, absolute);
	else
		r = err_set_field(err, -ENAMETOOLONG, field->name,
			"%s '%s' is too long as an absolute path (at most %u bytes)", field->name,
			path, field->size - 1u);
	free(absolute);
	return r;
}

int ctl_make_absolute(const struct ctl_struct *schema, void *msg, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < schema->n_fields; i++) {
		if (schema->fields[i].is_path)
			r = make_absolute(&schema->fields[i], ctl_field_at(&schema->fields[i], msg),
				err);
	}
	return r;
}

/* " (tap, veth; default off)", or nothing where there is nothing to add. */
static void add_help(FILE *out, const struct ctl_struct *schema, const struct ctl_field *field)
{
	const struct ctl_field *type = field->types ? ctl_field_find(schema, "type") : NULL;
	bool is_first = true;

	for (unsigned t = 0; type && type->names[t]; t++) {
		if (!(field->types >> t & 1))
			continue;
		(void)fprintf(out, "%s%s", is_first ? " (" : ", ", type->names[t]);
		is_first = false;
	}
	if (field->def)
		(void)fprintf(out, "%sdefault %s", is_first ? " (" : "; ", field->def);
	if (!is_first || field->def)
		(void)fprintf(out, ")");
}

const char *ctl_field_help(const struct ctl_struct *schema, const struct ctl_field *field,
	char *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");

	if (!out) {
		(void)str_copy(buf, size, field->help);
		return buf;
	}
	(void)fprintf(out, "%s", field->help);
	add_help(out, schema, field);
	(void)fclose(out);
	buf[size - 1] = '\0';
	return buf;
}

bool ctl_field_offers(const struct ctl_field *field, unsigned value)
{
	return value >= 32 || !(field->made >> value & 1);
}

unsigned ctl_field_n_names(const struct ctl_field *field)
{
	unsigned n = 0;

	while (field->names[n])
		n++;
	return n;
}

uint64_t ctl_field_number(const struct ctl_field *field, const void *msg)
{
	const void *at = ctl_field_at_const(field, msg);

	switch (field->kind) {
	case CTL_KIND_U16:
		return *(const uint16_t *)at;
	case CTL_KIND_U32:
		return *(const uint32_t *)at;
	case CTL_KIND_U64:
		return *(const uint64_t *)at;
	default:
		return 0;
	}
}

int ctl_field_unknown(const struct ctl_struct *schema, const char *name, int r, struct err *err)
{
	const char *nearest = ctl_field_nearest(schema, name);

	(void)err_set_field(err, r, name, "unknown field '%.*s'", QUOTE_MAX, name);
	if (nearest)
		err_hint(err, "did you mean '%s'?", nearest);
	return r;
}

int ctl_field_set_number(const struct ctl_field *field, void *msg, uint64_t value, struct err *err)
{
	void *at = ctl_field_at(field, msg);

	if (value < field->min || value > field->max)
		return err_set_field(err, -ERANGE, field->name,
			"%s: %" PRIu64 " is not in %" PRIu64 "..%" PRIu64, field->name, value,
			field->min, field->max);
	if (field->kind == CTL_KIND_U16)
		*(uint16_t *)at = (uint16_t)value;
	else if (field->kind == CTL_KIND_U32)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = value;
	return 0;
}

static int field_set_str(const struct ctl_field *field, char *at, const char *text, size_t len,
	struct err *err)
{
	if (len < field->min || len > field->max) {
		if (!len)
			return err_set_field(err, -ERANGE, field->name, "%s: must not be empty",
				field->name);
		return err_set_field(err, -ERANGE, field->name,
			"%s: '%.*s' has %zu bytes, not %" PRIu64 "..%" PRIu64, field->name,
			QUOTE_MAX, text, len, field->min, field->max);
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return err_set_field(err, -EINVAL, field->name,
				"%s: has a control character at byte %zu", field->name, i);
	}
	memset(at, 0, field->max + 1);
	memcpy(at, text, len);
	return 0;
}

static int field_set_vlans(const struct ctl_field *field, struct vlan_set *at, const char *text,
	struct err *err)
{
	size_t where = 0;
	int r = vlan_set_parse(text, at, &where);
	int len;

	if (!r)
		return 0;
	len = (int)strcspn(text + where, ",");
	if (len > QUOTE_MAX)
		len = QUOTE_MAX;
	if (r == -ERANGE)
		return err_set_field(err, r, field->name, "%s: %.*s is not in %d..%d", field->name,
			len, text + where, VLAN_MIN, VLAN_MAX);
	(void)err_set_field(err, r, field->name, "%s: '%.*s' is neither a VLAN nor a range of them",
		field->name, len, text + where);
	err_hint(err, "write VLANs like 10,20-29 or all");
	return r;
}

static int field_set_enum(const struct ctl_field *field, uint32_t *at, const char *text,
	struct err *err)
{
	char list[sizeof(err->hint)] = "";
	size_t len = 0;

	for (uint32_t i = 0; field->names[i]; i++) {
		if (!strcmp(field->names[i], text)) {
			*at = i;
			return 0;
		}
		if (len < sizeof(list) && ctl_field_offers(field, i))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
				len ? ", " : "", field->names[i]);
	}
	(void)err_set_field(err, -EINVAL, field->name, "%s: '%.*s' is not one of %s", field->name,
		QUOTE_MAX, text, list);
	if (str_nearest(text, field->names, ctl_field_n_names(field)))
		err_hint(err, "did you mean '%s'?",
			str_nearest(text, field->names, ctl_field_n_names(field)));
	return -EINVAL;
}

int ctl_field_set_text(const struct ctl_field *field, void *msg, const char *text, size_t len,
	struct err *err)
{
	void *at = ctl_field_at(field, msg);

	if (strlen(text) != len)
		return err_set_field(err, -EINVAL, field->name, "%s: has a NUL character",
			field->name);
	switch (field->kind) {
	case CTL_KIND_STR:
		return field_set_str(field, at, text, len, err);
	case CTL_KIND_MAC:
		if (!ether_addr_parse(text, at))
			return 0;
		(void)err_set_field(err, -EINVAL, field->name, "%s: '%.*s' is not a MAC address",
			field->name, QUOTE_MAX, text);
		err_hint(err, "write it like 52:54:00:00:00:01");
		return -EINVAL;
	case CTL_KIND_VLANS:
		return field_set_vlans(field, at, text, err);
	case CTL_KIND_ENUM:
		return field_set_enum(field, at, text, err);
	default:
		return err_set_field(err, -EINVAL, field->name, "%s: is not a text", field->name);
	}
}

static int field_parse_bool(const struct ctl_field *field, bool *at, const char *word,
	struct err *err)
{
	static const char *const words[][2] = {
		{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"down", "up"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (!strcmp(word, words[i][value])) {
				*at = value;
				return 0;
			}
		}
	}
	(void)err_set_field(err, -EINVAL, field->name, "%s: '%.*s' is neither on nor off",
		field->name, QUOTE_MAX, word);
	err_hint(err, "write on or off (true/false, yes/no, up/down)");
	return -EINVAL;
}

static int field_parse_measure(const struct ctl_field *field, void *msg, const char *word,
	struct err *err)
{
	struct err why = {0};
	uint64_t value;
	int r = measure_parse(field->measure, word, field->min, field->max, &value, &why);

	if (!r)
		return ctl_field_set_number(field, msg, value, err);
	(void)err_set_field(err, r, field->name, "%s: %s", field->name, why.msg);
	err_hint(err, "%s", why.hint);
	return r;
}

static int field_parse_number(const struct ctl_field *field, void *msg, const char *word,
	struct err *err)
{
	uint64_t value;
	int r;

	if (field->measure)
		return field_parse_measure(field, msg, word, err);
	r = str_parse_u64(word, &value);
	/* "256M" only where the unit says that it is a size. */
	if (r == -EINVAL && !strcmp(field->unit, "bytes"))
		r = str_parse_size(word, &value);
	if (r == -ERANGE)
		return err_set_field(err, r, field->name,
			"%s: %.*s is not in %" PRIu64 "..%" PRIu64, field->name, QUOTE_MAX, word,
			field->min, field->max);
	if (r < 0)
		return err_set_field(err, r, field->name, "%s: '%.*s' is not a number", field->name,
			QUOTE_MAX, word);
	return ctl_field_set_number(field, msg, value, err);
}

int ctl_field_parse(const struct ctl_struct *schema, void *msg, const char *name, const char *word,
	struct err *err)
{
	const struct ctl_field *field = ctl_field_find(schema, name);
	int r;

	if (!field)
		return ctl_field_unknown(schema, name, -ENOENT, err);
	switch (field->kind) {
	case CTL_KIND_BOOL:
		r = field_parse_bool(field, ctl_field_at(field, msg), word, err);
		break;
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		r = field_parse_number(field, msg, word, err);
		break;
	case CTL_KIND_MSG:
		return err_set_field(err, -EINVAL, field->name,
			"%s: what is to be set there is missing", field->name);
	default:
		r = ctl_field_set_text(field, msg, word, strlen(word), err);
		break;
	}
	if (!r)
		ctl_field_mark(field, msg);
	return r;
}

int ctl_field_parse_within(const struct ctl_field *field, void *msg, const char *name,
	const char *word, struct err *err)
{
	int r = ctl_field_parse(field->sub, ctl_field_at(field, msg), name, word, err);

	if (r < 0)
		return err_prefix(err, "%s", field->name);
	ctl_field_mark(field, msg);
	return 0;
}

/* "delay 20ms loss 0.1%": what is set, in the order of the table. */
static size_t format_msg(const struct ctl_struct *schema, const void *msg, char *buf, size_t size)
{
	size_t len = 0;

	(void)snprintf(buf, size, "%s", "");
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		char value[CTL_VALUE_SIZE];

		if (!ctl_field_is_set(msg, i))
			continue;
		(void)ctl_field_format(field, msg, value, sizeof(value));
		len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0,
			"%s%s %s", len ? " " : "", field->name, value);
	}
	return len;
}

size_t ctl_field_format(const struct ctl_field *field, const void *msg, char *buf, size_t size)
{
	const void *at = ctl_field_at_const(field, msg);
	char mac[ETHER_ADDR_STR_SIZE], number[MEASURE_TEXT_SIZE];
	uint32_t idx;

	if (!ctl_field_is_set(msg, field->idx))
		return (size_t)snprintf(buf, size, "%s", "");
	switch (field->kind) {
	case CTL_KIND_BOOL:
		return (size_t)snprintf(buf, size, "%s", *(const bool *)at ? "true" : "false");
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		return (size_t)snprintf(buf, size, "%s",
			measure_format(field->measure, ctl_field_number(field, msg), number));
	case CTL_KIND_STR:
		return (size_t)snprintf(buf, size, "%.*s", (int)field->max, (const char *)at);
	case CTL_KIND_MAC:
		return (size_t)snprintf(buf, size, "%s", ether_addr_format(at, mac));
	case CTL_KIND_VLANS:
		return vlan_set_format(at, buf, size);
	case CTL_KIND_ENUM:
		idx = *(const uint32_t *)at;
		return (size_t)snprintf(buf, size, "%s",
			idx < ctl_field_n_names(field) ? field->names[idx] : "?");
	case CTL_KIND_MSG:
		return format_msg(field->sub, at, buf, size);
	}
	return 0;
}
