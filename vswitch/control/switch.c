#include "switch.h"

#include "change.h"
#include "exporter.h"
#include "link.h"
#include "mirror_ctl.h"
#include "punt_ctl.h"
#include "requests.h"
#include "sflow_ctl.h"
#include "stats.h"

#include "ctl_field.h"
#include "ctl_server.h"
#include "feature/sflow/sflow.h"
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("switch");

#define SECOND_NS UINT64_C(1000000000)
/* Learned addresses written in one turn of the event loop: a quarter of a millisecond. */
#define SAVE_STEPS 128

uint32_t switch_now_s(void)
{
	return (uint32_t)(ev_now_ns() / SECOND_NS);
}

/* ---- Making the model so --------------------------------------------------------------------- */

static void publish(struct vswitch *sw)
{
	struct snapshot_input input = {.model = &sw->model, .features = &sw->features};

	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		struct model_port *port = sw->model.ports[i];

		if (!port)
			continue;
		port->dev_mtu = sw->ports[i].dev ? port_device_mtu(sw->ports[i].dev) : 0;
		if (sw->ports[i].dev)
			input.queues[i] = port_queues(sw->ports[i].dev);
	}
	memcpy(input.fdbs, sw->fdbs.tables, sizeof(input.fdbs));
	capture_ctl_update(&sw->captures, &sw->model);
	mirror_ctl_update(&sw->model);
	input.drops = capture_watch(sw->features.of[FEATURE_CAPTURE]);
	input.injects = inject_ctl_rows(&sw->injects, &sw->model);
	worker_ctl_publish(sw->workers, &input);
	if (inject_ctl_published(&sw->injects, &sw->model))
		worker_ctl_publish(sw->workers, &input);
	features_published(&sw->features);
}

static void report_carrier(struct vswitch *sw, struct model_port *port, bool up)
{
	const char *event = up ? "carrier-up" : "carrier-down";

	port->carrier = up;
	/* Its rings have left the snapshot: no more learn events come, and those that are waiting
	 * go first. */
	if (!up)
		worker_ctl_drain(sw->workers);
	if (!up && fdb_ctl_flush_port(&sw->fdbs, port, false) > 0)
		sw->fdb_changed = true;
	port_set_carrier(sw->ports[port->id].dev, up);
	monitor_report(&sw->monitor, "port", port->conf.name, event, "");
	if (port->link && port == port->link->ends[0])
		monitor_report(&sw->monitor, "link", port->link->conf.name, event, "");
}

void switch_apply(struct vswitch *sw)
{
	publish(sw);
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		struct model_port *port = sw->model.ports[i];
		bool up;

		if (!port || !sw->ports[i].dev)
			continue;
		up = link_port_carrier(port);
		if (up != port->carrier)
			report_carrier(sw, port, up);
	}
}

/* ---- Ports ----------------------------------------------------------------------------------- */

/* Only who uses them: what follows from it waits for the status (port.h, 3). */
static void on_port_queues(void *ctx, struct port *dev)
{
	struct switch_port *sp = ctx;
	const struct model_port *port = sp->sw->model.ports[sp->id];

	(void)dev;
	/* A port that is being made or unmade is in no snapshot. */
	if (!port || !sp->dev)
		return;
	publish(sp->sw);
}

static const char *state_event(enum ctl_conn_state state)
{
	switch (state) {
	case CTL_CONN_NEGOTIATING:
		return "connected";
	case CTL_CONN_RUNNING:
		return "running";
	case CTL_CONN_BROKEN:
		return "broken";
	case CTL_CONN_LISTENING:
	case CTL_CONN_CONNECTING:
		break;
	}
	return "disconnected";
}

static void on_port_status(void *ctx, struct port *dev)
{
	struct switch_port *sp = ctx;
	struct model_port *port = sp->sw->model.ports[sp->id];
	struct ctl_port status = {0};
	bool running;

	if (!port || !sp->dev)
		return;
	port_status(dev, &status);
	if (status.state != sp->state) {
		sp->state = status.state;
		log_write_limited(&sp->log, LOG_INFO, log_module, "port '%s': %s", port->conf.name,
			ctl_conn_states[status.state]);
		monitor_report(&sp->sw->monitor, "port", port->conf.name, state_event(sp->state),
			status.last_error);
	}
	running = port_is_running(dev);
	if (running != port->running) {
		port->running = running;
		switch_apply(sp->sw);
	}
}

