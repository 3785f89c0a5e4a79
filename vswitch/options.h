/**
 * options: what stands on vswitch's command line.
 *
 * Data model: a plain struct; strings are borrowed from argv or live in it. Nothing is opened here.
 * Threads: any. Limits: OPTIONS_MAX_WORKERS.
 */
#ifndef WEFT_VSWITCH_OPTIONS_H
#define WEFT_VSWITCH_OPTIONS_H

#include "err.h"
#include "log.h"
#include "metrics_server.h"

#include <stdbool.h>

#define OPTIONS_MAX_WORKERS     16
#define OPTIONS_PATH_SIZE       256
#define OPTIONS_CPU_ANY         -1
#define OPTIONS_REBALANCE_S     5 /* by default */
#define OPTIONS_REBALANCE_MAX_S 86400
#define OPTIONS_HOLD_MEMORY     (UINT64_C(1) << 30) /* by default */
#define OPTIONS_HOLD_MEMORY_MAX (UINT64_C(1) << 40)

struct options {
	bool help, version;
	char control[OPTIONS_PATH_SIZE];
	bool control_is_default;       /* its directory may have to be made */
	const char *state;             /* NULL: nothing is kept */
	int cpus[OPTIONS_MAX_WORKERS]; /* one worker each; OPTIONS_CPU_ANY: not pinned */
	unsigned n_cpus;
	unsigned rebalance_s;           /* 0: off */
	uint64_t hold_memory;           /* bytes for frames that are held */
	struct metrics_address metrics; /* text "": none are served */
	bool busy;
	enum log_level log_level;
};

/** returns 0, or -EINVAL with err set (bad usage) */
int options_parse(int argc, char *const argv[], struct options *ret_options, struct err *err);
/** Make the directory of the default control socket, for this user only. 0 or -errno */
int options_prepare_control(const struct options *options, struct err *err);

/** The text of --help. */
const char *options_usage(void);

#endif
