/**
 * virtio_console: one virtio-console port (hvc0) on top of a console (console.h).
 *
 * Queue 0 carries input, queue 1 output. Input waits in the console until the driver gives buffers;
 * a long output buffer is written in parts, a turn of the loop each.
 * Threads: served on the loop. Life cycle: create before the machine starts, destroy after the PCI
 * bus and before the console.
 * Source: VIRTIO 1.2, 5.3 "Console Device", without VIRTIO_CONSOLE_F_MULTIPORT.
 */
#ifndef WEFT_VMM_DEV_VIRTIO_CONSOLE_H
#define WEFT_VMM_DEV_VIRTIO_CONSOLE_H

#include "device.h"

struct console;
struct dev_env;
struct err;
struct virtio_console;
struct virtio_pci;

/** env and console are borrowed. */
int virtio_console_create(const struct dev_env *env, struct console *console,
	struct virtio_console **ret_dev, struct err *err);
void virtio_console_destroy(struct virtio_console *dev);

/** The transport, for tests. */
struct virtio_pci *virtio_console_transport(struct virtio_console *dev);

extern const struct device_ops virtio_console_device_ops;

#endif
