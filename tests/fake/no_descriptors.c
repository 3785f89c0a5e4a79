#include "no_descriptors.h"

#include "ev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

int no_descriptors_connect(const char *path, struct ev *ev)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct rlimit before, none;
	unsigned n_calls = 0;
	uint64_t begin_ns;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)fd; /* the next descriptor would be above it */
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	begin_ns = ev_now_ns();
	for (int i = 0; i < 1000; i++)
		n_calls += (unsigned)ev_run_once(ev, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* The timer may have run, ten times a second. */
	assert_in_range(n_calls, 1, 100 + (ev_now_ns() - begin_ns) / 10000000);
	return fd;
}
