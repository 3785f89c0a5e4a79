/**
 * virtio_blk: a disk over a raw file or block device.
 *
 * Requests are decoded on the loop and carried out by io_uring; completions come back to the loop
 * by an eventfd. Where the kernel forbids io_uring (as some containers do), or the configuration
 * says so, threads carry them out. The file is locked (open-file-description lock) against a second
 * VM: shared when read only, exclusive otherwise.
 * Data integrity: with FLUSH accepted, writes go to the page cache and FLUSH syncs them; without,
 * every write, discard and write-zeroes is synced before it completes. A size that is not a
 * multiple of 512 is rounded down.
 * No room in the host's file system: the request waits, and env's disk_full() pauses the machine;
 * virtio_blk_retry() tries again. Without disk_full() it fails.
 * Discard punches holes; write-zeroes zeroes the range, and may punch when the driver says so.
 * Everything wrong with a request (range, type, I/O error) is its own status; only a broken ring
 * stops the device. A reset waits for what is in flight, as does a stop (pause, bus mastering off):
 * the kernel may still write to guest memory. What ends meanwhile is given back after the stop.
 * Threads: the loop's. Life cycle: create before the machine starts, destroy after the PCI bus.
 * Limits: VIRTIO_BLK_MAX_IN_FLIGHT requests, VIRTIO_BLK_MAX_DATA_SEGS ranges each.
 * Source: VIRTIO 1.2, 5.2 "Block Device".
 */
#ifndef WEFT_VMM_DEV_VIRTIO_BLK_H
#define WEFT_VMM_DEV_VIRTIO_BLK_H

#include "device.h"
#include "disk_engine.h"

struct config_disk;
struct dev_env;
struct err;
struct virtio_blk;
struct virtio_pci;

#define VIRTIO_BLK_MAX_IN_FLIGHT 128
#define VIRTIO_BLK_QUEUE_SIZE    256
#define VIRTIO_BLK_MAX_DATA_SEGS (VIRTIO_BLK_QUEUE_SIZE - 2)

/** env and config are borrowed. -EBUSY: somebody else has the file locked. */
int virtio_blk_create(const struct dev_env *env, const struct config_disk *config,
	struct virtio_blk **ret_blk, struct err *err);
void virtio_blk_destroy(struct virtio_blk *blk);
/** Before the first request: make the threads it needs, each of which calls enter_fn first. */
int virtio_blk_start(struct virtio_blk *blk, disk_enter_fn *enter_fn, void *enter_ctx);
/** What waits for room tries again. On the loop, lock not held. */
void virtio_blk_retry(struct virtio_blk *blk);

/** The transport, for tests. */
struct virtio_pci *virtio_blk_transport(struct virtio_blk *blk);

extern const struct device_ops virtio_blk_device_ops;

#endif
