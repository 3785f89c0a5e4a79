#include "metrics.h"

#include "ctl_field.h"
#include "str.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of one row, with the head of its family. */
#define METRICS_STEP_MAX (METRICS_PART_MIN / 2)

/* ---- Names and units ---- */

/* A unit of the protocol as one of metrics: its word, and how many of it one is, as a fraction. */
struct unit {
	const char *ours, *word;
	uint32_t times, of;
};

static const struct unit *find_unit(const char *ours)
{
	static const struct unit units[] = {
		{"s", "seconds", 1, 1},
		{"%", "ratio", 1, 100},
		{"Mbit/s", "bytes_per_second", 125000, 1},
		{"bytes", "bytes", 1, 1},
		{"frames", "frames", 1, 1},
	};
	static const struct unit none = {"", "", 1, 1};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(units[i].ours, ours))
			return &units[i];
	}
	return &none;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && text[len - n - 1] == '_' && !memcmp(text + len - n, end, n);
}

static bool is_metric(const struct ctl_field *field)
{
	return field->metric == CTL_METRIC_COUNTER || field->metric == CTL_METRIC_GAUGE;
}

const char *metrics_name(const struct metrics_group *group, const struct ctl_field *field,
	char *buf, size_t size)
{
	const struct unit *unit = find_unit(field->unit);
	size_t len = strlen(field->name);
	bool has_unit = ends_with(field->name, len, unit->word);

	buf[0] = '\0';
	if (!is_metric(field))
		return buf;
	/* uptime_s is uptime_seconds. */
	if (!has_unit && field->unit[0] && ends_with(field->name, len, field->unit))
		len -= strlen(field->unit) + 1;
	(void)snprintf(buf, size, "%s_%.*s%s%s", group->prefix, (int)len, field->name,
		unit->word[0] && !has_unit && strcmp(field->name, unit->word) ? "_" : "",
		has_unit || !strcmp(field->name, unit->word) ? "" : unit->word);
	return buf;
}

const char *metrics_media_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- Text ---- */

/* A part of a text. What does not fit is left out whole: METRICS_PART_MIN is enough for a row. */
struct part {
	char *buf;
	size_t len, size;
};

static void __attribute__((format(printf, 2, 3))) add(struct part *part, const char *fmt, ...)
{
	size_t left = part->size - part->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(part->buf + part->len, left, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < left)
		part->len += (size_t)n;
}

/* OpenMetrics 1.0.0, "Overall Structure": normal-char, and what is escaped. */
static void add_escaped(struct part *part, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n\"\\");

		add(part, "%.*s", (int)n, text);
		text += n;
		if (!*text)
			return;
		add(part, "\\%c", *text == '\n' ? 'n' : *text);
		text++;
	}
}

static void add_label(struct part *part, bool *is_first, const char *name, const char *value)
{
	add(part, "%s%s=\"", *is_first ? "{" : ",", name);
	add_escaped(part, value);
	add(part, "\"");
	*is_first = false;
}

/* The family, and where a state is one of several, its name. */
static void add_head_of_sample(struct part *part, const struct metrics *metrics,
	const struct metrics_group *group, const struct ctl_field *of, const void *row,
	const char *state)
{
	char name[METRICS_NAME_SIZE], value[CTL_NAME_MAX + CTL_VALUE_SIZE];
	bool is_first = true;

	add(part, "%s%s", metrics_name(group, of, name, sizeof(name)),
		of->metric == CTL_METRIC_COUNTER ? "_total" : "");
	if (metrics->label_name)
		add_label(part, &is_first, metrics->label_name, metrics->label_value);
	for (unsigned i = 0; i < group->schema->n_fields; i++) {
		const struct ctl_field *field = &group->schema->fields[i];

		if (field->metric != CTL_METRIC_LABEL || !ctl_field_is_set(row, field->idx))
			continue;
		(void)ctl_field_format(field, row, value, sizeof(value));
		add_label(part, &is_first,
			group->key && !strcmp(field->name, "name") ? group->key : field->name,
			value);
	}
	if (state)
		add_label(part, &is_first, of->name, state);
	add(part, "%s ", is_first ? "" : "}");
}

