/**
 * capture_stage: captures as stages of a port (datapath/stage.h): first on the way in, where frames
 * are as the port's peer sent them, and last on the way out, where it is known with which tag they
 * leave.
 *
 * A frame that passes the filter is copied to the capture's ring (lib/capture_ring.h), as it is on
 * that port's wire, up to the capture's length. The frame is not changed, nobody waits for the
 * reader, and nothing is decided by memory that the reader may write, but whether there is room.
 * A checksum that its sender left to others is finished in the copy; a large frame that is still to
 * be cut is one frame.
 *
 * A capture is a queue (queue.h), so that what was written becomes visible to the reader, and the
 * reader is woken up, together with all else that a worker flushes.
 *
 * Threads: any worker; a capture is behind its lock where there are several. Life cycle: capture.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_CAPTURE_CAPTURE_STAGE_H
#define WEFT_VSWITCH_FEATURE_CAPTURE_CAPTURE_STAGE_H

#include "capture_ring.h"
#include "filter/wire.h"

#include "queue.h"
#include "snapshot.h"
#include "stage.h"
#include "tag.h"

/** Captures at a time. */
#define CAPTURE_MAX 16
/* Of a port, in a capture's points: its number and which of its frames are captured; with neither
 * it is not captured at all. */
#define CAPTURE_POINT     0x3fff
#define CAPTURE_TAKES_IN  0x4000
#define CAPTURE_TAKES_OUT 0x8000

struct capture {
	struct queue queue; /* to flush; its tx_lock is that of what workers write */
	/* Fixed. */
	struct capture_ring *ring;
	uint8_t *bytes; /* bytes[size] */
	uint64_t size;  /* a power of two */
	int event_fd;
	const struct filter *filter; /* NULL: every frame passes */
	uint32_t snaplen;
	bool is_raw;
	bool takes_drops; /* those frames, and no others */
	/* Of control, by port. */
	_Atomic uint16_t points[DP_MAX_PORTS];
	/* Of workers. */
	alignas(64) uint64_t tail;
	uint64_t seen_head;
	uint32_t seen_sleeps;
	struct {
		uint64_t received, lost;
	} counts[CAPTURE_MAX_POINTS];
	/* A frame in one piece, where that is needed. */
	alignas(64) uint8_t bounce[FRAME_MAX_LEN + 64];
};

/** Those that there are; of a snapshot. */
struct capture_set {
	struct capture *captures[CAPTURE_MAX];
	unsigned n;
};

extern const struct queue_ops capture_ops;

/** conf: a struct capture_set. */
uint64_t capture_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);
/** For struct drop_watch. A frame that a port sent is captured as it came, any other as it was to
 *  leave. */
void capture_dropped(struct stage_ctx *ctx, const void *conf, enum drop_reason reason);

#endif
