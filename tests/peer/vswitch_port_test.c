/* Vhost-user ports of a real vswitch: frames over every kind of ring, and peers that misbehave
 * beside peers that must not notice. */
#include "fe.h"
#include "fe_ring.h"
#include "odd.h"
#include "switch_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct switch_proc proc;
static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

static struct fe *join(const char *name, struct fe_config config)
{
	char words[128];
	struct fe *fe;

	(void)snprintf(words, sizeof(words), "name %s bridge br0 path $/%s mode %s exist_ok true",
		name, name, config.listen ? "client" : "server");
	switch_must(&proc, "PortAdd", words);
	config.path = switch_proc_path(&proc, name);
	assert_int_equal(fe_create(&config, &fe), 0);
	switch_wait_port(&proc, name, CTL_CONN_RUNNING);
	return fe;
}

/* dst 0xff = broadcast; the rest of the frame depends on seed. */
static size_t make_frame(uint8_t dst, uint8_t src, size_t payload, unsigned seed)
{
	const uint8_t head[14] = {2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x08, 0x00};

	memcpy(sent, head, sizeof(head));
	if (dst == 0xff)
		memset(sent, 0xff, 6);
	for (size_t i = 0; i < payload; i++)
		sent[14 + i] = (uint8_t)(i * 31 + seed * 7 + i / 256);
	return 14 + payload;
}

static void pass_one(struct fe *from, struct fe *to, unsigned queue, uint8_t dst, uint8_t src,
	size_t payload, unsigned seed)
{
	size_t len = make_frame(dst, src, payload, seed);
	int n;

	assert_int_equal(fe_send(from, queue, NULL, sent, len), 0);
	n = fe_recv(to, queue, NULL, got, sizeof(got), 60000);
	assert_int_equal(n, len);
	assert_memory_equal(got, sent, len);
}

static void pass_many(struct fe *a, struct fe *b)
{
	for (unsigned i = 0; i < 1000; i++) {
		pass_one(a, b, 0, 2, 1, i * 37 % 4000, i);
		pass_one(b, a, 0, 1, 2, i * 53 % 9000, i);
	}
}

static void frames_pass_every_kind_of_ring(void **state)
{
	static const uint64_t more[] = {0, VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
		VIRTIO_BIT(VIRTIO_F_IN_ORDER) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX)};

	for (unsigned kind = 0; kind < 12; kind++) {
		uint64_t features = FE_DEFAULT_FEATURES | more[kind / 4];
		struct fe *a =
			join("a", (struct fe_config){.packed = kind & 1, .features = features});
		struct fe *b = join("b",
			(struct fe_config){
				.packed = kind & 2, .features = features, .ring_size = 64});

		pass_many(a, b);
		fe_destroy(a);
		fe_destroy(b);
	}
}

static void switch_connects_too(void **state)
{
	struct fe *a = join("a", (struct fe_config){.listen = true});
	struct fe *b = join("b", (struct fe_config){.listen = true, .packed = true});

	pass_many(a, b);
	/* The switch finds a peer again that went away. */
	assert_int_equal(fe_reconnect(a), 0);
	switch_wait_port(&proc, "a", CTL_CONN_RUNNING);
	pass_many(a, b);
	fe_destroy(a);
	fe_destroy(b);
}

static void queues_stay_apart(void **state)
{
	struct fe_config config = {
		.queue_pairs = 4, .features = FE_DEFAULT_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_MQ)};
	struct fe *a = join("a", config), *b;

	config.packed = true;
	b = join("b", config);
	for (unsigned i = 0; i < 400; i++)
		pass_one(a, b, i % 4, 2, 1, 100 + i, i);
	fe_destroy(a);
	fe_destroy(b);
}

static void rings_resume_where_they_were(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *a = join("a", (struct fe_config){.packed = packed, .ring_size = 16});
		struct fe *b = join("b", (struct fe_config){.packed = packed, .ring_size = 16});

		for (unsigned i = 0; i < 50; i++) {
			pass_one(a, b, 0, 2, 1, 64, i);
			pass_one(a, b, 0, 2, 1, 64, i + 1);
			pass_one(b, a, 0, 1, 2, 64, i);
			if (i % 2) {
				assert_int_equal(fe_stop(a), 0);
				assert_int_equal(fe_start(a), 0);
			} else {
				assert_int_equal(fe_reconnect(b), 0);
			}
			switch_wait_port(&proc, "a", CTL_CONN_RUNNING);
			switch_wait_port(&proc, "b", CTL_CONN_RUNNING);
		}
		fe_destroy(a);
		fe_destroy(b);
	}
}

