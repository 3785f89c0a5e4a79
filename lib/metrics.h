/**
 * metrics: numbers of control messages as text for Prometheus and whoever reads its formats.
 *
 * Data model. A program lists groups of rows, each row a control message (ctl_port_stats). What the
 * message's table marks as a counter or gauge (ctl_schema.h) is a metric family: its name is the
 * group's prefix and the field's name with its unit at the end, its help is the field's, and what
 * the table marks as labels are its labels. So a new counter of the protocol is a new metric, and
 * nothing is named twice:
 *
 *   # TYPE weft_port_rx_frames counter
 *   # UNIT weft_port_rx_frames frames
 *   # HELP weft_port_rx_frames received from the port
 *   weft_port_rx_frames_total{port="h1:eth1"} 12
 *
 * Values have base units: seconds, bytes, ratios. An enumeration is one gauge for each of its
 * names, of which one is 1. A field that a row lacks has no sample there.
 *
 * The text comes in parts, so that one of any length takes little memory; what is added or removed
 * between two parts may be in it or not.
 *
 * Threads: any, one at a time for a cursor. Limits: METRICS_PART_MIN.
 * Source: OpenMetrics 1.0.0; Prometheus, "Text-based format" version 0.0.4, in which the name of a
 * counter's family ends in _total like that of its samples, and UNIT and EOF are comments.
 */
#ifndef WEFT_LIB_METRICS_H
#define WEFT_LIB_METRICS_H

#include "ctl_schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics_group {
	const char *prefix; /* "weft_port" */
	const char *key;    /* label that the rows' field `name` is; NULL: they have none */
	const struct ctl_struct *schema;
	/**
	 * Fill row, which is zeroed, with the next one, and move *at, which begins as 0, behind it.
	 * False: there is none any more.
	 */
	bool (*next)(void *ctx, uint64_t *at, void *row);
};

struct metrics {
	const struct metrics_group *groups; /* groups[n_groups] */
	unsigned n_groups;
	void *ctx;              /* of next() */
	const char *label_name; /* a label of every sample; NULL: none */
	const char *label_value;
};

enum metrics_format { METRICS_OPENMETRICS, METRICS_PROMETHEUS };
/** What a format is called in HTTP: its media type. */
const char *metrics_media_type(enum metrics_format format);

/** How far a text has come; begins as zeroes. */
struct metrics_cursor {
	unsigned group, field;
	uint64_t at;
	bool is_begun; /* the family's head is written */
	bool is_ended;
};

#define METRICS_ROW_SIZE 12288 /* rows are no larger */
#define METRICS_PART_MIN 8192
/**
 * Write the next part of the text into buf[size], size >= METRICS_PART_MIN, not terminated. Asks
 * for METRICS_ROWS_MAX rows at most. Not after cursor->is_ended, which says that there is no more.
 * Returns how many bytes; 0 is no end.
 */
size_t metrics_write(const struct metrics *metrics, enum metrics_format format,
	struct metrics_cursor *cursor, char *buf, size_t size);
#define METRICS_ROWS_MAX 64

/** The family's name of that field, without _total. "" where it is no metric. Returns buf. */
const char *metrics_name(const struct metrics_group *group, const struct ctl_field *field,
	char *buf, size_t size);
#define METRICS_NAME_SIZE 128

#endif
