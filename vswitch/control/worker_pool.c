#include "worker_pool.h"

#include "idle_setup.h"
#include "notify_setup.h"

#include "datapath/worker.h"
#include "ev.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

/* How long a worker goes on polling after the last frame. */
#define SPIN_US 50
/* How long a receiver without buffers keeps large frames waiting. */
#define BACKPRESSURE_TIMEOUT_US 500
/* A learn event about the same address is repeated after this. */
#define LEARN_INTERVAL_US 10000

struct worker_pool {
	struct worker_shared shared;
	unsigned n_workers;
	uint64_t tsc_per_us;
	uint64_t begun_ns, begun_tsc;
	uint32_t publish_mark;
	unsigned events_turn; /* whose learn events are taken first */
	struct worker *workers[DP_MAX_WORKERS];
};

/* ---- Life cycle ---- */

/* Zeroed, page-aligned; pages that are never touched are never there. */
static void *map_memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static void unmap_memory(void *mem, size_t size)
{
	if (mem)
		munmap(mem, size);
}

/* TSC ticks in a microsecond, measured for about a millisecond. */
static uint64_t tsc_per_us(void)
{
	uint64_t begun_ns = ev_now_ns(), tsc = rte_rdtsc(), ns;

	do {
		ns = ev_now_ns() - begun_ns;
	} while (ns < 1000000);
	return (rte_rdtsc() - tsc) * 1000 / ns;
}

uint64_t worker_tsc_hz(const struct worker_pool *pool)
{
	unsigned __int128 tsc = rte_rdtsc() - pool->begun_tsc;

	return (uint64_t)(tsc * 1000000000 / (ev_now_ns() - pool->begun_ns));
}

static int create_worker(struct worker_pool *pool, unsigned index, struct worker **ret_worker)
{
	struct worker *worker = map_memory(sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	*ret_worker = worker;
	worker->shared = &pool->shared;
	worker->index = index;
	worker->idle.epoll_fd = worker->idle.wake_fd = -1;
	worker->fwd = map_memory(sizeof(*worker->fwd));
	if (!worker->fwd)
		return -ENOMEM;
	fwd_init(worker->fwd, worker->counters, &worker->events,
		pool->tsc_per_us * LEARN_INTERVAL_US, pool->tsc_per_us * BACKPRESSURE_TIMEOUT_US);
	worker->fwd->punts = &worker->punts;
	r = notify_init(&worker->fwd->flush.calls);
	return r ? r : idle_init(&worker->idle, pool->tsc_per_us);
}

static int start_worker(struct worker *worker, const int *cpu)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	if (cpu) {
		cpu_set_t cpus;

		CPU_ZERO(&cpus);
		if (*cpu < 0 || *cpu >= CPU_SETSIZE)
			r = EINVAL;
		else
			CPU_SET(*cpu, &cpus);
		if (!r)
			r = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	/* Signals are the control thread's. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* a peer that shrinks its memory: see port/vhost_mem.h */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!r)
		r = pthread_create(&worker->thread, &attr, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!r) {
		char name[16] = "worker-00";

		name[7] = (char)('0' + worker->index / 10);
		name[8] = (char)('0' + worker->index % 10);
		(void)pthread_setname_np(worker->thread, name);
	}
	worker->is_started = !r;
	return -r;
}

static void destroy_worker(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->is_started) {
		idle_wake(&worker->idle);
		pthread_join(worker->thread, NULL);
	}
	idle_done(&worker->idle);
	if (worker->fwd)
		notify_done(&worker->fwd->flush.calls);
	unmap_memory(worker->fwd, sizeof(*worker->fwd));
	unmap_memory(worker, sizeof(*worker));
}

