#include "shape.h"

#include "ether.h"
#include "port.h"

#include <stdlib.h>

#define ETHER_TYPE_IPV4  0x0800
#define ETHER_TYPE_LOCAL 0x88b5 /* IEEE 802, local experimental EtherType 1 */
#define VXLAN_PORT       4789
#define IP_PROTO_UDP     17
#define IP_PROTO_NONE    253 /* RFC 3692: for experimentation */
#define MAX_FIELDS       10

struct field { /* what differs from frame to frame, besides lengths */
	uint16_t at;
	uint8_t bytes;  /* 2, 4 or 6 */
	uint16_t fixed; /* bits that stay in a field of 2 bytes: PCP of a tag */
	struct range range;
};

struct shape {
	struct stream stream; /* `to` is not used */
	uint32_t serial;
	uint16_t header_len;
	uint16_t ip_at, outer_ip_at; /* 0: none */
	uint8_t n_fields;
	bool ip_varies; /* addresses are ranges: every frame has a checksum of its own */
	struct field fields[MAX_FIELDS];
	uint64_t scratch_tag;
	uint8_t scratch[PORT_FRAME_MAX];
	uint8_t bytes[PORT_FRAME_MAX]; /* the template */
};

static void put16(uint8_t *at, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(at, &v, sizeof(v));
}

static void put32(uint8_t *at, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(at, &v, sizeof(v));
}

static void put48(uint8_t *at, uint64_t v)
{
	put16(at, (uint16_t)(v >> 32));
	put32(at + 2, (uint32_t)v);
}

