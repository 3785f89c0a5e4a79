/**
 * port: what a port may be configured to be.
 *
 * Not the port that moves frames (port/port.h): only its settings, checked and completed.
 *
 * VLAN roles, in Open vSwitch's words (IEEE 802.1Q-2018, 8.6.1 and 8.6.2, PVID and ingress rules):
 *   access           untagged frames belong to `tag`; they leave untagged; nothing else passes
 *   trunk            the VLANs in `trunks` pass tagged; untagged frames pass only while `trunks` is
 *                    all of them, and then in VLAN 0
 *   native-untagged  as trunk, and untagged frames belong to `native`, which leaves untagged
 *   native-tagged    the same, but `native` leaves tagged
 * A port that says nothing is a trunk of all VLANs. What is given decides the role:
 *   tag -> access;  native -> native-untagged;  trunks or tag 0 -> trunk;  vlan_mode overrides
 * tag excludes trunks and native. Changing to a role forgets the settings of the other. native
 * alone makes no trunk of an access port: nobody said which VLANs that is to carry.
 * VLANs that a port in a bridge names exist on the bridge; a trunk of all carries those that do.
 *
 * What a port is stays for its life: the fields with access NEW (ctl_vswitch.h: type, path, dev,
 * ...). All else changes live. Pure functions; threads: any.
 */
#ifndef WEFT_VSWITCH_CONTROL_PORT_H
#define WEFT_VSWITCH_CONTROL_PORT_H

#include "model.h"

/**
 * The complete configuration of a new port. A port of the same name in the model is left out of the
 * checks for conflict, so that the result can be compared with it.
 * returns  0, -EINVAL, -ERANGE, -ENOENT (bridge, VLAN), -EADDRINUSE (path of another port), -EBUSY
 *          (device or file of another port)
 */
int port_conf_new(const struct model *model, const struct ctl_port *req, struct ctl_port *ret_conf,
	struct err *err);
/** The same of the patch port that a link makes in a bridge. returns 0 or -EEXIST */
int port_conf_patch(const struct model *model, const char *name, const char *bridge,
	struct ctl_port *ret_conf, struct err *err);
/** The configuration of port after PortSet. returns as above, or -EBUSY (end of a link) */
int port_conf_set(const struct model *model, const struct model_port *port,
	const struct ctl_port *req, struct ctl_port *ret_conf, struct err *err);
/** May it be deleted? returns 0 or -EBUSY */
int port_check_del(const struct model_port *port, struct err *err);
/** May the VLANs of bridge become these? returns 0 or -EBUSY (a port names one that goes) */
int port_check_bridge_vlans(const struct model *model, const struct model_bridge *bridge,
	const struct vlan_set *vlans, struct err *err);
/** Is it a trunk of all VLANs, as a port is that nobody told about VLANs? */
bool port_conf_is_vlan_default(const struct ctl_port *conf);
/** VLAN of untagged frames: 0 = "no VLAN"; ret_pass says whether they may enter at all. */
uint16_t port_conf_pvid(const struct ctl_port *conf, bool *ret_pass);

#endif
