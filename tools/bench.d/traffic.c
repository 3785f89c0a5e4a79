#include "traffic.h"

#include "virtio_wire.h"

static unsigned type_of(const struct traffic *traffic)
{
	return traffic->tcp ? 0x0800 : TRAFFIC_TYPE;
}

static uint8_t pattern_byte(unsigned port, unsigned slot, uint32_t at)
{
	return (uint8_t)(at * 7 + at / 251 + slot * 13 + (slot >> 8) * 29 + port * 31);
}

/* Source: RFC 791, RFC 9293. */
#define IPV4_AT 14
#define TCP_AT  34

static void put_be16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint16_t sum(const uint8_t *bytes, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void fill_tcp(const struct traffic *traffic, uint8_t *frame)
{
	uint8_t *ip = frame + IPV4_AT, *tcp = frame + TCP_AT;
	unsigned tcp_len = traffic->size - TCP_AT;
	static const uint8_t ip_head[20] = {
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	static const uint8_t tcp_head[20] = {
		0x14, 0x51, 0x14, 0x51, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff};

	memcpy(ip, ip_head, sizeof(ip_head));
	memcpy(tcp, tcp_head, sizeof(tcp_head));
	put_be16(ip + 2, traffic->size - IPV4_AT);
	put_be16(ip + 10, ~sum(ip, sizeof(ip_head), 0) & 0xffff);
	/* What NEEDS_CSUM wants there: the sum of the pseudo header. */
	put_be16(tcp + 16, sum(ip + 12, 8, 6 + tcp_len));
}

void traffic_fill_hdr(const struct traffic *traffic, struct virtio_net_hdr_v1 *hdr)
{
	*hdr = (struct virtio_net_hdr_v1){0};
	if (!traffic->tcp)
		return;
	*hdr = (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = TCP_AT + 20,
		.gso_size = TRAFFIC_MSS,
		.csum_start = TCP_AT,
		.csum_offset = 16,
	};
}

void traffic_fill(const struct traffic *traffic, unsigned port, unsigned slot, uint8_t *frame)
{
	struct traffic_mark mark = {.port = (uint8_t)port, .slot = (uint16_t)slot};
	unsigned at = 12;

	traffic_address(frame, port, traffic_dst_port(traffic, port, slot), 0);
	if (traffic->pattern == TRAFFIC_FLOOD)
		memset(frame, 0xff, 6);
	if (traffic->tagged) {
		const uint8_t tag[4] = {0x81, 0, TRAFFIC_VID >> 8, TRAFFIC_VID & 0xff};
		memcpy(frame + at, tag, sizeof(tag));
		at += sizeof(tag);
	}
	put_be16(frame + at, type_of(traffic));
	if (traffic->tcp)
		fill_tcp(traffic, frame);
	at = traffic_mark_at(traffic);
	memcpy(frame + at, &mark, sizeof(mark));
	for (at += sizeof(mark); at < traffic->size; at++)
		frame[at] = pattern_byte(port, slot, at);
}

static uint64_t load_be48(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < 6; i++)
		v = v << 8 | bytes[i];
	return v;
}

static const char *check_addresses(const struct traffic *traffic, unsigned port,
	const uint8_t *frame, unsigned from)
{
	uint64_t dst = load_be48(frame), src = load_be48(frame + 6);
	uint32_t i = src & (TRAFFIC_MAX_ADDRS - 1);

	if (src != traffic_mac48(from, i) || i >= traffic->n_addresses)
		return "source address that its sender does not have";
	if (traffic->pattern == TRAFFIC_FLOOD)
		return dst == UINT64_C(0xffffffffffff) ? NULL : "no broadcast address";
	if (dst >> 24 != traffic_mac48(port, 0) >> 24)
		return "destination address of another port";
	return (dst & (TRAFFIC_MAX_ADDRS - 1)) == i ? NULL : "addresses that were not paired";
}

const char *traffic_check(const struct traffic *traffic, unsigned port, const uint8_t *frame,
	uint32_t len)
{
	unsigned at = traffic_mark_at(traffic), type_at = traffic->tagged ? 16 : 12;
	struct traffic_mark mark;

	if (len != traffic->size)
		return "wrong length";
	if (frame[type_at] != type_of(traffic) >> 8 ||
		frame[type_at + 1] != (type_of(traffic) & 0xff))
		return "wrong EtherType";
	if (traffic->tagged &&
		(frame[12] != 0x81 || frame[13] != 0 || (frame[14] & 0xf) != TRAFFIC_VID >> 8 ||
			frame[15] != (TRAFFIC_VID & 0xff)))
		return "wrong VLAN tag";
	mark = traffic_mark(traffic, frame);
	if (mark.port >= traffic->n_ports || mark.port == port)
		return "sender that cannot be";
	for (at += sizeof(mark); at < len; at++)
		if (frame[at] != pattern_byte(mark.port, mark.slot, at))
			return "wrong content";
	return traffic->rewritten ? NULL : check_addresses(traffic, port, frame, mark.port);
}
