/**
 * topo_priv: what the parts of the lab file's reader share; for topo_*.c only.
 */
#ifndef WEFT_NETCFG_TOPO_PRIV_H
#define WEFT_NETCFG_TOPO_PRIV_H

#include "topo.h"
#include "topo_schema.h"

struct topo_addr;

struct topo_reader {
	struct topo *topo;
	struct diag *diag;
	const char *dir;
	bool check_files;
	struct topo_node_spec node_defaults;
	struct topo_link_spec link_defaults;
	const struct yaml_value *groups;
	struct topo_addr *addrs; /* of all nodes, then of ports; the last one first */
	unsigned n_addrs;
};

/** Names of a range word: "h1..4" is h1 h2 h3 h4; another word is itself. */
struct topo_range {
	const char *word;
	unsigned prefix_len, first, last;
	unsigned width; /* digits at least, with zeros before the number */
	bool is_range;
};

/** false with an error in diag for a malformed range. */
bool topo_range_parse(const struct yaml_value *value, struct topo_range *ret_range,
	struct diag *diag);
unsigned topo_range_count(const struct topo_range *range);
/** The i-th name, in the arena; NULL = out of memory. */
const char *topo_range_name(struct arena *arena, const struct topo_range *range, unsigned i);

/** Letters, digits, - _ . up to max characters, beginning with a letter or digit. */
bool topo_name_check(const char *what, const char *name, struct diag_mark mark, unsigned max,
	struct diag *diag);
/** A top-level key that slipped into a map of names: say so. */
bool topo_is_misplaced(const struct yaml_value *key, const char *under, struct diag *diag);

/** What helps who wrote a path that gave the error; "" = nothing. */
const char *topo_path_hint(const char *path, int error);

/** nodes, images and groups: topo_node.c */
void topo_read_images(struct topo_reader *reader, const struct yaml_value *images);
void topo_read_nodes(struct topo_reader *reader, const struct yaml_value *nodes);
/** Kernel arguments from addresses; after links, which say how many interfaces there are. */
void topo_finish_nodes(struct topo_reader *reader, const struct yaml_value *nodes);
/** Disks that are not what they are taken for, or that two nodes would write to: topo_disk.c */
bool topo_check_disk(const char *path, const struct topo_text *text, struct diag *diag);
void topo_check_disks(struct topo_reader *reader);
/** ports of the host: topo_port.c; after nodes and bridges, whose names they must not take */
void topo_read_ports(struct topo_reader *reader, const struct yaml_value *ports);
/** What a file names as an end: a NIC of a node, a bridge or a port. -1: it is not that. */
struct topo_named {
	int node;
	unsigned nic; /* from 0 */
	int bridge, port;
};

/** false with an error in diag for what is none. */
bool topo_read_end(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_named *end);
/** bridges and links: topo_link.c */
void topo_read_bridges(struct topo_reader *reader, const struct yaml_value *bridges);
void topo_read_links(struct topo_reader *reader, const struct yaml_value *links);

/**
 * What links do to frames: topo_impair.c. What a link says goes before what the defaults do; what
 * these say about something that it turns off is off, too. Two that do not fit together are an
 * error.
 */
void topo_impair_inherit(struct topo_link_spec *spec, const struct topo_link_spec *defaults);
void topo_impair_check(struct topo_reader *reader, const struct yaml_value *link,
	const struct ctl_link *conf);

/** Which ports a link has limits of: that of a bridge which the link makes, two that it joins, or
 *  its own two in two bridges. */
enum topo_limits_of { TOPO_LIMITS_OF_PORT, TOPO_LIMITS_OF_PORTS, TOPO_LIMITS_OF_BRIDGES };

/** What they are limited to, into ret_link: topo_limit.c. What is wrong is in diag. A limit of the
 *  defaults that has no meaning for these ports is not theirs. */
void topo_limits_read(struct topo_reader *reader, enum topo_limits_of of,
	const struct yaml_value *link, const struct topo_link_spec *spec,
	struct topo_link *ret_link);

/**
 * Addresses of guests, told to them as kernel arguments: topo_addr.c; after links, which say where
 * an interface leads. First each node's, then those of ports, and what only all of them together
 * show.
 */
void topo_read_addresses(struct topo_reader *reader, struct topo_node *node,
	const struct topo_node_spec *spec);
void topo_check_addresses(struct topo_reader *reader);

/** What hears each other's broadcasts: a VLAN of a bridge, or two ports that are joined. */
struct topo_segment {
	bool joins_ports;
	unsigned idx; /* of the link or bridge */
	uint16_t vid; /* 0 = untagged, in no VLAN */
};

/**
 * Where frames of a link's end go, untagged (vid 0) or tagged; false: nowhere, the link drops them.
 */
bool topo_find_segment(const struct topo *topo, const struct topo_link *link, uint16_t vid,
	struct topo_segment *ret);
/** Nodes on one network that are told different MTUs: topo_mtu.c; after links. */
void topo_check_mtus(struct topo_reader *reader);

/** mirrors: topo_mirror.c; after links, which have the ends that copies must not go to */
void topo_read_mirrors(struct topo_reader *reader, const struct yaml_value *mirrors);

/** the sFlow agent: topo_sflow.c */
void topo_read_sflow(struct topo_reader *reader, const struct yaml_value *sflow);

/** options of the switch: topo_switch.c */
void topo_read_switch(struct topo_reader *reader, const struct yaml_value *sw);

/** steps of tests: topo_step.c; after all that they name */
void topo_read_steps(struct topo_reader *reader, const struct yaml_value *steps);

/** "no node called ..." with the nearest name, or without the interface. */
void topo_no_node(struct topo_reader *reader, const char *name, struct diag_mark mark);
/** Number of an interface: "eth3" is 3; 0 with an error in diag when it is none. */
unsigned topo_interface(const char *name, struct diag_mark mark, struct diag *diag);

#endif
