/**
 * pci: PCI bus 0 with its host bridge: configuration space by ports 0xcf8/0xcfc and by ECAM, BARs,
 * capabilities, MSI-X and INTx.
 *
 * Data model: the bus owns up to 31 functions at slots 1..31 (00:00.0 is the host bridge). A
 * function has 4 KiB of configuration bytes and as many of write mask: a bit that is not in the
 * mask ignores the guest. BARs get addresses when they are added, so a guest that does not assign
 * any just works; a guest may move them, and they answer only while the command register enables
 * their space.
 *
 * MSI-X: the function's table and pending bits live in one of its BARs. Each vector has an eventfd
 * for its whole life: count it up (or hand it to a vhost-user back-end as call fd) and the message
 * goes out. While the vector is masked, the function is masked or MSI-X is off, no irqfd is
 * attached, so the count stays in the eventfd: it *is* the pending bit, and unmasking replays it.
 * INTx: a function's level shows in the Interrupt Status bit whatever the command register says; it
 * drives the line only while Interrupt Disable is clear and MSI-X is off.
 * Bus mastering: nobody stands between a function and RAM here, so a function that touches RAM
 * looks at PCI_COMMAND_MASTER itself, in config_written() and reset().
 *
 * Threads: configuration and BAR accesses come from vCPU threads; pci_dev_ops are called on them
 * with the PCI bus lock held (lock order: bus.h). BAR handlers are called without it.
 * pci_msix_notify() and pci_msix_eventfd() from any thread. Creation, pci_bus_reset() and
 * destruction: main thread, while no vCPU runs.
 * Life cycle: pci_dev_create(), then BARs, capabilities and MSI-X, before the machine starts. The
 * bus frees its functions; a device frees only its own state, after the bus.
 * Source: PCI Local Bus Specification 3.0, 6.1 "Configuration Space Organization", 6.2.2 "Device
 * Control", 6.2.3 "Device Status", 6.2.5 "Base Addresses", 6.8.2 "MSI-X Capability and Table
 * Structures".
 */
#ifndef WEFT_VMM_PCI_H
#define WEFT_VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct bus_ops;
struct err;
struct irq;
struct pci_bus;
struct pci_dev;

#define PCI_MAX_SLOTS        32
#define PCI_N_BARS           6
#define PCI_CONFIG_SIZE      4096
#define PCI_MSIX_MAX_VECTORS 512
#define PCI_MSIX_NO_VECTOR   0xffff

/** Offsets in configuration space that devices use. */
#define PCI_CFG_COMMAND          0x04
#define PCI_COMMAND_IO           0x1
#define PCI_COMMAND_MEMORY       0x2
#define PCI_COMMAND_MASTER       0x4
#define PCI_COMMAND_INTX_DISABLE 0x400
#define PCI_CAP_ID_VENDOR        0x09
#define PCI_CAP_ID_MSIX          0x11

struct pci_ident {
	uint16_t vendor_id;
	uint16_t device_id;
	uint16_t subsys_vendor_id;
	uint16_t subsys_id;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	uint8_t revision;
};

/** Callbacks of a function; each may be NULL. Called with the PCI bus lock held. */
struct pci_dev_ops {
	/**
	 * BAR idx now answers at base, or nowhere (base BUS_UNMAPPED): move ioeventfds. Also called
	 * when the guest turns the space on or off, and never twice with the same base.
	 */
	void (*bar_moved)(void *ctx, unsigned idx, uint64_t base);
	/** Before the guest reads [offset, offset + size): refresh bytes with pci_config_set(). */
	void (*config_read)(void *ctx, unsigned offset, unsigned size);
	/** After the guest wrote; masks are applied already. */
	void (*config_written)(void *ctx, unsigned offset, unsigned size);
	/** Machine reset, after the function's configuration went back to what it was at start. */
	void (*reset)(void *ctx);
};

enum pci_bar_kind {
	PCI_BAR_IO,    /* size 4..256 */
	PCI_BAR_MEM32, /* size 16.. */
	PCI_BAR_MEM64, /* takes idx and idx + 1 */
};

/** Life cycle of the bus. pio, mmio and irq are borrowed. pci_bus_destroy() accepts NULL. */
int pci_bus_create(struct bus *pio, struct bus *mmio, struct irq *irq, struct pci_bus **ret_bus);
void pci_bus_destroy(struct pci_bus *bus);
/** Everything as it was when the machine was first started; calls each function's reset. */
void pci_bus_reset(struct pci_bus *bus);
/** Who answers byte accesses to port 0xcf9 (reset control), which lies inside 0xcf8..0xcff. */
void pci_bus_set_reset_port(struct pci_bus *bus, const struct bus_ops *ops, void *ctx);

/**
 * A function at the next free slot.
 * name     static or outliving the bus; for messages
 * returns  0, -ENOSPC (31 slots used), -ENOMEM
 */
int pci_dev_create(struct pci_bus *bus, const char *name, const struct pci_ident *ident,
	const struct pci_dev_ops *ops, void *ctx, struct pci_dev **ret_dev);

/** size: power of two. ops gets offsets from the BAR's start. 0, -EINVAL, -ENOSPC, -ENOMEM. */
int pci_dev_add_bar(struct pci_dev *dev, unsigned idx, enum pci_bar_kind kind, uint64_t size,
	const struct bus_ops *ops, void *ctx);

/**
 * Append a capability: header bytes (id, next) are written here, body[len] follows them.
 * mask[len]  which body bits the guest may write; NULL = none
 * returns    offset of the capability (its id byte) in configuration space, or -ENOSPC
 */
int pci_dev_add_cap(struct pci_dev *dev, uint8_t id, const void *body, const void *mask,
	unsigned len);

/** Configuration bytes, little-endian; size 1, 2 or 4. Within pci_dev_ops or before start only. */
uint32_t pci_config_get(const struct pci_dev *dev, unsigned offset, unsigned size);
void pci_config_set(struct pci_dev *dev, unsigned offset, unsigned size, uint32_t value);

/**
 * MSI-X with its table at table_offset and pending bits at pba_offset of BAR idx, which exists
 * already; the BAR's own handler is not called for these two areas (each starts on 4 KiB; the table
 * takes n_vectors * 16 bytes, the pending bits n_vectors / 8 rounded up to 8).
 * n_vectors  1..PCI_MSIX_MAX_VECTORS
 */
int pci_msix_add(struct pci_dev *dev, unsigned idx, uint64_t table_offset, uint64_t pba_offset,
	unsigned n_vectors);
/** Vectors of the function; 0 without MSI-X. */
unsigned pci_msix_n_vectors(const struct pci_dev *dev);
/** Has the guest turned MSI-X on? Any thread. */
bool pci_msix_enabled(const struct pci_dev *dev);
/** The vector's eventfd (borrowed, lives as long as dev), or -1 if there is none. Any thread. */
int pci_msix_eventfd(const struct pci_dev *dev, unsigned vector);
/** Send the vector's message now, or when unmasked. PCI_MSIX_NO_VECTOR is ignored. Any thread. */
void pci_msix_notify(struct pci_dev *dev, unsigned vector);

/**
 * INTx, for guests that do not use MSI-X. add: the function has pin INTA. set: its level; the lines
 * are shared, and the command register's disable bit is honoured. Any thread (takes no PCI lock).
 */
int pci_intx_add(struct pci_dev *dev);
void pci_intx_set(struct pci_dev *dev, bool level);

/** GSI of a slot's INTA; the DSDT's _PRT says the same. */
unsigned pci_intx_gsi(unsigned slot);

#endif
