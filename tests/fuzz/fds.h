/**
 * fds: descriptors that a target's code under test leaves open.
 */
#ifndef WEFT_TESTS_FUZZ_FDS_H
#define WEFT_TESTS_FUZZ_FDS_H

/** Remember what is open. */
void fds_note(void);
/** Wait until all that was not open at fds_note() is closed. Aborts after a long while. */
void fds_wait_closed(void);

#endif
