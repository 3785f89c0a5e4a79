/**
 * ctl_talk: talking to the control service (ctl_service.h) by a raw socket, well or badly.
 *
 * A conversation is in bytes: dial, say, and check what was heard. The service runs in between, in
 * this thread, until it has nothing left to do.
 */
#ifndef WEFT_TESTS_UNIT_LIB_CTL_TALK_H
#define WEFT_TESTS_UNIT_LIB_CTL_TALK_H

#include <stddef.h>

#define ECHO(number) "{\"method\":\"net.weft.test.Echo\",\"parameters\":{\"number\":" #number "}}"

/** Let the server do all that there is to do. */
void pump(void);

/** Connect, without letting the server run. Owned, does not block. */
int dial_only(void);
/** Connect and be accepted. */
int dial(void);

/** Send n bytes, or what the server takes before it closes. */
void say_bytes(int fd, const char *bytes, size_t n);
/** Send one message, its NUL included. */
void say(int fd, const char *text);

/** What arrived, NULs made newlines; ends with "EOF" if the server closed. Static buffer. */
const char *heard(int fd);
void check_heard(int fd, const char *want);
void check_heard_part(int fd, const char *part);

/** A new client's request is answered. */
void check_served(void);

#endif
