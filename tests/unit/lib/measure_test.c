#include "measure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct good_case {
	const char *text;
	uint64_t value;
	const char *back; /* NULL = the same text */
};

static void check_good(enum measure measure, const struct good_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char buf[MEASURE_TEXT_SIZE];
		struct err err = {0};
		uint64_t value = 12345;
		int r = measure_parse(measure, cases[i].text, 0, UINT64_MAX, &value, &err);

		if (r || value != cases[i].value)
			fail_msg("'%s' gave %d, %llu, '%s'", cases[i].text, r,
				(unsigned long long)value, err.msg);
		if (strcmp(measure_format(measure, value, buf),
			    cases[i].back ? cases[i].back : cases[i].text) != 0)
			fail_msg("'%s' is shown as '%s'", cases[i].text, buf);
	}
}

static void times_have_units(void **state)
{
	static const struct good_case cases[] = {
		{"20ms", 20000000, NULL},
		{"1.5s", 1500000000, NULL},
		{"250us", 250000, NULL},
		{"10ns", 10, NULL},
		{"100ms", 100000000, NULL},
		{"1500us", 1500000, "1.5ms"},
		{"1001us", 1001000, NULL},
		{"1000ms", 1000000000, "1s"},
		{"60s", UINT64_C(60000000000), NULL},
		{"0.5ms", 500000, "500us"},
		{".5ms", 500000, "500us"},
		{"0.000000001s", 1, "1ns"},
		{"1.000000001s", 1000000001, "1.000000001s"},
		{"2sec", 2000000000, "2s"},
		{"2secs", 2000000000, "2s"},
		{"3msec", 3000000, "3ms"},
		{"4usecs", 4000, "4us"},
		{"5nsec", 5, "5ns"},
		{"20MS", 20000000, "20ms"},
		{"0020ms", 20000000, "20ms"},
		{"20.000ms", 20000000, "20ms"},
		{"20.0000000000000000000000000000000000ms", 20000000, "20ms"},
		{"0", 0, "0s"},
		{"0.0", 0, "0s"},
		{"0ms", 0, "0s"},
		{"18446744073709551615ns", UINT64_MAX, "18446744073.709551615s"},
	};

	check_good(MEASURE_TIME, cases, ARRAY_LEN(cases));
}

static void frames_need_no_unit(void **state)
{
	static const struct good_case cases[] = {
		{"500pps", 500, NULL},
		{"1kpps", 1000, NULL},
		{"1000", 1000, "1kpps"},
		{"1.5Mpps", 1500000, "1.5mpps"},
		{"1234", 1234, "1234pps"},
		{"0", 0, "0pps"},
	};

	check_good(MEASURE_PPS, cases, ARRAY_LEN(cases));
}

static void rates_are_decimal_bits(void **state)
{
	static const struct good_case cases[] = {
		{"100mbit", 100000000, NULL},
		{"2.5gbit", 2500000000, NULL},
		{"64kbit", 64000, NULL},
		{"9600bit", 9600, "9.6kbit"},
		{"1tbit", UINT64_C(1000000000000), NULL},
		{"100Mbit", 100000000, "100mbit"},
		{"1234567bit", 1234567, NULL},
		{"1kibit", 1024, "1024bit"},
		{"0.5mibit", 524288, "524288bit"},
		{"1gibit", 1 << 30, "1073741824bit"},
		{"1tibit", UINT64_C(1) << 40, "1099511627776bit"},
		{"0", 0, "0bit"},
		{"0mbit", 0, "0bit"},
	};

	check_good(MEASURE_RATE, cases, ARRAY_LEN(cases));
}

