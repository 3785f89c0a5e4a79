#include "vhost_user_fe.h"

#include "err.h"
#include "ev.h"
#include "no_descriptors.h"
#include "odd.h"
#include "vhost_user.h"
#include "virtio_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 8

static void split_base_is_the_used_index(void **state)
{
	uint16_t used[2] = {0, 65530};

	assert_int_equal(vhost_fe_split_base(used), 65530);
}

/*
 * A packed ring driven for n buffers of one slot each, of which `pending` are not given back yet.
 */
static uint32_t base_after(unsigned n, unsigned pending)
{
	struct vring_packed_desc ring[SIZE] = {{0}};

	for (unsigned i = 0; i < n; i++) {
		bool wrap = i / SIZE % 2 == 0;

		ring[i % SIZE].flags = (uint16_t)(wrap << 7 | !wrap << 15);
		if (i < n - pending)
			ring[i % SIZE].flags = (uint16_t)(wrap << 7 | wrap << 15);
	}
	return vhost_fe_packed_base(ring, SIZE);
}

static void packed_base_is_found_in_the_ring(void **state)
{
	for (unsigned n = 0; n < 5 * SIZE; n++) {
		for (unsigned pending = 0; pending <= SIZE && pending <= n; pending++) {
			unsigned done = n - pending;
			uint32_t want = done % SIZE | (done / SIZE % 2 == 0) << 15;

			if (base_after(n, pending) != want)
				fail_msg("%u buffers, %u pending: 0x%x instead of 0x%x", n, pending,
					base_after(n, pending), want);
		}
	}
}

static void ignore(void *ctx)
{
}

static int create(struct ev *ev, const char *path, struct vhost_fe **ret_fe, struct err *err)
{
	struct vhost_fe_config config = {.is_server = true};

	(void)snprintf(config.path, sizeof(config.path), "%s", path);
	return vhost_fe_create(ev, NULL, &config, ignore, NULL, ret_fe, err);
}

static void socket_of_the_living_is_left_alone(void **state)
{
	char dir[] = "/tmp/weft-fe-XXXXXX", path[64];
	struct vhost_fe *first, *second;
	struct err err = {0};
	struct ev *ev;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(create(ev, path, &first, &err), 0);
	assert_int_equal(create(ev, path, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "a running program serves it"));
	assert_int_equal(access(path, F_OK), 0);
	vhost_fe_destroy(first);
	assert_int_equal(access(path, F_OK), -1);
	ev_destroy(ev);
	(void)rmdir(dir);
}

static void socket_of_the_dead_is_replaced(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/weft-fe-XXXXXX";
	struct vhost_fe *fe;
	struct err err = {0};
	struct ev *ev;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_non_null(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(create(ev, addr.sun_path, &fe, &err), 0);
	vhost_fe_destroy(fe);
	ev_destroy(ev);
	(void)rmdir(dir);
}

/* A file of the user's is neither removed nor written. */
static void what_is_no_socket_stays(void **state)
{
	char dir[] = "/tmp/weft-fe-XXXXXX", path[64], text[8] = "";
	struct vhost_fe *fe;
	struct err err = {0};
	struct ev *ev;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(create(ev, path, &fe, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "something else is there"));
	(void)close(fd);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "mine");
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	ev_destroy(ev);
	assert_int_equal(rmdir(dir), 0);
}

/* A back-end that connects while there are no descriptors costs a look now and then, and is served
 * later. */
static void nothing_spins_without_descriptors(void **state)
{
	char dir[] = "/tmp/weft-fe-XXXXXX";
	struct vhost_fe_status status = {0};
	struct vhost_fe *fe;
	struct ev *ev;
	char path[64];
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(create(ev, path, &fe, NULL), 0);
	fd = no_descriptors_connect(path, ev);
	for (int i = 0; i < 10000 && !status.connects; i++) {
		assert_true(ev_run_once(ev, 1) >= 0);
		vhost_fe_get_status(fe, &status);
	}
	assert_int_equal(status.connects, 1);
	(void)close(fd);
	vhost_fe_destroy(fe);
	ev_destroy(ev);
	assert_int_equal(rmdir(dir), 0);
}

/*
 * A connection in which n bytes come, and then a descriptor that nobody else has any more: whoever
 * closes it waits for an hour, and this test with it.
 */
static void send_lingering_socket(const struct sockaddr_un *addr, struct ev *ev,
	struct vhost_fe *fe, const void *bytes, size_t n)
{
	int reader, fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct vhost_fe_status status;
	uint64_t connects;
	ssize_t n_read;
	char got[64];

