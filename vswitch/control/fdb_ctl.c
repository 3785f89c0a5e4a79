#include "fdb_ctl.h"

#include "bridge.h"
#include "ctl_server.h"
#include "port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Life cycle ------------------------------------------------------------------------------ */

int fdb_ctl_open(struct fdb_ctl *ctl, const struct model_bridge *bridge, struct err *err)
{
	int r = fdb_create(bridge->conf.fdb_max, &ctl->tables[bridge->id]);

	if (r < 0)
		return err_set_field(err, r, "fdb_max",
			"bridge '%s': no memory for a table of %u addresses", bridge->conf.name,
			bridge->conf.fdb_max);
	return 0;
}

void fdb_ctl_close(struct fdb_ctl *ctl, uint16_t bridge_id)
{
	fdb_destroy(ctl->tables[bridge_id]);
	ctl->tables[bridge_id] = NULL;
}

void fdb_ctl_done(struct fdb_ctl *ctl)
{
	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		if (ctl->tables[i])
			fdb_ctl_close(ctl, (uint16_t)i);
	}
}

struct copy {
	struct fdb *to;
	bool statics;
	uint32_t now_s;
};

static int copy_entry(void *ctx, const struct fdb_entry *entry)
{
	const struct copy *copy = ctx;
	uint64_t mac48 = ether_addr_to_u64(&entry->mac);

	if (entry->is_static != copy->statics)
		return 0;
	if (copy->statics)
		return fdb_add_static(copy->to, entry->vid, mac48, entry->port_id, copy->now_s);
	/* Only as many as there is room for: the rest is learned again. */
	if (copy->to->n_entries < copy->to->max_entries)
		(void)fdb_learn(copy->to, entry->vid, mac48, entry->port_id, 0,
			copy->now_s - entry->age_s);
	return 0;
}

int fdb_ctl_resize(struct fdb_ctl *ctl, const struct model_bridge *bridge, uint32_t fdb_max,
	uint32_t now_s, struct fdb **ret_old, struct err *err)
{
	struct copy copy = {.statics = true, .now_s = now_s};
	struct fdb *old = ctl->tables[bridge->id];
	int r = fdb_create(fdb_max, &copy.to);

	if (r < 0)
		return err_set_field(err, r, "fdb_max",
			"bridge '%s': no memory for a table of %u addresses", bridge->conf.name,
			fdb_max);
	r = fdb_walk(old, now_s, copy_entry, &copy);
	if (r < 0) {
		fdb_destroy(copy.to);
		(void)err_set_field(err, r, "fdb_max",
			"bridge '%s': fdb_max %u is less than its static addresses",
			bridge->conf.name, fdb_max);
		err_hint(err, "flush them first: `netcfg fdb flush %s type static`",
			bridge->conf.name);
		return r;
	}
	copy.statics = false;
	(void)fdb_walk(old, now_s, copy_entry, &copy);
	ctl->tables[bridge->id] = copy.to;
	*ret_old = old;
	return 0;
}

/* ---- VLANs
 * --------------------------------------------------------------------------------------- */

/* Is vid one that the port passes on its bridge? */
static bool port_has_vlan(const struct model_port *port, uint16_t vid)
{
	bool untagged;
	uint16_t pvid = port_conf_pvid(&port->conf, &untagged);

	if (vid == VLAN_NONE)
		return untagged && pvid == VLAN_NONE && bridge_has_all_vlans(&port->bridge->conf);
	if (!vlan_set_has(&port->bridge->conf.vlans, vid))
		return false;
	return vid == pvid ||
	       (port->conf.vlan_mode != CTL_VLAN_ACCESS && vlan_set_has(&port->conf.trunks, vid));
}

/* ---- Learning and forgetting ----------------------------------------------------------------- */

/* The table is asked for this many learn events ahead, so that its cache misses overlap. */
#define LEARN_AHEAD 16

