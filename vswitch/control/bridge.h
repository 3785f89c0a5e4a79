/**
 * bridge: what a bridge may be configured to be.
 *
 * A bridge is an IEEE 802.1Q-2018 VLAN bridge component with independent VLAN learning. Its `vlans`
 * is the set of VLANs that exist on it. While that is all of them (the default), frames without a
 * VLAN are switched too, as VLAN 0: a bridge nobody told about VLANs just works. Once it is
 * restricted, exactly the listed VLANs exist.
 * `reserved` says what happens to 01-80-C2-00-00-00..0F: 802.1Q-2018, 8.6.3 filters them, which is
 * the default; a lab that wants a transparent hub says forward.
 *
 * Pure functions; threads: any.
 */
#ifndef WEFT_VSWITCH_CONTROL_BRIDGE_H
#define WEFT_VSWITCH_CONTROL_BRIDGE_H

#include "model.h"

/** The complete configuration of a new bridge. returns 0 or -EINVAL */
int bridge_conf_new(const struct ctl_bridge *req, struct ctl_bridge *ret_conf, struct err *err);
/** The configuration of bridge after BridgeSet. returns 0 or -EINVAL */
int bridge_conf_set(const struct model_bridge *bridge, const struct ctl_bridge *req,
	struct ctl_bridge *ret_conf, struct err *err);
/** May it be deleted? returns 0 or -EBUSY */
int bridge_check_del(const struct model_bridge *bridge, struct err *err);
/** Do all VLANs, and so VLAN 0, exist on it? */
bool bridge_has_all_vlans(const struct ctl_bridge *conf);

#endif
