#include "topo_schema.h"

#include "ctl_vswitch.h"
#include "former.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_LEN(a)  (sizeof(a) / sizeof((a)[0]))
#define AT(s, member) offsetof(struct s, member), sizeof(((struct s *)0)->member)
#define KEY(s, key, member, kind, help)                    \
	{                                                  \
		key, kind, AT(s, member), 0, 0, NULL, help \
	}
#define NUM(s, key, member, kind, min, max, help)              \
	{                                                      \
		key, kind, AT(s, member), min, max, NULL, help \
	}
#define WORD(s, key, member, names, help)                        \
	{                                                        \
		key, TOPO_WORD, AT(s, member), 0, 0, names, help \
	}
#define LATER(key)                                                     \
	{                                                              \
		key, TOPO_LATER, 0, 0, 0, 0, NULL, "not supported yet" \
	}

static const struct topo_field root_fields[] = {
	NUM(topo_root_spec, "version", version, TOPO_NUMBER, 0, UINT64_MAX,
		"version of the format: 1"),
	KEY(topo_root_spec, "name", name, TOPO_TEXT, "name of the lab"),
	KEY(topo_root_spec, "images", images, TOPO_MAP_OF, "what nodes boot"),
	KEY(topo_root_spec, "defaults", defaults, TOPO_MAP_OF, "settings of all nodes and links"),
	KEY(topo_root_spec, "groups", groups, TOPO_MAP_OF,
		"settings of the nodes that name the group"),
	KEY(topo_root_spec, "nodes", nodes, TOPO_MAP_OF, "virtual machines"),
	KEY(topo_root_spec, "bridges", bridges, TOPO_MAP_OF, "bridges of the switch"),
	KEY(topo_root_spec, "ports", ports, TOPO_MAP_OF, "ports of the switch that no node has"),
	KEY(topo_root_spec, "links", links, TOPO_LIST_OF, "cables"),
	KEY(topo_root_spec, "test", test, TOPO_LIST_OF, "steps of `netcfg test`"),
	LATER("mgmt"),
};

static const struct topo_field defaults_fields[] = {
	KEY(topo_defaults_spec, "node", node, TOPO_MAP_OF, "keys of a node"),
	KEY(topo_defaults_spec, "link", link, TOPO_MAP_OF, "keys of a link"),
};

static const struct topo_field ready_fields[] = {
	KEY(topo_ready_spec, "console", console, TOPO_TEXT,
		"text on the serial console that says so"),
	LATER("ping"),
	LATER("ssh"),
};

#define MEMORY_MIN  (16ull << 20)
#define MEMORY_MAX  (1ull << 40)
#define MEMORY_HELP "RAM, such as 256M or 2G"

static const struct topo_field image_fields[] = {
	KEY(topo_image_spec, "kernel", kernel, TOPO_TEXT,
		"bzImage or PVH ELF, relative to the lab file"),
	KEY(topo_image_spec, "initrd", initrd, TOPO_TEXT, "initial RAM file system"),
	KEY(topo_image_spec, "cmdline", cmdline, TOPO_TEXT, "kernel arguments"),
	KEY(topo_image_spec, "disk", disk, TOPO_TEXT, "raw disk image"),
	NUM(topo_image_spec, "memory", memory, TOPO_SIZE, MEMORY_MIN, MEMORY_MAX, MEMORY_HELP),
	NUM(topo_image_spec, "vcpus", vcpus, TOPO_NUMBER, 1, 64, "virtual CPUs"),
	KEY(topo_image_spec, "ready", ready, TOPO_MAP_OF, "how to see that a node is ready"),
	LATER("sha256"),
	LATER("firmware"),
};

/* In the order of enum topo_node_kind. */
static const char *const kind_names[] = {"linux", "nfguest", NULL};

