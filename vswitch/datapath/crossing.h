/**
 * crossing: frames on their way from a bridge to another one, through a link of two patch ports.
 *
 * A patch port has no peer and no queues: what is sent to it comes in at the other end of its link,
 * within the same burst and by the same worker. Delivering to it (deliver.h) puts the frames down
 * here; when the burst has gone where it belongs, fwd takes them up again, one crossing after the
 * other, as bursts of the port at the other end. Those may cross again.
 *
 * Data model. A frame is kept as it was when it crossed, for other bridges that it goes to may
 * change its length, VLAN and header bytes; the memory that its tail lies in is that of the burst.
 * Frames are canonical (frame.h); a tag that they left with is beside them (`tagged`, and tci), not
 * in their bytes.
 *
 * Threads: a worker's own. Life cycle: zeroed; filled and emptied within a burst. Limits: bridges
 * may be linked in a circle, and a flood would go round for ever: so a frame crosses CROSSING_HOPS
 * times at most, and all frames of a burst together in CROSSING_MAX crossings. What would exceed
 * that is dropped (DROP_TX_HOPS). A circle through a link with a delay ends here as well: frames
 * that were held count from the start, and what is held has a limit.
 */
#ifndef WEFT_VSWITCH_DATAPATH_CROSSING_H
#define WEFT_VSWITCH_DATAPATH_CROSSING_H

#include "frame.h"

#define CROSSING_HOPS 8
#define CROSSING_MAX  64

struct crossing {
	uint64_t frames;                  /* of the burst */
	uint64_t tagged;                  /* of frames: with a tag, by their tci */
	uint16_t port_id;                 /* where they come in */
	uint16_t hops;                    /* with this one */
	struct frame copies[FRAME_BURST]; /* copies[i] of the frames[i] of the burst */
};

struct crossings {
	unsigned n;
	uint16_t hops; /* of the frames that are being forwarded */
	struct crossing list[CROSSING_MAX];
};

/** The crossing that frames can be put down in to come in at a port; NULL: no more can. */
static inline struct crossing *crossings_to(struct crossings *crossings, uint16_t port_id)
{
	struct crossing *next = &crossings->list[crossings->n];

	if (crossings->hops == CROSSING_HOPS || crossings->n == CROSSING_MAX)
		return NULL;
	crossings->n++;
	next->frames = next->tagged = 0;
	next->port_id = port_id;
	next->hops = (uint16_t)(crossings->hops + 1);
	return next;
}

static inline void crossing_add(struct crossing *crossing, unsigned i, const struct frame *frame,
	bool is_tagged)
{
	crossing->frames |= UINT64_C(1) << i;
	crossing->tagged |= (uint64_t)is_tagged << i;
	crossing->copies[i] = *frame;
}

#endif
