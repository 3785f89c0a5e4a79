#include "disk_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* All that a disk asks for; see ring_prepare(). */
static const uint8_t disk_ring_ops[] = {
	IORING_OP_READV,
	IORING_OP_WRITEV,
	IORING_OP_FSYNC,
	IORING_OP_FALLOCATE,
};

#define N_OPS (sizeof(disk_ring_ops) / sizeof(disk_ring_ops[0]))

static int restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction limits[N_OPS + 3] = {
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE},
		/*
		 * A list of one that changes nothing: without a list some kernels refuse nothing.
		 */
		{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_PROBE},
	};

	for (unsigned i = 0; i < N_OPS; i++) {
		limits[3 + i].opcode = IORING_RESTRICTION_SQE_OP;
		limits[3 + i].sqe_op = disk_ring_ops[i];
	}
	return io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, limits,
		N_OPS + 3);
}

int disk_ring_open(struct io_uring *ret_ring, unsigned n_entries, int fd, int event_fd)
{
	struct io_uring ring;
	int r = io_uring_queue_init(n_entries, &ring, IORING_SETUP_R_DISABLED);

	if (r < 0)
		return r;
	r = io_uring_register_files(&ring, &fd, 1);
	if (!r)
		r = io_uring_register_eventfd(&ring, event_fd);
	if (!r)
		r = restrict_ring(&ring);
	if (!r)
		r = io_uring_register((unsigned)ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
			0);
	if (r < 0) {
		io_uring_queue_exit(&ring);
		return r;
	}
	*ret_ring = ring;
	return 0;
}

int disk_ring_probe(void)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);
	int event_fd = eventfd(0, EFD_CLOEXEC);
	struct io_uring ring;
	int r = fd < 0 || event_fd < 0 ? -errno : disk_ring_open(&ring, 1, fd, event_fd);

	if (!r)
		io_uring_queue_exit(&ring);
	if (event_fd >= 0)
		(void)close(event_fd);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* ---- The engine ------------------------------------------------------------------------------ */

static int ring_start(void *engine, disk_enter_fn *enter_fn, void *enter_ctx)
{
	return 0; /* its threads are the kernel's */
}

static void ring_prepare(struct io_uring_sqe *sqe, const struct disk_op *op)
{
	switch (op->step) {
	case DISK_READ:
		io_uring_prep_readv(sqe, DISK_RING_FILE, op->segs, op->n_segs, op->offset);
		break;
	case DISK_WRITE:
		io_uring_prep_writev2(sqe, DISK_RING_FILE, op->segs, op->n_segs, op->offset,
			op->is_stable ? RWF_DSYNC : 0);
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, DISK_RING_FILE, IORING_FSYNC_DATASYNC);
		break;
	case DISK_PUNCH:
	case DISK_ZERO:
		io_uring_prep_fallocate(sqe, DISK_RING_FILE, disk_fallocate_mode(op->step),
			(off_t)op->offset, (off_t)op->len);
		break;
	}
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
}

static bool ring_submit(void *engine, struct disk_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(engine);

	if (!sqe)
		return false; /* full, because the kernel did not take what was queued */
	ring_prepare(sqe, op);
	io_uring_sqe_set_data(sqe, op);
	return true;
}

static bool ring_flush(void *engine)
{
	/* What the kernel does not take now (-EAGAIN, -EBUSY) stays queued. */
	if (io_uring_sq_ready(engine))
		(void)io_uring_submit(engine);
	return !io_uring_sq_ready(engine);
}

static struct disk_op *ring_take(void *engine)
{
	struct disk_op *ended = NULL;
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(engine, &cqe)) {
		struct disk_op *op = io_uring_cqe_get_data(cqe);

		op->result = cqe->res;
		op->next = ended;
		ended = op;
		io_uring_cqe_seen(engine, cqe);
	}
	return ended;
}

static void ring_destroy(void *engine)
{
	io_uring_queue_exit(engine);
	free(engine);
}

int disk_ring_engine(int fd, int event_fd, unsigned n_max, struct disk_engine *ret)
{
	static const struct disk_engine_ops ops = {
		.start = ring_start,
		.submit = ring_submit,
		.flush = ring_flush,
		.take = ring_take,
		.destroy = ring_destroy,
	};
	struct io_uring *ring = malloc(sizeof(*ring));
	int r = ring ? disk_ring_open(ring, n_max, fd, event_fd) : -ENOMEM;

	if (r < 0)
		free(ring);
	else
		*ret = (struct disk_engine){&ops, ring};
	return r;
}
