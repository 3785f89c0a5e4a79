/**
 * fds: descriptors that a target's code under test leaves open.
 */
#ifndef FUZZ_FDS_H
#define FUZZ_FDS_H

/** Remember what is open. */
void fds_note(void);
/** Close what is open now and was not at fds_note(). Aborts if there is more than max. */
void fds_close_left(unsigned max);

#endif
