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
	unsigned n_activated, n_resets, n_abandoned, n_kicks, n_started, n_stopped, n_moved,
		n_settles;
	uint64_t features;
	bool is_slow; /* reset and stop complete later */
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

static bool toy_set_running(void *ctx, bool is_running)
{
	struct toy *toy = ctx;

	if (is_running)
		toy->n_started++;
	else
		toy->n_stopped++;
	return is_running || !toy->is_slow;
}

static void toy_abandon(void *ctx)
{
	struct toy *toy = ctx;

	toy->n_abandoned++;
	virtio_pci_lock(toy->vp);
	virtio_pci_reset_done(toy->vp);
	virtio_pci_unlock(toy->vp);
}

static void toy_vector_changed(void *ctx, unsigned queue)
{
	((struct toy *)ctx)->n_moved++;
}

static void toy_settle(void *ctx)
{
	((struct toy *)ctx)->n_settles++;
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
	.set_running = toy_set_running,
	.abandon = toy_abandon,
	.vector_changed = toy_vector_changed,
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
	toy->env.settle = toy_settle;
	toy->env.settle_ctx = toy;
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

static void config_put(struct toy *toy, unsigned slot, unsigned offset, unsigned size,
	uint32_t value)
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
		assert_int_equal(toy.n_activated, 1); /* the good one before */
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
	put(&toy, 0x16, 2, 2); /* no such queue */
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
	put(&toy, REG_STATUS, 1, 3); /* ignored meanwhile */
	virtio_pci_lock(toy.vp);
	virtio_pci_reset_done(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(get(&toy, REG_STATUS, 1), 0);
	/* The machine's reset waits for it, and may give up on whoever holds it up. */
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	virtio_pci_begin_reset(toy.vp);
	assert_false(virtio_pci_is_quiet(toy.vp));
	virtio_pci_abandon(toy.vp);
	assert_int_equal(toy.n_abandoned, 1);
	assert_int_equal(toy.n_settles, 1);
	assert_true(virtio_pci_is_quiet(toy.vp));
	virtio_pci_abandon(toy.vp); /* nobody any more */
	assert_int_equal(toy.n_abandoned, 1);
	pci_bus_reset(toy.env.pci);
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
	config_put(&toy, slot, PCI_CFG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	base = config_get(&toy, slot, 0x10, 4) & ~15u;
	bus_write(toy.env.mmio, base + VIRTIO_PCI_NOTIFY, 2, 0);
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 2);
	config_put(&toy, slot, 0x10, 4,
		(uint32_t)base + VIRTIO_PCI_BAR_SIZE); /* and after a move */
	bus_write(toy.env.mmio, base + VIRTIO_PCI_BAR_SIZE + VIRTIO_PCI_NOTIFY, 4, 0);
	fake_machine_idle(&toy.env, 10);
	assert_int_equal(toy.n_kicks, 3);
	bus_write(toy.env.mmio, base + VIRTIO_PCI_NOTIFY, 2, 0); /* nobody there any more */
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

/* 6.2.3 "Device Status": what the device asks for, whatever Interrupt Disable says. */
static void status_register_shows_the_interrupt(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	assert_int_equal(config_get(&toy, 1, 6, 2) & 8, 0);
	virtio_pci_lock(toy.vp);
	virtio_pci_notify_queue(toy.vp, 0);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(config_get(&toy, 1, 6, 2) & 8, 8);
	config_put(&toy, 1, PCI_CFG_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(config_get(&toy, 1, 4, 4) >> 16 & 8, 8);
	config_put(&toy, 1, 6, 2, 0xffff);
	assert_int_equal(config_get(&toy, 1, 6, 2) & 8, 8);
	assert_int_equal(get(&toy, VIRTIO_PCI_ISR, 1), 1);
	assert_int_equal(config_get(&toy, 1, 6, 2) & 8, 0);
	toy_destroy(&toy);
}

static unsigned find_cap(struct toy *toy, uint8_t id)
{
	unsigned cap = config_get(toy, 1, 0x34, 1);

	while (cap && config_get(toy, 1, cap, 1) != id)
		cap = config_get(toy, 1, cap + 1, 1);
	assert_int_not_equal(cap, 0);
	return cap;
}

static uint64_t count_of(struct toy *toy, unsigned vector)
{
	uint64_t count = 0;
	int fd;

	virtio_pci_lock(toy->vp);
	fd = virtio_pci_call_fd(toy->vp, vector); /* queue i has vector i */
	virtio_pci_unlock(toy->vp);
	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* VIRTIO 1.2, 4.1.4.5.1, and drivers that change their mind while the device runs. */
static void msix_goes_on_and_off_under_a_running_device(void **state)
{
	struct fake_driver drv;
	struct toy toy;
	unsigned cap;
	int intx;

	toy_create(&toy);
	cap = find_cap(&toy, PCI_CAP_ID_MSIX);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	put(&toy, 0x16, 2, 0);
	put(&toy, 0x1a, 2, 0);
	put(&toy, 0x16, 2, 1);
	put(&toy, 0x1a, 2, 1);
	put(&toy, 0x10, 2, 2);
	virtio_pci_lock(toy.vp);
	intx = virtio_pci_call_fd(toy.vp, 0);
	virtio_pci_unlock(toy.vp);
	toy.n_moved = 0;

	config_put(&toy, 1, cap + 2, 2, 0x8000);
	assert_int_equal(toy.n_moved, 2);
	assert_int_equal(count_of(&toy, 0), 1); /* for what came by the old way */
	assert_int_equal(count_of(&toy, 1), 1);
	virtio_pci_lock(toy.vp);
	virtio_pci_notify_queue(toy.vp, 1);
	virtio_pci_notify_config(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(count_of(&toy, 1), 1);
	assert_int_equal(config_get(&toy, 1, 6, 2) & 8, 0); /* INTx is out of use */
	assert_int_equal(get(&toy, VIRTIO_PCI_ISR, 1), 2);  /* configuration, not the queue */

	/* A back-end that did not hear of it yet still calls by INTx's eventfd. */
	assert_int_equal(write(intx, &(uint64_t){1}, 8), 8);
	fake_machine_idle(&toy.env, 5);
	assert_int_equal(count_of(&toy, 0), 1);
	assert_int_equal(count_of(&toy, 1), 1);

	config_put(&toy, 1, cap + 2, 2, 0);
	assert_int_equal(toy.n_moved, 4);
	assert_int_equal(get(&toy, VIRTIO_PCI_ISR, 1), 1);
	virtio_pci_lock(toy.vp);
	assert_int_equal(virtio_pci_call_fd(toy.vp, 0), intx);
	virtio_pci_unlock(toy.vp);
	toy_destroy(&toy);
}

static void kick(struct toy *toy, struct fake_driver *drv)
{
	fake_driver_kick(drv, 0);
	fake_machine_idle(&toy->env, 5);
}

static void bus_mastering_off_stops_the_device(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	kick(&toy, &drv);
	assert_int_equal(toy.n_kicks, 1);
	fake_machine_set_master(&toy.env, false);
	assert_int_equal(toy.n_stopped, 1);
	assert_true(virtio_pci_is_quiet(toy.vp));
	kick(&toy, &drv);
	assert_int_equal(toy.n_kicks, 1);
	/* On again: a kernel that came by kexec has not reset the device yet. */
	fake_machine_set_master(&toy.env, true);
	fake_machine_idle(&toy.env, 5);
	assert_int_equal(toy.n_started, 0);
	assert_int_equal(toy.n_kicks, 1);
	/* The driver that was there before goes on by itself. */
	kick(&toy, &drv);
	assert_int_equal(toy.n_started, 1);
	assert_true(toy.n_kicks > 1);
	/* A device that stops later: vCPUs are held until it has. */
	toy.is_slow = true;
	fake_machine_set_master(&toy.env, false);
	assert_false(virtio_pci_is_quiet(toy.vp));
	assert_int_equal(toy.n_settles, 1);
	virtio_pci_lock(toy.vp);
	virtio_pci_stopped(toy.vp);
	virtio_pci_unlock(toy.vp);
	assert_int_equal(toy.n_settles, 2);
	assert_true(virtio_pci_is_quiet(toy.vp));
	/* Reset ends all that. */
	toy.is_slow = false;
	fake_machine_set_master(&toy.env, true);
	put(&toy, REG_STATUS, 1, 0);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	toy.n_kicks = 0;
	kick(&toy, &drv);
	assert_int_equal(toy.n_kicks, 1);
	toy_destroy(&toy);
}

static void paused_device_keeps_its_kicks(void **state)
{
	struct fake_driver drv;
	struct toy toy;

	toy_create(&toy);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	virtio_pci_set_paused(toy.vp, true);
	assert_int_equal(toy.n_stopped, 1);
	kick(&toy, &drv);
	assert_int_equal(toy.n_kicks, 0);
	virtio_pci_set_paused(toy.vp, false);
	assert_int_equal(toy.n_started, 1);
	fake_machine_idle(&toy.env, 5);
	assert_int_equal(toy.n_kicks, 1);
	/* Reset while paused: the next driver's device stands still as well. */
	virtio_pci_set_paused(toy.vp, true);
	fake_machine_reset(&toy.env, &toy.vp, 1);
	fake_driver_start(&drv, &toy.env, toy.vp, UINT64_MAX);
	kick(&toy, &drv);
	assert_int_equal(toy.n_kicks, 1);
	virtio_pci_set_paused(toy.vp, false);
	fake_machine_idle(&toy.env, 5);
	assert_int_equal(toy.n_kicks, 2);
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
	put(&toy, VIRTIO_PCI_DEVICE + 6, 4, 0xffffffff); /* runs over the end: dropped */
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
	config_put(&toy, slot, cap + 8, 4, UINT32_MAX); /* far outside: nothing happens */
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
		cmocka_unit_test(status_register_shows_the_interrupt),
		cmocka_unit_test(msix_goes_on_and_off_under_a_running_device),
		cmocka_unit_test(bus_mastering_off_stops_the_device),
		cmocka_unit_test(paused_device_keeps_its_kicks),
		cmocka_unit_test(config_space_is_bounded_and_has_a_generation),
		cmocka_unit_test(window_reaches_the_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
