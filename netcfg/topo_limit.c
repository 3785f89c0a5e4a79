/*
 * Limits of the ports at a link's ends: policer, pacing, shaper, storm control. What an end says
 * goes before what stands beside the ends, and is about both.
 */
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

/* Ends of links between ports flood nothing, those between bridges have no ring to slow down. */
static const char *why_not(enum topo_limits_of of, unsigned i)
{
	if (of == TOPO_LIMITS_OF_PORTS && fields[i] == ctl_port__storm_control)
		return "has no meaning between two ports: nothing floods there";
	if (of == TOPO_LIMITS_OF_BRIDGES && fields[i] == ctl_port__pacing)
		return "has no meaning between two bridges: nobody there could be slowed down";
	return NULL;
}

/* Of one end. own: it stands there, or at the link, and not in the defaults. */
static void add_limit(struct topo_reader *reader, enum topo_limits_of of, unsigned i,
	const struct yaml_value *map, bool own, struct ctl_port **limits)
{
	const char *why = map ? why_not(of, i) : NULL;

	if (why && own)
		diag_add(reader->diag, map->key->mark, DIAG_VALUE, "\"%s\" %s", keys[i], why);
	if (!map || why)
		return;
	if (!*limits)
		*limits = arena_alloc(&reader->topo->arena, sizeof(**limits));
	if (*limits)
		read_limit(reader, i, map, *limits);
}

static const struct yaml_value *within_of(const struct topo_limits_spec *spec, unsigned i)
{
	const struct yaml_value *const maps[N_LIMITS] = {
		spec->policer, spec->pacing, spec->shaper, spec->storm_control};

	return maps[i];
}

static const struct ctl_port *read_end(struct topo_reader *reader, enum topo_limits_of of,
	const struct yaml_value *link, const struct topo_link_spec *spec,
	const struct yaml_value *end)
{
	const struct yaml_value *const beside[N_LIMITS] = {
		spec->policer, spec->pacing, spec->shaper, spec->storm_control};
	struct topo_limits_spec at_end = {0};
	struct ctl_port *limits = NULL;

	topo_spec_read(&topo_limits_schema, end, &at_end, reader->diag);
	for (unsigned i = 0; i < N_LIMITS; i++) {
		const struct yaml_value *within = within_of(&at_end, i);

		add_limit(reader, of, i, within ? within : beside[i],
			within || topo_yaml_get(link, keys[i]), &limits);
	}
	if (limits)
		limit_trim(limits, limits);
	return limits;
}

void topo_limits_read(struct topo_reader *reader, enum topo_limits_of of,
	const struct yaml_value *link, const struct topo_link_spec *spec,
	struct topo_link *ret_link)
{
	const struct yaml_value *end = spec->a ? spec->a : spec->b;

	ret_link->limits = ret_link->limits_b = NULL;
	if (of != TOPO_LIMITS_OF_PORT) {
		ret_link->limits = read_end(reader, of, link, spec, spec->a);
		ret_link->limits_b = read_end(reader, of, link, spec, spec->b);
	} else if (end) {
		diag_hint(diag_add(reader->diag, end->key->mark, DIAG_VALUE,
				  "\"%s\" has no meaning where only one end has a port",
				  end->key->text),
			"write its keys beside \"endpoints\"");
	} else {
		ret_link->limits = read_end(reader, of, link, spec, NULL);
	}
}
