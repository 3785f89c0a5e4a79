/**
 * sflow_datagram: the bytes of a datagram of sFlow version 5.
 *
 * Data model. A datagram begins with who sends it, and has samples behind it until one no longer
 * fits: flow samples with the header bytes of a frame, counter samples with the counters of an
 * interface. Everything is XDR (RFC 4506): numbers of 32 bits in network order, bytes padded to
 * four.
 *
 * Pure; any thread. Limits: SFLOW_DATAGRAM_MAX bytes, which fits an Ethernet frame; a sample is
 * always smaller than an empty datagram's room.
 * Source: sFlow version 5 (sflow.org, July 2004), section 5 "sFlow Datagram Format".
 */
#ifndef WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_DATAGRAM_H
#define WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define SFLOW_DATAGRAM_MAX 1400
#define SFLOW_MAX_HEADER   256

struct sflow_datagram {
	uint8_t bytes[SFLOW_DATAGRAM_MAX];
	uint32_t len;       /* 0: not begun */
	uint32_t n_samples; /* in it */
	uint32_t n_samples_at;
};

struct sflow_agent {
	uint8_t address[16]; /* address[is_ipv6 ? 16 : 4] */
	bool is_ipv6;
};

struct sflow_flow {
	uint32_t sequence, interface, rate, pool, drops;
	uint32_t frame_len;    /* without check sequence */
	const uint8_t *header; /* header[header_len]; at most SFLOW_MAX_HEADER */
	uint32_t header_len;
};

/** ifEntry of RFC 2863, as far as a switch's port has it. */
struct sflow_counters {
	uint32_t sequence, interface;
	bool admin_up, oper_up;
	uint64_t in_octets, out_octets;
	uint32_t in_unicast, in_multicast, in_broadcast, in_discards, in_errors;
	uint32_t out_unicast, out_multicast, out_broadcast, out_discards, out_errors;
};

void sflow_datagram_begin(struct sflow_datagram *datagram, const struct sflow_agent *agent,
	uint32_t sequence, uint32_t uptime_ms);
/** False: it does not fit, and the datagram is as it was. */
bool sflow_datagram_add_flow(struct sflow_datagram *datagram, const struct sflow_flow *flow);
bool sflow_datagram_add_counters(struct sflow_datagram *datagram,
	const struct sflow_counters *counters);

#endif
