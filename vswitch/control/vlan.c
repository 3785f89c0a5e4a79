#include "vlan.h"

#include "conf.h"
#include "port.h"

#include <errno.h>
#include <string.h>

static void combine(struct vlan_set *set, enum vlan_verb verb, const struct vlan_set *arg)
{
	if (verb == VLAN_SET)
		*set = *arg;
	else if (verb == VLAN_ADD)
		vlan_set_unite(set, arg);
	else
		vlan_set_subtract(set, arg);
}

/* Nothing to delete is more likely a slip than what was meant. */
static int check_del(const struct vlan_set *have, const struct vlan_set *arg, const char *kind,
	const char *name, struct err *err)
{
	struct vlan_set gone = *have;

	vlan_set_intersect(&gone, arg);
	if (vlan_set_count(&gone))
		return 0;
	(void)err_set_field(err, -ENOENT, "vlans", "%s '%s': has none of these VLANs", kind, name);
	err_name(err, "VlanNotFound");
	err_hint(err, "see `netcfg vlan show %s %s`", kind, name);
	return -ENOENT;
}

static int plan_bridge(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *change, struct err *err)
{
	bool named = CTL_HAS(req, ctl_vlan, name);
	uint16_t vid = VLAN_MIN, first = 0, last = 0;

	change->bridge = model_bridge_get(model, req->bridge, "bridge", err);
	if (!change->bridge)
		return -ENOENT;
	if (named && (verb == VLAN_DEL || vlan_set_count(&req->vlans) != 1))
		return err_set_field(err, -EINVAL, "name",
			verb == VLAN_DEL ? "bridge '%s': a VLAN is deleted by number, not by name"
					 : "bridge '%s': a name belongs to exactly one VLAN",
			req->bridge);
	change->bridge_conf = change->bridge->conf;
	if (named) {
		(void)vlan_set_next_range(&req->vlans, &vid, &first, &last);
		change->sets_name = true;
		change->named = first;
	}
	if (named && verb == VLAN_SET) {
		if (vlan_set_has(&change->bridge->conf.vlans, first))
			return 0;
		(void)err_set_field(err, -ENOENT, "vlans", "bridge '%s': VLAN %u does not exist",
			req->bridge, first);
		err_name(err, "VlanNotFound");
		err_hint(err, "add it: `netcfg vlan add %s %u`", req->bridge, first);
		return -ENOENT;
	}
	combine(&change->bridge_conf.vlans, verb, &req->vlans);
	return verb == VLAN_DEL ? check_del(&change->bridge->conf.vlans, &req->vlans, "bridge",
					  req->bridge, err)
				: 0;
}

/* The native VLAN stays whatever the list of VLANs says: it does not go with it. */
static int check_port_del(const struct ctl_port *conf, const struct ctl_vlan *req, struct err *err)
{
	if (conf->native == VLAN_NONE || !vlan_set_has(&req->vlans, conf->native))
		return check_del(&conf->trunks, &req->vlans, "port", req->port, err);
	(void)err_set_field(err, -EBUSY, "vlans", "port '%s': VLAN %u is its native VLAN",
		req->port, conf->native);
	err_name(err, "VlanInUse");
	err_hint(err, "take that away first: `netcfg port set %s native 0`", req->port);
	return -EBUSY;
}

static int plan_port(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *change, struct err *err)
{
	struct ctl_port set = {0};
	int r;

	change->port = model_port_get(model, req->port, "port", err);
	if (!change->port)
		return -ENOENT;
	if (CTL_HAS(req, ctl_vlan, name))
		return err_set_field(err, -EINVAL, "name",
			"port '%s': VLANs have names on a bridge, not on a port", req->port);
	if (change->port->conf.vlan_mode == CTL_VLAN_ACCESS) {
		(void)err_set_field(err, -EINVAL, "port",
			"port '%s': is an access port, which has no list of VLANs", req->port);
		err_hint(err, "`netcfg port set %s tag VLAN` changes its VLAN", req->port);
		return -EINVAL;
	}
	r = verb == VLAN_DEL ? check_port_del(&change->port->conf, req, err) : 0;
	if (r < 0)
		return r;
	CTL_SET_STR(&set, ctl_port, name, req->port);
	CTL_SET(&set, ctl_port, trunks, change->port->conf.trunks);
	combine(&set.trunks, verb, &req->vlans);
	return port_conf_set(model, change->port, &set, &change->port_conf, err);
}

