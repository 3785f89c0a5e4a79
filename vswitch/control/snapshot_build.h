/**
 * snapshot_build: from the model to what workers forward by.
 *
 * A struct snapshot has room for the largest configuration there can be, in one block that is made
 * at start (pages that are never used are never backed). So building cannot fail: a request that
 * was accepted takes effect, and a port whose peer vanished gets its rings back without asking for
 * memory. Two of them are enough: one published, one to build.
 *
 * How settings become rules (IEEE 802.1Q-2018, 8.6):
 *   - member VLANs of a port = its own, cut down to those of its bridge; bit 0 stands for "no
 *     VLAN", which exists on a bridge with all VLANs only
 *   - a native VLAN is a member VLAN
 *   - floods go to ports that are enabled and run; an unknown destination elsewhere is not counted
 *   - both ends of a link get the link's MTU
 * A ring is in the list of the worker that it is given to (rxq_assign.h), or in none. What a
 * feature holds of a port's frames is the same worker's at all times.
 *
 * Threads: the control thread; pure but for the block it fills.
 */
#ifndef WEFT_VSWITCH_CONTROL_SNAPSHOT_BUILD_H
#define WEFT_VSWITCH_CONTROL_SNAPSHOT_BUILD_H

#include "model.h"

#include "datapath/snapshot.h"
#include "feature/feature_list.h"
#include "port/port.h"

struct snapshot;

struct snapshot_input {
	const struct model *model;
	const struct port_queues *queues[MODEL_MAX_PORTS]; /* by port id; NULL: nothing runs */
	struct fdb *fdbs[MODEL_MAX_BRIDGES];               /* by bridge id */
	const struct feature_states *features;             /* NULL: none has anything to do */
	const struct drop_watch *drops;                    /* NULL: nobody watches */
	struct inject *const *injects; /* by worker, each NULL: it has none; NULL: none has */
	const uint16_t *ring_workers;  /* of each of `queues`, in their order */
	uint16_t n_workers;
};

/** NULL when out of memory. */
struct snapshot *snapshot_create(void);
void snapshot_destroy(struct snapshot *snapshot);
/** Fill it, forgetting what it held. Nobody uses it. */
const struct dp_snapshot *snapshot_build(struct snapshot *snapshot,
	const struct snapshot_input *input);

/** Does it have a hold that former has not, beside some that both have? Both were built. */
bool snapshot_hold_joins(const struct snapshot *snapshot, const struct snapshot *former);
/** Leave every hold out of the workers' lists: frames come to them, and none leave. Once, after it
 *  was built. */
void snapshot_park_holds(struct snapshot *snapshot);

#endif
