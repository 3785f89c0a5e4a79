#include "port.h"

#include "conf.h"

#include "ctl_field.h"
#include "feature/impair/impair_check.h"
#include "feature/limit_check.h"
#include "port_type.h"

#include <errno.h>
#include <string.h>

/* They decide together what the port is to VLANs, see apply_vlan_role(). */
#define VLAN_ROLE                                                                            \
	(CTL_BIT(ctl_port, vlan_mode) | CTL_BIT(ctl_port, tag) | CTL_BIT(ctl_port, trunks) | \
		CTL_BIT(ctl_port, native))

static int bad(struct err *err, const char *field, const struct ctl_port *req, const char *why,
	const char *hint)
{
	(void)err_set_field(err, -EINVAL, field, "port '%s': %s", req->name, why);
	if (hint)
		err_hint(err, "%s", hint);
	return -EINVAL;
}

/* A tag or native VLAN that is really one; 0 in a request means "none" and is no VLAN. */
static bool gives_vlan(const struct ctl_port *req, uint64_t bit, uint16_t vid)
{
	return (req->set & bit) && vid != VLAN_NONE;
}

static void role_access(struct ctl_port *conf, uint16_t tag)
{
	CTL_UNMARK(conf, ctl_port, trunks);
	vlan_set_clear(&conf->trunks);
	CTL_UNMARK(conf, ctl_port, native);
	conf->native = 0;
	CTL_SET(conf, ctl_port, vlan_mode, CTL_VLAN_ACCESS);
	CTL_SET(conf, ctl_port, tag, tag);
}

static void role_trunk(struct ctl_port *conf, enum ctl_vlan_mode mode, uint16_t native)
{
	CTL_UNMARK(conf, ctl_port, tag);
	conf->tag = 0;
	if (!CTL_HAS(conf, ctl_port, trunks)) {
		vlan_set_fill(&conf->trunks);
		CTL_MARK(conf, ctl_port, trunks);
	}
	CTL_UNMARK(conf, ctl_port, native);
	conf->native = 0;
	CTL_SET(conf, ctl_port, vlan_mode, mode);
	if (mode != CTL_VLAN_TRUNK)
		CTL_SET(conf, ctl_port, native, native);
}

/* The role that the request's settings ask for, given the one that conf has. */
static enum ctl_vlan_mode wanted_role(const struct ctl_port *conf, const struct ctl_port *req)
{
	bool tag = gives_vlan(req, CTL_BIT(ctl_port, tag), req->tag);
	bool native = gives_vlan(req, CTL_BIT(ctl_port, native), req->native);

	if (CTL_HAS(req, ctl_port, vlan_mode))
		return req->vlan_mode;
	if (tag)
		return CTL_VLAN_ACCESS;
	if (native)
		return conf->vlan_mode == CTL_VLAN_NATIVE_TAGGED ? CTL_VLAN_NATIVE_TAGGED
								 : CTL_VLAN_NATIVE_UNTAGGED;
	if (CTL_HAS(req, ctl_port, native))
		return conf->vlan_mode == CTL_VLAN_ACCESS ? CTL_VLAN_ACCESS : CTL_VLAN_TRUNK;
	if (CTL_HAS(req, ctl_port, tag) || CTL_HAS(req, ctl_port, trunks))
		return conf->vlan_mode == CTL_VLAN_ACCESS ? CTL_VLAN_TRUNK : conf->vlan_mode;
	return conf->vlan_mode;
}

/* A native VLAN is a trunk's: taken as a wish for a trunk, it would let in every VLAN there is. */
static int refuse_native(const struct ctl_port *conf, const struct ctl_port *req, struct err *err)
{
	(void)err_set_field(err, -EINVAL, "native",
		"port '%s': is an access port of VLAN %u, which has no native VLAN", req->name,
		conf->tag);
	err_hint(err,
		"for a trunk say what it carries: `netcfg port set %s native %u trunks VLANS`",
		req->name, req->native);
	return -EINVAL;
}

