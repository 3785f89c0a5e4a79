/**
 * apply: carry out a plan on the daemons of a lab.
 *
 * Operations run in order; the first that fails stops it. What was done before stays, what the
 * failed operation did is taken back, and applying again goes on from there.
 */
#ifndef WEFT_NETCFG_APPLY_H
#define WEFT_NETCFG_APPLY_H

#include "lab.h"

struct actual;

/** Start the lab's vswitch unless it runs. 0 or -errno; ret_started: it did not run before. */
int apply_start_switch(const struct opts *opts, const char *run_dir, const struct state_switch *sw,
	struct err *err);
/** It keeps its state. 0 or -EBUSY. */
int apply_stop_switch(const char *run_dir, struct err *err);

/**
 * Before anything starts: are the programs there, and is KVM fit for the nodes that the plan
 * starts?
 * returns 0, -ENOENT, -ENOTSUP
 */
int apply_check(const struct opts *opts, const struct plan *plan, struct err *err);

/**
 * Before anything starts: can the sockets be had that the plan's nodes and ports listen at? One
 * that the lab's own switch or node serves is no matter. actual: what runs.
 * returns 0, -EADDRINUSE, -EEXIST, or what else keeps a path
 */
int apply_check_sockets(const char *run_dir, const struct plan *plan, const struct actual *actual,
	struct err *err);

/** Called before each operation that is not quiet. */
typedef void apply_progress_fn(const struct plan_op *op);

int apply_plan(const struct opts *opts, const struct lab *lab, const struct plan *plan,
	apply_progress_fn *progress, struct err *err);

/** End every process of the lab and remove its run directory. 0, or the first failure. */
int apply_destroy(const struct opts *opts, const char *run_dir, struct err *err);

#endif
