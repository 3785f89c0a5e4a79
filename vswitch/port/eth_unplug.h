/**
 * eth_unplug: does the host want a NIC back that a port holds?
 *
 * A NIC under vfio-pci that is unplugged, removed through sysfs or unbound stays until the program
 * that has it lets go: the kernel asks for it, again and again, and whoever wanted the removal
 * waits. DPDK hears that in its interrupt thread. This file remembers it there; the port asks
 * for it when it looks at its device, and closes it.
 *
 * One registration for all NICs, for the life of the process: DPDK 22.11, when it unregisters one
 * NIC's, drops those of other NICs, too.
 *
 * Threads: the control thread; a lock keeps DPDK's out.
 * Source: Linux, include/uapi/linux/vfio.h, VFIO_PCI_REQ_IRQ_INDEX; DPDK 22.11, rte_dev.h.
 */
#ifndef WEFT_VSWITCH_PORT_ETH_UNPLUG_H
#define WEFT_VSWITCH_PORT_ETH_UNPLUG_H

#include "err.h"

#include <stdbool.h>

struct eth_unplug {
	struct eth_unplug *next;
	char nic[16]; /* PCI address, as DPDK calls it */
	bool asked;
};

/** Watch a NIC that DPDK has opened, or will. u lasts until eth_unplug_done(). 0, or -errno. */
int eth_unplug_init(struct eth_unplug *u, const char *nic, struct err *err);
/** A zeroed u is accepted. */
void eth_unplug_done(struct eth_unplug *u);
/** Has the host asked for the NIC? Then it takes it, too. Also after eth_unplug_done(). */
bool eth_unplug_asked(const struct eth_unplug *u);

#endif
