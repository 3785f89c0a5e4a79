#include "worker.h"

#include "fwd.h"
#include "notify.h"

#include <errno.h>
#include <pthread.h>
#include <rte_rcu_qsbr.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/** Rounds without a frame before a worker sleeps: some tens of microseconds. */
#define IDLE_ROUNDS 2000

struct worker {
	struct fwd fwd;
	struct worker_pool *pool;
	unsigned id;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;
	struct note_ring notes;
	struct dp_counters counters[DP_MAX_PORTS];
	uint8_t bounce[FWD_BOUNCE], segment[FWD_BOUNCE];
};

struct worker_pool {
	_Atomic(const struct dp_snapshot *) snapshot;
	_Atomic bool stop;
	struct rte_rcu_qsbr *qsbr;
	unsigned n_workers;
	bool busy;
	int attention_fd;
	struct worker *workers[DP_MAX_WORKERS];
};

/* ---- The threads ---- */

static bool any_pending(const struct dp_snapshot *snap, unsigned id)
{
	for (unsigned i = 0; i < snap->workers[id].n_rx; i++)
		if (vring_pending(snap->workers[id].rx[i].ring))
			return true;
	return false;
}

static void ask_for_kicks(const struct dp_snapshot *snap, unsigned id, bool on)
{
	for (unsigned i = 0; i < snap->workers[id].n_rx; i++)
		vring_notify(snap->workers[id].rx[i].ring, on);
}

/**
 * Sleep until a kick. Invariant: a frame made available after the last look comes with a kick,
 * because the driver sees the request before it decides (full barrier on both sides).
 */
static void sleep_until_kick(struct worker *worker, const struct dp_snapshot *snap)
{
	struct worker_pool *pool = worker->pool;

	ask_for_kicks(snap, worker->id, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (!any_pending(snap, worker->id) &&
		atomic_load_explicit(&pool->snapshot, memory_order_acquire) == snap &&
		!atomic_load_explicit(&pool->stop, memory_order_acquire)) {
		/* Offline: the snapshot may go away while we sleep, so it is not touched after. */
		rte_rcu_qsbr_thread_offline(pool->qsbr, worker->id);
		notify_wait(worker->epoll_fd, -1);
		rte_rcu_qsbr_thread_online(pool->qsbr, worker->id);
		return;
	}
}

static unsigned one_round(struct worker *worker, const struct dp_snapshot *snap)
{
	unsigned n = 0;

	for (unsigned i = 0; i < snap->workers[worker->id].n_rx; i++) {
		n += fwd_burst(&worker->fwd, snap, &snap->workers[worker->id].rx[i]);
		if (worker->fwd.n_touched > DP_MAX_PORTS / 2)
			notify_touched(&worker->fwd);
	}
	notify_touched(&worker->fwd);
	if (worker->fwd.attention) {
		worker->fwd.attention = false;
		notify_write(worker->pool->attention_fd);
	}
	return n;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct worker_pool *pool = worker->pool;
	const struct dp_snapshot *quiet_for = NULL;
	unsigned idle = 0;

	rte_rcu_qsbr_thread_online(pool->qsbr, worker->id);
	while (!atomic_load_explicit(&pool->stop, memory_order_acquire)) {
		const struct dp_snapshot *snap =
			atomic_load_explicit(&pool->snapshot, memory_order_acquire);
		if (!snap) {
			rte_rcu_qsbr_thread_offline(pool->qsbr, worker->id);
			notify_wait(worker->epoll_fd, 100);
			rte_rcu_qsbr_thread_online(pool->qsbr, worker->id);
			continue;
		}
		if (snap != quiet_for) { /* polling: nobody needs to kick */
			ask_for_kicks(snap, worker->id, false);
			quiet_for = snap;
		}
		idle = one_round(worker, snap) ? 0 : idle + 1;
		if (idle > IDLE_ROUNDS && !pool->busy) {
			sleep_until_kick(worker, snap);
			quiet_for = NULL;
			idle = 0;
		}
		rte_rcu_qsbr_quiescent(pool->qsbr, worker->id);
	}
	rte_rcu_qsbr_thread_offline(pool->qsbr, worker->id);
	return NULL;
}

/* ---- Life cycle ---- */

static int worker_open(struct worker *worker)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->epoll_fd < 0 || worker->wake_fd < 0)
		return -errno;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd, &event))
		return -errno;
	return 0;
}

