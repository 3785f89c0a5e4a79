/** fuzz: the one function that a fuzz target defines. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Feed data[size] to the code under test. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
