#include "requests.h"

#include "change.h"
#include "feature/sflow/sflow.h"
#include "feature/shaper/shaper.h"
#include "frame_arg.h"
#include "rows.h"
#include "stats.h"
#include "trace_ctl.h"
#include "vlan.h"

#include "ctl_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Changes --------------------------------------------------------------------------------- */

static int handle_change(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	return change_apply(ctx, ctl_call_method(call)->name, in, out, err);
}

/* ---- Showing --------------------------------------------------------------------------------- */

/*
 * Lists are pulled row by row, as the client reads them (ctl_call_rows()): a list is as long as the
 * configuration makes it, and a client that reads slowly gets all of it. What is added or removed
 * meanwhile may be in the list or not; each row is true when it is made.
 */
struct show {
	const struct vswitch *sw;
	struct ctl_ref ref;   /* of objects that have a name: the one, or all */
	struct ctl_vlan vlan; /* of VLANs */
	struct vlan_list vlans;
	unsigned at;   /* id of the next object */
	unsigned part; /* the next row of that one, where it has several */
};

/* Answer with the rows that next() makes, from a copy of `from` on. */
static int show_rows(struct ctl_call *call, const struct show *from, ctl_next_fn *next,
	struct err *err)
{
	struct show *show = malloc(sizeof(*show));

	if (!show)
		return err_set(err, -ENOMEM, "list: out of memory");
	*show = *from;
	return ctl_call_rows(call, next, free, show);
}

static int show_named(struct ctl_call *call, const struct vswitch *sw, const struct ctl_ref *ref,
	ctl_next_fn *next, struct err *err)
{
	return show_rows(call, &(struct show){.sw = sw, .ref = *ref}, next, err);
}

/* Is an object of that name asked for? */
static bool is_wanted(const struct ctl_ref *ref, const char *name)
{
	return !CTL_HAS(ref, ctl_ref, name) || !strcmp(ref->name, name);
}

static int handle_switch_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	rows_switch(ctx, out);
	return 0;
}

static int handle_worker_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;

	for (unsigned i = 0; i < worker_ctl_count(sw->workers); i++) {
		struct ctl_worker row;

		worker_ctl_row(sw->workers, i, &row);
		if (ctl_call_send(call, &row) < 0)
			return 0;
	}
	return 0;
}

static int next_bridge_row(void *state, void *out, struct err *err)
{
	struct show *show = state;

	while (show->at < MODEL_MAX_BRIDGES) {
		const struct model_bridge *bridge = show->sw->model.bridges[show->at++];

		if (!bridge || !is_wanted(&show->ref, bridge->conf.name))
			continue;
		rows_bridge(show->sw, bridge, out);
		return 1;
	}
	return 0;
}

static int handle_bridge_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	const struct ctl_ref *ref = in;

	if (CTL_HAS(ref, ctl_ref, name) && !ref->missing_ok &&
		!model_bridge_get(&sw->model, ref->name, "name", err))
		return -ENOENT;
	return show_named(call, sw, ref, next_bridge_row, err);
}

/* Of a port that is asked for by name there must be one. */
static int check_port_ref(const struct vswitch *sw, const struct ctl_ref *ref, struct err *err)
{
	if (!CTL_HAS(ref, ctl_ref, name) || ref->missing_ok ||
		model_port_get(&sw->model, ref->name, "name", err))
		return 0;
	return -ENOENT;
}

/* The port whose turn it is; NULL: there is none any more. */
static const struct model_port *next_port(struct show *show)
{
	for (; show->at < MODEL_MAX_PORTS; show->at++, show->part = 0) {
		const struct model_port *port = show->sw->model.ports[show->at];

		if (port && is_wanted(&show->ref, port->conf.name))
			return port;
	}
	return NULL;
}

static int next_port_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port = next_port(show);

	if (!port)
		return 0;
	show->at++;
	rows_port(show->sw, port, out);
	return 1;
}

static int handle_port_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_port_row, err);
}

static int next_stats_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port = next_port(show);
	struct dp_counters counters;

	if (!port)
		return 0;
	show->at++;
	switch_port_counters(show->sw, port->id, &counters);
	stats_port_row(port->conf.name, &counters, out);
	return 1;
}

static int handle_port_stats(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_stats_row, err);
}

static int next_rates_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port = next_port(show);

	if (!port)
		return 0;
	show->at++;
	port_rates_row(port->conf.name, &show->sw->ports[port->id].rates, out);
	return 1;
}

static int handle_port_rates(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_rates_row, err);
}

static int next_size_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port;

	for (; (port = next_port(show)); show->at++, show->part = 0) {
		if (rows_port_size(show->sw, port, show->part, out)) {
			show->part++;
			return 1;
		}
	}
	return 0;
}

static int handle_port_sizes(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_size_row, err);
}

