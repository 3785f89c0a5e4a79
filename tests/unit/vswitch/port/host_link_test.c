/* Interfaces of the host, made and changed in two private network namespaces. */
#include "host_link.h"
#include "host_nl.h"
#include "host_veth.h"
#include "host_tap.h"
#include "host_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#define SKIPPED           77
#define GSO_IPV4_MAX_SIZE 63 /* IFLA_GSO_IPV4_MAX_SIZE, which headers before Linux 6.3 lack */

static char there[64]; /* the other namespace */
static struct err err;

/* Root of a user namespace, and of a network namespace in it. */
static bool become_root(void)
{
	uid_t uid = geteuid();
	FILE *map;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	map = fopen("/proc/self/uid_map", "we");
	if (map)
		(void)fprintf(map, "0 %u 1", (unsigned)uid);
	return map && !fclose(map);
}

/* Two namespaces of our own: this thread stays in the second, the first stays open. */
static bool make_namespaces(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0 && !become_root())
		return false;
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	(void)snprintf(there, sizeof(there), "/proc/self/fd/%d", fd);
	return true;
}

static int clear(void **state)
{
	(void)host_link_delete(NULL, "sw0", NULL);
	err_clear(&err);
	return 0;
}

static void add_pair(void)
{
	struct ether_addr48 mac = {{2, 0, 0, 0, 0, 7}};
	struct host_veth veth = {.name = "sw0",
		.peer = "eth7",
		.netns = there,
		.alias = "left by a test",
		.mtu = 3000,
		.peer_mac = &mac,
		.peer_ip = "198.51.100.2/24, 2001:db8::2/64"};

	if (host_veth_add(&veth, &err))
		fail_msg("%s", err.msg);
}

static void a_pair_stands_in_two_namespaces(void **state)
{
	struct host_link_info near, far;
	uint32_t offloads;

	add_pair();
	assert_int_equal(host_link_get(NULL, "sw0", &near, &err), 0);
	assert_true(near.up);
	assert_true(near.carrier);
	assert_int_equal(near.mtu, 3000);
	assert_string_equal(near.kind, "veth");
	assert_string_equal(near.driver, "veth");
	assert_string_equal(near.pci, "");
	assert_string_equal(near.alias, "left by a test");
	assert_int_equal(host_link_get(there, "eth7", &far, &err), 0);
	assert_true(far.up);
	assert_int_equal(far.mtu, 3000);
	assert_string_equal(far.alias, "");
	assert_int_equal(ether_addr_to_u64(&far.mac), 0x020000000007);
	assert_int_equal(host_link_get_offloads(there, "eth7", &offloads, &err), 0);
	assert_int_equal(offloads & HOST_OFFLOADS_TX, 0);
	assert_int_equal(host_link_get(NULL, "eth7", &far, &err), -ENODEV);
	assert_int_equal(host_link_delete(NULL, "sw0", &err), 0);
	assert_int_equal(host_link_get(there, "eth7", &far, &err), -ENODEV);
}

static void a_pair_that_fails_leaves_nothing(void **state)
{
	static const struct {
		struct host_veth veth;
		int code;
		const char *msg;
	} cases[] = {
		{{.name = "sw0", .peer = "eth7", .netns = "no-such-ns"}, -ENOENT, "not found"},
		{{.name = "sw0", .peer = "eth7", .netns = there, .peer_ip = "198.51.100.2"},
			-EINVAL, "prefix length"},
		{{.name = "sw0", .peer = "eth7", .netns = there, .peer_ip = "198.51.100.2/33"},
			-EINVAL, "prefix length"},
		{{.name = "a name", .peer = "eth7", .netns = there}, -EINVAL, "not a name"},
		{{.name = "sw0", .peer = "sixteen-or-more-x", .netns = there}, -EINVAL,
			"not a name"},
		/* Found by the kernel after the pair was made: IPv6 needs an MTU of 1280. */
		{{.name = "sw0",
			 .peer = "eth7",
			 .netns = there,
			 .mtu = 1000,
			 .peer_ip = "2001:db8::2/64"},
			-EINVAL, "2001:db8::2/64"},
		{{.name = "sw0", .peer = "lo", .netns = there}, -EEXIST, "'lo'"},
	};
	struct host_link_info info;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = host_veth_add(&cases[i].veth, &err);

		if (code != cases[i].code || !strstr(err.msg, cases[i].msg))
			fail_msg("case %zu: %d '%s'", i, code, err.msg);
		assert_int_equal(host_link_get(NULL, "sw0", &info, &err), -ENODEV);
		assert_int_equal(host_link_get(there, "eth7", &info, &err), -ENODEV);
	}
}

