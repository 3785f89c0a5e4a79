/**
 * deliver: the way out of the switch, one port of a burst at a time.
 */
#ifndef WEFT_DATAPATH_DELIVER_H
#define WEFT_DATAPATH_DELIVER_H

#include "fwd.h"

/**
 * Put the frames fwd->out[port_id] into the port's ring for queue, finishing offloads that the
 * receiver did not negotiate. What cannot be put is counted at the port. A guest's ring is listed
 * for fwd_flush().
 */
void deliver(struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id, uint16_t queue);

#endif
