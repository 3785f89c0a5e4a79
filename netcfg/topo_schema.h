/**
 * topo_schema: which keys a lab file has, where, and what values they take; as tables.
 *
 * One table per kind of map, through which topo_spec.h reads a map into its spec, a struct whose
 * first member is the mask of keys that are set. The spec of a bridge, a port, a mirror or sFlow is
 * the message of the control protocol, whose rows (`lab`) are the table; that of a link has one
 * within it. Of a message that has others within, such as the impairments of a link, each is a map
 * under its own key, and their rows are keys beside it, too, which then concern all of them. Manual
 * page and parser are held together by a test that walks the tables.
 */
#ifndef WEFT_NETCFG_TOPO_SCHEMA_H
#define WEFT_NETCFG_TOPO_SCHEMA_H

#include "ctl_vswitch.h"
#include "ether.h"
#include "topo_yaml.h"

#include <stddef.h>

enum topo_kind {
	TOPO_TEXT,    /* struct topo_text */
	TOPO_BOOL,    /* bool */
	TOPO_NUMBER,  /* uint64_t, min..max */
	TOPO_SIZE,    /* uint64_t bytes, "256M", min..max */
	TOPO_MEASURE, /* uint64_t in base units, "20ms", min..max */
	TOPO_VLAN,    /* uint64_t, 1..4094 */
	TOPO_VLANS,   /* struct vlan_set; 10, or [10, 20-29] */
	TOPO_WORD,    /* uint64_t, index into names */
	TOPO_MAP_OF,  /* const struct yaml_value *, a map (or nothing) */
	TOPO_LIST_OF, /* const struct yaml_value *, a list */
	TOPO_RAW,     /* const struct yaml_value *, read by its own function */
	TOPO_MSG,     /* a message within a message, a map of the keys of its rows */
	TOPO_LATER,   /* known, not supported yet */
};

struct foreign_word;

struct topo_text {
	const char *text;
	struct diag_mark mark;
};

struct topo_field {
	const char *name;
	enum topo_kind kind;
	size_t offset, size;
	uint64_t min, max;
	const char *const *names;
	const char *help;
	enum measure measure;       /* TOPO_MEASURE only */
	uint8_t idx;                /* of its bit in the mask; of a table's row, its place */
	const struct ctl_field *of; /* of a message; NULL = of a spec */
	size_t mask;                /* where its mask is */
	bool is_each; /* of the messages within the message: offset and mask are theirs */
};

struct topo_schema {
	const char *what; /* "a node" */
	const struct topo_field *fields;
	unsigned n_fields;
	const struct ctl_struct *msg;     /* its fields with a key are keys, too; NULL = none */
	const struct foreign_word *words; /* what others call its keys; NULL = none */
	size_t msg_offset;                /* of msg in the spec */
};

struct topo_root_spec {
	uint64_t set;
	uint64_t version;
	struct topo_text name;
	const struct yaml_value *images, *defaults, *groups, *nodes, *bridges, *ports, *links,
		*mirrors, *sflow, *sw, *test;
};

struct topo_defaults_spec {
	uint64_t set;
	const struct yaml_value *node, *link;
};

struct topo_ready_spec {
	uint64_t set;
	struct topo_text console;
};

struct topo_image_spec {
	uint64_t set;
	struct topo_text kernel, initrd, cmdline, disk;
	uint64_t memory, vcpus;
	const struct yaml_value *ready;
};

struct topo_node_spec {
	uint64_t set;
	struct topo_text image, group, cmdline, disk;
	uint64_t vcpus, memory, rank, interfaces, kind;
	bool forwarding, offload;
	const struct yaml_value *after, *ipv4, *ipv6, *gateway, *ready;
};

struct topo_link_spec {
	uint64_t set;
	const struct yaml_value *endpoints, *mesh;
	uint64_t mtu, mode, interface_mode, access_vlan, native_vlan;
	bool enabled;
	struct vlan_set trunk_vlans;
	const struct yaml_value *policer, *pacing, *shaper, *storm_control, *a, *b;
	struct ctl_link conf; /* a_to_b and b_to_a */
};

/** Of one end of a link. */
struct topo_limits_spec {
	uint64_t set;
	const struct yaml_value *policer, *pacing, *shaper, *storm_control;
};

struct topo_switch_spec {
	uint64_t set;
	struct topo_text metrics;
	uint64_t hold_memory;
};

struct topo_step_spec {
	uint64_t set;
	struct topo_text name, node, exec, swbench;
	const struct yaml_value *ports;
	uint64_t timeout;
};

/** Values of a node's kind. */
enum topo_node_kind { TOPO_NODE_LINUX, TOPO_NODE_NFGUEST };

extern const struct topo_schema topo_root_schema, topo_defaults_schema, topo_ready_schema,
	topo_image_schema, topo_node_schema, topo_bridge_schema, topo_port_schema, topo_link_schema,
	topo_limits_schema, topo_mirror_schema, topo_sflow_schema, topo_step_schema,
	topo_switch_schema;
extern const struct topo_schema *const topo_schemas[]; /* all of them, NULL-terminated */

/** The i-th key of the maps; false = there are no more. */
bool topo_schema_key(const struct topo_schema *schema, unsigned i, struct topo_field *ret_field);
/** The key of that name, or former name; false = there is none. ret_field may be NULL. */
bool topo_schema_find(const struct topo_schema *schema, const char *name,
	struct topo_field *ret_field);

#endif
