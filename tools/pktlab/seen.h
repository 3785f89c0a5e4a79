/**
 * seen: what came in, by stream, at a receiver that was not told what to expect.
 *
 * The first frame of a stream that is seen is its number 0; from there on frames are accounted for
 * as by the sender's own engine. Loss is what is missing below the highest number seen.
 * Threads: one. Limits: SEEN_MAX streams; frames of others are counted together.
 */
#ifndef WEFT_TOOLS_PKTLAB_SEEN_H
#define WEFT_TOOLS_PKTLAB_SEEN_H

#include "hist.h"
#include "track.h"

#include <jansson.h>
#include <stdint.h>

#define SEEN_MAX 64u

struct seen_stream {
	uint16_t id;
	uint32_t base;
	uint64_t bytes;
	struct track track;
	struct hist latency;
};

struct seen {
	uint64_t frames, bytes, foreign, others;
	unsigned n_streams;
	struct seen_stream *streams[SEEN_MAX]; /* owned */
};

/** now_ns: clock_ns(). Latency is right where the sender runs on this host. */
void seen_add(struct seen *seen, const uint8_t *data, uint32_t len, uint64_t now_ns);
void seen_done(struct seen *seen);
/** Owned by the caller. */
json_t *seen_to_json(const struct seen *seen);

#endif
