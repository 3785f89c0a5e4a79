#include "topo_priv.h"

#include "str.h"
#include "topo_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bridges */

static void read_bridge(struct topo_reader *reader, const struct yaml_value *value)
{
	struct topo *topo = reader->topo;
	struct topo_bridge *bridge;
	const char *name = value->key->text;
	int node = topo_find_node(topo, name);

	if (topo_is_misplaced(value->key, "bridges", reader->diag) ||
		!topo_name_check("bridge", name, value->key->mark, TOPO_NAME_MAX, reader->diag))
		return;
	if (node >= 0) {
		diag_add(reader->diag, value->key->mark, DIAG_NAME_TAKEN,
			"\"%s\" is the name of a node already, at line %u", name,
			topo->nodes[node].mark.line);
		return;
	}
	bridge = &topo->bridges[topo->n_bridges++];
	*bridge = (struct topo_bridge){.name = name, .mark = value->key->mark};
	topo_spec_read(&topo_bridge_schema, value, &bridge->conf, reader->diag);
	CTL_SET_STR(&bridge->conf, ctl_bridge, name, name);
}

void topo_read_bridges(struct topo_reader *reader, const struct yaml_value *bridges)
{
	struct topo *topo = reader->topo;

	if (!bridges || !bridges->n)
		return;
	if (bridges->n > TOPO_MAX_BRIDGES) {
		diag_add(reader->diag, bridges->mark, DIAG_LIMIT, "more than %d bridges",
			TOPO_MAX_BRIDGES);
		return;
	}
	topo->bridges = arena_alloc(&topo->arena, bridges->n * sizeof(*topo->bridges));
	for (const struct yaml_value *v = topo->bridges ? bridges->first : NULL; v; v = v->next)
		read_bridge(reader, v);
}

/* Endpoints */

static bool is_bridge(const struct topo_named *end)
{
	return end->node < 0 && end->port < 0;
}

/* A node and an interface with another sign between them than a colon. */
static bool find_interface(const struct topo *topo, const char *text, char node[TOPO_NAME_MAX + 1])
{
	const char *eth = strstr(text, "eth");

	if (!eth || eth - text < 2 || eth - text > TOPO_NAME_MAX + 1 || strchr(text, ' '))
		return false;
	(void)snprintf(node, TOPO_NAME_MAX + 1, "%.*s", (int)(eth - text - 1), text);
	return topo_find_node(topo, node) >= 0;
}

/* A name alone: a bridge or a port. */
static bool find_named_end(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_named *end)
{
	struct topo *topo = reader->topo;
	const char *names[TOPO_MAX_BRIDGES + TOPO_MAX_PORTS];
	const char *nearest;
	struct diag_item *item;
	char name[TOPO_NAME_MAX + 1];

	end->bridge = topo_find_bridge(topo, value->text);
	end->port = topo_find_port(topo, value->text);
	if (end->bridge >= 0 || end->port >= 0)
		return true;
	if (topo_find_node(topo, value->text) >= 0) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_ENDPOINT,
				  "\"%.40s\" is a node: which interface?", value->text),
			"write %.40s:eth1", value->text);
		return false;
	}
	for (unsigned i = 0; i < topo->n_bridges; i++)
		names[i] = topo->bridges[i].name;
	for (unsigned i = 0; i < topo->n_ports; i++)
		names[topo->n_bridges + i] = topo->ports[i].name;
	item = diag_add(reader->diag, value->mark, DIAG_NO_BRIDGE,
		"no bridge or port called \"%.40s\"", value->text);
	nearest = str_nearest(value->text, names, topo->n_bridges + topo->n_ports);
	if (find_interface(topo, value->text, name))
		diag_hint(item, "write %s:%s", name, value->text + strlen(name) + 1);
	else if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	else if (!topo->n_bridges && !topo->n_ports)
		diag_hint(item, "list it under \"bridges\" or \"ports\"");
	return false;
}

static void not_an_end(struct topo_reader *reader, const struct yaml_value *value)
{
	struct diag_item *item = diag_add(reader->diag, value->mark, DIAG_TYPE,
		"an endpoint is text, not %s", topo_yaml_kind(value));
	const struct yaml_value *first = value->kind == YAML_MAP ? value->first : NULL;

	if (value->n == 1 && first && first->kind == YAML_SCALAR && first->text[0])
		diag_hint(item, "write %.40s:%.40s, without a blank after the colon",
			first->key->text, first->text);
	else
		diag_hint(item, "write r1:eth1 or br0");
}

