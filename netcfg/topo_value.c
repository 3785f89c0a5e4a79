#include "topo_value.h"

#include "ctl_field.h"
#include "former.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What YAML 1.1 and people take for a boolean; NULL = not this one. */
static const char *boolean_meant(const char *text)
{
	static const char *const words[2][6] = {
		{"false", "no", "off", "n", "0"}, {"true", "yes", "on", "y", "1"}};

	for (int truth = 0; truth < 2; truth++) {
		for (int i = 0; words[truth][i]; i++) {
			if (!strcasecmp(words[truth][i], text))
				return words[truth][0];
		}
	}
	return NULL;
}

/* Would the text be right without its quotes? */
static bool is_quoted(const struct topo_field *field, const struct yaml_value *value)
{
	struct yaml_value plain = {.kind = YAML_SCALAR, .text = value->text, .plain = true};
	uint64_t number;
	bool truth;

	if (value->kind != YAML_SCALAR || value->plain)
		return false;
	return field->kind == TOPO_BOOL ? topo_yaml_bool(&plain, &truth)
					: !topo_yaml_u64(&plain, &number);
}

/* "300s", "5 minutes"; not "0b11" or "1e3", which are numbers elsewhere. */
static bool has_unit(const struct yaml_value *value)
{
	size_t n = strspn(value->text, "0123456789");

	n += n ? strspn(value->text + n, " ") : 0;
	return n && value->text[0] != '0' && isalpha((unsigned char)value->text[n]) &&
	       !strcmp(topo_yaml_kind(value), "text");
}

static void hint_type(const struct topo_field *field, const struct yaml_value *value,
	struct diag_item *item)
{
	bool is_number = field->kind == TOPO_NUMBER || field->kind == TOPO_VLAN,
	     is_text = value->kind == YAML_SCALAR;

	if (topo_yaml_is_null(value))
		return;
	if ((is_number || field->kind == TOPO_BOOL) && is_quoted(field, value))
		diag_hint(item, "remove the quotes");
	else if (field->kind == TOPO_BOOL && is_text && boolean_meant(value->text))
		diag_hint(item, "write %s", boolean_meant(value->text));
	else if (field->kind == TOPO_VLAN && (!is_text || isdigit((unsigned char)value->text[0])))
		diag_hint(item, "it is one VLAN; trunk-vlans takes many");
	else if (field->kind == TOPO_NUMBER && is_text && has_unit(value))
		diag_hint(item, "write the number alone, without a unit");
	else if (field->kind == TOPO_LIST_OF)
		diag_hint(item, "write [ONE, TWO], or one on each line after \"- \"");
	else if (field->kind == TOPO_MAP_OF)
		diag_hint(item, value->kind == YAML_LIST
					? "write \"NAME: ...\" instead of \"- NAME\""
					: "write { NAME: ... }");
}

static bool wrong_type(const struct topo_field *field, const struct yaml_value *value,
	const char *want, struct diag *diag)
{
	hint_type(field, value,
		diag_add(diag, value->mark, DIAG_TYPE, "\"%s\" wants %s, not %s", field->name, want,
			topo_yaml_kind(value)));
	return false;
}

static bool read_number(const struct topo_field *field, const struct yaml_value *value,
	uint64_t *at, struct diag *diag)
{
	bool is_vlan = field->kind == TOPO_VLAN;
	uint64_t number = 0;
	int r = topo_yaml_u64(value, &number);

	if (r == -EINVAL && value->kind == YAML_SCALAR && value->plain && value->text[0] == '-' &&
		strspn(value->text + 1, "0123456789") == strlen(value->text + 1) && value->text[1])
		r = -ERANGE;
	if (r == -EINVAL)
		return wrong_type(field, value, is_vlan ? "a VLAN" : "a number", diag);
	if (!r && number >= field->min && number <= field->max) {
		*at = number;
		return true;
	}
	if (is_vlan && !r && (number == 0 || number == 4095))
		diag_add(diag, value->mark, DIAG_VLAN_RANGE, "VLAN %s is reserved; use 1-4094",
			value->text);
	else if (is_vlan)
		diag_add(diag, value->mark, DIAG_VLAN_RANGE,
			"VLAN %.20s does not exist; use 1-4094", value->text);
	else
		diag_add(diag, value->mark, DIAG_NUMBER,
			"\"%s\" is %.20s%s, not in %" PRIu64 "-%" PRIu64, field->name, value->text,
			strlen(value->text) > 20 ? "..." : "", field->min, field->max);
	return false;
}

