/**
 * worker_ctl: the packet threads, seen from control: start them, hand them what to do, listen to
 * them, stop them.
 *
 * It owns the pool, the two snapshots that take turns, and who has which ring (rxq_assign.h).
 * worker_ctl_publish() returns when no worker uses the former one (microseconds, see
 * worker_pool.h), so that whatever left the configuration may be freed at once.
 *
 * Threads: the control thread. Life cycle: start, publish..., stop.
 */
#ifndef WEFT_VSWITCH_CONTROL_WORKER_CTL_H
#define WEFT_VSWITCH_CONTROL_WORKER_CTL_H

#include "ctl_vswitch.h"
#include "err.h"
#include "ev.h"
#include "snapshot_build.h"

#include "worker_pool.h"

#include "datapath/learn_event.h"
#include "datapath/punt.h"

struct worker_ctl;

struct worker_ctl_params {
	unsigned n_workers;
	const int *cpus; /* cpus[n_workers], or NULL: not pinned */
	bool busy;
	unsigned rebalance_s; /* rings are moved no more often; 0 = never */
	/**
	 * Workers have learn events for the owner, or saw a ring break. Bursts of events[n_events];
	 *  the last call of a round has none and means "look at the ports".
	 */
	void (*on_wakeup)(void *ctx, const struct learn_event *events, unsigned n_events);
	/** A worker punted that frame. */
	void (*on_punt)(void *ctx, const struct punt_record *record);
	void *ctx;
};

int worker_ctl_start(struct ev *ev, const struct worker_ctl_params *params,
	struct worker_ctl **ret_workers, struct err *err);
/** Joins the threads. NULL is accepted. */
void worker_ctl_stop(struct worker_ctl *workers);

/** Build and publish; input->n_workers and ring_workers are filled in. */
void worker_ctl_publish(struct worker_ctl *workers, struct snapshot_input *input);
/** What workers forward by, until the next is published; NULL: nothing yet. Borrowed. */
const struct dp_snapshot *worker_ctl_snapshot(const struct worker_ctl *workers);
/** To be called each second. True when rings should change their workers: then publish. */
bool worker_ctl_tick(struct worker_ctl *workers, uint64_t now_ns);
/** Hand over every learn event and punt that was written before this call. */
void worker_ctl_drain(struct worker_ctl *workers);

/** What worker index does: its load is that of the second before the last tick. */
void worker_ctl_row(const struct worker_ctl *workers, unsigned index, struct ctl_worker *ret_row);
unsigned worker_ctl_count(const struct worker_ctl *workers);
/** Borrowed, for counters. */
struct worker_pool *worker_ctl_pool(const struct worker_ctl *workers);

#endif
