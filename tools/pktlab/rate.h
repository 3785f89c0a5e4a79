/**
 * rate: how fast, as people write it.
 *
 *   1000, 100kpps, 1.488Mpps   frames a second
 *   500Mbps, 1Gbps, 1GbpsL2    bits of frames a second, FCS included
 *   1GbpsL1                    bits of the wire: 20 bytes a frame more (preamble, start, gap)
 *   10%                        of a line of LINE bits a second at layer 1
 *   max                        as many as the other end takes
 *
 * Frames a second of a rate in bits depend on the mean size of the frames.
 * Pure functions; any thread. Source of the 20 bytes: IEEE 802.3, 7 + 1 + 12.
 */
#ifndef WEFT_TOOLS_PKTLAB_RATE_H
#define WEFT_TOOLS_PKTLAB_RATE_H

#include <stdbool.h>

#define RATE_WIRE_BYTES 20
#define RATE_MAX_PPS    1e9

enum rate_unit { RATE_PPS, RATE_L2, RATE_L1, RATE_PERCENT, RATE_MAX };

struct rate {
	enum rate_unit unit;
	double value; /* frames or bits a second, percent; 0 with RATE_MAX */
};

/** 0 or -EINVAL. Positive and finite. */
int rate_parse(const char *text, struct rate *ret_rate);
/** A line's speed, "10G", "2.5Gbps", "100M": bits a second. 0 or -EINVAL. */
int rate_parse_line(const char *text, double *ret_bps);
/** Frames a second; mean_size of a frame in bytes with FCS. 0 for RATE_MAX. */
double rate_to_pps(const struct rate *rate, double mean_size, double line_bps);

#endif
