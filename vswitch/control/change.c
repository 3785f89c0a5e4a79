#include "change.h"

#include "bridge.h"
#include "conf.h"
#include "link.h"
#include "mirror_ctl.h"
#include "port.h"
#include "sflow_ctl.h"
#include "vlan.h"

#include "feature/count/count.h"
#include "feature/impair/impair.h"
#include "feature/mirror/mirror.h"
#include "feature/pacing/pacing.h"
#include "feature/policer/policer.h"
#include "feature/shaper/shaper.h"
#include "feature/storm/storm.h"
#include "pci_bind.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "port_type.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef int change_fn(struct vswitch *sw, const void *in, void *out, struct err *err);

static void report_event(struct vswitch *sw, const char *object, const char *name,
	const char *event)
{
	monitor_report(&sw->monitor, object, name, event, "");
}

/* conf takes the place of old. */
static void report_change(struct vswitch *sw, const char *object, const struct ctl_struct *schema,
	const char *name, const void *old, const void *conf)
{
	char detail[sizeof(((struct ctl_event *)0)->detail)];

	monitor_report(&sw->monitor, object, name, "changed",
		conf_format_change(schema, old, conf, detail, sizeof(detail)));
}

/* ---- Impairments ----------------------------------------------------------------------------- */

/* One direction of a link or port: what it was (NULL: new) and what it is to be. */
struct impaired {
	const char *name;
	const struct ctl_impair *was, *settings;
	uint16_t port_id;
	bool is_egress;
};

/* What a change of both directions needs. */
struct impairing {
	void *state; /* of the feature */
	struct impair_change changes[2];
};

static void abort_impairments(struct impairing *impairing)
{
	for (unsigned i = 0; i < 2; i++)
		impair_abort(impairing->state, &impairing->changes[i]);
}

static void commit_impairments(struct impairing *impairing)
{
	for (unsigned i = 0; i < 2; i++)
		impair_commit(impairing->state, &impairing->changes[i]);
}

/* Get what those directions need that are not what they were. Where it fails nothing is left. */
static int prepare_impairments(struct vswitch *sw, enum feature_id feature,
	const struct impaired ways[2], struct impairing *ret, struct err *err)
{
	const uint64_t tsc_hz = worker_tsc_hz(worker_ctl_pool(sw->workers));
	const struct ctl_impair none = {0};

	*ret = (struct impairing){.state = sw->features.of[feature]};
	for (unsigned i = 0; i < 2; i++) {
		const struct ctl_impair *was = ways[i].was ? ways[i].was : &none;
		int r;

		if (ctl_msg_equal(&ctl_impair_schema, was, ways[i].settings))
			continue;
		r = impair_prepare(ret->state, ways[i].port_id, ways[i].is_egress, ways[i].settings,
			tsc_hz, &ret->changes[i], err);
		if (r < 0) {
			abort_impairments(ret);
			return err_prefix(err, "%s", ways[i].name);
		}
	}
	return 0;
}

/* ---- What features have of a port ------------------------------------------------------------ */

/* Settings that are exchanged whole (feature/block.h). */
static const struct {
	enum feature_id feature;
	const char *field; /* of ctl_port */
	int (*prepare)(const void *settings, uint64_t tsc_hz, struct block **ret, struct err *err);
} block_features[] = {
	{FEATURE_PACING, "pacing", pacing_prepare},
	{FEATURE_POLICER, "policer", policer_prepare},
	{FEATURE_STORM, "storm_control", storm_prepare},
};
#define N_BLOCK_FEATURES (sizeof(block_features) / sizeof(block_features[0]))

/* What a change of a port needs. */
struct port_change {
	uint16_t port_id;
	enum ctl_count_mode count;
	struct impairing impairing;
	void *shapers;
	struct shaper_change shaper;
	struct {
		bool is_other;
		struct block *block; /* NULL = the port is to have none */
	} blocks[N_BLOCK_FEATURES];
};

static void abort_port(struct port_change *change)
{
	abort_impairments(&change->impairing);
	shaper_abort(change->shapers, &change->shaper);
	for (unsigned i = 0; i < N_BLOCK_FEATURES; i++)
		free(change->blocks[i].block);
}

