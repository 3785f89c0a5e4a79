/* A vhost-user port and those who connect to it, one turn of the event loop after the other. */
#include "port.h"

#include "log.h"
#include "no_descriptors.h"
#include "odd.h"
#include "vhost_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/weft-port-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct ev *ev;
static struct port *port;
static unsigned n_changes; /* of the rings that workers have */
static unsigned n_statuses;

static void on_rings(void *ctx, struct port *which)
{
	n_changes++;
}

static void on_status(void *ctx, struct port *which)
{
	n_statuses++;
}

static const struct port_events events = {.queues = on_rings, .status = on_status};

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint64_t n_connects(void)
{
	struct ctl_port row = {0};

	port_status(port, &row);
	return row.connects;
}

/* Until n peers were taken; the time limit ends it where they are not. */
static void wait_connects(uint64_t n)
{
	while (n_connects() < n)
		assert_true(ev_run_once(ev, 10) >= 0);
}

/* Until the port hung up on its peer for this reason. */
static void wait_error(const char *text)
{
	struct ctl_port row = {0};

	while (row.state != CTL_CONN_BROKEN) {
		assert_true(ev_run_once(ev, 10) >= 0);
		port_status(port, &row);
	}
	assert_non_null(strstr(row.last_error, text));
}

/* Until fd has something to read. */
static ssize_t wait_recv(int fd, void *buf, size_t size)
{
	ssize_t n;

	while ((n = recv(fd, buf, size, MSG_DONTWAIT)) < 0)
		assert_true(ev_run_once(ev, 1) >= 0);
	return n;
}

/* A peer that connects while there are no descriptors costs a look now and then, not one every
 * turn, and is served when there are some. */
static void nothing_spins_without_descriptors(void **state)
{
	int fd = no_descriptors_connect(address.sun_path, ev);

	assert_int_equal(n_connects(), 0);
	wait_connects(1);
	(void)close(fd);
}

static const struct vhost_user_hdr question = {VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0};

static void ask(int fd)
{
	assert_int_equal(send(fd, &question, sizeof(question), 0), sizeof(question));
}

static void wait_answer(int fd)
{
	struct {
		struct vhost_user_hdr hdr;
		uint8_t features[8];
	} reply;

	assert_int_equal(wait_recv(fd, &reply, sizeof(reply)), 20);
	assert_int_equal(reply.hdr.request, VHOST_USER_GET_FEATURES);
}

/* Ask when the turn of the event loop has begun. */
static void ask_late(void *ctx, int fd, uint32_t revents)
{
	uint64_t count;

	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	ask(*(const int *)ctx);
}

/* Who is there is looked at when a second one comes, as a peer that died and came back may be: what
 * it sent meanwhile is answered like anything else, in whatever order the two are noticed, and when
 * the loop does not know of it yet. */
static void message_beside_a_second_peer_is_answered(void **state)
{
	int late = eventfd(1, EFD_CLOEXEC), first, second;
	struct ev_source *source;
	char byte;

	for (unsigned order = 0; order < 3; order++) {
		first = dial();
		wait_connects(order + 1);
		/* Whatever is ready now is noticed in the order in which it gets so. */
		assert_int_equal(ev_run_once(ev, 0), 0);
		if (order == 0)
			ask(first);
		if (order == 2)
			assert_int_equal(ev_add_io(ev, late, EPOLLIN, ask_late, &first, &source),
				0);
		second = dial();
		if (order == 1)
			ask(first);
		wait_answer(first);
		assert_int_equal(wait_recv(second, &byte, 1), 0); /* turned away */
		(void)close(second);
		(void)close(first);
	}
	ev_del(source);
	(void)close(late);
}

/* ---- What is never read ---- */

/* Send bytes with n descriptors, which are then the receiver's alone. */
static void send_with_fds(int to, const void *bytes, size_t size, const int *fds, unsigned n)
{
	assert_int_equal(odd_send(to, bytes, size, fds, n), size);
	for (unsigned i = 0; i < n; i++)
		(void)close(fds[i]);
}

/* Leave a socket in the queue of whoever has the other end: who frees the queue closes it, and
 * waits until the reader is closed. */
static void leave_lingering(int to, int *ret_reader)
{
	assert_int_equal(odd_socket_send(to, "x", 1, ret_reader), 1);
}

