/* YAML 1.2 core typing, marks, and what is refused. */
#include "topo_yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct yaml_value *read_text(struct arena *arena, struct diag *diag, const char *text)
{
	*diag = (struct diag){.file = "t", .text = text, .size = strlen(text)};
	return topo_yaml_parse(arena, diag);
}

static void types_are_those_of_the_core_schema(void **state)
{
	static const struct {
		const char *text, *kind;
	} cases[] = {
		{"true", "a boolean"},
		{"True", "a boolean"},
		{"FALSE", "a boolean"},
		{"yes", "text"},
		{"on", "text"},
		{"off", "text"},
		{"No", "text"},
		{"y", "text"},
		{"'true'", "text"},
		{"1", "a number"},
		{"0x10", "a number"},
		{"0o17", "a number"},
		{"+5", "a number"},
		{"1:30", "text"},
		{"10:20", "text"},
		{"1_000", "text"},
		{"0b11", "text"},
		{"'1'", "text"},
		{"0x", "text"},
		{"0x0x1", "text"},
		{"", "nothing"},
		{"~", "nothing"},
		{"null", "nothing"},
		{"'~'", "text"},
		{"52:54:00:00:00:01", "text"},
		{"[1]", "a list"},
		{"{ a: 1 }", "a map"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena = {0};
		struct diag diag;
		char text[64];
		const struct yaml_value *root, *value;

		(void)snprintf(text, sizeof(text), "k: %s\n", cases[i].text);
		root = read_text(&arena, &diag, text);
		assert_non_null(root);
		value = topo_yaml_get(root, "k");
		if (strcmp(topo_yaml_kind(value), cases[i].kind))
			fail_msg("'%s' is %s, not %s", cases[i].text, topo_yaml_kind(value),
				cases[i].kind);
		arena_done(&arena);
	}
}

static void numbers_have_bounds(void **state)
{
	struct arena arena = {0};
	struct diag diag;
	uint64_t n;
	const struct yaml_value *list = read_text(&arena, &diag,
					"[18446744073709551615, 18446744073709551616, 0o17, 017]"),
				*v;

	assert_non_null(list);
	v = list->first;
	assert_int_equal(topo_yaml_u64(v, &n), 0);
	assert_true(n == UINT64_MAX);
	v = v->next;
	assert_int_equal(topo_yaml_u64(v, &n), -ERANGE);
	v = v->next;
	assert_int_equal(topo_yaml_u64(v, &n), 0);
	assert_int_equal(n, 15);
	v = v->next;
	assert_int_equal(topo_yaml_u64(v, &n), 0);
	assert_int_equal(n, 17); /* no C octal in YAML 1.2 */
	arena_done(&arena);
}

static void marks_point_at_values(void **state)
{
	struct arena arena = {0};
	struct diag diag;
	const struct yaml_value *root = read_text(&arena, &diag, "a: 1\nlist: [x, yy]\n"), *v;

	assert_non_null(root);
	v = topo_yaml_get(root, "list")->first->next;
	assert_int_equal(v->mark.line, 2);
	assert_int_equal(v->mark.column, 11);
	assert_int_equal(v->mark.len, 2);
	assert_int_equal(topo_yaml_get(root, "list")->key->mark.column, 1);
	arena_done(&arena);
}

static void byte_order_mark_is_skipped(void **state)
{
	struct arena arena = {0};
	struct diag diag;
	const struct yaml_value *root = read_text(&arena, &diag, "\xef\xbb\xbfname: x\n");

	assert_non_null(root);
	assert_string_equal(topo_yaml_get(root, "name")->text, "x");
	assert_int_equal(topo_yaml_get(root, "name")->key->mark.column, 1);
	arena_done(&arena);
}

static void check_refused(const char *text, enum diag_code code)
{
	struct arena arena = {0};
	struct diag diag;

	(void)read_text(&arena, &diag, text);
	if (!diag.n || diag.items[0].code != code)
		fail_msg("'%s': %u errors, first E%02d", text, diag.n, diag.items[0].code);
	arena_done(&arena);
}

static void features_are_refused(void **state)
{
	check_refused("a: &x 1\n", DIAG_YAML_FEATURE);
	check_refused("a: *x\n", DIAG_YAML_FEATURE);
	check_refused("a: !!int 1\n", DIAG_YAML_FEATURE);
	check_refused("a: 1\n---\nb: 2\n", DIAG_YAML_FEATURE);
	check_refused("a: 1\na: 2\n", DIAG_DUPLICATE_KEY);
	check_refused("[1]: 2\n", DIAG_TYPE);
	check_refused("", DIAG_SYNTAX);
	check_refused("a: [\n", DIAG_SYNTAX);
	check_refused("[[[[[[[[[[[[[[[[[[[[[[[[", DIAG_LIMIT);
}

static void size_is_limited(void **state)
{
	size_t size = TOPO_YAML_MAX_BYTES + 1;
	char *text = malloc(size);
	struct arena arena = {0};
	struct diag diag = {.file = "t", .text = text, .size = size};

	assert_non_null(text);
	memset(text, 'a', size);
	assert_null(topo_yaml_parse(&arena, &diag));
	assert_int_equal(diag.items[0].code, DIAG_LIMIT);
	free(text);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_those_of_the_core_schema),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(marks_point_at_values),
		cmocka_unit_test(byte_order_mark_is_skipped),
		cmocka_unit_test(features_are_refused),
		cmocka_unit_test(size_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