/* The peer asks us to say that an address is behind this port now: move it there. */
static void on_port_announce(void *ctx, struct port *dev, const struct ether_addr48 *mac)
{
	struct switch_port *sp = ctx;
	const struct model_port *port = sp->sw->model.ports[sp->id];
	struct ctl_fdb req = {0};

	(void)dev;
	if (!port || !port->bridge)
		return;
	CTL_SET_STR(&req, ctl_fdb, bridge, port->bridge->conf.name);
	CTL_SET_STR(&req, ctl_fdb, port, port->conf.name);
	CTL_SET(&req, ctl_fdb, mac, *mac);
	CTL_SET(&req, ctl_fdb, type, CTL_FDB_DYNAMIC);
	/* An address that cannot be learned is no worse than one that was not announced. */
	if (fdb_ctl_add(&sp->sw->fdbs, &sp->sw->model, &req, switch_now_s(), NULL) == 0)
		sp->sw->fdb_changed = true;
}

static const struct port_events port_events = {
	.queues = on_port_queues,
	.status = on_port_status,
	.announce = on_port_announce,
};

static int try_open(struct vswitch *sw, const struct model_port *port, struct err *err)
{
	struct switch_port *sp = &sw->ports[port->id];
	struct ctl_port status = {0};
	struct port *dev;
	int r = port_create(sw->ev, &port->conf, &port_events, sp, &dev, err);

	if (r < 0)
		return r;
	sp->dev = dev;
	port_status(dev, &status);
	sp->state = status.state;
	return 0;
}

/* A new reason is worth a line in the log; the same one again is not. */
static void keep_waiting(struct switch_port *sp, const struct err *err)
{
	if (strncmp(sp->last_error, err->msg, sizeof(sp->last_error) - 1) != 0)
		log_warn("%s; trying again every %d s", err->msg, SWITCH_REOPEN_EVERY);
	ctl_copy_str(sp->last_error, sizeof(sp->last_error), err->msg);
}

int switch_port_open(struct vswitch *sw, const struct model_port *port, struct err *err)
{
	struct switch_port *sp = &sw->ports[port->id];
	int r;

	*sp = (struct switch_port){.sw = sw, .id = port->id, .state = CTL_CONN_CONNECTING};
	r = try_open(sw, port, err);
	if (r == 0 || !sw->is_restoring)
		return r;
	keep_waiting(sp, err);
	err_clear(err);
	return 0;
}

static void reopen_waiting_ports(struct vswitch *sw)
{
	bool is_any_open = false;

	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		const struct model_port *port = sw->model.ports[i];
		struct switch_port *sp = &sw->ports[i];
		struct err err = {0};

		if (!port || sp->dev)
			continue;
		if (try_open(sw, port, &err) < 0) {
			keep_waiting(sp, &err);
			continue;
		}
		sp->last_error[0] = '\0';
		is_any_open = true;
		log_notice("port '%s': waits no longer", port->conf.name);
	}
	if (is_any_open)
		switch_apply(sw);
}

void switch_port_status(const struct vswitch *sw, const struct model_port *port,
	struct ctl_port *ret_status)
{
	const struct switch_port *sp = &sw->ports[port->id];

	if (sp->shut_reason[0])
		CTL_SET_STR(ret_status, ctl_port, shut_reason, sp->shut_reason);
	if (sp->dev) {
		port_status(sp->dev, ret_status);
		return;
	}
	CTL_SET(ret_status, ctl_port, state, sp->state);
	CTL_SET(ret_status, ctl_port, rings, CTL_RING_NONE);
	CTL_SET(ret_status, ctl_port, queue_pairs, 0);
	CTL_SET(ret_status, ctl_port, connects, 0);
	CTL_SET_STR(ret_status, ctl_port, last_error, sp->last_error);
}

void switch_port_close(struct vswitch *sw, uint16_t port_id)
{
	struct switch_port *sp = &sw->ports[port_id];
	struct port *dev = sp->dev;
	struct dp_counters last;

	/* Its rings have left the snapshot: nothing counts any more. */
	switch_port_counters(sw, port_id, &last);
	stats_add(&sw->gone, &last);
	sp->dev = NULL;
	port_destroy(dev);
	/* Learn events and counters of the port that was must not become those of the next one. */
	worker_ctl_drain(sw->workers);
	worker_counters_clear(worker_ctl_pool(sw->workers), port_id);
	features_forget(&sw->features, port_id);
	inject_ctl_forget(&sw->injects, port_id);
}

