#include "disk_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

struct disk_threads {
	int fd, event_fd;
	disk_enter_fn *enter_fn;
	void *enter_ctx;
	pthread_t threads[DISK_THREADS];
	unsigned n_threads;
	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t changed; /* something is queued, a thread has entered, or it is over */
	struct disk_op *first, *last;
	struct disk_op *ended;
	unsigned n_entered;
	int enter_code;
	bool is_over;
};

static int threads_do(const struct disk_threads *t, const struct disk_op *op)
{
	ssize_t n = 0;

	switch (op->step) {
	case DISK_READ:
		n = preadv(t->fd, op->segs, (int)op->n_segs, (off_t)op->offset);
		break;
	case DISK_WRITE:
		n = pwritev2(t->fd, op->segs, (int)op->n_segs, (off_t)op->offset,
			op->is_stable ? RWF_DSYNC : 0);
		break;
	case DISK_FLUSH:
		n = fdatasync(t->fd);
		break;
	case DISK_PUNCH:
	case DISK_ZERO:
		n = fallocate(t->fd, disk_fallocate_mode(op->step), (off_t)op->offset,
			(off_t)op->len);
		break;
	}
	return n < 0 ? -errno : (int)n; /* less than 2 GiB: the kernel's limit of a transfer */
}

static int threads_enter(struct disk_threads *t)
{
	int r = t->enter_fn ? t->enter_fn(t->enter_ctx) : 0;

	(void)pthread_mutex_lock(&t->lock);
	t->n_entered++;
	if (r < 0)
		t->enter_code = r;
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	return r;
}

/* The next one that is queued; NULL when it is over. */
static struct disk_op *threads_wait_for_op(struct disk_threads *t)
{
	struct disk_op *op;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->first && !t->is_over)
		(void)pthread_cond_wait(&t->changed, &t->lock);
	op = t->first;
	if (op)
		t->first = op->next;
	(void)pthread_mutex_unlock(&t->lock);
	return op;
}

static void *threads_run(void *arg)
{
	static const uint64_t one = 1;
	struct disk_threads *t = arg;
	struct disk_op *op;

	if (threads_enter(t) < 0)
		return NULL;
	while ((op = threads_wait_for_op(t))) {
		op->result = threads_do(t, op);
		(void)pthread_mutex_lock(&t->lock);
		op->next = t->ended;
		t->ended = op;
		(void)pthread_mutex_unlock(&t->lock);
		(void)!write(t->event_fd, &one, sizeof(one)); /* full = signalled already */
	}
	return NULL;
}

static int threads_start(void *engine, disk_enter_fn *enter_fn, void *enter_ctx)
{
	struct disk_threads *t = engine;
	sigset_t all, before;
	int r = 0;

	t->enter_fn = enter_fn;
	t->enter_ctx = enter_ctx;
	/* Signals are the loop's and the vCPUs'. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!r && t->n_threads < DISK_THREADS) {
		r = -pthread_create(&t->threads[t->n_threads], NULL, threads_run, t);
		if (!r)
			(void)pthread_setname_np(t->threads[t->n_threads++], "disk");
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_mutex_lock(&t->lock);
	while (t->n_entered < t->n_threads)
		(void)pthread_cond_wait(&t->changed, &t->lock);
	if (!r)
		r = t->enter_code;
	(void)pthread_mutex_unlock(&t->lock);
	return r;
}

static bool threads_submit(void *engine, struct disk_op *op)
{
	struct disk_threads *t = engine;

	op->next = NULL;
	(void)pthread_mutex_lock(&t->lock);
	if (t->first)
		t->last->next = op;
	else
		t->first = op;
	t->last = op;
	(void)pthread_cond_signal(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	return true;
}

static bool threads_flush(void *engine)
{
	(void)engine; /* a thread began when it was submitted */
	return true;
}

static struct disk_op *threads_take(void *engine)
{
	struct disk_threads *t = engine;
	struct disk_op *ended;

	(void)pthread_mutex_lock(&t->lock);
	ended = t->ended;
	t->ended = NULL;
	(void)pthread_mutex_unlock(&t->lock);
	return ended;
}

static void threads_destroy(void *engine)
{
	struct disk_threads *t = engine;

	(void)pthread_mutex_lock(&t->lock);
	t->is_over = true;
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->n_threads; i++)
		(void)pthread_join(t->threads[i], NULL);
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

int disk_threads_engine(int fd, int event_fd, unsigned n_max, struct disk_engine *ret)
{
	static const struct disk_engine_ops ops = {
		.start = threads_start,
		.submit = threads_submit,
		.flush = threads_flush,
		.take = threads_take,
		.destroy = threads_destroy,
	};
	struct disk_threads *t = calloc(1, sizeof(*t));

	(void)n_max; /* a queue has no end */
	if (!t)
		return -ENOMEM;
	t->fd = fd;
	t->event_fd = event_fd;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->changed, NULL);
	*ret = (struct disk_engine){&ops, t};
	return 0;
}
