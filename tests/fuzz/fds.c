#include "fds.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_FDS   1024
#define MAX_LOOKS 20000

static struct pollfd before[MAX_FDS];

/* By one system call, since there is one for each input. */
static void list(struct pollfd *fds)
{
	for (int i = 0; i < MAX_FDS; i++)
		fds[i] = (struct pollfd){.fd = i};
	if (poll(fds, MAX_FDS, 0) < 0)
		abort();
}

void fds_note(void)
{
	list(before);
}

static bool is_left(void)
{
	static struct pollfd now[MAX_FDS];

	list(now);
	for (int i = 0; i < MAX_FDS; i++)
		if (!(now[i].revents & POLLNVAL) && before[i].revents & POLLNVAL)
			return true;
	return false;
}

void fds_wait_closed(void)
{
	for (unsigned i = 0; is_left(); i++) {
		if (i == MAX_LOOKS)
			abort();
		(void)usleep(i < 100 ? 10 : 1000);
	}
}