/* conf holds the old role (of a new port: trunk of all) and gets the new one. */
static int apply_vlan_role(struct ctl_port *conf, const struct ctl_port *req, struct err *err)
{
	bool tag = gives_vlan(req, CTL_BIT(ctl_port, tag), req->tag);
	bool native = gives_vlan(req, CTL_BIT(ctl_port, native), req->native);
	enum ctl_vlan_mode role = wanted_role(conf, req);
	uint16_t vid;

	if (native && conf->vlan_mode == CTL_VLAN_ACCESS && !tag &&
		!CTL_HAS(req, ctl_port, trunks) && !CTL_HAS(req, ctl_port, vlan_mode))
		return refuse_native(conf, req, err);
	if (tag && (native || CTL_HAS(req, ctl_port, trunks)))
		return bad(err, "tag", req,
			"tag makes an access port, which has no trunks and no native VLAN",
			"give either tag, or trunks and native");
	if (role == CTL_VLAN_ACCESS) {
		vid = tag ? req->tag : CTL_HAS(req, ctl_port, tag) ? VLAN_NONE : conf->tag;
		if (native || CTL_HAS(req, ctl_port, trunks))
			return bad(err, native ? "native" : "trunks", req,
				"an access port has no trunks and no native VLAN",
				"use tag, or vlan_mode trunk");
		if (vid == VLAN_NONE)
			return bad(err, "tag", req, "an access port needs a tag", "add tag VLAN");
		role_access(conf, vid);
		return 0;
	}
	if (tag)
		return bad(err, "tag", req, "only an access port has a tag",
			"use native for the VLAN of untagged frames on a trunk");
	vid = CTL_HAS(req, ctl_port, native) ? req->native : conf->native;
	if (role == CTL_VLAN_TRUNK && native)
		return bad(err, "native", req, "a plain trunk has no native VLAN",
			"use vlan_mode native-untagged or native-tagged");
	if (role != CTL_VLAN_TRUNK && vid == VLAN_NONE)
		return bad(err, "native", req, "this VLAN mode needs a native VLAN",
			"add native VLAN, or use vlan_mode trunk");
	ctl_merge(&ctl_port_schema, conf, req, CTL_BIT(ctl_port, trunks));
	role_trunk(conf, role, vid);
	return 0;
}

static int check_bridge(const struct model *model, const struct ctl_port *conf, struct err *err)
{
	if (!conf->bridge[0] || model_bridge_find(model, conf->bridge))
		return 0;
	(void)model_bridge_get(model, conf->bridge, "bridge", err);
	return err_prefix(err, "port '%s'", conf->name);
}

/* The first VLAN that conf names and `exist` lacks; VLAN_NONE: there is none. A trunk of all VLANs
 * names none: it carries what the bridge has. */
static uint16_t find_missing_vlan(const struct ctl_port *conf, const struct vlan_set *exist)
{
	uint16_t first, last, vid = VLAN_MIN;
	struct vlan_set missing;
	bool pass;
	uint16_t pvid = port_conf_pvid(conf, &pass);

	if (pvid != VLAN_NONE && !vlan_set_has(exist, pvid))
		return pvid;
	if (conf->vlan_mode == CTL_VLAN_ACCESS || vlan_set_count(&conf->trunks) == VLAN_MAX)
		return VLAN_NONE;
	missing = conf->trunks;
	vlan_set_subtract(&missing, exist);
	return vlan_set_next_range(&missing, &vid, &first, &last) ? first : VLAN_NONE;
}

/* What the bridge lacks, its port could never carry. */
static int check_vlans_exist(const struct model *model, const struct ctl_port *conf,
	struct err *err)
{
	const struct model_bridge *bridge = model_bridge_find(model, conf->bridge);
	uint16_t vid = bridge ? find_missing_vlan(conf, &bridge->conf.vlans) : VLAN_NONE;

	if (vid == VLAN_NONE)
		return 0;
	(void)err_set_field(err, -ENOENT,
		vid == conf->tag      ? "tag"
		: vid == conf->native ? "native"
				      : "trunks",
		"port '%s': bridge '%s' has no VLAN %u", conf->name, conf->bridge, vid);
	err_name(err, "VlanNotFound");
	err_hint(err, "add it: `netcfg vlan add %s %u`", conf->bridge, vid);
	return -ENOENT;
}

