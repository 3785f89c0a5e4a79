/**
 * device: what a machine does with each of its devices, whatever it is.
 *
 * A device's module defines one struct device_ops beside its X_create(), and the machine keeps what
 * it made in one list (machine_devices.c): making it and a row of verbs are all that a new device
 * needs.
 *
 * Threads: main, while no vCPU runs, but for set_paused and retry (also while vCPUs run).
 */
#ifndef WEFT_VMM_DEV_DEVICE_H
#define WEFT_VMM_DEV_DEVICE_H

#include "disk_engine.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct virtio_pci;

struct device_ops {
	/**
	 * Make threads, each of which calls enter_fn first. 0 or -errno with err set. NULL: has
	 * none.
	 */
	int (*start)(void *device, disk_enter_fn *enter_fn, void *enter_ctx, struct err *err);
	/**
	 * Before the guest runs: know the back-end, if it answers before deadline_ns. May be NULL.
	 */
	void (*settle)(void *device, uint64_t deadline_ns);
	/** Timers stand still, or go on. NULL: none, or its transport does. */
	void (*set_paused)(void *device, bool is_paused);
	/** What waits for the host tries again. NULL: nothing waits. */
	void (*retry)(void *device);
	/** As it was at the first start. NULL: a PCI device, which the bus resets (pci_dev_ops). */
	void (*reset)(void *device);
	void (*destroy)(void *device);
	/**
	 * Of a virtio device: who stops and resumes its rings, and ends what they hold. Else NULL.
	 */
	struct virtio_pci *(*transport)(void *device);
};

#endif
