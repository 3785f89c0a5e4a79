#include "offload.h"

#include "ether.h"

#include <string.h>

#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define UDP_HDR_LEN  8u
#define TCP_FIN_PSH  0x09
#define TCP_CWR      0x80

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* RFC 1071: the sum of big-endian words, not folded. */
static uint64_t sum(const uint8_t *p, uint32_t len, uint64_t start)
{
	uint64_t s = start;

	STEP(bytes, len);
	for (; len >= 4; p += 4, len -= 4)
		s += get32(p);
	if (len >= 2) {
		s += get16(p);
		p += 2;
		len -= 2;
	}
	return len ? s + ((uint32_t)p[0] << 8) : s;
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* Feature bits that a header makes use of; guest = those of a receiver, else of a sender. */
static uint64_t features_of(const struct virtio_net_hdr_v1 *hdr, bool guest)
{
	uint64_t need = 0;

	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		need |= VIRTIO_BIT(guest ? VIRTIO_NET_F_GUEST_CSUM : VIRTIO_NET_F_CSUM);
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		need |= VIRTIO_BIT(guest ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_HOST_TSO4);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		need |= VIRTIO_BIT(guest ? VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_HOST_TSO6);
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		need |= guest ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO4) |
					VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO6)
			      : VIRTIO_BIT(VIRTIO_NET_F_HOST_USO);
		break;
	}
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		need |= VIRTIO_BIT(guest ? VIRTIO_NET_F_GUEST_ECN : VIRTIO_NET_F_HOST_ECN);
	return need;
}

bool offload_is_native(const struct virtio_net_hdr_v1 *hdr, uint64_t features)
{
	return !(features_of(hdr, true) & ~features);
}

bool offload_sanitize(struct virtio_net_hdr_v1 *hdr, uint32_t len, uint64_t features)
{
	uint8_t type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	/* DATA_VALID and RSC_INFO are for a device to say, not for a sender. */
	hdr->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (hdr->csum_start < ETHER_HDR_LEN ||
			(uint32_t)hdr->csum_start + hdr->csum_offset + 2 > len)
			return false;
	} else {
		hdr->csum_start = hdr->csum_offset = 0;
	}
	if (type == VIRTIO_NET_HDR_GSO_NONE) {
		hdr->gso_type = hdr->gso_size = hdr->hdr_len = 0;
	} else if (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6 &&
		   type != VIRTIO_NET_HDR_GSO_UDP_L4) {
		return false;
	} else if (!hdr->gso_size || !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
		   hdr->hdr_len > len) {
		return false;
	}
	return !(features_of(hdr, false) & ~features);
}

bool offload_is_bounded(const struct virtio_net_hdr_v1 *hdr, uint32_t len)
{
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return len <= hdr->csum_start + UDP_HDR_LEN +
				      (uint32_t)hdr->gso_size * OFFLOAD_MAX_DATAGRAMS;
	default:
		return hdr->gso_size >= OFFLOAD_MIN_SEGMENT;
	}
}

void offload_checksum(uint8_t *frame, uint32_t len, const struct virtio_net_hdr_v1 *hdr)
{
	uint16_t csum = fold(sum(frame + hdr->csum_start, len - hdr->csum_start, 0));

	/* A UDP checksum of zero means "none" (RFC 768); other protocols do not mind the other
	 * zero. */
	put16(frame + hdr->csum_start + hdr->csum_offset, csum ? csum : 0xffff);
}

uint32_t offload_find_l3(const uint8_t *frame, uint32_t len, uint16_t *ret_type)
{
	uint32_t at = 12;

	for (unsigned tags = 0; tags < 3 && at + 2 <= len; tags++, at += 4) {
		*ret_type = get16(frame + at);
		if (*ret_type != ETHER_TYPE_VLAN && *ret_type != ETHER_TYPE_QINQ)
			return at + 2;
	}
	return 0;
}

