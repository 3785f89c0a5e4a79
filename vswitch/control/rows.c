#include "rows.h"

#include "feature/impair/impair.h"
#include "link.h"
#include "stats.h"

#include "version.h"

#include <unistd.h>

void rows_switch(const struct vswitch *sw, struct ctl_switch *row)
{
	uint32_t n_entries = 0, n_max = 0;
	struct dp_counters sum;

	for (uint16_t i = 0; i < MODEL_MAX_BRIDGES; i++) {
		n_entries += fdb_ctl_count(&sw->fdbs, i);
		n_max += sw->model.bridges[i] ? sw->model.bridges[i]->conf.fdb_max : 0;
	}
	CTL_SET_STR(row, ctl_switch, version, weft_version());
	CTL_SET(row, ctl_switch, pid, (uint32_t)getpid());
	CTL_SET(row, ctl_switch, uptime_s, (ev_now_ns() - sw->start_ns) / 1000000000);
	CTL_SET(row, ctl_switch, workers, worker_ctl_count(sw->workers));
	CTL_SET(row, ctl_switch, bridges, sw->model.n_bridges);
	CTL_SET(row, ctl_switch, ports, sw->model.n_ports);
	CTL_SET(row, ctl_switch, links, sw->model.n_links);
	CTL_SET(row, ctl_switch, fdb_entries, n_entries);
	CTL_SET(row, ctl_switch, fdb_max, n_max);
	CTL_SET(row, ctl_switch, learn_events_lost,
		worker_learn_events_lost(worker_ctl_pool(sw->workers)));
	CTL_SET(row, ctl_switch, learn_events_limited, sw->fdbs.n_limited);
	switch_counters(sw, &sum);
	stats_switch_row(&sum, row);
}

void rows_bridge(const struct vswitch *sw, const struct model_bridge *bridge,
	struct ctl_bridge *row)
{
	*row = bridge->conf;
	CTL_SET(row, ctl_bridge, ports, bridge->n_ports);
	CTL_SET(row, ctl_bridge, fdb_entries, fdb_ctl_count(&sw->fdbs, bridge->id));
}

void rows_port(const struct vswitch *sw, const struct model_port *port, struct ctl_port *row)
{
	*row = port->conf;
	if (port->link)
		CTL_SET_STR(row, ctl_port, link, port->link->conf.name);
	CTL_SET(row, ctl_port, mtu, model_port_mtu(port));
	CTL_SET(row, ctl_port, carrier, port->carrier);
	switch_port_status(sw, port, row);
}

/* Frames between the ends of a link. */
static uint64_t n_held(const struct vswitch *sw, const struct model_link *link)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 2; i++)
		n += impair_n_held(sw->features.of[FEATURE_LINK_IMPAIR], link->ends[i]->id, true);
	return n;
}

void rows_link(const struct vswitch *sw, const struct model_link *link, struct ctl_link *row)
{
	*row = link->conf;
	CTL_SET(row, ctl_link, mtu, link_mtu(link));
	CTL_SET(row, ctl_link, carrier, link_carrier(link));
	CTL_SET(row, ctl_link, held, n_held(sw, link));
}
