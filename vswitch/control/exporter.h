/**
 * exporter: the numbers of the switch as metrics: which rows there are (lib/metrics.h).
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_EXPORTER_H
#define WEFT_VSWITCH_CONTROL_EXPORTER_H

#include "switch.h"

#include "metrics_server.h"

struct exporter;

/** Answer at that address. returns 0 or -errno, err set */
int exporter_create(struct vswitch *sw, const struct metrics_address *address,
	struct exporter **ret_exporter, struct err *err);
/** Before the switch goes. NULL is accepted. */
void exporter_destroy(struct exporter *exporter);

/** exporter_groups[exporter_n_groups]: what is exported; next() has an exporter. */
extern const struct metrics_group exporter_groups[];
extern const unsigned exporter_n_groups;

#endif
