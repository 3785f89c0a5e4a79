#include "vlan.h"

#include "conf.h"
#include "port.h"

#include <errno.h>
#include <string.h>

static void combine(struct vlan_set *set, enum vlan_verb verb, const struct vlan_set *arg)
{
	if (verb == VLAN_SET) {
		*set = *arg;
		return;
	}
	for (unsigned i = 0; i < 64; i++)
		set->words[i] = verb == VLAN_ADD ? set->words[i] | arg->words[i]
						 : set->words[i] & ~arg->words[i];
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
		err_hint(err, "add it: `netcfg vlan add %u bridge %s`", first, req->bridge);
		return -ENOENT;
	}
	combine(&change->bridge_conf.vlans, verb, &req->vlans);
	return 0;
}

static int plan_port(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *change, struct err *err)
{
	struct ctl_port set = {0};

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
	CTL_SET_STR(&set, ctl_port, name, req->port);
	CTL_SET(&set, ctl_port, trunks, change->port->conf.trunks);
	combine(&set.trunks, verb, &req->vlans);
	return port_conf_set(model, change->port, &set, &change->port_conf, err);
}

int vlan_plan(const struct model *model, enum vlan_verb verb, const struct ctl_vlan *req,
	struct vlan_change *ret_change, struct err *err)
{
	bool bridge = CTL_HAS(req, ctl_vlan, bridge), port = CTL_HAS(req, ctl_vlan, port);
	int r = conf_check_writable(&ctl_vlan_schema, req,
		CONF_BIT(ctl_vlan, pvid) | CONF_BIT(ctl_vlan, tagged), "vlan", "", err);

	if (r < 0)
		return r;
	*ret_change = (struct vlan_change){0};
	if (bridge == port)
		return err_set_field(err, -EINVAL, "bridge", bridge
			? "vlan: name either a bridge or a port, not both"
			: "vlan: name the bridge or the port that it is about");
	if (!CTL_HAS(req, ctl_vlan, vlans))
		return err_set_field(err, -EINVAL, "vlans", "%s '%s': which VLANs is missing",
			bridge ? "bridge" : "port", bridge ? req->bridge : req->port);
	return bridge ? plan_bridge(model, verb, req, ret_change, err)
		      : plan_port(model, verb, req, ret_change, err);
}

struct row_walk {
	const struct ctl_vlan *filter;
	vlan_row_fn *fn;
	void *ctx;
};

/* Reduce the row to the VLANs asked for and pass it on, unless nothing is left. */
static int emit(const struct row_walk *walk, struct ctl_vlan *row)
{
	CTL_MARK(row, ctl_vlan, vlans);
	for (unsigned i = 0; CTL_HAS(walk->filter, ctl_vlan, vlans) && i < 64; i++)
		row->vlans.words[i] &= walk->filter->vlans.words[i];
	if (vlan_set_count(&row->vlans) == 0)
		return 0;
	return walk->fn(walk->ctx, row);
}

static int bridge_rows(const struct row_walk *walk, const struct model_bridge *bridge)
{
	struct ctl_vlan row = {0};
	struct vlan_set rest = bridge->conf.vlans;
	int r;

	CTL_SET_STR(&row, ctl_vlan, bridge, bridge->conf.name);
	for (unsigned i = 0; i < bridge->n_vlan_names; i++) {
		const struct model_vlan_name *name = &bridge->vlan_names[i];

		if (!vlan_set_has(&rest, name->vid))
			continue;
		vlan_set_del(&rest, name->vid, name->vid);
		vlan_set_clear(&row.vlans);
		vlan_set_add(&row.vlans, name->vid, name->vid);
		CTL_SET_STR(&row, ctl_vlan, name, name->name);
		r = emit(walk, &row);
		if (r != 0)
			return r;
	}
	CTL_UNMARK(&row, ctl_vlan, name);
	row.name[0] = '\0';
	row.vlans = rest;
	return emit(walk, &row);
}

static int port_rows(const struct row_walk *walk, const struct model_port *port)
{
	const struct ctl_port *conf = &port->conf;
	bool pass, native_tagged = conf->vlan_mode == CTL_VLAN_NATIVE_TAGGED;
	uint16_t pvid = port_conf_pvid(conf, &pass);
	struct ctl_vlan row = {0};
	int r;

	if (port->bridge)
		CTL_SET_STR(&row, ctl_vlan, bridge, port->bridge->conf.name);
	CTL_SET_STR(&row, ctl_vlan, port, conf->name);
	if (pvid != VLAN_NONE) {
		vlan_set_add(&row.vlans, pvid, pvid);
		CTL_SET(&row, ctl_vlan, pvid, true);
		CTL_SET(&row, ctl_vlan, tagged, native_tagged);
		r = emit(walk, &row);
		if (r != 0)
			return r;
	}
	if (conf->vlan_mode == CTL_VLAN_ACCESS)
		return 0;
	row.vlans = conf->trunks;
	if (pvid != VLAN_NONE)
		vlan_set_del(&row.vlans, pvid, pvid);
	CTL_SET(&row, ctl_vlan, pvid, false);
	CTL_SET(&row, ctl_vlan, tagged, true);
	return emit(walk, &row);
}

int vlan_rows(const struct model *model, const struct ctl_vlan *filter, vlan_row_fn *fn, void *ctx)
{
	const struct row_walk walk = {filter, fn, ctx};
	bool by_port = CTL_HAS(filter, ctl_vlan, port);
	bool by_bridge = CTL_HAS(filter, ctl_vlan, bridge);
	int r = 0;

	for (unsigned i = 0; i < MODEL_MAX_BRIDGES && r == 0 && !by_port; i++) {
		const struct model_bridge *bridge = model->bridges[i];

		if (bridge && (!by_bridge || !strcmp(bridge->conf.name, filter->bridge)))
			r = bridge_rows(&walk, bridge);
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS && r == 0; i++) {
		const struct model_port *port = model->ports[i];

		if (!port || port->link || (by_port && strcmp(port->conf.name, filter->port) != 0))
			continue;
		if (by_bridge && (!port->bridge || strcmp(port->conf.bridge, filter->bridge) != 0))
			continue;
		r = port_rows(&walk, port);
	}
	return r;
}