/* What a number without a unit, or with a blank before it, was meant to be. */
static void hint_size(const struct topo_field *field, const char *text, struct diag_item *item)
{
	static const char units[] = "KMG";
	size_t n = strspn(text, "0123456789");
	const char *unit = text + n + strspn(text + n, " ");
	char meant[32];
	uint64_t bytes;

	if (n && unit > text + n) {
		(void)snprintf(meant, sizeof(meant), "%.*s%s", (int)n, text, unit);
		if (!str_parse_size(meant, &bytes)) {
			diag_hint(item, "write %s, without a blank", meant);
			return;
		}
	}
	for (const char *u = units; n && !text[n] && *u; u++) {
		(void)snprintf(meant, sizeof(meant), "%.20s%c", text, *u);
		if (!str_parse_size(meant, &bytes) && bytes >= field->min && bytes <= field->max) {
			diag_hint(item, "without a unit it is bytes: did you mean %s?", meant);
			return;
		}
	}
	if (n && text[n] == '.')
		diag_hint(item, "write a whole number with a smaller unit, such as 1536M");
	else if (str_parse_size(text, &bytes) == -EINVAL)
		diag_hint(item, "write a number with K, M or G, such as 256M");
}

static bool read_size(const struct topo_field *field, const struct yaml_value *value, uint64_t *at,
	struct diag *diag)
{
	struct diag_item *item;
	uint64_t bytes = 0;
	int r;

	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value))
		return wrong_type(field, value, "a size such as 256M", diag);
	r = str_parse_size(value->text, &bytes);
	if (!r && bytes >= field->min && bytes <= field->max) {
		*at = bytes;
		return true;
	}
	if (r == -EINVAL)
		item = diag_add(diag, value->mark, DIAG_NUMBER, "\"%s\": \"%.20s\" is no size",
			field->name, value->text);
	else
		item = diag_add(diag, value->mark, DIAG_NUMBER,
			"\"%s\" is %.20s, not in %" PRIu64 "M-%" PRIu64 "G", field->name,
			value->text, field->min >> 20, field->max >> 30);
	hint_size(field, value->text, item);
	return false;
}

static bool read_measure(const struct topo_field *field, const struct yaml_value *value,
	uint64_t *at, struct diag *diag)
{
	struct err err = {0};
	char want[64];

	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value)) {
		(void)snprintf(want, sizeof(want), "a value such as %s",
			measure_examples(field->measure));
		return wrong_type(field, value, want, diag);
	}
	if (!measure_parse(field->measure, value->text, field->min, field->max, at, &err))
		return true;
	diag_hint(diag_add(diag, value->mark, DIAG_NUMBER, "\"%s\": %s", field->name, err.msg),
		"%s", err.hint);
	return false;
}

static void hint_vlans(const char *text, struct diag_item *item)
{
	char *after, *end;
	unsigned long first = strtoul(text, &after, 10), last;
	bool dots = !strncmp(after, "..", 2);

	last = strtoul(after + (dots ? 2 : *after == '-'), &end, 10);
	if (after > text && dots && first <= last && !*end && end > after + 2)
		diag_hint(item, "write %lu-%lu", first, last);
	else if (after > text && *after == '-' && first > last && !*end && end > after + 1)
		diag_hint(item, "write the smaller number first");
	else
		diag_hint(item, "write 10, or [10, 20-29]");
}

static bool read_vlan_text(const struct topo_field *field, const struct yaml_value *value,
	struct vlan_set *at, struct diag *diag)
{
	struct vlan_set one;
	uint16_t vid = VLAN_MIN, first, last;
	int r;

	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value))
		return wrong_type(field, value, "VLANs such as 10 or 20-29", diag);
	r = vlan_set_parse(value->text, &one, NULL);
	if (r == -ERANGE) {
		diag_add(diag, value->mark, DIAG_VLAN_RANGE, "VLAN %.20s is not in 1-4094",
			value->text);
		return false;
	}
	if (r) {
		hint_vlans(value->text,
			diag_add(diag, value->mark, DIAG_VLAN_SYNTAX,
				"\"%.20s\" is neither a VLAN nor a range", value->text));
		return false;
	}
	while (vlan_set_next_range(&one, &vid, &first, &last))
		vlan_set_add(at, first, last);
	return true;
}