static void a_name_that_is_taken_is_told(void **state)
{
	struct host_veth veth = {.name = "sw0", .peer = "eth8", .netns = there};
	struct host_link_info info;

	add_pair();
	assert_int_equal(host_veth_add(&veth, &err), -EEXIST);
	assert_string_equal(err.msg, "interface 'sw0': there is one of this name already");
	assert_non_null(strstr(err.hint, "ip link delete sw0"));
	veth.name = "sw1";
	veth.peer = "eth7";
	assert_int_equal(host_veth_add(&veth, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "interface 'eth7'"));
	assert_non_null(strstr(err.msg, there));
	assert_int_equal(host_link_get(NULL, "sw1", &info, NULL), -ENODEV);
	assert_int_equal(host_link_get(there, "eth7", &info, &err), 0);
}

static void a_pair_that_stands_is_taken_over(void **state)
{
	struct host_veth veth = {.name = "sw0",
		.peer = "eth7",
		.netns = there,
		.mtu = 1600,
		.peer_ip = "198.51.100.3/24"};
	const struct host_link_conf down = {.admin = HOST_LINK_DOWN};
	struct host_link_info before, far;

	add_pair();
	assert_int_equal(host_link_get(there, "eth7", &before, &err), 0);
	assert_int_equal(host_veth_take(&veth, &err), 0);
	assert_int_equal(host_link_get(there, "eth7", &far, &err), 0);
	assert_int_equal(far.ifindex, before.ifindex);
	assert_int_equal(far.mtu, 1600);
	assert_memory_equal(&far.mac, &before.mac, sizeof(far.mac));
	/* Down is how the far end has no carrier. */
	assert_int_equal(host_link_set(NULL, "sw0", &down, &err), 0);
	assert_int_equal(host_veth_take(&veth, &err), 0);
	assert_int_equal(host_link_get(there, "eth7", &far, &err), 0);
	assert_false(far.carrier);
	/* Ends of two pairs are none. */
	veth.name = "sw1";
	veth.peer = "eth8";
	assert_int_equal(host_veth_add(&veth, &err), 0);
	veth.name = "sw0";
	assert_int_equal(host_veth_take(&veth, &err), -EXDEV);
	veth.peer = "eth9";
	assert_int_equal(host_veth_take(&veth, &err), -ENODEV);
	assert_int_equal(host_link_delete(NULL, "sw1", &err), 0);
}

static void an_interface_that_is_missing_names_the_others(void **state)
{
	struct host_link_info info;

	assert_int_equal(host_link_get(NULL, "nic9", &info, &err), -ENODEV);
	assert_string_equal(err.msg, "interface 'nic9' not found");
	assert_non_null(strstr(err.hint, "lo"));
}

