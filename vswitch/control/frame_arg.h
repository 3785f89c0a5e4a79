/**
 * frame_arg: a frame as control messages have it: two hexadecimal digits a byte.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_FRAME_ARG_H
#define WEFT_VSWITCH_CONTROL_FRAME_ARG_H

#include "ctl_vswitch.h"
#include "err.h"

#include <stdint.h>

/** Of bytes[CTL_TRACE_MAX_FRAME]. what: who wants it, for the message. Returns how many, or -EINVAL
 *  with err set. */
int frame_arg_parse(const char *what, const char *text, uint8_t *bytes, struct err *err);

#endif
