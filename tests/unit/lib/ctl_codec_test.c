#include "ctl_codec.h"
#include "ctl_field.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const colours[] = {"red", "green", "blue", NULL};

#define SAMPLE_FIELDS(F, T)                                                           \
	F(T, STR, name, REQ, 1, 8, "", "name")                                        \
	F(T, BOOL, on, OPT, 0, 1, "", "switch")                                       \
	F(T, U16, tag, OPT, 1, 4094, "", "tag")                                       \
	F(T, U32, size, OPT, 0, 1000000000, "bytes", "size")                          \
	F(T, U64, big, OPT, 0, UINT64_MAX, "", "big")                                 \
	F(T, U64, some, OPT, 5, 10, "", "some")                                       \
	F(T, STR, text, OPT, 0, 4, "", "text")                                        \
	F(T, MAC, mac, OPT, 0, 0, "", "mac")                                          \
	F(T, VLANS, vlans, OPT, 0, 0, "", "vlans")                                    \
	F(T, ENUM, colour, OPT, 0, 0, colours, "colour")                              \
	F(T, U64, delay, OPT, 0, 60000000000, "ns", "delay", .measure = MEASURE_TIME, \
		.def = "1.5ms")                                                       \
	F(T, U32, loss, OPT, 0, MEASURE_ALL, "ppb", "loss", .measure = MEASURE_SHARE)
CTL_STRUCT(sample, SAMPLE_FIELDS);
CTL_SCHEMA(sample, SAMPLE_FIELDS);

struct bad_case {
	const char *text;
	int code;
	const char *field;
	const char *msg; /* a part of it */
};

static int decode(const char *text, struct sample *msg, struct err *err)
{
	memset(msg, 0x5a, sizeof(*msg));
	return ctl_decode(&sample_schema, text, strlen(text), msg, err);
}

static void good_objects_decode(void **state)
{
	struct err err = {0};
	struct sample msg;

	assert_int_equal(decode("{\"name\":\"p1\"}", &msg, &err), 0);
	assert_string_equal(msg.name, "p1");
	assert_int_equal(msg.set, 1u << sample__name);
	assert_false(msg.on || msg.tag || msg.size || msg.big || msg.text[0] || msg.colour);

	assert_int_equal(
		decode(" { \"name\" : \"12345678\", \"on\":true, \"tag\":4094, \"size\":0,"
		       "\"big\":9223372036854775807, \"some\":5, \"text\":\"\","
		       "\"mac\":\"52-54-00-00-00-01\", \"vlans\":\"all\",\"colour\":\"blue\","
		       "\"delay\":20000000, \"loss\":1}\n",
			&msg, &err),
		0);
	assert_int_equal(msg.set, (1u << sample__n_fields) - 1);
	assert_true(msg.on);
	assert_int_equal(msg.tag, 4094);
	assert_true(msg.big == INT64_MAX);
	assert_int_equal(vlan_set_count(&msg.vlans), 4094);
	assert_true(ether_addr_to_u64(&msg.mac) == 0x525400000001);
	assert_int_equal(msg.colour, 2);
	assert_int_equal(msg.delay, 20000000);
	assert_int_equal(msg.loss, 1);
}

