/**
 * trace_text: the steps of a trace as lines for people, on standard output.
 *
 * Threads: any; no state.
 */
#ifndef WEFT_NETCFG_TRACE_TEXT_H
#define WEFT_NETCFG_TRACE_TEXT_H

#include "ctl_vswitch.h"

void trace_text_print(const struct ctl_trace_step *step);

#endif