/* Give the port a channel with a lingering socket in it. returns  our end */
static int give_channel(int to, int *ret_reader)
{
	const struct vhost_user_hdr hdr = {VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_VERSION, 0};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	leave_lingering(ends[0], ret_reader);
	send_with_fds(to, &hdr, sizeof(hdr), &ends[1], 1);
	return ends[0];
}

static void negotiate_channel(int fd)
{
	const struct {
		struct vhost_user_hdr hdr;
		uint8_t features[8];
	} msg = {{VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION, 8},
		{1u << VHOST_USER_PROTOCOL_F_BACKEND_REQ}};

	_Static_assert(VHOST_USER_PROTOCOL_F_BACKEND_REQ < 8, "in the first byte");
	assert_int_equal(send(fd, &msg, 20, 0), 20);
}

/* Neither the queue of a connection that ends, nor that of a channel that ends or is replaced, is
 * freed where the port would wait for it. */
static void what_is_never_read_holds_nobody(void **state)
{
	const struct vhost_user_hdr nonsense = {99, VHOST_USER_VERSION, 0};
	int readers[4], channels[3], first = dial(), second;

	wait_connects(1);
	assert_int_equal(send(first, &nonsense, sizeof(nonsense), 0), sizeof(nonsense));
	leave_lingering(first, &readers[0]);
	second = dial();
	wait_connects(2);
	negotiate_channel(second);
	for (unsigned i = 0; i < 3; i++)
		channels[i] = give_channel(second, &readers[1 + i]);
	ask(second);
	wait_answer(second);
	(void)close(second);
	second = dial();
	wait_connects(3);
	for (unsigned i = 0; i < 3; i++)
		(void)close(channels[i]);
	for (unsigned i = 0; i < 4; i++)
		(void)close(readers[i]);
	(void)close(first);
	(void)close(second);
}

/* What the kernel has no room to deliver it closes within recvmsg(): there is room for all that it
 * takes, and the last of them holds nobody, either. */
static void more_descriptors_than_allowed_hold_nobody(void **state)
{
	static const unsigned counts[] = {VHOST_USER_MAX_FDS, VHOST_USER_MAX_FDS + 1, ODD_MAX_FDS};

	for (unsigned i = 0; i < 3; i++) {
		int fds[ODD_MAX_FDS], reader, fd = dial();
		unsigned n = counts[i];

		wait_connects(i + 1);
		for (unsigned at = 0; at + 1 < n; at++)
			fds[at] = eventfd(0, EFD_CLOEXEC);
		fds[n - 1] = odd_socket(&reader);
		assert_true(fds[n - 1] >= 0);
		send_with_fds(fd, &question, sizeof(question), fds, n);
		if (!i)
			wait_answer(fd);
		else
			wait_error("more than 8 file descriptors");
		(void)close(reader);
		(void)close(fd);
	}
}

/* What the switch does not read in line it would drop, and the descriptor with it. */
static void out_of_band_descriptors_hold_nobody(void **state)
{
	int fd = dial(), reader;

	wait_connects(1);
	assert_int_equal(odd_socket_send_urgent(fd, &reader), 1);
	ask(fd);
	wait_error("version"); /* the byte begins a message, whatever follows it */
	(void)close(reader);
	(void)close(fd);
}

/* ---- Rings that run ---- */

#define MEM_SIZE  0x8000
#define RING_AREA 0x3000 /* descriptors, driver area, device area: a page each */
#define RING_SIZE 8
#define USER_ADDR UINT64_C(0x10000)

/* Send a message of the front-end, with a descriptor (transferred) or -1. */
static void say(int to, uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint8_t bytes[sizeof(struct vhost_user_hdr) + sizeof(struct vhost_user_mem_table)];
	const struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION, size};

	memcpy(bytes, &hdr, sizeof(hdr));
	memcpy(bytes + sizeof(hdr), payload, size);
	if (fd >= 0)
		send_with_fds(to, bytes, sizeof(hdr) + size, &fd, 1);
	else
		assert_int_equal(send(to, bytes, sizeof(hdr) + size, 0), sizeof(hdr) + size);
}

static void say_eventfd(int to, uint32_t request, uint64_t ring)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	say(to, request, &ring, sizeof(ring), fd);
}

