/* Connections and listeners in which somebody's descriptors lie: who ends them does not wait. */
#include "unix_conn.h"

#include "closer.h"
#include "odd.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void connect_pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void what_was_read_before_descriptors_counts(void **state)
{
	struct closer *closer = closer_create(1);
	int ends[2], reader;
	char bytes[16];

	connect_pair(ends);
	assert_int_equal(unix_conn_read(ends[0], bytes, sizeof(bytes)), -EAGAIN);
	assert_int_equal(send(ends[1], "abc", 3, 0), 3);
	assert_int_equal(unix_conn_read(ends[0], bytes, sizeof(bytes)), 3);
	assert_int_equal(odd_socket_send(ends[1], "x", 1, &reader), 1);
	assert_int_equal(unix_conn_read(ends[0], bytes, sizeof(bytes)), -EBADMSG);
	unix_conn_end(ends[0], closer);
	assert_true(recv(ends[1], bytes, 1, 0) <= 0); /* the peer sees the end */
	while (is_open(ends[0]))
		usleep(100);
	closer_destroy(closer);
	(void)close(ends[1]);
	(void)close(reader);
}

/* A byte out of band, which a look passes over and a read drops, brings none in, either. */
static void out_of_band_descriptors_are_seen(void **state)
{
	struct closer *closer = closer_create(1);
	int ends[2], reader;
	char bytes[16];

	connect_pair(ends);
	assert_int_equal(send(ends[1], "abc", 3, 0), 3);
	assert_int_equal(odd_socket_send_urgent(ends[1], &reader), 1);
	assert_int_equal(send(ends[1], "def", 3, 0), 3);
	assert_int_equal(unix_conn_read(ends[0], bytes, sizeof(bytes)), 3);
	assert_int_equal(unix_conn_read(ends[0], bytes, sizeof(bytes)), -EBADMSG);
	unix_conn_end(ends[0], closer);
	(void)close(reader);
	closer_destroy(closer);
	(void)close(ends[1]);
}

/* Without a thread that could wait it is not closed at all; with nothing in it, at once. */
static void without_a_closer_only_odd_ones_stay_open(void **state)
{
	int odd[2], plain[2], reader;

	connect_pair(odd);
	connect_pair(plain);
	assert_int_equal(odd_socket_send(odd[1], "x", 1, &reader), 1);
	assert_int_equal(send(plain[1], "abc", 3, 0), 3);
	unix_conn_end(odd[0], NULL);
	unix_conn_end(plain[0], NULL);
	assert_true(is_open(odd[0]));
	assert_false(is_open(plain[0]));
	(void)close(reader);
	(void)close(odd[0]);
	(void)close(odd[1]);
	(void)close(plain[1]);
}

/* Who connected and was never accepted may have sent some, too. */
static void listener_with_descriptors_in_its_backlog_holds_nobody(void **state)
{
	struct closer *closer = closer_create(0);
	char folder[] = "/tmp/weft-conn-XXXXXX";
	struct unix_listener listener;
	struct sockaddr_un address;
	char path[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), late, reader, listening;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/s", folder);
	assert_int_equal(unix_listen(path, 0, 8, "socket", &listener, NULL), 0);
	assert_int_equal(unix_address(path, &address), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(odd_socket_send(fd, "x", 1, &reader), 1);
	(void)close(fd);
	listening = listener.fd;
	unix_listener_close(&listener, path, closer); /* an hour, if it waited */
	assert_int_equal(listener.fd, -1);
	assert_false(is_open(listening));
	assert_int_equal(rmdir(folder), 0);
	late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof(address)), -1);
	(void)close(late);
	(void)close(reader);
	closer_destroy(closer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_read_before_descriptors_counts),
		cmocka_unit_test(out_of_band_descriptors_are_seen),
		cmocka_unit_test(without_a_closer_only_odd_ones_stay_open),
		cmocka_unit_test(listener_with_descriptors_in_its_backlog_holds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