int switch_inject(struct vswitch *sw, const struct model_port *port, bool is_egress,
	const uint8_t *bytes, uint32_t len, struct err *err)
{
	bool has_to_publish = false;
	int r;

	if (!port->conf.enabled) {
		(void)err_set(err, -ENETDOWN, "port '%s' is disabled: no frame comes in or leaves",
			port->conf.name);
		err_name(err, "PortDisabled");
		err_hint(err, "`netcfg port up %s` enables it", port->conf.name);
		return -ENETDOWN;
	}
	r = inject_ctl_add(&sw->injects, worker_ctl_count(sw->workers), port, is_egress, bytes, len,
		&has_to_publish, err);
	if (has_to_publish)
		publish(sw);
	return r;
}

void switch_port_counters(const struct vswitch *sw, uint16_t port_id, struct dp_counters *ret_sum)
{
	uint64_t missed = sw->ports[port_id].dev ? port_missed(sw->ports[port_id].dev) : 0;
	uint64_t in = features_discarded(&sw->features, port_id, false);
	uint64_t out = features_discarded(&sw->features, port_id, true);

	worker_counters(worker_ctl_pool(sw->workers), port_id, ret_sum);
	ret_sum->rx_frames += missed;
	ret_sum->drops[DROP_RX_HOST_FULL] += missed;
	ret_sum->released += in + out;
	ret_sum->drops[DROP_RX_DISCARDED] += in;
	ret_sum->drops[DROP_TX_DISCARDED] += out;
	inject_ctl_count(&sw->injects, port_id, ret_sum);
}

void switch_counters(const struct vswitch *sw, struct dp_counters *ret_sum)
{
	*ret_sum = sw->gone;
	for (uint16_t i = 0; i < MODEL_MAX_PORTS; i++) {
		struct dp_counters counters;

		if (!sw->model.ports[i])
			continue;
		switch_port_counters(sw, i, &counters);
		stats_add(ret_sum, &counters);
	}
}

/* ---- What frames did ------------------------------------------------------------------------- */

static void on_moved(void *ctx, const struct model_bridge *bridge, uint16_t vid, uint64_t mac48,
	const struct model_port *from, const struct model_port *to)
{
	struct vswitch *sw = ctx;
	struct ctl_event event = {0};

	CTL_SET_STR(&event, ctl_event, object, "fdb");
	CTL_SET_STR(&event, ctl_event, name, bridge->conf.name);
	CTL_SET_STR(&event, ctl_event, event, "moved");
	CTL_SET(&event, ctl_event, vlan, vid);
	CTL_SET(&event, ctl_event, mac, ether_addr_from_u64(mac48));
	CTL_SET_STR(&event, ctl_event, port, to->conf.name);
	if (from)
		CTL_SET_STR(&event, ctl_event, from, from->conf.name);
	monitor_report_traffic(&sw->monitor, &event);
}

/* Once a second and port: it happens with each of its frames. */
static void on_limited(void *ctx, const struct model_port *port)
{
	struct vswitch *sw = ctx;
	struct ctl_event event = {0};

	if (sw->ports[port->id].limit_reported)
		return;
	sw->ports[port->id].limit_reported = true;
	CTL_SET_STR(&event, ctl_event, object, "port");
	CTL_SET_STR(&event, ctl_event, name, port->conf.name);
	CTL_SET_STR(&event, ctl_event, event, "address-limit");
	CTL_SET_STR(&event, ctl_event, detail,
		"fdb_max of the port or its bridge: further addresses are not learned");
	monitor_report_traffic(&sw->monitor, &event);
}

/* ---- Features -------------------------------------------------------------------------------- */

/* As if somebody had asked for it: saved, and enabled again by whoever says so. */
static void shut_port(struct vswitch *sw, struct model_port *port, const char *why)
{
	struct switch_port *sp = &sw->ports[port->id];
	struct ctl_port req = {0};
	struct err err = {0};

	if (!port->conf.enabled)
		return;
	CTL_SET_STR(&req, ctl_port, name, port->conf.name);
	CTL_SET(&req, ctl_port, enabled, false);
	if (change_apply(sw, "PortSet", &req, NULL, &err) < 0) {
		log_err("%s", err.msg);
		return;
	}
	ctl_copy_str(sp->shut_reason, sizeof(sp->shut_reason), why);
	log_write_limited(&sp->log, LOG_WARN, log_module, "port '%s': %s", port->conf.name, why);
}

