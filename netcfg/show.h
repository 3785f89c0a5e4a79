/**
 * show: rows of data drawn as a table, as brief lines, as blocks or as JSON, by the same calls.
 *
 * A caller names its columns once and adds rows; each row is a JSON object, which is what -j
 * prints. Table cells come from the same object, unless the caller gives a text for people (ages as
 * "12m20s"). So that text and JSON never disagree.
 *
 * Tables are aligned by what a terminal shows of a text, not by its bytes. On a terminal states are
 * coloured (NO_COLOR and -c never turn that off), and a last column that would not fit is cut.
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

#define SHOW_JSON_VERSION 1
#define SHOW_MAX_COLUMNS  16

/** Where a column is shown, unless --columns says. Tables are to fit 80 columns. */
enum show_where {
	SHOW_BRIEF,  /* with -br, too */
	SHOW_TABLE,  /* in tables */
	SHOW_IF_ANY, /* in tables of which some row has something to say there */
	SHOW_NOTE,   /* below the table, of each row that has something to say: long texts */
	SHOW_NAMED,  /* only where it is asked for */
};

struct show_column {
	const char *key;   /* of the row's JSON object */
	const char *title; /* upper case */
	bool right;        /* numbers */
	enum show_where where;
};

struct show;

/** cols[n_cols] is borrowed until show_end(). NULL when out of memory. */
struct show *show_begin(FILE *out, const struct opts *opts, const struct show_column *cols,
	unsigned n_cols);
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

#endif
