#include "ctl_codec.h"
#include "ctl_field.h"
#include "ctl_field_priv.h"
#include "ctl_json.h"

#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Decode ---- */

static int codec_wrong_type(const struct ctl_field *field, const json_t *value, const char *wanted,
	struct err *err)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number",
		[JSON_REAL] = "a number with a fraction",
		[JSON_TRUE] = "a boolean",
		[JSON_FALSE] = "a boolean",
		[JSON_NULL] = "null",
	};

	return err_set_field(err, -EINVAL, field->name, "%s: is %s, not %s", field->name,
		types[json_typeof(value)], wanted);
}

/* A 64-bit number beyond what JSON programs agree on (2^63 - 1) is written as a string. */
static int codec_decode_number(const struct ctl_field *field, const json_t *value, void *msg,
	struct err *err)
{
	uint64_t number;

	if (json_is_integer(value)) {
		if (json_integer_value(value) < 0)
			return err_set_field(err, -ERANGE, field->name,
				"%s: %" JSON_INTEGER_FORMAT " is not in %" PRIu64 "..%" PRIu64,
				field->name, json_integer_value(value), field->min, field->max);
		return ctl_field_set_number(field, msg, (uint64_t)json_integer_value(value), err);
	}
	if (field->kind == CTL_KIND_U64 && json_is_string(value)) {
		const char *text = json_string_value(value);

		if (text[strspn(text, "0123456789")] || str_parse_u64(text, &number))
			return err_set_field(err, -EINVAL, field->name,
				"%s: is not a decimal number of 64 bits", field->name);
		return ctl_field_set_number(field, msg, number, err);
	}
	return codec_wrong_type(field, value, "an integer", err);
}

static int codec_decode_msg(const struct ctl_field *field, const json_t *value, bool skip_unknown,
	void *msg, struct err *err)
{
	int r;

	if (!json_is_object(value))
		return codec_wrong_type(field, value, "an object", err);
	r = ctl_json_decode(field->sub, value, skip_unknown, ctl_field_at(field, msg), err);
	return r < 0 ? err_prefix(err, "%s", field->name) : 0;
}

static int codec_decode_field(const struct ctl_field *field, const json_t *value, bool skip_unknown,
	void *msg, struct err *err)
{
	switch (field->kind) {
	case CTL_KIND_BOOL:
		if (!json_is_boolean(value))
			return codec_wrong_type(field, value, "a boolean", err);
		*(bool *)ctl_field_at(field, msg) = json_is_true(value);
		return 0;
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		return codec_decode_number(field, value, msg, err);
	case CTL_KIND_MSG:
		return codec_decode_msg(field, value, skip_unknown, msg, err);
	default:
		if (!json_is_string(value))
			return codec_wrong_type(field, value, "a string", err);
		return ctl_field_set_text(field, msg, json_string_value(value),
			json_string_length(value), err);
	}
}

int ctl_json_decode(const struct ctl_struct *schema, const json_t *json, bool skip_unknown,
	void *msg, struct err *err)
{
	const char *name;
	json_t *value;
	int r;

	memset(msg, 0, schema->size);
	json_object_foreach((json_t *)json, name, value)
	{
		const struct ctl_field *field = ctl_field_find(schema, name);

		if (!field && skip_unknown)
			continue;
		if (!field)
			return ctl_field_unknown(schema, name, -EINVAL, err);
		r = codec_decode_field(field, value, skip_unknown, msg, err);
		if (r < 0)
			return r;
		ctl_field_mark(field, msg);
	}
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if (field->access == CTL_ACCESS_REQ && !ctl_field_is_set(msg, i)) {
			(void)err_set_field(err, -EINVAL, field->name, "%s missing", field->name);
			err_hint(err, "%s: %s", field->name, field->help);
			return -EINVAL;
		}
	}
	return 0;
}

int ctl_decode(const struct ctl_struct *schema, const char *text, size_t len, void *msg,
	struct err *err)
{
	json_t *json;
	int r;

	memset(msg, 0, schema->size);
	r = ctl_json_load(text, len, &json, err);
	if (r < 0)
		return r;
	r = ctl_json_decode(schema, json, false, msg, err);
	json_decref(json);
	return r;
}

/* ---- Encode ---- */

