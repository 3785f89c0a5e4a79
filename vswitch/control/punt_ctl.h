/**
 * punt_ctl: punted frames (datapath/punt.h) handed to those who asked for them.
 *
 * A frame of a port that has gone meanwhile is dropped: records are drained before a port's id is
 * another's, but after the port has left the model. Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_PUNT_CTL_H
#define WEFT_VSWITCH_CONTROL_PUNT_CTL_H

#include "datapath/punt.h"

/** As worker_ctl.h has it; ctx: a struct vswitch. */
void punt_ctl_dispatch(void *ctx, const struct punt_record *record);

#endif
