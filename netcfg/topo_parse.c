#include "topo_priv.h"

#include "str.h"
#include "topo_spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool topo_range_parse(const struct yaml_value *value, struct topo_range *ret_range,
	struct diag *diag)
{
	const char *word = value->text, *dots = strstr(word, ".."), *digit = dots;
	char *end;
	unsigned long first, last;
	unsigned width;

	*ret_range = (struct topo_range){.word = word};
	if (!dots || strchr(word, '/')) /* a path is no name either */
		return true;
	while (digit > word && isdigit((unsigned char)digit[-1]))
		digit--;
	first = strtoul(digit, NULL, 10);
	last = strtoul(dots + 2, &end, 10);
	if (digit == dots || !isdigit((unsigned char)dots[2]) || *end || dots - digit > 9 ||
		strlen(dots + 2) > 9) {
		diag_hint(diag_add(diag, value->mark, DIAG_RANGE,
				  "\"%.40s\" is not a range of names", word),
			"write h1..4");
		return false;
	}
	if (first > last || last - first >= TOPO_MAX_NODES) {
		diag_hint(diag_add(diag, value->mark, DIAG_RANGE, "range \"%.40s\" holds %s names",
				  word, first > last ? "no" : "more than 1024"),
			"%s", first > last ? "write the smaller number first" : "");
		return false;
	}
	/* As a shell does it: h01..10 is h01, h02, and so on. */
	width = digit[0] == '0' && dots - digit > 1 ? (unsigned)(dots - digit) : 1;
	*ret_range = (struct topo_range){
		word, (unsigned)(digit - word), (unsigned)first, (unsigned)last, width, true};
	return true;
}

unsigned topo_range_count(const struct topo_range *range)
{
	return range->is_range ? range->last - range->first + 1 : 1;
}

const char *topo_range_name(struct arena *arena, const struct topo_range *range, unsigned i)
{
	if (!range->is_range)
		return range->word;
	return arena_printf(arena, "%.*s%0*u", (int)range->prefix_len, range->word,
		(int)range->width, range->first + i);
}

bool topo_name_check(const char *what, const char *name, struct diag_mark mark, unsigned max,
	struct diag *diag)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t len = strlen(name);
	struct diag_item *item;

	if (strstr(name, "..") && strspn(name, letters) == len && strcmp(what, "node") != 0) {
		diag_hint(diag_add(diag, mark, DIAG_RANGE,
				  "\"%.40s\": only nodes have ranges of names", name),
			"write them one by one");
		return false;
	}
	if (len && len <= max && isalnum((unsigned char)name[0]) && strspn(name, letters) == len)
		return true;
	if (len > max) {
		diag_add(diag, mark, DIAG_NAME, "%s name \"%.40s\" is longer than %u characters",
			what, name, max);
		return false;
	}
	item = diag_add(diag, mark, DIAG_NAME, "\"%.40s\" is not %s %s name", name,
		strchr("aeiou", what[0]) ? "an" : "a", what);
	if (!strcmp(what, "node") && strpbrk(name, "[*{"))
		diag_hint(item, "a range is written h1..4");
	else if (len && strspn(name, letters) == len)
		diag_hint(item, "begin with a letter or digit");
	else
		diag_hint(item, "use letters, digits, - _ and .");
	return false;
}

bool topo_is_misplaced(const struct yaml_value *key, const char *under, struct diag *diag)
{
	for (unsigned i = 0; i < topo_root_schema.n_fields; i++) {
		const char *name = topo_root_schema.fields[i].name;

		if (strcmp(name, key->text) || topo_root_schema.fields[i].kind == TOPO_TEXT ||
			topo_root_schema.fields[i].kind == TOPO_NUMBER || !strcmp(name, "mgmt") ||
			!strcmp(name, "test"))
			continue;
		diag_hint(diag_add(diag, key->mark, DIAG_UNKNOWN_KEY,
				  "\"%s\" belongs at the top level, not under \"%s\"", name, under),
			"remove %u space%s", key->mark.column - 1,
			key->mark.column == 2 ? "" : "s");
		return true;
	}
	return false;
}

int topo_find_node(const struct topo *topo, const char *name)
{
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		if (!strcmp(topo->nodes[i].name, name))
			return (int)i;
	}
	return -1;
}

int topo_find_bridge(const struct topo *topo, const char *name)
{
	for (unsigned i = 0; i < topo->n_bridges; i++) {
		if (!strcmp(topo->bridges[i].name, name))
			return (int)i;
	}
	return -1;
}

int topo_find_port(const struct topo *topo, const char *name)
{
	for (unsigned i = 0; i < topo->n_ports; i++) {
		if (!strcmp(topo->ports[i].name, name))
			return (int)i;
	}
	return -1;
}

void topo_no_node(struct topo_reader *reader, const char *name, struct diag_mark mark)
{
	const struct topo *topo = reader->topo;
	const char *names[TOPO_MAX_NODES];
	const char *nearest, *colon = strchr(name, ':');
	struct diag_item *item =
		diag_add(reader->diag, mark, DIAG_NO_NODE, "no node called \"%.40s\"", name);
	char node[TOPO_NAME_MAX + 1];

	if (colon) {
		(void)snprintf(node, sizeof(node), "%.*s", (int)(colon - name), name);
		if (topo_find_node(topo, node) >= 0)
			diag_hint(item, "write %s: the name of a node alone", node);
		return;
	}

	for (unsigned i = 0; i < topo->n_nodes; i++)
		names[i] = topo->nodes[i].name;
	nearest = str_nearest(name, names, topo->n_nodes);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
}

