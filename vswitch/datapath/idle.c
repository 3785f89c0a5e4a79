#include "idle.h"

#include "sys.h"

/* Events are thrown away: what woke us is found by looking at the rings. */
#define IDLE_EVENTS 16
/* Naps between polls: what a frame waits for at most, after the longest (IDLE_FIRST_NAP_NS). */
#define IDLE_LAST_NAP_NS 400000

bool idle_prepare(struct idle *idle, const struct dp_rx *rx, unsigned n_rx)
{
	for (unsigned i = 0; i < n_rx; i++)
		queue_set_wakeup(rx[i].queue, true);
	/* Asking for a kick comes before looking; the driver publishes before it reads whether we
	 * asked. One of us sees the other; without this fence a frame could wait for the next. */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < n_rx; i++)
		if (queue_pending(rx[i].queue))
			return false;
	return true;
}

bool idle_wait(struct idle *idle)
{
	struct epoll_event events[IDLE_EVENTS];
	struct timespec nap = {0, idle->nap_ns};
	bool polled = atomic_load_explicit(&idle->n_unwatched, memory_order_relaxed);
	int n = sys_sleep(idle->epoll_fd, events, IDLE_EVENTS, polled ? &nap : NULL);

	if (n) {
		idle->nap_ns = IDLE_FIRST_NAP_NS;
		return true;
	}
	idle->nap_ns = 2 * idle->nap_ns < IDLE_LAST_NAP_NS ? 2 * idle->nap_ns : IDLE_LAST_NAP_NS;
	return false;
}

void idle_busy(struct idle *idle)
{
	idle->nap_ns = IDLE_FIRST_NAP_NS;
}
