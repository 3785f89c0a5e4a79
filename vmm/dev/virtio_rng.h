/**
 * virtio_rng: entropy for the guest, from getrandom().
 *
 * Rate: at most VIRTIO_RNG_BURST_BYTES every VIRTIO_RNG_TICK_MS; a guest that asks for more waits.
 * Threads: served on the loop. Life cycle: create before the machine starts, destroy after the PCI
 * bus.
 * Source: VIRTIO 1.2, 5.4 "Entropy Device".
 */
#ifndef WEFT_VMM_DEV_VIRTIO_RNG_H
#define WEFT_VMM_DEV_VIRTIO_RNG_H

#include "device.h"

struct dev_env;
struct err;
struct virtio_pci;
struct virtio_rng;

#define VIRTIO_RNG_BURST_BYTES 65536
#define VIRTIO_RNG_TICK_MS     10

int virtio_rng_create(const struct dev_env *env, struct virtio_rng **ret_rng, struct err *err);
void virtio_rng_destroy(struct virtio_rng *rng);

/** The transport, for tests. */
struct virtio_pci *virtio_rng_transport(struct virtio_rng *rng);

extern const struct device_ops virtio_rng_device_ops;

#endif