static bool read_vlans(const struct topo_field *field, const struct yaml_value *value,
	struct vlan_set *at, struct diag *diag)
{
	bool ok = true;

	if (value->kind != YAML_LIST)
		ok = read_vlan_text(field, value, at, diag);
	for (const struct yaml_value *v = value->kind == YAML_LIST ? value->first : NULL; v;
		v = v->next)
		ok = read_vlan_text(field, v, at, diag) && ok;
	if (!ok || vlan_set_count(at))
		return ok;
	diag_hint(diag_add(diag, value->mark, DIAG_VLAN_SYNTAX, "\"%s\" holds no VLAN",
			  field->name),
		"leave it out for all VLANs");
	return false;
}

static bool read_word(const struct topo_field *field, const struct yaml_value *value, uint64_t *at,
	struct diag *diag)
{
	struct diag_item *item;
	const char *nearest, *now;
	unsigned n = 0;
	char list[128] = "";

	if (value->kind != YAML_SCALAR)
		return wrong_type(field, value, "a word", diag);
	now = former_word(value->text);
	for (; field->names[n]; n++) {
		if (!strcmp(field->names[n], value->text) ||
			(now && !strcmp(field->names[n], now))) {
			*at = n;
			return true;
		}
		if (!field->of || ctl_field_offers(field->of, n))
			(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				list[0] ? ", " : "", field->names[n]);
	}
	item = diag_add(diag, value->mark, DIAG_VALUE, "\"%s\" cannot be \"%.30s\": use %s",
		field->name, value->text, list);
	nearest = str_nearest(value->text, field->names, n);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	return false;
}

static bool read_text(const struct topo_field *field, const struct yaml_value *value,
	struct topo_text *at, struct diag *diag)
{
	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value))
		return wrong_type(field, value, "text", diag);
	if (!value->text[0]) {
		diag_add(diag, value->mark, DIAG_VALUE, "\"%s\" is empty", field->name);
		return false;
	}
	if (strchr(value->text, '\n')) {
		diag_hint(diag_add(diag, value->mark, DIAG_VALUE, "\"%s\" has a line break",
				  field->name),
			"write it on one line, or after \">\", which joins lines");
		return false;
	}
	for (const char *c = value->text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			diag_add(diag, value->mark, DIAG_VALUE, "\"%s\" has a control character",
				field->name);
			return false;
		}
	}
	if (strlen(value->text) > 2047) {
		diag_add(diag, value->mark, DIAG_LIMIT, "\"%s\" is longer than 2047 bytes",
			field->name);
		return false;
	}
	*at = (struct topo_text){value->text, value->mark};
	return true;
}

bool topo_value_read(const struct topo_field *field, const struct yaml_value *value,
	union topo_value *ret, struct diag *diag)
{
	switch (field->kind) {
	case TOPO_TEXT:
		return read_text(field, value, &ret->text, diag);
	case TOPO_BOOL:
		return topo_yaml_bool(value, &ret->truth) ||
		       wrong_type(field, value, "true or false", diag);
	case TOPO_NUMBER:
	case TOPO_VLAN:
		return read_number(field, value, &ret->number, diag);
	case TOPO_SIZE:
		return read_size(field, value, &ret->number, diag);
	case TOPO_MEASURE:
		return read_measure(field, value, &ret->number, diag);
	case TOPO_VLANS:
		return read_vlans(field, value, &ret->vlans, diag);
	case TOPO_WORD:
		return read_word(field, value, &ret->number, diag);
	case TOPO_MAP_OF:
		if (value->kind != YAML_MAP && !topo_yaml_is_null(value))
			return wrong_type(field, value, "a map", diag);
		break;
	case TOPO_LIST_OF:
		if (value->kind != YAML_LIST && !topo_yaml_is_null(value))
			return wrong_type(field, value, "a list", diag);
		break;
	case TOPO_LATER:
		diag_add(diag, value->key->mark, DIAG_NOT_SUPPORTED, "\"%s\" is not supported yet",
			field->name);
		return false;
	case TOPO_MSG:
	case TOPO_RAW:
		break;
	}
	ret->yaml = value;
	return true;
}
