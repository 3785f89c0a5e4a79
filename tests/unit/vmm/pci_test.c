#include "cmocka_all.h"

#include "bus.h"
#include "irq.h"
#include "layout.h"
#include "pci.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* The kernel's half, written down: which fd is tied to which GSI, which message a GSI means. */
struct recorder {
	struct irq_route routes[IRQ_MAX_MSIS];
	unsigned n_routes, n_route_sets, n_attached;
	int fd_of_gsi[IRQ_MAX_MSIS + LAYOUT_N_LINES];
	bool lines[LAYOUT_N_LINES];
};

static struct recorder rec;

static int rec_set_routes(void *ctx, const struct irq_route *routes, unsigned n_routes)
{
	for (unsigned i = 0; i < n_routes; i++)
		rec.routes[i] = routes[i];
	rec.n_routes = n_routes;
	rec.n_route_sets++;
	return 0;
}

static int rec_irqfd(void *ctx, int fd, uint32_t gsi, bool assign)
{
	/* Invariant (1) of irq.h: the route is there before the irqfd. */
	if (assign)
		assert_true(gsi - LAYOUT_N_LINES < rec.n_routes);
	assert_int_equal(rec.fd_of_gsi[gsi], assign ? 0 : fd);
	rec.fd_of_gsi[gsi] = assign ? fd : 0;
	rec.n_attached += assign ? 1 : -1;
	return 0;
}

static int rec_line(void *ctx, uint32_t gsi, bool level)
{
	rec.lines[gsi] = level;
	return 0;
}

static const struct irq_ops rec_ops = {rec_set_routes, rec_irqfd, rec_line};

struct device {
	uint64_t base;
	unsigned n_moves, n_resets, n_config_writes;
	uint64_t last_offset;
};

static void device_moved(void *ctx, unsigned idx, uint64_t base)
{
	struct device *d = ctx;

	d->base = base;
	d->n_moves++;
}

static void device_written(void *ctx, unsigned offset, unsigned size)
{
	((struct device *)ctx)->n_config_writes++;
}

static void device_reset(void *ctx)
{
	((struct device *)ctx)->n_resets++;
}

static uint64_t device_read(void *ctx, uint64_t offset, unsigned size)
{
	((struct device *)ctx)->last_offset = offset;
	return 0x42;
}

static const struct pci_dev_ops device_ops = {
	.bar_moved = device_moved,
	.config_written = device_written,
	.reset = device_reset,
};
static const struct bus_ops bar_ops = {.read = device_read};

struct fixture {
	struct bus *pio, *mmio;
	struct irq *irq;
	struct pci_bus *pci;
	struct pci_dev *dev;
	struct device device;
};

#define BAR_SIZE     0x10000
#define TABLE_OFFSET 0x8000
#define PBA_OFFSET   0x9000
#define N_VECTORS    3

static int setup(void **state)
{
	static struct fixture f;
	static const struct pci_ident ident = {0x1af4, 0x1041, 0x1af4, 0x40, 0x020000, 1};

	memset(&f, 0, sizeof(f));
	memset(&rec, 0, sizeof(rec));
	assert_int_equal(bus_create("pio", 0x10000, &f.pio), 0);
	assert_int_equal(bus_create("mmio", UINT64_MAX, &f.mmio), 0);
	assert_int_equal(irq_create(&rec_ops, NULL, &f.irq), 0);
	assert_int_equal(pci_bus_create(f.pio, f.mmio, f.irq, &f.pci), 0);
	assert_int_equal(pci_dev_create(f.pci, "dev", &ident, &device_ops, &f.device, &f.dev), 0);
	assert_int_equal(pci_dev_add_bar(f.dev, 0, PCI_BAR_MEM64, BAR_SIZE, &bar_ops, &f.device),
		0);
	assert_int_equal(pci_msix_add(f.dev, 0, TABLE_OFFSET, PBA_OFFSET, N_VECTORS), 0);
	assert_int_equal(pci_intx_add(f.dev), 0);
	pci_bus_reset(f.pci);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_bus_destroy(f->pci);
	assert_int_equal(rec.n_attached, 0);
	irq_destroy(f->irq);
	bus_destroy(f->mmio);
	bus_destroy(f->pio);
	return 0;
}

static uint64_t ecam(unsigned slot, unsigned offset)
{
	return LAYOUT_ECAM_BASE + (slot << 15) + offset;
}

static unsigned find_msix(struct fixture *f)
{
	unsigned at = (unsigned)bus_read(f->mmio, ecam(1, 0x34), 1);

	while (at && bus_read(f->mmio, ecam(1, at), 1) != PCI_CAP_ID_MSIX)
		at = (unsigned)bus_read(f->mmio, ecam(1, at + 1), 1);
	assert_int_not_equal(at, 0);
	return at;
}

static void enable_msix(struct fixture *f, unsigned control)
{
	bus_write(f->mmio, ecam(1, find_msix(f) + 2), 2, control);
}

