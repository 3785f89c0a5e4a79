/**
 * attack: a switch under attack, beside neighbours that must not notice.
 *
 * Each case starts a real vswitch with bridge br0 and two decent guests in it, n1 (split rings) and
 * n2 (packed rings), which send each other numbered frames from a thread of their own, a window at
 * a
 * time: the next is sent when one arrived, so that no ring can be full and a frame that is missing
 * was lost by the switch. Every sixteenth frame is a broadcast, so that an attacker's receive ring
 * is served, too. A second thread asks the control socket all the while, for rows and for changes,
 * which need a grace period of every worker.
 *
 * A case attacks, and may then call attack_settle() to see that the neighbours and control still
 * get on; the end of every case does that in any case. What fails it: a frame of the neighbours
 * that is lost, damaged, repeated or out of order; a request refused; a switch that ended; and, as
 * the only limit of time, no progress for two minutes, which no crowded machine takes and a hang
 * always does.
 *
 * Every case runs with one worker and, where the machine has two processors, with two.
 * Threads: cases run in the main thread, which alone may use attack->proc.
 */
#ifndef WEFT_TESTS_PEER_ATTACK_H
#define WEFT_TESTS_PEER_ATTACK_H

#include "fe.h"
#include "fe_ring.h"
#include "switch_proc.h"

struct attack {
	struct switch_proc proc;
	struct attack_neighbours *neighbours; /* private */
};

struct attack_case {
	const char *name; /* the behaviour: "a_full_call_descriptor_puts_its_port_down" */
	void (*run)(struct attack *attack);
};

/** Run cases[n] with one and with two workers. returns  the exit status for main() */
int attack_main(const char *group, const struct attack_case *cases, unsigned n);

/**
 * The address of neighbour 1 or 2 and of attackers (3..255): 02:00:00:00:00:0n. Attackers that send
 * from 1 or 2 take the neighbours' frames over, as any host of a learning bridge can.
 */
#define ATTACK_MAC(n)              \
	{                          \
		2, 0, 0, 0, 0, (n) \
	}

/** Add vhost-user port `name` to br0 (where it is not there yet) with more words for PortAdd ("" =
 *  none). returns  its socket's path; static buffer */
const char *attack_port(struct attack *attack, const char *name, const char *words);
/** The same, with a front-end that runs; the caller destroys it. config.path is set here. */
struct fe *attack_join(struct attack *attack, const char *name, struct fe_config config);
/** Wait until each neighbour received a hundred more frames and ten more requests were answered. */
void attack_settle(struct attack *attack);
/** Wait until port `name` is in the state and its last error holds the text ("" = any). */
void attack_expect(struct attack *attack, const char *name, enum ctl_conn_state state,
	const char *text);
/** Frames of port `name` counted under drop reason `reason` ("ring-full") so far. */
uint64_t attack_drops(struct attack *attack, const char *name, const char *reason);
/** Does br0 know the address of attacker n? Until then, frames to it are flooded. */
bool attack_is_learned(struct attack *attack, uint8_t n);

#endif
