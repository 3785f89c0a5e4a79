/**
 * rxq_assign: which worker has which ring (receive-queue assignment), from one snapshot to the
 * next.
 *
 * Data model: the rings that run, in the order of port ids and of struct port_queues, each with its
 * worker and what it cost lately. balance.h decides; this remembers and measures.
 *
 * A ring has one consumer at a time. While a snapshot is published, one worker may still go by the
 * former one as another goes by the new one already. So a ring that changes its worker is in no
 * worker's list for one snapshot first: it is parked. Frames of a ring stay in order by the same
 * rule.
 *
 *     update or improve -> park, publish (if any ring moves) -> resume, publish
 *
 * All memory is taken at creation, so that nothing here can fail later.
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_RXQ_ASSIGN_H
#define WEFT_VSWITCH_CONTROL_RXQ_ASSIGN_H

#include "model.h"

#include "worker_pool.h"
#include "port/port.h"

/** Nobody is moved before a worker spends this part of its time on frames. */
#define RXQ_ASSIGN_MIN_BUSY_PERCENT 10

struct rxq_assign;

/** pool is borrowed: loads are read from it. NULL when out of memory. */
struct rxq_assign *rxq_assign_create(const struct worker_pool *pool, unsigned n_workers,
	uint64_t now_ns);
/** NULL is accepted. */
void rxq_assign_destroy(struct rxq_assign *assign);

/** These rings run now, by port id: those that ran before keep their worker, the others get one. */
void rxq_assign_update(struct rxq_assign *assign, const struct port_queues *const *queues);
/**
 * Look at what rings cost since the last call, and plan moves.
 * returns  how many rings are to change their worker: then publish
 */
unsigned rxq_assign_improve(struct rxq_assign *assign, uint64_t now_ns);

/** Worker of each ring, in order, as to be published; BALANCE_NO_WORKER: it is parked. Borrowed. */
const uint16_t *rxq_assign_workers(const struct rxq_assign *assign);
/** Park the rings that move. True when there are any. */
bool rxq_assign_park(struct rxq_assign *assign);
/** Every ring, parked or not, goes to its worker. */
void rxq_assign_resume(struct rxq_assign *assign);

/** Rings of a worker; rings that were moved to it for balance, ever. */
unsigned rxq_assign_n_rings(const struct rxq_assign *assign, unsigned worker);
uint64_t rxq_assign_n_moves(const struct rxq_assign *assign, unsigned worker);

#endif
