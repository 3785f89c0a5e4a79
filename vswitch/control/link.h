/**
 * link: links between two ports or two bridges, and when there is carrier.
 *
 * A link between ports passes every frame both ways, whatever its EtherType or address, up to its
 * MTU; it learns nothing and knows no VLANs. A port is in a bridge or an end of one link, never
 * both. One between bridges has a patch port in each, LINK:BRIDGE, which it makes and ends; their
 * VLAN settings are theirs, and decide what passes.
 *
 * Carrier. A link is up when it exists, is enabled and its peer runs:
 *   port in a bridge    up = port enabled and its own peer runs
 *   end of a link       up = link enabled, both ports enabled, both peers run (a patch port has
 *                       none to wait for)
 *   port in neither     down: nothing is plugged in
 *
 * Pure functions; threads: the control thread, which owns the model.
 */
#ifndef WEFT_VSWITCH_CONTROL_LINK_H
#define WEFT_VSWITCH_CONTROL_LINK_H

#include "model.h"

#include <stddef.h>

/** Are its ends, a and b, bridges? */
bool link_joins_bridges(const struct model *model, const struct ctl_link *conf);
/** The name of its port in the bridge of end i (0: a, 1: b). returns 0 or -EINVAL: too long */
int link_patch_name(const struct ctl_link *conf, unsigned i, char *buf, size_t size,
	struct err *err);
/**
 * The complete configuration of a new link. A link of the same name in the model is left out of the
 * checks for conflict. `mtu` stays absent when the request has none: the ports decide.
 * returns  0, -EINVAL, -ENOENT (port), -EBUSY (port is in use)
 */
int link_conf_new(const struct model *model, const struct ctl_link *req, struct ctl_link *ret_conf,
	struct err *err);
/** The configuration of link after LinkSet; its ends stay. returns 0 or -EINVAL */
int link_conf_set(const struct model_link *link, const struct ctl_link *req,
	struct ctl_link *ret_conf, struct err *err);
/** The smallest of the link's and its ports' MTU. */
uint32_t link_mtu(const struct model_link *link);

bool link_carrier(const struct model_link *link);
/** Carrier that the peer of port is to see. */
bool link_port_carrier(const struct model_port *port);
/** The port at the other end of port's link; NULL when it has none. */
struct model_port *link_other_end(const struct model_port *port);

#endif
