/**
 * balance: which worker should take frames from which ring.
 *
 * A pure planner over an array of rings: it knows loads, not packets, and keeps nothing between
 * calls. The load of a ring is the time that its worker spent on it lately, in any unit; that of a
 * worker is the sum over its rings.
 *
 *   - A new ring goes to the least loaded worker. Nobody knows its load yet; it is taken to be
 *     average, so that a hundred new rings do not follow each other to one worker.
 *   - A ring that has a worker stays there, unless balance_improve() moves it.
 *   - Moving is worth it when the busiest worker is busy enough and gets enough of its load taken
 *     away; then few rings are moved, those of largest effect first.
 *
 * The same input gives the same output: among equals the lower number wins. With one worker every
 * ring is its own.
 * Threads: any. Limits: BALANCE_MAX_MOVES rings a plan.
 */
#ifndef WEFT_VSWITCH_CONTROL_BALANCE_H
#define WEFT_VSWITCH_CONTROL_BALANCE_H

#include <stdint.h>

#define BALANCE_NO_WORKER   UINT16_MAX
#define BALANCE_MAX_WORKERS 16
#define BALANCE_MAX_MOVES   1024

/** The busiest worker has to lose this part of its load, or nothing is moved (as OVS' auto-lb). */
#define BALANCE_MIN_GAIN_PERCENT 25
/** Moving ends when the busiest worker has no more than this above an even share. */
#define BALANCE_GOOD_PERCENT 5

struct balance_ring {
	uint16_t port_id, queue;
	uint16_t worker; /* BALANCE_NO_WORKER: new */
	uint16_t was;    /* out: its worker before balance_improve() */
	uint64_t load;   /* of a new ring: not looked at; the sum over all, times 100, fits */
};

/** Give every new ring of rings[n_rings] to one of n_workers (1..BALANCE_MAX_WORKERS). */
void balance_place(struct balance_ring *rings, unsigned n_rings, unsigned n_workers);

/**
 * Move rings, all of which have workers, if it is worth it: never when no worker has min_load.
 * returns  how many were moved, each of them once
 */
unsigned balance_improve(struct balance_ring *rings, unsigned n_rings, unsigned n_workers,
	uint64_t min_load);

#endif
