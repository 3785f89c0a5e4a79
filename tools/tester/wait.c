#include "wait.h"

#include "ev.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>

#define NSEC_PER_MSEC UINT64_C(1000000)

int wait_for_fd(int fd, short events, unsigned timeout_ms)
{
	uint64_t deadline_ns = ev_now_ns() + timeout_ms * NSEC_PER_MSEC;
	struct pollfd pfd = {.fd = fd, .events = events};
	int n;

	do {
		uint64_t now_ns = ev_now_ns();
		uint64_t left_ns = now_ns < deadline_ns ? deadline_ns - now_ns : 0;

		n = poll(&pfd, 1, (int)((left_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}
