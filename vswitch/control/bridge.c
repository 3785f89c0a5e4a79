#include "bridge.h"

#include "conf.h"

#include "ctl_field.h"

#include <errno.h>

int bridge_conf_new(const struct ctl_bridge *req, struct ctl_bridge *ret_conf, struct err *err)
{
	int r = conf_check_new(&ctl_bridge_schema, req, "bridge", req->name, err);

	if (r < 0)
		return r;
	*ret_conf = (struct ctl_bridge){0};
	ctl_merge(&ctl_bridge_schema, ret_conf, req,
		ctl_fields(&ctl_bridge_schema, CTL_ACCESS_SET));
	ctl_fill_defaults(&ctl_bridge_schema, ret_conf, UINT64_MAX);
	return 0;
}

int bridge_conf_set(const struct model_bridge *bridge, const struct ctl_bridge *req,
	struct ctl_bridge *ret_conf, struct err *err)
{
	int r = conf_check_change(&ctl_bridge_schema, &bridge->conf, req, "bridge", req->name, err);

	if (r < 0)
		return r;
	*ret_conf = bridge->conf;
	ctl_merge(&ctl_bridge_schema, ret_conf, req,
		ctl_fields(&ctl_bridge_schema, CTL_ACCESS_OPT));
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
