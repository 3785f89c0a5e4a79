/**
 * actual: what a lab is right now, asked of its daemons.
 *
 * A node exists when its VMM answers on its control socket and its machine is neither stopped nor
 * failed. A daemon that is not there is the same as none; one that is there and does not answer
 * (stopped, or hung) is silent, and what is known is incomplete. A stopped one is not waited for,
 * and for all others together as long as the caller says, and a little for each: who looks is told
 * soon, who changes the lab waits for a busy machine.
 */
#ifndef WEFT_NETCFG_ACTUAL_H
#define WEFT_NETCFG_ACTUAL_H

#include "state.h"

#define ACTUAL_LOOK_MS   3000
#define ACTUAL_CHANGE_MS 60000

struct ctl_client;

struct actual_node {
	char name[CTL_NAME_MAX + 1];
	bool answers, silent;
	struct ctl_vm vm; /* when it answers */
};

struct actual {
	struct state state;
	bool switch_runs, switch_silent; /* one that is silent runs */
	struct actual_node *nodes;       /* every node of the run directory, running or not */
	unsigned n_nodes;
};

/**
 * A run directory that does not exist is a lab of nothing. 0, -ENOMEM, or what a daemon answered.
 */
int actual_read(const char *run_dir, unsigned wait_ms, struct actual *ret_actual, struct err *err);
void actual_done(struct actual *actual);
/** Is all known? 0, or -ETIMEDOUT naming a daemon that is silent. */
int actual_check_complete(const struct actual *actual, struct err *err);

/**
 * Connect to a daemon of the lab, for a caller that has something to ask of it. timeout_ms: for
 * each of its answers; 0 = as ctl_client_open().
 */
int actual_open_switch(const char *run_dir, unsigned timeout_ms, struct ctl_client **ret_client,
	struct err *err);
int actual_open_node(const char *run_dir, const char *node, unsigned timeout_ms,
	struct ctl_client **ret_client, struct err *err);
/** Is there a switch that answers? One that is being killed does not. */
bool actual_switch_answers(const char *run_dir);

#endif