static void prefetch_event(const struct fdb_ctl *ctl, const struct learn_event *event)
{
	const struct fdb *fdb =
		event->bridge_id < MODEL_MAX_BRIDGES ? ctl->tables[event->bridge_id] : NULL;

	if (fdb)
		fdb_prefetch(fdb, event->vid, event->mac48);
}

static void report_learned(const struct fdb_ctl *ctl, const struct model *model, uint16_t vid,
	uint64_t mac48, const struct model_port *port, enum fdb_learned learned)
{
	const struct fdb_ctl_events *events = &ctl->events;

	if (learned == FDB_MOVED && events->moved)
		events->moved(events->ctx, port->bridge, vid, mac48,
			model->ports[ctl->tables[port->bridge->id]->moved_from], port);
	else if (learned == FDB_LIMITED && events->limited)
		events->limited(events->ctx, port);
}

unsigned fdb_ctl_learn(struct fdb_ctl *ctl, const struct model *model,
	const struct learn_event *events, unsigned n_events, uint32_t now_s)
{
	/* Many addresses of one port and VLAN come in a row: looked at once. */
	const struct model_port *last_port = NULL;
	uint16_t last_vid = VLAN_NONE;
	bool is_carried = false;
	unsigned n_changed = 0;

	for (unsigned i = 0; i < n_events && i < LEARN_AHEAD; i++)
		prefetch_event(ctl, &events[i]);
	for (unsigned i = 0; i < n_events; i++) {
		const struct learn_event *event = &events[i];
		const struct model_port *port =
			event->port_id < MODEL_MAX_PORTS ? model->ports[event->port_id] : NULL;
		enum fdb_learned learned;

		if (i + LEARN_AHEAD < n_events)
			prefetch_event(ctl, &events[i + LEARN_AHEAD]);
		/* The port may have gone, or moved, or left the VLAN since the worker wrote this.
		 */
		if (!port || !port->bridge || port->bridge->id != event->bridge_id)
			continue;
		if (port != last_port || event->vid != last_vid)
			is_carried = port_has_vlan(port, event->vid);
		last_port = port;
		last_vid = event->vid;
		if (!is_carried)
			continue;
		learned = fdb_learn(ctl->tables[event->bridge_id], event->vid, event->mac48,
			port->id, port->conf.fdb_max, now_s);
		n_changed += learned == FDB_ADDED || learned == FDB_MOVED;
		ctl->n_limited += learned == FDB_LIMITED;
		report_learned(ctl, model, event->vid, event->mac48, port, learned);
	}
	return n_changed;
}

/* Buckets of a slice; the 1,048,576 addresses of the largest table are in sixteen times as many. */
#define AGE_BUDGET 32768

unsigned fdb_ctl_age(struct fdb_ctl *ctl, const struct model *model, uint32_t now_s)
{
	uint32_t budget = AGE_BUDGET;
	unsigned n = 0;

	ctl->is_ageing = true;
	for (; ctl->age_bridge < MODEL_MAX_BRIDGES; ctl->age_bridge++) {
		const struct model_bridge *bridge = model->bridges[ctl->age_bridge];
		struct fdb *fdb = ctl->tables[ctl->age_bridge];

		if (!bridge)
			continue;
		n += fdb_age_slice(fdb, bridge->conf.ageing_s, now_s, &budget);
		if (fdb->age_at)
			return n;
	}
	ctl->is_ageing = false;
	ctl->age_bridge = 0;
	return n;
}

unsigned fdb_ctl_flush_port(struct fdb_ctl *ctl, const struct model_port *port, bool with_static)
{
	const struct fdb_filter filter = {
		.vid = FDB_ANY, .port_id = port->id, .with_static = with_static};

	return port->bridge ? fdb_flush(ctl->tables[port->bridge->id], &filter) : 0;
}

