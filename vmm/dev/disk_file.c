#include "disk_file.h"

#include "disk_ring.h"
#include "err.h"
#include "ev.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("disk");

struct disk_file {
	struct ev *ev;
	char *path;
	int fd;
	int event_fd; /* counts completions */
	struct ev_source *source;
	uint64_t size;
	disk_done_fn *done;
	void *ctx;
	bool has_ring;
	struct io_uring ring;
	unsigned n_in_flight;
	struct disk_op *finished; /* without a ring: done, not reported yet */
};

/* Whole or not at all: a short transfer means that the file is not what it was at start. */
static int disk_result(const struct disk_op *op, ssize_t n)
{
	bool is_transfer =
		op->kind == DISK_READ || op->kind == DISK_WRITE || op->kind == DISK_WRITE_SYNC;

	if (n < 0)
		return (int)n;
	return is_transfer && (uint64_t)n != op->len ? -EIO : 0;
}

static int disk_fallocate_mode(enum disk_op_kind kind)
{
	return FALLOC_FL_KEEP_SIZE |
		(kind == DISK_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

static void disk_report(struct disk_file *file, struct disk_op *ops)
{
	for (struct disk_op *op = ops; op; op = op->next)
		file->n_in_flight--;
	if (ops)
		file->done(file->ctx, ops);
}

/* ---- Without io_uring ------------------------------------------------------------------------ */

static ssize_t disk_run(const struct disk_file *file, const struct disk_op *op)
{
	ssize_t n = 0;

	switch (op->kind) {
	case DISK_READ:
		n = preadv(file->fd, op->segs, (int)op->n_segs, (off_t)op->offset);
		break;
	case DISK_WRITE:
	case DISK_WRITE_SYNC:
		n = pwritev2(file->fd, op->segs, (int)op->n_segs, (off_t)op->offset,
			op->kind == DISK_WRITE_SYNC ? RWF_DSYNC : 0);
		break;
	case DISK_FLUSH:
		n = fdatasync(file->fd);
		break;
	case DISK_PUNCH:
	case DISK_ZERO:
		n = fallocate(
			file->fd, disk_fallocate_mode(op->kind), (off_t)op->offset, (off_t)op->len);
		break;
	}
	return n < 0 ? -errno : n;
}

static void disk_submit_blocking(struct disk_file *file, struct disk_op *op)
{
	static const uint64_t one = 1;

	op->result = disk_result(op, disk_run(file, op));
	op->next = file->finished;
	file->finished = op;
	(void)!write(file->event_fd, &one, sizeof(one)); // full = signalled already
}

/* ---- With io_uring --------------------------------------------------------------------------- */

static void disk_prepare(struct io_uring_sqe *sqe, struct disk_op *op)
{
	switch (op->kind) {
	case DISK_READ:
		io_uring_prep_readv(sqe, DISK_RING_FILE, op->segs, op->n_segs, op->offset);
		break;
	case DISK_WRITE:
	case DISK_WRITE_SYNC:
		io_uring_prep_writev2(sqe, DISK_RING_FILE, op->segs, op->n_segs, op->offset,
			op->kind == DISK_WRITE_SYNC ? RWF_DSYNC : 0);
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, DISK_RING_FILE, IORING_FSYNC_DATASYNC);
		break;
	case DISK_PUNCH:
	case DISK_ZERO:
		io_uring_prep_fallocate(sqe, DISK_RING_FILE, disk_fallocate_mode(op->kind),
			(off_t)op->offset, (off_t)op->len);
		break;
	}
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, op);
}

void disk_file_submit(struct disk_file *file, struct disk_op *op)
{
	struct io_uring_sqe *sqe = file->has_ring ? io_uring_get_sqe(&file->ring) : NULL;

	file->n_in_flight++;
	if (sqe)
		disk_prepare(sqe, op);
	else // no ring, or it is full because the kernel did not take what was submitted
		disk_submit_blocking(file, op);
}

void disk_file_flush_submissions(struct disk_file *file)
{
	// What the kernel does not take now (-EAGAIN, -EBUSY) stays queued for the next call.
	if (file->has_ring && io_uring_sq_ready(&file->ring))
		(void)io_uring_submit(&file->ring);
}

