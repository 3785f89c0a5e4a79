#include "trace_ctl.h"

#include "frame_arg.h"
#include "trace.h"

#include "ctl_server.h"
#include "datapath/drop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *port_name(const struct vswitch *sw, uint16_t id)
{
	return id < MODEL_MAX_PORTS && sw->model.ports[id] ? sw->model.ports[id]->conf.name : NULL;
}

static void make_row(const struct vswitch *sw, const struct trace_step *step,
	struct ctl_trace_step *row)
{
	const char *name = port_name(sw, step->port_id), *at = port_name(sw, step->other_id);

	*row = (struct ctl_trace_step){0};
	CTL_SET(row, ctl_trace_step, hop, step->hops);
	CTL_SET(row, ctl_trace_step, step, step->kind);
	if (name) {
		const struct model_bridge *bridge = sw->model.ports[step->port_id]->bridge;

		CTL_SET_STR(row, ctl_trace_step, port, name);
		if (bridge)
			CTL_SET_STR(row, ctl_trace_step, bridge, bridge->conf.name);
	}
	if (step->stage)
		CTL_SET_STR(row, ctl_trace_step, stage, step->stage);
	CTL_SET(row, ctl_trace_step, result, step->result);
	if (step->result == CTL_TRACE_DROPPED)
		CTL_SET_STR(row, ctl_trace_step, reason, drop_infos[step->reason].name);
	if (at)
		CTL_SET_STR(row, ctl_trace_step, at, at);
	if (step->is_known) {
		CTL_SET(row, ctl_trace_step, vlan, step->tci & 0xfff);
		CTL_SET(row, ctl_trace_step, pcp, step->tci >> 13);
		CTL_SET(row, ctl_trace_step, tagged, step->is_tagged);
	}
	if (step->len)
		CTL_SET(row, ctl_trace_step, length, step->len);
	if (step->detail[0])
		CTL_SET_STR(row, ctl_trace_step, detail, step->detail);
}

/* The client is gone where one cannot be sent. */
static void send_rows(const struct vswitch *sw, struct ctl_call *call, const struct trace *trace)
{
	unsigned n, n_delivered, n_dropped, n_more = trace_more(trace, &n_delivered, &n_dropped);
	const struct trace_step *steps = trace_steps(trace, &n);
	struct ctl_trace_step row;

	for (unsigned i = 0; i < n; i++) {
		make_row(sw, &steps[i], &row);
		if (ctl_call_send(call, &row) < 0)
			return;
	}
	if (!n_more)
		return;
	row = (struct ctl_trace_step){0};
	CTL_SET(&row, ctl_trace_step, step, CTL_TRACE_MORE);
	CTL_SET(&row, ctl_trace_step, more, n_more);
	(void)snprintf(row.detail, sizeof(row.detail),
		"%u steps left out, in which it was delivered %u times and dropped %u times",
		n_more, n_delivered, n_dropped);
	CTL_MARK(&row, ctl_trace_step, detail);
	(void)ctl_call_send(call, &row);
}

int trace_ctl_run(const struct vswitch *sw, struct ctl_call *call, const struct ctl_trace *req,
	struct err *err)
{
	const struct model_port *port = model_port_get(&sw->model, req->port, "port", err);
	struct trace_input input = {.snapshot = worker_ctl_snapshot(sw->workers),
		.features = &sw->features,
		.tsc_hz = worker_tsc_hz(worker_ctl_pool(sw->workers))};
	uint8_t *bytes;
	struct trace *trace;
	int r;

	if (!port)
		return -ENOENT;
	bytes = malloc(CTL_TRACE_MAX_FRAME);
	if (!bytes)
		return err_set(err, -ENOMEM, "trace: out of memory");
	r = frame_arg_parse("trace", req->frame, bytes, err);
	if (r > 0) {
		input.port_id = port->id;
		input.bytes = bytes;
		input.len = (uint32_t)r;
		r = trace_run(&input, &trace);
		if (r < 0)
			(void)err_set(err, r, "trace: out of memory");
	}
	if (r == 0) {
		send_rows(sw, call, trace);
		trace_destroy(trace);
	}
	free(bytes);
	return r;
}
