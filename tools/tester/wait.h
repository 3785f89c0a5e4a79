/** wait: until a file descriptor is ready, for so long and no longer, whatever signals come. */
#ifndef WEFT_TOOLS_TESTER_WAIT_H
#define WEFT_TOOLS_TESTER_WAIT_H

/** events: of poll(2). 0 once one of them, an error or the end is there; -ETIMEDOUT, or -errno. */
int wait_for_fd(int fd, short events, unsigned timeout_ms);

#endif
