#include "topo_schema.h"

#include "ctl_vswitch.h"
#include "foreign.h"
#include "former.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Ports, and the rest of bridges: the rows of their messages. */
static const struct topo_field bridge_fields[] = {
	LATER("stp"),
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

/* What other tools call it, of containerlab, Compose, netplan and our own command line: the key it
 * is here, or a hint. */

static const struct foreign_word root_words[] = {
	{"topology", "nodes, bridges and links stand at the top level"},
	{"kinds", "\"groups\" and \"defaults\" say what nodes have in common"},
	{"include includes", "a lab is one file"},
	{"description comment", "write it as a comment, after \"#\""},
	{"hosts vms machines domains services routers", "nodes"},
	{"switches networks", "bridges"},
	{"cables wires edges", "links"},
	{"tests steps", "test"},
	{NULL, NULL},
};

#define BY_INTERFACE "write ipv4: { eth1: 10.0.0.1/24 }"

static const struct foreign_word node_words[] = {
	{"cpu cpus vcpu cores smp", "vcpus"},
	{"ram mem", "memory"},
	{"gw default-route", "gateway"},
	{"ip address addresses ip-address ethernets networks", BY_INTERFACE},
	{"depends_on depends-on startup-delay wait-for", "\"after\" says which nodes must be ready "
							 "first"},
	{"kernel initrd", "\"image\" names one of \"images\", which have kernel and initrd"},
	{"append args kernel-args", "cmdline"},
	{"nics nic", "interfaces"},
	{"disks drive hdd", "disk"},
	{"exec", "\"exec\" is a key of a step of \"test\""},
	{NULL, NULL},
};

static const struct foreign_word bridge_words[] = {
	{"ip address addresses", "a port of type tap on the bridge has the host's address"},
	{"vlan tag trunks", "vlans"},
	{"aging ageing-time ageing_time", "ageing"},
	{NULL, NULL},
};

static const struct foreign_word port_words[] = {
	{"bridge master", "a link joins them: endpoints: [PORT, BRIDGE]"},
	{"kind", "type"},
	{"interface iface device ifname", "dev"},
	{"socket sock", "path"},
	{"address addresses ipv4 ipv6", "ip"},
	{NULL, NULL},
};

static const struct foreign_word link_words[] = {
	{"vlan vlans vid pvid tag trunk trunks tagged untagged access allowed-vlans",
		"access-vlan: 10 makes an access port, trunk-vlans: [10, 20] a trunk"},
	{"native", "native-vlan"},
	{"up state status", "enabled"},
	{"ends nodes interfaces", "endpoints"},
	{NULL, NULL},
};

static const struct foreign_word step_words[] = {
	{"cmd command run", "exec"},
	{NULL, NULL},
};

#define SCHEMA(name, what, words)                         \
	const struct topo_schema topo_##name##_schema = { \
		what, name##_fields, ARRAY_LEN(name##_fields), NULL, words}
SCHEMA(root, "a lab", root_words);
SCHEMA(defaults, "defaults", NULL);
SCHEMA(ready, "\"ready\"", NULL);
SCHEMA(image, "an image", NULL);
SCHEMA(node, "a node", node_words);
const struct topo_schema topo_bridge_schema = {
	"a bridge", bridge_fields, ARRAY_LEN(bridge_fields), &ctl_bridge_schema, bridge_words};
const struct topo_schema topo_port_schema = {"a port", NULL, 0, &ctl_port_schema, port_words};
SCHEMA(link, "a link", link_words);
SCHEMA(step, "a step", step_words);

const struct topo_schema *const topo_schemas[] = {&topo_root_schema, &topo_defaults_schema,
	&topo_ready_schema, &topo_image_schema, &topo_node_schema, &topo_bridge_schema,
	&topo_port_schema, &topo_link_schema, &topo_step_schema, NULL};

/* Reading */

static struct topo_field key_of_field(const struct ctl_field *field)
{
	static const enum topo_kind kinds[] = {
		[CTL_KIND_BOOL] = TOPO_BOOL,
		[CTL_KIND_U16] = TOPO_NUMBER,
		[CTL_KIND_U32] = TOPO_NUMBER,
		[CTL_KIND_U64] = TOPO_NUMBER,
		[CTL_KIND_STR] = TOPO_TEXT,
		[CTL_KIND_MAC] = TOPO_TEXT,
		[CTL_KIND_VLANS] = TOPO_VLANS,
		[CTL_KIND_ENUM] = TOPO_WORD,
	};

	return (struct topo_field){field->lab, kinds[field->kind], field->offset, field->size,
		field->min, field->max, field->names, field->help, field->idx, field};
}

bool topo_schema_key(const struct topo_schema *schema, unsigned i, struct topo_field *ret_field)
{
	unsigned n = schema->msg ? schema->msg->n_fields : 0;

	if (i < schema->n_fields) {
		*ret_field = schema->fields[i];
		ret_field->idx = (uint8_t)i;
		return true;
	}
	i -= schema->n_fields;
	for (unsigned f = 0; f < n; f++) {
		if (!schema->msg->fields[f].lab || i--)
			continue;
		*ret_field = key_of_field(&schema->msg->fields[f]);
		return true;
	}
	return false;
}

bool topo_schema_find(const struct topo_schema *schema, const char *name,
	struct topo_field *ret_field)
{
	struct topo_field field;

	for (unsigned i = 0; topo_schema_key(schema, i, &field); i++) {
		if (strcmp(field.name, name) != 0)
			continue;
		if (ret_field)
			*ret_field = field;
		return true;
	}
	name = former_word(name);
	return name && topo_schema_find(schema, name, ret_field);
}

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

union topo_value {
	struct topo_text text;
	bool truth;
	uint64_t number;
	struct vlan_set vlans;
	const struct yaml_value *yaml;
};

static bool read_value(const struct topo_field *field, const struct yaml_value *value,
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
	case TOPO_RAW:
		break;
	}
	ret->yaml = value;
	return true;
}

/* Texts of messages are the caller's to parse: they may name files. */
static bool is_left(const struct topo_field *field)
{
	return field->of && field->kind == TOPO_TEXT;
}

static void store(const struct topo_field *field, const union topo_value *value, void *spec)
{
	bool is_number = field->kind == TOPO_NUMBER || field->kind == TOPO_WORD;
	char *at = (char *)spec + field->offset;

	if (is_left(field))
		return;
	if (is_number && field->size == sizeof(uint16_t))
		*(uint16_t *)at = (uint16_t)value->number;
	else if (is_number && field->size == sizeof(uint32_t))
		*(uint32_t *)at = (uint32_t)value->number;
	else
		memcpy(at, value, field->size);
	*(uint64_t *)spec |= UINT64_C(1) << field->idx;
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

void topo_schema_read(const struct topo_schema *schema, const struct yaml_value *map, void *spec,
	struct diag *diag)
{
	if (!map || !is_map(map, schema->what, diag))
		return;
	for (const struct yaml_value *v = map->first; v; v = v->next) {
		union topo_value value = {0};
		struct topo_field field;

		if (!topo_schema_find(schema, v->key->text, &field))
			unknown_key(schema, v->key, diag);
		else if (read_value(&field, v, &value, diag))
			store(&field, &value, spec);
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
	struct topo_field field;

	return topo_schema_find(schema, key, &field) && *(const uint64_t *)spec >> field.idx & 1;
}
