#include "notify.h"

#include "spin.h"

#include <unistd.h>

void notify_fd(int fd)
{
	const uint64_t one = 1;

	/* A full counter (EAGAIN) has the reader's attention already; nothing else can be done. */
	ssize_t n = write(fd, &one, sizeof(one)); /* hotpath: once per ring and burst, on request */
	(void)n;
}

void notify_drivers(struct vring *const *rings, unsigned n, bool shared)
{
	vring_signal_fence();
	for (unsigned i = 0; i < n; i++) {
		struct vring *ring = rings[i];

		if (shared)
			spin_acquire(&ring->tx_lock);
		bool needed = vring_signal_needed(ring);
		if (shared)
			spin_release(&ring->tx_lock);
		if (needed && ring->call_fd >= 0)
			notify_fd(ring->call_fd);
	}
}
