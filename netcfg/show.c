#include "show.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "str.h"
#include "width.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* No column is cut to less than this. */
#define MIN_CUT 6

struct show_line {
	char *cells[SHOW_MAX_COLUMNS];
};

struct show {
	FILE *out;
	const struct opts *opts;
	const struct show_column *cols;
	unsigned n_cols;
	const struct ctl_struct *schema; /* of the rows; NULL = unknown */
	json_t *rows;
	struct show_line *lines;
	size_t n_lines, n_allocated;
	bool failed; /* out of memory */
};

unsigned show_columns(const struct ctl_struct *schema, struct show_column cols[SHOW_MAX_COLUMNS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		bool is_number = field->kind == CTL_KIND_U16 || field->kind == CTL_KIND_U32 ||
				 field->kind == CTL_KIND_U64;

		if (!field->column.place)
			continue;
		assert(field->column.place <= SHOW_MAX_COLUMNS);
		cols[field->column.place - 1] = (struct show_column){
			field->name, field->column.title, is_number, field->column.where};
		n++;
	}
	return n;
}

struct show *show_begin(FILE *out, const struct opts *opts, const struct show_column *cols,
	unsigned n_cols)
{
	struct show *show = calloc(1, sizeof(*show));

	if (!show)
		return NULL;
	*show = (struct show){
		.out = out, .opts = opts, .cols = cols, .n_cols = n_cols, .rows = json_array()};
	return show;
}

void show_rows_of(struct show *show, const struct ctl_struct *schema)
{
	show->schema = schema;
}

bool show_is_text(const struct show *show)
{
	return !show->opts->json;
}

json_t *show_msg(const struct ctl_struct *schema, const void *msg)
{
	char *text;
	json_t *row;

	if (ctl_encode(schema, msg, &text) < 0)
		return NULL;
	row = json_loads(text, 0, NULL);
	free(text);
	return row;
}

const char *show_time(char buf[SHOW_TIME_SIZE], time_t when)
{
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(buf, SHOW_TIME_SIZE, "%F %T", &tm))
		buf[0] = '\0';
	return buf;
}

static char *value_text(const json_t *value)
{
	char *text, *joined = NULL;
	json_t *item;
	size_t i;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return strdup(json_string_value(value)[0] ? json_string_value(value) : "-");
	case JSON_INTEGER:
		return str_dup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL:
		return str_dup_printf("%g", json_real_value(value));
	case JSON_TRUE:
		return strdup("yes");
	case JSON_FALSE:
		return strdup("no");
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		{
			char *one = json_is_object(item) ? json_dumps(item, JSON_COMPACT)
							 : value_text(item);

			text = str_dup_printf("%s%s%s", joined ? joined : "", joined ? " " : "",
				one ? one : "?");
			free(one);
			free(joined);
			joined = text;
		}
		return joined ? joined : strdup("-");
	default:
		return strdup("-");
	}
}

static char *field_text(const struct ctl_field *field, const json_t *value);

/* "delay 20ms loss 0.1%": a message within another, in the order of its table. */
static char *object_text(const struct ctl_struct *schema, const json_t *object)
{
	char *joined = NULL;

	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		const json_t *value = json_object_get(object, field->name);
		char *one = value ? field_text(field, value) : NULL, *text;

		if (!one)
			continue;
		text = str_dup_printf("%s%s%s %s", joined ? joined : "", joined ? " " : "",
			field->name, one);
		free(one);
		free(joined);
		joined = text;
	}
	return joined ? joined : strdup("-");
}

static char *field_text(const struct ctl_field *field, const json_t *value)
{
	char text[MEASURE_TEXT_SIZE];

	if (field->kind == CTL_KIND_MSG && json_is_object(value))
		return object_text(field->sub, value);
	if (!field->measure || !json_is_integer(value))
		return value_text(value);
	return strdup(measure_format(field->measure, (uint64_t)json_integer_value(value), text));
}

/* The value of a row under that key, for people. */
static char *cell_text(const struct show *show, const char *key, const json_t *value)
{
	const struct ctl_field *field = show->schema ? ctl_field_find(show->schema, key) : NULL;

	return field ? field_text(field, value) : value_text(value);
}

/* Rows are kept as what is drawn of them: there may be a million. */
static bool draws_json(const struct show *show)
{
	return show->opts->json || show->opts->details || show->opts->oneline;
}

static void add_line(struct show *show, const json_t *row, const char *const *texts)
{
	struct show_line *line;

	if (show->n_lines == show->n_allocated) {
		size_t n = show->n_allocated ? 2 * show->n_allocated : 64;
		void *lines = realloc(show->lines, n * sizeof(*show->lines));

		if (!lines) {
			show->failed = true;
			return;
		}
		show->lines = lines;
		show->n_allocated = n;
	}
	line = &show->lines[show->n_lines++];
	for (unsigned i = 0; i < show->n_cols; i++) {
		const char *text = texts ? texts[i] : NULL;

		const char *key = show->cols[i].key;

		line->cells[i] =
			text ? strdup(text) : cell_text(show, key, json_object_get(row, key));
		if (!line->cells[i])
			show->failed = true;
	}
}

