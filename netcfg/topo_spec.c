#include "topo_spec.h"

#include "foreign.h"
#include "str.h"
#include "topo_value.h"

#include <stdio.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static bool has_key(const struct topo_schema *schema, const char *name)
{
	return topo_schema_find(schema, name, NULL);
}

/* A key where another map has it. */
static void hint_misplaced(const struct topo_schema *schema, const char *key,
	struct diag_item *item)
{
	const struct {
		const struct topo_schema *schema;
		const char *name;
	} others[] = {{&topo_link_schema, "link"}, {&topo_node_schema, "node"}};

	if (schema != &topo_root_schema && has_key(&topo_root_schema, key)) {
		diag_hint(item, "\"%s\" belongs at the top level: remove the spaces before it",
			key);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (schema == others[i].schema || !has_key(others[i].schema, key))
			continue;
		if (schema == &topo_defaults_schema)
			diag_hint(item, "\"%s\" is a key of a %s: write %s: { %s: ... }", key,
				others[i].name, others[i].name, key);
		else
			diag_hint(item, "\"%s\" is a key of a %s", key, others[i].name);
		return;
	}
}

/* "vcpus:2" between braces is a key as a whole. */
static bool hint_glued(const struct topo_schema *schema, const struct yaml_value *key,
	struct diag_item *item)
{
	const char *colon = strchr(key->text, ':');
	char name[32];

	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon ? colon - key->text : 0), key->text);
	if (!colon || !key->plain || !has_key(schema, name))
		return false;
	diag_hint(item, "write \"%s: %.40s\", with a blank after the colon", name, colon + 1);
	return true;
}

static void unknown_key(const struct topo_schema *schema, const struct yaml_value *key,
	struct diag *diag)
{
	const char *names[64];
	const char *nearest, *ours = schema->words ? foreign_find(schema->words, key->text) : NULL;
	struct topo_field field;
	unsigned n = 0;
	struct diag_item *item = diag_add(diag, key->mark, DIAG_UNKNOWN_KEY,
		"%s has no key \"%.40s\"", schema->what, key->text);

	if (hint_glued(schema, key, item))
		return;
	if (ours) {
		diag_hint(item, has_key(schema, ours) ? "did you mean \"%s\"?" : "%s", ours);
		return;
	}

	for (unsigned i = 0; topo_schema_key(schema, i, &field); i++) {
		if (field.kind != TOPO_LATER && n < ARRAY_LEN(names))
			names[n++] = field.name;
	}
	nearest = str_nearest(key->text, names, n);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	else
		hint_misplaced(schema, key->text, item);
}

/* Texts of messages are the caller's to parse: they may name files. */
static bool is_left(const struct topo_field *field)
{
	return field->of && field->kind == TOPO_TEXT;
}

static void put(const struct topo_field *field, const union topo_value *value, void *base)
{
	bool is_number = field->kind == TOPO_NUMBER || field->kind == TOPO_MEASURE ||
			 field->kind == TOPO_WORD;
	char *at = (char *)base + field->offset;

	if (is_number && field->size == sizeof(uint16_t))
		*(uint16_t *)at = (uint16_t)value->number;
	else if (is_number && field->size == sizeof(uint32_t))
		*(uint32_t *)at = (uint32_t)value->number;
	else
		memcpy(at, value, field->size);
	*(uint64_t *)((char *)base + field->mask) |= UINT64_C(1) << field->idx;
}

static void store(const struct topo_schema *schema, const struct topo_field *field,
	const union topo_value *value, void *spec)
{
	char *msg = (char *)spec + schema->msg_offset;

	if (is_left(field))
		return;
	if (!field->is_each) {
		put(field, value, spec);
		return;
	}
	for (unsigned i = 0; i < schema->msg->n_fields; i++) {
		const struct ctl_field *within = &schema->msg->fields[i];

		if (within->kind != CTL_KIND_MSG)
			continue;
		put(field, value, msg + within->offset);
		*(uint64_t *)msg |= UINT64_C(1) << within->idx;
	}
}

/* Complain unless value is a map (or nothing). */
static bool is_map(const struct yaml_value *value, const char *what, struct diag *diag)
{
	if (value->kind == YAML_MAP || topo_yaml_is_null(value))
		return true;
	diag_hint(diag_add(diag, value->mark, DIAG_TYPE, "%s must be a map of keys, not %s", what,
			  topo_yaml_kind(value)),
		"write { KEY: VALUE }");
	return false;
}

/* A message within the spec's. */
static void read_within(const struct topo_schema *schema, const struct topo_field *field,
	const struct yaml_value *map, void *spec, struct diag *diag)
{
	char what[64];
	const struct topo_schema within = {what, NULL, 0, field->of->sub, schema->words, 0};

	(void)snprintf(what, sizeof(what), "\"%s\"", field->name);
	topo_spec_read(&within, map, (char *)spec + field->offset, diag);
	*(uint64_t *)((char *)spec + field->mask) |= UINT64_C(1) << field->idx;
}

void topo_spec_read(const struct topo_schema *schema, const struct yaml_value *map, void *spec,
	struct diag *diag)
{
	struct topo_field field;

	if (!map || !is_map(map, schema->what, diag))
		return;
	for (const struct yaml_value *v = map->first; v; v = v->next) {
		union topo_value value = {0};

		if (!topo_schema_find(schema, v->key->text, &field))
			unknown_key(schema, v->key, diag);
		else if (field.kind != TOPO_MSG && topo_value_read(&field, v, &value, diag))
			store(schema, &field, &value, spec);
	}
	/* What is about one message within goes before what is about all. */
	for (const struct yaml_value *v = map->first; v; v = v->next) {
		if (topo_schema_find(schema, v->key->text, &field) && field.kind == TOPO_MSG)
			read_within(schema, &field, v, spec, diag);
	}
}

void topo_spec_inherit(const struct topo_schema *schema, void *spec, const void *base)
{
	uint64_t *set = spec;
	uint64_t add = *(const uint64_t *)base & ~*set;

	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct topo_field *field = &schema->fields[i];

		if (add >> i & 1)
			memcpy((char *)spec + field->offset, (const char *)base + field->offset,
				field->size);
	}
	*set |= add;
}

bool topo_spec_has(const struct topo_schema *schema, const void *spec, const char *key)
{
	struct topo_field field;

	return topo_schema_find(schema, key, &field) && !field.is_each &&
	       *(const uint64_t *)((const char *)spec + field.mask) >> field.idx & 1;
}
