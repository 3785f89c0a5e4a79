#include "link.h"

#include "conf.h"
#include "mirror_ctl.h"
#include "port.h"

#include "ctl_field.h"
#include "feature/impair/impair_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A port goes first: it may have the name of a bridge. */
static bool is_bridge(const struct model *model, const char *name)
{
	return !model_port_find(model, name) && model_bridge_find(model, name);
}

bool link_joins_bridges(const struct model *model, const struct ctl_link *conf)
{
	return is_bridge(model, conf->a) && is_bridge(model, conf->b);
}

int link_patch_name(const struct ctl_link *conf, unsigned i, char *buf, size_t size,
	struct err *err)
{
	const char *bridge = i ? conf->b : conf->a;

	if ((size_t)snprintf(buf, size, "%s:%s", conf->name, bridge) < size)
		return 0;
	(void)err_set_field(err, -EINVAL, "name",
		"link '%s': its port in bridge '%s' would have a name of %zu characters, the most "
		"is %zu",
		conf->name, bridge, strlen(conf->name) + 1 + strlen(bridge), size - 1);
	err_hint(err, "give the link a shorter name");
	return -EINVAL;
}

/* A link between bridges makes its ports. */
static int check_patches(const struct ctl_link *conf, struct err *err)
{
	char name[CTL_NAME_MAX + 1];
	int r = link_patch_name(conf, 0, name, sizeof(name), err);

	return r < 0 ? r : link_patch_name(conf, 1, name, sizeof(name), err);
}

/* A port at one end and a bridge at the other. */
static int refuse_mixed(const struct ctl_link *req, const char *field, const char *bridge,
	const char *port, struct err *err)
{
	(void)err_set_field(err, -EINVAL, field, "link '%s': '%s' is a bridge, and '%s' a port",
		req->name, bridge, port);
	err_hint(err, "put the port into the bridge: `netcfg port set %s bridge %s`", port, bridge);
	return -EINVAL;
}

/* Can the port `name`, given in `field`, become an end of the link that req describes? */
static int check_end(const struct model *model, const struct ctl_link *req, const char *field,
	const char *name, const struct model_port **ret_port, struct err *err)
{
	const struct model_port *port = model_port_get(model, name, field, err);
	const char *why = NULL;

	if (!port) {
		(void)err_prefix(err, "link '%s'", req->name);
		return -ENOENT;
	}
	*ret_port = port;
	if (port->link && strcmp(port->link->conf.name, req->name) != 0)
		why = "is an end of another link";
	else if (port->bridge)
		why = "is in a bridge";
	else if (!port_conf_is_vlan_default(&port->conf))
		why = "has VLAN settings, which a link would not apply";
	if (!why && mirror_check_use(model, port, field, "a link", err) < 0)
		return err_prefix(err, "link '%s'", req->name);
	if (!why)
		return 0;
	(void)err_set_field(err, -EBUSY, field, "link '%s': port '%s' %s", req->name, name, why);
	err_name(err, "PortInUse");
	if (port->link)
		err_hint(err, "delete that link first: `netcfg link del %s`",
			port->link->conf.name);
	else if (port->bridge)
		err_hint(err, "take it out: `netcfg port set %s bridge \"\"`", name);
	else
		err_hint(err, "reset them: `netcfg port set %s vlan_mode trunk trunks all`", name);
	return -EBUSY;
}

/* Are both ends ports that can become those of the link? */
static int check_ends(const struct model *model, const struct ctl_link *req,
	const struct model_port *ends[2], struct err *err)
{
	int r;

	if (is_bridge(model, req->a) && model_port_find(model, req->b))
		return refuse_mixed(req, "a", req->a, req->b, err);
	if (is_bridge(model, req->b) && model_port_find(model, req->a))
		return refuse_mixed(req, "b", req->b, req->a, err);
	r = check_end(model, req, "a", req->a, &ends[0], err);
	return r < 0 ? r : check_end(model, req, "b", req->b, &ends[1], err);
}

static int check_mtu(const struct ctl_link *conf, const struct model_port *const ends[2],
	struct err *err)
{
	for (unsigned i = 0; i < 2 && CTL_HAS(conf, ctl_link, mtu); i++) {
		if (conf->mtu <= ends[i]->conf.mtu)
			continue;
		(void)err_set_field(err, -EINVAL, "mtu",
			"link '%s': mtu %u is above the mtu %u of port '%s'", conf->name, conf->mtu,
			ends[i]->conf.mtu, ends[i]->conf.name);
		err_hint(err, "raise the port's first: `netcfg port set %s mtu %u`",
			ends[i]->conf.name, conf->mtu);
		return -EINVAL;
	}
	return 0;
}

int link_conf_new(const struct model *model, const struct ctl_link *req, struct ctl_link *ret_conf,
	struct err *err)
{
	const struct model_port *ends[2] = {NULL, NULL};
	bool joins_bridges;
	int r = conf_check_new(&ctl_link_schema, req, "link", req->name, err);

	if (r < 0)
		return r;
	if (!CTL_HAS(req, ctl_link, a) || !CTL_HAS(req, ctl_link, b))
		return err_set_field(err, -EINVAL, CTL_HAS(req, ctl_link, a) ? "b" : "a",
			"link '%s': a link needs two ports, or two bridges", req->name);
	joins_bridges = link_joins_bridges(model, req);
	if (!strcmp(req->a, req->b))
		return err_set_field(err, -EINVAL, "b", "link '%s': both ends are %s '%s'",
			req->name, joins_bridges ? "bridge" : "port", req->a);
	r = joins_bridges ? check_patches(req, err) : check_ends(model, req, ends, err);
	if (r < 0)
		return r;
	*ret_conf = (struct ctl_link){0};
	ctl_merge(&ctl_link_schema, ret_conf, req, ctl_fields(&ctl_link_schema, CTL_ACCESS_SET));
	ctl_fill_defaults(&ctl_link_schema, ret_conf, UINT64_MAX);
	impair_trim(&ctl_link_schema, ret_conf, req);
	return joins_bridges ? 0 : check_mtu(ret_conf, ends, err);
}

int link_conf_set(const struct model_link *link, const struct ctl_link *req,
	struct ctl_link *ret_conf, struct err *err)
{
	const struct model_port *ends[2] = {link->ends[0], link->ends[1]};
	int r = conf_change(&ctl_link_schema, &link->conf, req,
		ctl_fields(&ctl_link_schema, CTL_ACCESS_OPT), "link", req->name, ret_conf, err);

	return r < 0 ? r : check_mtu(ret_conf, ends, err);
}

uint32_t link_mtu(const struct model_link *link)
{
	uint32_t mtu = model_port_mtu(link->ends[0]), other = model_port_mtu(link->ends[1]);

	if (other < mtu)
		mtu = other;
	if (CTL_HAS(&link->conf, ctl_link, mtu) && link->conf.mtu < mtu)
		mtu = link->conf.mtu;
	return mtu;
}

bool link_carrier(const struct model_link *link)
{
	return link->conf.enabled && link->ends[0]->conf.enabled && link->ends[1]->conf.enabled &&
	       link->ends[0]->running && link->ends[1]->running;
}

bool link_port_carrier(const struct model_port *port)
{
	if (port->link)
		return link_carrier(port->link);
	return (port->bridge || port->n_mirrors_to) && port->conf.enabled && port->running;
}

struct model_port *link_other_end(const struct model_port *port)
{
	if (!port->link)
		return NULL;
	return port->link->ends[port->link->ends[0] == port];
}