	vhost_fe_get_status(fe, &status);
	connects = status.connects;
	assert_int_equal(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)), 0);
	if (n)
		assert_int_equal(send(fd, bytes, n, 0), n);
	assert_int_equal(odd_socket_send(fd, "x", 1, &reader), 1);
	for (int i = 0; i < 10000; i++) {
		assert_true(ev_run_once(ev, 1) >= 0);
		vhost_fe_get_status(fe, &status);
		if (status.connects > connects && status.state < VHOST_FE_NEGOTIATING)
			break;
	}
	assert_int_equal(status.connects, connects + 1);
	assert_true(status.state < VHOST_FE_NEGOTIATING);
	/* The peer sees the end, whenever the socket is closed. */
	while ((n_read = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0)
		;
	assert_true(!n_read || errno == ECONNRESET);
	(void)close(fd);
	(void)close(reader);
}

static void descriptors_of_a_back_end_hold_nobody(void **state)
{
	const struct vhost_user_hdr good = {
		VHOST_USER_GET_FEATURES, VHOST_USER_VERSION | VHOST_USER_REPLY, 8};
	const struct vhost_user_hdr bad = {VHOST_USER_GET_FEATURES, 0, 8};
	const struct {
		const void *bytes;
		size_t n;
	} before[] = {
		{NULL, 0}, {&good, sizeof(good)}, {&good, sizeof(good) / 2}, {&bad, sizeof(bad)}};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/weft-fe-XXXXXX";
	struct vhost_fe_status status;
	struct vhost_fe *fe;
	struct ev *ev;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(create(ev, addr.sun_path, &fe, NULL), 0);
	for (unsigned i = 0; i < 6; i++)
		send_lingering_socket(&addr, ev, fe, before[i % 4].bytes, before[i % 4].n);
	/* The next one is welcome all the same. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	for (int i = 0; i < 10000; i++) {
		assert_true(ev_run_once(ev, 1) >= 0);
		vhost_fe_get_status(fe, &status);
		if (status.state == VHOST_FE_NEGOTIATING)
			break;
	}
	assert_int_equal(status.connects, 7);
	assert_int_equal(status.state, VHOST_FE_NEGOTIATING);
	(void)close(fd);
	vhost_fe_destroy(fe);
	ev_destroy(ev);
	assert_int_equal(rmdir(dir), 0);
}

static void run_until(struct ev *ev, struct vhost_fe *fe, enum vhost_fe_state state)
{
	struct vhost_fe_status status;

	for (int i = 0; i < 10000; i++) {
		vhost_fe_get_status(fe, &status);
		if (status.state == state)
			return;
		assert_true(ev_run_once(ev, 1) >= 0);
	}
	fail_msg("state %d, not %d", status.state, state);
}

static void send_msg(int fd, uint32_t request, uint32_t flags, uint64_t value)
{
	struct {
		struct vhost_user_hdr hdr;
		uint64_t value;
	} __attribute__((packed)) msg = {{request, VHOST_USER_VERSION | flags, 8}, value};

	assert_int_equal(send(fd, &msg, sizeof(msg), 0), sizeof(msg));
}

/* A back-end says something when nothing is due, or what is no reply when one is. */
static void what_nobody_asked_for_ends_the_connection(void **state)
{
	static const struct {
		bool is_due; /* GET_FEATURES is not answered yet */
		uint32_t request, flags;
	} cases[] = {
		{false, 0, VHOST_USER_REPLY},
		{false, VHOST_USER_GET_FEATURES, VHOST_USER_REPLY},
		{false, VHOST_USER_GET_VRING_BASE, VHOST_USER_REPLY},
		{false, VHOST_USER_GET_FEATURES, 0},
		{true, VHOST_USER_GET_FEATURES, 0},
	};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/weft-fe-XXXXXX";

	assert_non_null(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct vhost_fe_status status;
		struct vhost_fe *fe;
		struct ev *ev;

		assert_int_equal(ev_create(&ev), 0);
		assert_int_equal(create(ev, addr.sun_path, &fe, NULL), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		run_until(ev, fe, VHOST_FE_NEGOTIATING);
		if (!cases[i].is_due) {
			send_msg(fd, VHOST_USER_GET_FEATURES, VHOST_USER_REPLY, 0);
			run_until(ev, fe, VHOST_FE_IDLE);
		}
		send_msg(fd, cases[i].request, cases[i].flags, 0);
		run_until(ev, fe, VHOST_FE_BROKEN);
		vhost_fe_get_status(fe, &status);
		if (!strstr(status.last_error, "unasked"))
			fail_msg("case %zu: %s", i, status.last_error);
		(void)close(fd);
		vhost_fe_destroy(fe);
		ev_destroy(ev);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_base_is_the_used_index),
		cmocka_unit_test(packed_base_is_found_in_the_ring),
		cmocka_unit_test(socket_of_the_living_is_left_alone),
		cmocka_unit_test(socket_of_the_dead_is_replaced),
		cmocka_unit_test(what_is_no_socket_stays),
		cmocka_unit_test(nothing_spins_without_descriptors),
		cmocka_unit_test(descriptors_of_a_back_end_hold_nobody),
		cmocka_unit_test(what_nobody_asked_for_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
