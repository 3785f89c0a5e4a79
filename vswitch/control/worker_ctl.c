#include "worker_ctl.h"

#include "rxq_assign.h"

#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_MODULE("workers");

#define EVENTS_PER_CALL 256
/* Calls in one turn of the event loop: requests wait no longer than this takes, well below 1 ms. */
#define CALLS_PER_TURN 16
/* The same of punts, of each worker. */
#define PUNTS_PER_TURN 64

#define SECOND_NS UINT64_C(1000000000)

/* What a worker did between the last two ticks, and all of it. */
struct sample {
	struct worker_load total, since;
};

struct worker_ctl {
	struct worker_ctl_params params;
	struct worker_pool *pool;
	struct snapshot *snapshots[2];
	unsigned next; /* which of them is free */
	const struct dp_snapshot *published;
	struct rxq_assign *assign;
	struct sample samples[DP_MAX_WORKERS];
	uint64_t sampled_ns, passed_ns; /* when, and how long after the one before */
	uint64_t balanced_ns;
	int control_fd;
	struct ev_source *control_wakeup;
};

/* Hand over up to max_calls bursts. True when there may be more. */
static bool get_events(struct worker_ctl *workers, unsigned max_calls)
{
	struct learn_event events[EVENTS_PER_CALL];

	for (unsigned i = 0; i < max_calls; i++) {
		unsigned n = worker_get_learn_events(workers->pool, events, EVENTS_PER_CALL);

		if (n > 0)
			workers->params.on_wakeup(workers->params.ctx, events, n);
		if (n < EVENTS_PER_CALL)
			return false;
	}
	return true;
}

static void on_control_wakeup(void *ctx, int fd, uint32_t events)
{
	struct worker_ctl *workers = ctx;
	uint64_t count = 1;
	bool has_more;

	(void)events;
	/* Level-triggered and non-blocking: what was read is dealt with below. */
	(void)!read(fd, &count, sizeof(count));
	has_more = get_events(workers, CALLS_PER_TURN);
	has_more |= worker_get_punts(workers->pool, PUNTS_PER_TURN, workers->params.on_punt,
		workers->params.ctx);
	if (has_more) {
		count = 1;
		(void)!write(fd, &count, sizeof(count));
	}
	workers->params.on_wakeup(workers->params.ctx, NULL, 0);
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
	workers->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->control_fd < 0) {
		r = -errno;
		goto fail;
	}
	for (unsigned i = 0; i < 2; i++) {
		workers->snapshots[i] = snapshot_create();
		if (!workers->snapshots[i])
			goto fail;
	}
	config.control_fd = workers->control_fd;
	r = worker_pool_create(&config, &workers->pool);
	if (r < 0)
		goto fail;
	r = -ENOMEM;
	workers->sampled_ns = workers->balanced_ns = ev_now_ns();
	workers->assign = rxq_assign_create(workers->pool, params->n_workers, workers->sampled_ns);
	if (!workers->assign)
		goto fail;
	r = ev_add_io(ev, workers->control_fd, EPOLLIN, on_control_wakeup, workers,
		&workers->control_wakeup);
	if (r < 0)
		goto fail;
	*ret_workers = workers;
	return 0;
fail:
	worker_ctl_stop(workers);
	(void)err_set(err, r, "workers: cannot start: %s", strerror(-r));
	if (r == -EINVAL && params->cpus)
		err_hint(err, "does --workers name CPUs that this process may use?");
	if (r == -EAGAIN)
		err_hint(err, "is /proc/sys/fs/aio-max-nr large enough?");
	return r;
}

void worker_ctl_stop(struct worker_ctl *workers)
{
	if (!workers)
		return;
	ev_del(workers->control_wakeup);
	if (workers->pool)
		worker_pool_destroy(workers->pool);
	rxq_assign_destroy(workers->assign);
	for (unsigned i = 0; i < 2; i++)
		snapshot_destroy(workers->snapshots[i]);
	if (workers->control_fd >= 0)
		(void)close(workers->control_fd);
	free(workers);
}

/* Into the one that is free. */
static const struct dp_snapshot *build(struct worker_ctl *workers,
	const struct snapshot_input *input)
{
	return snapshot_build(workers->snapshots[workers->next], input);
}

static void publish(struct worker_ctl *workers, const struct dp_snapshot *snapshot)
{
	/* The one that comes back is the other of the two, now free. */
	workers->published = snapshot;
	(void)worker_publish(workers->pool, workers->published);
	workers->next ^= 1;
}

