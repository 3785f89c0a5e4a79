/**
 * fuzz_ring: a guest that does what it likes with its rings, between two that behave.
 *
 * The input is a program of small operations on port 0's memory (write bytes, write a descriptor,
 * make some available) and on time (a burst from port 0, a broadcast to it, notifications, a
 * reset). Oracles, beyond sanitizers and guard pages: every count adds up, the neighbours' rings
 * stay whole, and afterwards they still exchange a frame.
 */
#ifndef FUZZ_RING_H
#define FUZZ_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int fuzz_ring(bool packed, const uint8_t *data, size_t size);

#endif
