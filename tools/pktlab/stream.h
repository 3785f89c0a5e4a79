/**
 * stream: what one flow of generated frames looks like, and where it comes from and goes to.
 *
 * A description and nothing else; shape.h makes frames of it, engine.h sends them.
 * Every address, VLAN and port is a range: the stream's n-th frame takes value first + n mod count,
 * or a pseudo-random one of the range that depends on n alone, so that the receiver knows what
 * frame n must look like.
 *
 * Sizes are those of IEEE 802.3 and of RFC 2544: from destination address to FCS. The FCS's 4 bytes
 * are not in memory.
 * Threads: none of its own. Limits: below.
 */
#ifndef WEFT_TOOLS_PKTLAB_STREAM_H
#define WEFT_TOOLS_PKTLAB_STREAM_H

#include "rate.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAM_MAX_SIZES 64u
#define STREAM_MAX_TAGS  3u
#define STREAM_FCS       4u
#define STREAM_MIN_SIZE  64u
#define STREAM_MAX_COUNT (1u << 24) /* values of a range */

struct err;

struct range {
	uint64_t first;
	uint32_t count; /* values; at least 1 */
	bool random;
};

struct stream_tag {
	uint16_t tpid; /* ETHER_TYPE_VLAN, ETHER_TYPE_QINQ */
	uint8_t pcp;
	struct range vid;
};

struct stream_vxlan {
	bool on;
	uint32_t vni;
	uint32_t src, dst; /* outer IPv4 */
	uint64_t src_mac, dst_mac;
};

struct stream {
	uint16_t id;   /* 1..65535 */
	uint16_t from; /* number of a port */
	uint16_t n_to;
	uint16_t *to; /* to[n_to], numbers of ports, owned; the first is the main one */
	struct rate rate;
	double line_bps;
	uint32_t burst;  /* frames at once, at most */
	uint32_t window; /* frames under way, at most, where it should arrive; 0: no limit */
	uint64_t count;  /* frames in all; 0: no limit */
	uint32_t n_sizes;
	uint16_t sizes[STREAM_MAX_SIZES]; /* frame by frame, round and round */
	uint16_t size_from, size_to;      /* where n_sizes is 0: one after the other */
	struct range dst, src;            /* addresses as numbers, first byte most significant */
	uint32_t n_tags;
	struct stream_tag tags[STREAM_MAX_TAGS];
	bool ip, udp;
	uint8_t ttl, tos;
	struct range ip_src, ip_dst, udp_src, udp_dst;
	struct stream_vxlan vxlan;
};

static inline uint64_t range_at(const struct range *range, uint64_t n)
{
	if (range->count == 1)
		return range->first;
	if (range->random) {
		/* The finalizer of SplitMix64: every bit of n reaches every bit of the result. */
		n += 0x9e3779b97f4a7c15;
		n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
		n = (n ^ n >> 27) * 0x94d049bb133111eb;
		n ^= n >> 31;
	}
	return range->first + n % range->count;
}

/** The n-th frame's size, FCS included. */
static inline uint32_t stream_size(const struct stream *stream, uint64_t n)
{
	if (stream->n_sizes == 1)
		return stream->sizes[0];
	if (stream->n_sizes)
		return stream->sizes[n % stream->n_sizes];
	return stream->size_from + (uint32_t)(n % (stream->size_to - stream->size_from + 1u));
}

/** A frame of 64 bytes at 1,000 frames a second from 02:00:00:00:00:01 to ...:02; no ports. */
void stream_init(struct stream *stream);
void stream_done(struct stream *stream);
/** 4 sizes of a mix: 7 of 64, 4 of 570, 1 of 1518 bytes, spread evenly. */
void stream_set_imix(struct stream *stream);
double stream_pps(const struct stream *stream); /* 0: as many as go */
/** Does it hold together? frame_max: of the port that sends it. 0 or -EINVAL. */
int stream_check(const struct stream *stream, uint32_t frame_max, struct err *err);

#endif
