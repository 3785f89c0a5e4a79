/**
 * fake_machine: RAM, buses, PCI and an event loop without KVM, and a driver for one virtio device
 * on it.
 *
 * The interrupt back-end does nothing but note the levels of lines; MSI-X messages are seen by
 * reading the vector's eventfd, ioeventfds by the bus itself (bus.h). The driver does what a
 * guest's does: status machine, features, rings in guest RAM, through the registers of BAR 0. Every
 * function fails the running cmocka test when the device breaks the rules.
 */
#ifndef WEFT_TESTS_FAKE_FAKE_MACHINE_H
#define WEFT_TESTS_FAKE_FAKE_MACHINE_H

#include "dev/env.h"
#include "virtio_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_pci;

#define FAKE_RAM_BYTES   (32u << 20)
#define FAKE_DRIVER_BASE (1u << 20) /* where drivers begin to put their rings */
#define FAKE_MAX_QUEUES  9
#define FAKE_RING_SIZE   64

void fake_machine_create(struct dev_env *ret_env);
/** Without a PCI bus, for code that makes its own. */
void fake_machine_create_bare(struct dev_env *ret_env);
void fake_machine_destroy(struct dev_env *env);
/** Run the loop until done(ctx); timeout_ms is what a machine at ease needs at most, a busy one is
 * given more. Returns what done(ctx) last said. */
bool fake_machine_run(struct dev_env *env, bool (*done)(void *ctx), void *ctx, unsigned timeout_ms);
/** Run the loop for ms. */
void fake_machine_idle(struct dev_env *env, unsigned ms);
/** Let every PCI function master the bus, as drivers do, or none. */
void fake_machine_set_master(struct dev_env *env, bool is_on);
/** Reset as a machine does: tell all devices, run the loop until they are quiet, reset the bus. */
void fake_machine_reset(struct dev_env *env, struct virtio_pci *const *devices, unsigned n_devices);
/** The level of an interrupt line that a device on the board drives. */
bool fake_machine_line(uint32_t gsi);
/** Guest memory at gpa, for size bytes. */
void *fake_machine_ram(struct dev_env *env, uint64_t gpa, size_t size);

/** One split ring as a driver sees it. */
struct fake_ring {
	uint64_t gpa; /* descriptors; available and used rings follow */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;
	uint16_t next_avail, seen_used;
};

struct fake_driver {
	struct dev_env *env;
	struct virtio_pci *vp;
	uint64_t features;
	unsigned n_queues;
	struct fake_ring rings[FAKE_MAX_QUEUES];
	uint64_t next_gpa; /* bump allocator in guest RAM */
};

uint32_t fake_read(struct fake_driver *drv, unsigned offset, unsigned size);
void fake_write(struct fake_driver *drv, unsigned offset, unsigned size, uint64_t value);
uint64_t fake_driver_offered(struct fake_driver *drv);
/** Reset, negotiate wanted & offered, set up all queues, DRIVER_OK. */
void fake_driver_start(struct fake_driver *drv, struct dev_env *env, struct virtio_pci *vp,
	uint64_t wanted);
/** Write 0 to the status and run the loop until it reads 0. */
void fake_driver_reset(struct fake_driver *drv);
/** With rings from gpa on, so that several drivers can share a machine. */
void fake_driver_start_at(struct fake_driver *drv, struct dev_env *env, struct virtio_pci *vp,
	uint64_t wanted, uint64_t gpa);
uint64_t fake_driver_alloc(struct fake_driver *drv, size_t size);

/** Put one buffer of n descriptors into a ring (no kick). segs: gpa, len, VRING_DESC_F_WRITE. */
struct fake_seg {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;
};
uint16_t fake_ring_add(struct fake_ring *ring, const struct fake_seg *segs, unsigned n);
void fake_driver_kick(struct fake_driver *drv, unsigned queue);
/** Next used element, if any. */
bool fake_ring_get_used(struct fake_ring *ring, struct vring_used_elem *ret_elem);

#endif
