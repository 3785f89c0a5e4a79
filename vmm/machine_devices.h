/**
 * machine_devices: which devices a machine has: one list, whose order is that of making, starting
 * and resetting them, and backwards of destroying (dev/device.h).
 *
 * Threads: main, while no vCPU runs.
 *
 * A reset has two halves, as back-ends and disks may hold on to the rings for a while:
 * begin_reset() tells all of them at once, reset() follows when is_quiet(). Back-ends that still
 * hold rings MACHINE_RESET_MS later are dropped, all together; a disk is waited for as long as it
 * takes.
 */
#ifndef WEFT_VMM_MACHINE_DEVICES_H
#define WEFT_VMM_MACHINE_DEVICES_H

#include "config.h"
#include "dev/disk_engine.h"
#include "dev/env.h"
#include "dev/pm.h"

struct console;
struct err;
struct machine_devices;
struct virtio_net;

/* Back-ends answer within 1 ms; the guest of one that hangs starts without it. */
#define MACHINE_SETTLE_MS 500
#define MACHINE_RESET_MS  1000

/** Make all devices of config on env, whose pci field is filled in here. */
int machine_devices_create(const struct config *config, const struct dev_env *env,
	pm_request_fn *pm_fn, void *pm_ctx, struct machine_devices **ret_devices, struct err *err);
/** Before the guest runs: know the back-ends that listen; MACHINE_SETTLE_MS in all at most. */
void machine_devices_settle(struct machine_devices *devices);
/** Before the guest runs: make the threads of devices, each of which calls enter_fn first. */
int machine_devices_start(struct machine_devices *devices, disk_enter_fn *enter_fn, void *enter_ctx,
	struct err *err);
/** What waits for room in the host's file system tries again. Also while vCPUs run. */
void machine_devices_retry(struct machine_devices *devices);
void machine_devices_begin_reset(struct machine_devices *devices);
/** Has everything ended that vCPUs are held for (dev/env.h)? */
bool machine_devices_is_quiet(struct machine_devices *devices);
/** Everything as it was at the first start. Quiet. */
void machine_devices_reset(struct machine_devices *devices);
/** Rings and timers stand still, or go on. What is under way may end later. */
void machine_devices_set_paused(struct machine_devices *devices, bool is_paused);
/** Accepts NULL. vCPU threads are gone. */
void machine_devices_destroy(struct machine_devices *devices);

struct pm *machine_devices_pm(struct machine_devices *devices);
struct virtio_net *machine_devices_net(struct machine_devices *devices, unsigned i);

#endif
