/**
 * env: what a device is given to live in. All pointers are borrowed and outlive every device.
 *
 * Every device has X_create(env, ..., ret_x, err), called on the main thread while no vCPU runs,
 * and the verbs of device.h.
 * Sources on ev run on the main thread at the same time as vCPU threads run handlers: lock.
 */
#ifndef WEFT_VMM_DEV_ENV_H
#define WEFT_VMM_DEV_ENV_H

#include "disk_engine.h"

struct bus;
struct ev;
struct irq;
struct mem;
struct pci_bus;

/**
 * A device began to stop at the guest's own wish (bus mastering off), or ended a stop that somebody
 * waits for: the machine holds its vCPUs until every device is quiet. Any thread, under the
 * device's lock; never waits.
 */
typedef void dev_settle_fn(void *ctx);

struct dev_env {
	struct mem *mem;
	struct bus *pio;
	struct bus *mmio;
	struct irq *irq;
	struct pci_bus *pci;
	struct ev *ev;
	dev_settle_fn *settle; /* NULL = nobody runs vCPUs (tests) */
	void *settle_ctx;
	/**
	 * The disk on the file at path has no room (code) for what the guest writes: pause the
	 * machine; its resumption tries again (virtio_blk_retry()). On the loop. May be NULL.
	 */
	void (*disk_full)(void *ctx, const char *path, int code);
	void *disk_full_ctx;
	disk_engine_open_fn *disk_engine; /* who does the work of disks; NULL = as configured */
};

#endif