unsigned fdb_ctl_prune(struct fdb_ctl *ctl, const struct model *model, uint16_t bridge_id)
{
	struct fdb *fdb = ctl->tables[bridge_id];
	uint32_t budget = UINT32_MAX;
	struct fdb_entry entry;
	uint64_t at = 0;
	unsigned n = 0;

	while (fdb->n_entries && fdb_next(fdb, 0, &at, &budget, &entry)) {
		const struct model_port *port = model->ports[entry.port_id];

		if (port && port->bridge && port->bridge->id == bridge_id &&
			port_has_vlan(port, entry.vid))
			continue;
		n += fdb_del(fdb, entry.vid, ether_addr_to_u64(&entry.mac)) == 0;
	}
	return n;
}

/* ---- Configuration --------------------------------------------------------------------------- */

static int bad(struct err *err, int r, const char *field, const char *fmt, const char *a,
	const char *b)
{
	return err_set_field(err, r, field, fmt, a, b);
}

static void format_entry(const struct ctl_fdb *req, uint16_t vid, char buf[64])
{
	char mac[ETHER_ADDR_STR_SIZE];

	(void)snprintf(buf, 64, "%s vlan %u", ether_addr_format(&req->mac, mac), vid);
}

/* What FdbAdd means: bridge, port and VLAN, or an error. */
static int resolve_add(const struct model *model, const struct ctl_fdb *req,
	struct model_bridge **ret_bridge, struct model_port **ret_port, uint16_t *ret_vid,
	struct err *err)
{
	bool untagged;

	if (!CTL_HAS(req, ctl_fdb, mac) || !CTL_HAS(req, ctl_fdb, port))
		return bad(err, -EINVAL, CTL_HAS(req, ctl_fdb, mac) ? "port" : "mac",
			"fdb '%s': an entry needs an address and a port%s", req->bridge, "");
	if (ether_addr_is_multicast(&req->mac) || ether_addr_is_zero(&req->mac))
		return bad(err, -EINVAL, "mac", "fdb '%s': only unicast addresses can be static%s",
			req->bridge, "");
	*ret_bridge = model_bridge_get(model, req->bridge, "bridge", err);
	if (!*ret_bridge)
		return -ENOENT;
	*ret_port = model_port_get(model, req->port, "port", err);
	if (!*ret_port)
		return -ENOENT;
	if ((*ret_port)->bridge != *ret_bridge)
		return bad(err, -EINVAL, "port", "fdb '%s': port '%s' is not in the bridge",
			req->bridge, req->port);
	*ret_vid = CTL_HAS(req, ctl_fdb, vlan) ? req->vlan
					       : port_conf_pvid(&(*ret_port)->conf, &untagged);
	if (!port_has_vlan(*ret_port, *ret_vid)) {
		(void)bad(err, -EINVAL, "vlan", "fdb '%s': port '%s' does not carry that VLAN",
			req->bridge, req->port);
		err_hint(err, "`netcfg vlan show port %s` lists those it carries", req->port);
		return -EINVAL;
	}
	return 0;
}

int fdb_ctl_add(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, struct err *err)
{
	uint64_t mac48 = ether_addr_to_u64(&req->mac);
	struct model_bridge *bridge = NULL;
	struct model_port *port = NULL;
	struct fdb_entry old;
	uint16_t vid = 0;
	char name[64];
	int r;

	r = resolve_add(model, req, &bridge, &port, &vid, err);
	if (r < 0)
		return r;
	format_entry(req, vid, name);
	if (req->type == CTL_FDB_DYNAMIC && CTL_HAS(req, ctl_fdb, type)) {
		uint32_t age_s = req->age_s < now_s ? req->age_s : now_s;

		report_learned(ctl, model, vid, mac48, port,
			fdb_learn(ctl->tables[bridge->id], vid, mac48, port->id, port->conf.fdb_max,
				now_s - age_s));
		return 0;
	}
	if (fdb_get(ctl->tables[bridge->id], vid, mac48, now_s, &old) == 0 && old.is_static &&
		(old.port_id != port->id || !req->exist_ok)) {
		(void)bad(err, -EEXIST, "mac", "fdb '%s': %s is there already", req->bridge, name);
		err_name(err, "FdbEntryExists");
		return -EEXIST;
	}
	r = fdb_add_static(ctl->tables[bridge->id], vid, mac48, port->id, now_s);
	if (r < 0) {
		(void)bad(err, r, "bridge", "fdb '%s': no room for %s", req->bridge, name);
		err_hint(err, "raise fdb_max of the bridge");
	}
	return r;
}

