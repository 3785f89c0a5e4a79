/**
 * term: the serial console of a node, as a stream of bytes: connecting to it, and telling the
 * output of a command from everything else on it.
 */
#ifndef WEFT_NETCFG_TERM_H
#define WEFT_NETCFG_TERM_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/** Connect to the Unix socket of a console. Returns the fd (owned), or -errno with err set. */
int term_connect(const char *path, const char *node, struct err *err);
/** Write all of it, waiting where need be. 0 or -errno. */
int term_write(int fd, const char *data, size_t len);

/**
 * Finds BEGIN, passes on what follows, and stops at END with a number after it, in a stream that
 * comes in pieces of any size. Without an END it stops at BEGIN. Carriage returns before a line
 * feed, which the guest's terminal adds, go.
 */
struct term_filter {
	const char *begin, *end; /* borrowed; end: NULL = none */
	bool started, done;
	int status;     /* number after END */
	char held[128]; /* bytes that may become a marker */
	size_t n_held;
	void (*output)(void *ctx, const char *data, size_t len);
	void *ctx;
};

/** Feed data[len]. Returns true once END, its number and a byte behind that were seen. */
bool term_filter_feed(struct term_filter *filter, const char *data, size_t len);

/**
 * Words as one line for a POSIX shell: a single word is the line itself, several are quoted so that
 * the guest's shell sees the same words. Owned (free()), NULL = out of memory.
 */
char *term_quote(char *const *words, unsigned n);

/**
 * What to type so that an interactive shell runs line: a tab would ask its line editor for
 * completions, a line feed end the line early, and an exclamation mark recall old ones. A line with
 * any of them goes as octal escapes of printf(1). Owned (free()), NULL = out of memory.
 */
char *term_typed(const char *line);

#endif