static void wait_closed(struct fe *fe)
{
	for (unsigned i = 0; i < 6000 && !fe_is_closed(fe); i++)
		usleep(10000);
	assert_true(fe_is_closed(fe));
}

static void expect_error(const char *name, const char *text)
{
	char words[80];
	struct ctl_port port;

	(void)snprintf(words, sizeof(words), "name %s", name);
	assert_int_equal(switch_rows(&proc, "PortShow", words, &port), 1);
	if (!strstr(port.last_error, text))
		fail_msg("port '%s': last error is '%s', not about '%s'", name, port.last_error,
			text);
}

/* A guest that fills its ring with nonsense loses its connection; its neighbours lose nothing. */
static void broken_ring_resets_its_port_only(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *a = join("a", (struct fe_config){0});
		struct fe *b = join("b", (struct fe_config){.packed = true});
		struct fe *bad = join("bad", (struct fe_config){.packed = packed});
		struct fe_ring *ring = fe_ring(bad, 1);

		if (packed) {
			struct vring_packed_desc *desc = ring->desc;
			desc[0] = (struct vring_packed_desc){
				UINT64_MAX - 4, 100, 0, 1 << VRING_PACKED_DESC_F_AVAIL};
		} else {
			struct vring_avail *avail = ring->avail;
			avail->ring[0] = 40000;
			__atomic_store_n(&avail->idx, 1, __ATOMIC_RELEASE);
		}
		(void)fe_ring_kick(ring);
		pass_many(a, b);
		wait_closed(bad);
		expect_error("bad", packed ? "outside guest memory" : "outside its table");
		fe_destroy(bad);
		bad = join("bad", (struct fe_config){.packed = packed});
		pass_one(bad, a, 0, 1, 3, 100, 0);
		fe_destroy(a);
		fe_destroy(b);
		fe_destroy(bad);
	}
}

/* Messages that no front-end may send: each ends the connection, and the port is there for the
 * next. */
static void nonsense_ends_the_connection(void **state)
{
	static const struct {
		uint32_t request, flags, size;
		uint64_t words[5];
		unsigned n_fds;
	} messages[] = {
		{200, 1, 0, {0}, 0}, {0, 1, 8, {0}, 0},
		{VHOST_USER_GET_FEATURES, 3, 0, {0}, 0}, /* version 3 */
		{VHOST_USER_SET_FEATURES, 1, 8, {UINT64_MAX}, 0},
		{VHOST_USER_SET_FEATURES, 1, 4, {0}, 0},
		{VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8, {UINT64_C(1) << 40}, 0},
		{VHOST_USER_SET_MEM_TABLE, 1, 8, {0}, 0},
		{VHOST_USER_SET_MEM_TABLE, 1, 40, {1, 0, 4096, 0, 0}, 0},
		{VHOST_USER_SET_MEM_TABLE, 1, 40, {1, 0, 4096, 0, 0},
			1}, /* an eventfd is no memory */
		{VHOST_USER_SET_MEM_TABLE, 1, 40, {9, 0, 4096, 0, 0}, 1},
		{VHOST_USER_SET_VRING_NUM, 1, 8, {UINT64_C(7) << 32}, 0},
		{VHOST_USER_SET_VRING_NUM, 1, 8, {UINT64_C(65536) << 32}, 0},
		{VHOST_USER_SET_VRING_NUM, 1, 8, {UINT64_C(256) << 32 | 32}, 0},
		{VHOST_USER_SET_VRING_NUM, 1, 8, {UINT64_C(256) << 32 | 0xffffffff}, 0},
		{VHOST_USER_GET_VRING_BASE, 1, 8, {99}, 0},
		{VHOST_USER_SET_VRING_ADDR, 1, 40, {0, 1, 1, 1, 0}, 0},
		{VHOST_USER_SET_VRING_KICK, 1, 8, {255}, 1},
		{VHOST_USER_SET_VRING_KICK, 1, 8, {0}, 0},
		{VHOST_USER_SET_VRING_CALL, 1, 8, {0}, 2},
		{VHOST_USER_GET_CONFIG, 1, 12, {UINT64_C(1000) << 32 | 1000, 0}, 0},
		{VHOST_USER_SET_LOG_BASE, 1, 16, {0}, 1},
		{VHOST_USER_GET_FEATURES, 1, 0, {0}, 9}, /* more descriptors than any message has */
	};
	int fds[9];

	for (unsigned i = 0; i < 9; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct vhost_user_hdr hdr = {
			messages[i].request, messages[i].flags, messages[i].size};
		struct fe *fe = join("x", (struct fe_config){0});

		if ((hdr.flags & 3) != 1 || messages[i].n_fds > VHOST_USER_MAX_FDS)
			(void)odd_send(fe_socket(fe), &hdr, sizeof(hdr), fds, messages[i].n_fds);
		else
			(void)fe_message(fe, hdr.request, hdr.flags, messages[i].words, hdr.size,
				fds, messages[i].n_fds);
		/* A reply may come first where the message was answered before the fault. */
		for (unsigned t = 0; t < 30000 && !fe_is_closed(fe); t++) {
			char drain[256];
			(void)!recv(fe_socket(fe), drain, sizeof(drain), MSG_DONTWAIT);
			usleep(2000);
		}
		if (!fe_is_closed(fe))
			fail_msg("message %u (row %u) was accepted", messages[i].request, i);
		fe_destroy(fe);
	}
	for (unsigned i = 0; i < 9; i++)
		close(fds[i]);
}

