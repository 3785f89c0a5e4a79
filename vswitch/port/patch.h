/**
 * patch: ports that have no peer but each other, two for a link between bridges.
 *
 * Nothing stands behind one: it has no queues, runs as long as it exists, and what is delivered to
 * it comes in at the other end of its link (datapath/crossing.h). Its link makes and ends it.
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_PORT_PATCH_H
#define WEFT_VSWITCH_PORT_PATCH_H

#include "port.h"

extern const struct port_ops patch_port_ops;

#endif