static const struct topo_field node_fields[] = {
	WORD(topo_node_spec, "kind", kind, kind_names,
		"what it is: linux (an image of images), or nfguest"),
	KEY(topo_node_spec, "image", image, TOPO_TEXT, "what it boots, one of images"),
	KEY(topo_node_spec, "group", group, TOPO_TEXT, "one of groups"),
	NUM(topo_node_spec, "vcpus", vcpus, TOPO_NUMBER, 1, 64, "virtual CPUs (1)"),
	NUM(topo_node_spec, "memory", memory, TOPO_SIZE, MEMORY_MIN, MEMORY_MAX,
		MEMORY_HELP " (256M)"),
	KEY(topo_node_spec, "cmdline", cmdline, TOPO_TEXT, "kernel arguments, after the image's"),
	KEY(topo_node_spec, "disk", disk, TOPO_TEXT, "raw disk image instead of the image's"),
	KEY(topo_node_spec, "after", after, TOPO_RAW, "nodes that must be ready before it starts"),
	NUM(topo_node_spec, "rank", rank, TOPO_NUMBER, 0, 1000, "row in pictures of the lab"),
	NUM(topo_node_spec, "interfaces", interfaces, TOPO_NUMBER, 0, 26,
		"at least so many interfaces, so that links can be added while it runs"),
	KEY(topo_node_spec, "ipv4", ipv4, TOPO_RAW, "IPv4 addresses by interface"),
	KEY(topo_node_spec, "ipv6", ipv6, TOPO_RAW, "IPv6 addresses by interface"),
	KEY(topo_node_spec, "gateway", gateway, TOPO_RAW, "default routes"),
	KEY(topo_node_spec, "forwarding", forwarding, TOPO_BOOL, "route between interfaces"),
	KEY(topo_node_spec, "offload", offload, TOPO_BOOL,
		"checksum and segmentation offload on its interfaces (true)"),
	KEY(topo_node_spec, "ready", ready, TOPO_MAP_OF, "how to see that it is ready"),
	LATER("cloud-init"),
	LATER("mgmt-ipv4"),
	LATER("cpu-set"),
	LATER("labels"),
};

static const char *const reserved_names[] = {"forward", "drop", NULL};

static const struct topo_field bridge_fields[] = {
	KEY(topo_bridge_spec, "vlans", vlans, TOPO_VLANS, "VLANs that exist on it (all)"),
	NUM(topo_bridge_spec, "ageing", ageing, TOPO_NUMBER, 0, 1000000,
		"seconds after which an idle address is forgotten (300); 0 = never"),
	WORD(topo_bridge_spec, "reserved", reserved, reserved_names,
		"what happens to frames to 01:80:c2:00:00:00 to 0f"),
	LATER("stp"),
};

static const struct topo_field port_fields[] = {
	WORD(topo_port_spec, "type", type, ctl_port_types, "port type"),
	KEY(topo_port_spec, "dev", dev, TOPO_TEXT,
		"interface, or PCI address (nic), or the interface to make (tap, veth)"),
	KEY(topo_port_spec, "ip", ip, TOPO_TEXT,
		"ADDRESS/PREFIX put on the host's interface (tap) or on the peer (veth)"),
	KEY(topo_port_spec, "mac", mac, TOPO_TEXT,
		"address of the host's side (tap) or of the peer (veth)"),
	KEY(topo_port_spec, "owner", owner, TOPO_TEXT, "user who may open the interface (tap)"),
	KEY(topo_port_spec, "netns", netns, TOPO_TEXT, "network namespace, name or path (veth)"),
	KEY(topo_port_spec, "peer", peer, TOPO_TEXT, "interface made in the namespace (veth)"),
	KEY(topo_port_spec, "rebind", rebind, TOPO_BOOL,
		"return the NIC to the kernel's driver when the port goes (nic)"),
	KEY(topo_port_spec, "rx-file", rx_file, TOPO_TEXT,
		"capture file replayed into the switch (pcap)"),
	KEY(topo_port_spec, "tx-file", tx_file, TOPO_TEXT,
		"capture file of what the switch sends (pcap)"),
	KEY(topo_port_spec, "loop", loop, TOPO_BOOL, "replay for ever (pcap)"),
	KEY(topo_port_spec, "path", path, TOPO_TEXT, "unix socket (vhost-user, memif)"),
	WORD(topo_port_spec, "mode", mode, ctl_sock_modes,
		"who listens (vhost-user, memif): server = the switch"),
	NUM(topo_port_spec, "memif-id", memif_id, TOPO_NUMBER, 0, UINT32_MAX,
		"number of the interface on its socket (memif)"),
	KEY(topo_port_spec, "devargs", devargs, TOPO_TEXT,
		"device arguments as DPDK takes them (dpdk)"),
	NUM(topo_port_spec, "queues", queues, TOPO_NUMBER, 1, 16, "most queue pairs (16)"),
};

static const char *const mode_names[] = {"link", "bridge", NULL};
/* In the order of enum ctl_vlan_mode. */
static const char *const interface_mode_names[] = {
	"access", "trunk", "native-tagged", "native-untagged", NULL};

