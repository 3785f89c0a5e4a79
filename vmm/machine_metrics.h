/**
 * machine_metrics: the numbers of a VM as metrics (lib/metrics_server.h): the rows of its control
 * protocol (lib/ctl_vmm.h), each with the label `vm`.
 *
 * Threads: the loop's. Life cycle: as machine_ctl.h.
 */
#ifndef WEFT_VMM_MACHINE_METRICS_H
#define WEFT_VMM_MACHINE_METRICS_H

#include "metrics_server.h"

struct err;
struct ev;
struct machine;
struct machine_metrics;

/** Answer at the address of the machine's configuration. returns 0 or -errno with err */
int machine_metrics_create(struct machine *machine, struct ev *ev,
	struct machine_metrics **ret_metrics, struct err *err);
void machine_metrics_destroy(struct machine_metrics *metrics);

/** machine_metrics_groups[machine_metrics_n_groups]: what is exported; next() has the machine. */
extern const struct metrics_group machine_metrics_groups[];
extern const unsigned machine_metrics_n_groups;

#endif
