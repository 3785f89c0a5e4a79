/* Keys that are rows of a message: what measures something is read as on the command line. */
#include "topo_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define LINE_FIELDS(F, T)                                                                \
	F(T, U64, delay, OPT, 0, 60000000000, "ns", "delay", .measure = MEASURE_TIME,    \
		.lab = "delay")                                                          \
	F(T, U32, loss, OPT, 0, MEASURE_ALL, "ppb", "loss", .measure = MEASURE_SHARE,    \
		.lab = "loss")                                                           \
	F(T, U64, rate, OPT, 8, 1000000000000, "bit/s", "rate", .measure = MEASURE_RATE, \
		.lab = "rate")                                                           \
	F(T, U32, limit, OPT, 0, 1 << 30, "bytes", "limit", .measure = MEASURE_SIZE,     \
		.lab = "limit")                                                          \
	F(T, U16, gap, OPT, 0, 100, "", "gap", .lab = "gap")
CTL_STRUCT(line, LINE_FIELDS);
CTL_SCHEMA(line, LINE_FIELDS);

/* A message with two of them within, in a spec of its own. */
#define PAIR_FIELDS(F, T)                                       \
	F(T, STR, name, REQ, 1, 15, "", "name")                 \
	F(T, MSG, up, OPT, 0, 0, line, "one line", .lab = "up") \
	F(T, MSG, down, OPT, 0, 0, line, "the other", .lab = "down")
CTL_STRUCT(pair, PAIR_FIELDS);
CTL_SCHEMA(pair, PAIR_FIELDS);

struct pair_spec {
	uint64_t set;
	bool is_red;
	struct pair pair;
};

static const struct topo_field pair_keys[] = {
	{"red", TOPO_BOOL, offsetof(struct pair_spec, is_red), sizeof(bool), 0, 0, NULL, "colour"},
};
static const struct topo_schema pair_schema_of_file = {
	"a pair", pair_keys, 1, &pair_schema, NULL, offsetof(struct pair_spec, pair)};

static const struct topo_schema schema = {"a line", NULL, 0, &line_schema, NULL};

static void read_line(const char *text, struct line *ret, struct diag *diag)
{
	struct arena arena = {0};
	const struct yaml_value *map;

	*diag = (struct diag){.file = "t", .text = text, .size = strlen(text)};
	*ret = (struct line){0};
	map = topo_yaml_parse(&arena, diag);
	assert_non_null(map);
	topo_spec_read(&schema, map, ret, diag);
	arena_done(&arena);
}

static void measures_are_stored_in_base_units(void **state)
{
	struct diag diag;
	struct line line;

	read_line("{ delay: 20ms, loss: 0.1%, rate: \"2.5gbit\", limit: 64K, gap: 5 }", &line,
		&diag);
	assert_int_equal(diag.n, 0);
	assert_int_equal(line.set, (1u << line__n_fields) - 1);
	assert_int_equal(line.delay, 20000000);
	assert_int_equal(line.loss, 1000000);
	assert_true(line.rate == 2500000000);
	assert_int_equal(line.limit, 65536);
	assert_int_equal(line.gap, 5);

	read_line("{ delay: 0, limit: 1500 }", &line, &diag);
	assert_int_equal(diag.n, 0);
	assert_int_equal(line.set, 1u << line__delay | 1u << line__limit);
	assert_int_equal(line.limit, 1500);
}

