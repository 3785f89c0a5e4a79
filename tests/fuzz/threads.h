/**
 * threads: what a program under test starts with pthread_create(), run by threads that stay.
 *
 * Creating and ending a thread takes most of the time of a short input, under AddressSanitizer. So
 * a target that is linked with --wrap=pthread_create keeps them for the next input, and knows when
 * all that was started is done. So it is with threads that are created detached; one that somebody
 * may join is a thread of its own.
 */
#ifndef WEFT_TESTS_FUZZ_THREADS_H
#define WEFT_TESTS_FUZZ_THREADS_H

/** Functions that were started and have not returned; the fuzzer's own may be among them. */
unsigned threads_count(void);
/** Wait until no more than n_left of them have not. */
void threads_wait(unsigned n_left);

#endif
