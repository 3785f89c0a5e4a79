/* A real vswitch with a guest and an interface of the host, in a network namespace of the test's:
 * large TCP frames of the guest go whole to an interface that takes them whole, in segments to one
 * that does not, and none is lost, whatever limits the interface has when it becomes a port or gets
 * later. */
#include "fe.h"
#include "host_link.h"
#include "host_nl.h"
#include "host_veth.h"
#include "switch_proc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>

#define SKIPPED           77
#define GSO_IPV4_MAX_SIZE 63 /* IFLA_GSO_IPV4_MAX_SIZE, which headers before Linux 6.3 lack */
#define WAIT_MS           60000
#define N_FRAMES          20
#define SEGMENT           1000
#define PAYLOAD           (10 * SEGMENT)
#define TCP_LEN           20
#define MAX_FRAME         (ETH_HLEN + 40 + TCP_LEN + PAYLOAD)

#define BOTH_TSO (VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6))

static struct switch_proc proc;
static struct fe *guest;
static int far_fd; /* what leaves the switch by its interface, sw0, comes in here */

/* Root of a user namespace, where this is needed, and of a network namespace. */
static bool make_namespace(void)
{
	uid_t uid = geteuid();
	FILE *map;

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	map = fopen("/proc/self/uid_map", "we");
	if (map)
		(void)fprintf(map, "0 %u 1", (unsigned)uid);
	return map && !fclose(map);
}

static int listen_on(const char *name)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	const int size = 8 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	addr.sll_ifindex = (int)if_nametoindex(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* A limit of what sw0 segments, as `ip link set` does. */
static void set_limit(uint16_t attr, uint32_t value)
{
	struct err err = {0};
	struct host_nl *nl;
	struct ifinfomsg *ifi;

	assert_int_equal(host_nl_open(NULL, &nl, &err), 0);
	ifi = host_nl_request(nl, RTM_NEWLINK, NLM_F_ACK, sizeof(*ifi));
	ifi->ifi_index = (int)if_nametoindex("sw0");
	mnl_attr_put_u32(nl->req, attr, value);
	if (host_nl_talk(nl, NULL, NULL, &err, "limit %u", attr))
		fail_msg("%s", err.msg);
	host_nl_close(nl);
}

/* ---- Frames ---- */

static size_t make_frame(uint8_t *frame, bool ipv6, struct virtio_net_hdr_v1 *hdr)
{
	const size_t ip_len = ipv6 ? 40 : 20, len = ETH_HLEN + ip_len + TCP_LEN + PAYLOAD;
	uint8_t *ip = frame + ETH_HLEN;

	memset(frame, 0, len);
	memset(frame, 0xff, ETH_ALEN);
	frame[6] = 2;
	frame[11] = 0x55;
	frame[12] = ipv6 ? 0x86 : 0x08;
	frame[13] = ipv6 ? 0xdd : 0x00;
	ip[0] = ipv6 ? 0x60 : 0x45;
	ip[ipv6 ? 4 : 2] = (uint8_t)((len - ETH_HLEN - (ipv6 ? 40 : 0)) >> 8);
	ip[ipv6 ? 5 : 3] = (uint8_t)(len - ETH_HLEN - (ipv6 ? 40 : 0));
	ip[ipv6 ? 6 : 9] = IPPROTO_TCP;
	ip[ipv6 ? 7 : 8] = 64;
	ip[ip_len + 12] = 5 << 4;
	*hdr = (struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)(ETH_HLEN + ip_len + TCP_LEN),
		.gso_size = SEGMENT,
		.csum_start = (uint16_t)(ETH_HLEN + ip_len),
		.csum_offset = 16};
	return len;
}

/* The payload of the next of our frames that comes out of the interface. */
static unsigned receive(bool ipv6)
{
	static uint8_t frame[2 * MAX_FRAME];
	const unsigned headers = ETH_HLEN + (ipv6 ? 40 : 20) + TCP_LEN;
	struct pollfd pfd = {.fd = far_fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		if (poll(&pfd, 1, WAIT_MS) != 1)
			fail_msg("a frame of IPv%u was lost", ipv6 ? 6 : 4);
		n = recv(far_fd, frame, sizeof(frame), MSG_TRUNC);
		if (n > headers && frame[11] == 0x55 && frame[12] == (ipv6 ? 0x86 : 0x08))
			return (unsigned)n - headers;
	}
}

