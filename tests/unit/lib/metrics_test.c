/* What a text of metrics looks like, and that it comes out the same however it is cut. */
#include "metrics.h"

#include "ctl_vmm.h"
#include "ctl_vswitch.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const moods[] = {"calm", "wild", NULL};

#define THING_FIELDS(F, T)                                                                        \
	F(T, STR, name, OPT, 0, 63, "", "name", CTL_LABEL)                                        \
	F(T, U32, floor, OPT, 0, UINT32_MAX, "", "where", CTL_LABEL)                              \
	F(T, U64, frames, OPT, 0, UINT64_MAX, "frames", "seen, back\\slash and all", CTL_COUNTER) \
	F(T, U64, lost, OPT, 0, UINT64_MAX, "frames", "lost", CTL_COUNTER)                        \
	F(T, U64, age_s, OPT, 0, UINT64_MAX, "s", "age", CTL_GAUGE)                               \
	F(T, U32, busy, OPT, 0, 100, "%", "load", CTL_GAUGE)                                      \
	F(T, BOOL, open, OPT, 0, 1, "", "open or shut", CTL_GAUGE)                                \
	F(T, ENUM, mood, OPT, 0, 0, moods, "how it is", CTL_GAUGE)                                \
	F(T, U64, secret, OPT, 0, UINT64_MAX, "", "nobody's business")
CTL_STRUCT(thing, THING_FIELDS);
CTL_SCHEMA(thing, THING_FIELDS);

struct things {
	unsigned n;
	const char *name;
};

static bool next_thing(void *ctx, uint64_t *at, void *out)
{
	const struct things *things = ctx;
	struct thing *row = out;

	if (*at == things->n)
		return false;
	CTL_SET_STR(row, thing, name, things->name);
	CTL_SET(row, thing, floor, (uint32_t)*at);
	CTL_SET(row, thing, frames, 1000 + *at);
	/* The first has lost nothing that it knows of. */
	if (*at)
		CTL_SET(row, thing, lost, UINT64_MAX);
	CTL_SET(row, thing, age_s, 60);
	CTL_SET(row, thing, busy, 37);
	CTL_SET(row, thing, open, true);
	CTL_SET(row, thing, mood, 1);
	CTL_SET(row, thing, secret, 1);
	++*at;
	return true;
}

static const struct metrics_group things_group = {"x_thing", "thing", &thing_schema, next_thing};

/* The whole text (owned), in parts of that size. */
static char *write_all(const struct metrics *metrics, enum metrics_format format, size_t size,
	unsigned *ret_n_parts)
{
	struct metrics_cursor cursor = {0};
	char *text = NULL, *part = malloc(size);
	size_t len = 0;

	assert_non_null(part);
	for (*ret_n_parts = 0; !cursor.is_ended; ++*ret_n_parts) {
		size_t n = metrics_write(metrics, format, &cursor, part, size);

		assert_in_range(n, 0, size);
		text = realloc(text, len + n + 1);
		assert_non_null(text);
		memcpy(text + len, part, n);
		len += n;
		text[len] = '\0';
	}
	free(part);
	return text;
}

static void a_text_is_what_the_tables_say(void **state)
{
	static const char want[] =
		"# TYPE x_thing_frames counter\n"
		"# UNIT x_thing_frames frames\n"
		"# HELP x_thing_frames seen, back\\\\slash and all\n"
		"x_thing_frames_total{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\"} 1000\n"
		"# TYPE x_thing_lost_frames counter\n"
		"# UNIT x_thing_lost_frames frames\n"
		"# HELP x_thing_lost_frames lost\n"
		"# TYPE x_thing_age_seconds gauge\n"
		"# UNIT x_thing_age_seconds seconds\n"
		"# HELP x_thing_age_seconds age\n"
		"x_thing_age_seconds{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\"} 60\n"
		"# TYPE x_thing_busy_ratio gauge\n"
		"# UNIT x_thing_busy_ratio ratio\n"
		"# HELP x_thing_busy_ratio load\n"
		"x_thing_busy_ratio{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\"} 0.37\n"
		"# TYPE x_thing_open gauge\n"
		"# HELP x_thing_open open or shut\n"
		"x_thing_open{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\"} 1\n"
		"# TYPE x_thing_mood gauge\n"
		"# HELP x_thing_mood how it is\n"
		"x_thing_mood{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\",mood=\"calm\"} 0\n"
		"x_thing_mood{vm=\"v\",thing=\"a\\\"b\\\\c\\nd\",floor=\"0\",mood=\"wild\"} 1\n"
		"# EOF\n";
	struct things one = {1, "a\"b\\c\nd"};
	const struct metrics metrics = {&things_group, 1, &one, "vm", "v"};
	unsigned n_parts;
	char *text = write_all(&metrics, METRICS_OPENMETRICS, METRICS_PART_MIN, &n_parts);

	assert_string_equal(text, want);
	free(text);
}