static void an_interface_is_set_up(void **state)
{
	struct ether_addr48 mac = {{2, 0, 0, 0, 0, 9}};
	struct host_link_conf conf = {.mac = &mac,
		.mtu = 2000,
		.ip = "198.51.100.1/24,2001:db8::1/64",
		.promisc = HOST_LINK_PROMISC_ON};
	struct host_link_info info;

	add_pair();
	/* Twice: what is so already is no error. */
	assert_int_equal(host_link_set(NULL, "sw0", &conf, &err), 0);
	assert_int_equal(host_link_set(NULL, "sw0", &conf, &err), 0);
	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	assert_int_equal(ether_addr_to_u64(&info.mac), 0x020000000009);
	assert_int_equal(info.mtu, 2000);
	assert_true(info.promiscuous);
	assert_true(info.up);
	conf = (struct host_link_conf){.admin = HOST_LINK_DOWN, .promisc = HOST_LINK_PROMISC_OFF};
	assert_int_equal(host_link_set(NULL, "sw0", &conf, &err), 0);
	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	assert_false(info.promiscuous);
	assert_false(info.up);
	assert_int_equal(host_link_get(there, "eth7", &info, &err), 0);
	assert_false(info.carrier);
	conf = (struct host_link_conf){.mtu = 70000};
	assert_int_equal(host_link_set(NULL, "sw0", &conf, &err), -EINVAL);
	assert_non_null(strstr(err.hint, "65535"));
}

/* A packet socket on our end of the pair. */
static int listen_on(const char *name)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	addr.sll_ifindex = (int)if_nametoindex(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void send_datagram(const char *to)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = host_nl_socket(there, AF_INET, SOCK_DGRAM, 0, &err), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)), 0);
	assert_int_equal(inet_pton(AF_INET, to, &addr.sin_addr), 1);
	assert_int_equal(sendto(fd, "checksum me", 11, 0, (struct sockaddr *)&addr, sizeof(addr)),
		11);
	close(fd);
}

static uint32_t add_up(const uint8_t *data, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)(i & 1 ? data[i] : data[i] << 8);
	return sum;
}

/* Is the checksum of the UDP datagram in this Ethernet frame right? RFC 768. */
static bool udp_checksum_ok(const uint8_t *frame)
{
	const uint8_t *ip = frame + ETH_HLEN, *udp = ip + 20;
	size_t size = (size_t)(udp[4] << 8 | udp[5]);
	uint32_t sum = add_up(udp, size, add_up(ip + 12, 8, 17 + (uint32_t)size));

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The next UDP datagram that arrives. */
static void receive_udp(int fd, uint8_t frame[2048])
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		if (poll(&pfd, 1, 5000) != 1)
			fail_msg("no datagram within 5 s");
		assert_true(recv(fd, frame, 2048, 0) > 0);
		if (frame[12] == 0x08 && frame[13] == 0x00 && frame[ETH_HLEN + 9] == IPPROTO_UDP)
			return;
	}
}

static void frames_of_a_pair_are_finished(void **state)
{
	uint8_t frame[2048];
	uint32_t offloads;
	int fd;

	add_pair();
	fd = listen_on("sw0");
	send_datagram("198.51.100.255");
	receive_udp(fd, frame);
	assert_true(udp_checksum_ok(frame));
	/* The same with the offload on shows why it is off. */
	assert_int_equal(host_link_set_offloads(there, "eth7", HOST_OFFLOAD_TX_CSUM, true, &err),
		0);
	assert_int_equal(host_link_get_offloads(there, "eth7", &offloads, &err), 0);
	assert_true(offloads & HOST_OFFLOAD_TX_CSUM);
	send_datagram("198.51.100.255");
	receive_udp(fd, frame);
	assert_false(udp_checksum_ok(frame));
	close(fd);
}

/* Does our end answer who-has 198.51.100.1, an address of loopback, within 300 ms? */
static bool answers_arp(void)
{
	int fd = listen_on("sw0");
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	bool asked = false, answered = false;
	uint8_t frame[2048];

	send_datagram("198.51.100.1");
	while (!answered && poll(&pfd, 1, asked ? 300 : 5000) == 1) {
		assert_true(recv(fd, frame, sizeof(frame), 0) > 0);
		if (frame[12] != 0x08 || frame[13] != 0x06)
			continue;
		asked |= frame[21] == 1;
		answered = frame[21] == 2;
	}
	close(fd);
	assert_true(asked);
	return answered;
}

