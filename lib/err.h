/**
 * err: what a user reads when something failed.
 *
 * Functions that a user can make fail return 0 or -errno and take `struct err *err` last. The
 * function that finds the fault sets the text; each layer going up may put its context in front
 * (`topology 'lab1', link 2: ...`). One channel: nobody also sets errno.
 *
 * Grammar of a message: lower case, no final period; object kind and quoted name first, then what
 * was attempted, why it failed, and the offending value. The hint says what to change.
 *
 * Data model: a value with fixed buffers; no allocation, so it cannot fail itself. Text that does
 * not fit is cut. A NULL err is accepted everywhere and ignored.
 * Threads: a struct err belongs to one thread.
 */
#ifndef WEFT_LIB_ERR_H
#define WEFT_LIB_ERR_H

#include <stdbool.h>

#define ERR_MSG_SIZE 512

struct err {
	int code;       /* negative errno, 0 when unset */
	char name[64];  /* error name of the control protocol, "" = derived from code */
	char field[64]; /* request field at fault, "" = none */
	char msg[ERR_MSG_SIZE];
	char hint[256]; /* what to change, "" = none */
};

/** Forget what err holds. */
void err_clear(struct err *err);

/** Set code and message, dropping what was there. Returns code: `return err_set(...)`. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** As err_set(), naming the request field at fault (borrowed, copied). */
int err_set_field(struct err *err, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** Put context before the message. Returns err's code (-EIO for a NULL err). */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Set the hint. */
void err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Set the name that the control protocol reports, e.g. "PortExists". */
void err_name(struct err *err, const char *name);

/**
 * Print `PROGRAM: error: MESSAGE` and, where there is one, `PROGRAM: hint: HINT` to stderr.
 */
void err_print(const struct err *err, const char *program);

/**
 * The other way round: what a program printed with err_print() as its last words, at the end of
 * text (what it wrote to stderr). Control characters become blanks; code is -EIO.
 * returns  false, and err is clear, when text does not end so
 */
bool err_read_last(const char *text, struct err *ret_err);

#endif
