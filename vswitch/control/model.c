#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void model_init(struct model *model)
{
	*model = (struct model){0};
}

void model_done(struct model *model)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++)
		free(model->mirrors[i]);
	for (unsigned i = 0; i < MODEL_MAX_LINKS; i++)
		free(model->links[i]);
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++)
		free(model->ports[i]);
	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		if (!model->bridges[i])
			continue;
		free(model->bridges[i]->vlan_names);
		free(model->bridges[i]);
	}
	model_init(model);
}

struct model_bridge *model_bridge_find(const struct model *model, const char *name)
{
	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		if (model->bridges[i] && !strcmp(model->bridges[i]->conf.name, name))
			return model->bridges[i];
	}
	return NULL;
}

struct model_port *model_port_find(const struct model *model, const char *name)
{
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		if (model->ports[i] && !strcmp(model->ports[i]->conf.name, name))
			return model->ports[i];
	}
	return NULL;
}

struct model_link *model_link_find(const struct model *model, const char *name)
{
	for (unsigned i = 0; i < MODEL_MAX_LINKS; i++) {
		if (model->links[i] && !strcmp(model->links[i]->conf.name, name))
			return model->links[i];
	}
	return NULL;
}

struct model_link *model_link_find_by_end(const struct model *model, const char *name)
{
	struct model_link *link = model_link_find(model, name);
	struct model_port *port;

	if (link)
		return link;
	port = model_port_find(model, name);
	return port ? port->link : NULL;
}

struct model_mirror *model_mirror_find(const struct model *model, const char *name)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		if (model->mirrors[i] && !strcmp(model->mirrors[i]->conf.name, name))
			return model->mirrors[i];
	}
	return NULL;
}

static void set_not_found(struct err *err, const char *kind, const char *field, const char *name,
	const char *error_name)
{
	(void)err_set_field(err, -ENOENT, field, "%s '%s' not found", kind, name);
	err_name(err, error_name);
	err_hint(err, "`netcfg %s show` lists them", kind);
}

struct model_bridge *model_bridge_get(const struct model *model, const char *name,
	const char *field, struct err *err)
{
	struct model_bridge *bridge = model_bridge_find(model, name);

	if (!bridge)
		set_not_found(err, "bridge", field, name, "BridgeNotFound");
	return bridge;
}

struct model_port *model_port_get(const struct model *model, const char *name, const char *field,
	struct err *err)
{
	struct model_port *port = model_port_find(model, name);

	if (!port)
		set_not_found(err, "port", field, name, "PortNotFound");
	return port;
}

struct model_link *model_link_get(const struct model *model, const char *name, const char *field,
	struct err *err)
{
	struct model_link *link = model_link_find_by_end(model, name);

	if (!link)
		set_not_found(err, "link", field, name, "LinkNotFound");
	return link;
}

struct model_mirror *model_mirror_get(const struct model *model, const char *name,
	const char *field, struct err *err)
{
	struct model_mirror *mirror = model_mirror_find(model, name);

	if (!mirror)
		set_not_found(err, "mirror", field, name, "MirrorNotFound");
	return mirror;
}

static int set_limit(struct err *err, const char *kind, const char *name, unsigned max)
{
	return err_set(err, -ENOSPC, "%s '%s': the switch holds %u already, the most it can", kind,
		name, max);
}

static int set_no_memory(struct err *err, const char *kind, const char *name)
{
	return err_set(err, -ENOMEM, "%s '%s': out of memory", kind, name);
}

int model_bridge_add(struct model *model, const struct ctl_bridge *conf,
	struct model_bridge **ret_bridge, struct err *err)
{
	struct model_bridge *bridge;
	unsigned id = 0;

	while (id < MODEL_MAX_BRIDGES && model->bridges[id])
		id++;
	if (id == MODEL_MAX_BRIDGES)
		return set_limit(err, "bridge", conf->name, MODEL_MAX_BRIDGES);
	bridge = calloc(1, sizeof(*bridge));
	if (!bridge)
		return set_no_memory(err, "bridge", conf->name);
	bridge->id = (uint16_t)id;
	bridge->conf = *conf;
	model->bridges[id] = bridge;
	model->n_bridges++;
	*ret_bridge = bridge;
	return 0;
}

static void join_bridge(struct model *model, struct model_port *port)
{
	port->bridge = port->conf.bridge[0] ? model_bridge_find(model, port->conf.bridge) : NULL;
	if (port->bridge)
		port->bridge->n_ports++;
}

static void leave_bridge(struct model_port *port)
{
	if (port->bridge)
		port->bridge->n_ports--;
	port->bridge = NULL;
}

int model_port_add(struct model *model, const struct ctl_port *conf, struct model_port **ret_port,
	struct err *err)
{
	struct model_port *port;
	unsigned id = 0;

