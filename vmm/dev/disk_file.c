#include "disk_file.h"

#include "disk_format.h"
#include "disk_ring.h"
#include "disk_threads.h"
#include "err.h"
#include "ev.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("disk");

#define DISK_MAX_TRIES 64                       /* EINTR or EAGAIN in a row */
#define DISK_PAUSE_NS  (10 * UINT64_C(1000000)) /* before the engine is asked again */

struct disk_file {
	struct disk_file_config config;
	char *path;
	int fd;
	int event_fd; /* counts ends; and wakes the loop for disk_file_cancel() */
	struct ev_source *source;
	struct ev_source *pause_timer;
	uint64_t size;
	struct disk_engine engine;
	unsigned n_in_flight;    /* in the engine, waiting or held */
	struct disk_op *waiting; /* for the engine to take them */
	struct disk_op *held;    /* for room */
	atomic_bool is_cancelling;
};

/* ---- One operation: what is left of it ------------------------------------------------------- */

static bool is_transfer(const struct disk_op *op)
{
	return op->step == DISK_READ || op->step == DISK_WRITE;
}

static void advance_op(struct disk_op *op, uint64_t n)
{
	op->offset += n;
	op->len -= n;
	for (; n && n >= op->segs->iov_len; op->segs++, op->n_segs--)
		n -= op->segs->iov_len;
	if (n) {
		op->segs->iov_base = (uint8_t *)op->segs->iov_base + n;
		op->segs->iov_len -= n;
	}
}

/* The kernel did a step of op: result bytes, or -errno. True: op is over, with its result. */
static bool take_step(struct disk_op *op)
{
	int n = op->result;

	if (n == -EINTR || n == -EAGAIN)
		return op->n_tries++ == DISK_MAX_TRIES;
	op->n_tries = 0;
	if (n < 0)
		return true;
	op->result = 0;
	if (is_transfer(op)) {
		/* Nothing at all: the file ends here, though it did not when it was opened. */
		if (!n || (uint64_t)n > op->len) {
			op->result = -EIO;
			return true;
		}
		advance_op(op, (uint64_t)n);
		return !op->len;
	}
	/* fallocate() knows no RWF_DSYNC. */
	if (op->step == DISK_FLUSH || !op->is_stable)
		return true;
	op->step = DISK_FLUSH;
	return false;
}

static bool is_held(const struct disk_file *file, const struct disk_op *op)
{
	return file->config.full && (op->result == -ENOSPC || op->result == -EDQUOT) &&
	       op->step != DISK_FLUSH && op->step != DISK_READ;
}

int disk_fallocate_mode(enum disk_op_kind kind)
{
	return FALLOC_FL_KEEP_SIZE |
	       (kind == DISK_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static void begin_op(struct disk_file *file, struct disk_op *op)
{
	if (file->engine.ops->submit(file->engine.ctx, op))
		return;
	op->next = file->waiting;
	file->waiting = op;
}

void disk_file_submit(struct disk_file *file, struct disk_op *op)
{
	if (!file->n_in_flight) /* whatever is cancelled, it is not this one */
		atomic_store(&file->is_cancelling, false);
	file->n_in_flight++;
	op->step = op->kind;
	op->n_tries = 0;
	begin_op(file, op);
}

void disk_file_flush_submissions(struct disk_file *file)
{
	/* An engine that is full or short of memory need not have anything that will end. */
	if (!file->engine.ops->flush(file->engine.ctx) || file->waiting)
		ev_timer_set(file->pause_timer, DISK_PAUSE_NS, 0);
}

static void begin_waiting(struct disk_file *file)
{
	struct disk_op *ops = file->waiting, *next;

	file->waiting = NULL;
	for (; ops; ops = next) {
		next = ops->next;
		begin_op(file, ops);
	}
}

static void push_op(struct disk_op **list, struct disk_op *op)
{
	op->next = *list;
	*list = op;
}

/* What ended in the engine: goes on, is held, or is over and comes into ret_over. */
static void sort_ended(struct disk_file *file, struct disk_op *ended, struct disk_op **ret_over)
{
	bool is_cancelling = atomic_load(&file->is_cancelling), was_held = file->held;
	struct disk_op *next;
	int r = 0;

	for (; ended; ended = next) {
		next = ended->next;
		if (take_step(ended)) {
			if (!is_cancelling && is_held(file, ended)) {
				r = ended->result;
				push_op(&file->held, ended);
			} else {
				push_op(ret_over, ended);
			}
		} else if (is_cancelling) {
			ended->result = -ECANCELED;
			push_op(ret_over, ended);
		} else {
			begin_op(file, ended);
		}
	}
	if (!was_held && file->held)
		file->config.full(file->config.ctx, r);
}

static void cancel_held(struct disk_file *file, struct disk_op **ret_over)
{
	struct disk_op *ops = file->held, *next;

	file->held = NULL;
	for (; ops; ops = next) {
		next = ops->next;
		ops->result = -ECANCELED;
		push_op(ret_over, ops);
	}
}

static void reap_ops(struct disk_file *file)
{
	struct disk_op *over = NULL;

	begin_waiting(file);
	sort_ended(file, file->engine.ops->take(file->engine.ctx), &over);
	if (atomic_load(&file->is_cancelling))
		cancel_held(file, &over);
	for (const struct disk_op *op = over; op; op = op->next)
		file->n_in_flight--;
	if (over)
		file->config.done(file->config.ctx, over);
	disk_file_flush_submissions(file);
}

static void on_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count)); /* only resets the counter */
	reap_ops(ctx);
}

