/**
 * vring_setup: a ring (datapath/vring.h) taken over from its driver's last device, and left to the
 * next.
 *
 * Threads: the control thread, while the ring is in no published snapshot.
 */
#ifndef WEFT_VSWITCH_PORT_VRING_SETUP_H
#define WEFT_VSWITCH_PORT_VRING_SETUP_H

#include "vring.h"

/**
 * Take over a ring whose desc, avail, used, mem and fds are set, and ask its driver not to kick.
 * Work begins where the last device returned to, so that what it received and did not return is
 * received again. Of a split ring the used index in its memory says where that is, and base, the
 * position as in SET_VRING_BASE, counts for nothing; of a packed ring it is base's lower half,
 * since not every front-end fills in the upper one.
 *
 * size     1..VRING_MAX_SIZE; split: a power of two
 * returns  0; -EINVAL: base is no slot of the ring, which is then broken (VRING_BAD_POSITION)
 */
int vring_init(struct vring *ring, bool packed, uint64_t features, uint16_t size, uint32_t base);
/** Position to tell the peer (GET_VRING_BASE). */
uint32_t vring_base(const struct vring *ring);

/** For people; static. */
const char *vring_fault_text(enum vring_fault fault);

#endif
