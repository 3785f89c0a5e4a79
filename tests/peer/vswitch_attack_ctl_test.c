/* Attacks by what a control client can send, or not read (attack.h says what they may not do). */
#include "attack.h"
#include "ctl_client.h"
#include "odd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define N_CLIENTS 200 /* more than a server takes */

/* A connection without the client library, which would not misbehave; -1: refused. */
static int connect_raw(const struct attack *attack)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", attack->proc.control);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* As many bytes as the socket takes now. */
static void send_some(int fd, const void *bytes, size_t len)
{
	(void)!send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_request(int fd, const char *text)
{
	send_some(fd, text, strlen(text) + 1);
}

static void close_all(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Wait until a fresh client is served: those before it have been let go. */
static void wait_served(struct attack *attack)
{
	struct ctl_client *client;
	struct ctl_switch row;
	struct err err;
	int r;

	do {
		r = ctl_client_open(attack->proc.control, &ctl_vswitch_interface, 60000, &client,
			&err);
		if (r < 0) {
			attack_settle(attack);
			continue;
		}
		r = ctl_client_call(client, "SwitchShow", NULL, &row, &err);
		ctl_client_close(client);
	} while (r < 0);
}

/* Connections by the hundred, each with half a message, some again and again. */
static void a_flood_of_connections_keeps_nobody_from_being_served(struct attack *attack)
{
	static const char half[] = "{\"method\":\"net.weft.vswitch.PortShow\",\"para";
	int fds[N_CLIENTS];

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < N_CLIENTS; i++) {
			fds[i] = connect_raw(attack);
			if (fds[i] >= 0)
				send_some(fds[i], half, sizeof(half) - 1 - i % 8);
		}
		attack_settle(attack);
		close_all(fds, N_CLIENTS);
	}
	wait_served(attack);
}

/* Monitors and lists that nobody reads, while there is much to tell. */
static void clients_that_never_read_hold_up_only_themselves(struct attack *attack)
{
	int fds[32];

	for (unsigned i = 0; i < 32; i++) {
		fds[i] = connect_raw(attack);
		assert_true(fds[i] >= 0);
		send_request(fds[i],
			i % 2 ? "{\"method\":\"net.weft.vswitch.Monitor\",\"more\":true}"
			      : "{\"method\":\"net.weft.vswitch.PortDrops\",\"more\":true}");
		for (unsigned n = 0; n < 500; n++)
			send_request(fds[i],
				"{\"method\":\"net.weft.vswitch.PortShow\",\"more\":true}");
	}
	for (unsigned i = 0; i < 300; i++) {
		switch_must(&attack->proc, "BridgeAdd", "name noise");
		switch_must(&attack->proc, "BridgeDel", "name noise");
	}
	attack_settle(attack);
	close_all(fds, 32);
	wait_served(attack);
}

/* What is no message, too long a one, one nested too deep; all of it in pieces. */
static void nonsense_is_answered_or_cut_off(struct attack *attack)
{
	static char bytes[256 * 1024];

	for (unsigned round = 0; round < 200; round++) {
		int fd = connect_raw(attack);
		unsigned seed = round;

		if (fd < 0)
			continue; /* the backlog is full of these */
		switch (round % 4) {
		case 0:
			for (size_t i = 0; i < 4096; i++) {
				seed = seed * 1103515245 + 12345;
				bytes[i] = (char)(seed >> 16);
			}
			send_some(fd, bytes, 4096);
			break;
		case 1:
			memset(bytes, '[', sizeof(bytes));
			send_some(fd, bytes, sizeof(bytes));
			break;
		case 2:
			memset(bytes, 0, sizeof(bytes)); /* empty messages */
			send_some(fd, bytes, sizeof(bytes));
			break;
		default:
			send_request(fd, "{\"method\":\"net.weft.vswitch.PortAdd\",\"parameters\":"
					 "{\"name\":\"x\",\"path\":7}}");
			(void)shutdown(fd, SHUT_WR);
			break;
		}
		close(fd);
	}
	attack_settle(attack);
	wait_served(attack);
}

/* Thousands of requests by one client, each of which costs a grace period. */
static void requests_by_the_thousand_take_turns(struct attack *attack)
{
	int fds[8];

	for (unsigned i = 0; i < 8; i++) {
		fds[i] = connect_raw(attack);
		assert_true(fds[i] >= 0);
	}
	for (unsigned n = 0; n < 500; n++)
		for (unsigned i = 0; i < 8; i++)
			send_request(fds[i], n % 2 ? "{\"method\":\"net.weft.vswitch.BridgeAdd\","
						     "\"parameters\":{\"name\":\"flip\"}}"
						   : "{\"method\":\"net.weft.vswitch.BridgeDel\","
						     "\"parameters\":{\"name\":\"flip\"}}");
	attack_settle(attack);
	close_all(fds, 8);
	wait_served(attack);
}

/*
 * Connections whose closing would wait for an hour, far more than a server has: with one, with
 * many.
 */
static void descriptors_that_clients_send_keep_nobody_from_being_served(struct attack *attack)
{
	static int readers[2 * N_CLIENTS];
	unsigned n = 0;

	for (unsigned i = 0; i < N_CLIENTS; i++) {
		int fd = connect_raw(attack);

		if (fd < 0) { /* the backlog is full of these */
			attack_settle(attack);
			continue;
		}
		if (i % 2)
			send_some(fd, "{\"method\":", 10);
		for (unsigned j = 0; j < 1 + i % 4 / 3; j++)
			if (odd_socket_send(fd, " ", 1, &readers[n]) > 0)
				n++;
			else
				close(readers[n]);
		close(fd);
	}
	wait_served(attack);
	close_all(readers, n);
}

static const struct attack_case cases[] = {
	{"a_flood_of_connections_keeps_nobody_from_being_served",
		a_flood_of_connections_keeps_nobody_from_being_served},
	{"clients_that_never_read_hold_up_only_themselves",
		clients_that_never_read_hold_up_only_themselves},
	{"nonsense_is_answered_or_cut_off", nonsense_is_answered_or_cut_off},
	{"descriptors_that_clients_send_keep_nobody_from_being_served",
		descriptors_that_clients_send_keep_nobody_from_being_served},
	{"requests_by_the_thousand_take_turns", requests_by_the_thousand_take_turns},
};

int main(void)
{
	return attack_main("control", cases, sizeof(cases) / sizeof(cases[0]));
}
