#include "pci_priv.h"

#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("pci");

#define PCI_PORTS_BASE    0xcf8
#define PCI_PORTS_SIZE    8
#define PCI_BAR_IO_BIT    1u
#define PCI_BAR_MEM64_BIT 4u

/* Seen by firmware that looks for a known chipset; Linux only prints it. */
static const struct pci_ident pci_host_bridge = {
	.vendor_id = 0x8086,
	.device_id = 0x0d57, /* "virtual host bridge", as OVMF's CloudHv platform knows it */
	.subsys_vendor_id = 0x1af4,
	.subsys_id = 0x1100,
	.class_code = 0x060000,
};
static const struct pci_dev_ops pci_host_bridge_ops;

static bool bar_is_io(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_IO;
}

static struct bus *bar_bus(const struct pci_bar *bar)
{
	return bar_is_io(bar) ? bar->dev->bus->pio : bar->dev->bus->mmio;
}

/* BAR handlers: MSI-X areas first, then the device. */

static uint64_t read_bar(void *ctx, uint64_t offset, unsigned size)
{
	struct pci_bar *bar = ctx;

	if (pci_msix_owns(bar->dev, bar->idx, offset))
		return pci_msix_bar_read(bar->dev, offset, size);
	return bar->ops && bar->ops->read ? bar->ops->read(bar->ctx, offset, size) : 0;
}

static void write_bar(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_bar *bar = ctx;

	if (pci_msix_owns(bar->dev, bar->idx, offset))
		pci_msix_bar_write(bar->dev, offset, size, value);
	else if (bar->ops && bar->ops->write)
		bar->ops->write(bar->ctx, offset, size, value);
}

static const struct bus_ops pci_bar_ops = {.read = read_bar, .write = write_bar};

/* The address in the BAR's registers. */
static uint64_t bar_programmed(const struct pci_bar *bar)
{
	unsigned at = PCI_CFG_BAR0 + 4 * bar->idx;
	uint64_t value = pci_config_get(bar->dev, at, 4);

	if (bar->kind == PCI_BAR_MEM64)
		value |= (uint64_t)pci_config_get(bar->dev, at + 4, 4) << 32;
	return value & ~(uint64_t)(bar_is_io(bar) ? 3 : 15);
}