static int prepare_count(struct vswitch *sw, uint16_t id, enum ctl_count_mode mode, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = count_prepare(sw->features.of[FEATURE_COUNT], id, i, mode, err);
	return r;
}

static void commit_count(struct vswitch *sw, uint16_t id, enum ctl_count_mode mode)
{
	for (unsigned i = 0; i < 2; i++)
		count_commit(sw->features.of[FEATURE_COUNT], id, i, mode);
}

static void commit_port(struct vswitch *sw, struct port_change *change)
{
	commit_count(sw, change->port_id, change->count);
	commit_impairments(&change->impairing);
	shaper_commit(change->shapers, &change->shaper);
	for (unsigned i = 0; i < N_BLOCK_FEATURES; i++) {
		if (change->blocks[i].is_other)
			block_put(sw->features.of[block_features[i].feature], change->port_id,
				change->blocks[i].block);
	}
}

static int prepare_block(struct vswitch *sw, unsigned i, const struct ctl_port *was,
	const struct ctl_port *conf, struct port_change *change, struct err *err)
{
	const struct ctl_field *field = ctl_field_find(&ctl_port_schema, block_features[i].field);
	const void *settings = (const char *)conf + field->offset;
	int r;

	if (ctl_msg_equal(field->sub, (const char *)was + field->offset, settings))
		return 0;
	r = block_features[i].prepare(settings, worker_tsc_hz(worker_ctl_pool(sw->workers)),
		&change->blocks[i].block, err);
	if (r < 0)
		return err_prefix(err, "%s", field->name);
	change->blocks[i].is_other = true;
	return 0;
}

static int prepare_shaper(struct vswitch *sw, const struct ctl_port *was,
	const struct ctl_port *conf, struct port_change *change, struct err *err)
{
	if (ctl_msg_equal(&ctl_shaper_schema, &was->shaper, &conf->shaper))
		return 0;
	if (shaper_prepare(change->shapers, change->port_id, &conf->shaper,
		    worker_tsc_hz(worker_ctl_pool(sw->workers)), &change->shaper, err) == 0)
		return 0;
	return err_prefix(err, "shaper");
}

/* was: NULL for a new port. Where it fails nothing is left. */
static int prepare_port(struct vswitch *sw, uint16_t id, const struct ctl_port *was,
	const struct ctl_port *conf, struct port_change *ret, struct err *err)
{
	static const struct ctl_port none;
	const struct ctl_port *old = was ? was : &none;
	const struct impaired ways[2] = {
		{"in", &old->in, &conf->in, id, false}, {"out", &old->out, &conf->out, id, true}};
	int r;

	*ret = (struct port_change){
		.port_id = id, .count = conf->count, .shapers = sw->features.of[FEATURE_SHAPER]};
	r = prepare_count(sw, id, conf->count, err);
	if (r == 0)
		r = prepare_impairments(sw, FEATURE_PORT_IMPAIR, ways, &ret->impairing, err);
	if (r < 0)
		return err_prefix(err, "port '%s'", conf->name);
	r = prepare_shaper(sw, old, conf, ret, err);
	for (unsigned i = 0; r == 0 && i < N_BLOCK_FEATURES; i++)
		r = prepare_block(sw, i, old, conf, ret, err);
	if (r == 0)
		return 0;
	abort_port(ret);
	return err_prefix(err, "port '%s'", conf->name);
}

static void end_port(struct vswitch *sw, uint16_t id)
{
	for (unsigned i = 0; i < 2; i++)
		impair_end(sw->features.of[FEATURE_PORT_IMPAIR], id, i);
	commit_count(sw, id, CTL_COUNT_OFF);
	shaper_end(sw->features.of[FEATURE_SHAPER], id);
	for (unsigned i = 0; i < N_BLOCK_FEATURES; i++)
		block_put(sw->features.of[block_features[i].feature], id, NULL);
}

/* ---- Bridges --------------------------------------------------------------------------------- */

