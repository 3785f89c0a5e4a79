/**
 * virtio_pci_priv: what the parts of a virtio device on PCI share.
 *
 *   virtio_pci.c           its state: running, kicks, interrupts, status and reset
 *   virtio_pci_regs.c      the registers in BAR 0
 *   virtio_pci_function.c  the PCI function: capabilities, the window to the registers, ioeventfds
 *
 * Threads: as virtio_pci.h says; "lock held" is virtio_pci_lock().
 */
#ifndef WEFT_VMM_DEV_VIRTIO_PCI_PRIV_H
#define WEFT_VMM_DEV_VIRTIO_PCI_PRIV_H

#include "virtio_pci.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ev_source;
struct pci_dev;

/* What a kick's callback is about. */
struct virtio_kick {
	struct virtio_pci *vp;
	struct ev_source *source; /* NULL = not watched */
};

struct virtio_pci {
	const struct dev_env *env;
	struct virtio_pci_config config;
	struct pci_dev *pci;
	unsigned window; /* offset of the PCI_CFG capability */
	pthread_mutex_t lock;

	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint64_t offered; /* latched at the driver's first look: fixed until reset */
	bool is_offered_latched;
	uint64_t driver_features;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	bool is_active;    /* activate() was called, and reset() not since */
	bool is_resetting; /* reset() is under way: every write is ignored */
	bool is_master;    /* the command register lets us master the bus */
	bool is_stalled;   /* it did not once since activate(): wait for a kick */
	bool is_paused;    /* the machine */
	bool is_running;   /* what the device was told last */
	bool is_stopping;  /* set_running(false) is under way */
	bool is_awaited;   /* vCPUs are held until stopping or reset is done */
	bool has_msix;     /* MSI-X as it was when calls were handed out */
	struct virtio_queue queues[VIRTIO_PCI_MAX_QUEUES];

	int kick_fds[VIRTIO_PCI_MAX_QUEUES];
	struct virtio_kick kicks[VIRTIO_PCI_MAX_QUEUES];
	uint64_t notify_base; /* where the ioeventfds are; BUS_UNMAPPED = nowhere */
	int intx_fd;
	struct ev_source *intx_source;
};

/* ---- State: lock held ------------------------------------------------------------------------ */

/** The command register was written, or the function was reset. */
void virtio_pci_update_master(struct virtio_pci *vp);
/** MSI-X went on or off: calls go another way from here on. */
void virtio_pci_update_msix(struct virtio_pci *vp);
/** Reading the ISR acknowledges it: 4.1.4.5.1. */
uint8_t virtio_pci_take_isr(struct virtio_pci *vp);
/** The features that the driver may choose from: fixed from its first look until reset. */
uint64_t virtio_pci_offered(struct virtio_pci *vp);
/** The driver writes the status register: bits to add, or 0 for a reset. */
void virtio_pci_write_status(struct virtio_pci *vp, uint8_t value);

/* ---- PCI function ---------------------------------------------------------------------------- */

/** Put the function on the bus. 0 or -errno. */
int virtio_pci_add_function(struct virtio_pci *vp);

#endif
