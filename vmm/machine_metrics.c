#include "machine_metrics.h"

#include "config.h"
#include "ctl_vmm.h"
#include "err.h"
#include "machine.h"
#include "machine_ctl.h"

#include <errno.h>
#include <stdlib.h>

struct machine_metrics {
	struct metrics metrics;
	struct metrics_server *server;
};

static bool next_vm(void *ctx, uint64_t *at, void *row)
{
	if ((*at)++)
		return false;
	machine_ctl_vm_row(ctx, row);
	return true;
}

static bool next_nic(void *ctx, uint64_t *at, void *row)
{
	if (*at >= machine_config(ctx)->n_nets)
		return false;
	machine_ctl_nic_row(ctx, (unsigned)(*at)++, row);
	return true;
}

const struct metrics_group machine_metrics_groups[] = {
	{"weft_vm", NULL, &ctl_vm_schema, next_vm},
	{"weft_nic", NULL, &ctl_nic_schema, next_nic},
};
const unsigned machine_metrics_n_groups =
	sizeof(machine_metrics_groups) / sizeof(machine_metrics_groups[0]);

int machine_metrics_create(struct machine *machine, struct ev *ev,
	struct machine_metrics **ret_metrics, struct err *err)
{
	const struct config *config = machine_config(machine);
	struct machine_metrics *metrics = calloc(1, sizeof(*metrics));
	int r;

	if (!metrics)
		return err_set(err, -ENOMEM, "metrics: out of memory");
	metrics->metrics = (struct metrics){.groups = machine_metrics_groups,
		.n_groups = machine_metrics_n_groups,
		.ctx = machine,
		.label_name = "vm",
		.label_value = config->name};
	r = metrics_server_create(ev, &config->metrics, &metrics->metrics, &metrics->server, err);
	if (r < 0) {
		free(metrics);
		return r;
	}
	*ret_metrics = metrics;
	return 0;
}

void machine_metrics_destroy(struct machine_metrics *metrics)
{
	if (!metrics)
		return;
	metrics_server_destroy(metrics->server);
	free(metrics);
}