static void update_bar(struct pci_bar *bar, uint32_t command)
{
	bool enabled = command & (bar_is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	uint64_t base = enabled ? bar_programmed(bar) : BUS_UNMAPPED;
	struct pci_dev *dev = bar->dev;

	if (base == bar->mapped_base)
		return;
	if (base == BUS_UNMAPPED) {
		bus_unmap(bar_bus(bar), bar->range);
	} else if (bus_move(bar_bus(bar), bar->range, base) < 0) {
		/*
		 * A guest that sizes a BAR while it is enabled comes here; the next write mends it.
		 */
		log_debug("%s: BAR %u cannot answer at 0x%llx", dev->name, bar->idx,
			(unsigned long long)base);
		base = BUS_UNMAPPED;
	}
	if (base == bar->mapped_base)
		return;
	bar->mapped_base = base;
	if (dev->ops->bar_moved)
		dev->ops->bar_moved(dev->ctx, bar->idx, base);
}

void pci_dev_update_bars(struct pci_dev *dev)
{
	uint32_t command = pci_config_get(dev, PCI_CFG_COMMAND, 2);

	for (unsigned i = 0; i < PCI_N_BARS; i++) {
		if (dev->bars[i].present)
			update_bar(&dev->bars[i], command);
	}
}

/* INTx: a line is high while any function that shares it asks for it. */

unsigned pci_intx_gsi(unsigned slot)
{
	return LAYOUT_GSI_PCI + slot % LAYOUT_N_PCI_GSIS;
}

static void apply_intx(struct pci_dev *dev)
{
	struct pci_bus *bus = dev->bus;
	bool assert_line =
		dev->intx_level && !atomic_load(&dev->intx_disabled) && !pci_msix_enabled(dev);
	unsigned *count = &bus->intx_counts[dev->slot % LAYOUT_N_PCI_GSIS];

	if (assert_line == dev->intx_asserted)
		return;
	dev->intx_asserted = assert_line;
	*count += assert_line ? 1 : -1;
	if (*count == (assert_line ? 1 : 0))
		irq_line_set(bus->irq, pci_intx_gsi(dev->slot), assert_line);
}

void pci_intx_update(struct pci_dev *dev)
{
	uint32_t command = pci_config_get(dev, PCI_CFG_COMMAND, 2);

	atomic_store(&dev->intx_disabled, (command & PCI_COMMAND_INTX_DISABLE) != 0);
	(void)pthread_mutex_lock(&dev->bus->intx_lock);
	apply_intx(dev);
	(void)pthread_mutex_unlock(&dev->bus->intx_lock);
}

void pci_intx_set(struct pci_dev *dev, bool level)
{
	if (!dev->has_intx)
		return;
	(void)pthread_mutex_lock(&dev->bus->intx_lock);
	dev->intx_level = level;
	apply_intx(dev);
	(void)pthread_mutex_unlock(&dev->bus->intx_lock);
}

bool pci_intx_level(struct pci_dev *dev)
{
	bool level;

	(void)pthread_mutex_lock(&dev->bus->intx_lock);
	level = dev->intx_level && !pci_msix_enabled(dev);
	(void)pthread_mutex_unlock(&dev->bus->intx_lock);
	return level;
}

int pci_intx_add(struct pci_dev *dev)
{
	dev->has_intx = true;
	pci_config_set(dev, PCI_CFG_INT_PIN, 1, 1);
	pci_config_set(dev, PCI_CFG_INT_LINE, 1, pci_intx_gsi(dev->slot));
	dev->mask[PCI_CFG_INT_LINE] = 0xff;
	return 0;
}

/* Life cycle */

static void destroy_dev(struct pci_dev *dev)
{
	if (!dev)
		return;
	pci_msix_done(dev);
	for (unsigned i = 0; i < PCI_N_BARS; i++) {
		if (dev->bars[i].range)
			bus_unregister(bar_bus(&dev->bars[i]), dev->bars[i].range);
	}
	free(dev);
}

static int place_dev(struct pci_bus *bus, const char *name, const struct pci_ident *ident,
	const struct pci_dev_ops *ops, void *ctx, unsigned slot, struct pci_dev **ret_dev)
{
	struct pci_dev *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	dev->bus = bus;
	dev->name = name;
	dev->slot = slot;
	dev->ops = ops;
	dev->ctx = ctx;
	dev->next_cap = PCI_FIRST_CAP;
	(void)pthread_mutex_init(&dev->msix.lock, NULL);
	pci_config_set(dev, 0x00, 2, ident->vendor_id);
	pci_config_set(dev, 0x02, 2, ident->device_id);
	pci_config_set(dev, 0x08, 4, ident->class_code << 8 | ident->revision);
	pci_config_set(dev, 0x2c, 2, ident->subsys_vendor_id);
	pci_config_set(dev, 0x2e, 2, ident->subsys_id);
	dev->mask[0x0c] = 0xff; /* cache line size, which some guests insist on writing */
	bus->devs[slot] = dev;
	if (ret_dev)
		*ret_dev = dev;
	return 0;
}

int pci_bus_create(struct bus *pio, struct bus *mmio, struct irq *irq, struct pci_bus **ret_bus)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	bus->pio = pio;
	bus->mmio = mmio;
	bus->irq = irq;
	bus->next_mem_base = LAYOUT_PCI_MEM_BASE;
	bus->next_io_base = LAYOUT_PIO_PCI_BASE;
	(void)pthread_mutex_init(&bus->lock, NULL);
	(void)pthread_mutex_init(&bus->intx_lock, NULL);
	r = place_dev(bus, "host bridge", &pci_host_bridge, &pci_host_bridge_ops, NULL, 0, NULL);
	if (!r)
		r = bus_register(pio, "pci-config", PCI_PORTS_BASE, PCI_PORTS_SIZE,
			&pci_config_port_ops, bus, NULL);
	if (!r)
		r = bus_register(mmio, "pci-ecam", LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE,
			&pci_ecam_ops, bus, NULL);
	if (r < 0) {
		pci_bus_destroy(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

void pci_bus_destroy(struct pci_bus *bus)
{
	if (!bus)
		return;
	for (unsigned i = 0; i < PCI_MAX_SLOTS; i++)
		destroy_dev(bus->devs[i]);
	(void)pthread_mutex_destroy(&bus->intx_lock);
	(void)pthread_mutex_destroy(&bus->lock);
	free(bus);
}

static void reset_dev(struct pci_dev *dev)
{
	memcpy(dev->config, dev->initial, sizeof(dev->config));
	pci_msix_reset(dev);
	pci_dev_update_bars(dev);
	pci_intx_set(dev, false);
	pci_intx_update(dev);
	if (dev->ops->reset)
		dev->ops->reset(dev->ctx);
}

/* The first call comes before the first start, when every device has its capabilities. */
void pci_bus_reset(struct pci_bus *bus)
{
	(void)pthread_mutex_lock(&bus->lock);
	bus->config_address = 0;
	for (unsigned i = 0; i < PCI_MAX_SLOTS; i++) {
		struct pci_dev *dev = bus->devs[i];

		if (!dev)
			continue;
		if (!bus->sealed)
			memcpy(dev->initial, dev->config, sizeof(dev->initial));
		reset_dev(dev);
	}
	bus->sealed = true;
	(void)pthread_mutex_unlock(&bus->lock);
}

void pci_bus_set_reset_port(struct pci_bus *bus, const struct bus_ops *ops, void *ctx)
{
	bus->reset_port_ops = ops;
	bus->reset_port_ctx = ctx;
}

int pci_dev_create(struct pci_bus *bus, const char *name, const struct pci_ident *ident,
	const struct pci_dev_ops *ops, void *ctx, struct pci_dev **ret_dev)
{
	for (unsigned slot = 1; slot < PCI_MAX_SLOTS; slot++) {
		if (!bus->devs[slot])
			return place_dev(bus, name, ident, ops, ctx, slot, ret_dev);
	}
	return -ENOSPC;
}

/* BARs */

static int allocate_bar(struct pci_bar *bar)
{
	struct pci_bus *bus = bar->dev->bus;
	uint64_t *next = bar_is_io(bar) ? &bus->next_io_base : &bus->next_mem_base;
	uint64_t end = bar_is_io(bar) ? LAYOUT_PIO_PCI_BASE + LAYOUT_PIO_PCI_SIZE
				      : LAYOUT_PCI_MEM_BASE + LAYOUT_PCI_MEM_SIZE;
	/* Guests that map BARs by page must not see two functions in one page. */
	uint64_t size = !bar_is_io(bar) && bar->size < 4096 ? 4096 : bar->size;
	uint64_t base = (*next + size - 1) & ~(size - 1);

	if (base >= end || size > end - base)
		return -ENOSPC;
	bar->initial_base = base;
	*next = base + size;
	return 0;
}

static void write_bar_registers(struct pci_bar *bar)
{
	uint64_t mask = ~(bar->size - 1);
	unsigned at = PCI_CFG_BAR0 + 4 * bar->idx;
	uint32_t type = bar_is_io(bar)               ? PCI_BAR_IO_BIT
			: bar->kind == PCI_BAR_MEM64 ? PCI_BAR_MEM64_BIT
						     : 0;
	unsigned n_bytes = bar->kind == PCI_BAR_MEM64 ? 8 : 4;

	pci_config_set(bar->dev, at, 4, (uint32_t)bar->initial_base | type);
	if (n_bytes == 8)
		pci_config_set(bar->dev, at + 4, 4, (uint32_t)(bar->initial_base >> 32));
	for (unsigned i = 0; i < n_bytes; i++)
		bar->dev->mask[at + i] = (uint8_t)(mask >> (8 * i));
	bar->dev->mask[PCI_CFG_COMMAND] |=
		PCI_COMMAND_MASTER | (bar_is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	bar->dev->mask[PCI_CFG_COMMAND + 1] |= PCI_COMMAND_INTX_DISABLE >> 8;
}

int pci_dev_add_bar(struct pci_dev *dev, unsigned idx, enum pci_bar_kind kind, uint64_t size,
	const struct bus_ops *ops, void *ctx)
{
	unsigned n_registers = kind == PCI_BAR_MEM64 ? 2 : 1;
	struct pci_bar *bar = &dev->bars[idx];
	int r;

	if (idx + n_registers > PCI_N_BARS || bar->present || size & (size - 1) ||
		size < (kind == PCI_BAR_IO ? 4 : 16))
		return -EINVAL;
	*bar = (struct pci_bar){
		.dev = dev,
		.idx = idx,
		.kind = kind,
		.size = size,
		.mapped_base = BUS_UNMAPPED,
		.ops = ops,
		.ctx = ctx,
	};
	r = allocate_bar(bar);
	if (!r)
		r = bus_register(bar_bus(bar), dev->name, BUS_UNMAPPED, size, &pci_bar_ops, bar,
			&bar->range);
	if (r < 0)
		return r;
	bar->present = true;
	write_bar_registers(bar);
	return 0;
}

/* Capabilities */

int pci_dev_add_cap(struct pci_dev *dev, uint8_t id, const void *body, const void *mask,
	unsigned len)
{
	unsigned at = dev->next_cap;

	if (at + 2 + len > PCI_LAST_CAP)
		return -ENOSPC;
	dev->config[at] = id;
	memcpy(&dev->config[at + 2], body, len);
	if (mask)
		memcpy(&dev->mask[at + 2], mask, len);
	dev->config[dev->last_cap ? dev->last_cap + 1 : PCI_CFG_CAP_PTR] = (uint8_t)at;
	dev->config[PCI_CFG_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->last_cap = at;
	dev->next_cap = (at + 2 + len + 3) & ~3u;
	return (int)at;
}