static int change_bridge_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_bridge *req = in;
	struct model_bridge *bridge = model_bridge_find(&sw->model, req->name);
	struct ctl_bridge conf;
	int r = bridge_conf_new(req, &conf, err);

	if (r < 0)
		return r;
	if (bridge)
		return conf_check_exists(&ctl_bridge_schema, &bridge->conf, &conf, req->exist_ok,
			"bridge", req->name, "BridgeExists", err);
	r = model_bridge_add(&sw->model, &conf, &bridge, err);
	if (r < 0)
		return r;
	r = fdb_ctl_open(&sw->fdbs, bridge, err);
	if (r < 0) {
		model_bridge_del(&sw->model, bridge);
		return r;
	}
	switch_apply(sw);
	report_event(sw, "bridge", req->name, "added");
	return 0;
}

/* Forget what the table of a bridge may not hold any more, the model being the new one and
 * published. Learn events that workers wrote by the old one are drained first: judged by the new
 * one, they come to nothing. */
static void prune_fdb(struct vswitch *sw, uint16_t bridge_id)
{
	worker_ctl_drain(sw->workers);
	if (fdb_ctl_prune(&sw->fdbs, &sw->model, bridge_id) > 0)
		sw->fdb_changed = true;
}

/* A name goes with its VLAN, whichever request took that away. */
static void prune_vlan_names(struct model_bridge *bridge)
{
	for (unsigned i = bridge->n_vlan_names; i-- > 0;) {
		uint16_t vid = bridge->vlan_names[i].vid;

		if (!vlan_set_has(&bridge->conf.vlans, vid))
			(void)model_vlan_name_set(bridge, vid, "");
	}
}

static int apply_bridge_conf(struct vswitch *sw, struct model_bridge *bridge,
	const struct ctl_bridge *conf, struct err *err)
{
	bool other_vlans = !vlan_set_equal(&conf->vlans, &bridge->conf.vlans);
	const struct ctl_bridge was = bridge->conf;
	struct fdb *old = NULL;
	int r;

	if (ctl_msg_equal(&ctl_bridge_schema, conf, &bridge->conf))
		return 0;
	r = other_vlans ? port_check_bridge_vlans(&sw->model, bridge, &conf->vlans, err) : 0;
	if (r < 0)
		return r;
	if (conf->fdb_max != bridge->conf.fdb_max) {
		r = fdb_ctl_resize(&sw->fdbs, bridge, conf->fdb_max, switch_now_s(), &old, err);
		if (r < 0)
			return r;
	}
	bridge->conf = *conf;
	prune_vlan_names(bridge);
	switch_apply(sw);
	if (old)
		fdb_destroy(old);
	if (other_vlans)
		prune_fdb(sw, bridge->id);
	report_change(sw, "bridge", &ctl_bridge_schema, conf->name, &was, conf);
	return 0;
}

static int change_bridge_set(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_bridge *req = in;
	struct model_bridge *bridge = model_bridge_get(&sw->model, req->name, "name", err);
	struct ctl_bridge conf;
	int r;

	if (!bridge)
		return -ENOENT;
	r = bridge_conf_set(bridge, req, &conf, err);
	return r < 0 ? r : apply_bridge_conf(sw, bridge, &conf, err);
}

static int change_bridge_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_ref *req = in;
	struct model_bridge *bridge;
	uint16_t id;
	int r = conf_check_named(req, "bridge", err);

	if (r < 0)
		return r;
	bridge = model_bridge_find(&sw->model, req->name);
	if (!bridge && req->missing_ok)
		return 0;
	if (!model_bridge_get(&sw->model, req->name, "name", err))
		return -ENOENT;
	r = bridge_check_del(bridge, err);
	if (r == 0)
		r = mirror_check_bridge_del(&sw->model, bridge, err);
	if (r < 0)
		return r;
	id = bridge->id;
	model_bridge_del(&sw->model, bridge);
	switch_apply(sw);
	worker_ctl_drain(sw->workers);
	fdb_ctl_close(&sw->fdbs, id);
	report_event(sw, "bridge", req->name, "removed");
	return 0;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static int change_port_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_port *req = in;
	struct model_port *port = model_port_find(&sw->model, req->name);
	struct port_change change;
	struct ctl_port conf;
	int r = port_conf_new(&sw->model, req, &conf, err);

	if (r < 0)
		return r;
	if (port)
		return conf_check_exists(&ctl_port_schema, &port->conf, &conf, req->exist_ok,
			"port", req->name, "PortExists", err);
	r = model_port_add(&sw->model, &conf, &port, err);
	if (r < 0)
		return r;
	r = prepare_port(sw, port->id, NULL, &conf, &change, err);
	if (r == 0) {
		r = switch_port_open(sw, port, err);
		if (r < 0)
			abort_port(&change);
	}
	if (r < 0) {
		model_port_del(&sw->model, port);
		return r;
	}
	commit_port(sw, &change);
	switch_apply(sw);
	report_event(sw, "port", req->name, "added");
	return 0;
}

