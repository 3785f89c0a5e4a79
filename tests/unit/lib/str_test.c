#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void copy_cuts_between_characters(void **state)
{
	static const struct {
		const char *src;
		size_t size;
		const char *want;
	} cases[] = {
		{"", 1, ""},
		{"abc", 1, ""},
		{"abc", 3, "ab"},
		{"abc", 4, "abc"},
		{"abc", 100, "abc"},
		{"a\xc3\xa9z", 3, "a"},
		{"a\xc3\xa9z", 4, "a\xc3\xa9"},
		{"\xe2\x82\xac", 3, ""},
		{"\x80\x80\x80", 3, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char dst[128];

		memset(dst, 'x', sizeof(dst));
		assert_int_equal(str_copy(dst, cases[i].size, cases[i].src), strlen(cases[i].want));
		assert_string_equal(dst, cases[i].want);
		if (cases[i].size < sizeof(dst))
			assert_int_equal(dst[cases[i].size], 'x');
	}
}

static void dup_printf_formats(void **state)
{
	char *text = str_dup_printf("%s-%d", "vm", 7);

	assert_string_equal(text, "vm-7");
	free(text);
}

static void nearest_finds_what_was_meant(void **state)
{
	static const char *const words[] = {
		"PortAdd", "PortSet", "BridgeAdd", "Monitor", "tag", "mtu"};
	static const struct {
		const char *word, *want;
	} cases[] = {
		{"PortAd", "PortAdd"},
		{"portadd", "PortAdd"},
		{"PrtSet", "PortSet"},
		{"Monitr", "Monitor"},
		{"BridgAdd", "BridgeAdd"},
		{"tags", "tag"},
		{"mut", "mtu"},
		{"PotrAdd", "PortAdd"},
		{"mxx", NULL},
		{"ta", "tag"},
		{"", NULL},
		{"x", NULL},
		{"Zebra", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "a",
			NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got =
			str_nearest(cases[i].word, words, sizeof(words) / sizeof(words[0]));

		if (!cases[i].want != !got || (got && strcmp(got, cases[i].want)))
			fail_msg("'%s' gave %s", cases[i].word, got ? got : "nothing");
	}
	assert_null(str_nearest("tag", words, 0));
}

struct number_case {
	const char *text;
	int code;
	uint64_t value;
};

static void check_numbers(int (*parse)(const char *, uint64_t *), const struct number_case *cases,
	size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 12345;
		int r = parse(cases[i].text, &value);

		if (r != cases[i].code || value != (r ? 12345 : cases[i].value))
			fail_msg("'%s' gave %d, %llu", cases[i].text, r, (unsigned long long)value);
	}
}

static void numbers_parse_whole(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"007", 0, 7},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999999999999", -ERANGE, 0},
		{"0x10", 0, 16},
		{"0XfF", 0, 255},
		{"0x", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"ff", -EINVAL, 0},
		{"18446744073709551616x", -EINVAL, 0},
	};

	check_numbers(str_parse_u64, cases, sizeof(cases) / sizeof(cases[0]));
}

static void sizes_parse_with_suffix(void **state)
{
	static const struct number_case cases[] = {
		{"4096", 0, 4096},
		{"256M", 0, 256u << 20},
		{"256m", 0, 256u << 20},
		{"1GiB", 0, 1u << 30},
		{"2KB", 0, 2048},
		{"3T", 0, UINT64_C(3) << 40},
		{"0K", 0, 0},
		{"16777215T", 0, UINT64_C(16777215) << 40},
		{"16777216T", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"M", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"1X", -EINVAL, 0},
		{"1MM", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"-1M", -EINVAL, 0},
	};

	check_numbers(str_parse_size, cases, sizeof(cases) / sizeof(cases[0]));
}

static void durations_read_as_people_write_them(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {{0, "0s"}, {12, "12s"}, {60, "1m"}, {300, "5m"}, {740, "12m20s"}, {3600, "1h"},
		{86403, "1d3s"}, {UINT64_MAX, "213503982334601d7h15s"}};
	char buf[STR_DURATION_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(str_format_duration(buf, cases[i].seconds), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_cuts_between_characters),
		cmocka_unit_test(dup_printf_formats),
		cmocka_unit_test(nearest_finds_what_was_meant),
		cmocka_unit_test(numbers_parse_whole),
		cmocka_unit_test(sizes_parse_with_suffix),
		cmocka_unit_test(durations_read_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