static void shares_are_exact(void **state)
{
	static const struct good_case cases[] = {
		{"0.1%", 1000000, NULL},
		{"0.3%", 3000000, NULL},
		{"0.7%", 7000000, NULL},
		{"0.0001%", 1000, NULL},
		{"0.0000001%", 1, NULL},
		{"25%", 250000000, NULL},
		{"100%", 1000000000, NULL},
		{"33.3333333%", 333333333, NULL},
		{".5%", 5000000, "0.5%"},
		{"1000%", UINT64_C(10000000000), NULL},
		{"0", 0, "0%"},
		{"0%", 0, NULL},
	};

	assert_true(MEASURE_ALL == 1000000000);
	check_good(MEASURE_SHARE, cases, ARRAY_LEN(cases));
}

static void sizes_are_bytes_without_a_unit(void **state)
{
	static const struct good_case cases[] = {
		{"1500", 1500, NULL},
		{"1500b", 1500, "1500"},
		{"100k", 102400, "100K"},
		{"64kB", 65536, "64K"},
		{"1M", 1 << 20, NULL},
		{"256MiB", 1 << 28, "256M"},
		{"1.5G", 1610612736, NULL},
		{"1.125K", 1152, "1152"},
		{"3T", UINT64_C(3) << 40, NULL},
		{"0.0009765625K", 1, "1"},
		{"16777215T", UINT64_C(16777215) << 40, NULL},
		{"18446744073709551615", UINT64_MAX, NULL},
		{"0", 0, NULL},
		{"0K", 0, "0"},
	};

	check_good(MEASURE_SIZE, cases, ARRAY_LEN(cases));
}