static const struct topo_field link_fields[] = {
	KEY(topo_link_spec, "endpoints", endpoints, TOPO_LIST_OF, "the two ends"),
	KEY(topo_link_spec, "mesh", mesh, TOPO_LIST_OF, "nodes to cable each with each"),
	NUM(topo_link_spec, "mtu", mtu, TOPO_NUMBER, 68, 65535,
		"largest packet in bytes, told to the guests"),
	KEY(topo_link_spec, "enabled", enabled, TOPO_BOOL, "false: the cable is there but pulled"),
	WORD(topo_link_spec, "mode", mode, mode_names, "link or bridge; follows from the ends"),
	WORD(topo_link_spec, "interface-mode", interface_mode, interface_mode_names,
		"VLAN role of the bridge's port"),
	NUM(topo_link_spec, "access-vlan", access_vlan, TOPO_VLAN, 1, 4094,
		"VLAN of an access port"),
	NUM(topo_link_spec, "native-vlan", native_vlan, TOPO_VLAN, 1, 4094,
		"VLAN of untagged frames on a trunk"),
	KEY(topo_link_spec, "trunk-vlans", trunk_vlans, TOPO_VLANS,
		"VLANs that a trunk carries tagged (all)"),
	LATER("delay"),
	LATER("jitter"),
	LATER("loss"),
	LATER("rate"),
	LATER("duplicate"),
	LATER("corrupt"),
	LATER("reorder"),
	LATER("limit"),
	LATER("asymmetric"),
};

static const struct topo_field step_fields[] = {
	KEY(topo_step_spec, "name", name, TOPO_TEXT,
		"name of the step, and of its directory of results"),
	KEY(topo_step_spec, "node", node, TOPO_TEXT, "node that runs exec"),
	KEY(topo_step_spec, "exec", exec, TOPO_TEXT,
		"command of the node's shell; it must succeed"),
	KEY(topo_step_spec, "swbench", swbench, TOPO_TEXT,
		"verb and options of a measurement; it must succeed"),
	KEY(topo_step_spec, "ports", ports, TOPO_LIST_OF,
		"ports of the lab that the tester takes, p0 first"),
	NUM(topo_step_spec, "timeout", timeout, TOPO_NUMBER, 1, 86400,
		"seconds that the step may take"),
};

#define SCHEMA(name, what)                                \
	const struct topo_schema topo_##name##_schema = { \
		what, name##_fields, ARRAY_LEN(name##_fields)}
SCHEMA(root, "lab");
SCHEMA(defaults, "defaults");
SCHEMA(ready, "ready");
SCHEMA(image, "image");
SCHEMA(node, "node");
SCHEMA(bridge, "bridge");
SCHEMA(port, "port");
SCHEMA(link, "link");
SCHEMA(step, "step");

const struct topo_schema *const topo_schemas[] = {&topo_root_schema, &topo_defaults_schema,
	&topo_ready_schema, &topo_image_schema, &topo_node_schema, &topo_bridge_schema,
	&topo_port_schema, &topo_link_schema, &topo_step_schema, NULL};

/* Reading */

static const struct topo_field *find_field(const struct topo_schema *schema, const char *name)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (!strcmp(schema->fields[i].name, name))
			return &schema->fields[i];
	}
	name = former_word(name);
	return name ? find_field(schema, name) : NULL;
}

static void unknown_key(const struct topo_schema *schema, const struct yaml_value *key,
	struct diag *diag)
{
	const char *names[64];
	const char *nearest;
	unsigned n = 0;
	struct diag_item *item = diag_add(diag, key->mark, DIAG_UNKNOWN_KEY,
		"a %s has no key \"%.40s\"", schema->what, key->text);

	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (schema->fields[i].kind != TOPO_LATER)
			names[n++] = schema->fields[i].name;
	}
	nearest = str_nearest(key->text, names, n);
	if (nearest)
		diag_hint(item, "did you mean \"%s\"?", nearest);
	else if (schema != &topo_root_schema && find_field(&topo_root_schema, key->text))
		diag_hint(item, "\"%s\" belongs at the top level: remove the spaces before it",
			key->text);
	else if (schema != &topo_link_schema && find_field(&topo_link_schema, key->text))
		diag_hint(item, "\"%s\" is a key of a link", key->text);
	else if (schema != &topo_node_schema && find_field(&topo_node_schema, key->text))
		diag_hint(item, "\"%s\" is a key of a node", key->text);
}

static bool wrong_type(const struct topo_field *field, const struct yaml_value *value,
	const char *want, struct diag *diag)
{
	diag_add(diag, value->mark, DIAG_TYPE, "\"%s\" wants %s, not %s", field->name, want,
		topo_yaml_kind(value));
	return false;
}

static bool read_number(const struct topo_field *field, const struct yaml_value *value,
	uint64_t *at, struct diag *diag)
{
	bool is_vlan = field->kind == TOPO_VLAN;
	uint64_t number = 0;
	int code = topo_yaml_u64(value, &number);

	if (code == -EINVAL && value->kind == YAML_SCALAR && value->plain &&
		value->text[0] == '-' &&
		strspn(value->text + 1, "0123456789") == strlen(value->text + 1) && value->text[1])
		code = -ERANGE;
	if (code == -EINVAL)
		return wrong_type(field, value, is_vlan ? "a VLAN" : "a number", diag);
	if (!code && number >= field->min && number <= field->max) {
		*at = number;
		return true;
	}
	if (is_vlan && !code && (number == 0 || number == 4095))
		diag_add(diag, value->mark, DIAG_VLAN_RANGE, "VLAN %s is reserved; use 1-4094",
			value->text);
	else if (is_vlan)
		diag_add(diag, value->mark, DIAG_VLAN_RANGE,
			"VLAN %.20s does not exist; use 1-4094", value->text);
	else
		diag_add(diag, value->mark, DIAG_NUMBER,
			"\"%s\" is %.20s, not in %" PRIu64 "-%" PRIu64, field->name, value->text,
			field->min, field->max);
	return false;
}

