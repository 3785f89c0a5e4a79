/**
 * inject: frames that the control thread hands to a worker.
 *
 * A frame is injected at a port, in one of two directions: at ingress, as if the port's peer had
 * sent it, so that it passes the port's ingress stages and is forwarded; or at egress, as a
 * protocol's own frame that is to leave by this port, past every look-up and VLAN rule, but through
 * the port's egress stages. Nobody knows it apart from others afterwards.
 *
 * Data model. A hold (hold.h) into which control copies frames, each with its port and direction,
 * and that one worker receives from as from any other queue. What it receives in one burst is of
 * one port and one direction: that of the first frame, up to the first that differs. The worker
 * goes by what the ring says of a burst instead of by its row (struct dp_rx, is_injected).
 *
 * An injected frame is none that the port received. It is a copy, which is held until its worker
 * comes by (counters.h): control counts it as both, the worker counts it as released.
 *
 * Threads: one worker receives, which the port's id says; control adds (control/inject_setup.h).
 * Life cycle: in the snapshot while control has use of it, as a row of its worker. Limits: those of
 * the hold.
 */
#ifndef WEFT_VSWITCH_DATAPATH_INJECT_H
#define WEFT_VSWITCH_DATAPATH_INJECT_H

#include "hold.h"
#include "snapshot.h"

struct inject {
	struct queue q; /* first member; to receive from */
	struct hold *hold;
	/* Of the burst that was received last. */
	uint16_t port_id;
	bool is_egress;
};

extern const struct queue_ops inject_ops;

/** What a record of the hold has in the place of the moment at which it is due. */
static inline uint64_t inject_key(uint16_t port_id, bool is_egress)
{
	return (uint64_t)port_id << 1 | is_egress;
}

static inline uint16_t inject_key_port(uint64_t key)
{
	return (uint16_t)(key >> 1);
}

static inline bool inject_key_is_egress(uint64_t key)
{
	return key & 1;
}

/** The row that the worker goes by for the burst that it received from row `rx`. */
struct dp_rx inject_row(const struct dp_rx *rx, const struct dp_snapshot *snapshot);

#endif
