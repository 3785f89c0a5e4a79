#include "virtio_blk.h"

#include "config.h"
#include "disk_file.h"
#include "disk_threads.h"
#include "env.h"
#include "err.h"
#include "log.h"
#include "virtio_pci.h"
#include "virtq.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("virtio-blk");

/* 5.2.3 "Feature bits" */
enum {
	BLK_F_SEG_MAX = 2,
	BLK_F_RO = 5,
	BLK_F_BLK_SIZE = 6,
	BLK_F_FLUSH = 9,
	BLK_F_DISCARD = 13,
	BLK_F_WRITE_ZEROES = 14,
};

/* 5.2.6 "Device Operation" */
enum {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13
};
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

#define BLK_QUEUE            0
#define BLK_SECTOR           512u
#define BLK_ID_BYTES         20
#define BLK_MAX_ZERO_SECTORS (64u << 11) /* 64 MiB a request */

struct blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "VIRTIO 1.2, 5.2.6");

/* One segment of a discard or write-zeroes request; flag bit 0 = may unmap */
struct blk_range {
	uint64_t sector;
	uint32_t n_sectors;
	uint32_t flags;
};
_Static_assert(sizeof(struct blk_range) == 16, "VIRTIO 1.2, 5.2.6");

/* 5.2.4 "Device configuration layout" */
struct blk_config {
	uint64_t capacity;
	uint32_t size_max;
	uint32_t seg_max;
	uint8_t geometry[4];
	uint32_t blk_size;
	uint8_t topology[8];
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};
_Static_assert(offsetof(struct blk_config, write_zeroes_may_unmap) == 56, "VIRTIO 1.2, 5.2.4");

/* A request under way. op must be first: completions come back as its address. */
struct blk_request {
	struct disk_op op;
	struct blk_request *next_free;
	uint16_t id;
	uint16_t n_slots;
	uint8_t *status;        /* in guest RAM */
	uint32_t written_bytes; /* if all goes well, with the status byte */
	struct iovec segs[VIRTQ_MAX_SEGS];
};

struct virtio_blk {
	const struct dev_env *env;
	struct virtio_pci *vp;
	struct disk_file *file;
	struct blk_config config;
	char id[BLK_ID_BYTES];
	bool is_read_only;
	/* Under the transport's lock: */
	bool is_sync;    /* FLUSH was not accepted: what changes the disk is stable when done */
	bool is_stopped; /* set_running(false) */
	bool is_resetting;
	bool is_closing;
	struct virtq vq;
	struct blk_request *free;
	struct blk_request *withheld; /* done while stopped: given back when running again */
	unsigned n_in_flight;
	struct blk_request requests[VIRTIO_BLK_MAX_IN_FLIGHT];
};

static void blk_free_request(struct virtio_blk *blk, struct blk_request *req)
{
	req->next_free = blk->free;
	blk->free = req;
}

static void blk_finish(struct virtio_blk *blk, struct blk_request *req, uint8_t status)
{
	*req->status = status;
	virtq_push(&blk->vq, req->id, req->n_slots, status == BLK_S_OK ? req->written_bytes : 1);
	blk_free_request(blk, req);
}

/* segs[n] without the first skip bytes and cut to len, into ret; returns the number of ranges. */
static unsigned blk_slice(const struct iovec *segs, unsigned n, size_t skip, size_t len,
	struct iovec *ret)
{
	unsigned n_ret = 0;

	for (unsigned i = 0; i < n && len; i++) {
		size_t left = segs[i].iov_len;

		if (skip >= left) {
			skip -= left;
			continue;
		}
		left -= skip;
		if (left > len)
			left = len;
		ret[n_ret++] = (struct iovec){(uint8_t *)segs[i].iov_base + skip, left};
		len -= left;
		skip = 0;
	}
	return n_ret;
}

static bool blk_range_ok(const struct virtio_blk *blk, uint64_t sector, uint64_t n_sectors)
{
	return sector <= blk->config.capacity && n_sectors <= blk->config.capacity - sector;
}