int worker_pool_create(const struct worker_config *config, struct worker_pool **ret_pool)
{
	size_t qsbr_size = rte_rcu_qsbr_get_memsize(config->n_workers);
	struct worker_pool *pool;
	uint64_t per_us;
	int r = -ENOMEM;

	if (!config->n_workers || config->n_workers > DP_MAX_WORKERS)
		return -EINVAL;
	pool = map_memory(sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->begun_ns = ev_now_ns();
	pool->begun_tsc = rte_rdtsc();
	per_us = tsc_per_us();
	pool->n_workers = config->n_workers;
	pool->shared.busy = config->busy;
	pool->shared.control_fd = config->control_fd;
	pool->tsc_per_us = per_us;
	pool->shared.spin_tsc = per_us * SPIN_US;
	pool->shared.qsbr = map_memory(qsbr_size);
	if (!pool->shared.qsbr || rte_rcu_qsbr_init(pool->shared.qsbr, config->n_workers))
		goto fail;
	for (unsigned i = 0; i < config->n_workers; i++) {
		r = create_worker(pool, i, &pool->workers[i]);
		if (r)
			goto fail;
		if (rte_rcu_qsbr_thread_register(pool->shared.qsbr, i))
			goto fail;
	}
	for (unsigned i = 0; i < config->n_workers; i++) {
		r = start_worker(pool->workers[i], config->cpus ? &config->cpus[i] : NULL);
		if (r)
			goto fail;
	}
	*ret_pool = pool;
	return 0;
fail:
	worker_pool_destroy(pool);
	return r ? r : -ENOMEM;
}

void worker_pool_destroy(struct worker_pool *pool)
{
	if (!pool)
		return;
	atomic_store(&pool->shared.stop, true);
	for (unsigned i = 0; i < pool->n_workers; i++)
		destroy_worker(pool->workers[i]);
	unmap_memory(pool->shared.qsbr, rte_rcu_qsbr_get_memsize(pool->n_workers));
	unmap_memory(pool, sizeof(*pool));
}

/* ---- Control ---- */

/* Bring the epoll sets from the rings of `before` to those of `after`. */
static void update_watches(struct worker_pool *pool, const struct dp_snapshot *before,
	const struct dp_snapshot *after)
{
	/* One mark for each worker: a ring that moves leaves one set and joins another. */
	uint32_t base = pool->publish_mark + 1, done = base + pool->n_workers;

	for (unsigned w = 0; after && w < pool->n_workers; w++) {
		for (unsigned i = 0; i < after->workers[w].n_rx; i++)
			after->workers[w].rx[i].queue->publish_mark = base + w;
	}
	for (unsigned w = 0; before && w < pool->n_workers; w++) {
		for (unsigned i = 0; i < before->workers[w].n_rx; i++) {
			struct queue *q = before->workers[w].rx[i].queue;

			if (q->publish_mark != base + w)
				idle_unwatch(&pool->workers[w]->idle, q);
			else
				q->publish_mark = done; /* watched already */
		}
	}
	for (unsigned w = 0; after && w < pool->n_workers; w++) {
		for (unsigned i = 0; i < after->workers[w].n_rx; i++) {
			struct queue *q = after->workers[w].rx[i].queue;

			if (q->publish_mark == base + w)
				idle_watch(&pool->workers[w]->idle, q);
		}
	}
	pool->publish_mark = done;
}

const struct dp_snapshot *worker_publish(struct worker_pool *pool,
	const struct dp_snapshot *snapshot)
{
	const struct dp_snapshot *before =
		atomic_exchange_explicit(&pool->shared.snapshot, snapshot, memory_order_seq_cst);

	update_watches(pool, before, snapshot);
	for (unsigned i = 0; i < pool->n_workers; i++)
		idle_wake(&pool->workers[i]->idle);
	/* What rte_rcu_qsbr_synchronize() does, but inline, so that ThreadSanitizer sees it. */
	rte_rcu_qsbr_check(pool->shared.qsbr, rte_rcu_qsbr_start(pool->shared.qsbr), true);
	return before;
}

/* Workers write counters with plain stores, which never tear; a reader gets the value before or the
 * one after. Atomics would say so and cost the workers. */
#define READS_COUNTERS __attribute__((no_sanitize("thread")))

READS_COUNTERS
void worker_counters(const struct worker_pool *pool, uint16_t port_id, struct dp_counters *ret_sum)
{
	uint64_t *sum = (uint64_t *)ret_sum;

	for (size_t i = 0; i < sizeof(*ret_sum) / sizeof(*sum); i++)
		sum[i] = 0;
	if (port_id >= DP_MAX_PORTS)
		return;
	for (unsigned w = 0; w < pool->n_workers; w++) {
		const uint64_t *from = (const uint64_t *)&pool->workers[w]->counters[port_id];

		for (size_t i = 0; i < sizeof(*ret_sum) / sizeof(*sum); i++)
			sum[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

READS_COUNTERS
static void add_spent(const struct worker_pool *pool, const struct worker_spent *spent,
	struct worker_load *load)
{
	uint64_t tsc = __atomic_load_n(&spent->tsc, __ATOMIC_RELAXED);

	/* In two steps: a long life times 1000 does not fit. */
	load->busy_ns +=
		tsc / pool->tsc_per_us * 1000 + tsc % pool->tsc_per_us * 1000 / pool->tsc_per_us;
	load->frames += __atomic_load_n(&spent->frames, __ATOMIC_RELAXED);
}

void worker_load(const struct worker_pool *pool, unsigned index, struct worker_load *ret_load)
{
	*ret_load = (struct worker_load){0};
	if (index < pool->n_workers)
		add_spent(pool, &pool->workers[index]->spent, ret_load);
}

void worker_ring_load(const struct worker_pool *pool, uint16_t port_id, uint16_t queue,
	struct worker_load *ret_load)
{
	*ret_load = (struct worker_load){0};
	for (unsigned w = 0; port_id < DP_MAX_PORTS && queue < DP_MAX_QUEUES && w < pool->n_workers;
		w++)
		add_spent(pool, &pool->workers[w]->queue_spent[port_id][queue], ret_load);
}

void worker_counters_clear(struct worker_pool *pool, uint16_t port_id)
{
	for (unsigned w = 0; port_id < DP_MAX_PORTS && w < pool->n_workers; w++) {
		struct worker *worker = pool->workers[w];

		worker->counters[port_id] = (struct dp_counters){0};
		for (unsigned q = 0; q < DP_MAX_QUEUES; q++)
			worker->queue_spent[port_id][q].frames = 0;
	}
}

/* Learn events of all workers, another one first each time. */
static unsigned get_events(struct worker_pool *pool, struct learn_event *events, unsigned max)
{
	unsigned first = pool->events_turn++, n = 0;

	for (unsigned i = 0; i < pool->n_workers; i++) {
		struct worker *worker = pool->workers[(first + i) % pool->n_workers];

		n += learn_ring_get_burst(&worker->events, &events[n], max - n);
	}
	return n;
}

unsigned worker_get_learn_events(struct worker_pool *pool, struct learn_event *events, unsigned max)
{
	unsigned n = get_events(pool, events, max);

	/* While there are more, workers need not say so: each time costs them a system call. */
	if (n == max)
		return n;
	/* Lowered before the last look, so that what comes after it raises the wake-up again. */
	(void)atomic_exchange_explicit(&pool->shared.control_wakeup, false, memory_order_seq_cst);
	return n + get_events(pool, &events[n], max - n);
}

uint64_t worker_learn_events_lost(const struct worker_pool *pool)
{
	uint64_t lost = 0;

	for (unsigned w = 0; w < pool->n_workers; w++)
		lost += __atomic_load_n(&pool->workers[w]->events.lost, __ATOMIC_RELAXED);
	return lost;
}

static bool get_punts(struct punt_ring *ring, unsigned max,
	void (*fn)(void *ctx, const struct punt_record *record), void *ctx)
{
	for (unsigned n = 0; n < max; n++) {
		const struct punt_record *record = punt_ring_first(ring);

		if (!record)
			return false;
		fn(ctx, record);
		punt_ring_pop(ring);
	}
	return true;
}

bool worker_get_punts(struct worker_pool *pool, unsigned max,
	void (*fn)(void *ctx, const struct punt_record *record), void *ctx)
{
	bool has_more = false;

	for (unsigned w = 0; w < pool->n_workers; w++)
		has_more |= get_punts(&pool->workers[w]->punts, max, fn, ctx);
	return has_more;
}

uint64_t worker_punts_lost(const struct worker_pool *pool)
{
	uint64_t lost = 0;

	for (unsigned w = 0; w < pool->n_workers; w++)
		lost += __atomic_load_n(&pool->workers[w]->punts.lost, __ATOMIC_RELAXED);
	return lost;
}