/* Does an entry pass the filters of a request, of which the port is known by its id? */
static bool entry_matches(const struct ctl_fdb *req, uint32_t port_id,
	const struct fdb_entry *entry)
{
	if (CTL_HAS(req, ctl_fdb, vlan) && req->vlan != entry->vid)
		return false;
	if (CTL_HAS(req, ctl_fdb, port) && port_id != entry->port_id)
		return false;
	if (CTL_HAS(req, ctl_fdb, type) && (req->type == CTL_FDB_STATIC) != entry->is_static)
		return false;
	return !CTL_HAS(req, ctl_fdb, mac) || !memcmp(&req->mac, &entry->mac, sizeof(req->mac));
}

/* The bridge and, FDB_ANY without, the port that a request means. */
static int resolve_match(const struct model *model, const struct ctl_fdb *req,
	struct model_bridge **ret_bridge, uint32_t *ret_port_id, struct err *err)
{
	const struct model_port *port;

	*ret_port_id = FDB_ANY;
	*ret_bridge = model_bridge_get(model, req->bridge, "bridge", err);
	if (!*ret_bridge)
		return -ENOENT;
	if (!CTL_HAS(req, ctl_fdb, port))
		return 0;
	port = model_port_get(model, req->port, "port", err);
	if (!port)
		return -ENOENT;
	*ret_port_id = port->id;
	return 0;
}

/* Delete one address from every VLAN in which it matches; returns from how many. */
static uint64_t delete_address(struct fdb *fdb, const struct ctl_fdb *req, uint32_t port_id,
	uint32_t now_s)
{
	uint64_t mac48 = ether_addr_to_u64(&req->mac), n = 0;

	for (uint16_t vid = 0; vid <= VLAN_MAX; vid++) {
		struct fdb_entry entry;

		if (fdb_get(fdb, vid, mac48, now_s, &entry) == 0 &&
			entry_matches(req, port_id, &entry))
			n += fdb_del(fdb, vid, mac48) == 0;
	}
	return n;
}

int fdb_ctl_del(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, struct err *err)
{
	struct model_bridge *bridge = NULL;
	char mac[ETHER_ADDR_STR_SIZE];
	uint32_t port_id;
	int r;

	if (!CTL_HAS(req, ctl_fdb, mac)) {
		(void)bad(err, -EINVAL, "mac", "fdb '%s': address missing%s", req->bridge, "");
		err_hint(err, "`netcfg fdb flush BRIDGE` takes filters instead");
		return -EINVAL;
	}
	r = resolve_match(model, req, &bridge, &port_id, err);
	if (r < 0)
		return r;
	if (delete_address(ctl->tables[bridge->id], req, port_id, now_s) > 0 || req->missing_ok)
		return 0;
	(void)bad(err, -ENOENT, "mac", "fdb '%s': %s is not there", req->bridge,
		ether_addr_format(&req->mac, mac));
	err_name(err, "FdbEntryNotFound");
	return -ENOENT;
}

int fdb_ctl_flush(struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	uint32_t now_s, uint64_t *ret_count, struct err *err)
{
	bool statics = CTL_HAS(req, ctl_fdb, type) && req->type == CTL_FDB_STATIC;
	struct model_bridge *bridge = NULL;
	struct fdb_filter filter = {.vid = FDB_ANY, .port_id = FDB_ANY};
	struct ctl_fdb typed = *req;
	int r = resolve_match(model, req, &bridge, &filter.port_id, err);

	if (r < 0)
		return r;
	if (CTL_HAS(req, ctl_fdb, mac)) {
		CTL_SET(&typed, ctl_fdb, type, statics ? CTL_FDB_STATIC : CTL_FDB_DYNAMIC);
		*ret_count = delete_address(ctl->tables[bridge->id], &typed, filter.port_id, now_s);
		return 0;
	}
	if (CTL_HAS(req, ctl_fdb, vlan))
		filter.vid = req->vlan;
	filter.with_static = filter.only_static = statics;
	*ret_count = fdb_flush(ctl->tables[bridge->id], &filter);
	return 0;
}