int vlan_plan(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *ret_change, struct err *err)
{
	bool bridge = CTL_HAS(req, ctl_vlan, bridge), port = CTL_HAS(req, ctl_vlan, port);
	int r = conf_check_writable(&ctl_vlan_schema, req, CTL_ACCESS_ADD, "vlan", "", err);

	if (r < 0)
		return r;
	*ret_change = (struct vlan_change){0};
	if (bridge == port)
		return err_set_field(err, -EINVAL, "bridge",
			bridge ? "vlan: name either a bridge or a port, not both"
			       : "vlan: name the bridge or the port that it is about");
	if (!CTL_HAS(req, ctl_vlan, vlans))
		return err_set_field(err, -EINVAL, "vlans", "%s '%s': VLANs missing",
			bridge ? "bridge" : "port", bridge ? req->bridge : req->port);
	return bridge ? plan_bridge(model, verb, req, ret_change, err)
		      : plan_port(model, verb, req, ret_change, err);
}

/* The part of a list that is row `part` of a bridge: named VLANs, then the others. False: it has no
 * more. */
static bool bridge_row(const struct model_bridge *bridge, unsigned part, struct ctl_vlan *row)
{
	CTL_SET_STR(row, ctl_vlan, bridge, bridge->conf.name);
	if (part < bridge->n_vlan_names) {
		const struct model_vlan_name *name = &bridge->vlan_names[part];

		vlan_set_add(&row->vlans, name->vid, name->vid);
		CTL_SET_STR(row, ctl_vlan, name, name->name);
		return true;
	}
	row->vlans = bridge->conf.vlans;
	for (unsigned i = 0; i < bridge->n_vlan_names; i++)
		vlan_set_del(&row->vlans, bridge->vlan_names[i].vid, bridge->vlan_names[i].vid);
	return part == bridge->n_vlan_names;
}

/* As bridge_row(), of a port: the VLAN of its untagged frames, then those it carries tagged. */
static bool port_row(const struct model_port *port, unsigned part, struct ctl_vlan *row)
{
	const struct ctl_port *conf = &port->conf;
	bool pass;
	uint16_t pvid = port_conf_pvid(conf, &pass);

	if (port->bridge)
		CTL_SET_STR(row, ctl_vlan, bridge, port->bridge->conf.name);
	CTL_SET_STR(row, ctl_vlan, port, conf->name);
	if (part == 0) {
		if (pvid != VLAN_NONE)
			vlan_set_add(&row->vlans, pvid, pvid);
		CTL_SET(row, ctl_vlan, pvid, true);
		CTL_SET(row, ctl_vlan, tagged, conf->vlan_mode == CTL_VLAN_NATIVE_TAGGED);
		return true;
	}
	if (conf->vlan_mode != CTL_VLAN_ACCESS)
		row->vlans = conf->trunks;
	if (pvid != VLAN_NONE)
		vlan_set_del(&row->vlans, pvid, pvid);
	CTL_SET(row, ctl_vlan, pvid, false);
	CTL_SET(row, ctl_vlan, tagged, true);
	return part == 1;
}

static bool wants_bridge(const struct ctl_vlan *filter, const struct model_bridge *bridge)
{
	return bridge && !CTL_HAS(filter, ctl_vlan, port) &&
	       (!CTL_HAS(filter, ctl_vlan, bridge) || !strcmp(bridge->conf.name, filter->bridge));
}

static bool wants_port(const struct ctl_vlan *filter, const struct model_port *port)
{
	if (!port || port->link)
		return false;
	if (CTL_HAS(filter, ctl_vlan, port) && strcmp(port->conf.name, filter->port) != 0)
		return false;
	return !CTL_HAS(filter, ctl_vlan, bridge) ||
	       (port->bridge && !strcmp(port->conf.bridge, filter->bridge));
}

/* Row list->part of the object that the list is at. False: it has none, or is not asked for. */
static bool make_row(const struct model *model, const struct ctl_vlan *filter,
	const struct vlan_list *list, struct ctl_vlan *row)
{
	*row = (struct ctl_vlan){0};
	if (list->object < MODEL_MAX_BRIDGES) {
		const struct model_bridge *bridge = model->bridges[list->object];

		return wants_bridge(filter, bridge) && bridge_row(bridge, list->part, row);
	}
	const struct model_port *port = model->ports[list->object - MODEL_MAX_BRIDGES];

	return wants_port(filter, port) && port_row(port, list->part, row);
}

bool vlan_next(const struct model *model, const struct ctl_vlan *filter, struct vlan_list *list,
	struct ctl_vlan *ret_row)
{
	while (list->object < MODEL_MAX_BRIDGES + MODEL_MAX_PORTS) {
		if (!make_row(model, filter, list, ret_row)) {
			*list = (struct vlan_list){.object = list->object + 1};
			continue;
		}
		list->part++;
		/* Of the VLANs asked for; a row of none says nothing. */
		CTL_MARK(ret_row, ctl_vlan, vlans);
		for (unsigned i = 0; CTL_HAS(filter, ctl_vlan, vlans) && i < 64; i++)
			ret_row->vlans.words[i] &= filter->vlans.words[i];
		if (vlan_set_count(&ret_row->vlans) > 0)
			return true;
	}
	return false;
}