static void in_the_older_format_the_family_is_the_total(void **state)
{
	struct things one = {1, "a"};
	const struct metrics metrics = {&things_group, 1, &one, NULL, NULL};
	unsigned n_parts;
	char *text = write_all(&metrics, METRICS_PROMETHEUS, METRICS_PART_MIN, &n_parts);

	assert_non_null(strstr(text, "# TYPE x_thing_frames_total counter\n"));
	assert_non_null(strstr(text, "# HELP x_thing_frames_total seen"));
	assert_non_null(strstr(text, "\nx_thing_frames_total{thing=\"a\",floor=\"0\"} 1000\n"));
	assert_non_null(strstr(text, "# TYPE x_thing_busy_ratio gauge\n"));
	free(text);
}

static void a_text_is_the_same_in_parts_of_any_size(void **state)
{
	struct things many = {3000, "name"};
	const struct metrics metrics = {&things_group, 1, &many, NULL, NULL};
	unsigned n_small, n_large;
	char *small = write_all(&metrics, METRICS_OPENMETRICS, METRICS_PART_MIN, &n_small);
	char *large = write_all(&metrics, METRICS_OPENMETRICS, 16 << 20, &n_large);

	assert_string_equal(small, large);
	assert_true(n_small > n_large);
	/* However much room there is, a part asks for so many rows and no more. */
	assert_true(n_large >= 3000 / METRICS_ROWS_MAX);
	free(small);
	free(large);
}

/* ---- The tables of the programs ---- */

/* Rows whose texts are as long as can be, and all to be escaped. */
static bool next_long(void *ctx, uint64_t *at, void *row)
{
	const struct ctl_struct *schema = ctx;

	if ((*at)++)
		return false;
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		*(uint64_t *)row |= UINT64_C(1) << i;
		if (field->kind == CTL_KIND_STR)
			memset((char *)row + field->offset, '"', field->size - 1);
	}
	return true;
}

static void check_interface(const struct ctl_interface *iface)
{
	for (unsigned m = 0; m < iface->n_methods; m++) {
		const struct ctl_struct *schema = iface->methods[m].out;
		const struct metrics_group group = {"weft_xxxxxxxxxxxx", NULL, schema, next_long};
		struct metrics metrics = {&group, 1, (void *)schema, NULL, NULL};
		unsigned n_parts, n_quotes = 0;
		char *text = write_all(&metrics, METRICS_PROMETHEUS, METRICS_PART_MIN, &n_parts);

		/* Nothing was left out: each text in quotes has both. */
		for (const char *c = text; *c; c++) {
			if (*c == '\\')
				c++;
			else
				n_quotes += *c == '"';
		}
		assert_int_equal(n_quotes % 2, 0);
		assert_string_equal(text + strlen(text) - 6, "# EOF\n");
		free(text);
		for (unsigned i = 0; i < schema->n_fields; i++) {
			const struct ctl_field *field = &schema->fields[i];
			char name[METRICS_NAME_SIZE];

			(void)metrics_name(&group, field, name, sizeof(name));
			/* The older format escapes no quotes there. */
			if (name[0] && strpbrk(field->help, "\"\\\n"))
				fail_msg("%s: help has a quote", name);
			for (const char *c = name; *c; c++)
				assert_true(islower((unsigned char)*c) ||
					    isdigit((unsigned char)*c) || *c == '_');
		}
	}
}

static void what_the_programs_export_fits_and_is_well_named(void **state)
{
	check_interface(&ctl_vswitch_interface);
	check_interface(&ctl_vmm_interface);
}

/* A number of frames or bytes in a message that counts belongs to who collects metrics. */
static void every_counter_of_a_port_is_exported(void **state)
{
	for (unsigned i = 0; i < ctl_port_stats_schema.n_fields; i++) {
		const struct ctl_field *field = &ctl_port_stats_schema.fields[i];

		if (field->kind == CTL_KIND_U64 && field->metric != CTL_METRIC_COUNTER)
			fail_msg("port stats: '%s' is no metric", field->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_what_the_tables_say),
		cmocka_unit_test(in_the_older_format_the_family_is_the_total),
		cmocka_unit_test(a_text_is_the_same_in_parts_of_any_size),
		cmocka_unit_test(what_the_programs_export_fits_and_is_well_named),
		cmocka_unit_test(every_counter_of_a_port_is_exported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
