/**
 * pace: how many frames are due at a time, at a rate that may change.
 *
 * Counts in fractions of frames, so that no rate is rounded; what is due and cannot be sent
 * at once is carried over, up to a bound: a tester that was held up by more than that says so
 * (late) instead of sending a burst that nobody asked for.
 * Pure functions; one thread.
 */
#ifndef WEFT_TOOLS_PKTLAB_PACE_H
#define WEFT_TOOLS_PKTLAB_PACE_H

#include <stdint.h>

struct pace {
	double per_ns;  /* frames; 0: as many as go */
	double credit;  /* frames due, as of last_ns */
	double backlog; /* frames that may be due at most */
	uint64_t last_ns;
	uint64_t n_late; /* frames let go because the backlog was full */
};

/** backlog_ns: how long a hold-up may be made good. */
static inline void pace_set(struct pace *pace, double per_s, uint64_t backlog_ns)
{
	pace->per_ns = per_s / 1e9;
	pace->backlog = pace->per_ns * (double)backlog_ns;
	if (pace->backlog < 64)
		pace->backlog = 64;
}

static inline void pace_start(struct pace *pace, uint64_t now_ns)
{
	pace->last_ns = now_ns;
	pace->credit = 0;
	pace->n_late = 0;
}

/** How many frames, max at most, are due now. What of them is dealt with is to be taken off. */
static inline unsigned pace_due(struct pace *pace, uint64_t now_ns, unsigned max)
{
	if (pace->per_ns <= 0)
		return max;
	pace->credit += (double)(int64_t)(now_ns - pace->last_ns) * pace->per_ns;
	pace->last_ns = now_ns;
	if (pace->credit > pace->backlog) {
		uint64_t late = (uint64_t)(pace->credit - pace->backlog);

		pace->n_late += late;
		pace->credit -= (double)late;
	}
	return pace->credit >= max ? max : (unsigned)pace->credit;
}

static inline void pace_take(struct pace *pace, unsigned n)
{
	if (pace->per_ns > 0)
		pace->credit -= n;
}

#endif
