/**
 * mirror_stage: copies of a port's frames to another port, as a stage (datapath/stage.h) next to
 * the port's wire.
 *
 * A copy goes straight to the destination's queue, by deliver(): it passes no look-up, no VLAN and
 * no stage there, so a circle of mirrors could not arise even if control let it. It is the frame
 * as it is on the source port's wire, tag and all. Frames of a burst that need no work of their
 * own are one delivery more. A copy that is to be cut is brought into one piece, with the checksum
 * that its sender left to others; one that gets a tag in front (RSPAN) is delivered by itself.
 *
 * What the destination has no buffer for is lost there and then: copies never wait, and the frame
 * that was copied does not notice. It counts at the destination, under the reason there, and at the
 * mirror; the port that was mirrored counts it as a copy.
 *
 * Threads: any worker, several at once. Limits: MIRROR_MAX mirrors.
 * Source: RFC 2613 "Remote Network Monitoring MIB Extensions for Switched Networks", portCopy.
 */
#ifndef WEFT_VSWITCH_FEATURE_MIRROR_MIRROR_STAGE_H
#define WEFT_VSWITCH_FEATURE_MIRROR_MIRROR_STAGE_H

#include "filter/model.h"

#include "snapshot.h"
#include "stage.h"

/** Mirrors at a time. */
#define MIRROR_MAX 32
/* Of a port: which of its frames a mirror takes. */
#define MIRROR_TAKES_IN  1
#define MIRROR_TAKES_OUT 2

/** What became of copies. */
struct mirror_counts {
	_Atomic uint64_t frames; /* copies that were made */
	_Atomic uint64_t lost;
	_Atomic uint64_t lost_ring_full, lost_not_running, lost_mtu; /* of lost */
};

struct mirror {
	/* Fixed. */
	const char *name;            /* for people */
	const struct filter *filter; /* NULL: every frame passes */
	uint32_t truncate;           /* at most so many bytes of each; 0: all */
	uint16_t vlan;               /* copies get this tag; 0: none */
	uint16_t source_vlan;        /* frames of that VLAN only; 0: of any */
	uint16_t to;                 /* port */
	/* Of control, by port. */
	_Atomic uint8_t takes[DP_MAX_PORTS];
	/* Of workers. */
	alignas(64) struct mirror_counts counts;
};

/** Those that there are; of a snapshot. */
struct mirror_set {
	struct mirror *mirrors[MIRROR_MAX];
	unsigned n;
};

/** conf: a struct mirror_set. All frames of mask go on. */
uint64_t mirror_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);
/** Which of the frames of mask that mirror would copy at ctx->port, on that way. */
uint64_t mirror_stage_takes(const struct stage_ctx *ctx, const struct mirror *mirror,
	uint64_t mask);

#endif