bool topo_read_end(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_named *end)
{
	struct topo *topo = reader->topo;
	const char *colon;
	struct diag_mark mark = value->mark;
	char name[TOPO_NAME_MAX + 1];

	*end = (struct topo_named){-1, 0, -1, -1};
	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value)) {
		not_an_end(reader, value);
		return false;
	}
	colon = strchr(value->text, ':');
	if (!colon)
		return find_named_end(reader, value, end);
	mark.column += !value->plain; /* the text begins behind the quote */
	mark.len = (unsigned)(colon - value->text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - value->text), value->text);
	if (mark.len <= TOPO_NAME_MAX)
		end->node = topo_find_node(topo, name);
	if (end->node < 0 && (!strcmp(name, "nic") || !strcmp(name, "host"))) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_ENDPOINT,
				  "\"%.40s\" is not an endpoint", value->text),
			"make it a port under \"ports\", and write the name of the port here");
		return false;
	}
	if (end->node < 0 &&
		(topo_find_bridge(topo, name) >= 0 || topo_find_port(topo, name) >= 0)) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_ENDPOINT,
				  "\"%s\" is a %s: it has no interfaces", name,
				  topo_find_bridge(topo, name) >= 0 ? "bridge" : "port"),
			"write %s", name);
		return false;
	}
	if (end->node < 0) {
		topo_no_node(reader, name, mark);
		return false;
	}
	mark.column += mark.len + 1;
	mark.len = (unsigned)strlen(colon + 1);
	end->nic = topo_interface(colon + 1, mark, reader->diag);
	return end->nic-- > 0;
}

static bool take_port(struct topo_reader *reader, struct topo_port *port, struct diag_mark mark)
{
	if (port->used) {
		diag_add(reader->diag, mark, DIAG_CABLED,
			"port \"%s\" is already cabled at line %u", port->name, port->cabled.line);
		return false;
	}
	port->used = true;
	port->cabled = mark;
	return true;
}

/* One cable an interface or port; as many as you like a bridge. */
static bool take_end(struct topo_reader *reader, const struct topo_named *end,
	struct diag_mark mark)
{
	struct topo_node *node;
	struct topo_nic *nic;

	if (end->port >= 0)
		return take_port(reader, &reader->topo->ports[end->port], mark);
	if (is_bridge(end))
		return true;
	node = &reader->topo->nodes[end->node];
	nic = &node->nics[end->nic];
	if (nic->used) {
		diag_add(reader->diag, mark, DIAG_CABLED, "%s:eth%u is already cabled at line %u",
			node->name, end->nic + 1, nic->mark.line);
		return false;
	}
	nic->used = true;
	nic->mark = mark;
	if (end->nic >= node->n_nics)
		node->n_nics = end->nic + 1;
	return true;
}

/* VLAN roles: IEEE 802.1Q port roles in OpenConfig's words */

static const char *const vlan_keys[] = {
	"interface-mode", "access-vlan", "native-vlan", "trunk-vlans"};

static bool has(const struct topo_link_spec *spec, const char *key)
{
	return topo_spec_has(&topo_link_schema, spec, key);
}

static bool role_error(struct topo_reader *reader, const struct yaml_value *link, const char *key,
	const char *why)
{
	const struct yaml_value *value = topo_yaml_get(link, key);

	diag_add(reader->diag, value ? value->key->mark : link->mark, DIAG_VLAN_ROLE, "\"%s\" %s",
		key, why);
	return false;
}

static bool check_no_vlans(struct topo_reader *reader, const struct yaml_value *link,
	const struct topo_link_spec *spec)
{
	for (size_t i = 0; i < sizeof(vlan_keys) / sizeof(vlan_keys[0]); i++) {
		/* From the defaults it is meant for the links to bridges. */
		if (topo_yaml_get(link, vlan_keys[i]) && has(spec, vlan_keys[i]))
			return role_error(reader, link, vlan_keys[i],
				"has no meaning between two ports, where every frame passes");
	}
	return true;
}

