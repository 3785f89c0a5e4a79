/**
 * node: one VMM of a lab: its command line, its start, its end, and whether its guest is ready.
 *
 * NODE.args in the run directory keeps how it was started (NUL-terminated words: the readiness
 * text, then the command line), so that `node start` and `wait` need no lab file.
 */
#ifndef WEFT_NETCFG_NODE_H
#define WEFT_NETCFG_NODE_H

#include "opts.h"
#include "state.h"

#include <stdio.h>

#define NODE_MAX_ARGS 128

/** Write NODE.args for vm. 0 or -errno. */
int node_configure(const struct opts *opts, const struct state_vm *vm, const char *run_dir,
	struct err *err);
/**
 * Start it as NODE.args says and wait until it answers on its control socket. On failure nothing of
 * it is left and err holds the last line of its log.
 */
int node_start(const char *run_dir, const char *name, struct err *err);
/** Press the power button (or pull the plug); does not wait. */
void node_ask_stop(const char *run_dir, const char *name, bool force);
/** Wait until it is gone, then kill it; remove its sockets. 0 or -EBUSY: it cannot be killed. */
int node_wait_stopped(const char *run_dir, const char *name, bool force, struct err *err);

/** Has the guest said that it is ready? 1, 0, or -ESRCH with err: it does not run. */
int node_is_ready(const char *run_dir, const char *name, struct err *err);
/**
 * Wait for names[n] until deadline_ns (ev_now_ns()). progress: a terminal that is told each second
 * which of them are waited for, in a line that is gone at the end; NULL = nobody.
 * returns  0; -ETIMEDOUT with the reason in err; -ESRCH
 */
int node_wait_ready(const char *run_dir, const char *const *names, unsigned n, uint64_t deadline_ns,
	unsigned timeout_s, FILE *progress, struct err *err);
/** Where progress is told: standard error, if that is a terminal and nobody wants quiet. */
FILE *node_progress(const struct opts *opts);
/** "waiting for b, c (1 of 3 ready), 1m20s", in less than cols columns: then "..., and 2 more". */
void node_progress_text(char *buf, size_t size, const char *const *waiting, unsigned n_waiting,
	unsigned n, uint64_t seconds, unsigned cols);

#endif