static uint64_t enable_memory(struct fixture *f)
{
	bus_write(f->mmio, ecam(1, PCI_CFG_COMMAND), 2, PCI_COMMAND_MEMORY);
	assert_int_not_equal(f->device.base, BUS_UNMAPPED);
	return f->device.base;
}

static void set_vector(struct fixture *f, uint64_t base, unsigned vector, uint32_t data,
	bool masked)
{
	uint64_t at = base + TABLE_OFFSET + vector * 16;

	bus_write(f->mmio, at, 4, 0xfee00000);
	bus_write(f->mmio, at + 4, 4, 0);
	bus_write(f->mmio, at + 8, 4, data);
	bus_write(f->mmio, at + 12, 4, masked);
}

static bool attached(struct fixture *f, unsigned vector, uint32_t data)
{
	int fd = pci_msix_eventfd(f->dev, vector);

	for (unsigned i = 0; i < rec.n_routes; i++) {
		if (rec.fd_of_gsi[rec.routes[i].gsi] == fd)
			return rec.routes[i].msi.data == data &&
			       rec.routes[i].msi.addr == 0xfee00000;
	}
	return false;
}

static void config_space_is_there_both_ways(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bus_read(f->mmio, ecam(1, 0), 4), 0x10411af4);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0), 8), 0x0010000010411af4ull);
	assert_int_equal(bus_read(f->mmio, ecam(2, 0), 4), 0xffffffff);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0) + 0x1000, 4), 0xffffffff); /* function 1 */
	assert_int_equal(bus_read(f->mmio, LAYOUT_ECAM_BASE + (1 << 20), 4), 0xffffffff);
	assert_int_equal(bus_read(f->mmio, ecam(1, 1), 4), 0xffffffff); /* not aligned */
	bus_write(f->pio, 0xcf8, 4, 0x80000000 | 1 << 11);
	assert_int_equal(bus_read(f->pio, 0xcf8, 4), 0x80000000 | 1 << 11);
	assert_int_equal(bus_read(f->pio, 0xcfc, 4), 0x10411af4);
	assert_int_equal(bus_read(f->pio, 0xcfe, 2), 0x1041);
	assert_int_equal(bus_read(f->pio, 0xcff, 1), 0x10);
	assert_int_equal(bus_read(f->pio, 0xcff, 2), 0xffff);
	bus_write(f->pio, 0xcf8, 4, 1 << 11); /* disabled */
	assert_int_equal(bus_read(f->pio, 0xcfc, 4), 0xffffffff);
}

static void read_only_bits_stay(void **state)
{
	struct fixture *f = *state;

	for (unsigned offset = 0; offset < 0x100; offset += 4)
		bus_write(f->mmio, ecam(1, offset), 4, 0);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0), 4), 0x10411af4);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0x0a), 2), 0x0200);
	assert_int_equal(bus_read(f->mmio, ecam(1, find_msix(f)), 1), PCI_CAP_ID_MSIX);
}

static void bars_are_sized_moved_and_switched(void **state)
{
	struct fixture *f = *state;
	uint64_t first = enable_memory(f);

	assert_in_range(first, LAYOUT_PCI_MEM_BASE, LAYOUT_PCI_MEM_BASE + LAYOUT_PCI_MEM_SIZE - 1);
	assert_int_equal(bus_read(f->mmio, first + 0x10, 4), 0x42);
	assert_int_equal(f->device.last_offset, 0x10);
	bus_write(f->mmio, ecam(1, PCI_CFG_COMMAND), 2, 0);
	assert_int_equal(f->device.base, BUS_UNMAPPED);
	assert_int_equal(bus_read(f->mmio, first + 0x10, 4), 0xffffffff);
	bus_write(f->mmio, ecam(1, 0x10), 4, 0xffffffff);
	bus_write(f->mmio, ecam(1, 0x14), 4, 0xffffffff);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0x10), 4), (uint32_t)-BAR_SIZE | 4);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0x14), 4), 0xffffffff);
	bus_write(f->mmio, ecam(1, 0x10), 4, 0);
	bus_write(f->mmio, ecam(1, 0x14), 4, 0x10);
	enable_memory(f);
	assert_int_equal(f->device.base, 0x1000000000ull);
	assert_int_equal(bus_read(f->mmio, 0x1000000010ull, 4), 0x42);
	/* Onto ECAM: it answers nowhere rather than there, and comes back. */
	bus_write(f->mmio, ecam(1, 0x14), 4, 0);
	bus_write(f->mmio, ecam(1, 0x10), 4, LAYOUT_ECAM_BASE);
	assert_int_equal(f->device.base, BUS_UNMAPPED);
	assert_int_equal(bus_read(f->mmio, ecam(1, 0), 4), 0x10411af4);
	pci_bus_reset(f->pci);
	assert_int_equal(enable_memory(f), first);
	assert_int_equal(f->device.n_resets, 2);
}

