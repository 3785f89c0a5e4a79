#include "snapshot_build.h"

#include "bridge.h"
#include "link.h"
#include "port.h"

#include "datapath/inject.h"

#include <string.h>
#include <sys/mman.h>

#define MAX_RINGS (MODEL_MAX_PORTS * PORT_MAX_QUEUES)
#define MAX_HOLDS (MODEL_MAX_PORTS * 2 * N_FEATURES * FEATURE_MAX_HOLDS)

_Static_assert(MODEL_MAX_PORTS <= DP_MAX_PORTS, "ids fit the data path");
_Static_assert(PORT_MAX_QUEUES <= DP_MAX_QUEUES, "queues fit the data path");

struct snapshot {
	struct dp_snapshot dp;
	struct dp_port ports[MODEL_MAX_PORTS];
	struct dp_bridge bridges[MODEL_MAX_BRIDGES];
	struct vlan_set vlans[MODEL_MAX_PORTS];
	uint16_t members[MODEL_MAX_PORTS]; /* of all bridges, one after the other */
	struct queue *tx[MAX_RINGS];       /* PORT_MAX_QUEUES for each port */
	/* Of all workers, one after the other. */
	struct dp_rx rx[MAX_RINGS + MAX_HOLDS + DP_MAX_WORKERS];
	struct dp_rx holds[MAX_HOLDS]; /* the same rows, by port */
	unsigned n_holds;
	struct stage stages[MODEL_MAX_PORTS][2][N_FEATURES + 1]; /* ingress, egress */
	struct stage flood[MODEL_MAX_PORTS][N_FEATURES + 1];
};

struct snapshot *snapshot_create(void)
{
	struct snapshot *snapshot = mmap(NULL, sizeof(*snapshot), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return snapshot == MAP_FAILED ? NULL : snapshot;
}

void snapshot_destroy(struct snapshot *snapshot)
{
	if (snapshot)
		(void)munmap(snapshot, sizeof(*snapshot));
}

/* Member VLANs of a port in a bridge. */
static void build_vlans(const struct model_port *port, uint16_t pvid, bool untagged,
	struct vlan_set *vlans)
{
	const struct vlan_set *exist = &port->bridge->conf.vlans;

	vlan_set_clear(vlans);
	if (port->conf.vlan_mode != CTL_VLAN_ACCESS)
		*vlans = port->conf.trunks;
	if (pvid != VLAN_NONE)
		vlan_set_add(vlans, pvid, pvid);
	vlan_set_intersect(vlans, exist);
	if (untagged && pvid == VLAN_NONE && bridge_has_all_vlans(&port->bridge->conf))
		vlans->words[0] |= 1;
}

static void build_bridged_port(struct snapshot *s, const struct model_port *port,
	struct dp_port *dp)
{
	struct vlan_set *vlans = &s->vlans[port->id];
	bool untagged;