static void what_is_wrong_is_said_where_it_stands(void **state)
{
	static const struct {
		const char *text, *msg, *hint;
		enum diag_code code;
	} cases[] = {
		{"{ delay: 20 }", "\"delay\": '20' has no unit", "write it like 20ms, 1.5s, 250us",
			DIAG_NUMBER},
		{"{ delay: 61s }", "\"delay\": 61s is not in 0s..60s", "", DIAG_NUMBER},
		{"{ delay: -5ms }", "\"delay\": -5ms is not in 0s..60s", "", DIAG_NUMBER},
		{"{ loss: 101% }", "\"loss\": 101% is not in 0%..100%", "", DIAG_NUMBER},
		{"{ rate: 1mbps }", "\"rate\": '1mbps': unknown unit 'mbps'",
			"write bits a second, such as 100mbit: bps is bytes to some", DIAG_NUMBER},
		{"{ delay: [1ms] }",
			"\"delay\" wants a value such as 20ms, 1.5s, 250us, not a list", "",
			DIAG_TYPE},
		{"{ delay: }", "\"delay\" wants a value such as 20ms, 1.5s, 250us, not nothing", "",
			DIAG_TYPE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag diag;
		struct line line;

		read_line(cases[i].text, &line, &diag);
		if (diag.n != 1 || line.set || diag.items[0].code != cases[i].code ||
			strcmp(diag.items[0].text, cases[i].msg) != 0 ||
			strcmp(diag.items[0].hint, cases[i].hint) != 0)
			fail_msg("%s gave %u errors, '%s', '%s'", cases[i].text, diag.n,
				diag.items[0].text, diag.items[0].hint);
		assert_int_equal(diag.items[0].mark.line, 1);
	}
}

static void read_pair(const char *text, struct pair_spec *ret, struct diag *diag)
{
	struct arena arena = {0};
	const struct yaml_value *map;

	*diag = (struct diag){.file = "t", .text = text, .size = strlen(text)};
	*ret = (struct pair_spec){0};
	map = topo_yaml_parse(&arena, diag);
	assert_non_null(map);
	topo_spec_read(&pair_schema_of_file, map, ret, diag);
	arena_done(&arena);
}

static void what_one_message_within_says_goes_first(void **state)
{
	static const char *const orders[] = {
		"{ red: true, delay: 5ms, gap: 3, down: { delay: 7ms, loss: 1% } }",
		"{ down: { loss: 1%, delay: 7ms }, gap: 3, delay: 5ms, red: true }"};
	struct pair_spec spec;
	struct topo_field field;
	struct diag diag;
	unsigned n = 0;

	for (size_t i = 0; i < 2; i++) {
		read_pair(orders[i], &spec, &diag);
		assert_int_equal(diag.n, 0);
		assert_int_equal(spec.set, 1);
		assert_true(spec.is_red);
		assert_int_equal(spec.pair.set, 1u << pair__up | 1u << pair__down);
		assert_int_equal(spec.pair.up.set, 1u << line__delay | 1u << line__gap);
		assert_int_equal(spec.pair.up.delay, 5000000);
		assert_int_equal(spec.pair.down.set,
			1u << line__delay | 1u << line__gap | 1u << line__loss);
		assert_int_equal(spec.pair.down.delay, 7000000);
		assert_int_equal(spec.pair.down.gap, 3);
		assert_int_equal(spec.pair.down.loss, 10000000);
	}
	assert_true(topo_spec_has(&pair_schema_of_file, &spec, "red"));
	assert_true(topo_spec_has(&pair_schema_of_file, &spec, "down"));

	read_pair("{ up: }", &spec, &diag);
	assert_int_equal(diag.n, 0);
	assert_int_equal(spec.pair.up.set, 0);
	read_pair("{ up: { delay: 5, down: {} } }", &spec, &diag);
	assert_int_equal(diag.n, 2);
	assert_string_equal(diag.items[0].text, "\"delay\": '5' has no unit");
	assert_string_equal(diag.items[1].text, "\"up\" has no key \"down\"");

	/* Each key once: red, up, down, and those of a line. */
	while (topo_schema_key(&pair_schema_of_file, n, &field))
		n++;
	assert_int_equal(n, 3 + line__n_fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_are_stored_in_base_units),
		cmocka_unit_test(what_is_wrong_is_said_where_it_stands),
		cmocka_unit_test(what_one_message_within_says_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
