/**
 * frame_text: a frame as a line for people, much as tcpdump writes it.
 *
 * What is known: Ethernet, VLAN tags, ARP, IPv4, IPv6, TCP, UDP, ICMP, ICMPv6, LLDP, LACP, spanning
 * tree; of others the EtherType. Nothing is looked up, and nothing is taken on trust: a frame may
 * be cut anywhere.
 *
 * Threads: any; no state. Limits: FRAME_TEXT_SIZE.
 */
#ifndef WEFT_NETCFG_FRAME_TEXT_H
#define WEFT_NETCFG_FRAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_TEXT_SIZE 512

/** bytes[n_bytes] of a frame of len. with_macs: addresses of Ethernet, too. Returns buf. */
const char *frame_text(const uint8_t *bytes, uint32_t n_bytes, uint32_t len, bool with_macs,
	char buf[FRAME_TEXT_SIZE]);

#endif
