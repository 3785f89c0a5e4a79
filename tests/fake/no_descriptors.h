/**
 * no_descriptors: an event loop of a process that has used up its file descriptors, as a listener
 * meets it: who waits is not served, and must not keep the loop busy.
 *
 * Threads: one. Fails the running cmocka test when something is wrong with it.
 */
#ifndef WEFT_TESTS_FAKE_NO_DESCRIPTORS_H
#define WEFT_TESTS_FAKE_NO_DESCRIPTORS_H

struct ev;

/**
 * Connect a new socket to the Unix socket at path, and run the loop for 1,000 rounds while no
 * further descriptor can be made: few of them may have anything to do. Returns the socket, to be
 * served from now on.
 */
int no_descriptors_connect(const char *path, struct ev *ev);

#endif
