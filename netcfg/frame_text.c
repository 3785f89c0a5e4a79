#include "frame_text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TYPE_IPV6 0x86dd

#define PROTO_ICMP   1
#define PROTO_TCP    6
#define PROTO_UDP    17
#define PROTO_ICMPV6 58

#define MAX_TAGS       4
#define MAX_EXTENSIONS 8

/* What is left of the frame, and the line so far. */
struct view {
	const uint8_t *p; /* p[n] */
	uint32_t n;
	uint32_t len; /* of the packet, from p on, as far as headers say */
	char *text;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct view *v, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(v->text + v->used, FRAME_TEXT_SIZE - v->used, format, args);
	va_end(args);
	if (n > 0)
		v->used += (size_t)n < FRAME_TEXT_SIZE - v->used ? (size_t)n
								 : FRAME_TEXT_SIZE - v->used - 1;
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* Is there as much? If not, the line says so. */
static bool has(struct view *v, uint32_t n)
{
	if (v->n >= n)
		return true;
	say(v, " [|cut]");
	return false;
}

static void skip(struct view *v, uint32_t n)
{
	v->p += n;
	v->n -= n;
	v->len = v->len > n ? v->len - n : 0;
}

/* ---- Above IP -------------------------------------------------------------------------------- */

/* Where from and to, as text; a port goes behind an address with a dot. */
struct flow {
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
};

static void say_flow(struct view *v, const struct flow *flow)
{
	say(v, " %s > %s:", flow->src, flow->dst);
}

static void say_ports(struct view *v, const struct flow *flow)
{
	say(v, " %s.%u > %s.%u:", flow->src, be16(v->p), flow->dst, be16(v->p + 2));
}

static void say_tcp(struct view *v, const struct flow *flow)
{
	static const char letters[] = "FSRP.UEW";
	char flags[9];
	uint32_t header_len, payload, n = 0;

	if (v->n < 20) {
		say_flow(v, flow);
		say(v, " TCP [|cut]");
		return;
	}
	header_len = (v->p[12] >> 4) * 4u;
	payload = v->len > header_len ? v->len - header_len : 0;
	for (unsigned i = 0; i < 8; i++) {
		if (v->p[13] >> i & 1)
			flags[n++] = letters[i];
	}
	flags[n] = '\0';
	say_ports(v, flow);
	say(v, " Flags [%s], seq %u", n ? flags : "none", be32(v->p + 4));
	if (payload)
		say(v, ":%u", be32(v->p + 4) + payload);
	if (v->p[13] & 0x10)
		say(v, ", ack %u", be32(v->p + 8));
	say(v, ", win %u, length %u", be16(v->p + 14), payload);
}

static void say_udp(struct view *v, const struct flow *flow)
{
	if (v->n < 8) {
		say_flow(v, flow);
		say(v, " UDP [|cut]");
		return;
	}
	say_ports(v, flow);
	say(v, " UDP, length %u", be16(v->p + 4) >= 8 ? be16(v->p + 4) - 8 : 0);
}

struct name {
	unsigned number;
	const char *text;
};

/* The list ends with a name that is NULL. */
static const char *find_name(const struct name *names, unsigned number)
{
	while (names->text && names->number != number)
		names++;
	return names->text;
}

static void say_icmp(struct view *v, const struct flow *flow, bool is_v6)
{
	static const struct name v4[] = {{0, "echo reply"}, {3, "unreachable"}, {5, "redirect"},
		{8, "echo request"}, {11, "time exceeded"}, {0, NULL}};
	static const struct name v6[] = {{1, "unreachable"}, {2, "packet too big"},
		{3, "time exceeded"}, {128, "echo request"}, {129, "echo reply"},
		{133, "router solicitation"}, {134, "router advertisement"},
		{135, "neighbor solicitation"}, {136, "neighbor advertisement"},
		{143, "multicast listener report v2"}, {0, NULL}};
	const char *name, *protocol = is_v6 ? "ICMP6" : "ICMP";
	bool is_echo;

	say_flow(v, flow);
	say(v, " %s", protocol);
	if (!has(v, 4))
		return;
	name = find_name(is_v6 ? v6 : v4, v->p[0]);
	is_echo = is_v6 ? v->p[0] == 128 || v->p[0] == 129 : !v->p[0] || v->p[0] == 8;
	if (name)
		say(v, " %s", name);
	else
		say(v, " type %u", v->p[0]);
	if (is_echo && v->n >= 8)
		say(v, ", id %u, seq %u", be16(v->p + 4), be16(v->p + 6));
	else if (v->p[1])
		say(v, ", code %u", v->p[1]);
	say(v, ", length %u", v->len);
}

static void say_above_ip(struct view *v, const struct flow *flow, unsigned protocol)
{
	static const struct name names[] = {{2, "IGMP"}, {47, "GRE"}, {50, "ESP"}, {89, "OSPF"},
		{103, "PIM"}, {112, "VRRP"}, {132, "SCTP"}, {0, NULL}};
	const char *name = find_name(names, protocol);

	if (protocol == PROTO_TCP) {
		say_tcp(v, flow);
	} else if (protocol == PROTO_UDP) {
		say_udp(v, flow);
	} else if (protocol == PROTO_ICMP || protocol == PROTO_ICMPV6) {
		say_icmp(v, flow, protocol == PROTO_ICMPV6);
	} else {
		say_flow(v, flow);
		if (name)
			say(v, " %s, length %u", name, v->len);
		else
			say(v, " protocol %u, length %u", protocol, v->len);
	}
}

/* ---- Above Ethernet -------------------------------------------------------------------------- */

static void say_ipv4(struct view *v)
{
	uint32_t header_len, total;
	struct flow flow;
	unsigned protocol, fragment;

	say(v, " IP");
	if (!has(v, 20))
		return;
	header_len = (v->p[0] & 0xf) * 4u;
	total = be16(v->p + 2);
	if (v->p[0] >> 4 != 4 || header_len < 20) {
		say(v, " [bad header]");
		return;
	}
	(void)inet_ntop(AF_INET, v->p + 12, flow.src, sizeof(flow.src));
	(void)inet_ntop(AF_INET, v->p + 16, flow.dst, sizeof(flow.dst));
	protocol = v->p[9];
	fragment = be16(v->p + 6) & 0x1fff;
	/* What is shorter than a frame may be has bytes behind it. */
	if (total >= header_len && total < v->len)
		v->len = total;
	if (fragment) {
		say_flow(v, &flow);
		say(v, " protocol %u, fragment at %u", protocol, fragment * 8);
		return;
	}
	if (!has(v, header_len))
		return;
	skip(v, header_len);
	say_above_ip(v, &flow, protocol);
}

/* Past what may stand before the protocol. False: the packet ends, or it is a later fragment. */
static bool skip_extensions(struct view *v, unsigned *protocol)
{
	for (unsigned i = 0; i < MAX_EXTENSIONS; i++) {
		uint32_t size;

		if (*protocol != 0 && *protocol != 43 && *protocol != 44 && *protocol != 60)
			return true;
		if (!has(v, 8))
			return false;
		size = *protocol == 44 ? 8 : (v->p[1] + 1u) * 8;
		if (*protocol == 44 && be16(v->p + 2) >> 3)
			return false;
		*protocol = v->p[0];
		if (!has(v, size))
			return false;
		skip(v, size);
	}
	return true;
}

static void say_ipv6(struct view *v)
{
	struct flow flow;
	unsigned protocol;
	uint32_t len;

	say(v, " IP6");
	if (!has(v, 40))
		return;
	(void)inet_ntop(AF_INET6, v->p + 8, flow.src, sizeof(flow.src));
	(void)inet_ntop(AF_INET6, v->p + 24, flow.dst, sizeof(flow.dst));
	protocol = v->p[6];
	len = be16(v->p + 4);
	skip(v, 40);
	if (len && len < v->len)
		v->len = len;
	if (skip_extensions(v, &protocol))
		say_above_ip(v, &flow, protocol);
	else
		say_flow(v, &flow);
}

static void say_mac(struct view *v, const uint8_t *mac)
{
	say(v, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void say_arp(struct view *v)
{
	char sender[INET_ADDRSTRLEN], target[INET_ADDRSTRLEN];

	say(v, " ARP,");
	if (!has(v, 28))
		return;
	(void)inet_ntop(AF_INET, v->p + 14, sender, sizeof(sender));
	(void)inet_ntop(AF_INET, v->p + 24, target, sizeof(target));
	if (be16(v->p + 6) == 1) {
		say(v, " Request who-has %s tell %s", target, sender);
	} else if (be16(v->p + 6) == 2) {
		say(v, " Reply %s is-at ", sender);
		say_mac(v, v->p + 8);
	} else {
		say(v, " operation %u", be16(v->p + 6));
	}
	say(v, ", length %u", v->len);
}

static void say_above_ethernet(struct view *v, unsigned type)
{
	static const struct name names[] = {{0x8809, "slow protocols (LACP)"}, {0x888e, "EAPOL"},
		{0x88cc, "LLDP"}, {0x8808, "flow control"}, {0x8847, "MPLS"}, {0x8863, "PPPoE D"},
		{0x8864, "PPPoE S"}, {0, NULL}};
	const char *name = find_name(names, type);

	if (type == TYPE_IPV4) {
		say_ipv4(v);
	} else if (type == TYPE_IPV6) {
		say_ipv6(v);
	} else if (type == TYPE_ARP) {
		say_arp(v);
	} else if (type < 0x600) {
		bool is_stp = v->n >= 3 && v->p[0] == 0x42 && v->p[1] == 0x42;

		say(v, is_stp ? " STP, length %u" : " 802.3, length %u", type);
	} else if (name) {
		say(v, " %s, length %u", name, v->len);
	} else {
		say(v, " ethertype 0x%04x, length %u", type, v->len);
	}
}

const char *frame_text(const uint8_t *bytes, uint32_t n_bytes, uint32_t len, bool with_macs,
	char buf[FRAME_TEXT_SIZE])
{
	struct view v = {.p = bytes, .n = n_bytes, .len = len, .text = buf};
	unsigned type;

	buf[0] = '\0';
	if (!has(&v, 14))
		return buf;
	if (with_macs) {
		say(&v, " ");
		say_mac(&v, bytes + 6);
		say(&v, " > ");
		say_mac(&v, bytes);
		say(&v, ", length %u:", len);
	}
	type = be16(bytes + 12);
	skip(&v, 14);
	for (unsigned i = 0; i < MAX_TAGS && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
		say(&v, " vlan");
		if (!has(&v, 4))
			return buf;
		say(&v, " %u", be16(v.p) & 0xfff);
		if (v.p[0] >> 5)
			say(&v, " p %u", v.p[0] >> 5);
		type = be16(v.p + 2);
		skip(&v, 4);
	}
	say_above_ethernet(&v, type);
	return buf;
}