/* Each blk_do_*: true when the request is under way, false with ret_status when it is decided. */

static bool blk_do_transfer(struct virtio_blk *blk, struct blk_request *req,
	const struct virtq_chain *chain, const struct blk_header *h, uint8_t *ret_status)
{
	bool is_read = h->type == BLK_T_IN;
	size_t len = is_read ? chain->in_bytes - 1 : chain->out_bytes - sizeof(*h);

	*ret_status = BLK_S_IOERR;
	if (len % BLK_SECTOR || !blk_range_ok(blk, h->sector, len / BLK_SECTOR))
		return false;
	if (!is_read && blk->is_read_only)
		return false;
	if (!len) {
		*ret_status = BLK_S_OK;
		return false;
	}
	req->op.kind = is_read ? DISK_READ : DISK_WRITE;
	req->op.is_stable = !is_read && blk->is_sync;
	req->op.offset = h->sector * BLK_SECTOR;
	req->op.len = len;
	req->op.segs = req->segs;
	req->op.n_segs =
		is_read ? blk_slice(chain->segs + chain->n_out, chain->n_in, 0, len, req->segs)
			: blk_slice(chain->segs, chain->n_out, sizeof(*h), len, req->segs);
	req->written_bytes = (uint32_t)(is_read ? len + 1 : 1);
	return true;
}

static bool blk_do_zero(struct virtio_blk *blk, struct blk_request *req,
	const struct virtq_chain *chain, const struct blk_header *h, uint8_t *ret_status)
{
	struct blk_range range;

	*ret_status = BLK_S_IOERR;
	if (blk->is_read_only || chain->out_bytes != sizeof(*h) + sizeof(range))
		return false;
	(void)virtq_read(chain, sizeof(*h), &range, sizeof(range));
	if (range.flags & ~1u || (h->type == BLK_T_DISCARD && range.flags)) {
		*ret_status = BLK_S_UNSUPP; /* 5.2.6.2: reserved flags, and unmap of a discard */
		return false;
	}
	if (range.n_sectors > BLK_MAX_ZERO_SECTORS ||
		!blk_range_ok(blk, range.sector, range.n_sectors))
		return false;
	if (!range.n_sectors) {
		*ret_status = BLK_S_OK;
		return false;
	}
	req->op.kind = h->type == BLK_T_DISCARD || range.flags ? DISK_PUNCH : DISK_ZERO;
	req->op.is_stable = blk->is_sync;
	req->op.offset = range.sector * BLK_SECTOR;
	req->op.len = (size_t)range.n_sectors * BLK_SECTOR;
	req->written_bytes = 1;
	return true;
}

static bool blk_do_get_id(const struct virtio_blk *blk, struct blk_request *req,
	const struct virtq_chain *chain, uint8_t *ret_status)
{
	size_t room = chain->in_bytes - 1 < BLK_ID_BYTES ? chain->in_bytes - 1 : BLK_ID_BYTES;

	req->written_bytes = (uint32_t)virtq_write(chain, 0, blk->id, room) + 1;
	*ret_status = BLK_S_OK;
	return false;
}

static bool blk_do(struct virtio_blk *blk, struct blk_request *req, const struct virtq_chain *chain,
	uint8_t *ret_status)
{
	struct blk_header h;

	*ret_status = BLK_S_IOERR;
	if (virtq_read(chain, 0, &h, sizeof(h)) != sizeof(h))
		return false;
	switch (h.type) {
	case BLK_T_IN:
	case BLK_T_OUT:
		return blk_do_transfer(blk, req, chain, &h, ret_status);
	case BLK_T_FLUSH:
		req->op.kind = DISK_FLUSH;
		req->written_bytes = 1;
		return true;
	case BLK_T_GET_ID:
		return blk_do_get_id(blk, req, chain, ret_status);
	case BLK_T_DISCARD:
	case BLK_T_WRITE_ZEROES:
		return blk_do_zero(blk, req, chain, &h, ret_status);
	default:
		*ret_status = BLK_S_UNSUPP;
		return false;
	}
}