static bool set_role(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, struct topo_link *link)
{
	bool trunk = has(spec, "trunk-vlans"), native = has(spec, "native-vlan"),
	     access = has(spec, "access-vlan");

	if (has(spec, "interface-mode"))
		link->vlan_mode = (uint32_t)spec->interface_mode;
	else if (native)
		link->vlan_mode = CTL_VLAN_NATIVE_UNTAGGED;
	else
		link->vlan_mode = access ? CTL_VLAN_ACCESS : CTL_VLAN_TRUNK;
	/* "trunk" with a native VLAN is what everyone writes for native-untagged. */
	if (link->vlan_mode == CTL_VLAN_TRUNK && native)
		link->vlan_mode = CTL_VLAN_NATIVE_UNTAGGED;
	if (link->vlan_mode == CTL_VLAN_ACCESS) {
		if (trunk || native)
			return role_error(reader, value, trunk ? "trunk-vlans" : "native-vlan",
				"contradicts an access port");
		if (!access)
			return role_error(reader, value, "interface-mode",
				"needs an \"access-vlan\"");
	} else {
		if (access)
			return role_error(reader, value, "access-vlan", "contradicts a trunk");
		if (link->vlan_mode != CTL_VLAN_TRUNK && !native)
			return role_error(reader, value, "interface-mode",
				"needs a \"native-vlan\"");
	}
	link->tag = (uint16_t)spec->access_vlan;
	link->native = (uint16_t)spec->native_vlan;
	if (trunk)
		link->trunks = spec->trunk_vlans;
	else if (link->vlan_mode != CTL_VLAN_ACCESS)
		vlan_set_fill(&link->trunks);
	return true;
}

static bool check_bridge_vlan(struct topo_reader *reader, const struct yaml_value *value,
	const char *key, const struct topo_bridge *bridge, uint16_t vid)
{
	const struct yaml_value *at = topo_yaml_get(value, key);

	if (!vid || !CTL_HAS(&bridge->conf, ctl_bridge, vlans) ||
		vlan_set_has(&bridge->conf.vlans, vid))
		return true;
	diag_hint(diag_add(reader->diag, at ? at->mark : value->mark, DIAG_VLAN_BRIDGE,
			  "bridge \"%s\" has no VLAN %u", bridge->name, vid),
		"add it to the bridge's vlans, at line %u", bridge->mark.line);
	return false;
}

/* Without a word on VLANs a port is a trunk of those that exist, and takes no frame without a tag
 * where a list says which do. A guest that tags its frames says so. */
static bool check_has_role(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, const struct topo_bridge *bridge)
{
	char vlans[64];
	uint16_t vid = VLAN_MIN, first = 0, last;

	if (!CTL_HAS(&bridge->conf, ctl_bridge, vlans) ||
		vlan_set_count(&bridge->conf.vlans) == VLAN_MAX)
		return true;
	for (size_t i = 0; i < sizeof(vlan_keys) / sizeof(vlan_keys[0]); i++) {
		/* One with a bad value has its error. */
		if (has(spec, vlan_keys[i]) || topo_yaml_get(value, vlan_keys[i]))
			return true;
	}
	(void)vlan_set_next_range(&bridge->conf.vlans, &vid, &first, &last);
	diag_hint(diag_add(reader->diag, value->mark, DIAG_VLAN_ROLE,
			  "link says no VLAN, but bridge \"%s\" has only %s: untagged frames would "
			  "be dropped",
			  bridge->name,
			  vlan_set_format_short(&bridge->conf.vlans, vlans, sizeof(vlans))),
		"add access-vlan: %u, or interface-mode: trunk if the guest tags", first);
	return false;
}

static bool check_trunks(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_bridge *bridge, const struct topo_link *link, bool explicit_trunks)
{
	uint16_t vid = VLAN_MIN, first, last;

	if (!explicit_trunks || !CTL_HAS(&bridge->conf, ctl_bridge, vlans) ||
		vlan_set_count(&link->trunks) == VLAN_MAX)
		return true;
	while (vlan_set_next_range(&link->trunks, &vid, &first, &last)) {
		for (unsigned v = first; v <= last; v++) {
			if (!check_bridge_vlan(reader, value, "trunk-vlans", bridge, (uint16_t)v))
				return false;
		}
	}
	return true;
}

/* Links */

/* The end of a cable as the lab has it; it gets the cable's MTU. */
static struct topo_end plug_in(struct topo *topo, const struct topo_named *end, uint32_t mtu)
{
	if (end->port >= 0) {
		topo->ports[end->port].mtu = mtu;
		return (struct topo_end){.is_port = true, .port = (unsigned)end->port};
	}
	topo->nodes[end->node].nics[end->nic].mtu = mtu;
	return (struct topo_end){.node = (unsigned)end->node, .nic = end->nic};
}