	dp->bridge = &s->bridges[port->bridge->id];
	dp->pvid = port_conf_pvid(&port->conf, &untagged);
	build_vlans(port, dp->pvid, untagged, vlans);
	dp->vlans = vlans;
	if (untagged && vlan_set_has(vlans, dp->pvid))
		dp->flags |= DP_PORT_UNTAGGED;
	if (port->conf.vlan_mode != CTL_VLAN_ACCESS)
		dp->flags |= DP_PORT_TAGGED;
	if (port->conf.vlan_mode == CTL_VLAN_NATIVE_TAGGED)
		dp->flags |= DP_PORT_PVID_TAGGED;
}

static void build_port(struct snapshot *s, const struct model_port *port,
	const struct port_queues *queues)
{
	static const struct vlan_set no_vlans;
	struct dp_port *dp = &s->ports[port->id];
	struct queue **tx = &s->tx[port->id * PORT_MAX_QUEUES];

	dp->id = port->id;
	dp->tx = tx;
	dp->mtu = model_port_mtu(port);
	dp->link_peer = DP_NO_PORT;
	dp->vlans = &no_vlans;
	for (unsigned i = 0; queues && port->conf.enabled && i < queues->n; i++)
		tx[dp->n_tx++] = queues->tx[i];
	if (port->conf.enabled)
		dp->flags |= DP_PORT_ENABLED;
	if (port->link) {
		dp->flags |= port->bridge ? DP_PORT_PATCH : DP_PORT_LINK;
		dp->mtu = link_mtu(port->link);
		if (link_carrier(port->link))
			dp->link_peer = link_other_end(port)->id;
	}
	if (port->bridge)
		build_bridged_port(s, port, dp);
}

/* resume: the stages behind the one that holds them. */
static void add_hold(struct snapshot *s, struct queue *queue, const struct stage *resume,
	uint16_t id, bool is_egress)
{
	s->holds[s->n_holds++] = (struct dp_rx){.queue = queue,
		.resume = resume,
		.port_id = id,
		.pair = DP_MAX_QUEUES,
		.is_egress = is_egress};
}

/* What features have in the way of a port's frames. NULL: nothing. */
static const struct stage *build_stages(struct snapshot *s, const struct feature_states *states,
	uint16_t id, bool is_egress)
{
	struct stage *list = s->stages[id][is_egress];
	unsigned n = 0;

	for (unsigned i = 0; states && i < N_FEATURES; i++) {
		unsigned f = is_egress ? N_FEATURES - 1 - i : i;
		struct feature_part part;

		if (!features[f]->part || !features[f]->part(states->of[f], id, is_egress, &part))
			continue;
		list[n++] = part.stage;
		if (part.queue)
			add_hold(s, part.queue, &list[n], id, is_egress);
		for (unsigned h = 0; h < part.n_holds; h++)
			add_hold(s, &part.holds[h]->out, &list[n], id, is_egress);
	}
	list[n] = (struct stage){NULL, NULL};
	return n ? list : NULL;
}

/* The same of what it floods. */
static const struct stage *build_flood(struct snapshot *s, const struct feature_states *states,
	uint16_t id)
{
	struct stage *list = s->flood[id];
	unsigned n = 0;

	for (unsigned f = 0; states && f < N_FEATURES; f++) {
		if (features[f]->flood_stage &&
			features[f]->flood_stage(states->of[f], id, &list[n]))
			n++;
	}
	list[n] = (struct stage){NULL, NULL};
	return n ? list : NULL;
}

/* Is there anybody to flood to? */
static bool is_reachable(const struct dp_port *port)
{
	return port->flags & DP_PORT_PATCH ? port->link_peer != DP_NO_PORT : port->n_tx > 0;
}

/* Members of every bridge, each bridge's in a row. */
static void build_bridges(struct snapshot *s, const struct snapshot_input *input)
{
	const struct model *model = input->model;
	uint16_t *next = s->members;

	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		const struct model_bridge *bridge = model->bridges[i];
		struct dp_bridge *dp = &s->bridges[i];

		if (!bridge)
			continue;
		dp->fdb = input->fdbs[i];
		dp->id = bridge->id;
		dp->keep_reserved = bridge->conf.reserved == CTL_RESERVED_DROP;
		dp->ports = next;
		for (unsigned id = 0; bridge->n_ports && id < s->dp.n_ports; id++) {
			if (s->ports[id].bridge == dp && is_reachable(&s->ports[id]))
				*next++ = (uint16_t)id;
		}
		dp->n_ports = (uint16_t)(next - dp->ports);
	}
}

/* What is held comes first, the last that frames reach before the others: when that is empty, what
 * comes need not be held. */
static struct dp_rx *add_holds(const struct snapshot *s, struct dp_rx *next, uint16_t n_workers,
	uint16_t worker)
{
	for (unsigned is_ingress = 0; is_ingress < 2; is_ingress++) {
		for (unsigned i = s->n_holds; i-- > 0;) {
			const struct dp_rx *rx = &s->holds[i];

			if (rx->is_egress != is_ingress && rx->port_id % n_workers == worker)
				*next++ = *rx;
		}
	}
	return next;
}