/* Does this namespace have an IPv6 address on the interface? */
static bool has_ipv6_address(const char *name)
{
	FILE *in = fopen("/proc/thread-self/net/if_inet6", "re");
	char on[32];
	bool found = false;

	while (in && !found && fscanf(in, "%*s %*s %*s %*s %*s %31s", on) == 1)
		found = !strcmp(on, name);
	if (in)
		fclose(in);
	return found;
}

static void the_host_keeps_out_of_a_pair(void **state)
{
	struct host_link_conf loopback = {.admin = HOST_LINK_UP, .ip = "198.51.100.1/32"};
	struct ifreq ifr = {.ifr_name = "sw0"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	add_pair();
	assert_false(has_ipv6_address("sw0"));
	assert_int_equal(host_link_set(NULL, "lo", &loopback, &err), 0);
	assert_false(answers_arp());
	/* Without `quiet` it would. */
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	assert_true(ifr.ifr_flags & IFF_NOARP);
	ifr.ifr_flags &= ~IFF_NOARP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	assert_true(answers_arp());
	close(fd);
}

static void on_change(void *ctx, const struct host_watch_state *state)
{
	*(struct host_watch_state *)ctx = *state;
}

/* Run the loop until this is told; the kernel may hold a change of carrier back for a second. */
static void expect(struct ev *ev, const struct host_watch_state *now,
	struct host_watch_state wanted)
{
	for (uint64_t end = ev_now_ns() + UINT64_C(30000000000); ev_now_ns() < end;) {
		(void)ev_run_once(ev, 100);
		if (now->gone == wanted.gone && now->up == wanted.up &&
			now->carrier == wanted.carrier && now->mtu == wanted.mtu &&
			now->tso == wanted.tso)
			return;
	}
	fail_msg("gone %d, up %d, carrier %d, MTU %u, TSO %x", now->gone, now->up, now->carrier,
		now->mtu, now->tso);
}

static void changes_are_told(void **state)
{
	struct host_link_conf down = {.admin = HOST_LINK_DOWN}, up = {.admin = HOST_LINK_UP};
	struct host_link_conf mtu = {.mtu = 1400};
	struct host_watch_state now;
	struct host_watch *watch;
	struct ev *ev;

	add_pair();
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(host_watch_create(ev, "sw0", on_change, &now, &watch, &now, &err), 0);
	assert_true(now.up && now.carrier && !now.gone);
	assert_int_equal(now.mtu, 3000);
	assert_int_equal(host_link_set(there, "eth7", &down, &err), 0);
	expect(ev, &now, (struct host_watch_state){.up = true, .mtu = 3000, .tso = HOST_TSO_ALL});
	assert_int_equal(host_link_set(there, "eth7", &up, &err), 0);
	assert_int_equal(host_link_set(NULL, "sw0", &mtu, &err), 0);
	expect(ev, &now,
		(struct host_watch_state){
			.up = true, .carrier = true, .mtu = 1400, .tso = HOST_TSO_ALL});
	assert_int_equal(host_link_set_offloads(NULL, "sw0", HOST_OFFLOAD_TSO, false, &err), 0);
	expect(ev, &now, (struct host_watch_state){.up = true, .carrier = true, .mtu = 1400});
	assert_int_equal(host_link_delete(there, "eth7", &err), 0);
	expect(ev, &now, (struct host_watch_state){.gone = true});
	host_watch_destroy(watch);
	assert_int_equal(host_watch_create(ev, "sw0", on_change, &now, &watch, &now, &err),
		-ENODEV);
	ev_destroy(ev);
}

/* A limit of what sw0 segments, as `ip link set` does. */
static void set_limit(uint16_t attr, uint32_t value)
{
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

static uint32_t tso_now(void)
{
	struct host_link_info info;

	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	return info.tso;
}

static void limits_of_segmentation_decide(void **state)
{
	static const struct {
		uint16_t attr;
		uint32_t little, enough, tso;
	} cases[] = {
		{IFLA_GSO_MAX_SIZE, 16000, HOST_TSO_SIZE, 0},
		{GSO_IPV4_MAX_SIZE, HOST_TSO_SIZE - 1, HOST_TSO_SIZE, HOST_TSO_ALL & ~HOST_TSO4},
		{IFLA_GSO_MAX_SEGS, 10, 65535, 0},
		{IFLA_GSO_MAX_SEGS, HOST_TSO_SEGS - 1, HOST_TSO_SEGS, 0},
	};
	struct host_link_info info;

	add_pair();
	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].attr == GSO_IPV4_MAX_SIZE && !info.gso.ipv4_max_size)
			continue; /* Linux before 6.3 */
		assert_int_equal(tso_now(), HOST_TSO_ALL);
		set_limit(cases[i].attr, cases[i].little);
		assert_int_equal(tso_now(), cases[i].tso);
		set_limit(cases[i].attr, cases[i].enough);
	}
	assert_int_equal(tso_now(), HOST_TSO_ALL);
}

