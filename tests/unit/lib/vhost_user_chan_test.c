/* One end of a vhost-user socket, and at the other one who keeps to nothing. */
#include "vhost_user_chan.h"

#include "closer.h"
#include "err.h"
#include "odd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HDR_SIZE sizeof(struct vhost_user_hdr)

static struct closer *closer;
static struct vhost_chan chan;
static int peer;

static void open_chan(unsigned max_fds)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	closer = closer_create(0);
	vhost_chan_init(&chan, ends[0], closer, max_fds);
	peer = ends[1];
}

static void close_chan(void)
{
	vhost_chan_done(&chan);
	vhost_chan_done(&chan);
	if (peer >= 0)
		(void)close(peer);
	closer_destroy(closer);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void wait_closed(int fd)
{
	while (is_open(fd))
		(void)usleep(100);
}

/* A message as bytes. returns  its size */
static size_t compose(uint8_t *bytes, uint32_t request, uint32_t flags, const void *payload,
	uint32_t size)
{
	const struct vhost_user_hdr hdr = {request, flags, size};

	memcpy(bytes, &hdr, HDR_SIZE);
	if (size)
		memcpy(bytes + HDR_SIZE, payload, size);
	return HDR_SIZE + size;
}

static void put(uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	uint8_t bytes[HDR_SIZE + VHOST_USER_MAX_PAYLOAD];
	size_t n = compose(bytes, request, VHOST_USER_VERSION | flags, payload, size);

	assert_int_equal(send(peer, bytes, n, 0), n);
}

static void get(void *bytes, size_t size)
{
	assert_int_equal(recv(peer, bytes, size, MSG_WAITALL), size);
}

static struct vhost_user_hdr get_hdr(void)
{
	struct vhost_user_hdr hdr;

	get(&hdr, sizeof(hdr));
	return hdr;
}

/* ---- Receiving ---- */

static void message_that_comes_byte_by_byte_is_collected(void **state)
{
	const struct vhost_user_vring_state ring = {3, 256};
	uint8_t bytes[HDR_SIZE + sizeof(ring)];
	size_t n =
		compose(bytes, VHOST_USER_SET_VRING_NUM, VHOST_USER_VERSION, &ring, sizeof(ring));

	open_chan(VHOST_USER_MAX_FDS);
	memset(&chan.msg, 0xee, sizeof(chan.msg)); /* of a message before it */
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(vhost_chan_recv(&chan, NULL), 0);
		assert_int_equal(send(peer, bytes + i, 1, 0), 1);
	}
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1); /* until it is done with */
	assert_memory_equal(&chan.msg.payload.state, &ring, sizeof(ring));
	for (size_t i = sizeof(ring); i < VHOST_USER_MAX_PAYLOAD; i++)
		assert_int_equal(chan.msg.payload.bytes[i], 0);
	vhost_chan_next(&chan);
	assert_int_equal(vhost_chan_recv(&chan, NULL), 0);
	(void)close(peer);
	peer = -1;
	assert_int_equal(vhost_chan_recv(&chan, NULL), -ECONNRESET);
	close_chan();
}