static bool same_vlans(const struct ctl_port *a, const struct ctl_port *b)
{
	return a->vlan_mode == b->vlan_mode && a->tag == b->tag && a->native == b->native &&
	       vlan_set_equal(&a->trunks, &b->trunks);
}

static void apply_port_conf(struct vswitch *sw, struct model_port *port,
	const struct ctl_port *conf)
{
	bool forgets = strcmp(conf->bridge, port->conf.bridge) || !same_vlans(conf, &port->conf);
	const struct model_bridge *was_in = port->bridge;
	const struct ctl_port was = port->conf;

	if (ctl_msg_equal(&ctl_port_schema, conf, &port->conf))
		return;
	if ((conf->mtu != port->conf.mtu ||
		    CTL_HAS(conf, ctl_port, mtu) != CTL_HAS(&port->conf, ctl_port, mtu)) &&
		sw->ports[port->id].dev)
		port_set_mtu(sw->ports[port->id].dev, conf->mtu);
	model_port_set(&sw->model, port, conf);
	if (conf->enabled)
		sw->ports[port->id].shut_reason[0] = '\0';
	switch_apply(sw);
	/* What is known in VLANs that it leaves would draw frames into a dead end. */
	if (forgets && was_in)
		prune_fdb(sw, was_in->id);
	report_change(sw, "port", &ctl_port_schema, conf->name, &was, conf);
}

static int change_port_set(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_port *req = in;
	struct model_port *port = model_port_get(&sw->model, req->name, "name", err);
	struct port_change change;
	struct ctl_port conf;
	int r;

	if (!port)
		return -ENOENT;
	r = port_conf_set(&sw->model, port, req, &conf, err);
	if (r == 0 && conf.bridge[0])
		r = mirror_check_use(&sw->model, port, "bridge", "a bridge", err);
	if (r == 0)
		r = prepare_port(sw, port->id, &port->conf, &conf, &change, err);
	if (r < 0)
		return r;
	commit_port(sw, &change);
	apply_port_conf(sw, port, &conf);
	return 0;
}

/* It is in no link. */
static void remove_port(struct vswitch *sw, struct model_port *port)
{
	char name[CTL_NAME_MAX + 1];
	uint16_t id = port->id;

	ctl_copy_str(name, sizeof(name), port->conf.name);
	if (fdb_ctl_flush_port(&sw->fdbs, port, true) > 0)
		sw->fdb_changed = true;
	end_port(sw, id);
	model_port_del(&sw->model, port);
	switch_apply(sw);
	switch_port_close(sw, id);
	report_event(sw, "port", name, "removed");
}

static int change_port_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_ref *req = in;
	struct model_port *port;
	int r = conf_check_named(req, "port", err);

	if (r < 0)
		return r;
	port = model_port_find(&sw->model, req->name);
	if (!port && req->missing_ok)
		return 0;
	if (!model_port_get(&sw->model, req->name, "name", err))
		return -ENOENT;
	r = port_check_del(port, err);
	if (r == 0)
		r = mirror_check_port_del(&sw->model, port, err);
	if (r == 0)
		remove_port(sw, port);
	return r;
}

/* ---- VLANs ----------------------------------------------------------------------------------- */

static int apply_vlan(struct vswitch *sw, enum vlan_verb verb, const struct ctl_vlan *req,
	struct err *err)
{
	struct vlan_change change;
	int r = vlan_plan(&sw->model, verb, req, &change, err);

