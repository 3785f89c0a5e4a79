/**
 * fuzz_ring: a guest that does what it likes with its rings, between two that behave.
 *
 * The input is a program of small operations on port 0's memory (write bytes, write a descriptor,
 * make some available, fill the ring with chains), on what its VMM says (features, ring size, base,
 * regions of memory: adjacent, with holes, unaligned, one over another; a link instead of the
 * bridge) and on time (a burst from port 0 or to it, notifications, two workers whose publishing
 * and signalling come in any order, receivers that nobody empties, so that large frames wait).
 * Oracles, beyond sanitizers, the guard pages around both mappings and the poison on what was cut
 * out of a region: no position is outside its ring and no burst costs more than fwd.h says, after
 * every call (rig.h); every count adds up, the neighbours' rings stay whole, and afterwards they
 * still exchange a frame.
 */
#ifndef WEFT_TESTS_FUZZ_FUZZ_RING_H
#define WEFT_TESTS_FUZZ_FUZZ_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int fuzz_ring(bool packed, const uint8_t *data, size_t size);

#endif
