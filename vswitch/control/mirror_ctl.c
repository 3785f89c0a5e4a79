#include "mirror_ctl.h"

#include "conf.h"

#include "ctl_field.h"
#include "feature/mirror/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(MODEL_MAX_MIRRORS <= MIRROR_MAX, "all that can be configured can run");

/* ---- Settings -------------------------------------------------------------------------------- */

static const char *behind(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) ? NULL : text + len;
}

static int resolve_vlan(const char *text, struct model_mirror *mirror, struct err *err)
{
	char *end;
	unsigned long vlan = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || vlan < 1 || vlan > 4094)
		return err_set_field(err, -EINVAL, "from",
			"mirror '%s': vlan '%s' is not in 1..4094", mirror->conf.name, text);
	mirror->vlan = (uint16_t)vlan;
	return 0;
}

static int resolve_from(const struct model *model, struct model_mirror *mirror, struct err *err)
{
	const char *from = mirror->conf.from, *name;

	name = behind(from, "vlan ");
	if (name)
		return resolve_vlan(name, mirror, err);
	name = behind(from, "bridge ");
	if (name)
		mirror->bridge = model_bridge_get(model, name, "from", err);
	else
		mirror->port = model_port_get(model, from, "from", err);
	if (mirror->bridge || mirror->port)
		return 0;
	(void)err_prefix(err, "mirror '%s'", mirror->conf.name);
	return -ENOENT;
}

static int refuse_to(const struct model_mirror *mirror, const char *why, struct err *err)
{
	(void)err_set_field(err, -EBUSY, "to", "mirror '%s': port '%s' %s", mirror->conf.name,
		mirror->to->conf.name, why);
	err_name(err, "PortInUse");
	return -EBUSY;
}

static int check_to(const struct model_mirror *mirror, struct err *err)
{
	const struct model_port *to = mirror->to;
	int r;

	if (to->conf.type == CTL_PORT_PATCH)
		return refuse_to(mirror, "joins two bridges, and has no peer to get copies", err);
	if (to->link) {
		r = refuse_to(mirror, "is an end of a link", err);
		err_hint(err, "delete the link first: `netcfg link del %s`", to->link->conf.name);
		return r;
	}
	if (to->bridge && !mirror->conf.vlan) {
		r = refuse_to(mirror,
			"is in a bridge, whose frames its peer could not tell from copies", err);
		err_hint(err,
			"take it out: `netcfg port set %s bridge \"\"`, or have the copies tagged "
			"with vlan N",
			to->conf.name);
		return r;
	}
	return 0;
}

/* Is it mirrored by name? NULL: it is not. */
static const struct model_mirror *mirror_of(const struct model *model,
	const struct model_port *port)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		if (model->mirrors[i] && model->mirrors[i]->port == port)
			return model->mirrors[i];
	}
	return NULL;
}

static const struct model_mirror *mirror_to(const struct model *model,
	const struct model_port *port)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		if (model->mirrors[i] && model->mirrors[i]->to == port)
			return model->mirrors[i];
	}
	return NULL;
}

/* No copy may be copied again. */
static int check_circle(const struct model *model, const struct model_mirror *mirror,
	struct err *err)
{
	const struct model_mirror *other;

	if (mirror->port == mirror->to)
		return err_set_field(err, -EINVAL, "to",
			"mirror '%s': port '%s' would get copies of its own copies",
			mirror->conf.name, mirror->to->conf.name);
	other = mirror_of(model, mirror->to);
	if (!other && mirror->port)
		other = mirror_to(model, mirror->port);
	if (!other)
		return 0;
	(void)err_set_field(err, -EBUSY, other->port == mirror->to ? "to" : "from",
		"mirror '%s': copies would be copied again: mirror '%s' is from '%s' to '%s'",
		mirror->conf.name, other->conf.name, other->conf.from, other->conf.to);
	err_name(err, "PortInUse");
	err_hint(err, "delete that one first: `netcfg mirror del %s`", other->conf.name);
	return -EBUSY;
}

int mirror_conf_new(const struct model *model, const struct ctl_mirror *req,
	struct model_mirror *ret_mirror, struct err *err)
{
	struct ctl_mirror *conf = &ret_mirror->conf;
	int r = conf_check_new(&ctl_mirror_schema, req, "mirror", req->name, err);

