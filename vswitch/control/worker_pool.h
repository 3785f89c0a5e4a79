/**
 * worker_pool: the packet threads (datapath/worker.h): started, handed what to do, read and
 * stopped.
 *
 * A pool has 1..DP_MAX_WORKERS threads.
 *
 * Threads: the control thread. Life cycle: create (nothing published), publish..., destroy (joins
 * the threads; the last snapshot is the caller's to free).
 */
#ifndef WEFT_VSWITCH_CONTROL_WORKER_POOL_H
#define WEFT_VSWITCH_CONTROL_WORKER_POOL_H

#include "datapath/counters.h"
#include "datapath/learn_event.h"
#include "datapath/punt.h"
#include "datapath/snapshot.h"

#include <stdbool.h>

struct worker_pool;

struct worker_config {
	unsigned n_workers;
	const int *cpus; /* cpus[n_workers] to pin to; NULL = not pinned */
	bool busy;       /* never sleep */
	int control_fd;  /* eventfd (borrowed): learn events or broken rings wait for control
			   */
};

/** 0 or -errno. */
int worker_pool_create(const struct worker_config *config, struct worker_pool **ret_pool);
void worker_pool_destroy(struct worker_pool *pool);

/**
 * Publish a snapshot and wait until no worker uses the one before, which is returned for the caller
 * to free (NULL the first time). Also tells the workers' epoll sets which kicks to watch. Waits for
 * one round of each worker: microseconds. Meanwhile some go by the old one and some by the new: a
 * ring that changes its worker has to be in nobody's list of one snapshot in between.
 */
const struct dp_snapshot *worker_publish(struct worker_pool *pool,
	const struct dp_snapshot *snapshot);

/** Ticks of the workers' clock in a second, the more exactly the longer the pool runs. */
uint64_t worker_tsc_hz(const struct worker_pool *pool);

/** Sum over workers of what was counted at port_id. */
void worker_counters(const struct worker_pool *pool, uint16_t port_id, struct dp_counters *ret_sum);
/** Forget what was counted at port_id; no published snapshot has the port. */
void worker_counters_clear(struct worker_pool *pool, uint16_t port_id);

/**
 * Time spent on frames, and frames taken. Both only grow, time for the life of the pool, frames of
 * a ring for that of its port: a difference over a time is a load. Polls that find nothing cost
 * nothing here (but the last few before a burst), nor does most of the time that somebody else had
 * the CPU within a burst.
 */
struct worker_load {
	uint64_t busy_ns;
	uint64_t frames;
};

/** Of one worker. */
void worker_load(const struct worker_pool *pool, unsigned index, struct worker_load *ret_load);
/** Of one ring to take from, whichever workers had it. */
void worker_ring_load(const struct worker_pool *pool, uint16_t port_id, uint16_t queue,
	struct worker_load *ret_load);

/** Take up to max learn events; returns the number. Call when control_fd was written, and again
 *  until there are fewer than max: only from then on is control_fd written for new ones. */
unsigned worker_get_learn_events(struct worker_pool *pool, struct learn_event *events,
	unsigned max);
/** Learn events that were lost because control was slow. */
uint64_t worker_learn_events_lost(const struct worker_pool *pool);
/** Have fn look at up to max punts of each worker. True when there may be more. Call after the
 *  learn events were taken. */
bool worker_get_punts(struct worker_pool *pool, unsigned max,
	void (*fn)(void *ctx, const struct punt_record *record), void *ctx);
uint64_t worker_punts_lost(const struct worker_pool *pool);

#endif