/* What the file says of a link whose ends are known. */
static struct topo_link link_of(const struct yaml_value *value, const struct topo_link_spec *spec)
{
	const struct yaml_value *mtu = topo_yaml_get(value, "mtu");

	return (struct topo_link){.mark = value->mark,
		.enabled = !has(spec, "enabled") || spec->enabled,
		.mtu = (uint32_t)spec->mtu,
		.mtu_mark = mtu ? mtu->mark : value->mark,
		.a_to_b = spec->conf.a_to_b,
		.b_to_a = spec->conf.b_to_a};
}

static bool check_link_vlans(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, const struct topo_link *link, unsigned bridge_idx)
{
	const struct topo_bridge *bridge = &reader->topo->bridges[bridge_idx];

	return check_bridge_vlan(reader, value, "access-vlan", bridge, link->tag) &&
	       check_bridge_vlan(reader, value, "native-vlan", bridge, link->native) &&
	       check_trunks(reader, value, bridge, link, has(spec, "trunk-vlans"));
}

/* Ports of a link between bridges are called by all three. */
static bool check_patch_names(struct topo_reader *reader, const struct yaml_value *value,
	const char *from, const char *to)
{
	const size_t longer = strlen(from) > strlen(to) ? strlen(from) : strlen(to);

	if (strlen(from) + strlen(to) + longer + strlen("--:-99") <= CTL_NAME_MAX)
		return true;
	diag_hint(diag_add(reader->diag, value->mark, DIAG_LIMIT,
			  "bridges \"%s\" and \"%s\" have too long names for a link between them",
			  from, to),
		"give the bridges shorter names");
	return false;
}

/* A link between two bridges: what it says of VLANs holds at both ends. */
static void add_patch(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, unsigned from, unsigned to)
{
	struct topo *topo = reader->topo;
	struct topo_link *link = &topo->patches[topo->n_patches];

	*link = link_of(value, spec);
	link->from = from;
	link->bridge = to;
	topo_limits_read(reader, TOPO_LIMITS_OF_BRIDGES, value, spec, link);
	if (check_patch_names(reader, value, topo->bridges[from].name, topo->bridges[to].name) &&
		set_role(reader, value, spec, link) &&
		check_link_vlans(reader, value, spec, link, from) &&
		check_link_vlans(reader, value, spec, link, to))
		topo->n_patches++;
}

/* is_turned: b stands first in the file. */
static void add_link(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, struct topo_named a, struct topo_named b, bool is_turned)
{
	struct topo *topo = reader->topo;
	struct topo_link *link = &topo->links[topo->n_links];

	*link = link_of(value, spec);
	if (is_turned) {
		link->a_to_b = spec->conf.b_to_a;
		link->b_to_a = spec->conf.a_to_b;
	}
	link->a = plug_in(topo, &a, link->mtu);
	link->joins_ports = !is_bridge(&b);
	if (link->joins_ports) {
		link->b = plug_in(topo, &b, link->mtu);
		if (!check_no_vlans(reader, value, spec))
			return;
		topo_limits_read(reader, TOPO_LIMITS_OF_PORTS, value, spec, link);
	} else {
		const struct topo_bridge *bridge = &topo->bridges[b.bridge];

		link->bridge = (unsigned)b.bridge;
		if (!check_has_role(reader, value, spec, bridge) ||
			!set_role(reader, value, spec, link) ||
			!check_link_vlans(reader, value, spec, link, link->bridge))
			return;
		topo_limits_read(reader, TOPO_LIMITS_OF_PORT, value, spec, link);
	}
	topo->n_links++;
}

static bool check_mode(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, bool joins_ports)
{
	if (!has(spec, "mode") || (spec->mode == 0) == joins_ports)
		return true;
	if (!topo_yaml_get(value, "mode"))
		return true; /* a default */
	return role_error(reader, value, "mode",
		joins_ports ? "is bridge, but no end is a bridge"
			    : "is link, but one end is a bridge");
}