static int raw_connect(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", switch_proc_path(&proc, name));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void second_peer_is_turned_away(void **state)
{
	struct fe *a = join("a", (struct fe_config){0}), *b = join("b", (struct fe_config){0});
	int fd = raw_connect("a");
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	pass_many(a, b);
	fe_destroy(a);
	fe_destroy(b);
}

/* One byte at a time, never finishing: the others are served meanwhile. */
static void slow_peer_holds_nobody_up(void **state)
{
	struct fe *a = join("a", (struct fe_config){0}), *b = join("b", (struct fe_config){0});
	const struct vhost_user_hdr hdr = {VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, 8};
	int fd;

	switch_must(&proc, "PortAdd", "name slow bridge br0 path $/slow mode server");
	fd = raw_connect("slow");
	for (unsigned i = 0; i < sizeof(hdr); i++) {
		assert_int_equal(write(fd, (const char *)&hdr + i, 1), 1);
		pass_one(a, b, 0, 2, 1, 200, i);
	}
	switch_wait_port(&proc, "slow", CTL_CONN_NEGOTIATING);
	close(fd);
	fe_destroy(a);
	fe_destroy(b);
}

/* A peer that shrinks its memory file under the switch (SIGBUS) hurts itself only. */
static void memory_that_goes_away_is_survived(void **state)
{
	struct fe *a = join("a", (struct fe_config){0}), *b = join("b", (struct fe_config){0});
	struct fe *bad = join("bad", (struct fe_config){.unsealed = true});
	int kick = dup(fe_ring(bad, 1)->kick_fd);
	uint64_t one = 1;

	assert_int_equal(ftruncate(fe_memory_fd(bad), 0), 0);
	(void)!write(kick, &one, sizeof(one));
	close(kick);
	size_t len = make_frame(0xff, 1, 100, 0);
	assert_int_equal(fe_send(a, 0, NULL, sent, len), 0);
	assert_int_equal(fe_recv(b, 0, NULL, got, sizeof(got), 60000), len);
	pass_many(a, b);
	assert_int_equal(kill(proc.pid, 0), 0);
	fe_destroy(a);
	fe_destroy(b);
	fe_destroy(bad);
}

static void enable_rings(struct fe *fe, uint32_t on)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct vhost_user_vring_state state = {i, on};

		assert_int_equal(fe_message(fe, VHOST_USER_SET_VRING_ENABLE, 0, &state,
					 sizeof(state), NULL, 0),
			0);
	}
	(void)fe_link_status(fe); /* answered when they were handled */
}

/* What is sent on a disabled ring is taken and dropped, and nothing is delivered to it. */
static void disabled_ring_is_drained(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *a = join("a", (struct fe_config){.packed = packed});
		struct fe *b = join("b", (struct fe_config){.packed = packed});
		struct ctl_drop drop;
		size_t len;

		pass_many(a, b);
		enable_rings(a, 0);
		len = make_frame(2, 1, 100, 0);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(fe_send(a, 0, NULL, sent, len), 0);
		for (unsigned i = 0; i < 60000 && fe_pending(a, 0); i++)
			usleep(1000);
		assert_int_equal(fe_pending(a, 0), 0);
		assert_int_equal(fe_recv(b, 0, NULL, got, sizeof(got), 50), -EAGAIN);
		assert_int_equal(switch_rows(&proc, "PortDrops", "name a", &drop), 1);
		assert_string_equal(drop.reason, "queue-disabled");
		assert_int_equal(drop.frames, 20 * (packed + 1));
		make_frame(1, 2, 100, 0);
		assert_int_equal(fe_send(b, 0, NULL, sent, len), 0);
		assert_int_equal(fe_recv(a, 0, NULL, got, sizeof(got), 50), -EAGAIN);
		enable_rings(a, 1);
		pass_many(a, b);
		fe_destroy(a);
		fe_destroy(b);
	}
}

