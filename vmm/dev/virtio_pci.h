/**
 * virtio_pci: the transport of every virtio device: modern virtio over PCI with MSI-X.
 *
 * What it does: the registers (common, ISR, device, notify, and the PCI_CFG window onto them), the
 * status machine, feature selection, queue set-up, kicks and interrupts. What a device is (its
 * features, its configuration bytes, its queues' meaning) comes by struct virtio_dev_ops; every
 * device has the same verbs: X_create, activate, reset, drain, X_destroy.
 *
 *   write 0                                    reset() done (at once, or virtio_pci_reset_done())
 *   any ----------> RESETTING (status reads non-zero) ----------> 0
 *   0 -> ACKNOWLEDGE -> DRIVER -> FEATURES_OK (only for a subset of what we offered)
 *     -> DRIVER_OK: every enabled queue is checked, then activate(); a queue that does not lie in
 *        RAM gives DEVICE_NEEDS_RESET instead
 *
 * Running. The device may touch RAM while it is active, the driver lets it master the bus and the
 * machine is not paused; set_running() informs it of each change:
 *
 *   RUNNING --pause, bus mastering off--> STOPPING --virtio_pci_stopped()--> STOPPED
 *      ^                                                                        |
 *      '------- resume; after bus mastering was off: the driver's next kick ----'
 *
 * Bus mastering on alone starts nothing: a kernel that was started by kexec turns it on before it
 * resets the device, and must not have its memory written over in between. Whoever turns it off may
 * rely on it at once: vCPUs are held until the device is STOPPED (env.h).
 *
 * Kicks: each queue has an eventfd for the device's whole life, attached in the kernel to the
 * queue's notify address and moved with the BAR. The device reads it on the loop or hands it to a
 * back-end.
 * Calls: the eventfd of the queue's MSI-X vector, or, while MSI-X is off, one eventfd that the loop
 * turns into INTx and the ISR bit. When MSI-X goes on or off under a running device,
 * vector_changed() moves the calls, and one interrupt more goes out for what may have come by the
 * old way.
 *
 * BAR 0: 0x0000 common, 0x2000 ISR, 0x4000 device, 0x6000 notify (4 bytes a queue), 0x8000 MSI-X
 * table, 0x48000 pending bits.
 *
 * Threads: registers come from vCPU threads, kicks and back-end events on the loop. One lock per
 * device (lock order in bus.h): ops run with it held, except abandon(); devices take it with
 * virtio_pci_lock() when they work on the loop.
 * Life cycle: virtio_pci_create() before the machine starts; virtio_pci_destroy() after the PCI
 * bus.
 * Limits: VIRTIO_PCI_MAX_QUEUES queues; every guest value is bounded before use.
 * Source: VIRTIO 1.2, 2.1 "Device Status Field", 3.1 "Device Initialization", 4.1 "Virtio Over PCI
 * Bus".
 */
#ifndef WEFT_VMM_DEV_VIRTIO_PCI_H
#define WEFT_VMM_DEV_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

struct dev_env;
struct err;
struct virtio_pci;

#define VIRTIO_PCI_MAX_QUEUES 33
#define VIRTIO_PCI_NO_VECTOR  0xffff

#define VIRTIO_PCI_BAR_SIZE      0x80000
#define VIRTIO_PCI_COMMON        0x0000
#define VIRTIO_PCI_COMMON_SIZE   0x38
#define VIRTIO_PCI_ISR           0x2000
#define VIRTIO_PCI_DEVICE        0x4000
#define VIRTIO_PCI_DEVICE_SIZE   0x1000
#define VIRTIO_PCI_NOTIFY        0x6000
#define VIRTIO_PCI_NOTIFY_STRIDE 4
#define VIRTIO_PCI_MSIX_TABLE    0x8000
#define VIRTIO_PCI_MSIX_PBA      0x48000

/** 5 "Device Types" */
#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG     4

/** 2.1 "Device Status Field" */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER      0x02
#define VIRTIO_STATUS_DRIVER_OK   0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED      0x80

/** A queue as the driver set it up; checked to lie in RAM by the time activate() is called. */
struct virtio_queue {
	uint16_t size;
	uint16_t vector;
	bool enabled;
	uint64_t desc_gpa;   /* descriptors, or the packed ring */
	uint64_t driver_gpa; /* available ring, or driver event suppression */
	uint64_t device_gpa; /* used ring, or device event suppression */
};