void show_row(struct show *show, json_t *row, const char *const *texts)
{
	if (!show) {
		json_decref(row);
	} else if (!row) {
		show->failed = true;
	} else if (draws_json(show)) {
		if (json_array_append_new(show->rows, row))
			show->failed = true;
	} else {
		add_line(show, row, texts);
		json_decref(row);
	}
}

/* Says which there are, and which may be meant. */
static int no_column(const struct show *show, const char *word, struct err *err)
{
	const char *names[SHOW_MAX_COLUMNS], *nearest;
	char list[200] = "";
	size_t used = 0;

	for (unsigned i = 0; i < show->n_cols; i++) {
		names[i] = show->cols[i].title;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? "," : "",
			names[i]);
		if (used >= sizeof(list))
			break;
	}
	nearest = str_nearest(word, names, show->n_cols);
	(void)err_set(err, -EINVAL, "--columns: unknown column '%s'", word);
	err_hint(err, "%s%s%scolumns are %s", nearest ? "did you mean '" : "",
		nearest ? nearest : "", nearest ? "'? " : "", list);
	return -EINVAL;
}

/* Has a row something to say in this column? */
static bool has_any(const struct show *show, unsigned col)
{
	for (size_t l = 0; l < show->n_lines; l++) {
		if (strcmp(show->lines[l].cells[col], "-") != 0)
			return true;
	}
	return false;
}

static bool is_shown(const struct show *show, unsigned col)
{
	switch (show->cols[col].where) {
	case CTL_SHOW_BRIEF:
		return true;
	case CTL_SHOW_TABLE:
		return !show->opts->brief;
	case CTL_SHOW_IF_ANY:
		return !show->opts->brief && has_any(show, col);
	case CTL_SHOW_NOTE:
	case CTL_SHOW_NAMED:
		break;
	}
	return false;
}

/* Columns in the order to draw; -EINVAL for an unknown name in --columns. */
static int choose(const struct show *show, unsigned *order, unsigned *ret_n, struct err *err)
{
	char word[64];
	const char *at = show->opts->columns;
	unsigned n = 0;

	for (unsigned i = 0; i < show->n_cols; i++) {
		if (!at && is_shown(show, i))
			order[n++] = i;
	}
	while (at && n < SHOW_MAX_COLUMNS) {
		size_t len = strcspn(at, ",");
		unsigned i = 0;

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
		while (i < show->n_cols && strcasecmp(word, show->cols[i].title) &&
			strcmp(word, show->cols[i].key))
			i++;
		if (i == show->n_cols)
			return no_column(show, word, err);
		order[n++] = i;
		at = at[len] ? at + len + 1 : NULL;
	}
	*ret_n = n;
	return 0;
}

static const char *color_of(const char *cell)
{
	static const char *const good[] = {"up", "running", "ready"};
	static const char *const bad[] = {"down", "failed", "broken", "stopped"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!strcmp(cell, good[i]))
			return "\033[32m";
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!strcmp(cell, bad[i]))
			return "\033[31m";
	}
	return NULL;
}

static bool use_color(const struct show *show)
{
	const char *color = show->opts->color;

	if (color && !strcmp(color, "always"))
		return true;
	if ((color && !strcmp(color, "never")) || getenv("NO_COLOR"))
		return false;
	return isatty(fileno(show->out));
}

/* Of the terminal; SIZE_MAX where the rows go elsewhere. */
static size_t terminal_width(const struct show *show)
{
	unsigned rows, cols;

	return width_of_terminal(fileno(show->out), &rows, &cols) ? cols : SIZE_MAX;
}

static void draw_cell(const struct show *show, const char *cell, const struct show_column *col,
	size_t width, bool last, bool colored)
{
	const char *color = colored ? color_of(cell) : NULL;
	size_t shown, size;
	bool is_cut;
	int pad;

	size = width_fit(cell, strlen(cell), width, &shown, &is_cut);
	pad = (int)(width - shown - is_cut);
	fprintf(show->out, "%*s%s%.*s%s%s", col->right ? pad : 0, "", color ? color : "", (int)size,
		cell, is_cut ? "…" : "", color ? "\033[0m" : "");
	if (!last)
		fprintf(show->out, "%*s", (col->right ? 0 : pad) + 2, "");
}

/* What does not fit a table: a line each, after an empty one. */
static void draw_notes(const struct show *show)
{
	bool any = false;

	for (unsigned col = 0; col < show->n_cols; col++) {
		if (show->cols[col].where != CTL_SHOW_NOTE)
			continue;
		for (size_t l = 0; l < show->n_lines; l++) {
			const char *text = show->lines[l].cells[col];

			if (!strcmp(text, "-"))
				continue;
			fprintf(show->out, "%s%s: %s\n", any ? "" : "\n", show->lines[l].cells[0],
				text);
			any = true;
		}
	}
}

