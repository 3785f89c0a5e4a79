/**
 * sflow_ctl: sFlow (feature/sflow/sflow.h) as part of the switch: its settings requested and kept,
 * the counters of ports that it sends.
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_SFLOW_CTL_H
#define WEFT_VSWITCH_CONTROL_SFLOW_CTL_H

#include "switch.h"

/** Change what req has. Returns 0 or -EINVAL, err set; what it was and is now. */
int sflow_ctl_set(struct vswitch *sw, const struct ctl_sflow *req, struct ctl_sflow *ret_was,
	struct ctl_sflow *ret_conf, struct err *err);
/** Write the settings, if there are any, to the file of the configuration. */
void sflow_ctl_save(struct vswitch *sw);
/** Once a second. */
void sflow_ctl_tick(struct vswitch *sw);

#endif
