/**
 * pci_priv: what pci.c, pci_config.c and pci_msix.c share. Nobody else includes it.
 *
 * Locks: bus->lock guards configuration bytes, BAR places and the slots. msix.lock guards a
 * function's vectors and is taken after it. intx_lock guards the line counts, a leaf.
 */
#ifndef WEFT_VMM_PCI_PRIV_H
#define WEFT_VMM_PCI_PRIV_H

#include "bus.h"
#include "irq.h"
#include "layout.h"
#include "pci.h"

#include <pthread.h>
#include <stdatomic.h>

struct pci_bar {
	struct pci_dev *dev;
	unsigned idx;
	bool present;
	enum pci_bar_kind kind;
	uint64_t size;
	uint64_t initial_base;
	uint64_t mapped_base; /* BUS_UNMAPPED while it does not answer */
	struct bus_range *range;
	const struct bus_ops *ops; /* the device's */
	void *ctx;
};

struct pci_msix_vector {
	struct irq_msi msi;
	bool masked;
	bool attached; /* an irqfd ties fd to gsi */
	uint32_t gsi;
	int fd;
};

struct pci_msix {
	pthread_mutex_t lock;
	unsigned n_vectors; /* 0 = no MSI-X */
	unsigned bar_idx;
	uint64_t table_offset;
	uint64_t pba_offset;
	unsigned cap_offset;
	_Atomic bool enabled;
	bool function_masked;
	struct pci_msix_vector *vectors;
};

struct pci_dev {
	struct pci_bus *bus;
	const char *name;
	unsigned slot;
	const struct pci_dev_ops *ops;
	void *ctx;
	unsigned next_cap; /* where the next capability goes */
	unsigned last_cap; /* whose next pointer to fill, 0 = the header's */
	struct pci_bar bars[PCI_N_BARS];
	struct pci_msix msix;
	bool has_intx;
	bool intx_level;            /* what the device asked for */
	bool intx_asserted;         /* what the line was told */
	_Atomic bool intx_disabled; /* command register */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t mask[PCI_CONFIG_SIZE];
	uint8_t initial[PCI_CONFIG_SIZE];
};

struct pci_bus {
	struct bus *pio;
	struct bus *mmio;
	struct irq *irq;
	pthread_mutex_t lock;
	pthread_mutex_t intx_lock;
	unsigned intx_counts[LAYOUT_N_PCI_GSIS];
	uint32_t config_address; /* port 0xcf8 */
	struct pci_dev *devs[PCI_MAX_SLOTS];
	uint64_t next_mem_base;
	uint64_t next_io_base;
	bool sealed;                          /* initial[] was taken */
	const struct bus_ops *reset_port_ops; /* NULL = nobody; set before start */
	void *reset_port_ctx;
};

#define PCI_CFG_STATUS      0x06
#define PCI_CFG_HEADER_TYPE 0x0e
#define PCI_CFG_BAR0        0x10
#define PCI_CFG_CAP_PTR     0x34
#define PCI_CFG_INT_LINE    0x3c
#define PCI_CFG_INT_PIN     0x3d
#define PCI_STATUS_INTX     0x08
#define PCI_STATUS_CAP_LIST 0x10
#define PCI_FIRST_CAP       0x40
#define PCI_LAST_CAP        0x100

/* pci_config.c: accesses of the guest to configuration space. */
extern const struct bus_ops pci_config_port_ops;
extern const struct bus_ops pci_ecam_ops;

/* pci.c: the command register or a BAR changed. Bus lock held. */
void pci_dev_update_bars(struct pci_dev *dev);
void pci_intx_update(struct pci_dev *dev);
/** The level that the function asks for, while INTx is its way to interrupt. */
bool pci_intx_level(struct pci_dev *dev);

/* pci_msix.c. Offsets are those inside the BAR that holds table and pending bits. */
bool pci_msix_owns(const struct pci_dev *dev, unsigned idx, uint64_t offset);
uint64_t pci_msix_bar_read(struct pci_dev *dev, uint64_t offset, unsigned size);
void pci_msix_bar_write(struct pci_dev *dev, uint64_t offset, unsigned size, uint64_t value);
void pci_msix_control_written(struct pci_dev *dev);
void pci_msix_reset(struct pci_dev *dev);
void pci_msix_done(struct pci_dev *dev);

#endif