int port_check_bridge_vlans(const struct model *model, const struct model_bridge *bridge,
	const struct vlan_set *vlans, struct err *err)
{
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		const struct model_port *port = model->ports[i];
		uint16_t vid;

		if (!port || port->bridge != bridge)
			continue;
		vid = find_missing_vlan(&port->conf, vlans);
		if (vid == VLAN_NONE)
			continue;
		(void)err_set_field(err, -EBUSY, "vlans",
			"bridge '%s': VLAN %u is in use by port '%s'", bridge->conf.name, vid,
			port->conf.name);
		err_name(err, "VlanInUse");
		err_hint(err, "change that port first, see `netcfg port show %s`", port->conf.name);
		return -EBUSY;
	}
	return 0;
}

/* ---- What belongs to one port only ----------------------------------------------------------- */

static int refuse_path(const struct ctl_port *conf, const struct ctl_port *other, struct err *err)
{
	(void)err_set_field(err, -EADDRINUSE, "path",
		"port '%s': path '%s' is the socket of port '%s'", conf->name, conf->path,
		other->name);
	err_name(err, "PathInUse");
	err_hint(err,
		conf->type == CTL_PORT_MEMIF && other->type == CTL_PORT_MEMIF
			? "on one socket, memif ports have the same mode and different memif_id"
			: "give every port a socket of its own");
	return -EADDRINUSE;
}

static int check_conflicts(const struct model *model, const struct ctl_port *conf, struct err *err)
{
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		const struct model_port *other = model->ports[i];
		const char *field;

		if (!other || !strcmp(other->conf.name, conf->name))
			continue;
		field = port_type_conflict(conf, &other->conf);
		if (!field)
			continue;
		if (!strcmp(field, "path"))
			return refuse_path(conf, &other->conf, err);
		(void)err_set_field(err, -EBUSY, field, "port '%s': its %s is in use by port '%s'",
			conf->name, field, other->conf.name);
		err_name(err, "DeviceInUse");
		err_hint(err, "see `netcfg port show %s`", other->conf.name);
		return -EBUSY;
	}
	return 0;
}

/* The caller knows what a relative path counts from. */
static int check_absolute(const struct ctl_port *conf, struct err *err)
{
	for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
		const struct ctl_field *field = &ctl_port_schema.fields[i];
		const char *path = (const char *)conf + field->offset;

		if (!field->is_path || !path[0] || path[0] == '/')
			continue;
		(void)err_set_field(err, -EINVAL, field->name, "port '%s': its %s is not absolute",
			conf->name, field->name);
		err_hint(err, "begin it with a slash");
		return -EINVAL;
	}
	return 0;
}

int port_conf_new(const struct model *model, const struct ctl_port *req, struct ctl_port *ret_conf,
	struct err *err)
{
	struct ctl_port *conf = ret_conf;
	int r = conf_check_new(&ctl_port_schema, req, "port", req->name, err);

	if (r < 0)
		return r;
	*conf = (struct ctl_port){0};
	CTL_SET_STR(conf, ctl_port, bridge, "");
	conf->mtu = CTL_DEFAULT_MTU; /* not marked as set: nobody asked for it */
	role_trunk(conf, CTL_VLAN_TRUNK, VLAN_NONE);
	ctl_merge(&ctl_port_schema, conf, req,
		ctl_fields(&ctl_port_schema, CTL_ACCESS_SET) & ~VLAN_ROLE);
	ctl_fill_defaults(&ctl_port_schema, conf, ~port_type_fields());
	impair_trim(&ctl_port_schema, conf, req);
	limit_trim(conf, req);
	r = port_type_check(conf, err);
	if (r < 0)
		return err_prefix(err, "port '%s'", conf->name);
	r = check_absolute(conf, err);
	if (r < 0)
		return r;
	port_type_complete(conf);
	r = check_conflicts(model, conf, err);
	if (r == 0)
		r = check_bridge(model, conf, err);
	if (r == 0)
		r = apply_vlan_role(conf, req, err);
	return r < 0 ? r : check_vlans_exist(model, conf, err);
}

int port_conf_patch(const struct model *model, const char *name, const char *bridge,
	struct ctl_port *ret_conf, struct err *err)
{
	struct ctl_port *conf = ret_conf;

