/**
 * frame: one frame on its way through the switch.
 *
 * The virtio header and the first FRAME_HEADER_SIZE bytes are copied out of the sender's memory
 * once, into `hdr` and `header`. Every decision is made on that copy, and the copy is what
 * receivers get; only the rest (`segs`) goes straight from the sender's memory into the receiver's.
 * A sender that rewrites its buffers meanwhile changes nothing that was looked at.
 *
 * On the way the frame has a canonical form without VLAN tag: 12 bytes of addresses, then the
 * header bytes from rest_off (12, or 16 when a tag was taken off), then the tail. A tag for the
 * receiver goes between. Threads: one worker; lives for one burst.
 */
#ifndef WEFT_VSWITCH_DATAPATH_FRAME_H
#define WEFT_VSWITCH_DATAPATH_FRAME_H

#include "steps.h"
#include "virtio_wire.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_HEADER_SIZE 128
/* 64 KiB of IP below Ethernet and one tag, as TSO makes them. */
#define FRAME_MAX_LEN  (65535 + 22)
#define FRAME_MAX_SEGS 1024

/** A segment of the sender's or receiver's memory. */
struct frame_seg {
	uint8_t *hva;
	uint32_t len;
};

struct frame {
	alignas(64) uint32_t len; /* canonical length, without virtio header and tag */
	uint32_t tail_len;        /* bytes in segs */
	uint16_t header_len;      /* bytes in header: min(frame, FRAME_HEADER_SIZE) */
	uint16_t rest_off;        /* where the header bytes go on after the addresses: 12 or 16 */
	uint16_t vid;             /* VLAN it is in; 0 = none */
	uint16_t tci;             /* priority bits and vid, for a tagged receiver */
	const struct frame_seg *segs;
	struct frame_seg seg; /* for segs to refer to, of a frame in one segment */
	uint16_t n_segs;
	uint16_t skip;   /* bytes of segs[0] that header has already */
	uint16_t id;     /* descriptor to return */
	uint16_t n_desc; /* slots that it took (packed ring) */
	uint32_t unused;
	/* As in the sender's buffer, in one stretch. */
	struct virtio_net_hdr_v1 hdr; /* csum_start counts from the canonical form */
	uint8_t header[FRAME_HEADER_SIZE];
};
_Static_assert(offsetof(struct frame, header) == 64 &&
		       offsetof(struct frame, hdr) == 64 - sizeof(struct virtio_net_hdr_v1),
	"the virtio header and the header bytes are one stretch, the latter on lines of their own");

/** It asks for no offload: its receivers get an empty header. */
static inline bool frame_needs_no_offload(const struct frame *frame)
{
	return !(frame->hdr.flags | frame->hdr.gso_type);
}

/** Copy the first n bytes of the tail, or all that there are, to dst, which has room for them. */
static inline void frame_copy_tail_part(const struct frame *frame, uint8_t *dst, uint32_t n)
{
	uint32_t left = n < frame->tail_len ? n : frame->tail_len, skip = frame->skip;

	for (const struct frame_seg *seg = frame->segs; left; seg++, skip = 0) {
		uint32_t part = seg->len - skip < left ? seg->len - skip : left;
		STEP(bytes, part);
		memcpy(dst, seg->hva + skip, part);
		dst += part;
		left -= part;
	}
}

/** Copy the tail to dst, which has room for it. */
static inline void frame_copy_tail(const struct frame *frame, uint8_t *dst)
{
	frame_copy_tail_part(frame, dst, frame->tail_len);
}

/** The canonical frame in one piece. Its bytes no longer change. */
static inline void frame_linearize(const struct frame *frame, uint8_t *dst)
{
	memcpy(dst, frame->header, 12);
	memcpy(dst + 12, frame->header + frame->rest_off, frame->header_len - frame->rest_off);
	frame_copy_tail(frame, dst + 12 + frame->header_len - frame->rest_off);
}

#define FRAME_BURST 64

/** Frames that came together, and what there is to know about all of them. */
struct burst {
	struct frame *frames; /* frames[FRAME_BURST] */
	uint64_t bytes;
	uint32_t min_len, max_len;
	uint32_t bits;   /* every frame's first address byte, and (hdr.flags | hdr.gso_type) << 8 */
	uint64_t tagged; /* of frames that were held on the way to a port: leave with a tag */
};

/** None of the frames asks for an offload or has a group address. */
static inline bool burst_is_fast(const struct burst *burst)
{
	return !(burst->bits & ~UINT32_C(0xfe));
}

static inline void burst_begin(struct burst *burst, struct frame *frames)
{
	*burst = (struct burst){.frames = frames, .min_len = UINT32_MAX};
}

static inline void burst_add(struct burst *burst, const struct frame *frame)
{
	burst->bytes += frame->len;
	burst->min_len = frame->len < burst->min_len ? frame->len : burst->min_len;
	burst->max_len = frame->len > burst->max_len ? frame->len : burst->max_len;
	burst->bits |= frame->header[0] | (frame->hdr.flags | (uint32_t)frame->hdr.gso_type) << 8;
}

#endif