unsigned topo_interface(const char *name, struct diag_mark mark, struct diag *diag)
{
	unsigned long number;
	char *end;

	if (strncmp(name, "eth", 3) || !isdigit((unsigned char)name[3])) {
		diag_hint(diag_add(diag, mark, DIAG_ENDPOINT, "\"%.40s\" is not an interface",
				  name),
			"interfaces are eth1, eth2, ...");
		return 0;
	}
	number = strtoul(name + 3, &end, 10);
	if (*end || number < 1 || number > TOPO_MAX_NICS || name[3] == '0') {
		diag_hint(diag_add(diag, mark, DIAG_INTERFACE,
				  "interface \"%.40s\" is not in eth1-eth%d", name, TOPO_MAX_NICS),
			"%s",
			number == 0 && !*end ? "eth0 is kept for a management interface"
			: *end == '.' ? "link the interface itself; what its node tags, it says "
					"by addresses"
			: number <= TOPO_MAX_NICS && !*end
				? "write the number without zeros before it"
				: "");
		return 0;
	}
	return (unsigned)number;
}

/* What each link has of its own. */
static void refuse_default_ends(struct topo_reader *reader, const struct yaml_value *link)
{
	static const char *const keys[] = {"endpoints", "mesh", "a", "b"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct yaml_value *value = link ? topo_yaml_get(link, keys[i]) : NULL;

		if (value)
			diag_add(reader->diag, value->key->mark, DIAG_VALUE,
				"\"%s\" cannot be a default: each link has its own", keys[i]);
	}
	reader->link_defaults.endpoints = reader->link_defaults.mesh = NULL;
	reader->link_defaults.a = reader->link_defaults.b = NULL;
}

static bool read_root(struct topo_reader *reader, const struct yaml_value *root,
	struct topo_root_spec *spec)
{
	struct diag *diag = reader->diag;
	struct topo_defaults_spec defaults = {0};
	const struct yaml_value *version;

	if (root->kind != YAML_MAP) {
		diag_hint(diag_add(diag, root->mark, DIAG_TYPE,
				  "a lab file is a map of keys, not %s", topo_yaml_kind(root)),
			"begin with \"version: 1\"");
		return false;
	}
	topo_spec_read(&topo_root_schema, root, spec, diag);
	version = topo_yaml_get(root, "version");
	if (!version)
		diag_hint(diag_add(diag, root->mark, DIAG_MISSING_KEY, "key \"version\" missing"),
			"begin with \"version: 1\"");
	else if (topo_spec_has(&topo_root_schema, spec, "version") && spec->version != 1)
		diag_add(diag, version->mark, DIAG_VERSION,
			"version %.20s is not known; this program reads version 1", version->text);
	if (topo_spec_has(&topo_root_schema, spec, "name")) {
		if (topo_name_check("lab", spec->name.text, spec->name.mark, TOPO_LAB_NAME_MAX,
			    diag))
			reader->topo->name = spec->name.text;
	} else if (!topo_yaml_get(root, "name")) {
		diag_hint(diag_add(diag, root->mark, DIAG_MISSING_KEY, "key \"name\" missing"),
			"give the lab a name: \"name: mylab\"");
	}
	topo_spec_read(&topo_defaults_schema, spec->defaults, &defaults, diag);
	topo_spec_read(&topo_node_schema, defaults.node, &reader->node_defaults, diag);
	topo_spec_read(&topo_link_schema, defaults.link, &reader->link_defaults, diag);
	refuse_default_ends(reader, defaults.link);
	reader->groups = spec->groups;
	return true;
}

int topo_parse(const char *dir, bool check_files, struct diag *diag, struct topo *ret_topo)
{
	struct topo_reader reader = {
		.topo = ret_topo, .diag = diag, .dir = dir, .check_files = check_files};
	struct topo_root_spec spec = {0};
	const struct yaml_value *root;

	*ret_topo = (struct topo){.name = "",
		.nfguest = {.name = "nfguest",
			.cmdline = "ready=1",
			.ready = TOPO_NFGUEST_READY,
			.memory_bytes = TOPO_NFGUEST_MEMORY,
			.is_nfguest = true}};
	root = topo_yaml_parse(&ret_topo->arena, diag);
	if (root && read_root(&reader, root, &spec)) {
		topo_read_images(&reader, spec.images);
		topo_read_nodes(&reader, spec.nodes);
		topo_read_bridges(&reader, spec.bridges);
		topo_read_ports(&reader, spec.ports);
		topo_read_links(&reader, spec.links);
		topo_read_mirrors(&reader, spec.mirrors);
		topo_read_sflow(&reader, spec.sflow);
		topo_read_switch(&reader, spec.sw);
		topo_finish_nodes(&reader, spec.nodes);
		topo_read_steps(&reader, spec.test);
	}
	if (ret_topo->arena.failed && !diag->n)
		diag_add(diag, (struct diag_mark){0}, DIAG_LIMIT, "out of memory");
	diag_sort(diag);
	return diag->n ? -EINVAL : 0;
}

void topo_done(struct topo *topo)
{
	arena_done(&topo->arena);
}
