/**
 * worker: what a packet thread does.
 *
 * Each round a worker loads the snapshot, forwards one burst from each of its queues, flushes and
 * reports quiescence. After a while without traffic it asks its guests to kick, looks once more,
 * and sleeps until a kick or a wake-up (idle.h). Grace periods are RCU by quiescent states
 * (rte_rcu_qsbr): a worker is offline while it sleeps, so that waiting for it takes no time.
 *
 * Threads: a struct worker is its thread's while that runs; what control reads of it meanwhile is
 * counted by plain stores. struct worker_shared is all workers'. Life cycle: control/worker_pool.h.
 */
#ifndef WEFT_VSWITCH_DATAPATH_WORKER_H
#define WEFT_VSWITCH_DATAPATH_WORKER_H

#include "fwd.h"
#include "idle.h"
#include "punt.h"

#include <pthread.h>

struct rte_rcu_qsbr;

/** What a worker spent; by the worker alone, read by control. */
struct worker_spent {
	uint64_t tsc, frames;
	uint64_t usual_tsc; /* of a queue: what half of its frames cost less than, about */
};

/** What all workers have in common. */
struct worker_shared {
	/* Written by control on a change, read by workers in every round. */
	alignas(64) _Atomic(const struct dp_snapshot *) snapshot;
	atomic_bool stop;
	/* Fixed while workers run. */
	alignas(64) struct rte_rcu_qsbr *qsbr;
	bool busy;         /* never sleep */
	int control_fd;    /* eventfd by which control is told */
	uint64_t spin_tsc; /* how long to go on polling after the last frame */
	/* Workers raise it, control lowers it. */
	alignas(64) atomic_bool control_wakeup;
};

struct worker {
	/* Read and written by the worker in every round. */
	alignas(64) struct worker_shared *shared;
	unsigned index;
	struct fwd *fwd;
	struct idle idle;
	uint64_t now_tsc; /* the clock when it was last read */
	unsigned n_polls; /* without a frame since then */
	/* Written by the worker, read by control. */
	struct worker_spent spent;
	/* The last is for frames that were held. */
	struct worker_spent queue_spent[DP_MAX_PORTS][DP_MAX_QUEUES + 1];
	alignas(64) struct dp_counters counters[DP_MAX_PORTS];
	struct learn_ring events;
	struct punt_ring punts;
	/* Control's. */
	pthread_t thread;
	bool is_started;
};

/** Run worker (a struct worker) until shared->stop. For pthread_create(). */
void *worker_main(void *worker);

#endif