/* Of a limit that changes the kernel says nothing. */
static void changed_limits_are_found(void **state)
{
	struct host_watch_state now, wanted = {.up = true, .carrier = true, .mtu = 3000};
	struct host_watch *watch;
	struct ev *ev;

	add_pair();
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(host_watch_create(ev, "sw0", on_change, &now, &watch, &now, &err), 0);
	set_limit(IFLA_GSO_MAX_SIZE, 16000);
	expect(ev, &now, wanted);
	set_limit(IFLA_GSO_MAX_SIZE, HOST_TSO_SIZE);
	wanted.tso = HOST_TSO_ALL;
	expect(ev, &now, wanted);
	host_watch_destroy(watch);
	ev_destroy(ev);
}

/* More messages than a socket holds: what is told in the end is true all the same. */
static void a_storm_ends_in_the_truth(void **state)
{
	struct host_watch_state now;
	struct host_watch *watch;
	struct ev *ev;

	add_pair();
	assert_int_equal(ev_create(&ev), 0);
	assert_int_equal(host_watch_create(ev, "sw0", on_change, &now, &watch, &now, &err), 0);
	for (uint32_t i = 0; i < 600; i++) {
		struct host_link_conf mtu = {.mtu = 1000 + i};

		assert_int_equal(host_link_set(NULL, "sw0", &mtu, &err), 0);
	}
	expect(ev, &now,
		(struct host_watch_state){
			.up = true, .carrier = true, .mtu = 1599, .tso = HOST_TSO_ALL});
	host_watch_destroy(watch);
	ev_destroy(ev);
}

