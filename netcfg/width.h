/**
 * width: the columns of a terminal, those that a text takes, and how much of it fits.
 *
 * Characters are those of the locale; what is none of them takes a column a byte. Escape sequences
 * (CSI) take none.
 */
#ifndef WEFT_NETCFG_WIDTH_H
#define WEFT_NETCFG_WIDTH_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Bytes of text[len] that fit into cols columns: all of them; or, with *ret_is_cut, as many as
 * leave a column for a mark. ret_width: the columns that these take.
 */
size_t width_fit(const char *text, size_t len, size_t cols, size_t *ret_width, bool *ret_is_cut);

/** Size of the terminal at fd. false: it does not say, or is none, and 24 by 80 are returned. */
bool width_of_terminal(int fd, unsigned *ret_rows, unsigned *ret_cols);

#endif