static void vectors_follow_enable_and_masks(void **state)
{
	struct fixture *f = *state;
	uint64_t base = enable_memory(f);

	set_vector(f, base, 1, 0x31, false);
	assert_int_equal(rec.n_attached, 0); /* MSI-X is off */
	enable_msix(f, 0x8000);
	assert_true(pci_msix_enabled(f->dev));
	assert_int_equal(rec.n_attached, 1); /* the others are masked from reset */
	assert_true(attached(f, 1, 0x31));
	enable_msix(f, 0xc000);
	assert_int_equal(rec.n_attached, 0); /* function mask */
	enable_msix(f, 0x8000);
	assert_true(attached(f, 1, 0x31));
	bus_write(f->mmio, base + TABLE_OFFSET + 16 + 8, 4, 0x55); /* a new message, live */
	assert_true(attached(f, 1, 0x55));
	set_vector(f, base, 1, 0x55, true);
	assert_int_equal(rec.n_attached, 0);
	assert_int_equal(bus_read(f->mmio, base + TABLE_OFFSET + 16 + 12, 4), 1);
	assert_int_equal(bus_read(f->mmio, base + TABLE_OFFSET + 16 + 8, 8), 0x100000055ull);
}

static void masked_messages_are_pending_and_replayed(void **state)
{
	struct fixture *f = *state;
	uint64_t base = enable_memory(f);
	struct pollfd p = {.fd = pci_msix_eventfd(f->dev, 2), .events = POLLIN};

	set_vector(f, base, 2, 0x32, true);
	enable_msix(f, 0x8000);
	assert_int_equal(bus_read(f->mmio, base + PBA_OFFSET, 8), 0);
	pci_msix_notify(f->dev, 2);
	assert_int_equal(bus_read(f->mmio, base + PBA_OFFSET, 8), 4);
	assert_int_equal(bus_read(f->mmio, base + PBA_OFFSET, 4), 4);
	bus_write(f->mmio, base + TABLE_OFFSET + 2 * 16 + 12, 4, 0);
	assert_true(attached(f, 2, 0x32));
	assert_int_equal(poll(&p, 1, 0),
		1); /* the kernel finds the count when the irqfd is attached */
	pci_bus_reset(f->pci);
	assert_int_equal(rec.n_attached, 0);
	assert_int_equal(poll(&p, 1, 0), 0); /* and what was pending dies with a reset */
}

static void odd_table_accesses_are_ignored(void **state)
{
	struct fixture *f = *state;
	uint64_t base = enable_memory(f);

	enable_msix(f, 0x8000);
	set_vector(f, base, 0, 0x30, true);
	bus_write(f->mmio, base + TABLE_OFFSET + 12, 1, 0);
	bus_write(f->mmio, base + TABLE_OFFSET + 13, 4, 0);
	bus_write(f->mmio, base + PBA_OFFSET, 8, UINT64_MAX);
	assert_int_equal(rec.n_attached, 0);
	assert_int_equal(pci_msix_eventfd(f->dev, N_VECTORS), -1);
	pci_msix_notify(f->dev, PCI_MSIX_NO_VECTOR);
	bus_write(f->mmio, base + TABLE_OFFSET, 8, 0xfee01000);
	assert_int_equal(bus_read(f->mmio, base + TABLE_OFFSET, 8), 0xfee01000);
}

static void unmasking_reuses_the_route(void **state)
{
	struct fixture *f = *state;
	uint64_t base = enable_memory(f);
	unsigned n_sets;

	set_vector(f, base, 0, 0x30, false);
	enable_msix(f, 0x8000);
	n_sets = rec.n_route_sets;
	for (unsigned i = 0; i < 10; i++) {
		bus_write(f->mmio, base + TABLE_OFFSET + 12, 4, 1);
		bus_write(f->mmio, base + TABLE_OFFSET + 12, 4, 0);
	}
	assert_int_equal(rec.n_route_sets, n_sets);
	assert_true(attached(f, 0, 0x30));
}

static void intx_honours_its_disable_bit(void **state)
{
	struct fixture *f = *state;
	unsigned gsi = pci_intx_gsi(1);

	pci_intx_set(f->dev, true);
	assert_true(rec.lines[gsi]);
	bus_write(f->mmio, ecam(1, PCI_CFG_COMMAND), 2, PCI_COMMAND_INTX_DISABLE);
	assert_false(rec.lines[gsi]);
	bus_write(f->mmio, ecam(1, PCI_CFG_COMMAND), 2, 0);
	assert_true(rec.lines[gsi]);
	pci_bus_reset(f->pci);
	assert_false(rec.lines[gsi]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(config_space_is_there_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only_bits_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(bars_are_sized_moved_and_switched, setup, teardown),
		cmocka_unit_test_setup_teardown(vectors_follow_enable_and_masks, setup, teardown),
		cmocka_unit_test_setup_teardown(masked_messages_are_pending_and_replayed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(odd_table_accesses_are_ignored, setup, teardown),
		cmocka_unit_test_setup_teardown(unmasking_reuses_the_route, setup, teardown),
		cmocka_unit_test_setup_teardown(intx_honours_its_disable_bit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