/* The status byte is the last one the driver made writable. */
static uint8_t *blk_status_byte(const struct virtq_chain *chain)
{
	const struct iovec *last = &chain->segs[chain->n_out + chain->n_in - 1];

	return (uint8_t *)last->iov_base + last->iov_len - 1;
}

/* Start what waits and can be started. -EPROTO when the ring is garbage. */
static int blk_serve(struct virtio_blk *blk, bool *ret_has_pushed)
{
	struct virtq_turn turn = VIRTQ_TURN;
	struct virtq_chain chain;

	while (blk->free) {
		struct blk_request *req = blk->free;
		uint8_t status;
		int r = virtq_pop(&blk->vq, &turn, &chain);

		if (r == -EAGAIN) {
			virtio_pci_kick(blk->vp, BLK_QUEUE); /* more may wait; others come first */
			return 0;
		}
		if (r <= 0)
			return r;
		if (!chain.in_bytes)
			return -EPROTO; /* nowhere to put the status */
		blk->free = req->next_free;
		req->op = (struct disk_op){0};
		req->id = chain.id;
		req->n_slots = chain.n_slots;
		req->status = blk_status_byte(&chain);
		req->written_bytes = 1;
		if (blk_do(blk, req, &chain, &status)) {
			blk->n_in_flight++;
			disk_file_submit(blk->file, &req->op);
		} else {
			blk_finish(blk, req, status);
			*ret_has_pushed = true;
		}
	}
	return 0;
}

static void blk_serve_and_notify(struct virtio_blk *blk, bool has_pushed)
{
	int r = blk_serve(blk, &has_pushed);

	disk_file_flush_submissions(blk->file);
	if (has_pushed && virtq_should_notify(&blk->vq))
		virtio_pci_notify_queue(blk->vp, BLK_QUEUE);
	if (r < 0)
		virtio_pci_mark_broken(blk->vp);
}

static void blk_kicked(void *ctx, unsigned queue)
{
	(void)queue;
	blk_serve_and_notify(ctx, false);
}

static uint8_t blk_status(const struct virtio_blk *blk, const struct disk_op *op)
{
	if (!op->result)
		return BLK_S_OK;
	if (op->result == -EOPNOTSUPP && (op->kind == DISK_PUNCH || op->kind == DISK_ZERO))
		return BLK_S_UNSUPP;
	log_warn_ratelimited("disk '%s': I/O error at byte %llu: %s", disk_file_path(blk->file),
		(unsigned long long)op->offset, strerror(-op->result));
	return BLK_S_IOERR;
}

/* Running: to the driver. Stopped: later. Else the ring is not ours any more, or broken. */
static void blk_complete(struct virtio_blk *blk, struct blk_request *req)
{
	if (virtio_pci_is_served(blk->vp)) {
		blk_finish(blk, req, blk_status(blk, &req->op));
	} else if (blk->is_stopped && !blk->is_resetting) {
		req->next_free = blk->withheld;
		blk->withheld = req;
	} else {
		blk_free_request(blk, req);
	}
}

/* Some operations are done: ops is a list by next. On the loop, lock not held. */
static void blk_on_done(void *ctx, struct disk_op *ops)
{
	struct virtio_blk *blk = ctx;

	virtio_pci_lock(blk->vp);
	while (ops && !blk->is_closing) {
		struct blk_request *req = (struct blk_request *)ops;

		ops = ops->next;
		blk->n_in_flight--;
		blk_complete(blk, req);
	}
	if (blk->is_closing) {
		/* The machine is going down: neither ring nor PCI function are there any more. */
	} else if (virtio_pci_is_served(blk->vp)) {
		blk_serve_and_notify(blk, true);
	} else if (blk->n_in_flight) {
		/* Whoever waits for the end of it goes on waiting. */
	} else if (blk->is_resetting) {
		blk->is_resetting = false;
		virtio_pci_reset_done(blk->vp);
	} else if (blk->is_stopped) {
		virtio_pci_stopped(blk->vp);
	}
	virtio_pci_unlock(blk->vp);
}