/* RFC 1071, over the header of 20 bytes. */
static void ip_checksum(uint8_t *ip)
{
	uint32_t sum = 0;
	uint16_t word;

	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2) {
		memcpy(&word, ip + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	word = (uint16_t)~sum;
	memcpy(ip + 10, &word, sizeof(word));
}

static void add_field(struct shape *shape, uint16_t at, uint8_t bytes, uint16_t fixed,
	const struct range *range)
{
	if (range->count > 1)
		shape->fields[shape->n_fields++] = (struct field){at, bytes, fixed, *range};
}

static uint16_t write_ip(uint8_t *ip, uint8_t ttl, uint8_t tos, uint8_t proto, uint32_t src,
	uint32_t dst)
{
	ip[0] = 0x45;
	ip[1] = tos;
	ip[8] = ttl;
	ip[9] = proto;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	return 20;
}

static uint16_t write_vxlan(struct shape *shape)
{
	const struct stream_vxlan *vxlan = &shape->stream.vxlan;
	uint8_t *p = shape->bytes;

	put48(p, vxlan->dst_mac);
	put48(p + 6, vxlan->src_mac);
	put16(p + 12, ETHER_TYPE_IPV4);
	shape->outer_ip_at = 14;
	(void)write_ip(p + 14, 64, 0, IP_PROTO_UDP, vxlan->src, vxlan->dst);
	put16(p + 34, 49152); /* entropy of the inner flow: one flow */
	put16(p + 36, VXLAN_PORT);
	p[42] = 0x08; /* the VNI is valid */
	put32(p + 46, vxlan->vni << 8);
	return 50;
}

static void write_headers(struct shape *shape)
{
	const struct stream *stream = &shape->stream;
	uint16_t at = stream->vxlan.on ? write_vxlan(shape) : 0;
	uint8_t *p = shape->bytes;

	put48(p + at, stream->dst.first);
	add_field(shape, at, 6, 0, &stream->dst);
	put48(p + at + 6, stream->src.first);
	add_field(shape, at + 6, 6, 0, &stream->src);
	at += 12;
	for (unsigned i = 0; i < stream->n_tags; i++, at += 4) {
		const struct stream_tag *tag = &stream->tags[i];
		uint16_t pcp = (uint16_t)(tag->pcp << 13);

		put16(p + at, tag->tpid);
		put16(p + at + 2, (uint16_t)(pcp | tag->vid.first));
		add_field(shape, at + 2, 2, pcp, &tag->vid);
	}
	put16(p + at, stream->ip ? ETHER_TYPE_IPV4 : ETHER_TYPE_LOCAL);
	at += 2;
	if (stream->ip) {
		shape->ip_at = at;
		shape->ip_varies = stream->ip_src.count > 1 || stream->ip_dst.count > 1;
		add_field(shape, at + 12, 4, 0, &stream->ip_src);
		add_field(shape, at + 16, 4, 0, &stream->ip_dst);
		at += write_ip(p + at, stream->ttl, stream->tos,
			stream->udp ? IP_PROTO_UDP : IP_PROTO_NONE, (uint32_t)stream->ip_src.first,
			(uint32_t)stream->ip_dst.first);
		if (stream->udp) {
			put16(p + at, (uint16_t)stream->udp_src.first);
			put16(p + at + 2, (uint16_t)stream->udp_dst.first);
			add_field(shape, at, 2, 0, &stream->udp_src);
			add_field(shape, at + 2, 2, 0, &stream->udp_dst);
			at += 8;
		}
	}
	shape->header_len = at;
}

struct shape *shape_create(const struct stream *stream, uint32_t serial)
{
	struct shape *shape = calloc(1, sizeof(*shape));

	if (!shape)
		return NULL;
	shape->stream = *stream;
	shape->stream.to = NULL;
	shape->serial = serial;
	write_headers(shape);
	for (unsigned i = shape->header_len; i < sizeof(shape->bytes); i++)
		shape->bytes[i] = (uint8_t)(i * 7 + stream->id * 31);
	return shape;
}

void shape_destroy(struct shape *shape)
{
	free(shape);
}

/* Lengths of an IPv4 and a UDP header, in a frame whose data ends at len. */
static void write_lengths(uint8_t *data, uint32_t ip_at, bool udp, uint32_t len)
{
	put16(data + ip_at + 2, (uint16_t)(len - ip_at));
	if (udp)
		put16(data + ip_at + 24, (uint16_t)(len - ip_at - 20));
	ip_checksum(data + ip_at);
}

static void write_whole(const struct shape *shape, uint8_t *data, uint32_t len)
{
	memcpy(data, shape->bytes, len);
	if (shape->outer_ip_at)
		write_lengths(data, shape->outer_ip_at, true, len);
	if (shape->ip_at)
		write_lengths(data, shape->ip_at, shape->stream.udp, len);
}

static void write_fields(const struct shape *shape, uint8_t *data, uint64_t n)
{
	for (unsigned i = 0; i < shape->n_fields; i++) {
		const struct field *field = &shape->fields[i];
		uint64_t value = range_at(&field->range, n);

		if (field->bytes == 6)
			put48(data + field->at, value);
		else if (field->bytes == 4)
			put32(data + field->at, (uint32_t)value);
		else
			put16(data + field->at, (uint16_t)(field->fixed | value));
	}
	if (shape->ip_varies)
		ip_checksum(data + shape->ip_at);
}

uint32_t shape_render(struct shape *shape, uint8_t *data, uint64_t *tag, uint64_t n,
	uint32_t number, uint64_t ns)
{
	uint32_t len = stream_size(&shape->stream, n) - STREAM_FCS;
	uint64_t want = (uint64_t)shape->serial << 32 | len;

	if (*tag != want) {
		write_whole(shape, data, len);
		*tag = want;
	}
	if (shape->n_fields)
		write_fields(shape, data, n);
	signature_write(data + len, shape->stream.id, number, ns);
	return len;
}

enum shape_fault shape_check(struct shape *shape, const uint8_t *data, uint32_t len, uint64_t n)
{
	uint32_t want = shape_render(shape, shape->scratch, &shape->scratch_tag, n, 0, 0);
	const uint8_t *good = shape->scratch;
	/* Counted from the end: what stands behind the tags. */
	uint32_t behind = want - (ETHER_HDR_LEN + 4 * shape->stream.n_tags) - SHAPE_SIGNATURE;

	if (len == want) {
		if (!memcmp(data, good, len - SHAPE_SIGNATURE))
			return SHAPE_GOOD;
		return memcmp(data, good, shape->header_len) ? SHAPE_HEADER : SHAPE_PAYLOAD;
	}
	if (len + 4 != want && len != want + 4)
		return SHAPE_LENGTH;
	if (memcmp(data, good, 12))
		return SHAPE_HEADER;
	return memcmp(data + len - SHAPE_SIGNATURE - behind, good + want - SHAPE_SIGNATURE - behind,
		       behind)
		       ? SHAPE_PAYLOAD
		       : SHAPE_GOOD;
}
