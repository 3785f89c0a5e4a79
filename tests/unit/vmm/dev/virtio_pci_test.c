#include "dev/virtio_pci.h"

#include "bus.h"
#include "fake_machine.h"
#include "layout.h"
#include "log.h"
#include "mem.h"
#include "pci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OFFERED    (VIRTIO_BIT(3) | VIRTIO_BIT(40))
#define REG_STATUS 0x14
#define CONFIG     0xcf8
#define DATA       0xcfc

struct toy {
	struct dev_env env;
	struct virtio_pci *vp;
	uint64_t offered;
	uint8_t config[8];
	unsigned n_activated, n_resets, n_drains, n_kicks;
	uint64_t features;
	bool is_slow; /* reset completes later */
	int activate_code;
};

static uint64_t toy_get_features(void *ctx)
{
	return ((struct toy *)ctx)->offered;
}

static void toy_config_read(void *ctx, unsigned offset, unsigned size, uint8_t *buf)
{
	struct toy *toy = ctx;

	assert_true(offset + size <= sizeof(toy->config));
	memcpy(buf, toy->config + offset, size);
}

static void toy_config_write(void *ctx, unsigned offset, unsigned size, const uint8_t *buf)
{
	struct toy *toy = ctx;

	assert_true(offset + size <= sizeof(toy->config));
	memcpy(toy->config + offset, buf, size);
}

static int toy_activate(void *ctx, uint64_t features)
{
	struct toy *toy = ctx;

	toy->n_activated++;
	toy->features = features;
	return toy->activate_code;
}

static bool toy_reset(void *ctx)
{
	struct toy *toy = ctx;

	toy->n_resets++;
	return !toy->is_slow;
}

static void toy_drain(void *ctx)
{
	((struct toy *)ctx)->n_drains++;
}

static void toy_kicked(void *ctx, unsigned queue)
{
	((struct toy *)ctx)->n_kicks++;
}

static const struct virtio_dev_ops toy_ops = {
	.get_features = toy_get_features,
	.config_read = toy_config_read,
	.config_write = toy_config_write,
	.activate = toy_activate,
	.reset = toy_reset,
	.drain = toy_drain,
	.kicked = toy_kicked,
};

static void toy_create(struct toy *toy)
{
	const struct virtio_pci_config config = {
		.name = "toy",
		.type = VIRTIO_ID_RNG,
		.class_code = 0x00ff00,
		.n_queues = 2,
		.queue_size = 64,
		.config_size = 8,
		.ops = &toy_ops,
		.ctx = toy,
	};

	*toy = (struct toy){.offered = OFFERED, .config = {1, 2, 3, 4, 5, 6, 7, 8}};
	log_set_level(LOG_ERR);
	fake_machine_create(&toy->env);
	assert_int_equal(virtio_pci_create(&toy->env, &config, &toy->vp, NULL), 0);
	assert_int_equal(virtio_pci_watch_kicks(toy->vp, 0, true), 0);
}

static void toy_destroy(struct toy *toy)
{
	pci_bus_destroy(toy->env.pci);
	virtio_pci_destroy(toy->vp);
	fake_machine_destroy(&toy->env);
}

static uint32_t get(struct toy *toy, unsigned offset, unsigned size)
{
	return (uint32_t)virtio_pci_bar_read(toy->vp, offset, size);
}

static void put(struct toy *toy, unsigned offset, unsigned size, uint64_t value)
{
	virtio_pci_bar_write(toy->vp, offset, size, value);
}

static uint32_t config_get(struct toy *toy, unsigned slot, unsigned offset, unsigned size)
{
	bus_write(toy->env.pio, CONFIG, 4, 0x80000000u | slot << 11 | (offset & ~3u));
	return (uint32_t)bus_read(toy->env.pio, DATA + (offset & 3), size);
}

static void config_put(
	struct toy *toy, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
	bus_write(toy->env.pio, CONFIG, 4, 0x80000000u | slot << 11 | (offset & ~3u));
	bus_write(toy->env.pio, DATA + (offset & 3), size, value);
}