/* A front-end whose pair of rings runs. */
static int start_peer(void)
{
	const struct vhost_user_mem_table table = {
		.n_regions = 1, .regions = {{.size = MEM_SIZE, .user_addr = USER_ADDR}}};
	const uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	int fd = dial(), memory = memfd_create("guest", MFD_CLOEXEC);

	wait_connects(n_connects() + 1);
	assert_int_equal(ftruncate(memory, MEM_SIZE), 0);
	say(fd, VHOST_USER_SET_FEATURES, &features, sizeof(features), -1);
	say(fd, VHOST_USER_SET_MEM_TABLE, &table, 8 + sizeof(table.regions[0]), memory);
	for (uint32_t i = 0; i < 2; i++) {
		const uint64_t desc = USER_ADDR + i * RING_AREA;
		const struct vhost_user_vring_state num = {i, RING_SIZE};
		const struct vhost_user_vring_addr addr = {
			.index = i, .desc = desc, .avail = desc + 0x1000, .used = desc + 0x2000};

		say(fd, VHOST_USER_SET_VRING_NUM, &num, sizeof(num), -1);
		say(fd, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
		say_eventfd(fd, VHOST_USER_SET_VRING_CALL, i);
		say_eventfd(fd, VHOST_USER_SET_VRING_KICK, i);
	}
	while (!port_is_running(port))
		assert_true(ev_run_once(ev, 10) >= 0);
	return fd;
}

static void ask_and_wait(int fd)
{
	ask(fd);
	wait_answer(fd);
}

/* A guest that masks and unmasks a vector takes no ring from a worker, which would wait for a round
 * of all of them; and what does is nobody's news as long as the port runs again after the message.
 */
static void rings_are_exchanged_without_news(void **state)
{
	const struct vhost_user_vring_state num = {0, RING_SIZE};
	unsigned changes, statuses;
	int fd = start_peer();

	ask_and_wait(fd);
	changes = n_changes;
	statuses = n_statuses;
	for (unsigned i = 0; i < 10; i++)
		say_eventfd(fd, VHOST_USER_SET_VRING_CALL, i % 2);
	ask_and_wait(fd);
	assert_int_equal(n_changes, changes);
	say_eventfd(fd, VHOST_USER_SET_VRING_KICK, 1);
	say(fd, VHOST_USER_SET_VRING_NUM, &num, sizeof(num), -1);
	ask_and_wait(fd);
	assert_int_equal(n_changes, changes + 4);
	assert_int_equal(n_statuses, statuses);
	assert_true(port_is_running(port));
	(void)close(fd);
}

/* However much a peer has sent, others have their turn in between: after a few changes of what
 * workers have, and after a number of messages of any kind. */
static void messages_without_end_take_turns(void **state)
{
	const struct vhost_user_vring_state num = {0, RING_SIZE};
	unsigned n_turns = 0, n_answers = 0, changes;
	uint8_t reply[20];
	int fd = start_peer();

	ask_and_wait(fd);
	changes = n_changes;
	for (unsigned i = 0; i < 50; i++)
		say(fd, VHOST_USER_SET_VRING_NUM, &num, sizeof(num), -1);
	for (unsigned before = changes; n_changes < changes + 100; before = n_changes) {
		assert_true(ev_run_once(ev, 10) >= 0);
		assert_in_range(n_changes - before, 0, 5);
	}
	for (unsigned i = 0; i < 150; i++)
		ask(fd);
	for (unsigned before = 0; n_answers < 150; n_turns++, before = n_answers) {
		assert_true(ev_run_once(ev, 10) >= 0);
		while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) == sizeof(reply))
			n_answers++;
		assert_in_range(n_answers - before, 0, 64);
	}
	assert_true(n_turns >= 3);
	(void)close(fd);
}

static int set_up(void **state)
{
	struct ctl_port conf = {.type = CTL_PORT_VHOST_USER,
		.mode = CTL_SOCK_SERVER,
		.queues = 1,
		.mtu = 1500,
		.name = "p"};
	struct err err = {0};

	memcpy(conf.path, address.sun_path, sizeof(address.sun_path));
	return ev_create(&ev) || port_create(ev, &conf, &events, NULL, &port, &err) ? -1 : 0;
}

static int tear_down(void **state)
{
	port_destroy(port);
	ev_destroy(ev);
	return 0;
}

static int make_folder(void **state)
{
	log_set_level(LOG_ERR);
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/p", dir);
	return 0;
}

static int remove_folder(void **state)
{
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_spins_without_descriptors),
		TEST(message_beside_a_second_peer_is_answered),
		TEST(what_is_never_read_holds_nobody),
		TEST(more_descriptors_than_allowed_hold_nobody),
		TEST(out_of_band_descriptors_hold_nobody),
		TEST(rings_are_exchanged_without_news),
		TEST(messages_without_end_take_turns),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
