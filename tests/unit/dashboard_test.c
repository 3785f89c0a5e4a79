/* Every metric that the dashboard in docs asks for is one that a program exports. */
#include "control/exporter.h"
#include "machine_metrics.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

/* The field that is exported under that name; NULL: none is. */
static const struct ctl_field *find_metric(const struct metrics_group *groups, unsigned n_groups,
	const char *name)
{
	char is[METRICS_NAME_SIZE + 8];

	for (unsigned g = 0; g < n_groups; g++) {
		for (unsigned i = 0; i < groups[g].schema->n_fields; i++) {
			const struct ctl_field *field = &groups[g].schema->fields[i];

			(void)metrics_name(&groups[g], field, is, METRICS_NAME_SIZE);
			if (field->metric == CTL_METRIC_COUNTER)
				(void)strcat(is, "_total");
			if (is[0] && !strcmp(is, name))
				return field;
		}
	}
	return NULL;
}

/* Returns how many metrics the query names. */
static unsigned check_query(const char *query)
{
	unsigned n = 0;

	for (const char *at = query; (at = strstr(at, "weft_")); n++) {
		char name[METRICS_NAME_SIZE] = "";
		size_t len = strspn(at, NAME_CHARS);

		assert_true(len < sizeof(name));
		memcpy(name, at, len);
		if (!find_metric(exporter_groups, exporter_n_groups, name) &&
			!find_metric(machine_metrics_groups, machine_metrics_n_groups, name))
			fail_msg("'%s': there is no metric '%s'", query, name);
		at += len;
	}
	return n;
}

/* Every text under that key, wherever it stands. Returns how many. */
static unsigned check_queries(const json_t *json, const char *key, unsigned *n_metrics)
{
	const char *name;
	json_t *value;
	unsigned n = 0;
	size_t i;

	if (json_is_array(json)) {
		json_array_foreach(json, i, value) n += check_queries(value, key, n_metrics);
		return n;
	}
	json_object_foreach((json_t *)json, name, value)
	{
		if (!strcmp(name, key) && json_is_string(value)) {
			unsigned m = check_query(json_string_value(value));

			if (!m)
				fail_msg("'%s' names no metric", json_string_value(value));
			*n_metrics += m;
			n++;
		}
		n += check_queries(value, key, n_metrics);
	}
	return n;
}

static void the_dashboard_asks_for_what_there_is(void **state)
{
	json_error_t error;
	json_t *json = json_load_file(DASHBOARD, 0, &error);
	unsigned n_metrics = 0, n;

	if (!json)
		fail_msg("%s:%d: %s", DASHBOARD, error.line, error.text);
	n = check_queries(json, "expr", &n_metrics);
	assert_in_range(n, 20, 1000);
	assert_true(n_metrics >= n);
	/* Those of its variables, too, but that of the data source. */
	json_t *variables = json_object_get(json_object_get(json, "templating"), "list");
	for (size_t i = 1; i < json_array_size(variables); i++)
		assert_int_equal(check_query(json_string_value(
					 json_object_get(json_array_get(variables, i), "query"))),
			1);
	json_decref(json);
}

/* OpenMetrics 1.0.0: a family's name stands once in a text. */
static void no_metric_is_exported_twice(void **state)
{
	static const struct {
		const struct metrics_group *groups;
		const unsigned *n;
	} programs[] = {{exporter_groups, &exporter_n_groups},
		{machine_metrics_groups, &machine_metrics_n_groups}};

	for (unsigned p = 0; p < 2; p++) {
		for (unsigned g = 0; g < *programs[p].n; g++) {
			const struct metrics_group *group = &programs[p].groups[g];

			for (unsigned i = 0; i < group->schema->n_fields; i++) {
				const struct ctl_field *field = &group->schema->fields[i];
				char name[METRICS_NAME_SIZE + 8];

				(void)metrics_name(group, field, name, METRICS_NAME_SIZE);
				if (field->metric == CTL_METRIC_COUNTER)
					(void)strcat(name, "_total");
				if (name[0] && find_metric(programs[p].groups, *programs[p].n,
						       name) != field)
					fail_msg("'%s' is there twice", name);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dashboard_asks_for_what_there_is),
		cmocka_unit_test(no_metric_is_exported_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
