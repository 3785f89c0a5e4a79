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
/**
 * What the port counts of the direction and size, part = 2 * size + is tx, or of its next VLAN from
 * *vid on, which is moved behind it. False: there is none any more.
 */
bool rows_port_size(const struct vswitch *sw, const struct model_port *port, unsigned part,
	struct ctl_port_size *row);
/** Of the nth queue that the port has now. False: it has no more. */
bool rows_port_rx_queue(const struct vswitch *sw, const struct model_port *port, unsigned n,
	struct ctl_port_rx_queue *row);
bool rows_port_vlan(const struct vswitch *sw, const struct model_port *port, unsigned *vid,
	struct ctl_port_vlan *row);
void rows_link(const struct vswitch *sw, const struct model_link *link, struct ctl_link *row);
void rows_mirror(const struct model_mirror *mirror, struct ctl_mirror *row);

#endif
