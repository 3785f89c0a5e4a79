#include "exporter.h"

#include "rows.h"
#include "stats.h"

#include <errno.h>
#include <stdlib.h>

/* Longer than the first part of a text takes, shorter than between two of one collector. */
#define SUMS_LIFE_NS UINT64_C(100000000)

struct exporter {
	const struct vswitch *sw;
	struct metrics metrics;
	struct metrics_server *server;
	/* The switch's sums over all ports are made once for all families of a text, so that they
	 * agree, too. */
	struct ctl_switch sums;
	uint64_t sums_ns; /* when that was */
	/* A port has a row for each reason to drop: its counters are added up once for all. */
	struct dp_counters counters;
	uint16_t counters_of; /* id of the port */
};

/* ---- Rows ---- */

static bool next_switch(void *ctx, uint64_t *at, void *row)
{
	struct exporter *exporter = ctx;
	uint64_t now_ns = ev_now_ns();

	if ((*at)++)
		return false;
	if (!exporter->sums.set || now_ns - exporter->sums_ns > SUMS_LIFE_NS) {
		rows_switch(exporter->sw, &exporter->sums);
		exporter->sums_ns = now_ns;
	}
	*(struct ctl_switch *)row = exporter->sums;
	return true;
}

static bool next_worker(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;

	if (*at >= worker_ctl_count(exporter->sw->workers))
		return false;
	worker_ctl_row(exporter->sw->workers, (unsigned)(*at)++, row);
	return true;
}

static bool next_bridge(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;

	while (*at < MODEL_MAX_BRIDGES) {
		const struct model_bridge *bridge = exporter->sw->model.bridges[(*at)++];

		if (!bridge)
			continue;
		rows_bridge(exporter->sw, bridge, row);
		return true;
	}
	return false;
}

static bool next_link(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;

	while (*at < MODEL_MAX_LINKS) {
		const struct model_link *link = exporter->sw->model.links[(*at)++];

		if (!link)
			continue;
		rows_link(exporter->sw, link, row);
		return true;
	}
	return false;
}

static bool next_mirror(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;

	while (*at < MODEL_MAX_MIRRORS) {
		const struct model_mirror *mirror = exporter->sw->model.mirrors[(*at)++];

		if (!mirror)
			continue;
		rows_mirror(mirror, row);
		return true;
	}
	return false;
}

/* The next port from that id on, where it then is; NULL: there is none any more. */
static const struct model_port *find_port(const struct exporter *exporter, uint64_t *at)
{
	for (; *at < MODEL_MAX_PORTS; ++*at) {
		if (exporter->sw->model.ports[*at])
			return exporter->sw->model.ports[*at];
	}
	return NULL;
}

static bool next_port(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;
	const struct model_port *port = find_port(exporter, at);

	if (!port)
		return false;
	++*at;
	rows_port(exporter->sw, port, row);
	return true;
}

static bool next_stats(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;
	const struct model_port *port = find_port(exporter, at);
	struct dp_counters counters;

	if (!port)
		return false;
	++*at;
	switch_port_counters(exporter->sw, port->id, &counters);
	stats_port_row(port->conf.name, &counters, row);
	return true;
}

/* Of each port every reason, also those that never happened: a rate begins with a zero. */
static bool next_drop(void *ctx, uint64_t *at, void *row)
{
	struct exporter *exporter = ctx;
	uint64_t id = *at / DROP_N_REASONS;
	const struct model_port *port = find_port(exporter, &id);
	unsigned reason = *at / DROP_N_REASONS == id ? (unsigned)(*at % DROP_N_REASONS) : 0;

	if (!port)
		return false;
	if (reason == 0 || exporter->counters_of != port->id)
		switch_port_counters(exporter->sw, port->id, &exporter->counters);
	exporter->counters_of = port->id;
	stats_drop_row(port->conf.name, &exporter->counters, reason, row);
	*at = id * DROP_N_REASONS + reason + 1;
	return true;
}

/* Rows of which a port has several: so many at most. */
#define PORT_ROWS 4096

static bool next_size(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;
	uint64_t id = *at / PORT_ROWS;
	const struct model_port *port;

	for (; (port = find_port(exporter, &id)); *at = ++id * PORT_ROWS) {
		unsigned part = *at / PORT_ROWS == id ? (unsigned)(*at % PORT_ROWS) : 0;

		if (!rows_port_size(exporter->sw, port, part, row))
			continue;
		*at = id * PORT_ROWS + part + 1;
		return true;
	}
	return false;
}

static bool next_rx_queue(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;
	uint64_t id = *at / PORT_ROWS;
	const struct model_port *port;

	for (; (port = find_port(exporter, &id)); *at = ++id * PORT_ROWS) {
		unsigned n = *at / PORT_ROWS == id ? (unsigned)(*at % PORT_ROWS) : 0;

		if (!rows_port_rx_queue(exporter->sw, port, n, row))
			continue;
		*at = id * PORT_ROWS + n + 1;
		return true;
	}
	return false;
}

static bool next_vlan(void *ctx, uint64_t *at, void *row)
{
	const struct exporter *exporter = ctx;
	uint64_t id = *at / PORT_ROWS;
	const struct model_port *port;

	for (; (port = find_port(exporter, &id)); *at = ++id * PORT_ROWS) {
		unsigned vid = *at / PORT_ROWS == id ? (unsigned)(*at % PORT_ROWS) : 0;

		if (!rows_port_vlan(exporter->sw, port, &vid, row))
			continue;
		*at = id * PORT_ROWS + vid;
		return true;
	}
	return false;
}

const struct metrics_group exporter_groups[] = {
	{"weft_switch", NULL, &ctl_switch_schema, next_switch},
	{"weft_worker", NULL, &ctl_worker_schema, next_worker},
	{"weft_bridge", "bridge", &ctl_bridge_schema, next_bridge},
	{"weft_link", "link", &ctl_link_schema, next_link},
	{"weft_mirror", "mirror", &ctl_mirror_schema, next_mirror},
	{"weft_port", "port", &ctl_port_schema, next_port},
	{"weft_port", "port", &ctl_port_stats_schema, next_stats},
	{"weft_port_size", "port", &ctl_port_size_schema, next_size},
	{"weft_port_rx_queue", "port", &ctl_port_rx_queue_schema, next_rx_queue},
	{"weft_port_vlan", "port", &ctl_port_vlan_schema, next_vlan},
	{"weft_port_dropped", NULL, &ctl_drop_schema, next_drop},
};
const unsigned exporter_n_groups = sizeof(exporter_groups) / sizeof(exporter_groups[0]);

/* ---- Life cycle ---- */

int exporter_create(struct vswitch *sw, const struct metrics_address *address,
	struct exporter **ret_exporter, struct err *err)
{
	struct exporter *exporter = calloc(1, sizeof(*exporter));
	int r;

	if (!exporter)
		return err_set(err, -ENOMEM, "metrics: out of memory");
	exporter->sw = sw;
	exporter->metrics = (struct metrics){
		.groups = exporter_groups, .n_groups = exporter_n_groups, .ctx = exporter};
	r = metrics_server_create(sw->ev, address, &exporter->metrics, &exporter->server, err);
	if (r < 0) {
		free(exporter);
		return r;
	}
	*ret_exporter = exporter;
	return 0;
}

void exporter_destroy(struct exporter *exporter)
{
	if (!exporter)
		return;
	metrics_server_destroy(exporter->server);
	free(exporter);
}