static void read_cable(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec)
{
	const struct yaml_value *ends = spec->endpoints, *first = ends->first, *second;
	struct topo_named a, b;
	bool ok_a, ok_b;

	if (ends->n != 2) {
		diag_hint(diag_add(reader->diag, ends->mark, DIAG_LINK_ENDS,
				  "a link has two endpoints, not %u", ends->n),
			"write [r1:eth1, r2:eth1] or [r1:eth1, br0]");
		return;
	}
	second = first->next;
	ok_a = topo_read_end(reader, first, &a);
	ok_b = topo_read_end(reader, second, &b);
	if (!ok_a || !ok_b)
		return;
	if (is_bridge(&a) && is_bridge(&b) && a.bridge != b.bridge) {
		if (check_mode(reader, value, spec, false))
			add_patch(reader, value, spec, (unsigned)a.bridge, (unsigned)b.bridge);
		return;
	}
	if (a.bridge == b.bridge && a.node == b.node && a.nic == b.nic && a.port == b.port) {
		diag_add(reader->diag, second->mark, DIAG_LINK_ENDS, "both ends are %s",
			second->text);
		return;
	}
	ok_a = take_end(reader, &a, first->mark);
	ok_b = take_end(reader, &b, second->mark);
	if (!ok_a || !ok_b || !check_mode(reader, value, spec, !is_bridge(&a) && !is_bridge(&b)))
		return;
	if (is_bridge(&a))
		add_link(reader, value, spec, b, a, true);
	else
		add_link(reader, value, spec, a, b, false);
}

/* Meshes: every node of a set with every one of the others, or of two sets across. */

static int next_free_nic(const struct topo_node *node)
{
	for (int i = 0; i < TOPO_MAX_NICS; i++) {
		if (!node->nics[i].used)
			return i;
	}
	return -1;
}

static bool mesh_pair(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec, unsigned x, unsigned y)
{
	struct topo *topo = reader->topo;
	struct topo_named a = {(int)x, 0, -1, -1}, b = {(int)y, 0, -1, -1};
	int nic_a = next_free_nic(&topo->nodes[x]), nic_b = next_free_nic(&topo->nodes[y]);

	if (nic_a < 0 || nic_b < 0) {
		diag_add(reader->diag, spec->mesh->mark, DIAG_INTERFACE,
			"node \"%s\" has no free interface for the mesh",
			topo->nodes[nic_a < 0 ? x : y].name);
		return false;
	}
	if (topo->n_links >= TOPO_MAX_LINKS) {
		diag_add(reader->diag, spec->mesh->mark, DIAG_LIMIT, "more than %d links",
			TOPO_MAX_LINKS);
		return false;
	}
	a.nic = (unsigned)nic_a;
	b.nic = (unsigned)nic_b;
	(void)take_end(reader, &a, value->mark);
	(void)take_end(reader, &b, value->mark);
	add_link(reader, value, spec, a, b, false);
	return true;
}

struct mesh_set {
	unsigned *nodes, n;
};

static bool read_mesh_set(struct topo_reader *reader, const struct yaml_value *value,
	struct mesh_set *set)
{
	struct topo *topo = reader->topo;
	struct topo_range range;

	if (value->kind != YAML_SCALAR) {
		diag_add(reader->diag, value->mark, DIAG_TYPE,
			"a mesh is a list of names, not of %s",
			value->kind == YAML_LIST ? "lists" : "maps");
		return false;
	}
	if (!topo_range_parse(value, &range, reader->diag))
		return false;
	set->nodes = arena_alloc(&topo->arena, topo_range_count(&range) * sizeof(*set->nodes));
	for (unsigned i = 0; set->nodes && i < topo_range_count(&range); i++) {
		const char *name = topo_range_name(&topo->arena, &range, i);
		int idx = name ? topo_find_node(topo, name) : -1;

		if (idx < 0) {
			topo_no_node(reader, name ? name : "", value->mark);
			return false;
		}
		set->nodes[set->n++] = (unsigned)idx;
	}
	return set->nodes != NULL;
}

static bool sets_overlap(const struct mesh_set *a, const struct mesh_set *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned j = 0; j < b->n; j++) {
			if (a->nodes[i] == b->nodes[j])
				return true;
		}
	}
	return false;
}