static void features_must_be_a_subset_with_version_1(void **state)
{
	static const struct {
		uint64_t accepted;
		bool is_ok;
	} cases[] = {
		{VIRTIO_BIT(VIRTIO_F_VERSION_1), true},
		{VIRTIO_BIT(VIRTIO_F_VERSION_1) | OFFERED, true},
		{OFFERED, false},
		{VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(4), false},
		{0, false},
	};
	struct toy toy;

	toy_create(&toy);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(&toy, REG_STATUS, 1, 0);
		put(&toy, REG_STATUS, 1, 3);
		put(&toy, 0x08, 4, 0);
		put(&toy, 0x0c, 4, (uint32_t)cases[i].accepted);
		put(&toy, 0x08, 4, 1);
		put(&toy, 0x0c, 4, cases[i].accepted >> 32);
		put(&toy, REG_STATUS, 1, 3 | 8);
		assert_int_equal(get(&toy, REG_STATUS, 1), cases[i].is_ok ? 3 | 8 : 3);
		put(&toy, REG_STATUS, 1, 3 | 8 | 4);
		assert_int_equal(toy.n_activated, cases[i].is_ok);
		toy.n_activated = 0;
	}
	toy_destroy(&toy);
}

static void offer_does_not_change_under_the_driver(void **state)
{
	struct fake_driver drv = {0};
	struct toy toy;

	toy_create(&toy);
	drv.vp = toy.vp;
	assert_int_equal(fake_driver_offered(&drv), OFFERED | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	toy.offered = 0;
	assert_int_equal(fake_driver_offered(&drv), OFFERED | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	put(&toy, REG_STATUS, 1, 0);
	assert_int_equal(fake_driver_offered(&drv), VIRTIO_BIT(VIRTIO_F_VERSION_1));
	toy_destroy(&toy);
}

static void queue_outside_ram_needs_reset(void **state)
{
	static const uint64_t bad_gpas[] = {
		FAKE_RAM_BYTES, FAKE_RAM_BYTES - 16, UINT64_MAX - 15, 1 << 20 | 8};

	for (unsigned i = 0; i < sizeof(bad_gpas) / sizeof(bad_gpas[0]); i++) {
		struct fake_driver drv;
		struct toy toy;

		toy_create(&toy);
		fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
		put(&toy, REG_STATUS, 1, 0);
		put(&toy, REG_STATUS, 1, 3);
		put(&toy, 0x08, 4, 1);
		put(&toy, 0x0c, 4, 1);
		put(&toy, REG_STATUS, 1, 3 | 8);
		put(&toy, 0x16, 2, 0);
		put(&toy, 0x20, 8, bad_gpas[i]);
		put(&toy, 0x1c, 2, 1);
		put(&toy, REG_STATUS, 1, 3 | 8 | 4);
		assert_int_equal(get(&toy, REG_STATUS, 1), 3 | 8 | 4 | 0x40);
		assert_int_equal(toy.n_activated, 1); // the good one before
		toy_destroy(&toy);
	}
}

static void failed_activation_needs_reset(void **state)
{
	struct toy toy;

	toy_create(&toy);
	toy.activate_code = -EINVAL;
	put(&toy, REG_STATUS, 1, 3);
	put(&toy, 0x08, 4, 1);
	put(&toy, 0x0c, 4, 1);
	put(&toy, REG_STATUS, 1, 3 | 8 | 4);
	assert_true(get(&toy, REG_STATUS, 1) & 0x40);
	put(&toy, REG_STATUS, 1, 0);
	assert_int_equal(get(&toy, REG_STATUS, 1), 0);
	toy_destroy(&toy);
}

static void enabled_queue_is_fixed(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	assert_int_equal(toy.features, OFFERED | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	put(&toy, 0x16, 2, 1);
	put(&toy, 0x18, 2, 8);
	put(&toy, 0x20, 8, 0);
	put(&toy, 0x1c, 2, 0);
	assert_int_equal(get(&toy, 0x18, 2), 64);
	assert_int_equal(get(&toy, 0x20, 4), drv.rings[1].gpa);
	assert_int_equal(get(&toy, 0x1c, 2), 1);
	put(&toy, 0x16, 2, 2); // no such queue
	assert_int_equal(get(&toy, 0x18, 2), 0);
	put(&toy, 0x18, 2, 8);
	assert_int_equal(get(&toy, 0x18, 2), 0);
	toy_destroy(&toy);
}

static void slow_reset_keeps_the_status_until_done(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	toy.is_slow = true;
	put(&toy, REG_STATUS, 1, 0);
	put(&toy, REG_STATUS, 1, 0);
	assert_int_equal(toy.n_resets, 1);
	assert_int_not_equal(get(&toy, REG_STATUS, 1), 0);
	put(&toy, REG_STATUS, 1, 3); // ignored meanwhile
	virtio_pci_lock(toy.vp);
	virtio_pci_reset_done(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(get(&toy, REG_STATUS, 1), 0);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	pci_bus_reset(toy.env.pci);
	assert_int_equal(toy.n_drains, 1);
	assert_int_equal(get(&toy, REG_STATUS, 1), 0);
	toy_destroy(&toy);
}

static void kicks_reach_the_device_by_register_and_by_ioeventfd(void **state)
{
	struct fake_driver drv;
	struct toy toy;
	unsigned slot = 1;
	uint64_t base;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	fake_driver_kick(&drv, 0);
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 1);
	config_put(&toy, slot, PCI_CFG_COMMAND, 2, PCI_COMMAND_MEMORY);
	base = config_get(&toy, slot, 0x10, 4) & ~15u;
	bus_write(toy.env.mmio, base + VIRTIO_PCI_NOTIFY, 2, 0);
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 2);
	config_put(&toy, slot, 0x10, 4, (uint32_t)base + VIRTIO_PCI_BAR_SIZE); // and after a move
	bus_write(toy.env.mmio, base + VIRTIO_PCI_BAR_SIZE + VIRTIO_PCI_NOTIFY, 4, 0);
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 3);
	bus_write(toy.env.mmio, base + VIRTIO_PCI_NOTIFY, 2, 0); // nobody there any more
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 3);
	toy_destroy(&toy);
}

