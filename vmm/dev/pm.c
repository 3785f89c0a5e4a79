#include "pm.h"

#include "bus.h"
#include "env.h"
#include "err.h"
#include "irq.h"
#include "layout.h"
#include "pci.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PM_BLOCK_SIZE           16
#define PM1_STATUS              0
#define PM1_ENABLE              2
#define PM1_CONTROL             4
#define PM_TIMER                8
#define PM_EXIT_STATUS          12
#define PM_TIMER_HZ             3579545ull
#define PM1_POWER_BUTTON        (1u << 8)
#define PM1_GLOBAL              (1u << 5)
#define PM1_EVENTS              (PM1_POWER_BUTTON | PM1_GLOBAL)
#define PM1_SCI_ENABLE          1u
#define PM1_SLEEP_TYPE(control) ((control) >> 10 & 7)
#define PM1_SLEEP_ENABLE        (1u << 13)
#define PM_SLEEP_TYPE_OFF       5 /* as \_S5 in x86/acpi.c */

#define PORT_A20          0x92
#define PORT_8042         0x64
#define A20_ENABLED       0x02
#define A20_RESET         0x01
#define RESET_CPU         0x04
#define I8042_PULSE_RESET 0xfe

struct pm {
	struct irq *irq;
	pm_request_fn *fn;
	void *ctx;
	pthread_mutex_t lock; /* guards all below */
	uint16_t status, enable, control;
	uint8_t reset_control;
	uint8_t exit_status;
	bool line;
};

static uint32_t timer_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * PM_TIMER_HZ +
			  (uint64_t)now.tv_nsec * PM_TIMER_HZ / 1000000000ull);
}

static void update_line_locked(struct pm *pm)
{
	bool level = pm->status & pm->enable & PM1_EVENTS;

	if (level == pm->line)
		return;
	pm->line = level;
	irq_line_set(pm->irq, LAYOUT_GSI_SCI, level);
}

