#include "punt_ctl.h"

#include "switch.h"

#include "feature/sflow/sflow.h"

/* By enum punt_client. */
static const struct {
	enum feature_id feature;
	void (*fn)(void *state, const struct punt_record *record);
} clients[PUNT_N_CLIENTS] = {
	[PUNT_SFLOW] = {FEATURE_SFLOW, sflow_sample},
};

void punt_ctl_dispatch(void *ctx, const struct punt_record *record)
{
	struct vswitch *sw = ctx;

	if (!sw->model.ports[record->port_id])
		return;
	clients[record->client].fn(sw->features.of[clients[record->client].feature], record);
}
