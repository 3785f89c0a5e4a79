/**
 * track: which frames of a stream arrived at a port, how often, and in which order.
 *
 * Frames are numbered from 0. A bitmap remembers the last TRACK_WINDOW numbers below the highest
 * that was seen; so a frame is new, a duplicate, or stale (too old to tell). A frame with a number
 * below the highest is reordered, by as many as it is below (RFC 4737, 3 and 4.2).
 * Threads: one. Memory: TRACK_WINDOW / 8 bytes.
 */
#ifndef WEFT_TOOLS_PKTLAB_TRACK_H
#define WEFT_TOOLS_PKTLAB_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#define TRACK_WINDOW 65536u

enum track_seen { TRACK_NEW, TRACK_DUPLICATE, TRACK_STALE };

struct track {
	uint64_t next; /* one above the highest number seen */
	uint64_t received, duplicated, reordered, stale;
	uint64_t reorder_max;
	uint64_t bits[TRACK_WINDOW / 64];
};

/** The frame's 64-bit number from its 32 bits on the wire: the one nearest to what is expected. */
static inline int64_t track_extend(uint64_t next, uint32_t number)
{
	return (int64_t)next + (int32_t)(number - (uint32_t)next);
}

/** Forget what lies between the highest number so far and n, which becomes the highest. */
void track_advance(struct track *track, uint64_t n);

static inline enum track_seen track_see(struct track *track, uint64_t n)
{
	if (n >= track->next) {
		if (n == track->next && (n & 63)) /* the common case: its bit may be old */
			track->bits[n / 64 % (TRACK_WINDOW / 64)] &= ~(UINT64_C(1) << (n & 63));
		else
			track_advance(track, n);
		track->next = n + 1;
	} else {
		uint64_t behind = track->next - 1 - n;

		if (behind >= TRACK_WINDOW) {
			track->stale++;
			return TRACK_STALE;
		}
		if (track->bits[n / 64 % (TRACK_WINDOW / 64)] >> (n & 63) & 1) {
			track->duplicated++;
			return TRACK_DUPLICATE;
		}
		track->reordered++;
		if (behind > track->reorder_max)
			track->reorder_max = behind;
	}
	track->bits[n / 64 % (TRACK_WINDOW / 64)] |= UINT64_C(1) << (n & 63);
	track->received++;
	return TRACK_NEW;
}

/** Was frame n seen? What is too old to tell counts as seen. */
static inline bool track_has(const struct track *track, uint64_t n)
{
	if (n >= track->next)
		return false;
	if (track->next - 1 - n >= TRACK_WINDOW)
		return true;
	return track->bits[n / 64 % (TRACK_WINDOW / 64)] >> (n & 63) & 1;
}

#endif
