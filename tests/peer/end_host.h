/**
 * host: a guest that sends and receives without pause and believes nothing that it receives.
 *
 * A host is what drives one port of a switch: a front-end (fe.h), which may come, go and change
 * while the host stays, and a flow of frames that say who sent them, in which domain, as the
 * how-manieth. Hosts of one domain may hear each other, of two domains never: a domain is a VLAN
 * of a bridge, or the links. So whatever is done to ports, as long as it keeps them in their
 * domain:
 *   1. what arrives was sent, by another host of the domain, and is what was sent;
 *   2. it arrives once on a queue, and in the order in which its queue sent it;
 *   3. a tag that it carries is the domain's (on a link: what the sender put there);
 *   4. what no port may let in (foreign tags, group sources, reserved destinations, runts) arrives
 *      nowhere, but on a link all except runts.
 * The first breach is kept for end_host_fault(). Frames are counted so that, once a host's rings
 * are drained, n_sent is what the switch took from it and n_got what it delivered.
 *
 * Threads: one polls (the load); another may change a host while it holds its lock.
 */
#ifndef WEFT_TESTS_PEER_END_HOST_H
#define WEFT_TESTS_PEER_END_HOST_H

#include "fe.h"

#include <pthread.h>

#define END_HOST_MAX        32
#define END_HOST_MAX_QUEUES 4

struct end_host {
	pthread_mutex_t lock;
	char name[16]; /* of its port, too */
	uint8_t id;
	uint8_t domain;
	uint16_t vid;  /* of the domain; 0: links */
	struct fe *fe; /* owned; NULL: nobody drives the port */
	unsigned n_queues;
	bool sends, reads;
	bool hears_anything; /* on a link that does as it likes: what arrives is counted only */
	uint64_t n_sent, n_got;
	uint64_t next_seq[END_HOST_MAX_QUEUES];
	/* Heard on each queue, by sender and its queue: rings that start one after the other spread
	 * flows over queues anew, and order is kept within a queue. */
	uint64_t last_seq[END_HOST_MAX_QUEUES][END_HOST_MAX][END_HOST_MAX_QUEUES];
};

/** Uniform in 0..below-1. */
uint32_t end_host_random(uint64_t *rng, uint32_t below);

/**
 * Send up to a burst on each queue, to hosts of the domain among all[n] or to everybody, and
 * take what arrived. returns whether anything moved
 */
bool end_host_poll(struct end_host *host, struct end_host *all, unsigned n, uint64_t *rng);
/** Frames sent that the switch has not returned. */
unsigned end_host_pending(struct end_host *host);
/** Take what is left and let go of the front-end, which the switch has let go of. */
void end_host_retire(struct end_host *host);
/** What was wrong first, or NULL. */
const char *end_host_fault(void);

#endif
