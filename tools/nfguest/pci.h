/** pci: finds the virtio network devices on bus 0 and their registers. BARs have addresses already:
 *  vmm gives them. Source: VIRTIO 1.2, 4.1.4 "Virtio Structure PCI Capabilities". */
#ifndef WEFT_TOOLS_NFGUEST_PCI_H
#define WEFT_TOOLS_NFGUEST_PCI_H

#include <stdint.h>

struct pci_nic {
	volatile uint8_t *common, *device, *notify;
	uint32_t notify_stride;
};

/** How many of nics[max] were filled. Devices come first on the bus; the first empty slot ends it.
 */
unsigned pci_find_nics(struct pci_nic *nics, unsigned max);

#endif
