/**
 * cmd: the verbs of netcfg, one function each; they read options, do it and return an exit code.
 *
 * Each prints its data on stdout and its errors on stderr (err_print()).
 */
#ifndef WEFT_NETCFG_CMD_H
#define WEFT_NETCFG_CMD_H

#include "grammar.h"
#include "opts.h"

#define CMD_PROGRAM "netcfg"

/** Print err; its exit code: EXIT_USAGE for -EINVAL and -ERANGE, EXIT_TIMEOUT for -ETIMEDOUT. */
int cmd_fail(const struct err *err);

int cmd_object(const struct opts *opts,
	struct grammar_request *req); /* bridge port link vlan fdb */
int cmd_node(const struct opts *opts, struct grammar_request *req);

int cmd_validate(const struct opts *opts, const struct grammar_request *req);
int cmd_plan(const struct opts *opts, const struct grammar_request *req);
int cmd_apply(const struct opts *opts, const struct grammar_request *req);
int cmd_destroy(const struct opts *opts, const struct grammar_request *req);
int cmd_status(const struct opts *opts, const struct grammar_request *req);
int cmd_wait(const struct opts *opts, const struct grammar_request *req);
int cmd_capture(const struct opts *opts, const struct grammar_request *req);
int cmd_console(const struct opts *opts, const struct grammar_request *req);
int cmd_exec(const struct opts *opts, const struct grammar_request *req);
int cmd_test(const struct opts *opts, const struct grammar_request *req);
int cmd_trace(const struct opts *opts, const struct grammar_request *req);
int cmd_monitor(const struct opts *opts, const struct grammar_request *req);
int cmd_explain(const struct opts *opts, const struct grammar_request *req);

int cmd_help(const struct opts *opts, const struct grammar_request *req);
int cmd_completion(const struct opts *opts, const struct grammar_request *req);

/** Run one parsed command, again and again with -w. */
int cmd_run(const struct opts *opts, char **words, unsigned n);
/** -b FILE: one command a line. */
int cmd_batch(const struct opts *opts);

#endif