static void interrupts_use_the_isr_without_msix(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	virtio_pci_lock(toy.vp);
	virtio_pci_notify_queue(toy.vp, 0);
	virtio_pci_notify_config(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(get(&toy, VIRTIO_PCI_ISR, 1), 3);
	assert_int_equal(get(&toy, VIRTIO_PCI_ISR, 1), 0);
	toy_destroy(&toy);
}

static void config_space_is_bounded_and_has_a_generation(void **state)
{
	struct toy toy;
	uint32_t generation;

	toy_create(&toy);
	assert_int_equal(get(&toy, VIRTIO_PCI_DEVICE, 4), 0x04030201);
	assert_int_equal(get(&toy, VIRTIO_PCI_DEVICE + 6, 4), 0x0807);
	assert_int_equal(get(&toy, VIRTIO_PCI_DEVICE + 8, 4), 0);
	put(&toy, VIRTIO_PCI_DEVICE + 6, 4, 0xffffffff); // runs over the end: dropped
	assert_int_equal(toy.config[7], 8);
	put(&toy, VIRTIO_PCI_DEVICE + 4, 4, 0x11223344);
	assert_int_equal(toy.config[7], 0x11);
	generation = get(&toy, 0x15, 1);
	virtio_pci_lock(toy.vp);
	virtio_pci_notify_config(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_not_equal(get(&toy, 0x15, 1), generation);
	toy_destroy(&toy);
}

/* 4.1.4.9: registers by configuration space, as firmware does with a BAR it cannot reach. */
static void window_reaches_the_registers(void **state)
{
	struct toy toy;
	unsigned slot = 1, cap;

	toy_create(&toy);
	for (cap = config_get(&toy, slot, 0x34, 1); cap; cap = config_get(&toy, slot, cap + 1, 1)) {
		if (config_get(&toy, slot, cap, 1) == 9 && config_get(&toy, slot, cap + 3, 1) == 5)
			break;
	}
	assert_int_not_equal(cap, 0);
	config_put(&toy, slot, cap + 4, 1, 0);
	config_put(&toy, slot, cap + 8, 4, REG_STATUS);
	config_put(&toy, slot, cap + 12, 4, 1);
	config_put(&toy, slot, cap + 16, 1, 3);
	assert_int_equal(get(&toy, REG_STATUS, 1), 3);
	config_put(&toy, slot, cap + 8, 4, VIRTIO_PCI_DEVICE + 4);
	config_put(&toy, slot, cap + 12, 4, 4);
	assert_int_equal(config_get(&toy, slot, cap + 16, 4), 0x08070605);
	config_put(&toy, slot, cap + 8, 4, UINT32_MAX); // far outside: nothing happens
	(void)config_get(&toy, slot, cap + 16, 4);
	config_put(&toy, slot, cap + 16, 4, 0);
	toy_destroy(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_must_be_a_subset_with_version_1),
		cmocka_unit_test(offer_does_not_change_under_the_driver),
		cmocka_unit_test(queue_outside_ram_needs_reset),
		cmocka_unit_test(failed_activation_needs_reset),
		cmocka_unit_test(enabled_queue_is_fixed),
		cmocka_unit_test(slow_reset_keeps_the_status_until_done),
		cmocka_unit_test(kicks_reach_the_device_by_register_and_by_ioeventfd),
		cmocka_unit_test(interrupts_use_the_isr_without_msix),
		cmocka_unit_test(config_space_is_bounded_and_has_a_generation),
		cmocka_unit_test(window_reaches_the_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