static void report_features(struct vswitch *sw)
{
	for (uint16_t i = 0; i < MODEL_MAX_PORTS; i++) {
		struct model_port *port = sw->model.ports[i];
		struct feature_event event;

		while (port && features_event(&sw->features, i, &event)) {
			if (event.shuts && !port->conf.enabled)
				continue; /* the rest of what came until then */
			monitor_report(&sw->monitor, "port", port->conf.name, event.name,
				event.detail);
			if (event.shuts)
				shut_port(sw, port, event.detail);
		}
	}
}

/* ---- Workers --------------------------------------------------------------------------------- */

static void on_control_wakeup(void *ctx, const struct learn_event *events, unsigned n_events)
{
	struct vswitch *sw = ctx;

	if (n_events > 0) {
		uint64_t n_limited = sw->fdbs.n_limited;

		if (fdb_ctl_learn(&sw->fdbs, &sw->model, events, n_events, switch_now_s()) > 0)
			sw->fdb_changed = true;
		if (sw->fdbs.n_limited != n_limited)
			log_notice_ratelimited(
				"learn limit reached, refused=%llu, their frames flood",
				(unsigned long long)sw->fdbs.n_limited);
		return;
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		if (sw->model.ports[i] && sw->ports[i].dev)
			port_check(sw->ports[i].dev);
	}
	report_features(sw);
	sflow_flush(sw->features.of[FEATURE_SFLOW]);
}

/* ---- What is kept over a restart ------------------------------------------------------------- */

static void save_vlan_names(struct vswitch *sw, const struct model_bridge *bridge)
{
	struct ctl_vlan vlan;

	for (unsigned i = 0; i < bridge->n_vlan_names; i++) {
		const struct model_vlan_name *name = &bridge->vlan_names[i];

		vlan = (struct ctl_vlan){0};
		CTL_SET_STR(&vlan, ctl_vlan, bridge, bridge->conf.name);
		vlan_set_add(&vlan.vlans, name->vid, name->vid);
		CTL_MARK(&vlan, ctl_vlan, vlans);
		CTL_SET_STR(&vlan, ctl_vlan, name, name->name);
		state_put(sw->state, "VlanSet", &vlan);
	}
}

static void begin_fdb(struct fdb_saving *saving, enum ctl_fdb_type type, unsigned max)
{
	*saving = (struct fdb_saving){.type = type, .n_left = max};
}

/* Begin with the addresses of the bridge that it is the turn of. False: there is none. */
static bool open_fdb(struct vswitch *sw, struct fdb_saving *saving)
{
	const struct model_bridge *bridge = sw->model.bridges[saving->bridge_id];
	struct ctl_fdb filter = {0};

	if (!bridge)
		return false;
	CTL_SET_STR(&filter, ctl_fdb, bridge, bridge->conf.name);
	CTL_SET(&filter, ctl_fdb, type, saving->type);
	return fdb_list_begin(&sw->fdbs, &sw->model, &filter, &saving->list, NULL) == 0;
}

/* Put some addresses. True: there are more. */
static bool put_fdb(struct vswitch *sw, struct fdb_saving *saving, unsigned n_steps)
{
	for (; saving->bridge_id < MODEL_MAX_BRIDGES && saving->n_left > 0; n_steps--) {
		struct ctl_fdb row;
		int r = 0;

		if (n_steps == 0)
			return true;
		if (!saving->is_open)
			saving->is_open = open_fdb(sw, saving);
		if (saving->is_open)
			r = fdb_list_next(&saving->list, &sw->fdbs, &sw->model, switch_now_s(),
				&row, NULL);
		if (r == 1) {
			state_put(sw->state, "FdbAdd", &row);
			saving->n_left--;
		} else if (r <= 0) {
			saving->is_open = false;
			saving->bridge_id++;
		}
	}
	return false;
}

/* Up to n_steps addresses are written; the rest a millisecond later. */
static void save_some_learned(struct vswitch *sw, unsigned n_steps)
{
	if (put_fdb(sw, &sw->saving, n_steps)) {
		ev_timer_set(sw->save_timer, SECOND_NS / 1000, 0);
		return;
	}
	if (sw->saving.n_left == 0)
		log_debug("kept the first %u learned addresses", SWITCH_FDB_SAVED);
	sw->is_saving = false;
	/* A failure was logged, and the old file goes on. */
	(void)state_end(sw->state);
}