static json_t *codec_encode_number(uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

static json_t *codec_encode_vlans(const struct vlan_set *set)
{
	size_t size = vlan_set_format(set, NULL, 0) + 1;
	char *text = malloc(size);
	json_t *json;

	if (!text)
		return NULL;
	(void)vlan_set_format(set, text, size);
	json = json_string(text);
	free(text);
	return json;
}

/* ret_json stays NULL when there is no memory. */
static int codec_encode_field(const struct ctl_field *field, const void *msg, json_t **ret_json)
{
	const void *at = ctl_field_at_const(field, msg);
	char mac[ETHER_ADDR_STR_SIZE];
	uint32_t idx;

	switch (field->kind) {
	case CTL_KIND_BOOL:
		*ret_json = json_boolean(*(const bool *)at);
		return 0;
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		*ret_json = codec_encode_number(ctl_field_number(field, msg));
		return 0;
	case CTL_KIND_STR:
		*ret_json = ctl_json_string(at, field->max);
		return 0;
	case CTL_KIND_MAC:
		*ret_json = json_string(ether_addr_format(at, mac));
		return 0;
	case CTL_KIND_VLANS:
		*ret_json = codec_encode_vlans(at);
		return 0;
	case CTL_KIND_ENUM:
		idx = *(const uint32_t *)at;
		if (idx >= ctl_field_n_names(field))
			return -EINVAL;
		*ret_json = json_string(field->names[idx]);
		return 0;
	case CTL_KIND_MSG:
		return ctl_json_encode(field->sub, at, ret_json);
	}
	return -EINVAL;
}

int ctl_json_encode(const struct ctl_struct *schema, const void *msg, json_t **ret_json)
{
	json_t *json = json_object();

	if (!json)
		return -ENOMEM;
	for (unsigned i = 0; i < schema->n_fields; i++) {
		json_t *value = NULL;
		int r;

		if (!ctl_field_is_set(msg, i))
			continue;
		r = codec_encode_field(&schema->fields[i], msg, &value);
		if (!r && (!value || json_object_set_new(json, schema->fields[i].name, value) < 0))
			r = -ENOMEM;
		if (r < 0) {
			json_decref(json);
			return r;
		}
	}
	*ret_json = json;
	return 0;
}

int ctl_encode(const struct ctl_struct *schema, const void *msg, char **ret_text)
{
	json_t *json;
	size_t len;
	int r = ctl_json_encode(schema, msg, &json);

	if (r < 0)
		return r;
	*ret_text = ctl_json_dump(json, &len);
	json_decref(json);
	return *ret_text ? 0 : -ENOMEM;
}

/* ---- Compare ---- */

bool ctl_field_equal(const struct ctl_field *field, const void *a, const void *b)
{
	const void *at_a = ctl_field_at_const(field, a), *at_b = ctl_field_at_const(field, b);

	switch (field->kind) {
	case CTL_KIND_BOOL:
		return *(const bool *)at_a == *(const bool *)at_b;
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		return ctl_field_number(field, a) == ctl_field_number(field, b);
	case CTL_KIND_STR:
		return !strncmp(at_a, at_b, field->max + 1);
	case CTL_KIND_MAC:
		return !memcmp(at_a, at_b, sizeof(struct ether_addr48));
	case CTL_KIND_VLANS:
		return vlan_set_equal(at_a, at_b);
	case CTL_KIND_ENUM:
		return *(const uint32_t *)at_a == *(const uint32_t *)at_b;
	case CTL_KIND_MSG:
		return ctl_msg_equal(field->sub, at_a, at_b);
	}
	return false;
}

/* Is the field, which wanted has, what it was in old? Of a message within what wanted names. */
static bool is_kept(const struct ctl_field *field, const void *old, const void *wanted)
{
	if (field->kind == CTL_KIND_MSG)
		return !ctl_find_change(field->sub, ctl_field_at_const(field, old),
			ctl_field_at_const(field, wanted), UINT64_MAX);
	return ctl_field_is_set(old, field->idx) && ctl_field_equal(field, old, wanted);
}

const struct ctl_field *ctl_find_change(const struct ctl_struct *schema, const void *old,
	const void *wanted, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if ((mask >> i & 1) && ctl_field_is_set(wanted, i) && !is_kept(field, old, wanted))
			return field;
	}
	return NULL;
}

const struct ctl_field *ctl_find_difference(const struct ctl_struct *schema, const void *a,
	const void *b, uint64_t mask)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if ((mask >> i & 1) && (ctl_field_is_set(a, i) || ctl_field_is_set(b, i)) &&
			(ctl_field_is_set(a, i) != ctl_field_is_set(b, i) ||
				!ctl_field_equal(&schema->fields[i], a, b)))
			return &schema->fields[i];
	}
	return NULL;
}

bool ctl_msg_equal(const struct ctl_struct *schema, const void *a, const void *b)
{
	return !ctl_find_difference(schema, a, b, UINT64_MAX);
}
