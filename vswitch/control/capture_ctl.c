#include "capture_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANY "any"

/* ---- Names ----------------------------------------------------------------------------------- */

/* The next of names; false: there is none. They were cut to what a name may have at most. */
static bool next_name(const char **names, char ret[CTL_NAME_MAX + 65])
{
	size_t len;

	*names += strspn(*names, " ");
	len = strcspn(*names, " ");
	if (!len)
		return false;
	(void)snprintf(ret, CTL_NAME_MAX + 65, "%.*s", (int)len, *names);
	*names += len;
	return true;
}

static int check_names(const struct model *model, const char *names, struct err *err)
{
	char name[CTL_NAME_MAX + 65];
	unsigned n = 0;

	for (; next_name(&names, name); n++) {
		if (!strcmp(name, ANY) || model_port_find(model, name) ||
			model_link_find(model, name) || model_bridge_find(model, name))
			continue;
		(void)err_set_field(err, -ENOENT, "names",
			"capture: '%s' is no port, link or bridge", name);
		err_hint(err, "`netcfg port show` lists ports, and `netcfg capture any` means all");
		return -ENOENT;
	}
	return n ? 0 : err_set_field(err, -EINVAL, "names", "capture: no port is named");
}

/* Which frames of a port such a name is about. */
static uint16_t takes_by(const struct capture_run *run, const char *name,
	const struct model_port *port)
{
	static const uint16_t by_dir[] = {[CTL_CAPTURE_BOTH] = CAPTURE_TAKES_IN | CAPTURE_TAKES_OUT,
		[CTL_CAPTURE_IN] = CAPTURE_TAKES_IN,
		[CTL_CAPTURE_OUT] = CAPTURE_TAKES_OUT};

	if (!strcmp(name, port->conf.name))
		return by_dir[run->has_dir ? run->dir : CTL_CAPTURE_BOTH];
	if (!strcmp(name, ANY) || (port->link && !strcmp(name, port->link->conf.name)) ||
		(port->bridge && !strcmp(name, port->bridge->conf.name)))
		return by_dir[run->has_dir       ? run->dir
			      : run->takes_drops ? CTL_CAPTURE_BOTH
						 : CTL_CAPTURE_IN];
	return 0;
}

static uint16_t takes_of(const struct capture_run *run, const struct model_port *port)
{
	const char *names = run->names;
	char name[CTL_NAME_MAX + 65];
	uint16_t takes = 0;

	while (next_name(&names, name))
		takes |= takes_by(run, name, port);
	return takes;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static void describe(const struct model_port *port, char *text, size_t size)
{
	const char *type = ctl_port_types[port->conf.type];

	if (port->link)
		(void)snprintf(text, size, "%s port on link %s", type, port->link->conf.name);
	else if (port->bridge)
		(void)snprintf(text, size, "%s port of bridge %s", type, port->bridge->conf.name);
	else
		(void)snprintf(text, size, "%s port", type);
}

static void update(const struct capture_run *run, const struct model *model)
{
	for (uint16_t id = 0; id < MODEL_MAX_PORTS; id++) {
		const struct model_port *port = model->ports[id];
		const char *covered = capture_covers(run->capture, id);
		uint16_t takes = port ? takes_of(run, port) : 0;
		char description[sizeof(((struct capture_point *)0)->description)];

		if (covered && takes && !strcmp(covered, port->conf.name))
			continue;
		if (covered)
			capture_uncover(run->capture, id);
		if (!takes)
			continue;
		describe(port, description, sizeof(description));
		/* One that has had as many ports as there can be goes on with what it has. */
		(void)capture_cover(run->capture, id, takes, port->conf.name, description);
	}
}

void capture_ctl_update(struct capture_ctl *captures, const struct model *model)
{
	for (unsigned i = 0; i < captures->n; i++)
		update(&captures->runs[i], model);
}

/* ---- Captures -------------------------------------------------------------------------------- */

int capture_ctl_start(struct capture_ctl *captures, void *feature, const struct model *model,
	struct ctl_call *call, const struct ctl_capture *req, struct capture **ret_capture,
	struct err *err)
{
	const struct capture_params params = {
		.filter = CTL_HAS(req, ctl_capture, filter) ? req->filter : NULL,
		.size = CTL_HAS(req, ctl_capture, buffer) ? req->buffer : CTL_CAPTURE_BUFFER,
		.snaplen = CTL_HAS(req, ctl_capture, snaplen) ? req->snaplen : CTL_CAPTURE_SNAPLEN,
		.is_raw = req->raw,
		.takes_drops = req->drops,
	};
	struct capture_run *run;
	int r = check_names(model, req->names, err);

	if (r == 0)
		r = capture_start(feature, &params, ret_capture, err);
	if (r < 0)
		return r;
	/* There are no more than the feature has. */
	run = &captures->runs[captures->n++];
	*run = (struct capture_run){.call = call,
		.capture = *ret_capture,
		.has_dir = CTL_HAS(req, ctl_capture, dir),
		.takes_drops = req->drops,
		.dir = req->dir};
	ctl_copy_str(run->names, sizeof(run->names), req->names);
	return 0;
}

const char *capture_ctl_names(const struct capture_ctl *captures, const struct ctl_call *call)
{
	for (unsigned i = 0; i < captures->n; i++) {
		if (captures->runs[i].call == call)
			return captures->runs[i].names;
	}
	return NULL;
}

void capture_ctl_stop(struct capture_ctl *captures, void *feature, const struct ctl_call *call)
{
	for (unsigned i = 0; i < captures->n; i++) {
		struct capture_run *run = &captures->runs[i];

		if (run->call != call)
			continue;
		capture_stop(feature, run->capture);
		*run = captures->runs[--captures->n];
		return;
	}
}