static int next_rx_queue_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port;

	for (; (port = next_port(show)); show->at++, show->part = 0) {
		if (rows_port_rx_queue(show->sw, port, show->part, out)) {
			show->part++;
			return 1;
		}
	}
	return 0;
}

static int handle_port_rx_queues(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_rx_queue_row, err);
}

static int next_vlan_count_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port;

	for (; (port = next_port(show)); show->at++, show->part = 0) {
		if (rows_port_vlan(show->sw, port, &show->part, out))
			return 1;
	}
	return 0;
}

static int handle_port_vlans(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_vlan_count_row, err);
}

static int next_drop_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port;

	for (; (port = next_port(show)); show->at++, show->part = 0) {
		struct dp_counters counters;

		switch_port_counters(show->sw, port->id, &counters);
		if (stats_drop_next(port->conf.name, &counters, &show->part, out))
			return 1;
	}
	return 0;
}

static int handle_port_drops(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_drop_row, err);
}

static int next_queue_row(void *state, void *out, struct err *err)
{
	struct show *show = state;
	const struct model_port *port;

	for (; (port = next_port(show)); show->at++, show->part = 0) {
		struct ctl_port_queue *row = out;

		if (!shaper_row(show->sw->features.of[FEATURE_SHAPER], port->id, show->part, row))
			continue;
		CTL_SET_STR(row, ctl_port_queue, name, port->conf.name);
		show->part++;
		return 1;
	}
	return 0;
}

static int handle_port_queues(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	int r = check_port_ref(ctx, in, err);

	return r < 0 ? r : show_named(call, ctx, in, next_queue_row, err);
}

static int next_vlan_row(void *state, void *out, struct err *err)
{
	struct show *show = state;

	return vlan_next(&show->sw->model, &show->vlan, &show->vlans, out);
}

static int handle_vlan_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	const struct ctl_vlan *filter = in;

	if (CTL_HAS(filter, ctl_vlan, bridge) &&
		!model_bridge_get(&sw->model, filter->bridge, "bridge", err))
		return -ENOENT;
	if (CTL_HAS(filter, ctl_vlan, port) &&
		!model_port_get(&sw->model, filter->port, "port", err))
		return -ENOENT;
	return show_rows(call, &(struct show){.sw = sw, .vlan = *filter}, next_vlan_row, err);
}

struct fdb_pull {
	const struct vswitch *sw;
	struct fdb_list list;
};

static int next_fdb_row(void *state, void *row, struct err *err)
{
	struct fdb_pull *pull = state;

	return fdb_list_next(&pull->list, &pull->sw->fdbs, &pull->sw->model, switch_now_s(), row,
		err);
}

static int handle_fdb_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	struct fdb_pull *pull = calloc(1, sizeof(*pull));
	int r;

	if (!pull)
		return err_set(err, -ENOMEM, "fdb: out of memory");
	pull->sw = sw;
	r = fdb_list_begin(&sw->fdbs, &sw->model, in, &pull->list, err);
	if (r < 0) {
		free(pull);
		return r;
	}
	return ctl_call_rows(call, next_fdb_row, free, pull);
}

static int next_link_row(void *state, void *out, struct err *err)
{
	struct show *show = state;

	while (show->at < MODEL_MAX_LINKS) {
		const struct model_link *link = show->sw->model.links[show->at++];

		if (!link || !is_wanted(&show->ref, link->conf.name))
			continue;
		rows_link(show->sw, link, out);
		return 1;
	}
	return 0;
}

static int handle_link_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	struct ctl_ref ref = *(const struct ctl_ref *)in;

	if (CTL_HAS(&ref, ctl_ref, name)) {
		const struct model_link *link =
			ref.missing_ok ? model_link_find_by_end(&sw->model, ref.name)
				       : model_link_get(&sw->model, ref.name, "name", err);

		if (!link)
			return ref.missing_ok ? 0 : -ENOENT;
		CTL_SET_STR(&ref, ctl_ref, name,
			link->conf.name); /* it may be the name of an end */
	}
	return show_named(call, sw, &ref, next_link_row, err);
}

static int next_mirror_row(void *state, void *out, struct err *err)
{
	struct show *show = state;

	while (show->at < MODEL_MAX_MIRRORS) {
		const struct model_mirror *mirror = show->sw->model.mirrors[show->at++];

		if (!mirror || !is_wanted(&show->ref, mirror->conf.name))
			continue;
		rows_mirror(mirror, out);
		return 1;
	}
	return 0;
}

static int handle_mirror_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	const struct ctl_ref *ref = in;

	if (CTL_HAS(ref, ctl_ref, name) && !ref->missing_ok &&
		!model_mirror_get(&sw->model, ref->name, "name", err))
		return -ENOENT;
	return show_named(call, sw, ref, next_mirror_row, err);
}