	if (r < 0)
		return r;
	if (change.port) {
		apply_port_conf(sw, change.port, &change.port_conf);
		return 0;
	}
	/* The name first: it can fail, and alone it changes nothing that is switched. */
	if (change.sets_name && model_vlan_name_set(change.bridge, change.named, req->name) < 0)
		return err_set(err, -ENOMEM, "bridge '%s': out of memory", req->bridge);
	return apply_bridge_conf(sw, change.bridge, &change.bridge_conf, err);
}

static int change_vlan_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	return apply_vlan(sw, VLAN_ADD, in, err);
}

static int change_vlan_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	return apply_vlan(sw, VLAN_DEL, in, err);
}

static int change_vlan_set(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	return apply_vlan(sw, VLAN_SET, in, err);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static int change_fdb_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_fdb *req = in;
	int r = fdb_ctl_add(&sw->fdbs, &sw->model, req, switch_now_s(), err);

	if (r == 0)
		report_event(sw, "fdb", req->bridge, "added");
	return r;
}

static int change_fdb_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_fdb *req = in;
	int r = fdb_ctl_del(&sw->fdbs, &sw->model, req, switch_now_s(), err);

	if (r == 0)
		report_event(sw, "fdb", req->bridge, "removed");
	return r;
}

static int change_fdb_flush(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_fdb *req = in;
	struct ctl_count *count = out;
	uint64_t n = 0;
	int r;

	worker_ctl_drain(sw->workers); /* what was seen before the request goes, too */
	r = fdb_ctl_flush(&sw->fdbs, &sw->model, req, switch_now_s(), &n, err);

	if (r < 0)
		return r;
	if (count)
		CTL_SET(count, ctl_count, count, n);
	sw->fdb_changed = true;
	report_event(sw, "fdb", req->bridge, "flushed");
	return 0;
}

/* ---- Links ----------------------------------------------------------------------------------- */

/* What a gets from b, b sends: it is impaired on its way out at a. was: NULL for a new link. */
static int prepare_link(struct vswitch *sw, const struct ctl_link *was, const struct ctl_link *conf,
	struct model_port *const ends[2], struct impairing *ret, struct err *err)
{
	const struct impaired ways[2] = {
		{"a_to_b", was ? &was->a_to_b : NULL, &conf->a_to_b, ends[1]->id, true},
		{"b_to_a", was ? &was->b_to_a : NULL, &conf->b_to_a, ends[0]->id, true}};

	if (prepare_impairments(sw, FEATURE_LINK_IMPAIR, ways, ret, err) == 0)
		return 0;
	return err_prefix(err, "link '%s'", conf->name);
}

/* The port of end i of a link between bridges. */
static int add_patch(struct vswitch *sw, const struct ctl_link *link, unsigned i,
	struct model_port **ret_port, struct err *err)
{
	char name[CTL_NAME_MAX + 1];
	struct ctl_port conf;
	struct model_port *port;
	int r = link_patch_name(link, i, name, sizeof(name), err);

	if (r < 0)
		return r;
	r = port_conf_patch(&sw->model, name, i ? link->b : link->a, &conf, err);
	if (r == 0)
		r = model_port_add(&sw->model, &conf, &port, err);
	if (r < 0)
		return err_prefix(err, "link '%s'", link->name);
	r = switch_port_open(sw, port, err);
	if (r < 0) {
		model_port_del(&sw->model, port);
		return r;
	}
	port->running = true; /* it waits for nobody */
	*ret_port = port;
	return 0;
}

/* The ports of a link that is to be: made, where they join bridges. */
static int get_ends(struct vswitch *sw, const struct ctl_link *conf, struct model_port *ends[2],
	struct err *err)
{
	int r;

	if (!link_joins_bridges(&sw->model, conf)) {
		ends[0] = model_port_find(&sw->model, conf->a);
		ends[1] = model_port_find(&sw->model, conf->b);
		return 0;
	}
	r = add_patch(sw, conf, 0, &ends[0], err);
	if (r < 0)
		return r;
	r = add_patch(sw, conf, 1, &ends[1], err);
	if (r < 0)
		remove_port(sw, ends[0]);
	return r;
}

/* They are no link's any more, or became none's. */
static void put_ends(struct vswitch *sw, struct model_port *const ends[2])
{
	for (unsigned i = 0; i < 2; i++) {
		if (ends[i]->conf.type == CTL_PORT_PATCH)
			remove_port(sw, ends[i]);
	}
}

