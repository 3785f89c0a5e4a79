/**
 * switch_rig: a whole switch without EAL, workers and sockets, for tests of its control.
 *
 * Control is real, what moves frames is fake (fake_dataplane.h). Requests are written in words
 * (conf_words.h) and carried out at once, as if a client had sent them. There is one rig; its
 * control socket and state are in a directory of its own.
 * Threads: one. A helper that fails fails the test.
 */
#ifndef WEFT_TESTS_UNIT_VSWITCH_CONTROL_SWITCH_RIG_H
#define WEFT_TESTS_UNIT_VSWITCH_CONTROL_SWITCH_RIG_H

#include "conf_words.h"
#include "fake_dataplane.h"
#include "switch.h"

struct switch_rig {
	char dir[32], control_path[64], state_dir[64];
	struct ev *ev;
	struct vswitch *sw;       /* may be destroyed and started again */
	const char *refused_path; /* of a port, at the next start only */
	uint64_t hold_budget;     /* of the next start */
};
extern struct switch_rig rig;

/** cmocka fixtures: an empty switch runs. */
int rig_set_up(void **state);
int rig_tear_down(void **state);
/** Start it, with what is in its state. */
void rig_start(void);
/** One round of the event loop. */
void rig_turn(void);

/** Ask for a change in words; 0 or -errno. */
int ask(const char *method, const char *words, struct err *err);
void must(const char *method, const char *words);
/** It fails with this code and name, and a message. */
void must_fail(const char *method, const char *words, int code, const char *name);

/** Bridge br0 with ports a and b, both with tag 10 and running. */
void two_ports(void);
/** Borrowed; it is there. */
struct model_port *port_of(const char *name);
/** As workers see it. */
const struct dp_port *dp_port(const char *name);
/** A worker saw the address at the port. */
void learn(const char *port, uint16_t vid, uint64_t mac48);
uint32_t n_addresses(const char *bridge);

#endif