static bool read_size(const struct topo_field *field, const struct yaml_value *value, uint64_t *at,
	struct diag *diag)
{
	uint64_t bytes = 0;

	if (value->kind != YAML_SCALAR)
		return wrong_type(field, value, "a size such as 256M", diag);
	if (str_parse_size(value->text, &bytes)) {
		diag_hint(diag_add(diag, value->mark, DIAG_NUMBER, "\"%s\": \"%.20s\" is no size",
				  field->name, value->text),
			"write a number with K, M or G, such as 256M");
		return false;
	}
	if (bytes >= field->min && bytes <= field->max) {
		*at = bytes;
		return true;
	}
	diag_hint(diag_add(diag, value->mark, DIAG_NUMBER,
			  "\"%s\" is %.20s, not in %" PRIu64 "M-%" PRIu64 "G", field->name,
			  value->text, field->min >> 20, field->max >> 30),
		"%s", bytes < 65536 ? "the unit is bytes unless K, M or G follows" : "");
	return false;
}

static bool read_vlan_text(const struct topo_field *field, const struct yaml_value *value,
	struct vlan_set *at, struct diag *diag)
{
	struct vlan_set one;
	uint16_t vid = VLAN_MIN, first, last;
	int code;

	if (value->kind != YAML_SCALAR || topo_yaml_is_null(value))
		return wrong_type(field, value, "VLANs such as 10 or 20-29", diag);
	code = vlan_set_parse(value->text, &one, NULL);
	if (code == -ERANGE) {
		diag_add(diag, value->mark, DIAG_VLAN_RANGE, "VLAN %.20s is not in 1-4094",
			value->text);
		return false;
	}
	if (code) {
		diag_hint(diag_add(diag, value->mark, DIAG_VLAN_SYNTAX,
				  "\"%.20s\" is neither a VLAN nor a range", value->text),
			"write 10, or [10, 20-29]");
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
		return read_vlan_text(field, value, at, diag);
	for (const struct yaml_value *v = value->first; v; v = v->next)
		ok = read_vlan_text(field, v, at, diag) && ok;
	return ok;
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
		(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			n ? ", " : "", field->names[n]);
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

static bool read_value(const struct topo_field *field, const struct yaml_value *value, void *at,
	struct diag *diag)
{
	switch (field->kind) {
	case TOPO_TEXT:
		return read_text(field, value, at, diag);
	case TOPO_BOOL:
		return topo_yaml_bool(value, at) || wrong_type(field, value, "true or false", diag);
	case TOPO_NUMBER:
	case TOPO_VLAN:
		return read_number(field, value, at, diag);
	case TOPO_SIZE:
		return read_size(field, value, at, diag);
	case TOPO_VLANS:
		return read_vlans(field, value, at, diag);
	case TOPO_WORD:
		return read_word(field, value, at, diag);
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
	case TOPO_RAW:
		break;
	}
	*(const struct yaml_value **)at = value;
	return true;
}

bool topo_schema_is_map(const struct yaml_value *value, const char *what, struct diag *diag)
{
	if (value->kind == YAML_MAP || topo_yaml_is_null(value))
		return true;
	diag_add(diag, value->mark, DIAG_TYPE, "%s must be a map of keys, not %s", what,
		topo_yaml_kind(value));
	return false;
}

void topo_schema_read(const struct topo_schema *schema, const struct yaml_value *map, void *spec,
	struct diag *diag)
{
	uint64_t *set = spec;
	char what[32];

	(void)snprintf(what, sizeof(what), "a %s", schema->what);
	if (!map || !topo_schema_is_map(map, what, diag))
		return;
	for (const struct yaml_value *v = map->first; v; v = v->next) {
		const struct topo_field *field = find_field(schema, v->key->text);

		if (!field)
			unknown_key(schema, v->key, diag);
		else if (read_value(field, v, (char *)spec + field->offset, diag))
			*set |= UINT64_C(1) << (field - schema->fields);
	}
}

void topo_schema_inherit(const struct topo_schema *schema, void *spec, const void *base)
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

bool topo_schema_has(const struct topo_schema *schema, const void *spec, const char *key)
{
	const struct topo_field *field = find_field(schema, key);

	return field && *(const uint64_t *)spec >> (field - schema->fields) & 1;
}