/* ---- Iteration ------------------------------------------------------------------------------- */

/* Buckets that one step looks at without finding a row: some tens of microseconds. */
#define LIST_BUDGET 4096

int fdb_list_begin(const struct fdb_ctl *ctl, const struct model *model, const struct ctl_fdb *req,
	struct fdb_list *ret_list, struct err *err)
{
	struct model_bridge *bridge = NULL;
	uint32_t port_id;
	int r = resolve_match(model, req, &bridge, &port_id, err);

	if (r < 0)
		return r;
	*ret_list = (struct fdb_list){.filter = *req, .table = ctl->tables[bridge->id]};
	return 0;
}

/* The next entry of one address: there is one in each VLAN at most. */
static bool next_of_address(const struct fdb_list *list, struct fdb *fdb, uint32_t now_s,
	uint64_t *at, struct fdb_entry *ret_entry)
{
	uint64_t mac48 = ether_addr_to_u64(&list->filter.mac);

	while (*at <= VLAN_MAX) {
		if (fdb_get(fdb, (uint16_t)(*at)++, mac48, now_s, ret_entry) == 0)
			return true;
	}
	return false;
}

static void fill_row(struct ctl_fdb *row, const char *bridge, const struct model_port *port,
	const struct fdb_entry *entry)
{
	*row = (struct ctl_fdb){0};
	CTL_SET_STR(row, ctl_fdb, bridge, bridge);
	CTL_SET(row, ctl_fdb, vlan, entry->vid);
	CTL_SET(row, ctl_fdb, mac, entry->mac);
	CTL_SET_STR(row, ctl_fdb, port, port->conf.name);
	CTL_SET(row, ctl_fdb, type, entry->is_static ? CTL_FDB_STATIC : CTL_FDB_DYNAMIC);
	if (!entry->is_static)
		CTL_SET(row, ctl_fdb, age_s, entry->age_s);
}

int fdb_list_next(struct fdb_list *list, const struct fdb_ctl *ctl, const struct model *model,
	uint32_t now_s, struct ctl_fdb *ret_row, struct err *err)
{
	const struct ctl_fdb *filter = &list->filter;
	const struct model_bridge *bridge = model_bridge_find(model, filter->bridge);
	uint32_t budget = LIST_BUDGET;
	struct fdb_entry entry;
	struct fdb *fdb;

	if (!bridge)
		return 0;
	fdb = ctl->tables[bridge->id];
	if (fdb != list->table) {
		(void)err_set(err, -EBUSY, "fdb '%s': got another table while it was read",
			filter->bridge);
		err_hint(err, "ask again");
		return -EBUSY;
	}
	if (CTL_HAS(filter, ctl_fdb, type) && filter->type == CTL_FDB_STATIC && !fdb->n_static)
		return 0;
	while (CTL_HAS(filter, ctl_fdb, mac) ? next_of_address(list, fdb, now_s, &list->at, &entry)
					     : fdb_next(fdb, now_s, &list->at, &budget, &entry)) {
		const struct model_port *port = model->ports[entry.port_id];

		/* By name: the port of a filter may have gone, and another got its id. */
		if (!port || (CTL_HAS(filter, ctl_fdb, port) &&
				     strcmp(port->conf.name, filter->port) != 0))
			continue;
		if (!entry_matches(filter, entry.port_id, &entry))
			continue;
		fill_row(ret_row, bridge->conf.name, port, &entry);
		return 1;
	}
	return budget > 0 ? 0 : CTL_NO_ROW_YET;
}

uint32_t fdb_ctl_count(const struct fdb_ctl *ctl, uint16_t bridge_id)
{
	return ctl->tables[bridge_id] ? ctl->tables[bridge_id]->n_entries : 0;
}
