#include "worker_ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NOTES_PER_CALL 256
/* Notes taken in one turn of the event loop: requests wait no longer than this takes. */
#define CALLS_PER_TURN 64

struct worker_ctl {
	struct worker_ctl_params params;
	struct worker_pool *pool;
	struct snapshot *snapshots[2];
	unsigned next; /* which of them is free */
	int attention_fd;
	struct ev_source *attention;
};

/* Hand over up to max_calls bursts. True when there may be more. */
static bool take_notes(struct worker_ctl *workers, unsigned max_calls)
{
	struct note notes[NOTES_PER_CALL];

	for (unsigned i = 0; i < max_calls; i++) {
		unsigned n = worker_take_notes(workers->pool, notes, NOTES_PER_CALL);

		if (n == 0)
			return false;
		workers->params.attend(workers->params.ctx, notes, n);
	}
	return true;
}

static void on_attention(void *ctx, int fd, uint32_t events)
{
	struct worker_ctl *workers = ctx;
	uint64_t count = 1;

	(void)events;
	/* Level-triggered and non-blocking: what was read is dealt with below. */
	(void)!read(fd, &count, sizeof(count));
	if (take_notes(workers, CALLS_PER_TURN)) {
		count = 1;
		(void)!write(fd, &count, sizeof(count));
	}
	workers->params.attend(workers->params.ctx, NULL, 0);
}

int worker_ctl_start(struct ev *ev, const struct worker_ctl_params *params,
	struct worker_ctl **ret_workers, struct err *err)
{
	struct worker_ctl *workers = calloc(1, sizeof(*workers));
	struct worker_config config = {
		.n_workers = params->n_workers, .cpus = params->cpus, .busy = params->busy};
	int r = -ENOMEM;

	if (!workers)
		return err_set(err, r, "workers: out of memory");
	workers->params = *params;
	workers->attention_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->attention_fd < 0) {
		r = -errno;
		goto fail;
	}
	for (unsigned i = 0; i < 2; i++) {
		workers->snapshots[i] = snapshot_create();
		if (!workers->snapshots[i])
			goto fail;
	}
	config.attention_fd = workers->attention_fd;
	r = worker_pool_create(&config, &workers->pool);
	if (r < 0)
		goto fail;
	r = ev_add_io(ev, workers->attention_fd, EPOLLIN, on_attention, workers,
		&workers->attention);
	if (r < 0)
		goto fail;
	*ret_workers = workers;
	return 0;
fail:
	worker_ctl_stop(workers);
	(void)err_set(err, r, "workers: cannot start: %s", strerror(-r));
	if (r == -EINVAL && params->cpus)
		err_hint(err, "does --workers name CPUs that this process may use?");
	return r;
}

void worker_ctl_stop(struct worker_ctl *workers)
{
	if (!workers)
		return;
	ev_del(workers->attention);
	if (workers->pool)
		worker_pool_destroy(workers->pool);
	for (unsigned i = 0; i < 2; i++)
		snapshot_destroy(workers->snapshots[i]);
	if (workers->attention_fd >= 0)
		(void)close(workers->attention_fd);
	free(workers);
}

void worker_ctl_publish(struct worker_ctl *workers, struct snapshot_input *input)
{
	input->n_workers = (uint16_t)workers->params.n_workers;
	/* The one that comes back is the other of the two, now free. */
	(void)worker_publish(workers->pool,
		snapshot_build(workers->snapshots[workers->next], input));
	workers->next ^= 1;
}

void worker_ctl_drain(struct worker_ctl *workers)
{
	/* Bounded by what rings hold: workers may go on writing. */
	(void)take_notes(workers,
		workers->params.n_workers * (NOTE_RING_SIZE / NOTES_PER_CALL + 1));
}

unsigned worker_ctl_count(const struct worker_ctl *workers)
{
	return workers->params.n_workers;
}

struct worker_pool *worker_ctl_pool(const struct worker_ctl *workers)
{
	return workers->pool;
}