/* A write found no room: the guest shall not see that, its file system would be damaged. */
static void blk_on_full(void *ctx, int r)
{
	struct virtio_blk *blk = ctx;

	log_warn_ratelimited("disk '%s': %s, the machine pauses", disk_file_path(blk->file),
		strerror(-r));
	blk->env->disk_full(blk->env->disk_full_ctx, disk_file_path(blk->file), r);
}

/* ---- Device operations ----------------------------------------------------------------------- */

static uint64_t blk_get_features(void *ctx)
{
	const struct virtio_blk *blk = ctx;
	uint64_t features = VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
			    VIRTIO_BIT(BLK_F_SEG_MAX) | VIRTIO_BIT(BLK_F_BLK_SIZE) |
			    VIRTIO_BIT(BLK_F_FLUSH);

	if (blk->is_read_only)
		return features | VIRTIO_BIT(BLK_F_RO);
	return features | VIRTIO_BIT(BLK_F_DISCARD) | VIRTIO_BIT(BLK_F_WRITE_ZEROES);
}

static void blk_config_read(void *ctx, unsigned offset, unsigned size, uint8_t *buf)
{
	const struct virtio_blk *blk = ctx;

	memcpy(buf, (const uint8_t *)&blk->config + offset, size);
}

static int blk_activate(void *ctx, uint64_t features)
{
	struct virtio_blk *blk = ctx;
	const struct virtio_queue *queue = virtio_pci_queue(blk->vp, BLK_QUEUE);

	blk->is_stopped = false;
	blk->is_sync = !(features & VIRTIO_BIT(BLK_F_FLUSH));
	return queue->enabled ? virtq_init(&blk->vq, blk->env->mem, queue, features) : 0;
}

static bool blk_reset(void *ctx)
{
	struct virtio_blk *blk = ctx;

	while (blk->withheld) {
		struct blk_request *req = blk->withheld;

		blk->withheld = req->next_free;
		blk_free_request(blk, req);
	}
	blk->is_stopped = false;
	blk->is_resetting = blk->n_in_flight;
	if (blk->is_resetting)
		disk_file_cancel(blk->file);
	return !blk->is_resetting;
}