/* The whole block as bytes, so that any access width sees the right ones. */
static uint64_t read_block(void *ctx, uint64_t offset, unsigned size)
{
	struct pm *pm = ctx;
	uint8_t bytes[PM_BLOCK_SIZE + 8] = {0};
	uint32_t timer = timer_now();
	uint64_t value;

	(void)pthread_mutex_lock(&pm->lock);
	memcpy(bytes + PM1_STATUS, &pm->status, 2);
	memcpy(bytes + PM1_ENABLE, &pm->enable, 2);
	memcpy(bytes + PM1_CONTROL, &pm->control, 2);
	bytes[PM_EXIT_STATUS] = pm->exit_status;
	(void)pthread_mutex_unlock(&pm->lock);
	memcpy(bytes + PM_TIMER, &timer, 4);
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* One byte of the block. Returns true if it asks for power-off. */
static bool write_byte_locked(struct pm *pm, unsigned offset, uint8_t byte)
{
	unsigned shift = 8 * (offset & 1);
	uint16_t bits = (uint16_t)(byte << shift), keep = (uint16_t) ~(0xff << shift);

	if (offset == PM_EXIT_STATUS)
		pm->exit_status = byte;
	switch (offset & ~1u) {
	case PM1_STATUS:
		pm->status &= (uint16_t)~bits; /* write one to clear */
		return false;
	case PM1_ENABLE:
		pm->enable = (uint16_t)((pm->enable & keep) | bits);
		return false;
	case PM1_CONTROL:
		pm->control = (uint16_t)((pm->control & keep) | (bits & ~PM1_SLEEP_ENABLE));
		/* SCI_EN is always on: there is no SMI to switch it. */
		pm->control |= PM1_SCI_ENABLE;
		return bits & PM1_SLEEP_ENABLE && PM1_SLEEP_TYPE(pm->control) == PM_SLEEP_TYPE_OFF;
	default:
		return false;
	}
}

static void write_block(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = ctx;
	bool off = false;

	(void)pthread_mutex_lock(&pm->lock);
	for (unsigned i = 0; i < size; i++)
		off |= write_byte_locked(pm, (unsigned)offset + i, (uint8_t)(value >> (8 * i)));
	update_line_locked(pm);
	(void)pthread_mutex_unlock(&pm->lock);
	if (off)
		pm->fn(pm->ctx, PM_POWER_OFF);
}

static uint64_t read_reset(void *ctx, uint64_t offset, unsigned size)
{
	struct pm *pm = ctx;
	uint8_t value;

	(void)pthread_mutex_lock(&pm->lock);
	value = pm->reset_control;
	(void)pthread_mutex_unlock(&pm->lock);
	return value;
}

static void write_reset(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = ctx;
	bool rises;

	(void)pthread_mutex_lock(&pm->lock);
	rises = value & RESET_CPU && !(pm->reset_control & RESET_CPU);
	pm->reset_control = (uint8_t)(value & 0x0a); /* the trigger bit falls back by itself */
	(void)pthread_mutex_unlock(&pm->lock);
	if (rises)
		pm->fn(pm->ctx, PM_RESET);
}

static uint64_t read_a20(void *ctx, uint64_t offset, unsigned size)
{
	return A20_ENABLED;
}

static void write_a20(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = ctx;

	if (value & A20_RESET)
		pm->fn(pm->ctx, PM_RESET);
}

/* Status 0: input buffer empty, nothing to read. A driver that probes gets no answer and leaves. */
static uint64_t read_8042(void *ctx, uint64_t offset, unsigned size)
{
	return 0;
}

static void write_8042(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct pm *pm = ctx;

	if ((uint8_t)value == I8042_PULSE_RESET)
		pm->fn(pm->ctx, PM_RESET);
}

static const struct bus_ops pm_block_ops = {.read = read_block, .write = write_block};
static const struct bus_ops pm_reset_ops = {.read = read_reset, .write = write_reset};
static const struct bus_ops pm_a20_ops = {.read = read_a20, .write = write_a20};
static const struct bus_ops pm_8042_ops = {.read = read_8042, .write = write_8042};

int pm_create(const struct dev_env *env, pm_request_fn *fn, void *ctx, struct pm **ret_pm,
	struct err *err)
{
	struct pm *pm = calloc(1, sizeof(*pm));
	int r;

	if (!pm)
		return err_set(err, -ENOMEM, "PM block: out of memory");
	pm->irq = env->irq;
	pm->fn = fn;
	pm->ctx = ctx;
	(void)pthread_mutex_init(&pm->lock, NULL);
	r = bus_register(env->pio, "pm", LAYOUT_PIO_PM_BASE, PM_BLOCK_SIZE, &pm_block_ops, pm,
		NULL);
	if (!r)
		r = bus_register(env->pio, "a20", PORT_A20, 1, &pm_a20_ops, pm, NULL);
	if (!r)
		r = bus_register(env->pio, "8042-command", PORT_8042, 1, &pm_8042_ops, pm, NULL);
	if (r < 0) {
		free(pm);
		return err_set(err, r, "PM block: cannot register its ports: %s", strerror(-r));
	}
	pci_bus_set_reset_port(env->pci, &pm_reset_ops, pm);
	pm_reset(pm);
	*ret_pm = pm;
	return 0;
}

void pm_reset(struct pm *pm)
{
	(void)pthread_mutex_lock(&pm->lock);
	pm->status = pm->enable = 0;
	pm->control = PM1_SCI_ENABLE;
	pm->reset_control = 0;
	pm->exit_status = 0;
	update_line_locked(pm);
	(void)pthread_mutex_unlock(&pm->lock);
}

void pm_destroy(struct pm *pm)
{
	if (!pm)
		return;
	(void)pthread_mutex_destroy(&pm->lock);
	free(pm);
}

void pm_press_power_button(struct pm *pm)
{
	(void)pthread_mutex_lock(&pm->lock);
	pm->status |= PM1_POWER_BUTTON;
	update_line_locked(pm);
	(void)pthread_mutex_unlock(&pm->lock);
}

uint8_t pm_exit_status(struct pm *pm)
{
	uint8_t status;

	(void)pthread_mutex_lock(&pm->lock);
	status = pm->exit_status;
	(void)pthread_mutex_unlock(&pm->lock);
	return status;
}

/* ---- In a machine ---- */

static void reset_device(void *device)
{
	pm_reset(device);
}

static void destroy_device(void *device)
{
	pm_destroy(device);
}

const struct device_ops pm_device_ops = {
	.reset = reset_device,
	.destroy = destroy_device,
};
