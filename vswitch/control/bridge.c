#include "bridge.h"

#include "conf.h"

#include <errno.h>

#define SETTABLE                                                        \
	(CONF_BIT(ctl_bridge, ageing_s) | CONF_BIT(ctl_bridge, vlans) | \
		CONF_BIT(ctl_bridge, reserved) | CONF_BIT(ctl_bridge, fdb_max))

int bridge_conf_new(const struct ctl_bridge *req, struct ctl_bridge *ret_conf, struct err *err)
{
	int r = conf_check_writable(&ctl_bridge_schema, req, 0, "bridge", req->name, err);

	if (r == 0)
		r = conf_check_new_name("bridge", req->name, err);
	if (r < 0)
		return r;
	*ret_conf = (struct ctl_bridge){0};
	CTL_SET_STR(ret_conf, ctl_bridge, name, req->name);
	CTL_SET(ret_conf, ctl_bridge, ageing_s, CTL_DEFAULT_AGEING_S);
	vlan_set_fill(&ret_conf->vlans);
	CTL_MARK(ret_conf, ctl_bridge, vlans);
	CTL_SET(ret_conf, ctl_bridge, reserved, CTL_RESERVED_DROP);
	CTL_SET(ret_conf, ctl_bridge, fdb_max, CTL_DEFAULT_FDB_MAX);
	conf_merge(&ctl_bridge_schema, ret_conf, req, SETTABLE);
	return 0;
}

int bridge_conf_set(const struct model_bridge *bridge, const struct ctl_bridge *req,
	struct ctl_bridge *ret_conf, struct err *err)
{
	int r = conf_check_writable(&ctl_bridge_schema, req, CONF_BIT(ctl_bridge, exist_ok),
		"bridge", req->name, err);

	if (r < 0)
		return r;
	*ret_conf = bridge->conf;
	conf_merge(&ctl_bridge_schema, ret_conf, req, SETTABLE);
	return 0;
}

int bridge_check_del(const struct model_bridge *bridge, struct err *err)
{
	if (bridge->n_ports == 0)
		return 0;
	(void)err_set_field(err, -EBUSY, "name", "bridge '%s': still has %u port%s",
		bridge->conf.name, bridge->n_ports, bridge->n_ports == 1 ? "" : "s");
	err_name(err, "BridgeInUse");
	err_hint(err,
		"`netcfg bridge del %s --force` deletes them, too; `netcfg port set PORT bridge "
		"OTHER` "
		"moves one",
		bridge->conf.name);
	return -EBUSY;
}

bool bridge_has_all_vlans(const struct ctl_bridge *conf)
{
	return vlan_set_count(&conf->vlans) == VLAN_MAX;
}
