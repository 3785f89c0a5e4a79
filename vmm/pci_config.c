/* Configuration space as the guest sees it: ports 0xcf8/0xcfc, ECAM, write masks. */
#include "pci_priv.h"

#include <string.h>

#define PCI_ADDRESS_ENABLE 0x80000000u
#define PCI_PORT_RESET     1 /* 0xcf9 */

uint32_t pci_config_get(const struct pci_dev *dev, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)dev->config[offset + i] << (8 * i);
	return value;
}

void pci_config_set(struct pci_dev *dev, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size; i++)
		dev->config[offset + i] = (uint8_t)(value >> (8 * i));
}

static bool overlaps(unsigned offset, unsigned size, unsigned at, unsigned at_size)
{
	return offset < at + at_size && at < offset + size;
}

static uint32_t read_by_guest(struct pci_dev *dev, unsigned offset, unsigned size)
{
	if (overlaps(offset, size, PCI_CFG_STATUS, 1)) {
		uint32_t status = pci_config_get(dev, PCI_CFG_STATUS, 1) & ~PCI_STATUS_INTX;

		pci_config_set(dev, PCI_CFG_STATUS, 1,
			status | (pci_intx_level(dev) ? PCI_STATUS_INTX : 0));
	}
	if (dev->ops->config_read)
		dev->ops->config_read(dev->ctx, offset, size);
	return pci_config_get(dev, offset, size);
}

static void write_by_guest(struct pci_dev *dev, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t mask = dev->mask[offset + i];
		uint8_t byte = (uint8_t)(value >> (8 * i));

		dev->config[offset + i] =
			(uint8_t)((dev->config[offset + i] & ~mask) | (byte & mask));
	}
	if (overlaps(offset, size, PCI_CFG_COMMAND, 2) ||
		overlaps(offset, size, PCI_CFG_BAR0, 4 * PCI_N_BARS))
		pci_dev_update_bars(dev);
	if (overlaps(offset, size, PCI_CFG_COMMAND, 2))
		pci_intx_update(dev);
	if (dev->msix.n_vectors && overlaps(offset, size, dev->msix.cap_offset + 2, 2))
		pci_msix_control_written(dev); /* also decides who interrupts: INTx or MSI-X */
	if (dev->ops->config_written)
		dev->ops->config_written(dev->ctx, offset, size);
}

/*
 * Both ways in end here. devfn counts from bus 0; other buses do not exist. Accesses must be
 * naturally aligned, as the PCI specification asks; an 8-byte one is made of two.
 */
static uint64_t read_access(struct pci_bus *bus, uint64_t devfn, unsigned offset, unsigned size)
{
	uint64_t value = UINT64_MAX;
	struct pci_dev *dev;

	if (devfn >= PCI_MAX_SLOTS * 8 || devfn & 7 || offset & (size - 1))
		return value;
	(void)pthread_mutex_lock(&bus->lock);
	dev = bus->devs[devfn >> 3];
	if (dev && size == 8)
		value = read_by_guest(dev, offset, 4) | (uint64_t)read_by_guest(dev, offset + 4, 4)
								<< 32;
	else if (dev)
		value = read_by_guest(dev, offset, size);
	(void)pthread_mutex_unlock(&bus->lock);
	return value;
}

static void write_access(struct pci_bus *bus, uint64_t devfn, unsigned offset, unsigned size,
	uint64_t value)
{
	struct pci_dev *dev;

	if (devfn >= PCI_MAX_SLOTS * 8 || devfn & 7 || offset & (size - 1))
		return;
	(void)pthread_mutex_lock(&bus->lock);
	dev = bus->devs[devfn >> 3];
	if (dev && size == 8) {
		write_by_guest(dev, offset, 4, (uint32_t)value);
		write_by_guest(dev, offset + 4, 4, (uint32_t)(value >> 32));
	} else if (dev) {
		write_by_guest(dev, offset, size, (uint32_t)value);
	}
	(void)pthread_mutex_unlock(&bus->lock);
}

/* Ports 0xcf8..0xcff: a 4-byte access to 0xcf8 is the address, 0xcfc..0xcff the data window. */
static uint64_t read_port(void *ctx, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = ctx;
	uint32_t address;

	if (offset == PCI_PORT_RESET && size == 1 && bus->reset_port_ops)
		return bus->reset_port_ops->read(bus->reset_port_ctx, 0, 1);
	(void)pthread_mutex_lock(&bus->lock);
	address = bus->config_address;
	(void)pthread_mutex_unlock(&bus->lock);
	if (!offset && size == 4)
		return address;
	if (offset < 4 || !(address & PCI_ADDRESS_ENABLE) || size > 4)
		return UINT64_MAX;
	return read_access(bus, address >> 8 & 0xffff, (address & 0xfc) + (unsigned)(offset - 4),
		size);
}

static void write_port(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_bus *bus = ctx;
	uint32_t address;

	if (offset == PCI_PORT_RESET && size == 1 && bus->reset_port_ops) {
		bus->reset_port_ops->write(bus->reset_port_ctx, 0, 1, value);
		return;
	}
	(void)pthread_mutex_lock(&bus->lock);
	if (!offset && size == 4)
		bus->config_address = (uint32_t)value & ~3u;
	address = bus->config_address;
	(void)pthread_mutex_unlock(&bus->lock);
	if (offset < 4 || !(address & PCI_ADDRESS_ENABLE) || size > 4)
		return;
	write_access(bus, address >> 8 & 0xffff, (address & 0xfc) + (unsigned)(offset - 4), size,
		value);
}

/* ECAM: 1 MiB per bus, 4 KiB per function. */
static uint64_t read_ecam(void *ctx, uint64_t offset, unsigned size)
{
	return read_access(ctx, offset >> 12, offset & 0xfff, size);
}

static void write_ecam(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	write_access(ctx, offset >> 12, offset & 0xfff, size, value);
}

const struct bus_ops pci_config_port_ops = {.read = read_port, .write = write_port};
const struct bus_ops pci_ecam_ops = {.read = read_ecam, .write = write_ecam};