/* One after the other arrives, whole or in segments. */
static void pass_frames(bool ipv6, bool whole)
{
	uint8_t frame[MAX_FRAME];
	struct virtio_net_hdr_v1 hdr;
	size_t len = make_frame(frame, ipv6, &hdr);

	for (unsigned i = 0; i < N_FRAMES; i++) {
		assert_int_equal(fe_send(guest, 0, &hdr, frame, len), 0);
		for (unsigned got = 0, part; got < PAYLOAD; got += part) {
			part = receive(ipv6);
			assert_int_equal(part, whole ? PAYLOAD : SEGMENT);
		}
	}
}

static void check_nothing_was_dropped(void)
{
	struct ctl_port_stats stats;

	assert_int_equal(switch_rows(&proc, "PortStats", "name h", &stats), 1);
	assert_int_equal(stats.tx_dropped, 0);
}

/* ---- Limits ---- */

/* Until the port sends this TCP whole. */
static void wait_for_tso(uint64_t wanted)
{
	struct ctl_port row = {0};

	for (unsigned i = 0; i < WAIT_MS / 10; i++) {
		assert_int_equal(switch_rows(&proc, "PortShow", "name h", &row), 1);
		if ((row.features & BOTH_TSO) == wanted)
			return;
		(void)usleep(10000);
	}
	fail_msg("the port has features %llx, not %llx", (unsigned long long)row.features,
		(unsigned long long)wanted);
}

static void check_frames(uint64_t whole)
{
	wait_for_tso(whole);
	pass_frames(false, whole & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4));
	pass_frames(true, whole & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6));
	check_nothing_was_dropped();
}

static void add_port(void)
{
	switch_must(&proc, "PortAdd", "name h bridge br0 type af-packet dev sw0");
	switch_wait_port(&proc, "h", CTL_CONN_RUNNING);
}

/* Limited before the port is, and while it is. */
static void check_limit(uint16_t attr, uint32_t limit, uint32_t usual, uint64_t whole)
{
	set_limit(attr, limit);
	add_port();
	check_frames(whole);
	set_limit(attr, usual);
	check_frames(BOTH_TSO);
	set_limit(attr, limit);
	check_frames(whole);
	switch_must(&proc, "PortDel", "name h");
	set_limit(attr, usual);
}

static void frames_go_whole_where_they_may(void **state)
{
	add_port();
	check_frames(BOTH_TSO);
}

static void frames_larger_than_gso_max_size_are_cut(void **state)
{
	check_limit(IFLA_GSO_MAX_SIZE, 8000, 65536, 0);
}

static void frames_larger_than_gso_ipv4_max_size_are_cut(void **state)
{
	struct host_link_info info;
	struct err err = {0};

	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	if (!info.gso.ipv4_max_size)
		skip(); /* Linux before 6.3 */
	check_limit(GSO_IPV4_MAX_SIZE, 8000, 65536, VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6));
}

/* Of these a kernel may send whole what the driver then cannot cut: only the segments show. */
static void frames_of_more_segments_than_gso_max_segs_are_cut(void **state)
{
	check_limit(IFLA_GSO_MAX_SEGS, 4, 65535, 0);
}

static int set_up(void **state)
{
	const struct host_veth pair = {.name = "sw0", .peer = "far0"};
	struct fe_config config = {.features = FE_DEFAULT_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_CSUM) |
					       VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |
					       VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6)};
	struct err err = {0};

	if (host_veth_add(&pair, &err))
		fail_msg("%s", err.msg);
	far_fd = listen_on("far0");
	switch_proc_start(&proc, false);
	switch_must(&proc, "BridgeAdd", "name br0");
	switch_must(&proc, "PortAdd", "name g bridge br0 path $/g");
	config.path = switch_proc_path(&proc, "g");
	assert_int_equal(fe_create(&config, &guest), 0);
	switch_wait_port(&proc, "g", CTL_CONN_RUNNING);
	return 0;
}

static int tear_down(void **state)
{
	fe_destroy(guest);
	switch_proc_destroy(&proc);
	(void)close(far_fd);
	return host_link_delete(NULL, "sw0", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_go_whole_where_they_may),
		TEST(frames_larger_than_gso_max_size_are_cut),
		TEST(frames_larger_than_gso_ipv4_max_size_are_cut),
		TEST(frames_of_more_segments_than_gso_max_segs_are_cut),
	};

	if (!make_namespace()) {
		(void)printf("skipped: no network namespace of one's own: %s\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
