#include "learn.h"

#include <rte_cycles.h>

#define MAC_MASK UINT64_C(0xffffffffffff)

void learn_source(struct learn *learn, const struct dp_bridge *bridge, uint16_t port_id,
	uint64_t key)
{
	uint64_t now_tsc = rte_rdtsc();
	unsigned at = fdb_hash(key) % LEARN_FILTER;
	const struct learn_event event = {.mac48 = key & MAC_MASK,
		.vid = key >> 48 & 0xfff,
		.port_id = port_id,
		.bridge_id = bridge->id};

	if (learn->filter[at].key == key && learn->filter[at].port_id == port_id &&
		now_tsc - learn->filter[at].tsc < learn->interval_tsc)
		return;
	learn->wants_control = true;
	if (!learn_ring_put(learn->events, &event))
		return; /* lost: it may be repeated at once */
	learn->filter[at].key = key;
	learn->filter[at].port_id = port_id;
	learn->filter[at].tsc = now_tsc;
}
