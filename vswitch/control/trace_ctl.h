/**
 * trace_ctl: the control protocol's Trace: what would happen to a frame (trace.h), with names.
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_TRACE_CTL_H
#define WEFT_VSWITCH_CONTROL_TRACE_CTL_H

#include "switch.h"

struct ctl_call;

/** Send the rows of a trace. 0, or -errno with err set. */
int trace_ctl_run(const struct vswitch *sw, struct ctl_call *call, const struct ctl_trace *req,
	struct err *err);

#endif
