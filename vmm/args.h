/**
 * args: the command line of vmm, from one table per command.
 *
 * The tables (args.c) make parser, usage text and the tests' list of options. Nothing is read from
 * the environment or from a file.
 * Errors name the option, the offending value and what is allowed; exit code 2.
 */
#ifndef WEFT_VMM_ARGS_H
#define WEFT_VMM_ARGS_H

#include "config.h"
#include "log.h"

#include <stdio.h>

struct err;

enum args_command { ARGS_RUN, ARGS_CHECK, ARGS_HELP, ARGS_VERSION };

struct args {
	enum args_command command;
	bool json; /* check */
	enum log_level log_level;
	struct config config; /* run */
};

/** Fill args (about 100 KiB: keep it off the stack). returns 0 or -EINVAL with err. */
int args_parse(int argc, char *const *argv, struct args *args, struct err *err);
void args_print_usage(FILE *out);

#endif