/* On a terminal: take from the widest text until the table fits. Names, which people type again,
 * and numbers stay whole. A table that does not fit even so is not cut at all: it wraps. */
static void fit_widths(const struct show *show, const unsigned *order, unsigned n, size_t *widths)
{
	size_t most = terminal_width(show), total = 0, cut[SHOW_MAX_COLUMNS];

	memcpy(cut, widths, n * sizeof(*cut));
	for (unsigned i = 0; i < n; i++)
		total += widths[i] + (i ? 2 : 0);
	for (; total > most; total--) {
		unsigned widest = 0;

		for (unsigned i = 1; i < n; i++) {
			if (!show->cols[order[i]].right && cut[i] > MIN_CUT &&
				(!widest || cut[i] > cut[widest]))
				widest = i;
		}
		if (!widest)
			return;
		cut[widest]--;
	}
	memcpy(widths, cut, n * sizeof(*cut));
}

static int draw_table(const struct show *show, struct err *err)
{
	size_t widths[SHOW_MAX_COLUMNS] = {0};
	unsigned order[SHOW_MAX_COLUMNS], n;
	bool header = !show->opts->no_header && !show->opts->brief, colored = use_color(show);
	int r = choose(show, order, &n, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		unsigned col = order[i];

		widths[i] = header ? strlen(show->cols[col].title) : 0;
		for (size_t l = 0; l < show->n_lines; l++) {
			const char *cell = show->lines[l].cells[col];
			size_t width;
			bool is_cut;

			(void)width_fit(cell, strlen(cell), SIZE_MAX, &width, &is_cut);
			if (width > widths[i])
				widths[i] = width;
		}
	}
	fit_widths(show, order, n, widths);
	for (unsigned i = 0; header && i < n; i++)
		draw_cell(show, show->cols[order[i]].title, &show->cols[order[i]], widths[i],
			i + 1 == n, false);
	if (header)
		fputc('\n', show->out);
	for (size_t l = 0; l < show->n_lines; l++) {
		for (unsigned i = 0; i < n; i++)
			draw_cell(show, show->lines[l].cells[order[i]], &show->cols[order[i]],
				widths[i], i + 1 == n, colored);
		fputc('\n', show->out);
	}
	if (!show->opts->columns && !show->opts->brief)
		draw_notes(show);
	return 0;
}

/* Every field: one block per row, times as people write them; or with -o one line. */
static void draw_fields(const struct show *show)
{
	bool oneline = show->opts->oneline;
	const char *key;
	json_t *row, *value;
	size_t i;

	json_array_foreach(show->rows, i, row)
	{
		bool first = true;

		json_object_foreach(row, key, value)
		{
			char *text = cell_text(show, key, value);
			char time[STR_DURATION_SIZE];
			size_t len = strlen(key);

			if (!oneline && json_is_integer(value) && len > 2 &&
				!strcmp(key + len - 2, "_s"))
				fprintf(show->out, "%s%.*s: %s\n", first ? "" : "    ",
					(int)len - 2, key,
					str_format_duration(time,
						(uint64_t)json_integer_value(value)));
			else if (oneline)
				fprintf(show->out, "%s%s %s", first ? "" : " ", key,
					text ? text : "?");
			else
				fprintf(show->out, "%s%s: %s\n", first ? "" : "    ", key,
					text ? text : "?");
			first = false;
			free(text);
		}
		if (oneline)
			fputc('\n', show->out);
	}
}

static int draw(const struct show *show, struct err *err)
{
	unsigned order[SHOW_MAX_COLUMNS], n;

	if (show->failed || !show->rows)
		return err_set(err, -ENOMEM, "out of memory");
	/* A name that is none is a mistake, also where no table is drawn. */
	if (show->opts->columns && choose(show, order, &n, err) < 0)
		return -EINVAL;
	if (show->opts->json) {
		json_dumpf(show->rows, show->out,
			JSON_PRESERVE_ORDER | (show->opts->pretty ? JSON_INDENT(4) : JSON_COMPACT));
		fputc('\n', show->out);
		return 0;
	}
	if (show->opts->details || show->opts->oneline) {
		draw_fields(show);
		return 0;
	}
	return draw_table(show, err);
}

int show_discard(struct show *show)
{
	for (size_t l = 0; l < show->n_lines; l++) {
		for (unsigned i = 0; i < show->n_cols; i++)
			free(show->lines[l].cells[i]);
	}
	free(show->lines);
	json_decref(show->rows);
	free(show);
	return 0;
}

int show_end(struct show *show, struct err *err)
{
	int r;

	if (!show)
		return err_set(err, -ENOMEM, "out of memory");
	r = draw(show, err);
	(void)show_discard(show);
	return r;
}
