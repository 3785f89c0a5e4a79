/**
 * opts: the options that stand before the object or command, and the exit codes of netcfg.
 *
 * The option letters are iproute2's where it has one. One table makes the parser, the help text,
 * the completion and (checked by a test) the manual page.
 */
#ifndef WEFT_NETCFG_OPTS_H
#define WEFT_NETCFG_OPTS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/** Exit codes; scripts rely on them. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,  /* the operation failed */
	EXIT_USAGE = 2,   /* bad usage or bad file */
	EXIT_DIFFERS = 3, /* plan --exit-code, status --check: differences found */
	EXIT_TIMEOUT = 4,
};

struct opts {
	const char *socket;  /* -S, NULL = the lab's */
	const char *lab;     /* -L */
	const char *file;    /* -f */
	const char *batch;   /* -b */
	const char *run_dir; /* --run-dir: where labs live, NULL = default */
	const char *bin_dir; /* --bindir */
	const char *columns; /* --columns A,B */
	const char *color;   /* -c[=auto|always|never] */
	const char *allow;   /* --allow restart, stop */
	bool json, pretty, brief, stats, rate, details, oneline, timestamp;
	bool dry_run, yes, quiet, verbose, no_header, keep_going;
	bool exit_code, check, force, slow_kvm, follow_log, help, version;
	bool watch, wait;
	double watch_s;     /* -w[=SEC], default 2 */
	unsigned wait_s;    /* --wait[=SEC], default 60 */
	unsigned timeout_s; /* --timeout=SEC, 0 = default of the command */
	bool may_exist, if_exists;
};

enum opt_kind {
	OPT_FLAG,
	OPT_TEXT,
	OPT_TEXT_MAYBE,
	OPT_SECONDS,
	OPT_SECONDS_MAYBE,
	OPT_PERIOD_MAYBE
};

struct opt {
	const char *name;  /* with its dashes */
	const char *alias; /* other spelling, NULL = none */
	enum opt_kind kind;
	size_t offset;     /* of the value in struct opts */
	size_t flag;       /* of the flag of a *_MAYBE */
	const char *value; /* how help shows the value */
	const char *help;
};

extern const struct opt opts_table[];
extern const size_t opts_n;

/** Is it written as one? A lone "-" is a file name, and "-5" a number. */
bool opts_is_option(const char *word);
/** The option of that name, or of what stands before its "="; NULL = there is none. */
const struct opt *opts_find(const char *word);
/** The same of another table. */
const struct opt *opts_find_in(const struct opt *table, size_t n, const char *word);
/** Is its value the next word, where none stands behind a "="? */
bool opts_wants_word(const struct opt *opt);

/** Complain about a word that is written as an option and is none. -EINVAL, err set. */
int opts_unknown(const char *word, struct err *err);

/**
 * Take the options of a table out of words[n] (borrowed, reordered so that the rest stands first),
 * wherever they are, up to a "--", which ends them and is kept; options that are not of the table
 * stay. dst: what the table's offsets count in. ret_n: how many words are left. 0, or -errno with
 * err set.
 */
int opts_take(const struct opt *table, size_t n_table, void *dst, char **words, unsigned n,
	unsigned *ret_n, struct err *err);
/**
 * Take the options out of words[n] as opts_take() does; one that is none is an error. Behind a
 * command that has options of its own they are left to it. ret_n: how many words are left.
 */
int opts_parse(struct opts *opts, char **words, unsigned n, unsigned *ret_n, struct err *err);

#endif
