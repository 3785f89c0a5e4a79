/**
 * spread: which worker has which ring, from one snapshot to the next.
 *
 * Data model: the rings that run, in the order of port ids and of struct port_queues, each with its
 * worker and what it cost lately. balance.h decides; this remembers and measures.
 *
 * A ring has one consumer at a time. While a snapshot is published, one worker may still go by the
 * former one as another goes by the new one already. So a ring that changes its worker is in no
 * worker's list for one snapshot first: it rests. Frames of a ring stay in order by the same rule.
 *
 *     update or improve -> rest, publish (if any ring moves) -> settle, publish
 *
 * All memory is taken at creation, so that nothing here can fail later.
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_SPREAD_H
#define WEFT_VSWITCH_CONTROL_SPREAD_H

#include "model.h"

#include "worker_pool.h"
#include "port/port.h"

/** Nobody is moved before a worker spends this part of its time on frames. */
#define SPREAD_MIN_BUSY_PERCENT 10

struct spread;

/** pool is borrowed: loads are read from it. NULL when out of memory. */
struct spread *spread_create(const struct worker_pool *pool, unsigned n_workers, uint64_t now_ns);
/** NULL is accepted. */
void spread_destroy(struct spread *spread);

/** These rings run now, by port id: those that ran before keep their worker, the others get one. */
void spread_update(struct spread *spread, const struct port_queues *const *queues);
/**
 * Look at what rings cost since the last call, and plan moves.
 * returns  how many rings are to change their worker: then publish
 */
unsigned spread_improve(struct spread *spread, uint64_t now_ns);

/** Worker of each ring, in order, as to be published; BALANCE_NO_WORKER: it rests. Borrowed. */
const uint16_t *spread_workers(const struct spread *spread);
/** Let rings that move rest. True when there are any. */
bool spread_rest(struct spread *spread);
/** Every ring goes to its worker. */
void spread_settle(struct spread *spread);

/** Rings of a worker; rings that were moved to it for balance, ever. */
unsigned spread_n_rings(const struct spread *spread, unsigned worker);
uint64_t spread_n_moves(const struct spread *spread, unsigned worker);

#endif
