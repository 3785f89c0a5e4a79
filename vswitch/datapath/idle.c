#include "idle.h"

#include "notify.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/** Events are thrown away: what woke us is found by looking at the rings. */
#define IDLE_EVENTS 16
/** Naps between polls: what a frame waits for at most, while there is traffic and after. */
#define IDLE_FIRST_NAP_NS 10000
#define IDLE_LAST_NAP_NS  400000

static int watch_fd(struct idle *idle, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	return epoll_ctl(idle->epoll_fd, EPOLL_CTL_ADD, fd, &event); /* hotpath: control thread */
}

int idle_init(struct idle *idle)
{
	int r = 0;

	atomic_store(&idle->n_unwatched, 0);
	idle->nap_ns = IDLE_FIRST_NAP_NS;
	idle->epoll_fd = epoll_create1(EPOLL_CLOEXEC); /* hotpath: control thread */
	if (idle->epoll_fd < 0)
		r = -errno;
	idle->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* hotpath: control thread */
	if (idle->wake_fd < 0)
		r = -errno;
	if (!r && watch_fd(idle, idle->wake_fd))
		r = -errno;
	return r;
}

void idle_done(struct idle *idle)
{
	if (idle->epoll_fd >= 0)
		close(idle->epoll_fd); /* hotpath: control thread */
	if (idle->wake_fd >= 0)
		close(idle->wake_fd); /* hotpath: control thread */
	idle->epoll_fd = idle->wake_fd = -1;
}

void idle_watch(struct idle *idle, struct queue *q)
{
	q->is_watched = q->wake_fd >= 0 && !watch_fd(idle, q->wake_fd);
	if (!q->is_watched)
		atomic_fetch_add(&idle->n_unwatched, 1);
}

void idle_unwatch(struct idle *idle, struct queue *q)
{
	if (!q->is_watched)
		atomic_fetch_sub(&idle->n_unwatched, 1);
	else
		/* hotpath: control thread */
		(void)epoll_ctl(idle->epoll_fd, EPOLL_CTL_DEL, q->wake_fd, NULL);
	q->is_watched = false;
}

void idle_wake(struct idle *idle)
{
	notify_fd(idle->wake_fd);
}

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
	int n = epoll_pwait2(idle->epoll_fd, events, IDLE_EVENTS,
		polled ? &nap : NULL, /* hotpath: idle */
		NULL);

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