	while (id < MODEL_MAX_PORTS && model->ports[id])
		id++;
	if (id == MODEL_MAX_PORTS)
		return set_limit(err, "port", conf->name, MODEL_MAX_PORTS);
	port = calloc(1, sizeof(*port));
	if (!port)
		return set_no_memory(err, "port", conf->name);
	port->id = (uint16_t)id;
	port->conf = *conf;
	join_bridge(model, port);
	model->ports[id] = port;
	model->n_ports++;
	*ret_port = port;
	return 0;
}

int model_link_add(struct model *model, const struct ctl_link *conf,
	struct model_port *const ends[2], struct model_link **ret_link, struct err *err)
{
	struct model_link *link;
	unsigned id = 0;

	while (id < MODEL_MAX_LINKS && model->links[id])
		id++;
	if (id == MODEL_MAX_LINKS)
		return set_limit(err, "link", conf->name, MODEL_MAX_LINKS);
	link = calloc(1, sizeof(*link));
	if (!link)
		return set_no_memory(err, "link", conf->name);
	link->id = (uint16_t)id;
	link->conf = *conf;
	for (unsigned i = 0; i < 2; i++) {
		link->ends[i] = ends[i];
		ends[i]->link = link;
	}
	model->links[id] = link;
	model->n_links++;
	*ret_link = link;
	return 0;
}

void model_port_set(struct model *model, struct model_port *port, const struct ctl_port *conf)
{
	leave_bridge(port);
	port->conf = *conf;
	join_bridge(model, port);
}

void model_bridge_del(struct model *model, struct model_bridge *bridge)
{
	model->bridges[bridge->id] = NULL;
	model->n_bridges--;
	free(bridge->vlan_names);
	free(bridge);
}

void model_port_del(struct model *model, struct model_port *port)
{
	leave_bridge(port);
	model->ports[port->id] = NULL;
	model->n_ports--;
	free(port);
}

int model_mirror_add(struct model *model, const struct model_mirror *mirror, struct err *err)
{
	struct model_mirror *copy;
	unsigned id = 0;

	while (id < MODEL_MAX_MIRRORS && model->mirrors[id])
		id++;
	if (id == MODEL_MAX_MIRRORS)
		return set_limit(err, "mirror", mirror->conf.name, MODEL_MAX_MIRRORS);
	copy = malloc(sizeof(*copy));
	if (!copy)
		return set_no_memory(err, "mirror", mirror->conf.name);
	*copy = *mirror;
	copy->id = (uint16_t)id;
	copy->to->n_mirrors_to++;
	model->mirrors[id] = copy;
	return 0;
}

void model_mirror_del(struct model *model, struct model_mirror *mirror)
{
	mirror->to->n_mirrors_to--;
	model->mirrors[mirror->id] = NULL;
	free(mirror);
}

void model_link_del(struct model *model, struct model_link *link)
{
	link->ends[0]->link = NULL;
	link->ends[1]->link = NULL;
	model->links[link->id] = NULL;
	model->n_links--;
	free(link);
}

/* Index of the first name whose vid is not below vid. */
static unsigned vlan_name_at(const struct model_bridge *bridge, uint16_t vid)
{
	unsigned i = 0;

	while (i < bridge->n_vlan_names && bridge->vlan_names[i].vid < vid)
		i++;
	return i;
}

uint32_t model_port_mtu(const struct model_port *port)
{
	return port->dev_mtu && port->dev_mtu < port->conf.mtu ? port->dev_mtu : port->conf.mtu;
}

const char *model_vlan_name(const struct model_bridge *bridge, uint16_t vid)
{
	unsigned i = vlan_name_at(bridge, vid);

	if (i < bridge->n_vlan_names && bridge->vlan_names[i].vid == vid)
		return bridge->vlan_names[i].name;
	return "";
}

int model_vlan_name_set(struct model_bridge *bridge, uint16_t vid, const char *name)
{
	unsigned i = vlan_name_at(bridge, vid);
	bool found = i < bridge->n_vlan_names && bridge->vlan_names[i].vid == vid;
	struct model_vlan_name *names = bridge->vlan_names;

	if (!name[0]) {
		if (!found)
			return 0;
		memmove(&names[i], &names[i + 1],
			(bridge->n_vlan_names - i - 1) * sizeof(names[0]));
		bridge->n_vlan_names--;
		return 0;
	}
	if (!found) {
		names = realloc(names, (bridge->n_vlan_names + 1) * sizeof(names[0]));
		if (!names)
			return -ENOMEM;
		bridge->vlan_names = names;
		memmove(&names[i + 1], &names[i], (bridge->n_vlan_names - i) * sizeof(names[0]));
		bridge->n_vlan_names++;
		names[i].vid = vid;
	}
	ctl_copy_str(names[i].name, sizeof(names[i].name), name);
	return 0;
}