	if (r < 0)
		return r;
	if (!CTL_HAS(req, ctl_mirror, from) || !CTL_HAS(req, ctl_mirror, to))
		return err_set_field(err, -EINVAL, CTL_HAS(req, ctl_mirror, from) ? "to" : "from",
			"mirror '%s': it needs what is copied, from, and a port, to", req->name);
	if (CTL_HAS(req, ctl_mirror, filter) != CTL_HAS(req, ctl_mirror, program))
		return err_set_field(err, -EINVAL, "filter",
			"mirror '%s': a filter comes with the program that it is compiled to",
			req->name);
	*ret_mirror = (struct model_mirror){0};
	ctl_merge(&ctl_mirror_schema, conf, req,
		ctl_fields(&ctl_mirror_schema, CTL_ACCESS_SET) | CTL_BIT(ctl_mirror, program));
	ctl_fill_defaults(&ctl_mirror_schema, conf, UINT64_MAX);
	r = resolve_from(model, ret_mirror, err);
	if (r < 0)
		return r;
	ret_mirror->to = model_port_get(model, conf->to, "to", err);
	if (!ret_mirror->to) {
		(void)err_prefix(err, "mirror '%s'", req->name);
		return -ENOENT;
	}
	r = check_to(ret_mirror, err);
	return r < 0 ? r : check_circle(model, ret_mirror, err);
}

int mirror_ctl_start(void *feature, struct model_mirror *mirror, struct err *err)
{
	const struct ctl_mirror *conf = &mirror->conf;
	const struct mirror_params params = {
		.name = conf->name,
		.filter = CTL_HAS(conf, ctl_mirror, program) ? conf->program : NULL,
		.truncate = conf->truncate,
		.vlan = conf->vlan,
		.source_vlan = mirror->vlan,
		.to = mirror->to->id,
	};

	if (mirror_start(feature, &params, &mirror->mirror, err) == 0)
		return 0;
	return err_prefix(err, "mirror '%s'", conf->name);
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static bool is_of(const struct model_mirror *mirror, const struct model_port *port)
{
	if (mirror->port)
		return mirror->port == port;
	if (port->n_mirrors_to)
		return false;
	return mirror->bridge ? port->bridge == mirror->bridge : port->bridge != NULL;
}

static uint8_t takes_of(const struct model_mirror *mirror, const struct model_port *port)
{
	static const uint8_t by_dir[] = {[CTL_MIRROR_BOTH] = MIRROR_TAKES_IN | MIRROR_TAKES_OUT,
		[CTL_MIRROR_IN] = MIRROR_TAKES_IN,
		[CTL_MIRROR_OUT] = MIRROR_TAKES_OUT};

	return port && is_of(mirror, port) ? by_dir[mirror->conf.dir] : 0;
}

void mirror_ctl_update(const struct model *model)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		const struct model_mirror *mirror = model->mirrors[i];

		for (uint16_t id = 0; mirror && id < MODEL_MAX_PORTS; id++)
			mirror_cover(mirror->mirror, id, takes_of(mirror, model->ports[id]));
	}
}

/* ---- What mirrors need ----------------------------------------------------------------------- */

static void hint_del(const struct model_mirror *mirror, struct err *err)
{
	err_hint(err, "delete the mirror first: `netcfg mirror del %s`", mirror->conf.name);
}

int mirror_check_port_del(const struct model *model, const struct model_port *port, struct err *err)
{
	const struct model_mirror *of = mirror_of(model, port), *to = mirror_to(model, port);

	if (!of && !to)
		return 0;
	(void)err_set_field(err, -EBUSY, "name", "port '%s': mirror '%s' copies %s it",
		port->conf.name, (of ? of : to)->conf.name, of ? "from" : "to");
	err_name(err, "PortInUse");
	hint_del(of ? of : to, err);
	return -EBUSY;
}

int mirror_check_bridge_del(const struct model *model, const struct model_bridge *bridge,
	struct err *err)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		if (!model->mirrors[i] || model->mirrors[i]->bridge != bridge)
			continue;
		(void)err_set_field(err, -EBUSY, "name", "bridge '%s': mirror '%s' copies from it",
			bridge->conf.name, model->mirrors[i]->conf.name);
		err_name(err, "BridgeInUse");
		hint_del(model->mirrors[i], err);
		return -EBUSY;
	}
	return 0;
}

int mirror_check_use(const struct model *model, const struct model_port *port, const char *field,
	const char *what, struct err *err)
{
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		const struct model_mirror *mirror = model->mirrors[i];

		if (!mirror || mirror->to != port)
			continue;
		if (mirror->conf.vlan && !strcmp(field, "bridge"))
			continue;
		(void)err_set_field(err, -EBUSY, field,
			"port '%s': gets the copies of mirror '%s', which excludes %s",
			port->conf.name, mirror->conf.name, what);
		err_name(err, "PortInUse");
		hint_del(mirror, err);
		return -EBUSY;
	}
	return 0;
}