static int handle_monitor(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	struct vswitch *sw = ctx;

	if (monitor_subscribe(&sw->monitor, call) < 0)
		return err_set(err, -ENOSPC,
			"monitor: %u clients listen already, the most there are",
			CTL_MAX_CONNECTIONS);
	return CTL_PENDING;
}

static int handle_sflow_show(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	const struct vswitch *sw = ctx;
	struct ctl_sflow row;

	sflow_row(sw->features.of[FEATURE_SFLOW], &row);
	(void)ctl_call_send(call, &row);
	return 0;
}

/* ---- Capturing ------------------------------------------------------------------------------- */

/* That somebody looks is for everybody to see. */
static void report_capture(struct vswitch *sw, const struct ctl_call *call, const char *event)
{
	const char *names = capture_ctl_names(&sw->captures, call);

	if (names)
		monitor_report(&sw->monitor, "capture", names, event, "");
}

static void end_capture(void *ctx, struct ctl_call *call)
{
	struct vswitch *sw = ctx;

	report_capture(sw, call, "ended");
	capture_ctl_stop(&sw->captures, sw->features.of[FEATURE_CAPTURE], call);
	switch_apply(sw);
}

static int handle_capture(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	struct vswitch *sw = ctx;
	struct ctl_capture_ring row = {0};
	struct capture_handle handle;
	struct capture *capture;
	int r = capture_ctl_start(&sw->captures, sw->features.of[FEATURE_CAPTURE], &sw->model, call,
		in, &capture, err);

	if (r < 0)
		return r;
	switch_apply(sw);
	report_capture(sw, call, "began");
	handle = capture_handle(capture);
	CTL_SET(&row, ctl_capture_ring, size, handle.size);
	CTL_SET(&row, ctl_capture_ring, tsc_hz, worker_tsc_hz(worker_ctl_pool(sw->workers)));
	r = ctl_call_send_fds(call, &row, (const int[]){handle.memory_fd, handle.event_fd}, 2);
	if (r < 0) {
		end_capture(sw, call);
		return err_set(err, r, "capture: cannot hand it over: %s", strerror(-r));
	}
	ctl_call_on_close(call, end_capture, sw);
	return CTL_PENDING;
}

/* ---- Tracing --------------------------------------------------------------------------------- */

static int handle_trace(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	return trace_ctl_run(ctx, call, in, err);
}

/* ---- Injecting ------------------------------------------------------------------------------- */

static int handle_inject(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err)
{
	struct vswitch *sw = ctx;
	const struct ctl_inject *req = in;
	const struct model_port *port = model_port_get(&sw->model, req->port, "port", err);
	uint8_t bytes[CTL_TRACE_MAX_FRAME];
	int len;

	if (!port)
		return -ENOENT;
	len = frame_arg_parse("inject", req->frame, bytes, err);
	if (len < 0)
		return len;
	return switch_inject(sw, port, req->dir == CTL_INJECT_OUT, bytes, (uint32_t)len, err);
}

/* ---------------------------------------------------------------------------------------------- */

/* Those that change no configuration. */
static const struct ctl_handler others[] = {
	{"SwitchShow", handle_switch_show},
	{"WorkerShow", handle_worker_show},
	{"BridgeShow", handle_bridge_show},
	{"PortShow", handle_port_show},
	{"PortStats", handle_port_stats},
	{"PortRates", handle_port_rates},
	{"PortSizes", handle_port_sizes},
	{"PortRxQueues", handle_port_rx_queues},
	{"PortVlans", handle_port_vlans},
	{"PortDrops", handle_port_drops},
	{"PortQueues", handle_port_queues},
	{"VlanShow", handle_vlan_show},
	{"FdbShow", handle_fdb_show},
	{"LinkShow", handle_link_show},
	{"MirrorShow", handle_mirror_show},
	{"SflowShow", handle_sflow_show},
	{"Monitor", handle_monitor},
	{"Capture", handle_capture},
	{"Trace", handle_trace},
	{"Inject", handle_inject},
};
#define N_OTHERS (sizeof(others) / sizeof(others[0]))

int requests_serve(struct vswitch *sw, const char *path, struct ctl_server **ret_server,
	struct err *err)
{
	const struct ctl_interface *iface = &ctl_vswitch_interface;
	struct ctl_handler *handlers = calloc(N_OTHERS + iface->n_methods, sizeof(*handlers));
	unsigned n = N_OTHERS;
	int r;

	if (!handlers)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(handlers, others, sizeof(others));
	for (unsigned i = 0; i < iface->n_methods; i++) {
		if (change_is_known(iface->methods[i].name))
			handlers[n++] = (struct ctl_handler){iface->methods[i].name, handle_change};
	}
	r = ctl_server_create(sw->ev, path, iface, handlers, n, sw, ret_server, err);
	free(handlers);
	return r;
}
