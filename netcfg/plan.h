/**
 * plan: the operations that turn what is into what is wanted.
 *
 * Pure: plan_make(wanted, actual) does no I/O; planning again after doing what it says gives
 * nothing.
 *
 * Order: the switch, if its options change; mirrors that go or change; links that go or change
 * ends; bridges made and changed, but for VLANs that go; nodes that go; ports that go; nodes
 * started and restarted (in the order of `after`), ports made and changed, links made and changed:
 * what nodes are cabled with before the first that waits for one of them. VLANs of bridges that go;
 * bridges that go; mirrors made, which need all of these; sFlow.
 *
 * Cost of an operation, for the guests that run:
 *   live     nobody notices
 *   carrier  a guest sees its link go down, up, or both
 *   restart  a guest is stopped and started again
 *   stop     a guest is stopped for good: its node is gone, or has another name
 * Ports of a node that has more NICs than wanted stay, connected to nothing, so that taking a link
 * away restarts nobody.
 */
#ifndef WEFT_NETCFG_PLAN_H
#define WEFT_NETCFG_PLAN_H

#include "state.h"

enum plan_cost { PLAN_LIVE, PLAN_CARRIER, PLAN_RESTART, PLAN_STOP };
extern const char *const plan_costs[]; /* "live" "carrier" "restart" "stop" */

enum plan_kind {
	PLAN_SWITCH_RESTART, /* by who applies, before anything else; then it plans again */
	PLAN_MIRROR_DEL,
	PLAN_LINK_DEL,
	PLAN_BRIDGE_ADD,
	PLAN_BRIDGE_SET,
	PLAN_NODE_DEL,
	PLAN_PORT_DEL,
	PLAN_NODE_ADD,
	PLAN_NODE_RESTART,
	PLAN_PORT_ADD,
	PLAN_PORT_SET,
	PLAN_LINK_ADD,
	PLAN_LINK_SET,
	PLAN_BRIDGE_DEL,
	PLAN_MIRROR_ADD,
	PLAN_MIRROR_SET, /* made anew with what changes */
	PLAN_SFLOW_SET,
	PLAN_SWITCH_START, /* never planned: shown for what a switch brings back by itself */
};

struct plan_op {
	enum plan_kind kind;
	enum plan_cost cost;
	char name[128]; /* object */
	char text[192]; /* for people: what is new, or what changes */
	bool quiet;     /* part of another operation: not a line of its own */
	union {
		struct ctl_bridge bridge;
		struct ctl_port port;
		struct ctl_link link;
		struct ctl_mirror mirror;
		struct ctl_sflow sflow; /* rate and poll set */
		struct state_vm vm;
	} to; /* what the object shall be */
};

struct plan {
	struct plan_op *ops;
	unsigned n_ops;
};

/** run_dir: of the sockets of spare ports. 0, -ENOMEM, -ENAMETOOLONG. */
int plan_make(const struct state *wanted, const struct state *actual, const char *run_dir,
	struct plan *ret_plan, struct err *err);
void plan_done(struct plan *plan);
enum plan_cost plan_cost(const struct plan *plan);
/** '+', '-' or '~'. */
char plan_sign(const struct plan_op *op);
/** "bridge", "node", "port" (of the host), "mirror", "sflow", "switch" or "link". */
const char *plan_object(const struct plan_op *op);

#endif
