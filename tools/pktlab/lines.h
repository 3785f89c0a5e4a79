/**
 * lines: text lines of a file descriptor, without ever waiting for the rest of one.
 *
 * Threads: one. Limits: a line of LINES_MAX bytes; a longer one ends the stream with -EMSGSIZE.
 */
#ifndef WEFT_TOOLS_PKTLAB_LINES_H
#define WEFT_TOOLS_PKTLAB_LINES_H

#include <stddef.h>

#define LINES_MAX (16u << 20)

struct lines {
	int fd; /* borrowed */
	char *buf;
	size_t len, size, taken;
};

void lines_init(struct lines *lines, int fd);
void lines_done(struct lines *lines);
/**
 * The next line, waiting up to timeout_ms for one (-1: without end).
 *
 * ret_line  without its end, terminated; valid until the next call
 * returns   1, 0 (none yet), -EPIPE at the end of the file, -EMSGSIZE, -ENOMEM, or -errno
 */
int lines_next(struct lines *lines, int timeout_ms, char **ret_line);

#endif
