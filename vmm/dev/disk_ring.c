#include "disk_ring.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* All that a disk asks for; see disk_prepare() in disk_file.c. */
static const uint8_t disk_ring_ops[] = {
	IORING_OP_READV,
	IORING_OP_WRITEV,
	IORING_OP_FSYNC,
	IORING_OP_FALLOCATE,
};

#define N_OPS (sizeof(disk_ring_ops) / sizeof(disk_ring_ops[0]))

static int disk_ring_restrict(struct io_uring *ring)
{
	struct io_uring_restriction limits[N_OPS + 3] = {
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE},
		// A list of one that changes nothing: without a list some kernels refuse nothing.
		{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_PROBE},
	};

	for (unsigned i = 0; i < N_OPS; i++) {
		limits[3 + i].opcode = IORING_RESTRICTION_SQE_OP;
		limits[3 + i].sqe_op = disk_ring_ops[i];
	}
	return io_uring_register(
		(unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, limits, N_OPS + 3);
}

int disk_ring_open(struct io_uring *ret_ring, unsigned n_entries, int fd, int event_fd)
{
	struct io_uring ring;
	int code = io_uring_queue_init(n_entries, &ring, IORING_SETUP_R_DISABLED);

	if (code < 0)
		return code;
	code = io_uring_register_files(&ring, &fd, 1);
	if (!code)
		code = io_uring_register_eventfd(&ring, event_fd);
	if (!code)
		code = disk_ring_restrict(&ring);
	if (!code)
		code = io_uring_register(
			(unsigned)ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (code < 0) {
		io_uring_queue_exit(&ring);
		return code;
	}
	*ret_ring = ring;
	return 0;
}

int disk_ring_probe(void)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);
	int event_fd = eventfd(0, EFD_CLOEXEC);
	struct io_uring ring;
	int code = fd < 0 || event_fd < 0 ? -errno : disk_ring_open(&ring, 1, fd, event_fd);

	if (!code)
		io_uring_queue_exit(&ring);
	if (event_fd >= 0)
		(void)close(event_fd);
	if (fd >= 0)
		(void)close(fd);
	return code;
}
