#include "worker.h"

#include "sys.h"

#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

/* Polls without a frame after which the clock is read again: no more are charged to a burst. */
#define CLOCK_POLLS 8
/* A frame costs no more than this many usual ones; the rest was somebody else's turn on the CPU.
 */
#define FRAME_MAX_COST 16
/* Bursts of one hold in a round. */
#define HOLD_TURNS 16

static void wake_control(struct worker_shared *shared)
{
	/* One write per time that control lowers it, however many learn events there are. */
	if (!atomic_exchange_explicit(&shared->control_wakeup, true, memory_order_acq_rel))
		sys_wake(shared->control_fd);
}

/* Charge what passed since the clock was last read to the ring that frames came from. */
static void spend(struct worker *worker, const struct dp_rx *rx, unsigned n)
{
	struct worker_spent *ring = &worker->queue_spent[rx->port_id][rx->pair];
	uint64_t now_tsc = rte_rdtsc();
	uint64_t tsc = now_tsc - worker->now_tsc, usual;

	if (!ring->usual_tsc)
		ring->usual_tsc = tsc;
	usual = n * ring->usual_tsc;
	/* A median by small steps: what frames cost may change, a single long burst changes little.
	 */
	if (tsc > usual)
		ring->usual_tsc += ring->usual_tsc / 8 + 1;
	else
		ring->usual_tsc -= ring->usual_tsc / 8;
	if (tsc > usual * FRAME_MAX_COST)
		tsc = usual * FRAME_MAX_COST;
	worker->now_tsc = now_tsc;
	worker->n_polls = 0;
	worker->spent.tsc += tsc;
	worker->spent.frames += n;
	ring->tsc += tsc;
	ring->frames += n;
}

/* Is there more to forward of the same queue in this round? Rings of several workers put frames
 * into one hold, which would never run empty if it had one turn for each of theirs. */
static inline bool goes_on(const struct dp_rx *rx, unsigned got, unsigned n_turns)
{
	return rx->resume && got == FRAME_BURST && n_turns < HOLD_TURNS;
}

/* Forward one burst of each ring, and of a hold what is due. Returns the number of frames. */
static unsigned run_round(struct worker *worker, const struct dp_snapshot *snapshot)
{
	const struct dp_rx *rx = snapshot->workers[worker->index].rx;
	unsigned n_rx = snapshot->workers[worker->index].n_rx, n = 0, unflushed = 0, n_turns = 0;

	for (unsigned i = 0; i < n_rx;) {
		unsigned got = fwd_burst(worker->fwd, snapshot, &rx[i]);

		if (got) {
			queue_set_wakeup(rx[i].queue, false);
			unflushed += got;
			if (unflushed >= FWD_FLUSH) {
				fwd_flush(worker->fwd, snapshot);
				unflushed = 0;
			}
			spend(worker, &rx[i], got);
		} else if (++worker->n_polls == CLOCK_POLLS) {
			worker->now_tsc = rte_rdtsc();
			worker->n_polls = 0;
		}
		n += got;
		n_turns++;
		if (!goes_on(&rx[i], got, n_turns)) {
			n_turns = 0;
			i++;
		}
	}
	fwd_flush(worker->fwd, snapshot);
	if (fwd_wants_control(worker->fwd))
		wake_control(worker->shared);
	return n;
}

/* False: nothing happened, but it is time to poll. */
static bool sleep_awhile(struct worker *worker, const struct dp_snapshot *snapshot)
{
	struct worker_shared *shared = worker->shared;
	bool woken;

	if (snapshot && !idle_prepare(&worker->idle, snapshot->workers[worker->index].rx,
				snapshot->workers[worker->index].n_rx))
		return true;
	/* From here on nothing of the snapshot is touched until it is loaded again. */
	rte_rcu_qsbr_thread_offline(shared->qsbr, worker->index);
	woken = idle_wait(&worker->idle);
	rte_rcu_qsbr_thread_online(shared->qsbr, worker->index);
	return woken;
}

void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct worker_shared *shared = worker->shared;
	uint64_t last_tsc = worker->now_tsc = rte_rdtsc();

	sys_sleep_exactly();
	rte_rcu_qsbr_thread_online(shared->qsbr, worker->index);
	while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
		const struct dp_snapshot *snapshot =
			atomic_load_explicit(&shared->snapshot, memory_order_acquire);

		if (snapshot && run_round(worker, snapshot)) {
			last_tsc = worker->now_tsc;
			idle_busy(&worker->idle);
		} else if (!shared->busy &&
			   (worker->now_tsc = rte_rdtsc()) - last_tsc > shared->spin_tsc) {
			if (sleep_awhile(worker, snapshot))
				last_tsc = rte_rdtsc(); /* else one round, then the next nap */
			worker->now_tsc = rte_rdtsc();
		}
		rte_rcu_qsbr_quiescent(shared->qsbr, worker->index);
	}
	rte_rcu_qsbr_thread_offline(shared->qsbr, worker->index);
	return NULL;
}
