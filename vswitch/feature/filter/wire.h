/**
 * wire: a frame as it is on a port's wire, for filters and for whoever copies it there.
 *
 * A frame on its way through the switch has lost its tag, or will get one (frame.h); a filter looks
 * at what the port's peer sent or gets. The first bytes are brought together with the tag; the rest
 * stays where it is, until a filter looks that far.
 *
 * Threads: any; no state. Life cycle: wire_begin(); what it refers to is the frame and the bounce.
 */
#ifndef WEFT_VSWITCH_FEATURE_FILTER_WIRE_H
#define WEFT_VSWITCH_FEATURE_FILTER_WIRE_H

#include "model.h"

#include "ether.h"
#include "frame.h"
#include "tag.h"

#include <string.h>

struct wire {
	const uint8_t *head; /* head[head_len] */
	uint32_t head_len;
	/* tail[len - head_len], in one piece; NULL: it is in the frame's segments */
	const uint8_t *tail;
	const struct frame *frame;
	uint8_t *bounce; /* bounce[FRAME_MAX_LEN] */
	uint32_t len;
	uint8_t bytes[TAG_MAX_HEADER]; /* for head to refer to */
};

/** Header bytes at src, which go on at rest, with a tag between or not. */
static inline void wire_put_head(struct wire *wire, const uint8_t *src, uint32_t src_len,
	uint32_t rest, bool is_tagged)
{
	wire->head = wire->bytes;
	wire->head_len =
		tag_put_header(wire->bytes, src, src_len, rest, is_tagged, wire->frame->tci);
}

static inline void wire_begin(struct wire *wire, uint8_t *bounce, const struct frame *frame,
	bool is_tagged)
{
	wire->bounce = bounce;
	wire->frame = frame;
	wire->tail = NULL;
	wire->head = frame->header;
	wire->head_len = frame->header_len;
	if (is_tagged || frame->rest_off != 12)
		wire_put_head(wire, frame->header, frame->header_len, frame->rest_off, is_tagged);
	wire->len = wire->head_len + frame->tail_len;
}

/* The rest of a frame, for a filter that looks so far. */
static inline const uint8_t *wire_gather(void *ctx)
{
	const struct wire *wire = ctx;

	frame_copy_tail(wire->frame, wire->bounce);
	return wire->bounce;
}

static inline bool wire_passes(const struct filter *filter, struct wire *wire)
{
	struct filter_frame frame = {.head = wire->head,
		.head_len = wire->head_len,
		.len = wire->len,
		.gather = wire_gather,
		.ctx = wire};

	return filter_passes(filter, &frame);
}

#endif