/* A link's end loses its carrier with its peer, and hears of it by itself. */
static void front_end_hears_of_carrier(void **state)
{
	struct fe_config config = {.path = switch_proc_path(&proc, "w1")};
	int channel[2];
	struct vhost_user_hdr hdr;
	struct pollfd pfd;
	uint64_t protocol;
	struct fe *a, *b;

	switch_must(&proc, "PortAdd", "name w1 path $/w1 mode server");
	switch_must(&proc, "PortAdd", "name w2 path $/w2 mode server");
	switch_must(&proc, "LinkAdd", "name w a w1 b w2");
	assert_int_equal(fe_create(&config, &a), 0);
	switch_wait_port(&proc, "w1", CTL_CONN_RUNNING);
	assert_int_equal(fe_link_status(a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	protocol = fe_protocol_features(a) | 1u << VHOST_USER_PROTOCOL_F_BACKEND_REQ;
	assert_int_equal(fe_message(a, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, 8, NULL, 0),
		0);
	assert_int_equal(fe_message(a, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, &channel[1], 1),
		0);
	close(channel[1]);
	assert_int_equal(fe_link_status(a), 0); /* and the messages before were handled */
	config.path = switch_proc_path(&proc, "w2");
	assert_int_equal(fe_create(&config, &b), 0);
	pfd = (struct pollfd){.fd = channel[0], .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(recv(channel[0], &hdr, sizeof(hdr), MSG_WAITALL), sizeof(hdr));
	assert_int_equal(hdr.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(hdr.size, 0);
	assert_int_equal(fe_link_status(a), VIRTIO_NET_S_LINK_UP);
	fe_destroy(b);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_int_equal(fe_link_status(a), 0);
	fe_destroy(a);
	close(channel[0]);
}

/* What a VMM sends while its guest runs: masked vectors (QEMU), memory that comes and goes. */
static void exchange_all(struct fe *fe)
{
	const struct vhost_user_mem_reg reg = {
		.region = {.gpa = UINT64_C(1) << 40, .size = 1 << 20, .user_addr = 1 << 20}};
	const struct vhost_user_vring_state on = {0, 1};
	int memory = memfd_create("more", MFD_CLOEXEC);

	assert_int_equal(ftruncate(memory, 1 << 20), 0);
	for (uint64_t i = 0; i < 2; i++) {
		struct fe_ring *ring = fe_ring(fe, (unsigned)i);

		assert_int_equal(fe_message(fe, VHOST_USER_SET_VRING_CALL, 0, &i, 8, &ring->call_fd,
					 1),
			0);
		assert_int_equal(fe_message(fe, VHOST_USER_SET_VRING_ERR, 0, &i, 8, &ring->call_fd,
					 1),
			0);
		assert_int_equal(fe_message(fe, VHOST_USER_SET_VRING_KICK, 0, &i, 8, &ring->kick_fd,
					 1),
			0);
	}
	assert_int_equal(fe_message(fe, VHOST_USER_SET_VRING_ENABLE, 0, &on, sizeof(on), NULL, 0),
		0);
	assert_int_equal(fe_message(fe, VHOST_USER_ADD_MEM_REG, 0, &reg, sizeof(reg), &memory, 1),
		0);
	assert_int_equal(fe_message(fe, VHOST_USER_REM_MEM_REG, 0, &reg, sizeof(reg), NULL, 0), 0);
	close(memory);
}

/* A ring that is exchanged while it runs is nobody's news: the link stays up at both ends, the
 * addresses stay, monitors hear nothing, and frames go on in order. */
static void running_ring_is_exchanged_quietly(void **state)
{
	struct fe_config config = {0};
	struct fe *a = join("a", (struct fe_config){0}), *b = join("b", (struct fe_config){0});
	uint64_t protocol = fe_protocol_features(a) | 1u << VHOST_USER_PROTOCOL_F_BACKEND_REQ |
			    1u << VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	struct pollfd pfd = {.events = POLLIN};
	struct fe *w1, *w2;
	int channel[2];
	char news[64];

	switch_must(&proc, "PortAdd", "name w1 path $/w1 mode server");
	switch_must(&proc, "PortAdd", "name w2 path $/w2 mode server");
	switch_must(&proc, "LinkAdd", "name w a w1 b w2");
	config.path = switch_proc_path(&proc, "w1");
	assert_int_equal(fe_create(&config, &w1), 0);
	config.path = switch_proc_path(&proc, "w2");
	assert_int_equal(fe_create(&config, &w2), 0);
	switch_wait_port(&proc, "w1", CTL_CONN_RUNNING);
	switch_wait_port(&proc, "w2", CTL_CONN_RUNNING);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	struct fe *all[] = {a, w1, w2};
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fe_message(all[i], VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol,
					 8, NULL, 0),
			0);
	assert_int_equal(fe_message(w2, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, &channel[1], 1),
		0);
	close(channel[1]);
	assert_int_equal(fe_link_status(w2), VIRTIO_NET_S_LINK_UP);
	pass_one(a, b, 0, 2, 1, 64, 0); /* learned: 1 at a */
	pass_one(b, a, 0, 1, 2, 64, 0);
	for (unsigned i = 0; i < 50; i++) {
		exchange_all(a);
		exchange_all(w1);
		expect_error("a", "");
		expect_error("w1", "");
		pass_one(w1, w2, 0, 9, 8, 64, i);
		pass_one(b, a, 0, 1, 2, 64, i);
		assert_int_equal(fe_link_status(a), VIRTIO_NET_S_LINK_UP);
		assert_int_equal(fe_link_status(w1), VIRTIO_NET_S_LINK_UP);
	}
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0 port a", NULL), 1);
	/* Nothing came over the back-end channel of the other end. */
	pfd.fd = channel[0];
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(recv(channel[0], news, sizeof(news), MSG_DONTWAIT), -1);
	close(channel[0]);
	fe_destroy(a);
	fe_destroy(b);
	fe_destroy(w1);
	fe_destroy(w2);
}

/* The avail ring of a split ring needs two bytes' alignment, and no more. */
static void avail_ring_may_lie_at_2_mod_4(void **state)
{
	struct fe *a = join("a", (struct fe_config){.ring_size = 16});
	struct fe *b = join("b", (struct fe_config){.ring_size = 16});
	uint8_t *spare = (uint8_t *)fe_ring(a, 0)->desc + (1 << 20); /* behind all rings */

	assert_int_equal(fe_stop(a), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct fe_ring *ring = fe_ring(a, i);

		memcpy(spare + i * 4096 + 2, ring->avail, 6 + 2 * 16);
		ring->avail = spare + i * 4096 + 2;
	}
	assert_int_equal(fe_start(a), 0);
	switch_wait_port(&proc, "a", CTL_CONN_RUNNING);
	pass_many(a, b);
	fe_destroy(a);
	fe_destroy(b);
}

/* A ring that lies where it cannot be used does not just stay silent. */
static void ring_that_cannot_start_says_why(void **state)
{
	static const struct {
		uint64_t shift, size;
		const char *error;
	} tables[] = {{2, 2 << 20, "is not aligned in its memory file"},
		{4096, 4096, "is not in the memory that was shared"}};

	for (unsigned i = 0; i < 2; i++) {
		struct fe *fe = join("x", (struct fe_config){.ring_size = 16});
		const struct vhost_user_mem_table table = {
			.n_regions = 1,
			.regions = {{.gpa = FE_GPA,
				.size = tables[i].size - tables[i].shift % 4096,
				.user_addr = (uintptr_t)fe_ring(fe, 0)->desc - tables[i].shift}},
		};
		int fd = fe_memory_fd(fe);

		assert_int_equal(fe_message(fe, VHOST_USER_SET_MEM_TABLE, 0, &table,
					 8 + sizeof(struct vhost_user_region), &fd, 1),
			0);
		switch_wait_port(&proc, "x", CTL_CONN_NEGOTIATING);
		expect_error("x", tables[i].error);
		fe_destroy(fe);
	}
}

static int set_up(void **state)
{
	switch_proc_start(&proc, false);
	switch_must(&proc, "BridgeAdd", "name br0");
	return 0;
}

static int tear_down(void **state)
{
	switch_proc_destroy(&proc);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_pass_every_kind_of_ring),
		TEST(switch_connects_too),
		TEST(queues_stay_apart),
		TEST(rings_resume_where_they_were),
		TEST(broken_ring_resets_its_port_only),
		TEST(nonsense_ends_the_connection),
		TEST(second_peer_is_turned_away),
		TEST(slow_peer_holds_nobody_up),
		TEST(memory_that_goes_away_is_survived),
		TEST(disabled_ring_is_drained),
		TEST(front_end_hears_of_carrier),
		TEST(running_ring_is_exchanged_quietly),
		TEST(avail_ring_may_lie_at_2_mod_4),
		TEST(ring_that_cannot_start_says_why),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