	if (model_port_find(model, name)) {
		(void)err_set_field(err, -EEXIST, "name", "its port '%s' exists already", name);
		err_name(err, "PortExists");
		return -EEXIST;
	}
	*conf = (struct ctl_port){0};
	CTL_SET_STR(conf, ctl_port, name, name);
	CTL_SET_STR(conf, ctl_port, bridge, bridge);
	CTL_SET(conf, ctl_port, type, CTL_PORT_PATCH);
	conf->mtu = CTL_DEFAULT_MTU;
	role_trunk(conf, CTL_VLAN_TRUNK, VLAN_NONE);
	ctl_fill_defaults(&ctl_port_schema, conf, ~port_type_fields());
	return 0;
}

/* An end of a link between bridges stays in its bridge. */
static int refuse_move(const struct model_port *port, struct err *err)
{
	(void)err_set_field(err, -EBUSY, "bridge", "port '%s': joins bridge '%s' by link '%s'",
		port->conf.name, port->conf.bridge, port->link->conf.name);
	err_name(err, "PortInUse");
	err_hint(err, "delete the link, and add it between other bridges");
	return -EBUSY;
}

/* A link between ports carries every frame: what it would have to ignore is refused. */
static int check_link_end(const struct model_port *port, const struct ctl_port *conf,
	struct err *err)
{
	const struct model_link *link = port->link;
	bool joins_bridges = conf->type == CTL_PORT_PATCH;
	const char *field;

	if (!link)
		return 0;
	if (joins_bridges && strcmp(conf->bridge, port->conf.bridge) != 0)
		return refuse_move(port, err);
	if (!joins_bridges && conf->bridge[0])
		field = "bridge";
	else if (!joins_bridges && !port_conf_is_vlan_default(conf))
		field = "vlan_mode";
	else if (CTL_HAS(&link->conf, ctl_link, mtu) && link->conf.mtu > conf->mtu)
		field = "mtu";
	else
		return 0;
	(void)err_set_field(err, -EBUSY, field, "port '%s': is an end of link '%s', which %s",
		conf->name, link->conf.name,
		!strcmp(field, "bridge") ? "excludes a bridge"
		: !strcmp(field, "mtu")  ? "has a larger mtu"
					 : "has no VLANs");
	err_name(err, "PortInUse");
	err_hint(err,
		!strcmp(field, "mtu") ? "lower the mtu of the link first"
				      : "delete the link first: `netcfg link del %s`",
		link->conf.name);
	return -EBUSY;
}

int port_conf_set(const struct model *model, const struct model_port *port,
	const struct ctl_port *req, struct ctl_port *ret_conf, struct err *err)
{
	int r = conf_change(&ctl_port_schema, &port->conf, req,
		ctl_fields(&ctl_port_schema, CTL_ACCESS_OPT) & ~VLAN_ROLE, "port", req->name,
		ret_conf, err);

	if (r < 0)
		return r;
	limit_trim(ret_conf, req);
	r = check_bridge(model, ret_conf, err);
	if (r == 0)
		r = apply_vlan_role(ret_conf, req, err);
	if (r == 0)
		r = check_vlans_exist(model, ret_conf, err);
	if (r == 0)
		r = check_link_end(port, ret_conf, err);
	return r;
}

int port_check_del(const struct model_port *port, struct err *err)
{
	if (!port->link)
		return 0;
	(void)err_set_field(err, -EBUSY, "name", "port '%s': is an end of link '%s'",
		port->conf.name, port->link->conf.name);
	err_name(err, "PortInUse");
	err_hint(err, "delete the link first: `netcfg link del %s`", port->link->conf.name);
	return -EBUSY;
}

bool port_conf_is_vlan_default(const struct ctl_port *conf)
{
	return conf->vlan_mode == CTL_VLAN_TRUNK && vlan_set_count(&conf->trunks) == VLAN_MAX;
}

uint16_t port_conf_pvid(const struct ctl_port *conf, bool *ret_pass)
{
	*ret_pass = true;
	switch ((enum ctl_vlan_mode)conf->vlan_mode) {
	case CTL_VLAN_ACCESS:
		return conf->tag;
	case CTL_VLAN_NATIVE_TAGGED:
	case CTL_VLAN_NATIVE_UNTAGGED:
		return conf->native;
	case CTL_VLAN_TRUNK:
		break;
	}
	*ret_pass = port_conf_is_vlan_default(conf);
	return VLAN_NONE;
}
