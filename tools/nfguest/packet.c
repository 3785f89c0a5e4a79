#include "packet.h"

#ifdef NFGUEST_HOSTED
#include <string.h>
#else
#include "machine.h"
#endif

#define TYPE_VLAN  0x8100
#define TYPE_ARP   0x0806
#define TYPE_IPV4  0x0800
#define TYPE_LOCAL 0x88b5
#define IP_ICMP    1
#define ETH        14u
#define ARP        28u
#define IP         20u
#define MAGIC      0x5746u

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

void packet_make(uint8_t *frame, uint32_t len, const uint8_t *dst, const uint8_t *src,
	uint16_t vlan)
{
	uint32_t at = 12;

	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
	if (vlan) {
		put16(frame + at, TYPE_VLAN);
		put16(frame + at + 2, vlan);
		at += 4;
	}
	put16(frame + at, TYPE_LOCAL);
	for (at += 2; at < len; at++)
		frame[at] = (uint8_t)(at * 7);
}

void packet_sign(uint8_t *frame, uint32_t len, uint16_t stream, uint32_t number, uint64_t ns)
{
	uint8_t *at = frame + len - PACKET_SIGNATURE;

	put16(at, MAGIC);
	put16(at + 2, stream);
	put32(at + 4, number);
	put16(at + 8, (uint32_t)(ns >> 32));
	put32(at + 10, (uint32_t)ns);
}

void packet_swap(uint8_t *frame)
{
	uint8_t dst[6];

	memcpy(dst, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, dst, 6);
}

/* RFC 1624, equation 3: a word of what is summed went from old to new. */
static void adjust_checksum(uint8_t *at, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint32_t)(uint16_t)~get16(at) + (uint16_t)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(at, (uint16_t)~sum);
}

/* Send it back, from mac. */
static void turn_to_asker(uint8_t *frame, const uint8_t *mac)
{
	/* Not memcpy(): gcc's sanitizer builds warn of a null pointer that cannot be. */
	for (unsigned i = 0; i < 6; i++) {
		frame[i] = frame[6 + i];
		frame[6 + i] = mac[i];
	}
}

static bool answer_arp(uint8_t *frame, uint32_t len, uint32_t ip, const uint8_t *mac)
{
	static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};
	uint8_t *arp = frame + ETH, asker[10];

	if (len < ETH + ARP || memcmp(arp, request, sizeof(request)) || get32(arp + 24) != ip)
		return false;
	arp[7] = 2;
	memcpy(asker, arp + 8, sizeof(asker));
	memcpy(arp + 18, asker, sizeof(asker)); /* the target now */
	memcpy(arp + 8, mac, 6);
	put32(arp + 14, ip);
	turn_to_asker(frame, mac);
	return true;
}

static bool answer_echo(uint8_t *frame, uint32_t len, uint32_t ip, const uint8_t *mac)
{
	uint8_t *p = frame + ETH, *icmp = p + IP;
	uint32_t asker;

	/* Options and fragments are not answered. */
	if (len < ETH + IP + 8 || p[0] != 0x45 || p[9] != IP_ICMP || (get16(p + 6) & 0x3fff) ||
		get32(p + 16) != ip || icmp[0] != 8 || icmp[1])
		return false;
	asker = get32(p + 12);
	put32(p + 12, ip);
	put32(p + 16, asker);
	icmp[0] = 0;
	adjust_checksum(icmp + 2, 0x0800, 0);
	turn_to_asker(frame, mac);
	return true;
}

bool packet_answer(uint8_t *frame, uint32_t len, uint32_t ip, const uint8_t *mac)
{
	if (len < ETH)
		return false;
	switch (get16(frame + 12)) {
	case TYPE_ARP:
		return answer_arp(frame, len, ip, mac);
	case TYPE_IPV4:
		return answer_echo(frame, len, ip, mac);
	default:
		return false;
	}
}

enum packet_fate packet_route(uint8_t *frame, uint32_t len, const uint8_t *src,
	const uint8_t *next_hop)
{
	uint8_t *p = frame + ETH;

	if (len < ETH + IP || get16(frame + 12) != TYPE_IPV4 || p[0] >> 4 != 4)
		return PACKET_NOT_IP;
	if (p[8] <= 1)
		return PACKET_TTL;
	uint16_t old = get16(p + 8);
	p[8]--;
	adjust_checksum(p + 10, old, get16(p + 8));
	memcpy(frame, next_hop, 6);
	memcpy(frame + 6, src, 6);
	return PACKET_GO;
}
