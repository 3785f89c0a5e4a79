/* The tables are the inverse functions of their distributions, to the ends. */
#include "impair/curve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static double value_at(enum impair_distribution distribution, uint64_t u)
{
	return ldexp(impair_curve_at(impair_curve_get(distribution), u), -IMPAIR_CURVE_ONE_BITS);
}

/* The number below which is the share 1 - beyond of all, or above which. */
static uint64_t number_at(double beyond, bool is_upper)
{
	uint64_t from_end = (uint64_t)ldexp(beyond, 64);

	return is_upper ? ~from_end : from_end;
}

/* Pareto of shape 3 between 1 and 5, by its moments: F(x) = (1 - x^-3) / c. */
static double ideal_pareto(double beyond, bool is_upper)
{
	double c = 1 - pow(5, -3), mean = 1.5 * (1 - pow(5, -2)) / c;
	double square = 3 * (1 - 1 / 5.0) / c;
	double x = cbrt(1 / (is_upper ? 1 - c + beyond * c : 1 - beyond * c));

	return (x - mean) / sqrt(square - mean * mean);
}

static void pareto_is_its_inverse_function(void **state)
{
	for (double beyond = 0.5; beyond > 1e-12; beyond *= 0.97) {
		for (int is_upper = 0; is_upper < 2; is_upper++) {
			double got = value_at(IMPAIR_PARETO, number_at(beyond, is_upper));

			if (fabs(got - ideal_pareto(beyond, is_upper)) > 3e-4)
				fail_msg("%g from end %d: %f, not %f", beyond, is_upper, got,
					ideal_pareto(beyond, is_upper));
		}
	}
}

/* The other way round: so many lie beyond that value. Up to where its cut at 5 has an effect. */
static void normal_is_its_inverse_function(void **state)
{
	for (double beyond = 0.5; beyond > 1e-4; beyond *= 0.97) {
		for (int is_upper = 0; is_upper < 2; is_upper++) {
			double got = value_at(IMPAIR_NORMAL, number_at(beyond, is_upper));
			double back = erfc((is_upper ? got : -got) / sqrt(2)) / 2;

			if (fabs(back - beyond) > 4e-3 * beyond)
				fail_msg("%g from end %d: %f, beyond which are %g", beyond,
					is_upper, got, back);
		}
	}
}

static void paretonormal_is_a_mixture(void **state)
{
	double deviation = 0;

	for (double beyond = 0.4; beyond > 1e-9; beyond *= 0.9) {
		for (int is_upper = 0; is_upper < 2; is_upper++) {
			uint64_t u = number_at(beyond, is_upper);
			double mixed = 0.25 * value_at(IMPAIR_NORMAL, u) +
				       0.75 * value_at(IMPAIR_PARETO, u);

			if (deviation == 0)
				deviation = mixed / value_at(IMPAIR_PARETONORMAL, u);
			assert_true(fabs(value_at(IMPAIR_PARETONORMAL, u) * deviation - mixed) <
				    1e-6);
		}
	}
	assert_true(deviation > 0.9 && deviation < 1);
}

/* Over evenly spread numbers. What is left is the error of the sum over cells cut in two. */
static void mean_and_variance_are_exact(void **state)
{
	static const enum impair_distribution all[] = {
		IMPAIR_NORMAL, IMPAIR_PARETO, IMPAIR_PARETONORMAL};
	const unsigned n_bits = 20;

	for (size_t d = 0; d < ARRAY_LEN(all); d++) {
		double sum = 0, squares = 0, n = ldexp(1, n_bits);

		for (uint64_t i = 0; i < UINT64_C(1) << n_bits; i++) {
			double x = value_at(all[d], (2 * i + 1) << (63 - n_bits));

			sum += x;
			squares += x * x;
		}
		if (fabs(sum / n) > 2e-6 || fabs(squares / n - 1) > 2e-5)
			fail_msg("distribution %u: mean %g, variance %f", all[d], sum / n,
				squares / n);
	}
}

static void curves_rise_and_end_at_their_cuts(void **state)
{
	static const struct {
		enum impair_distribution distribution;
		double least, most;
	} cases[] = {{IMPAIR_NORMAL, -5.0001, 5.0001}, {IMPAIR_PARETO, -0.8084, 6.3515},
		{IMPAIR_PARETONORMAL, -2, 6.5}};

	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		double last = -10;

		for (uint64_t step = 0; step < 65536; step++) {
			double x = value_at(cases[c].distribution, step << 48);

			assert_true(x >= last);
			last = x;
		}
		for (unsigned bit = 0; bit < 64; bit++) { /* every edge of a power of two */
			uint64_t edge = UINT64_C(1) << bit;

			assert_true(value_at(cases[c].distribution, edge) >=
				    value_at(cases[c].distribution, edge - 1));
			assert_true(value_at(cases[c].distribution, ~edge) <=
				    value_at(cases[c].distribution, ~(edge - 1)));
		}
		assert_true(value_at(cases[c].distribution, 0) > cases[c].least);
		assert_true(value_at(cases[c].distribution, 0) < cases[c].least + 0.5);
		assert_true(value_at(cases[c].distribution, UINT64_MAX) < cases[c].most);
		assert_true(value_at(cases[c].distribution, UINT64_MAX) > cases[c].most - 0.5);
	}
	assert_null(impair_curve_get(IMPAIR_UNIFORM));
	assert_ptr_equal(impair_curve_get(IMPAIR_NORMAL), impair_curve_get(IMPAIR_NORMAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pareto_is_its_inverse_function),
		cmocka_unit_test(normal_is_its_inverse_function),
		cmocka_unit_test(paretonormal_is_a_mixture),
		cmocka_unit_test(mean_and_variance_are_exact),
		cmocka_unit_test(curves_rise_and_end_at_their_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