static void on_save_timer(void *ctx)
{
	struct vswitch *sw = ctx;

	if (sw->is_saving)
		save_some_learned(sw, SAVE_STEPS);
}

static void save_learned(struct vswitch *sw)
{
	if (!sw->state || !sw->fdb_changed || sw->is_saving)
		return;
	sw->fdb_changed = false;
	sw->is_saving = true;
	state_begin(sw->state, STATE_FDB);
	begin_fdb(&sw->saving, CTL_FDB_DYNAMIC, SWITCH_FDB_SAVED);
	save_some_learned(sw, SAVE_STEPS);
}

/* One file is written at a time. */
static void finish_saving(struct vswitch *sw)
{
	if (sw->is_saving)
		save_some_learned(sw, UINT_MAX);
}

/* A link, and what its own ports are set to. */
static void save_link(struct vswitch *sw, const struct model_link *link)
{
	state_put(sw->state, "LinkAdd", &link->conf);
	for (unsigned i = 0; i < 2; i++) {
		struct ctl_port set = {0};

		if (link->ends[i]->conf.type != CTL_PORT_PATCH)
			continue;
		ctl_merge(&ctl_port_schema, &set, &link->ends[i]->conf,
			ctl_fields(&ctl_port_schema, CTL_ACCESS_OPT) | CTL_BIT(ctl_port, name));
		state_put(sw->state, "PortSet", &set);
	}
}

static void save_config(struct vswitch *sw)
{
	const struct model *model = &sw->model;
	struct fdb_saving statics;

	if (!sw->state)
		return;
	finish_saving(sw);
	state_begin(sw->state, STATE_CONFIG);
	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		if (!model->bridges[i])
			continue;
		state_put(sw->state, "BridgeAdd", &model->bridges[i]->conf);
		save_vlan_names(sw, model->bridges[i]);
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		if (model->ports[i] && model->ports[i]->conf.type != CTL_PORT_PATCH)
			state_put(sw->state, "PortAdd", &model->ports[i]->conf);
	}
	for (unsigned i = 0; i < MODEL_MAX_LINKS; i++) {
		if (model->links[i])
			save_link(sw, model->links[i]);
	}
	for (unsigned i = 0; i < MODEL_MAX_MIRRORS; i++) {
		if (model->mirrors[i])
			state_put(sw->state, "MirrorAdd", &model->mirrors[i]->conf);
	}
	sflow_ctl_save(sw);
	begin_fdb(&statics, CTL_FDB_STATIC, UINT_MAX);
	(void)put_fdb(sw, &statics, UINT_MAX);
	/* A failure was logged, and the old file goes on. */
	(void)state_end(sw->state);
}

static int apply_saved(void *ctx, const struct ctl_method *method, const void *in, struct err *err)
{
	return change_apply(ctx, method->name, in, NULL, err);
}

