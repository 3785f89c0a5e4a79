/**
 * shaper_stage: an egress shaper, as a stage of a port (datapath/stage.h) and as the queue that its
 * frames come back from (datapath/queue.h).
 *
 * The stage copies every frame to the byte ring of its class (datapath/hold.h, of which only who
 * adds and who receives is used here: a shaper lets frames go by schedule, not when they are due).
 * The queue gives them back no faster than the rate: as long as the bucket has anything, the class
 * that the scheduler says has its first frame received; the last one is paid for before the next
 * is. Then nothing is received until the bucket has a quantum, a moment that is known, so that a
 * worker sleeps until then. What the receiver has no room for goes back to the front of its class,
 * unpaid: large segments wait for a moment, as those of any port do (deliver.h).
 *
 *     strict  the highest class that has a frame
 *     drr     deficit round robin: classes take turns, in each of which one may send as many bytes
 *             as its weight says and it has left from before (Shreedhar and Varghese, 1995)
 *
 * Classes are numbered as queues of IEEE 802.1Q-2018, table 8-5 "recommended priority to traffic
 * class mappings": priority 1, background, is below 0, best effort. The priority is that of the
 * frame's tag, or the first three bits of its DSCP (RFC 2474, 4.2.2 "class selector").
 *
 * With no rate, a shaper runs empty: frames go on as fast as they are received, and pass it once
 * there are none.
 *
 * Threads: the stage is run by any worker, under in.tx_lock where there are several; the queue by
 * one. Settings are exchanged by control, and looked at once per call. Life cycle: shaper.h.
 */
#ifndef WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_STAGE_H
#define WEFT_VSWITCH_FEATURE_SHAPER_SHAPER_STAGE_H

#include "bucket.h"
#include "hold.h"
#include "stage.h"

#define SHAPER_N_CLASSES 8

/** Never changes. */
struct shaper_conf {
	struct shaper_conf *next; /* of those that are gone */
	uint64_t number;          /* no two of a switch have the same */
	bool is_off, by_dscp, is_drr;
	struct bucket_conf bucket;         /* of bytes */
	uint64_t quantum;                  /* worth waking up for, bytes */
	uint64_t turns[SHAPER_N_CLASSES];  /* drr: bytes in a turn */
	uint64_t limits[SHAPER_N_CLASSES]; /* frames */
};

struct shaper {
	struct queue in, out;
	/* Fixed. */
	struct hold *classes[SHAPER_N_CLASSES];
	struct shaper *next; /* of those that are gone */
	uint16_t port_id;
	_Atomic(const struct shaper_conf *) conf;
	/* Of who adds; control reads it. */
	alignas(64) _Atomic uint64_t n_dropped[SHAPER_N_CLASSES];
	/* Of the worker that has it. */
	alignas(64) struct bucket bucket;
	uint64_t begin_tsc; /* nothing is received before */
	uint64_t n_conf;    /* number of the settings that these go by */
	uint64_t deficits[SHAPER_N_CLASSES];
	unsigned turn; /* drr: whose it is */
	/* Of each frame between rx and rx_done. */
	unsigned n_received;
	uint64_t now_tsc;
	uint8_t class_of[FRAME_BURST];
	uint32_t len_of[FRAME_BURST];
	_Atomic uint64_t n_sent[SHAPER_N_CLASSES], n_sent_bytes[SHAPER_N_CLASSES];
	/* It sleeps, and nothing was held when it went to sleep. */
	alignas(64) _Atomic bool wants_wakeup;
};

extern const struct queue_ops shaper_in_ops, shaper_out_ops;

/** conf: a struct shaper. */
uint64_t shaper_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask);
/** Which of the queues a frame to port waits in. */
unsigned shaper_stage_class(const struct shaper_conf *conf, const struct dp_port *port,
	const struct frame *frame);

#endif
