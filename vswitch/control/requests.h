/**
 * requests: the control interface of the switch: one handler per method of ctl_vswitch.h.
 *
 * Changes go to change.c; what is shown is read from the model, the ports and the counters here.
 * Long tables are pulled as the client reads them.
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_REQUESTS_H
#define WEFT_VSWITCH_CONTROL_REQUESTS_H

#include "switch.h"

struct ctl_server;

/** Answer on the socket at path. returns 0 or -errno, err set */
int requests_serve(struct vswitch *sw, const char *path, struct ctl_server **ret_server,
	struct err *err);

#endif
