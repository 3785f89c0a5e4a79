#include "traffic.h"

static uint8_t pattern_byte(unsigned port, unsigned slot, uint32_t at)
{
	return (uint8_t)(at * 7 + at / 251 + slot * 13 + port * 31);
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
	frame[at++] = TRAFFIC_TYPE >> 8;
	frame[at++] = TRAFFIC_TYPE & 0xff;
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

static const char *check_addresses(
	const struct traffic *traffic, unsigned port, const uint8_t *frame, unsigned from)
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

const char *traffic_check(
	const struct traffic *traffic, unsigned port, const uint8_t *frame, uint32_t len)
{
	unsigned at = traffic_mark_at(traffic);
	struct traffic_mark mark;

	if (len != traffic->size)
		return "wrong length";
	if (frame[at - 2] != TRAFFIC_TYPE >> 8 || frame[at - 1] != (TRAFFIC_TYPE & 0xff))
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
	return check_addresses(traffic, port, frame, mark.port);
}
