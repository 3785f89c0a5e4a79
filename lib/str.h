/**
 * str: the few string helpers that libc lacks: bounded copy, printf into new memory, the numbers
 * that people type with a unit, and "did you mean".
 *
 * Pure functions; any thread.
 */
#ifndef WEFT_LIB_STR_H
#define WEFT_LIB_STR_H

#include <stddef.h>
#include <stdint.h>

/**
 * Copy src into dst[size], size > 0, always terminated. What does not fit is cut, never in the
 * middle of a UTF-8 sequence. Returns the length of dst.
 */
size_t str_copy(char *dst, size_t size, const char *src);

/** printf into owned memory (free()); NULL when there is none. */
char *str_dup_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * The candidate that word was most likely meant to be, by edit distance without regard to case, or
 * NULL if none of candidates[n] is near (a third of the word may differ). Words over 64 bytes have
 * no neighbours.
 */
const char *str_nearest(const char *word, const char *const *candidates, size_t n);

/** The value of a hexadecimal digit; -1: it is none. */
int str_hex_digit(char c);
/** A decimal number, or hexadecimal after 0x, alone. 0, -EINVAL, -ERANGE (over 64 bits). */
int str_parse_u64(const char *text, uint64_t *ret_value);
/**
 * A size in bytes: a number with an optional K, M, G or T (powers of 1024), itself optionally
 * followed by B or iB. "256M", "1GiB", "4096". 0, -EINVAL, -ERANGE.
 */
int str_parse_size(const char *text, uint64_t *ret_bytes);

#define STR_DURATION_SIZE 40
/**
 * Seconds as people write them, without what is nothing: "12m20s", "5m", "1d3s", "0s". Returns buf.
 */
char *str_format_duration(char buf[STR_DURATION_SIZE], uint64_t seconds);

#endif