static void a_tap_carries_frames_behind_a_header(void **state)
{
	struct host_tap_conf conf = {.name = "sw0",
		.n_queues = 1,
		.vnet_hdr_size = 12,
		.offloads = TUN_F_CSUM | TUN_F_TSO4};
	struct host_link_conf up = {.admin = HOST_LINK_UP, .mtu = 2000, .quiet = true};
	uint8_t in[12 + 60] = {0}, out[128];
	struct host_link_info info;
	char name[HOST_LINK_NAME_SIZE];
	int fd, peer;

	if (access("/dev/net/tun", R_OK | W_OK))
		skip();
	if (host_tap_open(&conf, &fd, name, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(name, "sw0");
	assert_int_equal(host_link_set(NULL, name, &up, &err), 0);
	assert_int_equal(host_link_get(NULL, name, &info, &err), 0);
	assert_true(info.up && info.carrier);
	assert_int_equal(info.mtu, 2000);
	assert_string_equal(info.kind, "tun");

	peer = listen_on(name);
	memset(in + 12, 0xff, 6);
	in[12 + 6] = 2;
	in[12 + 12] = 0x88, in[12 + 13] = 0xb5; /* local experimental EtherType 1 */
	assert_int_equal(write(fd, in, sizeof(in)), sizeof(in));
	assert_int_equal(recv(peer, out, sizeof(out), 0), 60);
	assert_memory_equal(out, in + 12, 60);
	assert_int_equal(send(peer, out, 60, 0), 60);
	assert_int_equal(read(fd, out, sizeof(out)), 72);
	assert_memory_equal(out + 12, in + 12, 60);
	close(peer);

	assert_int_equal(host_tap_set_offloads(fd, 0), 0);
	assert_int_equal(host_tap_set_carrier(fd, false), 0);
	assert_int_equal(host_link_get(NULL, name, &info, &err), 0);
	assert_false(info.carrier);
	close(fd);
	assert_int_equal(host_link_get(NULL, name, &info, &err), -ENODEV);
}

static void a_tap_has_queues_and_stays_if_asked(void **state)
{
	struct host_tap_conf conf = {.name = "sw0",
		.n_queues = 4,
		.vnet_hdr_size = 12,
		.persistent = true,
		.has_owner = true,
		.owner = getuid()};
	char name[HOST_LINK_NAME_SIZE];
	struct host_link_info info;
	int fds[4], second;

	if (access("/dev/net/tun", R_OK | W_OK))
		skip();
	if (host_tap_open(&conf, fds, name, &err))
		fail_msg("%s", err.msg);
	/* A tap of another make under the same name is refused by name. */
	conf.n_queues = 1;
	assert_int_equal(host_tap_open(&conf, &second, name, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "tap 'sw0'"));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
	/* Whoever made it so wants it to stay, after the next user, too. */
	conf.n_queues = 4;
	conf.persistent = false;
	assert_int_equal(host_tap_open(&conf, fds, name, &err), 0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	assert_int_equal(host_link_get(NULL, "sw0", &info, &err), 0);
}

static void a_tap_in_use_is_refused(void **state)
{
	struct host_tap_conf conf = {.n_queues = 1, .vnet_hdr_size = 12};
	char name[HOST_LINK_NAME_SIZE];
	int fd, second;

	if (access("/dev/net/tun", R_OK | W_OK))
		skip();
	if (host_tap_open(&conf, &fd, name, &err))
		fail_msg("%s", err.msg);
	assert_memory_equal(name, "tap", 3);
	conf.name = name;
	assert_int_equal(host_tap_open(&conf, &second, name, &err), -EBUSY);
	conf.n_queues = HOST_TAP_MAX_QUEUES + 1;
	assert_int_equal(host_tap_open(&conf, &second, name, &err), -ERANGE);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_pair_stands_in_two_namespaces, clear),
		cmocka_unit_test_setup(a_pair_that_fails_leaves_nothing, clear),
		cmocka_unit_test_setup(a_name_that_is_taken_is_told, clear),
		cmocka_unit_test_setup(a_pair_that_stands_is_taken_over, clear),
		cmocka_unit_test_setup(an_interface_that_is_missing_names_the_others, clear),
		cmocka_unit_test_setup(an_interface_is_set_up, clear),
		cmocka_unit_test_setup(frames_of_a_pair_are_finished, clear),
		cmocka_unit_test_setup(the_host_keeps_out_of_a_pair, clear),
		cmocka_unit_test_setup(changes_are_told, clear),
		cmocka_unit_test_setup(limits_of_segmentation_decide, clear),
		cmocka_unit_test_setup(changed_limits_are_found, clear),
		cmocka_unit_test_setup(a_storm_ends_in_the_truth, clear),
		cmocka_unit_test_setup(a_tap_carries_frames_behind_a_header, clear),
		cmocka_unit_test_setup(a_tap_has_queues_and_stays_if_asked, clear),
		cmocka_unit_test_setup(a_tap_in_use_is_refused, clear),
	};

	if (!make_namespaces()) {
		fprintf(stderr, "skipped: no network namespace of one's own: %s\n",
			strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