/*
 * A flow passes two stages by two workers where one of them held its frames: the worker that has
 * the hold, and, as soon as that is empty, the one that has the ring. Where the next stage begins
 * to hold frames while one of them goes by the former snapshot, in which it does not, that one's
 * frames overtake. So frames stay where they are held until all workers know of the new hold.
 */
static bool park_holds(struct worker_ctl *workers)
{
	struct snapshot *next = workers->snapshots[workers->next];

	if (workers->params.n_workers < 2 || !workers->published ||
		!snapshot_hold_joins(next, workers->snapshots[workers->next ^ 1]))
		return false;
	snapshot_park_holds(next);
	return true;
}

const struct dp_snapshot *worker_ctl_snapshot(const struct worker_ctl *workers)
{
	return workers->published;
}

void worker_ctl_publish(struct worker_ctl *workers, struct snapshot_input *input)
{
	const struct dp_snapshot *snapshot;
	bool is_parked;

	input->n_workers = (uint16_t)workers->params.n_workers;
	input->ring_workers = rxq_assign_workers(workers->assign);
	rxq_assign_update(workers->assign, input->queues);
	is_parked = rxq_assign_park(workers->assign);
	snapshot = build(workers, input);
	is_parked |= park_holds(workers);
	if (is_parked)
		publish(workers, snapshot);
	rxq_assign_resume(workers->assign);
	if (is_parked)
		snapshot = build(workers, input);
	publish(workers, snapshot);
}

/* ---- Load ---- */

static void sample(struct worker_ctl *workers, uint64_t now_ns)
{
	for (unsigned w = 0; w < workers->params.n_workers; w++) {
		struct sample *s = &workers->samples[w];
		struct worker_load load;

		worker_load(workers->pool, w, &load);
		s->since = (struct worker_load){
			load.busy_ns - s->total.busy_ns, load.frames - s->total.frames};
		s->total = load;
	}
	workers->passed_ns = now_ns - workers->sampled_ns;
	workers->sampled_ns = now_ns;
}

bool worker_ctl_tick(struct worker_ctl *workers, uint64_t now_ns)
{
	unsigned n_moves;

	if (now_ns <= workers->sampled_ns)
		return false;
	sample(workers, now_ns);
	/* Half a second of grace: ticks come a little early, too. */
	if (!workers->params.rebalance_s || now_ns - workers->balanced_ns + SECOND_NS / 2 <
						    workers->params.rebalance_s * SECOND_NS)
		return false;
	workers->balanced_ns = now_ns;
	n_moves = rxq_assign_improve(workers->assign, now_ns);
	if (n_moves > 0)
		log_debug("moving %u rings", n_moves);
	return n_moves > 0;
}

void worker_ctl_row(const struct worker_ctl *workers, unsigned index, struct ctl_worker *ret_row)
{
	const struct sample *s = &workers->samples[index];
	uint64_t passed_ns = workers->passed_ns ? workers->passed_ns : 1;
	uint64_t busy = s->since.busy_ns * 100 / passed_ns;
	struct worker_load total;

	worker_load(workers->pool, index, &total);
	*ret_row = (struct ctl_worker){0};
	CTL_SET(ret_row, ctl_worker, worker, index);
	if (workers->params.cpus)
		CTL_SET(ret_row, ctl_worker, cpu, (uint32_t)workers->params.cpus[index]);
	/* A burst that began before the tick is charged whole after it. */
	CTL_SET(ret_row, ctl_worker, busy, busy > 100 ? 100 : (uint32_t)busy);
	CTL_SET(ret_row, ctl_worker, rings, rxq_assign_n_rings(workers->assign, index));
	CTL_SET(ret_row, ctl_worker, frames_per_s,
		(uint64_t)((double)s->since.frames * 1e9 / (double)passed_ns + 0.5));
	CTL_SET(ret_row, ctl_worker, frames, total.frames);
	CTL_SET(ret_row, ctl_worker, moves, rxq_assign_n_moves(workers->assign, index));
}

void worker_ctl_drain(struct worker_ctl *workers)
{
	/* Bounded by what rings hold: workers may go on writing. */
	(void)get_events(workers,
		workers->params.n_workers * (LEARN_RING_SIZE / EVENTS_PER_CALL + 1));
	(void)worker_get_punts(workers->pool, PUNT_RING_SIZE, workers->params.on_punt,
		workers->params.ctx);
}

unsigned worker_ctl_count(const struct worker_ctl *workers)
{
	return workers->params.n_workers;
}

struct worker_pool *worker_ctl_pool(const struct worker_ctl *workers)
{
	return workers->pool;
}