static void what_is_wrong_is_named(void **state)
{
	static const char time_hint[] = "write it like 20ms, 1.5s, 250us",
			  rate_hint[] = "write it like 100mbit, 2.5gbit, 64kbit",
			  share_hint[] = "write it like 0.1%, 25%",
			  size_hint[] = "write it like 100K, 1.5M, 1500",
			  bps_hint[] = "write bits a second, such as 100mbit: bps is bytes to some";
	static const struct {
		enum measure measure;
		const char *text;
		int code;
		const char *msg, *hint;
	} cases[] = {
		{MEASURE_TIME, "20", -EINVAL, "'20' has no unit", time_hint},
		{MEASURE_TIME, "1.5", -EINVAL, "'1.5' has no unit", time_hint},
		{MEASURE_TIME, "99999999999999999999", -EINVAL,
			"'99999999999999999999' has no unit", time_hint},
		{MEASURE_TIME, "", -EINVAL, "'' is not a time", time_hint},
		{MEASURE_TIME, "ms", -EINVAL, "'ms' is not a time", time_hint},
		{MEASURE_TIME, ".", -EINVAL, "'.' is not a time", time_hint},
		{MEASURE_TIME, "+5ms", -EINVAL, "'+5ms' is not a time", time_hint},
		{MEASURE_TIME, " 5ms", -EINVAL, "' 5ms' is not a time", time_hint},
		{MEASURE_TIME, "5 ms", -EINVAL, "'5 ms': unknown unit ' ms'", time_hint},
		{MEASURE_TIME, "5ms ", -EINVAL, "'5ms ': unknown unit 'ms '", time_hint},
		{MEASURE_TIME, "5min", -EINVAL, "'5min': unknown unit 'min'", time_hint},
		{MEASURE_TIME, "5m", -EINVAL, "'5m': unknown unit 'm'", time_hint},
		{MEASURE_TIME, "5mbit", -EINVAL, "'5mbit': unknown unit 'mbit'", time_hint},
		{MEASURE_TIME, "5.ms", -EINVAL, "'5.ms': unknown unit '.ms'", time_hint},
		{MEASURE_TIME, "1.2.3ms", -EINVAL, "'1.2.3ms': unknown unit '.3ms'", time_hint},
		{MEASURE_TIME, "0x10ms", -EINVAL, "'0x10ms': unknown unit 'x10ms'", time_hint},
		{MEASURE_TIME, "1e3ms", -EINVAL, "'1e3ms': unknown unit 'e3ms'", time_hint},
		{MEASURE_TIME, "nan", -EINVAL, "'nan' is not a time", time_hint},
		{MEASURE_TIME, "0.5ns", -EINVAL, "0.5ns is finer than 1 ns", time_hint},
		{MEASURE_TIME, "1.0000005ms", -EINVAL, "1.0000005ms is finer than 1 ns", time_hint},
		{MEASURE_TIME, "1.00000000000000000001s", -EINVAL,
			"1.00000000000000000001s is finer than 1 ns", time_hint},
		{MEASURE_TIME, "-5ms", -ERANGE, "-5ms is not in 0s..60s", ""},
		{MEASURE_TIME, "-5", -ERANGE, "-5 is not in 0s..60s", ""},
		{MEASURE_TIME, "-x", -EINVAL, "'-x' is not a time", time_hint},
		{MEASURE_TIME, "61s", -ERANGE, "61s is not in 0s..60s", ""},
		{MEASURE_TIME, "60.000000001s", -ERANGE, "60.000000001s is not in 0s..60s", ""},
		{MEASURE_TIME, "18446744074s", -ERANGE, "18446744074s is not in 0s..60s", ""},
		{MEASURE_TIME, "18446744073709551616ns", -ERANGE,
			"18446744073709551616ns is not in 0s..60s", ""},
		{MEASURE_RATE, "100", -EINVAL, "'100' has no unit", rate_hint},
		{MEASURE_RATE, "100M", -EINVAL, "'100M': unknown unit 'M'", rate_hint},
		{MEASURE_RATE, "100mbps", -EINVAL, "'100mbps': unknown unit 'mbps'", bps_hint},
		{MEASURE_RATE, "100Mbps", -EINVAL, "'100Mbps': unknown unit 'Mbps'", bps_hint},
		{MEASURE_RATE, "100bps", -EINVAL, "'100bps': unknown unit 'bps'", bps_hint},
		{MEASURE_RATE, "10%", -EINVAL, "'10%': unknown unit '%'", rate_hint},
		{MEASURE_RATE, "0.5bit", -EINVAL, "0.5bit is finer than 1 bit", rate_hint},
		{MEASURE_SHARE, "0.1", -EINVAL, "'0.1' has no unit", share_hint},
		{MEASURE_SHARE, "1", -EINVAL, "'1' has no unit", share_hint},
		{MEASURE_SHARE, "%", -EINVAL, "'%' is not a share", share_hint},
		{MEASURE_SHARE, "1%%", -EINVAL, "'1%%': unknown unit '%%'", share_hint},
		{MEASURE_SHARE, "0.00000001%", -EINVAL, "0.00000001% is finer than 0.0000001%",
			share_hint},
		{MEASURE_SHARE, "6001%", -ERANGE, "6001% is not in 0%..6000%", ""},
		{MEASURE_SIZE, "1.5", -EINVAL, "1.5 is finer than 1 byte", size_hint},
		{MEASURE_SIZE, "64kbit", -EINVAL, "'64kbit': unknown unit 'kbit'", size_hint},
		{MEASURE_SIZE, "-1K", -ERANGE, "-1K is not in 0..58593750K", ""},
		{MEASURE_SIZE, "16777216T", -ERANGE, "16777216T is not in 0..58593750K", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		uint64_t value = 12345;
		int r = measure_parse(cases[i].measure, cases[i].text, 0, UINT64_C(60000000000),
			&value, &err);

		if (r != cases[i].code || err.code != r || value != 12345 ||
			strcmp(err.msg, cases[i].msg) != 0 || strcmp(err.hint, cases[i].hint) != 0)
			fail_msg("'%s' gave %d, '%s', '%s'", cases[i].text, r, err.msg, err.hint);
		assert_int_equal(measure_parse(cases[i].measure, cases[i].text, 0,
					 UINT64_C(60000000000), &value, NULL),
			r);
	}
}

static void bounds_are_both_ends(void **state)
{
	struct err err = {0};
	uint64_t value;

	assert_int_equal(measure_parse(MEASURE_TIME, "5us", 5000, 5000, &value, &err), 0);
	assert_int_equal(measure_parse(MEASURE_TIME, "4999ns", 5000, 6000, &value, &err), -ERANGE);
	assert_string_equal(err.msg, "4999ns is not in 5us..6us");
	assert_int_equal(measure_parse(MEASURE_TIME, "0", 5000, 6000, &value, &err), -ERANGE);
}

static void check_round_trip(enum measure measure, uint64_t value)
{
	char buf[MEASURE_TEXT_SIZE];
	struct err err = {0};
	uint64_t back = ~value;

	if (measure_parse(measure, measure_format(measure, value, buf), 0, UINT64_MAX, &back,
		    &err) ||
		back != value)
		fail_msg("%llu became '%s', and that %llu: %s", (unsigned long long)value, buf,
			(unsigned long long)back, err.msg);
}

/* Every value comes back: small ones, round ones, their neighbours, and any of each length. */
static void what_is_shown_can_be_typed(void **state)
{
	for (enum measure measure = MEASURE_TIME; measure <= MEASURE_SIZE; measure++) {
		uint64_t any = 88172645463325252;

		for (uint64_t value = 0; value < 5000; value++)
			check_round_trip(measure, value);
		for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
			for (uint64_t i = 1; i < 10; i++) {
				check_round_trip(measure, i * power);
				check_round_trip(measure, i * power - 1);
				check_round_trip(measure, i * power + 1);
			}
		}
		for (unsigned shift = 0; shift < 64; shift++) {
			check_round_trip(measure, UINT64_C(1) << shift);
			check_round_trip(measure, UINT64_C(3) << shift);
			check_round_trip(measure, UINT64_MAX >> shift);
		}
		for (unsigned i = 0; i < 20000; i++) {
			any ^= any << 13; /* Marsaglia's xorshift */
			any ^= any >> 7;
			any ^= any << 17;
			check_round_trip(measure, any >> i % 64);
		}
	}
}