/* One set: full mesh inside. Several: each set with each other, nothing inside. */
static void read_mesh(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_link_spec *spec)
{
	enum { MAX_SETS = 64 };
	struct mesh_set sets[MAX_SETS] = {{0}};
	unsigned n = 0;
	bool ok = true;

	if (spec->mesh->n > MAX_SETS) {
		diag_add(reader->diag, spec->mesh->mark, DIAG_LIMIT, "more than %d names in a mesh",
			MAX_SETS);
		return;
	}
	for (const struct yaml_value *v = spec->mesh->first; v; v = v->next)
		ok = read_mesh_set(reader, v, &sets[n++]) && ok;
	if (!ok)
		return;
	if (!n || (n == 1 && sets[0].n < 2)) {
		diag_hint(diag_add(reader->diag, spec->mesh->mark, DIAG_MESH,
				  "a mesh needs at least two nodes"),
			"write [leaf1..2, spine1..2]");
		return;
	}
	for (unsigned i = 0; n == 1 && i < sets[0].n; i++) {
		for (unsigned j = i + 1; j < sets[0].n; j++) {
			if (!mesh_pair(reader, value, spec, sets[0].nodes[i], sets[0].nodes[j]))
				return;
		}
	}
	for (unsigned s = 0; s < n; s++) {
		for (unsigned t = s + 1; t < n; t++) {
			if (sets_overlap(&sets[s], &sets[t])) {
				diag_add(reader->diag, spec->mesh->mark, DIAG_MESH,
					"a node stands twice in the mesh");
				return;
			}
			for (unsigned k = 0; k < sets[s].n * sets[t].n; k++) {
				if (!mesh_pair(reader, value, spec, sets[s].nodes[k / sets[t].n],
					    sets[t].nodes[k % sets[t].n]))
					return;
			}
		}
	}
}

static void read_link(struct topo_reader *reader, const struct yaml_value *value, bool meshes)
{
	struct diag quiet = {.file = ""};
	struct topo_link_spec spec = {0};
	unsigned errors = reader->diag->n;
	bool has_ends, has_mesh;

	if (value->kind != YAML_MAP) {
		if (!meshes)
			diag_hint(diag_add(reader->diag, value->mark, DIAG_TYPE,
					  "a link is a map of keys, not %s", topo_yaml_kind(value)),
				"write { endpoints: [r1:eth1, br0] }");
		return;
	}
	topo_spec_read(&topo_link_schema, value, &spec, meshes ? &quiet : reader->diag);
	topo_spec_inherit(&topo_link_schema, &spec, &reader->link_defaults);
	topo_impair_inherit(&spec, &reader->link_defaults);
	/* Without those of the defaults, which have their error. */
	has_ends = has(&spec, "endpoints") && spec.endpoints && spec.endpoints->kind == YAML_LIST;
	has_mesh = has(&spec, "mesh") && spec.mesh && spec.mesh->kind == YAML_LIST;
	if (meshes) {
		if (has_mesh && !has_ends)
			read_mesh(reader, value, &spec);
		return;
	}
	if (has_ends && has_mesh)
		diag_add(reader->diag, spec.mesh->key ? spec.mesh->key->mark : value->mark,
			DIAG_VALUE, "a link has \"endpoints\" or \"mesh\", not both");
	else if (has_ends)
		read_cable(reader, value, &spec);
	else if (!has_mesh && reader->diag->n == errors)
		diag_hint(diag_add(reader->diag, value->mark, DIAG_MISSING_KEY,
				  "link has no \"endpoints\""),
			"write endpoints: [r1:eth1, br0]");
	/* What a setting lacks may be one that has its error. */
	if (reader->diag->n == errors)
		topo_impair_check(reader, value, &spec.conf);
}

void topo_read_links(struct topo_reader *reader, const struct yaml_value *links)
{
	struct topo *topo = reader->topo;

	if (!links || !links->n)
		return;
	if (links->n > TOPO_MAX_LINKS) {
		diag_add(reader->diag, links->mark, DIAG_LIMIT, "more than %d links",
			TOPO_MAX_LINKS);
		return;
	}
	topo->links = arena_alloc(&topo->arena, (TOPO_MAX_LINKS + 1) * sizeof(*topo->links));
	topo->patches = arena_alloc(&topo->arena, links->n * sizeof(*topo->patches));
	if (!topo->links || !topo->patches)
		return;
	/* Meshes take what the named interfaces leave free, wherever they stand. */
	for (const struct yaml_value *v = links->first; v; v = v->next)
		read_link(reader, v, false);
	for (const struct yaml_value *v = links->first; v; v = v->next)
		read_link(reader, v, true);
}
