/** show_switch: what a vswitch knows, as tables and JSON. */
#ifndef WEFT_NETCFG_SHOW_SWITCH_H
#define WEFT_NETCFG_SHOW_SWITCH_H

#include "opts.h"
#include "show.h"

struct ctl_client;

/**
 * Call method, one that answers with rows, with each of msgs[n_msgs] and draw the rows of all as
 * one table on stdout, in the columns of the messages where nothing else is known of them.
 * returns  0 or the error of the call that failed
 */
int show_switch(const struct opts *opts, struct ctl_client *client, const char *method,
	const void *const *msgs, unsigned n_msgs, struct err *err);

/** The columns of the table that method's rows make; returns how many, 0 where it has no rows. */
unsigned show_switch_columns(const char *method, struct show_column columns[SHOW_MAX_COLUMNS]);

/* Rows of control messages as JSON of the shape that is printed; for show_switch() and tests. */
struct ctl_fdb;
struct ctl_link;
struct ctl_port;
struct ctl_vlan;
/** {"mac","ifname","vlan","flags","master","state","age"} as `bridge -j fdb show`, plus age. */
json_t *show_fdb_json(const struct ctl_fdb *fdb);
/** A port on a bridge seen as a link; NULL for a port that is on none. */
json_t *show_attachment_json(const struct ctl_port *port);
/**
 * Add the VLANs of one row to the array of {"ifname","vlans":[{"vlan","vlanEnd","flags"}]}. 0 or
 * -1.
 */
int show_vlan_add(json_t *rows, const struct ctl_vlan *vlan);
/** The role of a port for people: "access 10", "trunk 10,20-29 native 10". Returns buf. */
const char *show_port_vlans(const struct ctl_port *port, char *buf, size_t size);
/**
 * What is at the other end of a port: a socket, "0000:05:00.0 (net_e1000_em)", "host0
 *  192.0.2.1/24". Returns buf.
 */
const char *show_port_end(const struct ctl_port *port, char *buf, size_t size);
/** Names of a port's virtio features: "csum tso4 version-1"; "none". Returns buf. */
const char *show_features(uint64_t features, char *buf, size_t size);
/** Three digits that count, and a power of 1000: "12.3M", "999". Returns buf. */
const char *show_rate(uint64_t number, char *buf, size_t size);
/** "1G", "100M"; "-" where it is not known. */
const char *show_port_speed(const struct ctl_port *port, char *buf, size_t size);

#endif
