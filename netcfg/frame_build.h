/**
 * frame_build: a frame from its parts, from hexadecimal digits, or out of a capture file.
 *
 * Threads: any. Limits: FRAME_BUILD_MAX bytes; shorter ones are filled with zeros up to
 * FRAME_BUILD_MIN, what Ethernet sends at least (without check sequence), but for those that are
 * given byte by byte. Source: RFC 791, RFC 8200; RFC 768, RFC 9293 for the ports.
 */
#ifndef WEFT_NETCFG_FRAME_BUILD_H
#define WEFT_NETCFG_FRAME_BUILD_H

#include "err.h"
#include "ether.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_BUILD_MIN 60
#define FRAME_BUILD_MAX 9238

struct frame_parts {
	struct ether_addr48 dst, src;
	bool has_vlan;
	uint16_t tci;
	uint16_t type;    /* where there are no addresses of IP */
	const char *ip;   /* "SOURCE,DESTINATION", NULL = none */
	uint8_t protocol; /* of IP */
	uint32_t len;     /* of the whole frame, tag included; 0 = as short as it can be */
};

/** Each returns the length in bytes[FRAME_BUILD_MAX], or -errno with err set. */
int frame_build(const struct frame_parts *parts, uint8_t *bytes, struct err *err);
/** Digits may be in groups, with blanks or colons between. */
int frame_build_hex(const char *text, uint8_t *bytes, struct err *err);
/** "FILE:N": the Nth frame, from 1. */
int frame_build_pcap(const char *word, uint8_t *bytes, struct err *err);

#endif
