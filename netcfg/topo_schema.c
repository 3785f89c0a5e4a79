#include "topo_schema.h"

#include "ctl_vswitch.h"
#include "foreign.h"
#include "former.h"
#include "metrics_server.h"

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
	KEY(topo_root_spec, "mirrors", mirrors, TOPO_MAP_OF, "copies of frames to a port"),
	KEY(topo_root_spec, "sflow", sflow, TOPO_MAP_OF, "frames sampled for a collector of sFlow"),
	KEY(topo_root_spec, "switch", sw, TOPO_MAP_OF, "options of the lab's switch"),
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

/* Links: and the impairments of their message. */
static const char *const mode_names[] = {"link", "bridge", NULL};
/* In the order of enum ctl_vlan_mode. */
static const char *const interface_mode_names[] = {
	"access", "trunk", "native-tagged", "native-untagged", NULL};

#define LIMITS(s)                                                                                \
	KEY(s, "policer", policer, TOPO_MAP_OF, "limit of what the switch takes from the port"), \
		KEY(s, "pacing", pacing, TOPO_MAP_OF, "rate that the port is slowed down to"),   \
		KEY(s, "shaper", shaper, TOPO_MAP_OF, "rate and queues of what the port gets"),  \
		KEY(s, "storm-control", storm_control, TOPO_MAP_OF,                              \
			"limits of what the port sends to all")

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
	LIMITS(topo_link_spec),
	KEY(topo_link_spec, "a", a, TOPO_MAP_OF, "limits of the first end's port alone"),
	KEY(topo_link_spec, "b", b, TOPO_MAP_OF, "limits of the second end's port alone"),
};

static const struct topo_field limits_fields[] = {
	LIMITS(topo_limits_spec),
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

#define HOLD_MEMORY_MIN (1ull << 20)
#define HOLD_MEMORY_MAX (1ull << 40)

static const struct topo_field switch_fields[] = {
	KEY(topo_switch_spec, "metrics", metrics, TOPO_TEXT,
		"where it serves its counters: " METRICS_ADDRESS_WORDS),
	NUM(topo_switch_spec, "hold-memory", hold_memory, TOPO_SIZE, HOLD_MEMORY_MIN,
		HOLD_MEMORY_MAX, "memory for frames that are delayed (1G)"),
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
	{"mirror span rspan taps monitor", "mirrors"},
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
	{"latency", "delay"},
	{"bandwidth bw rate-limit speed", "rate"},
	{"packet-loss drop", "loss"},
	{"corruption", "corrupt"},
	{"duplication dup", "duplicate"},
	{"reordering", "reorder"},
	{"queue buffer", "limit"},
	{"netem impair impairment impairments", "its keys stand at the link itself: delay: 20ms"},
	{"asymmetric reverse up-link down-link",
		"a-to-b: { delay: 20ms } is about one direction, b-to-a: { ... } about the other"},
	{NULL, NULL},
};

static const struct foreign_word mirror_words[] = {
	{"source src port ports", "from"},
	{"destination dest dst output", "to"},
	{"direction", "dir"},
	{"snaplen snap-length size", "truncate"},
	{"bpf expression", "filter"},
	{"bridge", "write from: bridge br0"},
	{"name", "the name stands before it: mirrors: { spy: { from: ..., to: ... } }"},
	{NULL, NULL},
};

static const struct foreign_word sflow_words[] = {
	{"sampling sampling-rate sample-rate", "rate"},
	{"polling polling-interval interval", "poll"},
	{"target targets server address", "collector"},
	{"agent-address agent-ip source", "agent"},
	{NULL, NULL},
};

static const struct foreign_word switch_words[] = {
	{"prometheus openmetrics exporter", "metrics"},
	{"memory buffer buffers", "hold-memory"},
	{"workers rebalance busy state control", "it is an option of vswitch(1), which labs do not "
						 "have"},
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
const struct topo_schema topo_link_schema = {"a link", link_fields, ARRAY_LEN(link_fields),
	&ctl_link_schema, link_words, offsetof(struct topo_link_spec, conf)};
const struct topo_schema topo_mirror_schema = {
	"a mirror", NULL, 0, &ctl_mirror_schema, mirror_words};
const struct topo_schema topo_sflow_schema = {"sflow", NULL, 0, &ctl_sflow_schema, sflow_words};
SCHEMA(limits, "an end of a link", NULL);
SCHEMA(step, "a step", step_words);
SCHEMA(switch, "\"switch\"", switch_words);

const struct topo_schema *const topo_schemas[] = {&topo_root_schema, &topo_defaults_schema,
	&topo_ready_schema, &topo_image_schema, &topo_node_schema, &topo_bridge_schema,
	&topo_port_schema, &topo_link_schema, &topo_limits_schema, &topo_mirror_schema,
	&topo_sflow_schema, &topo_step_schema, &topo_switch_schema, NULL};

/* Look-up */

static struct topo_field key_of_field(const struct ctl_field *field, size_t msg_offset)
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
		[CTL_KIND_MSG] = TOPO_MSG,
	};

	return (struct topo_field){field->lab, field->measure ? TOPO_MEASURE : kinds[field->kind],
		msg_offset + field->offset, field->size, field->min, field->max, field->names,
		field->help, field->measure, field->idx, field, msg_offset, false};
}

/* The key of the message's row number *i among those that have one; less of them: *i is less by
 * as many. */
static bool find_row(const struct ctl_struct *msg, size_t msg_offset, unsigned *i,
	struct topo_field *ret_field)
{
	for (unsigned f = 0; f < msg->n_fields; f++) {
		if (!msg->fields[f].lab || (*i)--)
			continue;
		*ret_field = key_of_field(&msg->fields[f], msg_offset);
		return true;
	}
	return false;
}

/* Of the messages within msg, which have the same rows; NULL: there are none. */
static const struct ctl_struct *sub_schema(const struct ctl_struct *msg)
{
	for (unsigned f = 0; f < msg->n_fields; f++) {
		if (msg->fields[f].lab && msg->fields[f].sub)
			return msg->fields[f].sub;
	}
	return NULL;
}

bool topo_schema_key(const struct topo_schema *schema, unsigned i, struct topo_field *ret_field)
{
	const struct ctl_struct *sub;

	if (i < schema->n_fields) {
		*ret_field = schema->fields[i];
		ret_field->idx = (uint8_t)i;
		return true;
	}
	i -= schema->n_fields;
	if (!schema->msg)
		return false;
	if (find_row(schema->msg, schema->msg_offset, &i, ret_field))
		return true;
	sub = sub_schema(schema->msg);
	if (!sub || !find_row(sub, 0, &i, ret_field))
		return false;
	ret_field->is_each = true;
	return true;
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
