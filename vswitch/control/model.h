/**
 * model: what the switch is configured to be: bridges, ports and links.
 *
 * It is not what runs: sockets, workers and the forwarding database belong to switch.c, which walks
 * this model and makes it so.
 *
 * Data model. Every object keeps its configuration as the very message of the control protocol
 * (`conf`), complete: each configurable field present, show-only fields absent. So there is one
 * notion of "the same settings" (ctl_msg_equal), one of "saved" (ctl_encode), and nothing to
 * convert. Objects sit in tables indexed by a small id, which data path and counters use.
 * Invariants:
 *   M1  names are unique per kind
 *   M2  port->bridge is the bridge that conf.bridge names, or NULL where it is empty
 *   M3  a port is in a bridge or in a link, never in both; but a patch port is in both, always
 *   M4  link->ends[i]->link == link, and the ends differ
 *   M5  what a mirror is of and to exists; no port that a mirror copies to is mirrored by name
 *
 * Threads: the control thread. Life cycle: init, add/del in any order, done frees everything.
 * Limits: MODEL_MAX_*. Names and numbers were bounded by the codec before they come here.
 */
#ifndef WEFT_VSWITCH_CONTROL_MODEL_H
#define WEFT_VSWITCH_CONTROL_MODEL_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL_MAX_BRIDGES 256
#define MODEL_MAX_PORTS   1024 /* DP_MAX_PORTS */
#define MODEL_MAX_LINKS   (MODEL_MAX_PORTS / 2)
#define MODEL_MAX_MIRRORS 32 /* MIRROR_MAX */

struct model_vlan_name {
	uint16_t vid;
	char name[33];
};

struct model_bridge {
	uint16_t id;
	struct ctl_bridge conf;
	unsigned n_ports;
	struct model_vlan_name *vlan_names; /* owned; sorted by vid */
	unsigned n_vlan_names;
};

struct model_link;

struct model_port {
	uint16_t id;
	struct ctl_port conf;
	struct model_bridge *bridge; /* NULL: in no bridge */
	struct model_link *link;     /* NULL: end of no link */
	unsigned n_mirrors_to;       /* mirrors whose copies it gets */
	uint32_t dev_mtu;            /* of its device on the host; 0 = none, or not known */
	bool running;                /* its peer drives at least one ring pair */
	bool carrier;                /* what the peer was last told */
};

struct model_link {
	uint16_t id;
	struct ctl_link conf;
	struct model_port *ends[2]; /* a, b; of a link between bridges, its patch ports */
};

struct mirror;

struct model_mirror {
	uint16_t id;
	struct ctl_mirror conf;
	struct mirror *mirror;       /* what runs (feature/mirror), borrowed */
	struct model_port *port;     /* what is mirrored: a port, */
	struct model_bridge *bridge; /* or a bridge, */
	uint16_t vlan;               /* or a VLAN */
	struct model_port *to;
};

struct model {
	struct model_bridge *bridges[MODEL_MAX_BRIDGES]; /* by id; NULL = free */
	struct model_port *ports[MODEL_MAX_PORTS];
	struct model_link *links[MODEL_MAX_LINKS];
	struct model_mirror *mirrors[MODEL_MAX_MIRRORS];
	unsigned n_bridges, n_ports, n_links;
};

/* Life cycle */
void model_init(struct model *model);
void model_done(struct model *model);

/* Lookup: NULL when there is none */
struct model_bridge *model_bridge_find(const struct model *model, const char *name);
struct model_port *model_port_find(const struct model *model, const char *name);
struct model_link *model_link_find(const struct model *model, const char *name);
/** The link called name, or else the one that port `name` is an end of. */
struct model_link *model_link_find_by_end(const struct model *model, const char *name);
struct model_mirror *model_mirror_find(const struct model *model, const char *name);
/** The same, but setting err (-ENOENT, named error, field) when there is none. */
struct model_bridge *model_bridge_get(const struct model *model, const char *name,
	const char *field, struct err *err);
struct model_port *model_port_get(const struct model *model, const char *name, const char *field,
	struct err *err);
struct model_link *model_link_get(const struct model *model, const char *name, const char *field,
	struct err *err);
struct model_mirror *model_mirror_get(const struct model *model, const char *name,
	const char *field, struct err *err);

/*
 * Configuration. conf is complete and was checked (bridge.h, port.h, link.h); these only keep the
 * tables. returns 0, -ENOSPC (limit) or -ENOMEM, err set
 */
int model_bridge_add(struct model *model, const struct ctl_bridge *conf,
	struct model_bridge **ret_bridge, struct err *err);
int model_port_add(struct model *model, const struct ctl_port *conf, struct model_port **ret_port,
	struct err *err);
int model_link_add(struct model *model, const struct ctl_link *conf,
	struct model_port *const ends[2], struct model_link **ret_link, struct err *err);
/** mirror: what it is, but for its id. */
int model_mirror_add(struct model *model, const struct model_mirror *mirror, struct err *err);
/** Replace the configuration of a port, moving it between bridges as conf says. */
void model_port_set(struct model *model, struct model_port *port, const struct ctl_port *conf);
/** The bridge has no ports. */
void model_bridge_del(struct model *model, struct model_bridge *bridge);
/** The port is in no link. */
void model_port_del(struct model *model, struct model_port *port);
void model_link_del(struct model *model, struct model_link *link);
void model_mirror_del(struct model *model, struct model_mirror *mirror);

/** The MTU in force: the port's, or its device's where that is smaller. */
uint32_t model_port_mtu(const struct model_port *port);

/* VLAN names of a bridge */
const char *model_vlan_name(const struct model_bridge *bridge, uint16_t vid); /* "" when none */
/** name "" removes. 0 or -ENOMEM. */
int model_vlan_name_set(struct model_bridge *bridge, uint16_t vid, const char *name);

#endif
