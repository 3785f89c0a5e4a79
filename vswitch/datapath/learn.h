/**
 * learn: which sources a worker reports to the control thread.
 *
 * A source that the filtering database does not know at the port it came from is a learn event for
 * control (learn_event.h). The same one is not reported again for a moment, so that a burst of a
 * new sender is one event and not thousands.
 *
 * Threads: a struct learn belongs to one worker. Life cycle: zeroed, then events and interval_tsc.
 */
#ifndef WEFT_VSWITCH_DATAPATH_LEARN_H
#define WEFT_VSWITCH_DATAPATH_LEARN_H

#include "learn_event.h"
#include "snapshot.h"

#define LEARN_FILTER 256

struct learn {
	struct learn_ring *events; /* borrowed */
	uint64_t interval_tsc;     /* the same source not more often than this */
	bool wants_control;        /* control has something to read */
	struct {
		uint64_t key;
		uint64_t tsc;
		uint16_t port_id;
	} filter[LEARN_FILTER];
};

/** The address of key (fdb.h) was seen as a source at port_id. */
void learn_source(struct learn *learn, const struct dp_bridge *bridge, uint16_t port_id,
	uint64_t key);

#endif