static bool blk_set_running(void *ctx, bool is_running)
{
	struct virtio_blk *blk = ctx;
	bool has_pushed = blk->withheld && virtio_pci_is_served(blk->vp);

	blk->is_stopped = !is_running;
	while (is_running && blk->withheld) {
		struct blk_request *req = blk->withheld;

		blk->withheld = req->next_free;
		blk_complete(blk, req);
	}
	if (has_pushed && virtq_should_notify(&blk->vq))
		virtio_pci_notify_queue(blk->vp, BLK_QUEUE);
	return is_running || !blk->n_in_flight;
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

static void blk_fill_config(struct virtio_blk *blk, const struct config_disk *config)
{
	blk->is_read_only = config->read_only;
	memcpy(blk->id, config->serial, strnlen(config->serial, sizeof(blk->id)));
	blk->config.capacity = disk_file_size(blk->file) / BLK_SECTOR;
	blk->config.seg_max = VIRTIO_BLK_MAX_DATA_SEGS;
	blk->config.blk_size = BLK_SECTOR;
	blk->config.num_queues = 1;
	blk->config.max_discard_sectors = BLK_MAX_ZERO_SECTORS;
	blk->config.max_discard_seg = 1;
	blk->config.discard_sector_alignment = 8;
	blk->config.max_write_zeroes_sectors = BLK_MAX_ZERO_SECTORS;
	blk->config.max_write_zeroes_seg = 1;
	blk->config.write_zeroes_may_unmap = 1;
	if (disk_file_size(blk->file) % BLK_SECTOR)
		log_warn("disk '%s': size is no multiple of 512, the last %u bytes are not used",
			config->path, (unsigned)(disk_file_size(blk->file) % BLK_SECTOR));
}

static int blk_create_parts(struct virtio_blk *blk, const struct config_disk *config,
	struct err *err)
{
	static const struct virtio_dev_ops ops = {
		.get_features = blk_get_features,
		.config_read = blk_config_read,
		.activate = blk_activate,
		.reset = blk_reset,
		.set_running = blk_set_running,
		.kicked = blk_kicked,
	};
	const struct virtio_pci_config transport = {
		.name = "virtio-blk",
		.type = VIRTIO_ID_BLOCK,
		.class_code = 0x018000, /* mass storage, other */
		.n_queues = 1,
		.queue_size = VIRTIO_BLK_QUEUE_SIZE,
		.config_size = sizeof(struct blk_config),
		.ops = &ops,
		.ctx = blk,
	};
	const struct disk_file_config file = {
		.ev = blk->env->ev,
		.path = config->path,
		.is_read_only = config->read_only,
		.n_max = VIRTIO_BLK_MAX_IN_FLIGHT,
		.engine = blk->env->disk_engine ? blk->env->disk_engine
			  : config->threads     ? disk_threads_engine
						: NULL,
		.done = blk_on_done,
		.full = blk->env->disk_full ? blk_on_full : NULL,
		.ctx = blk,
	};
	int r = disk_file_open(&file, &blk->file, err);

	if (r < 0)
		return r;
	blk_fill_config(blk, config);
	for (unsigned i = 0; i < VIRTIO_BLK_MAX_IN_FLIGHT; i++) {
		blk->requests[i].next_free = blk->free;
		blk->free = &blk->requests[i];
	}
	r = virtio_pci_create(blk->env, &transport, &blk->vp, err);
	if (r < 0)
		return r;
	r = virtio_pci_watch_kicks(blk->vp, BLK_QUEUE, true);
	return r < 0 ? err_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

int virtio_blk_create(const struct dev_env *env, const struct config_disk *config,
	struct virtio_blk **ret_blk, struct err *err)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int r;

	if (!blk)
		return err_set(err, -ENOMEM, "disk '%s': out of memory", config->path);
	blk->env = env;
	r = blk_create_parts(blk, config, err);
	if (r < 0) {
		virtio_blk_destroy(blk);
		return err_prefix(err, "disk '%s'", config->path);
	}
	*ret_blk = blk;
	return 0;
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	if (!blk)
		return;
	/* What is in flight may write to guest RAM, which goes away after us. */
	if (blk->vp) {
		virtio_pci_lock(blk->vp);
		blk->is_closing = true;
		virtio_pci_unlock(blk->vp);
	}
	disk_file_close(blk->file);
	virtio_pci_destroy(blk->vp);
	free(blk);
}

int virtio_blk_start(struct virtio_blk *blk, disk_enter_fn *enter_fn, void *enter_ctx)
{
	return disk_file_start(blk->file, enter_fn, enter_ctx);
}

void virtio_blk_retry(struct virtio_blk *blk)
{
	disk_file_retry(blk->file);
}

struct virtio_pci *virtio_blk_transport(struct virtio_blk *blk)
{
	return blk->vp;
}

/* ---- In a machine ---- */

static void destroy_device(void *device)
{
	virtio_blk_destroy(device);
}

static struct virtio_pci *device_transport(void *device)
{
	return virtio_blk_transport(device);
}

static int start_device(void *device, disk_enter_fn *enter_fn, void *enter_ctx, struct err *err)
{
	struct virtio_blk *blk = device;
	int r = virtio_blk_start(blk, enter_fn, enter_ctx);

	return r < 0 ? err_set(err, r, "disk '%s': cannot start its threads: %s",
			       disk_file_path(blk->file), strerror(-r))
		     : 0;
}

static void retry_device(void *device)
{
	virtio_blk_retry(device);
}

const struct device_ops virtio_blk_device_ops = {
	.start = start_device,
	.retry = retry_device,
	.destroy = destroy_device,
	.transport = device_transport,
};