static bool parse(struct offload_cut *cut, const uint8_t *frame, uint32_t len,
	const struct virtio_net_hdr_v1 *hdr)
{
	uint8_t type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	uint16_t ether_type = 0;
	uint32_t l4_len = 8;

	cut->l3 = offload_find_l3(frame, len, &ether_type);
	cut->l4 = hdr->csum_start;
	cut->tcp = type != VIRTIO_NET_HDR_GSO_UDP_L4;
	cut->ipv6 = ether_type == ETHER_TYPE_IPV6;
	if (!cut->l3 || (ether_type != ETHER_TYPE_IPV4 && ether_type != ETHER_TYPE_IPV6))
		return false;
	if ((type == VIRTIO_NET_HDR_GSO_TCPV4 && cut->ipv6) ||
		(type == VIRTIO_NET_HDR_GSO_TCPV6 && !cut->ipv6))
		return false;
	if (cut->l4 < cut->l3 + (cut->ipv6 ? 40 : 20) || cut->l4 + (cut->tcp ? 20 : 8) > len)
		return false;
	/* IPv4 says its own header length; it must be where the checksum starts. */
	if (!cut->ipv6 && cut->l3 + (frame[cut->l3] & 0xfu) * 4u != cut->l4)
		return false;
	if (cut->tcp)
		l4_len = (uint32_t)(frame[cut->l4 + 12] >> 4) * 4;
	cut->header_len = cut->l4 + l4_len;
	return l4_len >= (cut->tcp ? 20 : 8) && cut->header_len <= len;
}

bool offload_cut_begin(struct offload_cut *cut, const uint8_t *frame, uint32_t len,
	const struct virtio_net_hdr_v1 *hdr)
{
	if (!parse(cut, frame, len, hdr) || cut->header_len > OFFLOAD_MAX_HEADERS)
		return false;
	cut->frame = frame;
	cut->len = len;
	cut->gso_size = hdr->gso_size;
	cut->next = cut->header_len;
	cut->index = 0;
	return true;
}

static void fix_ip(const struct offload_cut *cut, uint8_t *out, uint32_t out_len)
{
	uint8_t *ip = out + cut->l3;

	if (cut->ipv6) {
		put16(ip + 4, out_len - cut->l3 - 40);
		return;
	}
	put16(ip + 2, out_len - cut->l3);
	put16(ip + 4, (uint32_t)get16(ip + 4) + cut->index);
	put16(ip + 10, 0);
	put16(ip + 10, fold(sum(ip, cut->l4 - cut->l3, 0)));
}

static void fix_l4(const struct offload_cut *cut, uint8_t *out, uint32_t out_len, bool last)
{
	uint8_t *ip = out + cut->l3, *l4 = out + cut->l4;
	uint32_t l4_len = out_len - cut->l4;
	uint64_t pseudo = l4_len + (cut->tcp ? IP_PROTO_TCP : IP_PROTO_UDP);
	uint8_t *csum = l4 + (cut->tcp ? 16 : 6);

	if (cut->tcp) {
		put32(l4 + 4, get32(l4 + 4) + (uint32_t)(cut->next - cut->header_len));
		if (!last)
			l4[13] &= (uint8_t)~TCP_FIN_PSH;
		if (cut->index)
			l4[13] &= (uint8_t)~TCP_CWR; /* RFC 3168, 6.1.2: only the first answers */
	} else {
		put16(l4 + 4, l4_len);
	}
	put16(csum, 0);
	pseudo = cut->ipv6 ? sum(ip + 8, 32, pseudo) : sum(ip + 12, 8, pseudo);
	uint16_t value = fold(sum(l4, l4_len, pseudo));
	put16(csum, !value && !cut->tcp ? 0xffff : value);
}

uint32_t offload_cut_next(struct offload_cut *cut, uint8_t *out)
{
	uint32_t left = cut->len - cut->next;
	uint32_t part = left < cut->gso_size ? left : cut->gso_size;
	uint32_t out_len = cut->header_len + part;

	if (!left)
		return 0;
	STEP(segments, 1);
	STEP(bytes, out_len);
	memcpy(out, cut->frame, cut->header_len);
	memcpy(out + cut->header_len, cut->frame + cut->next, part);
	fix_ip(cut, out, out_len);
	fix_l4(cut, out, out_len, part == left);
	cut->next += part;
	cut->index++;
	return out_len;
}
