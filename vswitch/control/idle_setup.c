#include "idle_setup.h"

#include "datapath/sys.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long before a held frame is due a worker wakes up. */
#define EARLY_US 50

static int watch_fd(struct idle *idle, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};

	return epoll_ctl(idle->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int idle_init(struct idle *idle, uint64_t tsc_per_us)
{
	int r = 0;

	atomic_store(&idle->n_unwatched, 0);
	idle->nap_ns = IDLE_FIRST_NAP_NS;
	idle->due_tsc = UINT64_MAX;
	idle->ns_per_tsc = (UINT64_C(1000) << 32) / tsc_per_us;
	idle->early_tsc = EARLY_US * tsc_per_us;
	idle->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (idle->epoll_fd < 0)
		r = -errno;
	idle->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (idle->wake_fd < 0)
		r = -errno;
	if (!r && watch_fd(idle, idle->wake_fd))
		r = -errno;
	return r;
}

void idle_done(struct idle *idle)
{
	if (idle->epoll_fd >= 0)
		close(idle->epoll_fd);
	if (idle->wake_fd >= 0)
		close(idle->wake_fd);
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
		(void)epoll_ctl(idle->epoll_fd, EPOLL_CTL_DEL, q->wake_fd, NULL);
	q->is_watched = false;
}

void idle_wake(struct idle *idle)
{
	sys_wake(idle->wake_fd);
}
