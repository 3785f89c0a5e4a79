/**
 * vlan: VLANs seen from bridges (which exist, what people call them) and ports (which pass a
 * trunk).
 *
 * Each change is worked out as a complete new configuration of the bridge or port, which the caller
 * then applies like any other; so VlanAdd has no rules of its own.
 *
 * Pure functions; threads: the control thread, which owns the model.
 */
#ifndef WEFT_VSWITCH_CONTROL_VLAN_H
#define WEFT_VSWITCH_CONTROL_VLAN_H

#include "model.h"

enum vlan_verb { VLAN_ADD, VLAN_DEL, VLAN_SET };

/** What a Vlan* request comes to: one of bridge and port is not NULL. */
struct vlan_change {
	struct model_bridge *bridge;
	struct ctl_bridge bridge_conf;
	struct model_port *port;
	struct ctl_port port_conf;
	bool sets_name; /* of VLAN `named` on the bridge */
	uint16_t named;
};

/**
 * Work out a request. VLAN_SET with a name only names; without one it replaces the set.
 * returns  0, -EINVAL, -ENOENT, -EBUSY; err set
 */
int vlan_plan(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *ret_change, struct err *err);

/** Where a list of VLANs is; begins as zeroes. The model may change between two rows. */
struct vlan_list {
	unsigned object; /* ids of bridges, then those of ports */
	unsigned part;   /* the next row of that one */
};
/**
 * The next row that VlanShow answers. Of a bridge: one for each named VLAN and one for the others.
 * Of a port: one for its untagged VLAN, one for those it carries tagged. False: there is none.
 */
bool vlan_next(const struct model *model, const struct ctl_vlan *filter, struct vlan_list *list,
	struct ctl_vlan *ret_row);

#endif
