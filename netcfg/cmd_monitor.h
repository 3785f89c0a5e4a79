/** cmd_monitor: events of a switch, printed as they come: lines for people, or JSON lines. */
#ifndef WEFT_NETCFG_CMD_MONITOR_H
#define WEFT_NETCFG_CMD_MONITOR_H

#include "opts.h"

struct ctl_client;
struct err;

/**
 * Print what the switch reports until it ends or nobody reads any more: events of objects[n] (NULL-
 * terminated words; none: of all), and with a name, of that one. returns 0 or the call's error
 */
int cmd_monitor_print(const struct opts *opts, struct ctl_client *client,
	const char *const *objects, unsigned n_objects, const char *name, struct err *err);

#endif
