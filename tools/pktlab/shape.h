/**
 * shape: makes the frames of a stream, and says whether one arrived as it was made.
 *
 * A template is written once. To render frame n into a slot, what differs from frame to frame is
 * written: addresses, VLANs and ports that are ranges, lengths and checksums where sizes differ,
 * the signature. A slot that holds a frame of this shape and size already needs no more than that.
 * The receiver renders frame n again beside it and compares.
 *
 * Signature, the last 14 bytes of a frame (so that it fits a 64-byte tagged UDP frame and needs no
 * particular protocol): magic 0x5746, stream, number (4 bytes), nanoseconds (6 bytes), all big
 * endian. A frame of stream 0 teaches a switch an address and is not counted.
 * Between headers and signature is a pattern that depends on the stream and the position.
 * UDP checksums are 0, "not computed" (RFC 768); IPv4 header checksums are right.
 *
 * Threads: one. Life cycle: shape_create, shape_destroy.
 * Sources: RFC 791, 768, 7348 (VXLAN); IEEE 802.1Q-2018, 9.6.
 */
#ifndef WEFT_TOOLS_PKTLAB_SHAPE_H
#define WEFT_TOOLS_PKTLAB_SHAPE_H

#include "stream.h"

#include <string.h>

#define SHAPE_SIGNATURE 14u
#define SHAPE_MAGIC     0x5746u
#define SHAPE_LEARNING  0u /* stream of frames that teach addresses */

struct shape;

struct signature {
	uint16_t stream;
	uint32_t number;
	uint64_t ns; /* 48 bits */
};

/** serial: tells this shape from others in the tags of slots; not 0. stream is copied. NULL: no
 * memory. */
struct shape *shape_create(const struct stream *stream, uint32_t serial);
void shape_destroy(struct shape *shape);

/**
 * Write frame n into data, whose tag says what is there.
 *
 * number, ns  go into the signature
 * returns     bytes written: the size of frame n without FCS
 */
uint32_t shape_render(struct shape *shape, uint8_t *data, uint64_t *tag, uint64_t n,
	uint32_t number, uint64_t ns);

enum shape_fault { SHAPE_GOOD, SHAPE_LENGTH, SHAPE_HEADER, SHAPE_PAYLOAD };

/** Is data[len] frame n as it was rendered? A tag more or less is no fault: a switch may do that.
 */
enum shape_fault shape_check(struct shape *shape, const uint8_t *data, uint32_t len, uint64_t n);

/** Read a frame's signature; false if it has none. */
static inline bool signature_read(const uint8_t *data, uint32_t len, struct signature *sig)
{
	uint16_t words[7];

	if (len < SHAPE_SIGNATURE)
		return false;
	memcpy(words, data + len - SHAPE_SIGNATURE, sizeof(words));
	if (words[0] != __builtin_bswap16(SHAPE_MAGIC))
		return false;
	sig->stream = __builtin_bswap16(words[1]);
	sig->number = (uint32_t)__builtin_bswap16(words[2]) << 16 | __builtin_bswap16(words[3]);
	sig->ns = (uint64_t)__builtin_bswap16(words[4]) << 32 |
		  (uint64_t)__builtin_bswap16(words[5]) << 16 | __builtin_bswap16(words[6]);
	return true;
}

static inline void signature_write(uint8_t *end, uint16_t stream, uint32_t number, uint64_t ns)
{
	uint64_t high = (uint64_t)SHAPE_MAGIC << 48 | (uint64_t)stream << 32 | number;
	uint32_t ns_high = __builtin_bswap32((uint32_t)(ns >> 16));
	uint16_t ns_low = __builtin_bswap16((uint16_t)ns);

	high = __builtin_bswap64(high);
	memcpy(end - SHAPE_SIGNATURE, &high, sizeof(high));
	memcpy(end - 6, &ns_high, sizeof(ns_high));
	memcpy(end - 2, &ns_low, sizeof(ns_low));
}

#endif
