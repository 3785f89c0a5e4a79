#include "rate.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>

static void rates_are_read(void **state)
{
	static const struct {
		const char *text;
		enum rate_unit unit;
		double value, pps; /* of frames of 64 bytes, on a line of 10 Gb/s */
	} cases[] = {
		{"1000", RATE_PPS, 1000, 1000},
		{"100kpps", RATE_PPS, 1e5, 1e5},
		{"1.5Mpps", RATE_PPS, 1.5e6, 1.5e6},
		{"0.5pps", RATE_PPS, 0.5, 0.5},
		{"512Mbps", RATE_L2, 512e6, 1e6},
		{"512MbpsL2", RATE_L2, 512e6, 1e6},
		{"672MbpsL1", RATE_L1, 672e6, 1e6},
		{"100%", RATE_PERCENT, 100, 10e9 / 672},
		{"0.538579%", RATE_PERCENT, 0.538579, 10e9 / 672 * 0.00538579},
		{"max", RATE_MAX, 0, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate rate;

		assert_int_equal(rate_parse(cases[i].text, &rate), 0);
		assert_int_equal(rate.unit, cases[i].unit);
		assert_true(fabs(rate.value - cases[i].value) <= 1e-9 * cases[i].value);
		assert_true(fabs(rate_to_pps(&rate, 64, 10e9) - cases[i].pps) <=
			    1e-9 * cases[i].pps);
	}
}

static void other_text_is_refused(void **state)
{
	static const char *const cases[] = {
		"", "0", "-5", "nan", "inf", "0x10", "10 kpps", "5q", "k", "%", "10%%", "1e400"};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate rate;

		assert_int_equal(rate_parse(cases[i], &rate), -EINVAL);
	}
}

static void lines_are_read(void **state)
{
	double bps = 0;

	assert_int_equal(rate_parse_line("2.5Gbps", &bps), 0);
	assert_true(bps == 2.5e9);
	assert_int_equal(rate_parse_line("100M", &bps), 0);
	assert_true(bps == 100e6);
	assert_int_equal(rate_parse_line("fast", &bps), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_read),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(lines_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
