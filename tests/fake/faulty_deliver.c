/*
 * A switch with faults, to see whether the tester finds them: linked around deliver(), the way out
 * of the data path. WEFT_FAULT=KIND:N plants the fault in every N-th frame whose destination ends
 * in ee; what was planted is said at the end, as one line on standard error.
 *
 *   drop       the frame is gone, and nothing counts it
 *   duplicate  it is put twice
 *   reorder    it is put behind those that followed it in its burst
 *   flood      it is put at another port as well
 *   misroute   it is put at another port instead
 *   corrupt    one bit of a byte of its payload is the other way round
 *
 * One worker.
 */
#include "deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK        0xee
#define PAYLOAD_OFF 6u /* behind the EtherType: in every frame's padding or payload */

uint64_t __real_deliver(struct deliver *deliver, const struct delivery *job);
uint64_t __wrap_deliver(struct deliver *deliver, const struct delivery *job);

static struct {
	char kind[16];
	unsigned long every;
	unsigned long seen, planted;
	bool is_due; /* a frame was due, and no fault could be made of it */
} fault;

__attribute__((constructor)) static void read_fault(void)
{
	const char *text = getenv("WEFT_FAULT");

	if (text && sscanf(text, "%15[a-z]:%lu", fault.kind, &fault.every) != 2)
		fault.every = 0;
}

__attribute__((destructor)) static void tell(void)
{
	(void)fprintf(stderr, "planted %s %lu of %lu\n", fault.kind, fault.planted, fault.seen);
}

/* Another port that runs, the last one; port_id itself if there is none. */
static uint16_t other_port(const struct dp_snapshot *snapshot, uint16_t port_id)
{
	for (unsigned i = DP_MAX_PORTS; i--;)
		if (i != port_id && snapshot->ports[i].n_tx)
			return (uint16_t)i;
	return port_id;
}

/* Deliver other frames than a job says, to another port. */
static uint64_t deliver_other(struct deliver *deliver, const struct delivery *job, uint16_t port_id,
	uint64_t frames)
{
	struct delivery other = *job;

	other.port_id = port_id;
	other.frames = frames;
	return frames ? __real_deliver(deliver, &other) : 0;
}

/* The frame of this burst that a fault is due for; 0: none. */
static uint64_t choose(const struct delivery *job)
{
	uint64_t chosen = 0;

	for (uint64_t left = job->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (job->burst->frames[i].header[5] != MARK)
			continue;
		fault.seen++;
		fault.is_due |= fault.every && fault.seen % fault.every == 0;
		if (fault.is_due && !chosen)
			chosen = left & -left;
	}
	return chosen;
}

static bool is(const char *kind)
{
	return !strcmp(fault.kind, kind);
}

uint64_t __wrap_deliver(struct deliver *deliver, const struct delivery *job)
{
	uint64_t bit = choose(job), frames = job->frames, waiting;
	uint64_t behind = bit ? frames & ~(bit | (bit - 1)) : 0;

	if (!bit || (is("reorder") && !behind))
		return __real_deliver(deliver, job);
	fault.is_due = false;
	fault.planted++;
	if (is("drop") || is("misroute") || is("reorder"))
		frames &= ~bit;
	if (is("corrupt")) {
		struct frame *frame = &job->burst->frames[__builtin_ctzll(bit)];

		frame->header[frame->rest_off + PAYLOAD_OFF] ^= 1;
	}
	waiting = deliver_other(deliver, job, job->port_id, frames);
	if (is("duplicate") || is("reorder"))
		waiting |= deliver_other(deliver, job, job->port_id, bit);
	if (is("flood") || is("misroute"))
		waiting |=
			deliver_other(deliver, job, other_port(job->snapshot, job->port_id), bit);
	return waiting;
}
