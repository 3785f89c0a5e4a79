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

#define MARK	    0xee
#define PAYLOAD_OFF 6u /* behind the EtherType: in every frame's padding or payload */

void __real_deliver(
	struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id, uint16_t queue);
void __wrap_deliver(
	struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id, uint16_t queue);

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

/** Another port that runs, the last one; port_id itself if there is none. */
static uint16_t other_port(const struct dp_snapshot *snapshot, uint16_t port_id)
{
	for (unsigned i = DP_MAX_PORTS; i--;)
		if (i != port_id && snapshot->ports[i].n_tx)
			return (uint16_t)i;
	return port_id;
}

static void put_one(struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id,
	uint16_t queue, uint64_t bit)
{
	uint64_t out = fwd->out[port_id];

	fwd->out[port_id] = bit;
	__real_deliver(fwd, snapshot, port_id, queue);
	fwd->out[port_id] = out;
}

/** The frame of this burst that a fault is due for; 0: none. */
static uint64_t choose(const struct fwd *fwd, uint16_t port_id)
{
	uint64_t chosen = 0;

	for (uint64_t left = fwd->out[port_id]; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (fwd->frames[i].head[5] != MARK)
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

void __wrap_deliver(
	struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id, uint16_t queue)
{
	uint64_t all = fwd->out[port_id], bit = choose(fwd, port_id);
	uint64_t behind = bit ? all & ~(bit | (bit - 1)) : 0;

	if (!bit || (is("reorder") && !behind)) {
		__real_deliver(fwd, snapshot, port_id, queue);
		return;
	}
	fault.is_due = false;
	fault.planted++;
	if (is("drop") || is("misroute") || is("reorder"))
		fwd->out[port_id] = all & ~bit;
	if (is("corrupt")) {
		struct frame *frame = &fwd->frames[__builtin_ctzll(bit)];

		frame->head[frame->rest_off + PAYLOAD_OFF] ^= 1;
	}
	if (fwd->out[port_id])
		__real_deliver(fwd, snapshot, port_id, queue);
	if (is("duplicate") || is("reorder"))
		put_one(fwd, snapshot, port_id, queue, bit);
	if (is("flood") || is("misroute"))
		put_one(fwd, snapshot, other_port(snapshot, port_id), queue, bit);
}
