/*
 * The control server under clients that do anything in any order. The input is a program, one
 * instruction after another, for up to four clients:
 *
 *   'c' N       client N connects                'x' N       client N closes
 *   'h' N       client N shuts its side          'r' N       client N reads what there is
 *   's' N text  client N sends text and a NUL, up to a newline in the input
 *   'p' N text  the same without the NUL         'e'         every pending call sends a row
 *   'f'         every pending call is finished   '.'         the server runs until it is idle
 *   'd' N       client N sends a space, and with it a socket whose close() waits for an hour
 *   'u' N       the same with a byte out of band
 *
 * The service is that of the unit tests. Afterwards a new client must be served; nothing waits
 * (FUZZ_MAX_WAIT_NS), and nothing stays open.
 */
#include "fuzz.h"

#include "../unit/lib/ctl_service.h"
#include "ctl_server.h"
#include "fds.h"
#include "odd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_CLIENTS 4
#define MAX_STEPS 200
#define MAX_SENT  4

static int fds[N_CLIENTS];
static int readers[MAX_SENT]; /* of the sockets that were sent; closing them ends the waiting */
static unsigned n_readers;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void run_server(void)
{
	int n = 1;

	for (int i = 0; n > 0 && i < 10000; i++)
		n = ev_run_once(ctl_service.ev, 0);
	require(n == 0);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ctl_service.path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd); /* the listen queue is full */
	return -1;
}

static void hang_up(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void read_all(int fd)
{
	static char buf[65536];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		run_server();
}

static void end_calls(bool finish)
{
	struct row row = {0};

	CTL_SET(&row, row, number, 1);
	for (unsigned i = 0; i < ctl_service.n_calls; i++) {
		if (finish)
			ctl_call_finish(ctl_service.calls[i], 0, &row, NULL);
		else
			(void)ctl_call_send(ctl_service.calls[i], &row);
	}
	if (finish)
		ctl_service.n_calls = 0;
}

/* One instruction at data[size]; returns how many bytes it took. */
static size_t step(const uint8_t *data, size_t size)
{
	int *fd = &fds[size > 1 ? data[1] % N_CLIENTS : 0];
	const uint8_t *end;
	size_t len;

	switch (data[0]) {
	case 'c':
		hang_up(fd);
		*fd = dial();
		return 2;
	case 'x':
		hang_up(fd);
		return 2;
	case 'h':
		(void)shutdown(*fd, SHUT_WR);
		return 2;
	case 'r':
		read_all(*fd);
		return 2;
	case 's':
	case 'p':
		if (size < 2)
			return 1;
		end = memchr(data + 2, '\n', size - 2);
		len = (end ? (size_t)(end - data) : size) - 2;
		(void)!send(*fd, data + 2, len, MSG_NOSIGNAL);
		if (data[0] == 's')
			(void)!send(*fd, "", 1, MSG_NOSIGNAL);
		return len + 3;
	case 'd':
	case 'u':
		if (n_readers < MAX_SENT) {
			int *reader = &readers[n_readers++];

			*reader = -1;
			(void)(data[0] == 'u' ? odd_socket_send_urgent(*fd, reader)
					      : odd_socket_send(*fd, " ", 1, reader));
		}
		return 2;
	case 'e':
		end_calls(false);
		return 1;
	case 'f':
		end_calls(true);
		return 1;
	case '.':
		run_server();
		return 1;
	default:
		return 1;
	}
}

static void tear_down(void)
{
	(void)ctl_service_teardown(NULL);
}

static void let_readers_go(void)
{
	for (unsigned i = 0; i < n_readers; i++)
		(void)close(readers[i]);
	fds_wait_closed();
	n_readers = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char request[] =
		"{\"method\":\"net.weft.test.Echo\",\"parameters\":{\"number\":1}}";
	uint64_t begin_ns = ev_now_ns();
	char reply[256];
	int fd;

	if (!ctl_service.ev) {
		(void)ctl_service_setup(NULL);
		(void)atexit(tear_down);
	}
	fds_note();
	for (int i = 0; i < N_CLIENTS; i++)
		fds[i] = dial();
	run_server();
	for (size_t at = 0, n_steps = 0; at < size && n_steps < MAX_STEPS; n_steps++)
		at += step(data + at, size - at);
	run_server();
	for (int i = 0; i < N_CLIENTS; i++)
		hang_up(&fds[i]);
	run_server();
	end_calls(true); /* those that outlived their clients */
	fd = dial();
	require(fd >= 0 && send(fd, request, sizeof(request), 0) == sizeof(request));
	run_server();
	require(recv(fd, reply, sizeof(reply), 0) > 0 &&
		!strcmp(reply, "{\"parameters\":{\"number\":1}}"));
	(void)close(fd);
	run_server();
	let_readers_go();
	require(ev_now_ns() - begin_ns < FUZZ_MAX_WAIT_NS);
	return 0;
}