/** All with the device's lock held except abandon(); ctx is the device. */
struct virtio_dev_ops {
	/**
	 * Features to offer; VERSION_1 is added. Asked once per reset, at the driver's first look.
	 */
	uint64_t (*get_features)(void *ctx);
	/** The size bytes at offset of the device's configuration; within config_size. */
	void (*config_read)(void *ctx, unsigned offset, unsigned size, uint8_t *buf);
	/** May be NULL: read only. */
	void (*config_write)(void *ctx, unsigned offset, unsigned size, const uint8_t *buf);
	/** The driver is ready with these features. 0, or -errno: DEVICE_NEEDS_RESET. */
	int (*activate)(void *ctx, uint64_t features);
	/**
	 * Stop touching the rings and forget what the driver said. Returns true when that is done,
	 * false when virtio_pci_reset_done() follows from the loop; until then the guest waits.
	 */
	bool (*reset)(void *ctx);
	/**
	 * See "Running" above. Stopping returns true when nothing touches the rings any more, false
	 * when virtio_pci_stopped() follows from the loop; what is under way may be finished, but
	 * is given back only when running again. Any thread. May be NULL: only kicks do anything.
	 */
	bool (*set_running)(void *ctx, bool is_running);
	/**
	 * The machine's reset has waited long enough for the end of reset(): drop whoever holds it
	 * up, without waiting. Loop's thread, lock not held. NULL: it cannot be hurried.
	 */
	void (*abandon)(void *ctx);
	/** The interrupt vector of a queue changed while active. May be NULL. */
	void (*vector_changed)(void *ctx, unsigned queue);
	/**
	 * The driver kicked a queue that virtio_pci_watch_kicks() watches, and is active. On the
	 * loop.
	 */
	void (*kicked)(void *ctx, unsigned queue);
};

struct virtio_pci_config {
	const char *name; /* outliving the device; for messages */
	uint16_t type;    /* VIRTIO_ID_ */
	uint32_t class_code;
	unsigned n_queues;    /* 1..VIRTIO_PCI_MAX_QUEUES */
	uint16_t queue_size;  /* largest; power of two */
	unsigned config_size; /* bytes of device configuration, 0..VIRTIO_PCI_DEVICE_SIZE */
	const struct virtio_dev_ops *ops;
	void *ctx;
};

/** Life cycle. env is borrowed. virtio_pci_destroy() accepts NULL. */
int virtio_pci_create(const struct dev_env *env, const struct virtio_pci_config *config,
	struct virtio_pci **ret_vp, struct err *err);
void virtio_pci_destroy(struct virtio_pci *vp);

void virtio_pci_lock(struct virtio_pci *vp);
void virtio_pci_unlock(struct virtio_pci *vp);

/**
 * Call kicked() for the queue from now on, or no more: for queues that the VMM serves itself.
 * Loop's thread, lock held or not. 0, or -errno of the event loop; asking twice is no error.
 */
int virtio_pci_watch_kicks(struct virtio_pci *vp, unsigned queue, bool is_wanted);
/** As if the driver had kicked: come back after the loop has served others. Any thread. */
void virtio_pci_kick(struct virtio_pci *vp, unsigned queue);

/* All below: lock held, unless said otherwise. */

const struct virtio_queue *virtio_pci_queue(const struct virtio_pci *vp, unsigned queue);
/**
 * May the device touch its rings now? Running, and not marked broken. Kicks ask this before
 * kicked(); a device asks before it completes what took longer.
 */
bool virtio_pci_is_served(const struct virtio_pci *vp);
/** Borrowed, for the device's life. No lock needed. */
int virtio_pci_kick_fd(const struct virtio_pci *vp, unsigned queue);
/** Borrowed; what a back-end counts up to interrupt for queue; -1 = the driver wants none. */
int virtio_pci_call_fd(const struct virtio_pci *vp, unsigned queue);
/** Interrupt for a queue. */
void virtio_pci_notify_queue(struct virtio_pci *vp, unsigned queue);
/** The driver itself changed the configuration: a new generation is all it takes. */
void virtio_pci_config_changed(struct virtio_pci *vp);
/** The configuration changed: new generation, and an interrupt if the driver is ready. */
void virtio_pci_notify_config(struct virtio_pci *vp);
/** The driver broke the rules of a ring: DEVICE_NEEDS_RESET. */
void virtio_pci_mark_broken(struct virtio_pci *vp);
/** See virtio_dev_ops.reset. */
void virtio_pci_reset_done(struct virtio_pci *vp);
/** See virtio_dev_ops.set_running. */
void virtio_pci_stopped(struct virtio_pci *vp);

/* For the machine: loop's thread, lock not held. */

/** The machine pauses or goes on. Stopping may end later. */
void virtio_pci_set_paused(struct virtio_pci *vp, bool is_paused);
/** Begin what a machine reset needs first: no vCPU runs until virtio_pci_is_quiet(). */
void virtio_pci_begin_reset(struct virtio_pci *vp);
/** Has all ended that vCPUs are held for? env->settle() says when to ask again. */
bool virtio_pci_is_quiet(struct virtio_pci *vp);
/** See virtio_dev_ops.abandon. */
void virtio_pci_abandon(struct virtio_pci *vp);

/**
 * Registers, as the guest reaches them through BAR 0; lock not held. Also for tests and fuzzing.
 */
uint64_t virtio_pci_bar_read(void *vp, uint64_t offset, unsigned size);
void virtio_pci_bar_write(void *vp, uint64_t offset, unsigned size, uint64_t value);
/** Machine reset, of a device that is quiet; lock not held. */
void virtio_pci_machine_reset(void *vp);

#endif
