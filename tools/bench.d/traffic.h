/**
 * traffic: the frames that benchmarks send, and whether one arrived as it was sent.
 *
 * A frame of port p in slot s of its ring is written once and says where it is from: addresses,
 * maybe an 802.1Q tag, the local experimental EtherType (or IPv4 and TCP headers), port, slot, a
 * number, a time stamp, then a pattern of port and slot. Address i of port p is 02:00:pp:ii:ii:ii.
 * With more than one address the generator rewrites them (traffic_address(), 12 bytes) before it
 * publishes a slot again.
 *
 * Sizes are those of the frame in memory: no virtio header, no FCS.
 * Threads: any; pure functions on the caller's memory.
 */
#ifndef WEFT_TOOLS_BENCH_D_TRAFFIC_H
#define WEFT_TOOLS_BENCH_D_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TRAFFIC_TYPE      0x88b5 /* IEEE 802, local experimental EtherType 1 */
#define TRAFFIC_MAX_PORTS 256
#define TRAFFIC_MAX_ADDRS (1u << 24)
#define TRAFFIC_MIN_SIZE  60
#define TRAFFIC_VID       10
#define TRAFFIC_MSS       1448
#define TRAFFIC_MAX_SIZE  65549 /* the largest IPv4 packet and its Ethernet header */

enum traffic_pattern {
	TRAFFIC_PAIRS, /* 0 to 1, 2 to 3, ...; and back where both ways are wanted */
	TRAFFIC_MESH,  /* every port to every other, frame by frame */
	TRAFFIC_FLOOD, /* to the broadcast address */
};

struct traffic {
	enum traffic_pattern pattern;
	unsigned n_ports;
	uint32_t size;        /* bytes */
	uint32_t n_addresses; /* of each port */
	bool tagged;
	bool rewritten; /* the switch writes addresses of its own: do not check them */
	bool tcp;       /* IPv4 and TCP headers, for segmentation offload; not with tagged */
};

/** What a frame says about itself, after its headers. */
struct traffic_mark {
	uint8_t port;
	uint8_t reserved;
	uint16_t slot;
	uint32_t number;
	uint64_t tsc;
} __attribute__((packed));

static inline unsigned traffic_mark_at(const struct traffic *traffic)
{
	return traffic->tcp ? 14 + 20 + 20 : traffic->tagged ? 18 : 14;
}

/** Address i of a port as a number, first byte on the wire most significant. */
static inline uint64_t traffic_mac48(unsigned port, uint32_t i)
{
	return UINT64_C(0x020000000000) | (uint64_t)port << 24 | i;
}

/** The port that slot s of a port is sent to; meaningless for a flood. */
static inline unsigned traffic_dst_port(const struct traffic *traffic, unsigned port, unsigned slot)
{
	if (traffic->pattern == TRAFFIC_MESH) {
		unsigned other = slot % (traffic->n_ports - 1);
		return other + (other >= port);
	}
	return port ^ 1;
}

/** Write addresses i of ports from and to into a frame. */
static inline void traffic_address(uint8_t *frame, unsigned from, unsigned to, uint32_t i)
{
	uint64_t first = UINT64_C(0x0002000000000002) | (uint64_t)__builtin_bswap32(to << 24 | i)
								<< 16;
	uint32_t last = __builtin_bswap32(from << 24 | i);

	memcpy(frame, &first, sizeof(first));
	memcpy(frame + sizeof(first), &last, sizeof(last));
}

static inline void traffic_set_number(const struct traffic *traffic, uint8_t *frame,
	uint32_t number, uint64_t tsc)
{
	struct traffic_mark *mark = (struct traffic_mark *)(frame + traffic_mark_at(traffic));

	mark->number = number;
	mark->tsc = tsc;
}

/** Copy out what a frame says about itself. */
static inline struct traffic_mark traffic_mark(const struct traffic *traffic, const uint8_t *frame)
{
	struct traffic_mark mark;

	memcpy(&mark, frame + traffic_mark_at(traffic), sizeof(mark));
	return mark;
}

struct virtio_net_hdr_v1;

/** Write the frame of port and slot, traffic->size bytes. */
void traffic_fill(const struct traffic *traffic, unsigned port, unsigned slot, uint8_t *frame);

/** Write the virtio header of such a frame: with tcp, one that is to be cut into segments. */
void traffic_fill_hdr(const struct traffic *traffic, struct virtio_net_hdr_v1 *hdr);

/**
 * Did this frame[len] arrive at a port as traffic_fill() made it, but for numbers and addresses,
 * which have to be some that were sent there?
 * returns  NULL, or what is wrong with it (static)
 */
const char *traffic_check(const struct traffic *traffic, unsigned port, const uint8_t *frame,
	uint32_t len);

#endif
