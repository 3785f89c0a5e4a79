/** fuzz: the one function that a fuzz target defines, and what several of them share. */
#ifndef WEFT_TESTS_FUZZ_FUZZ_H
#define WEFT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/**
 * An input takes milliseconds. What takes longer than this waited for what a peer holds back: for
 * targets whose peer can, since the fuzzer's alarm, a second later with the runner's -timeout=60,
 * is a signal, which ends such a wait and goes unnoticed then.
 */
#define FUZZ_MAX_WAIT_NS UINT64_C(30000000000)

/** Feed data[size] to the code under test. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