static int worker_create(struct worker_pool *pool, unsigned id)
{
	struct worker *worker = mmap(NULL, sizeof(*worker), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* counters of unused ports cost no memory */

	if (worker == MAP_FAILED)
		return -ENOMEM;
	pool->workers[id] = worker;
	worker->pool = pool;
	worker->id = id;
	worker->epoll_fd = worker->wake_fd = -1;
	worker->fwd.counters = worker->counters;
	worker->fwd.notes = &worker->notes;
	worker->fwd.bounce = worker->bounce;
	worker->fwd.segment = worker->segment;
	worker->fwd.shared = pool->n_workers > 1;
	return worker_open(worker);
}

static int worker_start(struct worker *worker, int cpu)
{
	char name[16];
	cpu_set_t cpus;
	int err;

	rte_rcu_qsbr_thread_register(worker->pool->qsbr, worker->id);
	err = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (err)
		return -err;
	worker->started = true;
	(void)snprintf(name, sizeof(name), "worker%u", worker->id);
	(void)pthread_setname_np(worker->thread, name); /* for people's tools only */
	if (cpu < 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return -pthread_setaffinity_np(worker->thread, sizeof(cpus), &cpus);
}

int worker_pool_create(const struct worker_config *config, struct worker_pool **ret_pool)
{
	struct worker_pool *pool;
	size_t size = rte_rcu_qsbr_get_memsize(DP_MAX_WORKERS);
	int err = 0;

	if (!config->n_workers || config->n_workers > DP_MAX_WORKERS)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->n_workers = config->n_workers;
	pool->busy = config->busy;
	pool->attention_fd = config->attention_fd;
	pool->qsbr = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!pool->qsbr || rte_rcu_qsbr_init(pool->qsbr, DP_MAX_WORKERS))
		err = -ENOMEM;
	for (unsigned i = 0; !err && i < pool->n_workers; i++)
		err = worker_create(pool, i);
	for (unsigned i = 0; !err && i < pool->n_workers; i++)
		err = worker_start(pool->workers[i], config->cpus ? config->cpus[i] : -1);
	if (err) {
		worker_pool_destroy(pool);
		return err;
	}
	*ret_pool = pool;
	return 0;
}

static void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->started) {
		notify_write(worker->wake_fd);
		pthread_join(worker->thread, NULL);
	}
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	munmap(worker, sizeof(*worker));
}

void worker_pool_destroy(struct worker_pool *pool)
{
	if (!pool)
		return;
	atomic_store_explicit(&pool->stop, true, memory_order_release);
	for (unsigned i = 0; i < DP_MAX_WORKERS; i++)
		worker_destroy(pool->workers[i]);
	free(pool->qsbr);
	free(pool);
}

/* ---- Configuration ---- */

/** Kicks of rings that a worker gains or loses. Twice watched is harmless: EEXIST. */
static void watch_kicks(struct worker *worker, const struct dp_snapshot *snap, int op)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	if (!snap)
		return;
	for (unsigned i = 0; i < snap->workers[worker->id].n_rx; i++) {
		int fd = snap->workers[worker->id].rx[i].ring->kick_fd;
		if (fd >= 0)
			// hotpath: the control thread, publishing
			(void)epoll_ctl(worker->epoll_fd, op, fd, &event);
	}
}

const struct dp_snapshot *worker_publish(struct worker_pool *pool, const struct dp_snapshot *snapshot)
{
	const struct dp_snapshot *old = atomic_load_explicit(&pool->snapshot, memory_order_relaxed);

	for (unsigned i = 0; i < pool->n_workers; i++) {
		watch_kicks(pool->workers[i], old, EPOLL_CTL_DEL);
		watch_kicks(pool->workers[i], snapshot, EPOLL_CTL_ADD);
	}
	atomic_store_explicit(&pool->snapshot, snapshot, memory_order_release);
	/* Wake sleepers: they hold no snapshot, but must ask the new rings for kicks. */
	for (unsigned i = 0; i < pool->n_workers; i++)
		notify_write(pool->workers[i]->wake_fd);
	rte_rcu_qsbr_synchronize(pool->qsbr, RTE_QSBR_THRID_INVALID);
	return old;
}

void worker_counters(const struct worker_pool *pool, uint16_t port_id, struct dp_counters *ret_sum)
{
	memset(ret_sum, 0, sizeof(*ret_sum));
	for (unsigned w = 0; w < pool->n_workers; w++) {
		const uint64_t *from = (const uint64_t *)&pool->workers[w]->counters[port_id];
		uint64_t *to = (uint64_t *)ret_sum;
		for (size_t i = 0; i < sizeof(*ret_sum) / sizeof(uint64_t); i++)
			to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

void worker_counters_clear(struct worker_pool *pool, uint16_t port_id)
{
	for (unsigned w = 0; w < pool->n_workers; w++)
		memset(&pool->workers[w]->counters[port_id], 0, sizeof(struct dp_counters));
}

unsigned worker_take_notes(struct worker_pool *pool, struct note *notes, unsigned max)
{
	unsigned n = 0;

	for (unsigned w = 0; w < pool->n_workers; w++)
		while (n < max && note_take(&pool->workers[w]->notes, &notes[n]))
			n++;
	return n;
}

uint64_t worker_notes_lost(const struct worker_pool *pool)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < pool->n_workers; w++)
		n += __atomic_load_n(&pool->workers[w]->notes.lost, __ATOMIC_RELAXED);
	return n;
}