static int change_link_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_link *req = in;
	struct model_link *link = model_link_find(&sw->model, req->name);
	struct model_port *ends[2];
	struct impairing impairing;
	struct ctl_link conf;
	int r = link_conf_new(&sw->model, req, &conf, err);

	/* With other ends it is another link, whatever is wrong with those ends. */
	if (link && (r == 0 || r == -EBUSY))
		return conf_check_exists(&ctl_link_schema, &link->conf, r == 0 ? &conf : req,
			req->exist_ok, "link", req->name, "LinkExists", err);
	if (r < 0)
		return r;
	r = get_ends(sw, &conf, ends, err);
	if (r < 0)
		return r;
	r = prepare_link(sw, NULL, &conf, ends, &impairing, err);
	if (r == 0) {
		r = model_link_add(&sw->model, &conf, ends, &link, err);
		if (r < 0)
			abort_impairments(&impairing);
	}
	if (r < 0) {
		put_ends(sw, ends);
		return r;
	}
	commit_impairments(&impairing);
	switch_apply(sw);
	report_event(sw, "link", req->name, "added");
	return 0;
}

static int change_link_set(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_link *req = in;
	struct model_link *link = model_link_get(&sw->model, req->name, "name", err);
	struct impairing impairing;
	struct ctl_link conf, was;
	int r;

	if (!link)
		return -ENOENT;
	was = link->conf;
	r = link_conf_set(link, req, &conf, err);
	if (r < 0 || ctl_msg_equal(&ctl_link_schema, &conf, &link->conf))
		return r;
	r = prepare_link(sw, &was, &conf, link->ends, &impairing, err);
	if (r < 0)
		return r;
	commit_impairments(&impairing);
	link->conf = conf;
	switch_apply(sw);
	report_change(sw, "link", &ctl_link_schema, link->conf.name, &was, &conf);
	return 0;
}

static int change_link_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_ref *req = in;
	char name[sizeof(((struct ctl_link *)0)->name)];
	struct model_port *ends[2];
	struct model_link *link;
	int r = conf_check_named(req, "link", err);

	if (r < 0)
		return r;
	link = model_link_find_by_end(&sw->model, req->name);
	if (!link && req->missing_ok)
		return 0;
	if (!model_link_get(&sw->model, req->name, "name", err))
		return -ENOENT;
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		if (link->ends[i]->conf.type == CTL_PORT_PATCH)
			r = mirror_check_port_del(&sw->model, link->ends[i], err);
	}
	if (r < 0)
		return r;
	ctl_copy_str(name, sizeof(name), link->conf.name);
	for (unsigned i = 0; i < 2; i++) {
		ends[i] = link->ends[i];
		impair_end(sw->features.of[FEATURE_LINK_IMPAIR], ends[i]->id, true);
	}
	model_link_del(&sw->model, link);
	switch_apply(sw);
	put_ends(sw, ends);
	report_event(sw, "link", name, "removed");
	return 0;
}

/* ---- Mirrors --------------------------------------------------------------------------------- */

static int change_mirror_add(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_mirror *req = in;
	const struct model_mirror *old = model_mirror_find(&sw->model, req->name);
	void *feature = sw->features.of[FEATURE_MIRROR];
	struct model_mirror mirror;
	int r = mirror_conf_new(&sw->model, req, &mirror, err);

	if (r < 0)
		return r;
	if (old) {
		r = conf_check_exists(&ctl_mirror_schema, &old->conf, &mirror.conf, req->exist_ok,
			"mirror", req->name, "MirrorExists", err);
		if (r < 0)
			err_hint(err, "delete it first: `netcfg mirror del %s`", req->name);
		return r;
	}
	r = mirror_ctl_start(feature, &mirror, err);
	if (r < 0)
		return r;
	r = model_mirror_add(&sw->model, &mirror, err);
	if (r < 0)
		mirror_stop(feature, mirror.mirror);
	switch_apply(sw);
	if (r == 0)
		report_event(sw, "mirror", req->name, "added");
	return r;
}

