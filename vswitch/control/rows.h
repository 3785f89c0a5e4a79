/**
 * rows: the switch and what it consists of, as rows of the control protocol.
 *
 * What requests show and metrics export are these. Each row is true when it is made.
 *
 * Threads: the control thread. Rows are zeroed, or overwritten whole.
 */
#ifndef WEFT_VSWITCH_CONTROL_ROWS_H
#define WEFT_VSWITCH_CONTROL_ROWS_H

#include "switch.h"

void rows_switch(const struct vswitch *sw, struct ctl_switch *row);
void rows_bridge(const struct vswitch *sw, const struct model_bridge *bridge,
	struct ctl_bridge *row);
void rows_port(const struct vswitch *sw, const struct model_port *port, struct ctl_port *row);
void rows_link(const struct vswitch *sw, const struct model_link *link, struct ctl_link *row);

#endif