static void bad_objects_are_refused(void **state)
{
	static const struct bad_case cases[] = {
		{"", -EPROTO, "", "not JSON"},
		{"null", -EPROTO, "", ""},
		{"[]", -EPROTO, "", "not a JSON object"},
		{"{\"name\":\"p\"", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\"} x", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\"}{}", -EPROTO, "", "not JSON"},
		{"{'name':'p'}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\",}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\",\"name\":\"q\"}", -EPROTO, "", "duplicate"},
		{"{\"name\":\"\\u0000\"}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"\xff\"}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"\xc0\x80\"}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"\xed\xa0\x80\"}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"\\ud800\"}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\",\"x\":NaN}", -EPROTO, "", "not JSON"},
		{"{\"name\":\"p\",\"big\":9223372036854775808}", -EPROTO, "", "too big"},
		{"{\"name\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", -EPROTO,
			"", "deeper than 8"},
		{"{\"name\":[[[[[[[[[[[[[[[[[[[[[[[[[[", -EPROTO, "", "deeper than 8"},

		{"{}", -EINVAL, "name", "name missing"},
		{"{\"nam\":\"p\"}", -EINVAL, "nam", "unknown field 'nam'"},
		{"{\"name\":\"p\",\"Tag\":1}", -EINVAL, "Tag", "unknown field"},
		{"{\"name\":\"p\",\"\":1}", -EINVAL, "", "unknown field"},
		{"{\"name\":1}", -EINVAL, "name", "name: is a number, not a string"},
		{"{\"name\":null}", -EINVAL, "name", "name: is null, not a string"},
		{"{\"name\":[\"p\"]}", -EINVAL, "name", "is an array"},
		{"{\"name\":{}}", -EINVAL, "name", "is an object"},
		{"{\"name\":\"\"}", -ERANGE, "name", "name: must not be empty"},
		{"{\"name\":\"123456789\"}", -ERANGE, "name", "has 9 bytes, not 1..8"},
		{"{\"name\":\"a\\nb\"}", -EINVAL, "name", "control character at byte 1"},
		{"{\"name\":\"\\u001b[m\"}", -EINVAL, "name", "control character at byte 0"},
		{"{\"name\":\"a\\u007f\"}", -EINVAL, "name", "control character"},
		{"{\"name\":\"p\",\"text\":\"12345\"}", -ERANGE, "text", "has 5 bytes, not 0..4"},
		{"{\"name\":\"p\",\"on\":1}", -EINVAL, "on", "on: is a number, not a boolean"},
		{"{\"name\":\"p\",\"on\":\"true\"}", -EINVAL, "on", "is a string, not a boolean"},
		{"{\"name\":\"p\",\"tag\":0}", -ERANGE, "tag", "tag: 0 is not in 1..4094"},
		{"{\"name\":\"p\",\"tag\":4095}", -ERANGE, "tag", "tag: 4095 is not in 1..4094"},
		{"{\"name\":\"p\",\"tag\":65537}", -ERANGE, "tag", "tag: 65537 is not in 1..4094"},
		{"{\"name\":\"p\",\"tag\":-1}", -ERANGE, "tag", "tag: -1 is not in 1..4094"},
		{"{\"name\":\"p\",\"tag\":10.0}", -EINVAL, "tag", "a number with a fraction"},
		{"{\"name\":\"p\",\"tag\":1e1}", -EINVAL, "tag", "a number with a fraction"},
		{"{\"name\":\"p\",\"tag\":\"10\"}", -EINVAL, "tag", "is a string, not an integer"},
		{"{\"name\":\"p\",\"size\":4294967297}", -ERANGE, "size",
			"is not in 0..1000000000"},
		{"{\"name\":\"p\",\"size\":\"1K\"}", -EINVAL, "size", "is a string"},
		{"{\"name\":\"p\",\"some\":4}", -ERANGE, "some", "4 is not in 5..10"},
		{"{\"name\":\"p\",\"some\":\"11\"}", -ERANGE, "some", "11 is not in 5..10"},
		{"{\"name\":\"p\",\"big\":\"18446744073709551616\"}", -EINVAL, "big", "64 bits"},
		{"{\"name\":\"p\",\"big\":\"\"}", -EINVAL, "big", "64 bits"},
		{"{\"name\":\"p\",\"big\":\"-1\"}", -EINVAL, "big", "64 bits"},
		{"{\"name\":\"p\",\"big\":\"0x10\"}", -EINVAL, "big", "64 bits"},
		{"{\"name\":\"p\",\"big\":true}", -EINVAL, "big", "is a boolean"},
		{"{\"name\":\"p\",\"mac\":\"52:54\"}", -EINVAL, "mac",
			"'52:54' is not a MAC address"},
		{"{\"name\":\"p\",\"mac\":90520730730497}", -EINVAL, "mac", "is a number"},
		{"{\"name\":\"p\",\"vlans\":\"10,4095\"}", -ERANGE, "vlans",
			"4095 is not in 1..4094"},
		{"{\"name\":\"p\",\"vlans\":\"10,x,3\"}", -EINVAL, "vlans", "'x' is neither"},
		{"{\"name\":\"p\",\"vlans\":[10]}", -EINVAL, "vlans", "is an array"},
		{"{\"name\":\"p\",\"colour\":\"gren\"}", -EINVAL, "colour",
			"'gren' is not one of red, green, blue"},
		{"{\"name\":\"p\",\"colour\":\"\"}", -EINVAL, "colour", "is not one of"},
		{"{\"name\":\"p\",\"colour\":1}", -EINVAL, "colour", "is a number"},
		{"{\"name\":\"p\",\"loss\":\"1%\"}", -EINVAL, "loss",
			"is a string, not an integer"},
		{"{\"name\":\"p\",\"loss\":1000000001}", -ERANGE, "loss",
			"loss: 1000000001 is not in 0..1000000000"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		struct sample msg;
		int code = decode(cases[i].text, &msg, &err);

		if (code != cases[i].code || err.code != code ||
			strcmp(err.field, cases[i].field) || !strstr(err.msg, cases[i].msg))
			fail_msg("'%s' gave %d, field '%s', '%s'", cases[i].text, code, err.field,
				err.msg);
		/* A caller that passes no err gets the same answer. */
		assert_int_equal(decode(cases[i].text, &msg, NULL), code);
	}
}

static void hints_name_what_was_meant(void **state)
{
	struct err err = {0};
	struct sample msg;

	(void)decode("{\"nmae\":\"p\"}", &msg, &err);
	assert_string_equal(err.hint, "did you mean 'name'?");
	(void)decode("{\"name\":\"p\",\"colour\":\"gren\"}", &msg, &err);
	assert_string_equal(err.hint, "did you mean 'green'?");
	(void)decode("{}", &msg, &err);
	assert_string_equal(err.hint, "name: name");
	(void)ctl_field_parse(&sample_schema, &msg, "delay", "20", &err);
	assert_string_equal(err.hint, "write it like 20ms, 1.5s, 250us");
}

static void nul_inside_the_text_is_refused(void **state)
{
	static const char text[] = "{\"name\":\"p\"}\0{\"name\":\"q\"}";
	struct err err = {0};
	struct sample msg;

	assert_int_equal(ctl_decode(&sample_schema, text, sizeof(text) - 1, &msg, &err), -EPROTO);
}

static void depth_counts_only_outside_of_strings(void **state)
{
	struct err err = {0};
	struct sample msg;

	assert_int_equal(decode("{\"name\":\"{[{[{[{[\"}", &msg, &err), 0);
	assert_int_equal(decode("{\"name\":\"\\\"{[{[\", \"text\":\"{[{[\"}", &msg, &err), 0);
}

static void size_is_bounded(void **state)
{
	size_t size = CTL_MAX_MESSAGE + 1;
	char *text = malloc(size);
	struct err err = {0};
	struct sample msg;

	memset(text, ' ', size);
	memcpy(text, "{\"name\":\"p\"}", 12);
	assert_int_equal(ctl_decode(&sample_schema, text, size - 1, &msg, &err), 0);
	assert_int_equal(ctl_decode(&sample_schema, text, size, &msg, &err), -EMSGSIZE);
	free(text);
}

static void encode_writes_present_fields_in_table_order(void **state)
{
	struct sample msg = {0};
	char *text;

	assert_int_equal(ctl_encode(&sample_schema, &msg, &text), 0);
	assert_string_equal(text, "{}");
	free(text);
	CTL_SET(&msg, sample, colour, 1);
	CTL_SET(&msg, sample, big, UINT64_C(1) << 63);
	CTL_SET(&msg, sample, some, 7);
	CTL_SET(&msg, sample, delay, 20000000);
	CTL_SET_STR(&msg, sample, name, "a\"b\\c");
	msg.tag = 9; /* not marked */
	assert_int_equal(ctl_encode(&sample_schema, &msg, &text), 0);
	assert_string_equal(text,
		"{\"name\":\"a\\\"b\\\\c\",\"big\":\"9223372036854775808\",\"some\":7,"
		"\"colour\":\"green\",\"delay\":20000000}");
	free(text);
}

static void encode_mends_what_is_no_text(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"ok", "ok"},
		{"a\nb", "a?b"},
		{"\x1b[31m", "?[31m"},
		{"\xff\xfe", "??"},
		{"\xc3\xa9", "\xc3\xa9"},
		{"\xc3", "?"},
		{"\xe2\x82\xac", "\xe2\x82\xac"},
		{"\xe2\x82", "??"},
		{"\xe0\x80\x80", "???"},
		{"\xed\xa0\x80", "???"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		{"\xf0\x80\x80\x80", "????"},
		{"\xf4\x90\x80\x80", "????"},
		{"\xf5\x80\x80\x80", "????"},
		{"\xc0\x80", "??"},
		{"\x7f", "?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample msg = {0}, back;
		struct err err = {0};
		char *text;

		CTL_SET_STR(&msg, sample, name, cases[i].text);
		assert_int_equal(ctl_encode(&sample_schema, &msg, &text), 0);
		if (decode(text, &back, &err) || strcmp(back.name, cases[i].want))
			fail_msg("case %zu: %s gave '%s', %s", i, text, back.name, err.msg);
		free(text);
	}
}

static void encode_refuses_what_the_table_does_not_allow(void **state)
{
	struct sample msg = {0};
	char *text;

	CTL_SET(&msg, sample, colour, 3);
	assert_int_equal(ctl_encode(&sample_schema, &msg, &text), -EINVAL);
	CTL_SET(&msg, sample, colour, UINT32_MAX);
	assert_int_equal(ctl_encode(&sample_schema, &msg, &text), -EINVAL);
}

static void encode_survives_a_string_without_end(void **state)
{
	struct sample msg = {0}, back;
	char *text;

	memset(msg.name, 'x', sizeof(msg.name));
	CTL_MARK(&msg, sample, name);
	assert_int_equal(ctl_encode(&sample_schema, &msg, &text), 0);
	assert_int_equal(decode(text, &back, NULL), 0);
	assert_string_equal(back.name, "xxxxxxxx");
	free(text);
}

static void equal_compares_presence_and_values(void **state)
{
	struct sample a = {0}, b = {0};

	assert_true(ctl_msg_equal(&sample_schema, &a, &b));
	a.tag = 5; /* absent fields do not count */
	assert_true(ctl_msg_equal(&sample_schema, &a, &b));
	CTL_MARK(&a, sample, tag);
	assert_false(ctl_msg_equal(&sample_schema, &a, &b));
	CTL_SET(&b, sample, tag, 6);
	assert_false(ctl_msg_equal(&sample_schema, &a, &b));
	CTL_SET(&b, sample, tag, 5);
	assert_true(ctl_msg_equal(&sample_schema, &a, &b));
	CTL_SET_STR(&a, sample, name, "x");
	CTL_SET_STR(&b, sample, name, "x");
	b.name[5] = 'z'; /* behind the end */
	assert_true(ctl_msg_equal(&sample_schema, &a, &b));
	CTL_SET_STR(&b, sample, name, "xy");
	assert_false(ctl_msg_equal(&sample_schema, &a, &b));
}

static void words_parse_like_fields(void **state)
{
	static const struct {
		const char *field, *word;
		const char *want; /* as ctl_field_format() prints it; NULL = refused */
		int code;
		const char *msg;
	} cases[] = {
		{"name", "p1", "p1", 0, ""},
		{"name", "r1:eth1", "r1:eth1", 0, ""},
		{"name", "", NULL, -ERANGE, "name: must not be empty"},
		{"name", "a\tb", NULL, -EINVAL, "control character"},
		{"tag", "10", "10", 0, ""},
		{"tag", "0x10", "16", 0, ""},
		{"tag", "4095", NULL, -ERANGE, "tag: 4095 is not in 1..4094"},
		{"tag", "99999999999999999999", NULL, -ERANGE, "is not in 1..4094"},
		{"tag", "ten", NULL, -EINVAL, "tag: 'ten' is not a number"},
		{"tag", "1K", NULL, -EINVAL, "tag: '1K' is not a number"},
		{"tag", "-1", NULL, -EINVAL, "is not a number"},
		{"tag", "", NULL, -EINVAL, "is not a number"},
		{"size", "256M", "268435456", 0, ""},
		{"size", "2G", NULL, -ERANGE, "is not in 0..1000000000"},
		{"size", "99999999T", NULL, -ERANGE, "size: 99999999T is not in"},
		{"big", "18446744073709551615", "18446744073709551615", 0, ""},
		{"on", "true", "true", 0, ""},
		{"on", "yes", "true", 0, ""},
		{"on", "on", "true", 0, ""},
		{"on", "up", "true", 0, ""},
		{"on", "1", "true", 0, ""},
		{"on", "false", "false", 0, ""},
		{"on", "no", "false", 0, ""},
		{"on", "off", "false", 0, ""},
		{"on", "down", "false", 0, ""},
		{"on", "0", "false", 0, ""},
		{"on", "maybe", NULL, -EINVAL, "on: 'maybe' is neither on nor off"},
		{"on", "", NULL, -EINVAL, "neither"},
		{"text", "", "", 0, ""},
		{"mac", "5254.0000.0001", "52:54:00:00:00:01", 0, ""},
		{"mac", "x", NULL, -EINVAL, "mac: 'x' is not a MAC address"},
		{"vlans", "20-29,10", "10,20-29", 0, ""},
		{"vlans", "", "", 0, ""},
		{"vlans", "0", NULL, -ERANGE, "vlans: 0 is not in 1..4094"},
		{"vlans", "9-1", NULL, -EINVAL, "vlans: '9-1' is neither"},
		{"colour", "green", "green", 0, ""},
		{"colour", "pink", NULL, -EINVAL, "colour: 'pink' is not one of red, green, blue"},
		{"delay", "20ms", "20ms", 0, ""},
		{"delay", "1500us", "1.5ms", 0, ""},
		{"delay", "0", "0s", 0, ""},
		{"delay", "20", NULL, -EINVAL, "delay: '20' has no unit"},
		{"delay", "61s", NULL, -ERANGE, "delay: 61s is not in 0s..60s"},
		{"delay", "0.1ns", NULL, -EINVAL, "delay: 0.1ns is finer than 1 ns"},
		{"loss", "0.3%", "0.3%", 0, ""},
		{"loss", "100%", "100%", 0, ""},
		{"loss", "100.0000001%", NULL, -ERANGE, "loss: 100.0000001% is not in 0%..100%"},
		{"loss", "-1%", NULL, -ERANGE, "loss: -1% is not in 0%..100%"},
		{"color", "green", NULL, -ENOENT, "unknown field 'color'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ctl_field *field = ctl_field_find(&sample_schema, cases[i].field);
		struct sample msg = {0};
		struct err err = {0};
		char text[64] = "x";
		size_t len;
		int code;

		code = ctl_field_parse(&sample_schema, &msg, cases[i].field, cases[i].word, &err);
		if (code != cases[i].code || !strstr(err.msg, cases[i].msg) ||
			strcmp(err.field, code ? cases[i].field : ""))
			fail_msg("%s '%s' gave %d, '%s'", cases[i].field, cases[i].word, code,
				err.msg);
		if (!field)
			continue;
		assert_int_equal(ctl_field_is_set(&msg, field->idx), !code);
		len = ctl_field_format(field, &msg, text, sizeof(text));
		assert_int_equal(len, strlen(text));
		if (strcmp(text, code ? "" : cases[i].want))
			fail_msg("%s '%s' prints '%s'", cases[i].field, cases[i].word, text);
	}
}

static void format_says_the_length_it_needs(void **state)
{
	const struct ctl_field *field = ctl_field_find(&sample_schema, "name");
	struct sample msg = {0};
	char text[4];

	CTL_SET_STR(&msg, sample, name, "12345678");
	assert_int_equal(ctl_field_format(field, &msg, text, sizeof(text)), 8);
	assert_string_equal(text, "123");
	assert_int_equal(ctl_field_format(field, &msg, NULL, 0), 8);
	CTL_UNMARK(&msg, sample, name);
	assert_int_equal(ctl_field_format(field, &msg, NULL, 0), 0);
}

static void defaults_have_units(void **state)
{
	struct sample msg = {0};

	ctl_fill_defaults(&sample_schema, &msg, UINT64_MAX);
	assert_int_equal(msg.set, 1u << sample__delay);
	assert_int_equal(msg.delay, 1500000);
}

static void copy_str_cuts(void **state)
{
	struct sample msg = {0};

	CTL_SET_STR(&msg, sample, name, "1234567\xc3\xa9");
	assert_string_equal(msg.name, "1234567");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_objects_decode),
		cmocka_unit_test(bad_objects_are_refused),
		cmocka_unit_test(hints_name_what_was_meant),
		cmocka_unit_test(nul_inside_the_text_is_refused),
		cmocka_unit_test(depth_counts_only_outside_of_strings),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(encode_writes_present_fields_in_table_order),
		cmocka_unit_test(encode_mends_what_is_no_text),
		cmocka_unit_test(encode_refuses_what_the_table_does_not_allow),
		cmocka_unit_test(encode_survives_a_string_without_end),
		cmocka_unit_test(equal_compares_presence_and_values),
		cmocka_unit_test(words_parse_like_fields),
		cmocka_unit_test(format_says_the_length_it_needs),
		cmocka_unit_test(defaults_have_units),
		cmocka_unit_test(copy_str_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