static void disk_reap(struct disk_file *file)
{
	struct disk_op *ops = file->finished;
	struct io_uring_cqe *cqe;

	file->finished = NULL;
	while (file->has_ring && !io_uring_peek_cqe(&file->ring, &cqe)) {
		struct disk_op *op = io_uring_cqe_get_data(cqe);

		op->result = disk_result(op, cqe->res);
		op->next = ops;
		ops = op;
		io_uring_cqe_seen(&file->ring, cqe);
	}
	disk_report(file, ops);
	disk_file_flush_submissions(file);
}

static void disk_on_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count)); // only resets the counter
	disk_reap(ctx);
}

void disk_file_drain(struct disk_file *file)
{
	disk_reap(file);
	while (file->n_in_flight) {
		struct io_uring_cqe *cqe;

		if (file->has_ring && !file->finished) {
			(void)io_uring_submit(&file->ring);
			(void)io_uring_wait_cqe(&file->ring, &cqe); // interrupted: we come back
		}
		disk_reap(file);
	}
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

static int disk_lock(struct disk_file *file, bool is_read_only, struct err *err)
{
	struct flock lock = {.l_type = is_read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
	int code;

	if (!fcntl(file->fd, F_OFD_SETLK, &lock))
		return 0;
	code = -errno;
	if (code != -EAGAIN && code != -EACCES) {
		// Some network file systems have no locks: the user's own care, then.
		log_warn("disk '%s': cannot be locked: %s", file->path, strerror(-code));
		return 0;
	}
	(void)err_set(err, -EBUSY, "in use by another process");
	err_hint(err, "stop the other VM, or give each its own copy, or use it read-only in both");
	return -EBUSY;
}

static int disk_open_file(
	struct disk_file *file, const char *path, bool is_read_only, struct err *err)
{
	struct stat st;
	off_t end;
	int code;

	file->path = strdup(path);
	if (!file->path)
		return err_set(err, -ENOMEM, "out of memory");
	file->fd = open(path, (is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file->fd < 0) {
		code = -errno;
		return err_set(err, code, "cannot be opened: %s", strerror(-code));
	}
	if (fstat(file->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return err_set(err, -EINVAL, "neither a file nor a block device");
	end = lseek(file->fd, 0, SEEK_END); // works for block devices as well
	if (end < 0) {
		code = -errno;
		return err_set(err, code, "cannot tell the size: %s", strerror(-code));
	}
	file->size = (uint64_t)end;
	return disk_lock(file, is_read_only, err);
}

static int disk_open_ring(struct disk_file *file, unsigned n_max, struct err *err)
{
	int code;

	file->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (file->event_fd < 0) {
		code = -errno;
		return err_set(err, code, "eventfd: %s", strerror(-code));
	}
	code = disk_ring_open(&file->ring, n_max, file->fd, file->event_fd);
	file->has_ring = !code;
	if (code < 0)
		log_notice("disk '%s': no io_uring here (%s), requests block the VMM's loop",
			file->path, strerror(-code));
	code = ev_add_io(file->ev, file->event_fd, EPOLLIN, disk_on_event, file, &file->source);
	return code < 0 ? err_set(err, code, "event loop: %s", strerror(-code)) : 0;
}

int disk_file_open(struct ev *ev, const char *path, bool is_read_only, unsigned n_max,
	disk_done_fn *done, void *ctx, struct disk_file **ret_file, struct err *err)
{
	struct disk_file *file = calloc(1, sizeof(*file));
	int code;

	if (!file)
		return err_set(err, -ENOMEM, "out of memory");
	file->ev = ev;
	file->fd = -1;
	file->event_fd = -1;
	file->done = done;
	file->ctx = ctx;
	code = disk_open_file(file, path, is_read_only, err);
	if (!code)
		code = disk_open_ring(file, n_max, err);
	if (code < 0) {
		disk_file_close(file);
		return code;
	}
	*ret_file = file;
	return 0;
}

void disk_file_close(struct disk_file *file)
{
	if (!file)
		return;
	if (file->n_in_flight)
		disk_file_drain(file);
	ev_del(file->source);
	if (file->has_ring)
		io_uring_queue_exit(&file->ring);
	if (file->event_fd >= 0)
		(void)close(file->event_fd);
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file->path);
	free(file);
}

const char *disk_file_path(const struct disk_file *file)
{
	return file->path;
}

uint64_t disk_file_size(const struct disk_file *file)
{
	return file->size;
}
