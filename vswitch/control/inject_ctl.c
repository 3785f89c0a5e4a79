#include "inject_ctl.h"

#include <errno.h>
#include <string.h>

void inject_ctl_done(struct inject_ctl *injects)
{
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		inject_destroy(injects->rings[w]);
}

static int refuse(int r, const struct model_port *port, uint32_t len, struct err *err)
{
	const char *name = port->conf.name;

	switch (r) {
	case -EAGAIN:
		(void)err_set(err, r,
			"port '%s': no room for the frame, those injected before it have not left",
			name);
		err_name(err, "InjectFull");
		err_hint(err, "try again, or send more slowly");
		return r;
	case -EINVAL:
		return err_set_field(err, r, "frame",
			"port '%s': the frame of %u bytes ends inside its VLAN tag", name, len);
	default:
		return err_set(err, r, "port '%s': no memory to inject frames: %s", name,
			strerror(-r));
	}
}

int inject_ctl_add(struct inject_ctl *injects, unsigned n_workers, const struct model_port *port,
	bool is_egress, const uint8_t *bytes, uint32_t len, bool *ret_publish, struct err *err)
{
	const struct inject_frame frame = {.port_id = port->id,
		.is_egress = is_egress,
		.is_patch = port->conf.type == CTL_PORT_PATCH,
		.bytes = bytes,
		.len = len};
	unsigned w = port->id % n_workers;
	int r = 0;

	if (len < INJECT_MIN_LEN || len > INJECT_MAX_LEN)
		return err_set_field(err, -EINVAL, "frame",
			"port '%s': a frame of %u bytes cannot be injected, %d to %d can",
			port->conf.name, len, INJECT_MIN_LEN, INJECT_MAX_LEN);
	if (!injects->rings[w])
		r = inject_create(&injects->rings[w]);
	if (!r)
		r = inject_add(injects->rings[w], &frame);
	if (r < 0)
		return refuse(r, port, len, err);
	injects->ports[port->id].injected++;
	injects->n_injected++;
	injects->n_idle_ticks[w] = 0;
	*ret_publish = !injects->used[w];
	injects->used[w] = injects->rings[w];
	return 0;
}

/* Is there a port that is no more, some of whose frames may be in a ring? */
static bool is_any_gone(const struct inject_ctl *injects, const struct model *model)
{
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		if (!model->ports[i] && injects->ports[i].injected)
			return true;
	}
	return false;
}

struct inject *const *inject_ctl_rows(struct inject_ctl *injects, const struct model *model)
{
	bool is_gone = is_any_gone(injects, model);

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		struct inject *ring = injects->used[w];

		injects->rows[w] = ring && is_gone && inject_n_frames(ring) ? NULL : ring;
	}
	return injects->rows;
}

/* For inject_sift(). */
struct sieve {
	struct inject_ctl *injects;
	const struct model *model;
};

static bool stays(void *ctx, uint16_t port_id, bool is_egress)
{
	const struct sieve *sieve = ctx;

	if (sieve->model->ports[port_id])
		return true;
	sieve->injects->ports[port_id].discarded[is_egress]++;
	return false;
}

bool inject_ctl_published(struct inject_ctl *injects, const struct model *model)
{
	struct sieve sieve = {injects, model};
	bool is_again = false;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		if (injects->rows[w] == injects->used[w])
			continue;
		inject_sift(injects->used[w], stays, &sieve);
		injects->rows[w] = injects->used[w];
		is_again = true;
	}
	return is_again;
}

bool inject_ctl_tick(struct inject_ctl *injects)
{
	bool has_changed = false;

	for (unsigned w = 0; w < DP_MAX_WORKERS; w++) {
		if (!injects->used[w] || inject_n_frames(injects->used[w]))
			continue;
		if (++injects->n_idle_ticks[w] < INJECT_IDLE_TICKS)
			continue;
		injects->used[w] = NULL;
		has_changed = true;
	}
	return has_changed;
}

void inject_ctl_count(const struct inject_ctl *injects, uint16_t port_id,
	struct dp_counters *counters)
{
	const struct inject_port_counts *own = &injects->ports[port_id];

	counters->copies += own->injected;
	counters->held += own->injected;
	counters->released += own->discarded[0] + own->discarded[1];
	counters->drops[DROP_RX_DISCARDED] += own->discarded[0];
	counters->drops[DROP_TX_DISCARDED] += own->discarded[1];
}

void inject_ctl_forget(struct inject_ctl *injects, uint16_t port_id)
{
	injects->ports[port_id] = (struct inject_port_counts){0};
}
