/**
 * watch: a command shown again and again (-w), on a terminal in place.
 *
 * On a terminal a frame is drawn over the one before it: a line that says what, how often and when,
 * then what the command prints, its errors included, cut to the terminal's rows and columns. The
 * first rows of a table, which name its columns, so always stay. Elsewhere, and as JSON, what the
 * command prints is appended.
 */
#ifndef WEFT_NETCFG_WATCH_H
#define WEFT_NETCFG_WATCH_H

#include "opts.h"

#include <stddef.h>
#include <stdio.h>

/** A command, run once; words may be reordered. Returns its exit code. */
typedef int watch_run_fn(const struct opts *opts, char **words, unsigned n);

/** Run words[n] every opts->watch_s, until its words are wrong or nobody reads. An exit code. */
int watch(const struct opts *opts, char **words, unsigned n, watch_run_fn *run);

/** One frame of at most rows lines, the cursor's below included, and cols columns; text ends each
 * of its lines. */
void watch_draw(FILE *out, const char *title, const char *when, const char *text, unsigned rows,
	unsigned cols);

#endif
