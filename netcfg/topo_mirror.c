/*
 * Mirrors: copies of frames of an end, a bridge or a VLAN to an end that nothing else is connected
 * to.
 */
#include "topo_priv.h"

#include "ctl_field.h"
#include "mirror.h"
#include "str.h"
#include "topo_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A mirror that is being read. */
struct reading {
	struct topo_reader *reader;
	const struct yaml_value *map;
	struct topo_mirror *mirror;
};

static const struct yaml_value *value_of(const struct reading *reading, const char *key)
{
	return topo_yaml_get(reading->map, key);
}

static struct diag_item *complain(const struct reading *reading, const char *key,
	enum diag_code code, const char *why)
{
	const struct yaml_value *value = value_of(reading, key);

	return diag_add(reading->reader->diag, value ? value->mark : reading->map->key->mark, code,
		"mirror \"%s\": %s", reading->mirror->name, why);
}

/* ---- Where copies come from ------------------------------------------------------------------ */

/* What follows the word in a text of two; NULL: it begins otherwise. */
static const char *behind(const char *text, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(text, word, len) && text[len] == ' ' ? text + len + 1 : NULL;
}

static bool check_bridge(const struct reading *reading, const char *name)
{
	const struct topo *topo = reading->reader->topo;
	const char *names[TOPO_MAX_BRIDGES], *nearest;
	struct diag_item *item;

	if (topo_find_bridge(topo, name) >= 0)
		return true;
	for (unsigned i = 0; i < topo->n_bridges; i++)
		names[i] = topo->bridges[i].name;
	item = diag_add(reading->reader->diag, value_of(reading, "from")->mark, DIAG_NO_BRIDGE,
		"no bridge called \"%.40s\"", name);
	nearest = str_nearest(name, names, topo->n_bridges);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	return false;
}

static bool check_vlan(const struct reading *reading, const char *text)
{
	const struct topo *topo = reading->reader->topo;
	struct diag *diag = reading->reader->diag;
	const struct diag_mark mark = value_of(reading, "from")->mark;
	char *end;
	unsigned long vid = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || vid < VLAN_MIN || vid > VLAN_MAX) {
		diag_hint(diag_add(diag, mark, DIAG_VLAN_RANGE, "VLAN %.20s is not in 1-4094",
				  text),
			"write vlan 10");
		return false;
	}
	for (unsigned i = 0; i < topo->n_bridges; i++) {
		const struct ctl_bridge *bridge = &topo->bridges[i].conf;

		if (!CTL_HAS(bridge, ctl_bridge, vlans) ||
			vlan_set_has(&bridge->vlans, (uint16_t)vid))
			return true;
	}
	diag_add(diag, mark, DIAG_VLAN_BRIDGE, "no bridge has VLAN %lu", vid);
	return false;
}

static bool check_from(const struct reading *reading)
{
	const struct topo *topo = reading->reader->topo;
	const struct ctl_mirror *conf = &reading->mirror->conf;
	const char *bridge = behind(conf->from, "bridge"), *vlan = behind(conf->from, "vlan");
	struct topo_named end;

	if (bridge)
		return check_bridge(reading, bridge);
	if (vlan)
		return check_vlan(reading, vlan);
	if (!topo_read_end(reading->reader, value_of(reading, "from"), &end))
		return false;
	if (end.bridge >= 0) {
		diag_hint(complain(reading, "from", DIAG_MIRROR,
				  "it copies from an interface or port, \"bridge NAME\" or "
				  "\"vlan N\""),
			"write from: bridge %s", conf->from);
		return false;
	}
	if (end.node < 0 || end.nic < topo->nodes[end.node].n_nics)
		return true;
	diag_hint(diag_add(reading->reader->diag, value_of(reading, "from")->mark, DIAG_INTERFACE,
			  "node \"%s\" has no interface eth%u", topo->nodes[end.node].name,
			  end.nic + 1),
		"it has those that links name, and as many as its \"interfaces\" says");
	return false;
}

/* ---- Where they go --------------------------------------------------------------------------- */

static bool is_end(const struct topo_end *end, const struct topo_named *named)
{
	if (named->port >= 0)
		return end->is_port && end->port == (unsigned)named->port;
	return !end->is_port && end->node == (unsigned)named->node && end->nic == named->nic;
}

static const struct topo_link *link_of(const struct topo *topo, const struct topo_named *named)
{
	for (unsigned i = 0; i < topo->n_links; i++) {
		const struct topo_link *link = &topo->links[i];

		if (is_end(&link->a, named) || (link->joins_ports && is_end(&link->b, named)))
			return link;
	}
	return NULL;
}

/* Its interface is there though no link names it. */
static void plug_in(struct topo *topo, const struct topo_named *end)
{
	struct topo_node *node = end->node >= 0 ? &topo->nodes[end->node] : NULL;

	if (node && end->nic >= node->n_nics)
		node->n_nics = end->nic + 1;
}

static bool check_to(const struct reading *reading)
{
	struct topo *topo = reading->reader->topo;
	const struct ctl_mirror *conf = &reading->mirror->conf;
	const struct topo_link *link;
	struct topo_named end;
	char why[CTL_NAME_MAX + 64];

	if (!topo_read_end(reading->reader, value_of(reading, "to"), &end))
		return false;
	if (end.bridge >= 0) {
		complain(reading, "to", DIAG_MIRROR,
			"its copies go to an interface or port, not to a bridge");
		return false;
	}
	link = link_of(topo, &end);
	if (!link) {
		plug_in(topo, &end);
		return true;
	}
	if (!link->joins_ports && CTL_HAS(conf, ctl_mirror, vlan))
		return true;
	(void)snprintf(why, sizeof(why), "\"%s\" is in a link, at line %u", conf->to,
		link->mark.line);
	diag_hint(complain(reading, "to", DIAG_MIRROR, why), "%s",
		link->joins_ports ? "give the copies an interface or port of their own"
				  : "take it from its bridge, or tag the copies: vlan: 999");
	return false;
}

