/**
 * wire_vid: the VLAN of a frame at a port, before it is known where it goes and afterwards.
 *
 * On the way in a stage (datapath/stage.h) sees a frame before its tag is looked at: what has none
 * is in the VLAN of the port.
 *
 * Threads: any; no state.
 */
#ifndef WEFT_VSWITCH_FEATURE_FILTER_WIRE_VID_H
#define WEFT_VSWITCH_FEATURE_FILTER_WIRE_VID_H

#include "ether.h"
#include "snapshot.h"
#include "stage.h"
#include "tag.h"

/** Of frame i of the burst; 0: it is in none. */
static inline uint16_t wire_vid(const struct stage_ctx *ctx, unsigned i)
{
	const struct frame *frame = &ctx->frames[i];
	uint16_t vid = 0;

	/* On a bridge, frames that leave have lost their tag and are in a VLAN. */
	if (ctx->is_egress && !(ctx->port->flags & DP_PORT_LINK))
		return frame->vid;
	if (ctx->tagged >> i & 1) /* of a patch port, beside the bytes */
		vid = frame->tci & 0xfff;
	else if (frame->rest_off == 12 && frame_ether_type(frame) == ETHER_TYPE_VLAN &&
		 frame->len >= ETHER_HDR_LEN + TAG_LEN)
		vid = (uint16_t)(frame->header[14] << 8 | frame->header[15]) & 0xfff;
	return vid ? vid : ctx->port->pvid;
}

#endif