/* What control injects at any port of the worker. The row says of no frame where it goes. */
static struct dp_rx *add_inject(struct inject *const *injects, struct dp_rx *next, uint16_t worker)
{
	static const struct stage none = {NULL, NULL};

	if (injects && injects[worker])
		*next++ = (struct dp_rx){.queue = &injects[worker]->q,
			.resume = &none,
			.pair = DP_MAX_QUEUES,
			.is_injected = true};
	return next;
}

static struct pace *pace_of(const struct feature_states *states, uint16_t id)
{
	struct pace *pace = NULL;

	for (unsigned f = 0; states && f < N_FEATURES && !pace; f++) {
		if (features[f]->pace)
			pace = features[f]->pace(states->of[f], id);
	}
	return pace;
}

static void build_workers(struct snapshot *s, const struct snapshot_input *input)
{
	struct dp_rx *next = s->rx;

	for (uint16_t w = 0; w < input->n_workers; w++) {
		const uint16_t *worker = input->ring_workers;

		s->dp.workers[w].rx = next;
		next = add_inject(input->injects, next, w);
		next = add_holds(s, next, input->n_workers, w);
		for (uint16_t id = 0; id < s->dp.n_ports; id++) {
			const struct port_queues *qs = input->queues[id];
			struct pace *pace = qs ? pace_of(input->features, id) : NULL;

			for (unsigned q = 0; qs && q < qs->n + qs->n_disabled; q++) {
				if (*worker++ == w)
					*next++ = (struct dp_rx){.queue = qs->rx[q],
						.port_id = id,
						.pair = qs->pair[q],
						.pace = q < qs->n ? pace : NULL,
						.is_disabled = q >= qs->n};
			}
		}
		s->dp.workers[w].n_rx = (uint16_t)(next - s->dp.workers[w].rx);
	}
	s->dp.n_workers = input->n_workers;
}

const struct dp_snapshot *snapshot_build(struct snapshot *snapshot,
	const struct snapshot_input *input)
{
	const struct model *model = input->model;
	struct snapshot *s = snapshot;
	uint16_t n_ports = 0;

	for (uint16_t id = 0; id < MODEL_MAX_PORTS; id++) {
		if (model->ports[id])
			n_ports = id + 1;
	}
	/* Below the highest id that this block ever held, to leave untouched pages untouched. */
	memset(s->ports, 0,
		sizeof(s->ports[0]) * (n_ports > s->dp.n_ports ? n_ports : s->dp.n_ports));
	s->dp = (struct dp_snapshot){.ports = s->ports, .n_ports = n_ports, .drops = input->drops};
	s->n_holds = 0;
	for (uint16_t id = 0; id < n_ports; id++) {
		if (!model->ports[id])
			continue;
		build_port(s, model->ports[id], input->queues[id]);
		s->ports[id].ingress = build_stages(s, input->features, id, false);
		s->ports[id].egress = build_stages(s, input->features, id, true);
		s->ports[id].flood = build_flood(s, input->features, id);
	}
	build_bridges(s, input);
	build_workers(s, input);
	return &s->dp;
}

bool snapshot_hold_joins(const struct snapshot *snapshot, const struct snapshot *former)
{
	unsigned n_both = 0, at = 0;

	/* Those that both have stand in the same order. */
	for (unsigned i = 0; i < snapshot->n_holds; i++) {
		unsigned j = at;

		while (j < former->n_holds && former->holds[j].queue != snapshot->holds[i].queue)
			j++;
		if (j == former->n_holds)
			continue;
		n_both++;
		at = j + 1;
	}
	return n_both > 0 && n_both < snapshot->n_holds;
}

void snapshot_park_holds(struct snapshot *snapshot)
{
	for (uint16_t w = 0; w < snapshot->dp.n_workers; w++) {
		/* They stand in front of the rings. */
		while (snapshot->dp.workers[w].n_rx && snapshot->dp.workers[w].rx->resume) {
			snapshot->dp.workers[w].rx++;
			snapshot->dp.workers[w].n_rx--;
		}
	}
}