/* No copy may be copied again. */
static bool check_circle(const struct reading *reading)
{
	const struct topo *topo = reading->reader->topo;
	const struct ctl_mirror *conf = &reading->mirror->conf;

	if (!strcmp(conf->from, conf->to)) {
		complain(reading, "to", DIAG_MIRROR, "its port would get copies of its own copies");
		return false;
	}
	for (unsigned i = 0; i < topo->n_mirrors; i++) {
		const struct topo_mirror *other = &topo->mirrors[i];
		bool is_to = !strcmp(other->conf.from, conf->to);

		if (!is_to && strcmp(other->conf.to, conf->from) != 0)
			continue;
		diag_add(reading->reader->diag, value_of(reading, is_to ? "to" : "from")->mark,
			DIAG_MIRROR, "mirror \"%s\": mirror \"%s\", at line %u, copies %s \"%s\"",
			conf->name, other->name, other->mark.line, is_to ? "from" : "to",
			is_to ? conf->to : conf->from);
		return false;
	}
	return true;
}

/* ---- One mirror ------------------------------------------------------------------------------ */

static bool read_texts(const struct reading *reading)
{
	bool ok = true;

	for (const struct yaml_value *v = reading->map->first; v; v = v->next) {
		struct topo_field key;
		struct err err = {0};

		if (!topo_schema_find(&topo_mirror_schema, v->key->text, &key) ||
			key.kind != TOPO_TEXT)
			continue;
		if (ctl_field_parse(&ctl_mirror_schema, &reading->mirror->conf, key.of->name,
			    v->text, &err) < 0) {
			complain(reading, v->key->text, DIAG_VALUE, err.msg);
			ok = false;
		}
	}
	return ok;
}

/* Where libpcap stops understanding it, in the file. */
static bool check_filter(const struct reading *reading)
{
	const struct yaml_value *value = value_of(reading, "filter");
	struct ctl_mirror conf = reading->mirror->conf;
	struct pcap_filter_mark in;
	struct diag_mark mark;
	struct err err = {0};

	if (!value)
		return true;
	mark = value->mark;
	if (!value->text[strspn(value->text, " \t")]) {
		complain(reading, "filter", DIAG_VALUE, "\"filter\" is empty");
		return false;
	}
	if (!reading->reader->check_files || !mirror_compile(&conf, &in, &err))
		return true;
	if (mark.len == strlen(value->text) + (value->plain ? 0 : 2)) { /* on one line, as it is */
		mark.column += (unsigned)in.at + !value->plain;
		mark.len = (unsigned)in.len;
	}
	diag_hint(diag_add(reading->reader->diag, mark, DIAG_MIRROR, "mirror \"%s\": %s",
			  reading->mirror->name, err.msg),
		"%s", err.hint);
	return false;
}

static bool check_complete(const struct reading *reading)
{
	const struct ctl_mirror *conf = &reading->mirror->conf;
	const char *missing = !CTL_HAS(conf, ctl_mirror, from) ? "from"
			      : !CTL_HAS(conf, ctl_mirror, to) ? "to"
							       : NULL;

	if (!missing)
		return true;
	diag_hint(diag_add(reading->reader->diag, reading->map->key->mark, DIAG_MISSING_KEY,
			  "mirror \"%s\" has no \"%s\"", reading->mirror->name, missing),
		"write { from: r1:eth1, to: mon:eth1 }");
	return false;
}

static bool read_mirror(const struct reading *reading)
{
	struct ctl_mirror *conf = &reading->mirror->conf;
	unsigned errors = reading->reader->diag->n;
	bool from, to, filter;

	topo_spec_read(&topo_mirror_schema, reading->map, conf, reading->reader->diag);
	if (reading->reader->diag->n != errors)
		return false;
	CTL_SET_STR(conf, ctl_mirror, name, reading->mirror->name);
	if (!read_texts(reading) || !check_complete(reading))
		return false;
	ctl_fill_defaults(&ctl_mirror_schema, conf, UINT64_MAX);
	from = check_from(reading);
	to = check_to(reading);
	filter = check_filter(reading);
	return from && to && filter && check_circle(reading);
}

void topo_read_mirrors(struct topo_reader *reader, const struct yaml_value *mirrors)
{
	struct topo *topo = reader->topo;

	if (!mirrors || !mirrors->n)
		return;
	if (mirrors->n > TOPO_MAX_MIRRORS) {
		diag_add(reader->diag, mirrors->mark, DIAG_LIMIT, "more than %d mirrors",
			TOPO_MAX_MIRRORS);
		return;
	}
	topo->mirrors = arena_alloc(&topo->arena, mirrors->n * sizeof(*topo->mirrors));
	for (const struct yaml_value *v = topo->mirrors ? mirrors->first : NULL; v; v = v->next) {
		struct topo_mirror *mirror = &topo->mirrors[topo->n_mirrors];
		const struct reading reading = {reader, v, mirror};

		if (topo_is_misplaced(v->key, "mirrors", reader->diag) ||
			!topo_name_check("mirror", v->key->text, v->key->mark, TOPO_NAME_MAX,
				reader->diag))
			continue;
		*mirror = (struct topo_mirror){.name = v->key->text, .mark = v->key->mark};
		topo->n_mirrors += read_mirror(&reading);
	}
}
