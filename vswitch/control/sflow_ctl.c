#include "sflow_ctl.h"

#include "conf.h"
#include "stats.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "feature/sflow/sflow.h"

int sflow_ctl_set(struct vswitch *sw, const struct ctl_sflow *req, struct ctl_sflow *ret_was,
	struct ctl_sflow *ret_conf, struct err *err)
{
	void *state = sw->features.of[FEATURE_SFLOW];
	int r = conf_check_writable(&ctl_sflow_schema, req, CTL_ACCESS_OPT, "sflow", "switch", err);

	if (r < 0)
		return r;
	*ret_was = *ret_conf = *sflow_settings(state);
	ctl_merge(&ctl_sflow_schema, ret_conf, req, ctl_fields(&ctl_sflow_schema, CTL_ACCESS_OPT));
	if (ctl_msg_equal(&ctl_sflow_schema, ret_was, ret_conf))
		return 0;
	return sflow_set(state, ret_conf, err);
}

void sflow_ctl_save(struct vswitch *sw)
{
	const struct ctl_sflow *settings = sflow_settings(sw->features.of[FEATURE_SFLOW]);

	if (settings->set)
		state_put(sw->state, "SflowSet", settings);
}

static void add_counters(struct vswitch *sw, const struct model_port *port)
{
	struct dp_counters sum;
	struct ctl_port_stats row;
	struct sflow_counters counters;

	switch_port_counters(sw, port->id, &sum);
	stats_port_row(port->conf.name, &sum, &row);
	counters = (struct sflow_counters){
		.admin_up = port->conf.enabled,
		.oper_up = port->carrier,
		.in_octets = row.rx_bytes,
		.out_octets = row.tx_bytes,
		.in_unicast = (uint32_t)row.rx_unicast,
		.in_multicast = (uint32_t)row.rx_multicast,
		.in_broadcast = (uint32_t)row.rx_broadcast,
		.in_discards = (uint32_t)(row.rx_dropped - row.rx_errors),
		.in_errors = (uint32_t)row.rx_errors,
		.out_unicast = (uint32_t)row.tx_unicast,
		.out_multicast = (uint32_t)row.tx_multicast,
		.out_broadcast = (uint32_t)row.tx_broadcast,
		.out_discards = (uint32_t)(row.tx_dropped - row.tx_errors),
		.out_errors = (uint32_t)row.tx_errors,
	};
	sflow_add_counters(sw->features.of[FEATURE_SFLOW], port->id, &counters);
}

void sflow_ctl_tick(struct vswitch *sw)
{
	void *state = sw->features.of[FEATURE_SFLOW];

	if (sflow_wants_counters(state)) {
		for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
			if (sw->model.ports[i])
				add_counters(sw, sw->model.ports[i]);
		}
	}
	sflow_flush(state);
}
