#include "notify.h"

#include <sys/epoll.h>
#include <unistd.h>

void notify_write(int fd)
{
	static const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one)); /* EAGAIN: the counter is not zero, which is all it says */
}

void notify_touched(struct fwd *fwd)
{
	for (unsigned i = 0; i < fwd->n_touched; i++)
		if (vring_signal_needed(fwd->touched[i]) && fwd->touched[i]->call_fd >= 0)
			notify_write(fwd->touched[i]->call_fd);
	fwd->n_touched = 0;
}

void notify_wait(int epoll_fd, int timeout_ms)
{
	struct epoll_event events[16];

	/* Edges: what they mean is found by looking at the rings, so nothing is read. */
	(void)epoll_wait(epoll_fd, events, 16, timeout_ms); /* EINTR: look, too */
}