static int restore(struct vswitch *sw, const char *dir, struct err *err)
{
	struct state *state;
	int n, n_learned, r = state_open(dir, &ctl_vswitch_interface, &state, err);

	if (r < 0)
		return r;
	/* Not sw->state yet: what is restored need not be saved again one by one. */
	sw->is_restoring = true;
	n = state_restore(state, STATE_CONFIG, apply_saved, sw);
	n_learned = n < 0 ? 0 : state_restore(state, STATE_FDB, apply_saved, sw);
	sw->is_restoring = false;
	if (n < 0 || n_learned < 0) {
		r = n < 0 ? n : n_learned;
		state_close(state);
		return err_set(err, r, "state '%s': cannot read: %s", dir, strerror(-r));
	}
	sw->state = state;
	if (n > 0)
		log_notice("restored, bridges=%u, ports=%u, links=%u, addresses=%d",
			sw->model.n_bridges, sw->model.n_ports, sw->model.n_links, n_learned);
	save_config(sw);
	return 0;
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

/* A large table is swept in slices, between which requests and learn events are served. */
static void age(void *ctx)
{
	struct vswitch *sw = ctx;

	if (fdb_ctl_age(&sw->fdbs, &sw->model, switch_now_s()) > 0)
		sw->fdb_changed = true;
	if (sw->fdbs.is_ageing)
		ev_timer_set(sw->age_timer, SECOND_NS / 1000, 0);
}

static void tick_ports(struct vswitch *sw)
{
	for (uint16_t i = 0; i < MODEL_MAX_PORTS; i++) {
		struct dp_counters counters;

		if (!sw->model.ports[i])
			continue;
		sw->ports[i].limit_reported = false;
		switch_port_counters(sw, i, &counters);
		port_rates_add(&sw->ports[i].rates, &counters, ev_now_ns());
	}
}

static void on_tick(void *ctx)
{
	struct vswitch *sw = ctx;
	bool has_changed;

	monitor_tick(&sw->monitor);
	tick_ports(sw);
	/* A sweep that takes longer than a second goes on instead. */
	if (!sw->fdbs.is_ageing)
		age(sw);
	/* All have their turn. */
	has_changed = features_tick(&sw->features);
	has_changed |= inject_ctl_tick(&sw->injects);
	has_changed |= worker_ctl_tick(sw->workers, ev_now_ns());
	if (has_changed)
		publish(sw);
	report_features(sw);
	sflow_ctl_tick(sw);
	sw->n_ticks++;
	if (!sw->state)
		return;
	if (sw->n_ticks % SWITCH_REOPEN_EVERY == 0)
		reopen_waiting_ports(sw);
	if (state_is_long(sw->state))
		save_config(sw);
	state_sync(sw->state);
	if (sw->n_ticks % SWITCH_FDB_SAVE_EVERY == 0)
		save_learned(sw);
}

int switch_create(struct ev *ev, const struct switch_params *params, struct vswitch **ret_sw,
	struct err *err)
{
	struct vswitch *sw = calloc(1, sizeof(*sw));
	const struct worker_ctl_params workers = {
		.n_workers = params->n_workers,
		.cpus = params->cpus[0] < 0 ? NULL : params->cpus,
		.busy = params->busy,
		.rebalance_s = params->rebalance_s,
		.on_wakeup = on_control_wakeup,
		.on_punt = punt_ctl_dispatch,
		.ctx = sw,
	};
	int r;

	if (!sw)
		return err_set(err, -ENOMEM, "switch: out of memory");
	sw->ev = ev;
	sw->start_ns = ev_now_ns();
	model_init(&sw->model);
	monitor_init(&sw->monitor);
	sw->fdbs.events = (struct fdb_ctl_events){on_moved, on_limited, sw};
	r = features_create(&sw->features, params->hold_budget);
	if (r < 0)
		(void)err_set(err, r, "switch: out of memory");
	if (r == 0)
		r = worker_ctl_start(ev, &workers, &sw->workers, err);
	if (r < 0)
		goto fail;
	publish(sw);
	r = ev_add_timer(ev, on_tick, sw, &sw->tick);
	if (r == 0)
		r = ev_add_timer(ev, age, sw, &sw->age_timer);
	if (r == 0)
		r = ev_add_timer(ev, on_save_timer, sw, &sw->save_timer);
	if (r < 0) {
		(void)err_set(err, r, "timer: %s", strerror(-r));
		goto fail;
	}
	ev_timer_set(sw->tick, SECOND_NS, SECOND_NS);
	if (params->state_dir) {
		r = restore(sw, params->state_dir, err);
		if (r < 0)
			goto fail;
	}
	/* Last: who can connect finds a switch that is complete. */
	if (params->metrics)
		r = exporter_create(sw, params->metrics, &sw->exporter, err);
	if (r == 0)
		r = requests_serve(sw, params->control_path, &sw->server, err);
	if (r < 0)
		goto fail;
	*ret_sw = sw;
	return 0;
fail:
	switch_destroy(sw);
	return r;
}

void switch_destroy(struct vswitch *sw)
{
	if (!sw)
		return;
	monitor_done(&sw->monitor);
	ctl_server_destroy(sw->server);
	exporter_destroy(sw->exporter);
	finish_saving(sw); /* what was learned since it began is in the next */
	save_learned(sw);
	save_config(sw);
	state_close(sw->state);
	ev_del(sw->tick);
	ev_del(sw->age_timer);
	ev_del(sw->save_timer);
	worker_ctl_stop(sw->workers);
	features_destroy(&sw->features);
	inject_ctl_done(&sw->injects);
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		struct port *dev = sw->ports[i].dev;

		sw->ports[i].dev = NULL; /* deaf to its last events: there are no workers */
		port_destroy(dev);
	}
	fdb_ctl_done(&sw->fdbs);
	model_done(&sw->model);
	free(sw);
}