static void on_pause(void *ctx)
{
	reap_ops(ctx);
}

void disk_file_retry(struct disk_file *file)
{
	struct disk_op *ops = file->held, *next;

	file->held = NULL;
	for (; ops; ops = next) {
		next = ops->next;
		begin_op(file, ops);
	}
	disk_file_flush_submissions(file);
}

void disk_file_cancel(struct disk_file *file)
{
	static const uint64_t one = 1;

	atomic_store(&file->is_cancelling, true);
	(void)!write(file->event_fd, &one, sizeof(one)); /* full = signalled already */
}

void disk_file_drain(struct disk_file *file)
{
	disk_file_cancel(file);
	while (file->n_in_flight) {
		struct pollfd pfd = {.fd = file->event_fd, .events = POLLIN};

		/* Not for ever: what waits for the engine has no event. */
		if (poll(&pfd, 1, (int)(DISK_PAUSE_NS / 1000000)) > 0)
			on_event(file, file->event_fd, EPOLLIN);
		else
			reap_ops(file);
	}
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

static int lock_file(struct disk_file *file, bool is_read_only, struct err *err)
{
	struct flock lock = {.l_type = is_read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
	int r;

	if (!fcntl(file->fd, F_OFD_SETLK, &lock))
		return 0;
	r = -errno;
	if (r != -EAGAIN && r != -EACCES) {
		/* Some network file systems have no locks: the user's own care, then. */
		log_warn("disk '%s': cannot be locked: %s", file->path, strerror(-r));
		return 0;
	}
	(void)err_set(err, -EBUSY, "in use by another process");
	err_hint(err, "stop the other VM, or give each its own copy, or use it read-only in both");
	return -EBUSY;
}

static int open_file(struct disk_file *file, const char *path, bool is_read_only, struct err *err)
{
	const char *format;
	struct stat st;
	off_t end;
	int r;

	file->path = strdup(path);
	if (!file->path)
		return err_set(err, -ENOMEM, "out of memory");
	file->fd = open(path, (is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file->fd < 0) {
		r = -errno;
		return err_set(err, r, "cannot be opened: %s", strerror(-r));
	}
	if (fstat(file->fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return err_set(err, -EINVAL, "neither a file nor a block device");
	format = disk_format_find(file->fd);
	if (format) {
		(void)err_set(err, -EINVAL, "is %s, not raw", format);
		err_hint(err, "make it raw: qemu-img convert -O raw FROM TO");
		return -EINVAL;
	}
	end = lseek(file->fd, 0, SEEK_END); /* works for block devices as well */
	if (end < 0) {
		r = -errno;
		return err_set(err, r, "cannot find out its size: %s", strerror(-r));
	}
	file->size = (uint64_t)end;
	return lock_file(file, is_read_only, err);
}

static int open_engine(struct disk_file *file)
{
	disk_engine_open_fn *engine = file->config.engine;
	unsigned n_max = file->config.n_max;
	int r;

	if (engine)
		return engine(file->fd, file->event_fd, n_max, &file->engine);
	r = disk_ring_engine(file->fd, file->event_fd, n_max, &file->engine);
	if (!r)
		return 0;
	log_info("disk '%s': no io_uring here (%s), threads do its work", file->path, strerror(-r));
	return disk_threads_engine(file->fd, file->event_fd, n_max, &file->engine);
}

static int open_parts(struct disk_file *file, struct err *err)
{
	const struct disk_file_config *config = &file->config;
	int r = open_file(file, config->path, config->is_read_only, err);

	if (r < 0)
		return r;
	file->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (file->event_fd < 0) {
		r = -errno;
		return err_set(err, r, "eventfd: %s", strerror(-r));
	}
	r = open_engine(file);
	if (r < 0)
		return err_set(err, r, "nobody to do its work: %s", strerror(-r));
	r = ev_add_timer(config->ev, on_pause, file, &file->pause_timer);
	if (!r)
		r = ev_add_io(config->ev, file->event_fd, EPOLLIN, on_event, file, &file->source);
	return r < 0 ? err_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

int disk_file_open(const struct disk_file_config *config, struct disk_file **ret_file,
	struct err *err)
{
	struct disk_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return err_set(err, -ENOMEM, "out of memory");
	file->config = *config;
	file->fd = -1;
	file->event_fd = -1;
	r = open_parts(file, err);
	if (r < 0) {
		disk_file_close(file);
		return r;
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
	ev_del(file->pause_timer);
	if (file->engine.ops)
		file->engine.ops->destroy(file->engine.ctx);
	if (file->event_fd >= 0)
		(void)close(file->event_fd);
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file->path);
	free(file);
}

int disk_file_start(struct disk_file *file, disk_enter_fn *enter_fn, void *enter_ctx)
{
	return file->engine.ops->start(file->engine.ctx, enter_fn, enter_ctx);
}

const char *disk_file_path(const struct disk_file *file)
{
	return file->path;
}

uint64_t disk_file_size(const struct disk_file *file)
{
	return file->size;
}
