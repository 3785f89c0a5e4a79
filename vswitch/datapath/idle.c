#include "idle.h"

#include "sys.h"

#include <rte_cycles.h>

/* Events are thrown away: what woke us is found by looking at the rings. */
#define IDLE_EVENTS 16
/* Naps between polls: what a frame waits for at most, after the longest (IDLE_FIRST_NAP_NS). */
#define IDLE_LAST_NAP_NS 400000
/* No sleep is longer: what a timespec has of nanoseconds. */
#define IDLE_MAX_SLEEP_NS 999999999

/* Is it received from only later, whatever is in it? */
static bool is_paused(const struct dp_rx *rx, uint64_t now_tsc)
{
	return rx->pace && pace_begin_tsc(rx->pace) > now_tsc;
}

static void add_due(struct idle *idle, uint64_t due_tsc)
{
	idle->due_tsc = due_tsc < idle->due_tsc ? due_tsc : idle->due_tsc;
}

bool idle_prepare(struct idle *idle, const struct dp_rx *rx, unsigned n_rx)
{
	const uint64_t now_tsc = rte_rdtsc();

	/* Who is paused now is so below, too: its moment never goes back. */
	for (unsigned i = 0; i < n_rx; i++)
		queue_set_wakeup(rx[i].queue, !is_paused(&rx[i], now_tsc));
	/* Asking for a kick comes before looking; the driver publishes before it reads whether we
	 * asked. One of us sees the other; without this fence a frame could wait for the next. */
	atomic_thread_fence(memory_order_seq_cst);
	idle->due_tsc = UINT64_MAX;
	for (unsigned i = 0; i < n_rx; i++) {
		if (rx[i].resume)
			add_due(idle, queue_due_tsc(rx[i].queue));
		else if (is_paused(&rx[i], now_tsc))
			add_due(idle, pace_begin_tsc(rx[i].pace));
		else if (queue_pending(rx[i].queue))
			return false;
	}
	return idle->due_tsc == UINT64_MAX || idle->due_tsc > rte_rdtsc() + idle->early_tsc;
}

/* How long to sleep for held frames. */
static long until_due_ns(const struct idle *idle)
{
	uint64_t end_tsc = idle->due_tsc - idle->early_tsc, now_tsc = rte_rdtsc(), tsc;

	tsc = end_tsc > now_tsc ? end_tsc - now_tsc : 0;
	if (tsc >> 32 || tsc * idle->ns_per_tsc >> 32 > IDLE_MAX_SLEEP_NS)
		return IDLE_MAX_SLEEP_NS;
	return (long)(tsc * idle->ns_per_tsc >> 32);
}

bool idle_wait(struct idle *idle)
{
	struct epoll_event events[IDLE_EVENTS];
	bool polled = atomic_load_explicit(&idle->n_unwatched, memory_order_relaxed);
	bool holds = idle->due_tsc != UINT64_MAX, is_due = false;
	struct timespec nap = {0, idle->nap_ns};
	int n;

	if (holds) {
		long due_ns = until_due_ns(idle);

		is_due = !polled || due_ns <= nap.tv_nsec;
		nap.tv_nsec = is_due ? due_ns : nap.tv_nsec;
	}
	n = sys_sleep(idle->epoll_fd, events, IDLE_EVENTS, polled || holds ? &nap : NULL);
	idle->due_tsc = UINT64_MAX; /* until it is asked for again */
	if (n) {
		idle->nap_ns = IDLE_FIRST_NAP_NS;
		return true;
	}
	if (is_due)
		return true;
	idle->nap_ns = 2 * idle->nap_ns < IDLE_LAST_NAP_NS ? 2 * idle->nap_ns : IDLE_LAST_NAP_NS;
	return false;
}

void idle_busy(struct idle *idle)
{
	idle->nap_ns = IDLE_FIRST_NAP_NS;
}