static uint64_t number_of(const struct ctl_field *field, const void *row)
{
	const void *at = (const char *)row + field->offset;

	switch (field->kind) {
	case CTL_KIND_BOOL:
		return *(const bool *)at;
	case CTL_KIND_U16:
		return *(const uint16_t *)at;
	case CTL_KIND_U32:
	case CTL_KIND_ENUM:
		return *(const uint32_t *)at;
	case CTL_KIND_U64:
		return *(const uint64_t *)at;
	default:
		return 0;
	}
}

static void add_samples(struct part *part, const struct metrics *metrics,
	const struct metrics_group *group, const struct ctl_field *field, const void *row)
{
	const struct unit *unit = find_unit(field->unit);
	uint64_t number = number_of(field, row);

	if (!ctl_field_is_set(row, field->idx))
		return;
	for (unsigned i = 0; field->kind == CTL_KIND_ENUM && field->names[i]; i++) {
		add_head_of_sample(part, metrics, group, field, row, field->names[i]);
		add(part, "%d\n", number == i);
	}
	if (field->kind == CTL_KIND_ENUM)
		return;
	add_head_of_sample(part, metrics, group, field, row, NULL);
	if (unit->of == 1)
		add(part, "%" PRIu64 "\n", number * unit->times);
	else
		add(part, "%g\n", (double)number / unit->of);
}

static void add_head_of_family(struct part *part, enum metrics_format format,
	const struct metrics_group *group, const struct ctl_field *field)
{
	bool is_counter = field->metric == CTL_METRIC_COUNTER;
	const char *end = is_counter && format == METRICS_PROMETHEUS ? "_total" : "";
	const char *unit = find_unit(field->unit)->word;
	char name[METRICS_NAME_SIZE];

	(void)metrics_name(group, field, name, sizeof(name));
	add(part, "# TYPE %s%s %s\n", name, end, is_counter ? "counter" : "gauge");
	if (unit[0])
		add(part, "# UNIT %s%s %s\n", name, end, unit);
	add(part, "# HELP %s%s ", name, end);
	add_escaped(part, field->help);
	add(part, "\n");
}

/* ---- The walk over groups, their families and the rows of each ---- */

static void end_family(struct metrics_cursor *cursor)
{
	cursor->field++;
	cursor->at = 0;
	cursor->is_begun = false;
}

/* The family whose turn it is; NULL: there is none any more. */
static const struct ctl_field *find_family(const struct metrics *metrics,
	struct metrics_cursor *cursor)
{
	for (; cursor->group < metrics->n_groups; cursor->group++, cursor->field = 0) {
		const struct ctl_struct *schema = metrics->groups[cursor->group].schema;

		for (; cursor->field < schema->n_fields; cursor->field++) {
			if (is_metric(&schema->fields[cursor->field]))
				return &schema->fields[cursor->field];
		}
	}
	return NULL;
}

size_t metrics_write(const struct metrics *metrics, enum metrics_format format,
	struct metrics_cursor *cursor, char *buf, size_t size)
{
	struct part part = {buf, 0, size};
	union {
		uint64_t set;
		char bytes[METRICS_ROW_SIZE];
	} row;

	assert(size >= METRICS_PART_MIN);
	for (unsigned i = 0; i < METRICS_ROWS_MAX && part.len <= size - METRICS_STEP_MAX; i++) {
		const struct ctl_field *field = find_family(metrics, cursor);
		const struct metrics_group *group = &metrics->groups[cursor->group];

		if (!field) {
			add(&part, "# EOF\n");
			cursor->is_ended = true;
			break;
		}
		if (!cursor->is_begun)
			add_head_of_family(&part, format, group, field);
		cursor->is_begun = true;
		assert(group->schema->size <= sizeof(row));
		memset(&row, 0, group->schema->size);
		if (group->next(metrics->ctx, &cursor->at, &row))
			add_samples(&part, metrics, group, field, &row);
		else
			end_family(cursor);
	}
	return part.len;
}