static void bad_header_is_refused_before_its_payload(void **state)
{
	static const struct {
		uint32_t flags, size;
		const char *text;
	} cases[] = {
		{0, 8, "message 9 with version 0, not 1"},
		{2, 8, "version 2"},
		{VHOST_USER_VERSION, VHOST_USER_MAX_PAYLOAD + 1, "1025 bytes of payload"},
		{VHOST_USER_VERSION, UINT32_MAX, "4294967295 bytes of payload"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vhost_user_hdr hdr = {9, cases[i].flags, cases[i].size};
		struct err err = {0};

		open_chan(i % 2 ? VHOST_USER_MAX_FDS : 0);
		assert_int_equal(send(peer, &hdr, sizeof(hdr), 0), sizeof(hdr));
		assert_int_equal(vhost_chan_recv(&chan, &err), -EPROTO);
		assert_non_null(strstr(err.msg, cases[i].text));
		close_chan();
	}
}

static void descriptors_belong_to_their_message(void **state)
{
	uint8_t bytes[HDR_SIZE];
	int fds[3], taken, left;

	(void)compose(bytes, VHOST_USER_SET_OWNER, VHOST_USER_VERSION, NULL, 0);
	open_chan(VHOST_USER_MAX_FDS);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = eventfd(i, EFD_CLOEXEC);
	assert_int_equal(odd_send(peer, bytes, 1, fds, 1), 1);
	assert_int_equal(odd_send(peer, bytes + 1, HDR_SIZE - 1, fds + 1, 2), HDR_SIZE - 1);
	put(VHOST_USER_GET_FEATURES, 0, NULL, 0);
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
	assert_int_equal(chan.n_fds, 3);
	taken = vhost_chan_take_fd(&chan, 1);
	assert_true(fcntl(taken, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(vhost_chan_take_fd(&chan, 1), -1);
	assert_int_equal(vhost_chan_take_fd(&chan, 3), -1);
	left = chan.fds[2];
	vhost_chan_next(&chan);
	wait_closed(left);
	assert_true(is_open(taken));
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
	assert_int_equal(chan.n_fds, 0);
	(void)close(taken);
	for (unsigned i = 0; i < 3; i++)
		(void)close(fds[i]);
	close_chan();
}

/* In one part or in several, where each holds whoever closes it. */
static void descriptor_too_many_ends_it_and_holds_nobody(void **state)
{
	for (unsigned n_parts = 1; n_parts <= 2; n_parts++) {
		int fds[VHOST_USER_MAX_FDS], reader, last;
		struct err err = {0};

		open_chan(VHOST_USER_MAX_FDS);
		for (unsigned i = 0; i < VHOST_USER_MAX_FDS; i++)
			fds[i] = eventfd(0, EFD_CLOEXEC);
		if (n_parts == 2) {
			assert_int_equal(odd_send(peer, "x", 1, fds, VHOST_USER_MAX_FDS), 1);
			assert_int_equal(odd_socket_send(peer, "x", 1, &reader), 1);
		} else {
			int all[VHOST_USER_MAX_FDS + 1];

			memcpy(all, fds, sizeof(fds));
			last = all[VHOST_USER_MAX_FDS] = odd_socket(&reader);
			assert_int_equal(odd_send(peer, "x", 1, all, VHOST_USER_MAX_FDS + 1), 1);
			(void)close(last);
		}
		assert_int_equal(vhost_chan_recv(&chan, &err), -EPROTO);
		assert_non_null(strstr(err.msg, "more than 8 file descriptors"));
		close_chan();
		(void)close(reader);
		for (unsigned i = 0; i < VHOST_USER_MAX_FDS; i++)
			(void)close(fds[i]);
	}
}

/* Who wants none receives none, wherever in the stream they lie, and whatever ends the channel. */
static void descriptors_that_nobody_wants_hold_nobody(void **state)
{
	static const uint64_t value;

	for (unsigned n_before = 0; n_before < 2; n_before++) {
		int reader, fd, r;
		char byte;

		open_chan(0);
		fd = chan.fd;
		for (unsigned i = 0; i < n_before; i++)
			put(VHOST_USER_GET_FEATURES, VHOST_USER_REPLY, &value, sizeof(value));
		assert_int_equal(odd_socket_send(peer, "x", 1, &reader), 1);
		while ((r = vhost_chan_recv(&chan, NULL)) == 1)
			vhost_chan_next(&chan);
		assert_int_equal(r, -EPROTO);
		vhost_chan_done(&chan);
		assert_true(recv(peer, &byte, 1, 0) <= 0); /* the peer sees the end */
		(void)close(reader);
		wait_closed(fd);
		close_chan();
	}
}

/* Nor does what lies in the socket of one who takes them, when it ends. */
static void unread_descriptors_hold_nobody(void **state)
{
	int reader;
	char byte;

	open_chan(VHOST_USER_MAX_FDS);
	put(99, 0, NULL, 0);
	assert_int_equal(odd_socket_send(peer, "x", 1, &reader), 1);
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
	vhost_chan_done(&chan);
	assert_true(recv(peer, &byte, 1, 0) <= 0);
	close_chan();
	(void)close(reader);
}

/* A byte out of band that is not read in line would be dropped, its descriptor closed here. */
static void out_of_band_descriptors_hold_nobody(void **state)
{
	for (unsigned max_fds = 0; max_fds <= 1; max_fds++) {
		int reader;

		open_chan(max_fds);
		assert_int_equal(odd_socket_send_urgent(peer, &reader), 1);
		assert_int_equal(send(peer, "abc", 3, 0), 3);
		assert_int_equal(vhost_chan_recv(&chan, NULL), max_fds ? 0 : -EPROTO);
		assert_int_equal(chan.n_fds, max_fds);
		close_chan();
		(void)close(reader);
	}
}

/* ---- Sending ---- */

#define SMALL_BUFFER 4096

static void set_small_buffers(void)
{
	const int small = SMALL_BUFFER;

	assert_int_equal(setsockopt(chan.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
}

/* The peer reads message number n, which has a descriptor if n is odd. */
static void get_numbered(unsigned n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	struct vhost_user_hdr hdr;
	struct iovec iov = {&hdr, sizeof(hdr)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	const struct cmsghdr *cmsg;

	assert_int_equal(recvmsg(peer, &msg, MSG_WAITALL), sizeof(hdr));
	assert_int_equal(hdr.request, n);
	assert_int_equal(hdr.size, sizeof(payload));
	cmsg = CMSG_FIRSTHDR(&msg);
	assert_int_equal(!!cmsg, n & 1);
	if (cmsg) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		(void)close(fd);
	}
	for (size_t got = 0; got < sizeof(payload);) {
		ssize_t part = recv(peer, payload + got, sizeof(payload) - got, MSG_DONTWAIT);

		assert_int_equal(vhost_chan_flush(&chan), 0); /* half of it may wait */
		assert_true(part > 0 || errno == EAGAIN);
		got += part > 0 ? (size_t)part : 0;
	}
	for (size_t i = 0; i < sizeof(payload); i++)
		assert_int_equal(payload[i], (uint8_t)n);
}

static int put_numbered(unsigned n, int fd)
{
	uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	const struct vhost_user_hdr hdr = {n, VHOST_USER_VERSION, sizeof(payload)};

	memset(payload, (int)n, sizeof(payload));
	return vhost_chan_send(&chan, &hdr, payload, &fd, n & 1);
}

static void what_a_slow_peer_does_not_read_waits_in_order(void **state)
{
	unsigned n = 0;
	int fd = eventfd(0, EFD_CLOEXEC), r;

	open_chan(0);
	set_small_buffers();
	while (!(r = put_numbered(n, fd)))
		n++;
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(n, VHOST_CHAN_MAX_QUEUED + 1, VHOST_CHAN_MAX_QUEUED + SMALL_BUFFER);
	assert_true(vhost_chan_is_blocked(&chan));
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(vhost_chan_flush(&chan), 0);
		get_numbered(i);
	}
	assert_false(vhost_chan_is_blocked(&chan));
	assert_int_equal(put_numbered(n, fd), 0); /* there is room again */
	get_numbered(n);
	(void)close(fd);
	close_chan();
}

static void channel_with_waiting_messages_can_end(void **state)
{
	open_chan(0);
	set_small_buffers();
	while (!vhost_chan_is_blocked(&chan))
		assert_int_equal(put_numbered(0, -1), 0);
	(void)close(peer);
	peer = -1;
	assert_true(vhost_chan_flush(&chan) < 0);
	close_chan();
}

/* Whoever asks and does not read costs no memory. */
static void answers_do_not_wait(void **state)
{
	const uint64_t value = 7;
	int r;

	open_chan(VHOST_USER_MAX_FDS);
	put(VHOST_USER_GET_FEATURES, 0, NULL, 0);
	assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
	while (!(r = vhost_chan_reply(&chan, &value, sizeof(value))))
		;
	assert_int_equal(r, -EAGAIN);
	assert_false(vhost_chan_is_blocked(&chan));
	close_chan();
}

static void descriptors_beyond_the_protocol_are_not_sent(void **state)
{
	const struct vhost_user_hdr hdr = {VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, 0};
	int fds[VHOST_USER_MAX_FDS + 1] = {0};

	open_chan(0);
	assert_int_equal(vhost_chan_send(&chan, &hdr, NULL, fds, VHOST_USER_MAX_FDS + 1), -ENOBUFS);
	close_chan();
}

/* ---- Acknowledgements ---- */

static void requests_want_to_be_acknowledged_where_that_was_agreed(void **state)
{
	const uint64_t value = 0;

	open_chan(0);
	for (unsigned has_ack = 0; has_ack <= 1; has_ack++) {
		uint64_t sent;

		chan.has_reply_ack = has_ack;
		assert_int_equal(vhost_chan_request(&chan, VHOST_USER_SET_FEATURES, &value, 8, NULL,
					 0),
			has_ack);
		assert_int_equal(!!(get_hdr().flags & VHOST_USER_NEED_REPLY), has_ack);
		get(&sent, sizeof(sent));
		/* One that has an answer needs no other. */
		assert_int_equal(vhost_chan_request(&chan, VHOST_USER_GET_FEATURES, NULL, 0, NULL,
					 0),
			1);
		assert_int_equal(get_hdr().flags, VHOST_USER_VERSION);
	}
	close_chan();
}

static void who_wants_no_acknowledgement_gets_none(void **state)
{
	static const struct {
		bool has_ack;
		uint32_t flags;
		bool is_acked;
	} cases[] = {{false, VHOST_USER_NEED_REPLY, false}, {true, 0, false},
		{true, VHOST_USER_NEED_REPLY, true}};
	struct vhost_user_hdr hdr;
	uint64_t result;

	open_chan(VHOST_USER_MAX_FDS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		chan.has_reply_ack = cases[i].has_ack;
		put(VHOST_USER_SET_OWNER, cases[i].flags, NULL, 0);
		assert_int_equal(vhost_chan_recv(&chan, NULL), 1);
		chan.has_reply_ack = true; /* by this very message: holds for the next ones */
		assert_int_equal(vhost_chan_ack(&chan, 5), 0);
		vhost_chan_next(&chan);
		if (!cases[i].is_acked) {
			assert_int_equal(recv(peer, &hdr, 1, MSG_DONTWAIT), -1);
			continue;
		}
		hdr = get_hdr();
		assert_int_equal(hdr.request, VHOST_USER_SET_OWNER);
		assert_int_equal(hdr.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
		assert_int_equal(hdr.size, sizeof(result));
		get(&result, sizeof(result));
		assert_int_equal(result, 5);
	}
	close_chan();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_that_comes_byte_by_byte_is_collected),
		cmocka_unit_test(bad_header_is_refused_before_its_payload),
		cmocka_unit_test(descriptors_belong_to_their_message),
		cmocka_unit_test(descriptor_too_many_ends_it_and_holds_nobody),
		cmocka_unit_test(descriptors_that_nobody_wants_hold_nobody),
		cmocka_unit_test(unread_descriptors_hold_nobody),
		cmocka_unit_test(out_of_band_descriptors_hold_nobody),
		cmocka_unit_test(what_a_slow_peer_does_not_read_waits_in_order),
		cmocka_unit_test(channel_with_waiting_messages_can_end),
		cmocka_unit_test(answers_do_not_wait),
		cmocka_unit_test(descriptors_beyond_the_protocol_are_not_sent),
		cmocka_unit_test(requests_want_to_be_acknowledged_where_that_was_agreed),
		cmocka_unit_test(who_wants_no_acknowledgement_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
