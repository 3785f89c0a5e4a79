/**
 * packet: what the modes do to one frame in memory. No FCS, no virtio header.
 *
 * Pure; also compiled for the host, where it is tested. No function reads or writes beyond len.
 * Sources: RFC 826 (ARP), 791 (IPv4), 792 (ICMP), 1624 (checksum update).
 */
#ifndef WEFT_TOOLS_NFGUEST_PACKET_H
#define WEFT_TOOLS_NFGUEST_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#define PACKET_SIGNATURE 14u

/** Write a frame of len bytes: addresses, maybe an 802.1Q tag, the local experimental type. */
void packet_make(uint8_t *frame, uint32_t len, const uint8_t *dst, const uint8_t *src,
	uint16_t vlan);
/** As pktlab(1) reads it: the last 14 bytes. */
void packet_sign(uint8_t *frame, uint32_t len, uint16_t stream, uint32_t number, uint64_t ns);
void packet_swap(uint8_t *frame);
/** Turn an ARP request or ICMP echo request for ip (at mac) into its answer; false: it is none. */
bool packet_answer(uint8_t *frame, uint32_t len, uint32_t ip, const uint8_t *mac);

enum packet_fate { PACKET_GO, PACKET_NOT_IP, PACKET_TTL };
/** Route an IPv4 packet: TTL down, checksum adjusted, addresses written. */
enum packet_fate packet_route(uint8_t *frame, uint32_t len, const uint8_t *src,
	const uint8_t *next_hop);

#endif