static int change_mirror_del(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	const struct ctl_ref *req = in;
	struct model_mirror *mirror;
	int r = conf_check_named(req, "mirror", err);

	if (r < 0)
		return r;
	mirror = model_mirror_find(&sw->model, req->name);
	if (!mirror && req->missing_ok)
		return 0;
	if (!model_mirror_get(&sw->model, req->name, "name", err))
		return -ENOENT;
	mirror_stop(sw->features.of[FEATURE_MIRROR], mirror->mirror);
	model_mirror_del(&sw->model, mirror);
	switch_apply(sw);
	report_event(sw, "mirror", req->name, "removed");
	return 0;
}

/* ---- sFlow ----------------------------------------------------------------------------------- */

static int change_sflow_set(struct vswitch *sw, const void *in, void *out, struct err *err)
{
	struct ctl_sflow was, conf;
	int r = sflow_ctl_set(sw, in, &was, &conf, err);

	if (r < 0 || ctl_msg_equal(&ctl_sflow_schema, &was, &conf))
		return r;
	switch_apply(sw);
	report_change(sw, "sflow", &ctl_sflow_schema, "sflow", &was, &conf);
	return 0;
}

/* ---------------------------------------------------------------------------------------------- */

/* A NIC is called by its address, also in the journal: the name of its interface is gone once the
 * NIC is taken. A port that is asked for again by such a name is that of the NIC which it may
 * have been, rebound as was said when it was taken. */
static void resolve_nic(const struct model *model, struct ctl_port *req)
{
	const struct model_port *port = model_port_find(model, req->name);
	struct pci_bind_nic nic;

	if (req->type != CTL_PORT_NIC || !CTL_HAS(req, ctl_port, dev))
		return;
	if (!pci_bind_find(NULL, req->dev, &nic, NULL))
		CTL_SET_STR(req, ctl_port, dev, nic.address);
	else if (port && port->conf.type == CTL_PORT_NIC && port_type_pci_ok(port->conf.dev) &&
		 pci_bind_may_be(NULL, req->dev, port->conf.dev))
		CTL_SET_STR(req, ctl_port, dev, port->conf.dev);
	if (port && !strcmp(req->dev, port->conf.dev) && !CTL_HAS(req, ctl_port, rebind))
		CTL_SET(req, ctl_port, rebind, port->conf.rebind);
}

static const struct {
	const char *method;
	change_fn *fn;
} changes[] = {
	{"BridgeAdd", change_bridge_add},
	{"BridgeSet", change_bridge_set},
	{"BridgeDel", change_bridge_del},
	{"PortAdd", change_port_add},
	{"PortSet", change_port_set},
	{"PortDel", change_port_del},
	{"VlanAdd", change_vlan_add},
	{"VlanDel", change_vlan_del},
	{"VlanSet", change_vlan_set},
	{"FdbAdd", change_fdb_add},
	{"FdbDel", change_fdb_del},
	{"FdbFlush", change_fdb_flush},
	{"LinkAdd", change_link_add},
	{"LinkSet", change_link_set},
	{"LinkDel", change_link_del},
	{"MirrorAdd", change_mirror_add},
	{"MirrorDel", change_mirror_del},
	{"SflowSet", change_sflow_set},
};

bool change_is_known(const char *method)
{
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (!strcmp(changes[i].method, method))
			return true;
	}
	return false;
}

int change_apply(struct vswitch *sw, const char *method, const void *in, void *out, struct err *err)
{
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct ctl_port port;
		int r;

		if (strcmp(changes[i].method, method) != 0)
			continue;
		if (changes[i].fn == change_port_add || changes[i].fn == change_port_set) {
			port = *(const struct ctl_port *)in;
			/* A path counts from where the switch was started; another one may
			 * read the journal. */
			r = ctl_make_absolute(&ctl_port_schema, &port, err);
			if (r < 0)
				return err_prefix(err, "port '%s'", port.name);
			if (changes[i].fn == change_port_add)
				resolve_nic(&sw->model, &port);
			in = &port;
		}
		r = changes[i].fn(sw, in, out, err);
		if (r == 0 && sw->state)
			state_append(sw->state, method, in);
		return r;
	}
	return err_set(err, -ENOSYS, "method '%s': is no change", method);
}
