#include "rows.h"

#include "feature/count/count.h"
#include "feature/count/count_stage.h"
#include "feature/impair/impair.h"
#include "feature/mirror/mirror_stage.h"
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
	CTL_SET(row, ctl_switch, injected, sw->injects.n_injected);
	CTL_SET(row, ctl_switch, punts_lost, worker_punts_lost(worker_ctl_pool(sw->workers)));
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

bool rows_port_size(const struct vswitch *sw, const struct model_port *port, unsigned part,
	struct ctl_port_size *row)
{
	const void *count = sw->features.of[FEATURE_COUNT];
	uint64_t frames;

	if (part >= 2 * COUNT_N_SIZES ||
		!count_of_size(count, port->id, part % 2, part / 2, &frames))
		return false;
	*row = (struct ctl_port_size){0};
	CTL_SET_STR(row, ctl_port_size, name, port->conf.name);
	CTL_SET_STR(row, ctl_port_size, direction, part % 2 ? "tx" : "rx");
	CTL_SET_STR(row, ctl_port_size, size, count_size_name(part / 2));
	CTL_SET(row, ctl_port_size, frames, frames);
	return true;
}

bool rows_port_rx_queue(const struct vswitch *sw, const struct model_port *port, unsigned n,
	struct ctl_port_rx_queue *row)
{
	const struct port *dev = sw->ports[port->id].dev;
	const struct port_queues *queues = dev ? port_queues(dev) : NULL;
	struct worker_load load;

	if (!queues || n >= (unsigned)(queues->n + queues->n_disabled))
		return false;
	worker_ring_load(worker_ctl_pool(sw->workers), port->id, queues->pair[n], &load);
	*row = (struct ctl_port_rx_queue){0};
	CTL_SET_STR(row, ctl_port_rx_queue, name, port->conf.name);
	CTL_SET(row, ctl_port_rx_queue, queue, queues->pair[n]);
	CTL_SET(row, ctl_port_rx_queue, frames, load.frames);
	return true;
}

bool rows_port_vlan(const struct vswitch *sw, const struct model_port *port, unsigned *vid,
	struct ctl_port_vlan *row)
{
	const void *count = sw->features.of[FEATURE_COUNT];
	unsigned next_in = count_next_vlan(count, port->id, false, *vid);
	unsigned next_out = count_next_vlan(count, port->id, true, *vid);
	unsigned next = next_in < next_out ? next_in : next_out;
	uint64_t frames, bytes;

	*vid = next + 1;
	if (next >= COUNT_N_VLANS)
		return false;
	*row = (struct ctl_port_vlan){0};
	CTL_SET_STR(row, ctl_port_vlan, name, port->conf.name);
	CTL_SET(row, ctl_port_vlan, vlan, (uint16_t)next);
	count_of_vlan(count, port->id, false, next, &frames, &bytes);
	CTL_SET(row, ctl_port_vlan, rx_frames, frames);
	CTL_SET(row, ctl_port_vlan, rx_bytes, bytes);
	count_of_vlan(count, port->id, true, next, &frames, &bytes);
	CTL_SET(row, ctl_port_vlan, tx_frames, frames);
	CTL_SET(row, ctl_port_vlan, tx_bytes, bytes);
	return true;
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

void rows_mirror(const struct model_mirror *mirror, struct ctl_mirror *row)
{
	struct mirror_counts *counts = &mirror->mirror->counts;

	*row = mirror->conf;
	CTL_UNMARK(row, ctl_mirror, program);
	CTL_SET(row, ctl_mirror, frames, counts->frames);
	CTL_SET(row, ctl_mirror, lost, counts->lost);
	CTL_SET(row, ctl_mirror, lost_ring_full, counts->lost_ring_full);
	CTL_SET(row, ctl_mirror, lost_not_running, counts->lost_not_running);
	CTL_SET(row, ctl_mirror, lost_mtu, counts->lost_mtu);
}