static void plain_numbers_are_shown_as_they_are(void **state)
{
	char buf[MEASURE_TEXT_SIZE];

	assert_string_equal(measure_format(MEASURE_NONE, 0, buf), "0");
	assert_string_equal(measure_format(MEASURE_NONE, UINT64_MAX, buf), "18446744073709551615");
	assert_string_equal(measure_examples(MEASURE_NONE), "");
}

/* What is said of a measure is true of it. */
static void examples_and_units_can_be_typed(void **state)
{
	static const char *const want[] = {[MEASURE_TIME] = "s ms us ns ",
		[MEASURE_RATE] = "tbit gbit mbit kbit bit ",
		[MEASURE_SHARE] = "% ",
		[MEASURE_SIZE] = "T G M K  "};

	for (enum measure measure = MEASURE_TIME; measure <= MEASURE_SIZE; measure++) {
		char list[64] = "", text[32], examples[64];
		uint64_t value;

		for (unsigned i = 0; measure_unit(measure, i); i++) {
			strcat(strcat(list, measure_unit(measure, i)), " ");
			(void)snprintf(text, sizeof(text), "7%s", measure_unit(measure, i));
			assert_int_equal(measure_parse(measure, text, 1, UINT64_MAX, &value, NULL),
				0);
		}
		assert_string_equal(list, want[measure]);
		(void)snprintf(examples, sizeof(examples), "%s", measure_examples(measure));
		for (char *word = strtok(examples, ", "); word; word = strtok(NULL, ", "))
			assert_int_equal(measure_parse(measure, word, 1, UINT64_MAX, &value, NULL),
				0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(frames_need_no_unit),
		cmocka_unit_test(rates_are_decimal_bits),
		cmocka_unit_test(shares_are_exact),
		cmocka_unit_test(sizes_are_bytes_without_a_unit),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(bounds_are_both_ends),
		cmocka_unit_test(what_is_shown_can_be_typed),
		cmocka_unit_test(plain_numbers_are_shown_as_they_are),
		cmocka_unit_test(examples_and_units_can_be_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
