/**
 * machine_sandbox: what the sandbox has to leave open for a machine, from its configuration.
 *
 * Threads: main.
 */
#ifndef WEFT_VMM_MACHINE_SANDBOX_H
#define WEFT_VMM_MACHINE_SANDBOX_H

#include "sandbox.h"

struct config;
struct err;

/**
 * Confine the use of files (sandbox_enter_files()) to the removal of the machine's own sockets and
 * links, and find out what the main thread needs. That this kernel has no Landlock is no error.
 */
int machine_sandbox_enter_files(const struct config *config, struct sandbox_needs *ret_needs,
	struct err *err);

#endif
