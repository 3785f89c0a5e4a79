/* Limits of the port that a link to a bridge makes: its policer, pacing, shaper, storm control. */
#include "topo_priv.h"

#include "limit_check.h"
#include "pacing/pacing_check.h"
#include "policer/policer_check.h"
#include "shaper/shaper_check.h"
#include "storm/storm_check.h"
#include "topo_spec.h"

#include <stdio.h>

#define N_LIMITS 4

static const char *const keys[N_LIMITS] = {"policer", "pacing", "shaper", "storm-control"};
static const uint8_t fields[N_LIMITS] = {
	ctl_port__policer, ctl_port__pacing, ctl_port__shaper, ctl_port__storm_control};

static int check(unsigned i, const struct ctl_port *limits, struct err *err)
{
	switch (fields[i]) {
	case ctl_port__policer:
		return policer_check(&limits->policer, err);
	case ctl_port__pacing:
		return pacing_check(&limits->pacing, err);
	case ctl_port__shaper:
		return shaper_check(&limits->shaper, err);
	default:
		return storm_check(&limits->storm_control, err);
	}
}

/* Where a setting stands, or else the limit. */
static struct diag_mark mark_of(const struct yaml_value *map, const char *setting)
{
	const struct yaml_value *value = map->kind == YAML_MAP ? topo_yaml_get(map, setting) : NULL;

	return value ? value->key->mark : map->mark;
}

static void read_limit(struct topo_reader *reader, unsigned i, const struct yaml_value *map,
	struct ctl_port *limits)
{
	const struct ctl_field *field = &ctl_port_schema.fields[fields[i]];
	char what[32];
	const struct topo_schema within = {what, NULL, 0, field->sub, NULL, 0};
	unsigned errors = reader->diag->n;
	struct err err = {0};

	(void)snprintf(what, sizeof(what), "\"%s\"", keys[i]);
	topo_spec_read(&within, map, (char *)limits + field->offset, reader->diag);
	limits->set |= UINT64_C(1) << field->idx;
	if (reader->diag->n == errors && check(i, limits, &err))
		diag_hint(diag_add(reader->diag, mark_of(map, err.field), DIAG_VALUE, "%s: %s",
				  keys[i], err.msg),
			"%s", err.hint);
}

const struct ctl_port *topo_limits_read(struct topo_reader *reader,
	const struct topo_link_spec *spec)
{
	const struct yaml_value *const maps[N_LIMITS] = {
		spec->policer, spec->pacing, spec->shaper, spec->storm_control};
	struct ctl_port *limits = NULL;

	for (unsigned i = 0; i < N_LIMITS; i++) {
		if (!maps[i])
			continue;
		if (!limits)
			limits = arena_alloc(&reader->topo->arena, sizeof(*limits));
		if (limits)
			read_limit(reader, i, maps[i], limits);
	}
	if (limits)
		limit_trim(limits, limits);
	return limits;
}

bool topo_limits_refuse(struct topo_reader *reader, const struct yaml_value *link)
{
	for (unsigned i = 0; i < N_LIMITS; i++) {
		const struct yaml_value *value = topo_yaml_get(link, keys[i]);

		if (!value)
			continue;
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_VALUE,
				  "\"%s\" is of a port of a bridge", keys[i]),
			"links of an interface or port to a bridge have it");
		return false;
	}
	return true;
}
