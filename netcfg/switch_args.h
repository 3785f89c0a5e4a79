/**
 * switch_args: options that the lab's switch is started with, and those that one which runs has,
 * by its command line.
 */
#ifndef WEFT_NETCFG_SWITCH_ARGS_H
#define WEFT_NETCFG_SWITCH_ARGS_H

#include "state.h"

#include <sys/types.h>

#define SWITCH_ARGS_MAX 4

/** Options and their values, in the texts of buf. */
struct switch_args {
	char *argv[SWITCH_ARGS_MAX];
	unsigned n;
	char metrics[128], hold_memory[MEASURE_TEXT_SIZE];
};

void switch_args_make(const struct state_switch *sw, struct switch_args *ret_args);
/** Of a switch that runs; what cannot be read is the default. runs is left alone. */
void switch_args_read(pid_t pid, struct state_switch *sw);

#endif
