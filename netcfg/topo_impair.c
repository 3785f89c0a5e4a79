#include "topo_priv.h"

#include "ctl_field.h"
#include "impair/impair_check.h"

void topo_impair_inherit(struct topo_link_spec *spec, const struct topo_link_spec *defaults)
{
	const struct ctl_link own = spec->conf;

	spec->conf = defaults->conf;
	ctl_merge(&ctl_link_schema, &spec->conf, &own, UINT64_MAX);
	impair_trim(&ctl_link_schema, &spec->conf, &own);
}

/* Where a setting of one direction stands, or else the link. */
static struct diag_mark find_setting(const struct yaml_value *link, const char *direction,
	const char *setting)
{
	const struct yaml_value *map = topo_yaml_get(link, direction);
	const struct yaml_value *value =
		map && map->kind == YAML_MAP ? topo_yaml_get(map, setting) : NULL;

	if (!value)
		value = topo_yaml_get(link, setting);
	return value ? value->key->mark : link->mark;
}

void topo_impair_check(struct topo_reader *reader, const struct yaml_value *link,
	const struct ctl_link *conf)
{
	const struct {
		const char *key;
		const struct ctl_impair *settings;
	} directions[] = {{"a-to-b", &conf->a_to_b}, {"b-to-a", &conf->b_to_a}};

	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		struct err err = {0};

		if (impair_check(directions[i].settings, &err))
			diag_hint(diag_add(reader->diag,
					  find_setting(link, directions[i].key, err.field),
					  DIAG_VALUE, "%s", err.msg),
				"%s", err.hint);
	}
}
