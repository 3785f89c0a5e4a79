/**
 * show: rows of data drawn as a table, as brief lines, as blocks or as JSON, by the same calls.
 *
 * A caller names its columns once, or shows messages whose rows name them, and adds rows; each row
 * is a JSON object, which is what -j prints. Table cells come from the same object, unless the
 * caller gives a text for people (ages as "12m20s"). So that text and JSON never disagree.
 *
 * Tables are aligned by what a terminal shows of a text, not by its bytes. On a terminal states are
 * coloured (NO_COLOR and -c never turn that off), and where a table would not fit, the widest texts
 * are cut, but no names and numbers.
 *
 * JSON is an array of objects with stable keys; keys are only ever added within SHOW_JSON_VERSION.
 * Keys of `fdb show` and `vlan show` are those of `bridge -j fdb|vlan show` of iproute2.
 *
 * Threads: one. Output goes to the FILE given; messages never come through here.
 */
#ifndef WEFT_NETCFG_SHOW_H
#define WEFT_NETCFG_SHOW_H

#include "ctl_schema.h"
#include "opts.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define SHOW_JSON_VERSION 1
#define SHOW_MAX_COLUMNS  16

struct show_column {
	const char *key;   /* of the row's JSON object */
	const char *title; /* upper case */
	bool right;        /* numbers */
	enum ctl_where where;
};

struct show;

/** The columns of such messages, as their rows tell: right-aligned if numbers. Returns how many. */
unsigned show_columns(const struct ctl_struct *schema, struct show_column cols[SHOW_MAX_COLUMNS]);
/** Where the column of a field is among them. */
#define SHOW_COLUMN(T, field) (T##_schema.fields[T##__##field].column.place - 1)

/** cols[n_cols] is borrowed until show_end(). NULL when out of memory. */
struct show *show_begin(FILE *out, const struct opts *opts, const struct show_column *cols,
	unsigned n_cols);
/** Before the first row: rows are such messages, of which some numbers measure something. */
void show_rows_of(struct show *show, const struct ctl_struct *schema);
/**
 * row is transferred (NULL = out of memory, remembered). texts (NULL, or n_cols texts for people,
 *  each NULL for the JSON value's) are copied.
 */
void show_row(struct show *show, json_t *row, const char *const *texts);
/** Draw and free. 0, -EINVAL for an unknown --columns name, -ENOMEM. */
int show_end(struct show *show, struct err *err);
/** Free without drawing. Returns 0. */
int show_discard(struct show *show);

/** Are the rows drawn for people, and not as JSON? */
bool show_is_text(const struct show *show);
/** The present fields of a control message as a JSON object (new reference, or NULL). */
json_t *show_msg(const struct ctl_struct *schema, const void *msg);

#define SHOW_TIME_SIZE 32
/** Local date and time, "2026-01-31 12:34:56"; "" where there is none. Returns buf. */
const char *show_time(char buf[SHOW_TIME_SIZE], time_t when);

#endif
