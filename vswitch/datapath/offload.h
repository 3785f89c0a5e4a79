/**
 * offload: checksums and segmentation that a receiver did not negotiate, finished in software.
 *
 * Pure functions on a whole frame in ordinary memory; nothing here is trusted: header lengths come
 * from the bytes and are checked against the frame.
 * Source: VIRTIO 1.2, 5.1.6.2 "Packet Transmission"; RFC 1071, 9293 (TCP), 768 (UDP), 791, 8200.
 */
#ifndef WEFT_VSWITCH_DATAPATH_OFFLOAD_H
#define WEFT_VSWITCH_DATAPATH_OFFLOAD_H

#include "frame.h"

#include <stdbool.h>
#include <stdint.h>

/** Can a receiver with these features take this frame as it is? */
bool offload_is_native(const struct virtio_net_hdr_v1 *hdr, uint64_t features);

/**
 * Is the header that a guest sent possible for a frame of len bytes, and with the features that it
 * negotiated? Clears what senders may not say.
 */
bool offload_sanitize(struct virtio_net_hdr_v1 *hdr, uint32_t len, uint64_t features);

/* What a large frame may be cut into. A TCP segment carries 8 bytes at least: Linux' least MSS, 48
 * (tcp_min_snd_mss), less all options, 40. A UDP frame is at most 128 datagrams (UDP_MAX_SEGMENTS),
 * which may be as short as their sender likes. Headers, copied into every segment, hold Ethernet,
 * two tags, IPv6, 134 bytes of extension headers and TCP with all options. */
#define OFFLOAD_MIN_SEGMENT   8
#define OFFLOAD_MAX_DATAGRAMS 128
#define OFFLOAD_MAX_HEADERS   256

/** Is a frame of len bytes, whose header was sanitized, within these? Headers are not looked at. */
bool offload_is_bounded(const struct virtio_net_hdr_v1 *hdr, uint32_t len);

/** Segments that a frame is cut into, at most; less than twice as many as it is. Any header. */
static inline uint32_t offload_max_segments(const struct virtio_net_hdr_v1 *hdr, uint32_t len)
{
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return 1;
	return (len >> (31 - __builtin_clz(hdr->gso_size | 1u))) + 1;
}

/** Finish the checksum that hdr asks for (NEEDS_CSUM), in frame[len]; hdr was sanitized. */
void offload_checksum(uint8_t *frame, uint32_t len, const struct virtio_net_hdr_v1 *hdr);

#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_IPV6 0x86dd

/** Offset of what follows up to two VLAN tags and the EtherType, and that type; 0 = frame[len] ends
 *  before. */
uint32_t offload_find_l3(const uint8_t *frame, uint32_t len, uint16_t *ret_type);

/** A large frame being cut into segments of gso_size bytes. */
struct offload_cut {
	const uint8_t *frame;
	uint32_t len, header_len, l3, l4, gso_size;
	uint32_t next; /* offset of the first byte not sent yet */
	uint16_t index;
	bool ipv6, tcp;
};

/** Begin. False when the frame is not what hdr says, or has more than OFFLOAD_MAX_HEADERS. */
bool offload_cut_begin(struct offload_cut *cut, const uint8_t *frame, uint32_t len,
	const struct virtio_net_hdr_v1 *hdr);
/** The next segment, complete with checksums, into out (header_len + gso_size bytes); 0 = no more.
 */
uint32_t offload_cut_next(struct offload_cut *cut, uint8_t *out);

#endif
