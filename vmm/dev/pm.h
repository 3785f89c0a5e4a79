/**
 * pm: ACPI PM1 block, PM timer, power button, and every way to reset or power off.
 *
 * Ports: PM block at LAYOUT_PIO_PM_BASE (event 0..3, control 4..5, timer 8..11, exit status 12,
 * which is ours: a byte that a guest leaves before it powers off, 0 after a reset), reset control
 * 0xcf9, fast reset and A20 in 0x92, and the 8042's command port 0x64 (pulse reset 0xfe), behind
 * which there is no keyboard: its status reads "nothing there, ready".
 * Threads: registers on vCPU threads, pm_press_power_button() on any; one lock inside. request_fn
 * is called on the vCPU thread without the lock.
 * Source: ACPI 6.4, 4.8.3.1 "PM1 Event Grouping", 4.8.3.2 "PM1 Control Grouping", 4.8.3.3 "Power
 * Management Timer".
 */
#ifndef WEFT_VMM_DEV_PM_H
#define WEFT_VMM_DEV_PM_H

#include "device.h"

#include <stdint.h>

struct dev_env;
struct err;
struct pm;

enum pm_request { PM_RESET, PM_POWER_OFF };

typedef void pm_request_fn(void *ctx, enum pm_request request);

int pm_create(const struct dev_env *env, pm_request_fn *fn, void *ctx, struct pm **ret_pm,
	struct err *err);
void pm_reset(struct pm *pm);
void pm_destroy(struct pm *pm);

/** Raise the power button event; a guest that listens shuts down. */
void pm_press_power_button(struct pm *pm);
/** What the guest left there. */
uint8_t pm_exit_status(struct pm *pm);

extern const struct device_ops pm_device_ops;

#endif
