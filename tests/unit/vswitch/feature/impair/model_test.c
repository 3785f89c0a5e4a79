/*
 * What the model decides, against closed forms. Seeds are fixed, so that nothing here fails by
 * chance; bounds are five deviations of what is counted, so that nothing passes by chance either.
 * The clock ticks in nanoseconds.
 */
#include "impair/model.h"
#include "impair/settings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define N            1000000u
#define HZ           UINT64_C(1000000000)
#define MS           UINT64_C(1000000)
#define S            UINT64_C(1000000000)
#define PERCENT      10000000u
#define SIGMAS       5

struct rig {
	struct impair_state state;
	struct impair_conf conf;
};

static void start_at(struct rig *rig, const struct impair_settings *settings, uint64_t hz,
	uint64_t seed)
{
	struct err err = {0};

	if (impair_compile(settings, hz, &rig->conf, &err))
		fail_msg("%s", err.msg);
	impair_state_init(&rig->state, seed);
}

static void start(struct rig *rig, const struct impair_settings *settings)
{
	start_at(rig, settings, HZ, 42);
}

static struct impair_fate decide(struct rig *rig, uint32_t len)
{
	struct impair_fate fate;

	memset(&fate, 0x5a, sizeof(fate));
	impair_decide(&rig->state, &rig->conf, len, &fate);
	return fate;
}

static uint64_t due(struct rig *rig, uint64_t now, uint64_t delay, uint32_t len)
{
	return impair_due(&rig->state, &rig->conf, now, delay, len);
}

/* got is what is expected of n cases of probability p; spread: how much larger their deviation is
 * than that of independent ones. */
static void check_count(const char *what, double got, double n, double p, double spread)
{
	double bound = SIGMAS * spread * sqrt(n * p * (1 - p)) + 1e-9;

	if (fabs(got - n * p) > bound)
		fail_msg("%s: %.0f of %.0f, not %.0f +- %.0f", what, got, n, n * p, bound);
}

/* That of cases whose neighbours correlate by rho, and by its powers further apart. */
static double spread_of(double rho)
{
	return sqrt((1 + rho) / (1 - rho));
}

/* Numbers of a test's own. */
static uint64_t any(uint64_t *state)
{
	*state ^= *state << 13; /* Marsaglia's xorshift */
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- delay ---- */

static void nothing_changes_nothing(void **state)
{
	struct rig rig;

	start(&rig, &(struct impair_settings){0});
	for (unsigned i = 0; i < 1000; i++) {
		struct impair_fate fate = decide(&rig, 64);

		assert_false(fate.is_lost || fate.is_duplicated || fate.is_reordered);
		assert_int_equal(fate.corrupt_bit, IMPAIR_NOT_CORRUPT);
		assert_int_equal(fate.delay_tsc, 0);
		assert_int_equal(due(&rig, 7 * i, 0, 64), 7 * i);
	}
	assert_int_equal(rig.conf.random, 0);
	assert_int_equal(rig.conf.max_delay_tsc, 0);
}

static void plain_delay_is_constant(void **state)
{
	struct rig rig;

	start_at(&rig, &(struct impair_settings){.delay_ns = 20 * MS}, UINT64_C(2900000000), 1);
	for (uint64_t now = 1000; now < 100000; now += 13) {
		struct impair_fate fate = decide(&rig, 1500);

		assert_false(fate.is_lost || fate.is_duplicated || fate.is_reordered);
		assert_int_equal(fate.corrupt_bit, IMPAIR_NOT_CORRUPT);
		assert_int_equal(fate.delay_tsc, 58000000);
		assert_int_equal(due(&rig, now, fate.delay_tsc, 1500), now + 58000000);
	}
	assert_int_equal(rig.conf.max_delay_tsc, 58000000);
}

/* The value below which is the share p of an ideal distribution: mean 0, and variance 1 but for
 * uniform, which is from -1 to 1. */
static double ideal_normal(double p)
{
	double low = -6, high = 6;

	while (high - low > 1e-9) {
		double middle = (low + high) / 2;

		if (erfc(-middle / sqrt(2)) / 2 < p)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static double ideal_pareto(double p)
{
	double c = 1 - pow(5, -3), mean = 1.5 * (1 - pow(5, -2)) / c;
	double square = 3 * (1 - 1 / 5.0) / c;

	return (cbrt(1 / (1 - p * c)) - mean) / sqrt(square - mean * mean);
}

static double mix(double p)
{
	return 0.25 * ideal_normal(p) + 0.75 * ideal_pareto(p);
}

static double ideal_paretonormal(double p)
{
	static double deviation;

	for (unsigned i = 0; i < 20000 && deviation >= 0; i++) {
		double x = mix((i + 0.5) / 20000);

		deviation += x * x / 20000;
		if (i == 19999)
			deviation = -sqrt(deviation); /* below 0: found */
	}
	return mix(p) / -deviation;
}

static double ideal_uniform(double p)
{
	return 2 * p - 1;
}

static const struct distribution {
	enum impair_distribution distribution;
	double (*ideal)(double p);
	double variance, kurtosis;
} distributions[] = {
	{IMPAIR_UNIFORM, ideal_uniform, 1 / 3.0, 1.8},
	{IMPAIR_NORMAL, ideal_normal, 1, 3},
	{IMPAIR_PARETO, ideal_pareto, 1, 11.4},
	{IMPAIR_PARETONORMAL, ideal_paretonormal, 1, 8.3},
};

/* x[N] = how far each delay is from the mean, in jitters. */
static void draw_delays(const struct distribution *distribution, uint32_t correlation_ppb,
	double *x)
{
	struct rig rig;

	start(&rig, &(struct impair_settings){.delay_ns = S,
			    .jitter_ns = 100 * MS,
			    .delay_correlation_ppb = correlation_ppb,
			    .distribution = distribution->distribution});
	for (unsigned i = 0; i < N; i++) {
		struct impair_fate fate = decide(&rig, 64);

		assert_true(fate.delay_tsc <= rig.conf.max_delay_tsc);
		x[i] = ((double)fate.delay_tsc - (double)S) / (100.0 * (double)MS);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance of the shares below any value. */
static double find_distance(const double *sorted, const struct distribution *distribution)
{
	double most = 0;

	for (unsigned i = 1; i < 1000; i++) {
		double value = distribution->ideal(i / 1000.0);
		unsigned low = 0, high = N;

		while (low < high) {
			unsigned middle = (low + high) / 2;

			if (sorted[middle] < value)
				low = middle + 1;
			else
				high = middle;
		}
		most = fmax(most, fabs((double)low / N - i / 1000.0));
	}
	return most;
}

/* The same values, as counts of a thousand ranges of equal probability. */
static double find_chi_square(const double *sorted, const struct distribution *distribution)
{
	double chi_square = 0;
	unsigned at = 0;

	for (unsigned i = 1; i <= 1000; i++) {
		double value = i < 1000 ? distribution->ideal(i / 1000.0) : INFINITY;
		unsigned begin = at;

		while (at < N && sorted[at] < value)
			at++;
		chi_square += pow((double)(at - begin) - N / 1000.0, 2) / (N / 1000.0);
	}
	return chi_square;
}

static void delays_have_their_distribution(void **state)
{
	static const double shares[] = {
		0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999};
	double *x = malloc(N * sizeof(*x));

	assert_non_null(x);
	for (size_t d = 0; d < ARRAY_LEN(distributions); d++) {
		const struct distribution *distribution = &distributions[d];
		double sum = 0, squares = 0, variance, distance, chi_square;

		draw_delays(distribution, 0, x);
		for (unsigned i = 0; i < N; i++) {
			sum += x[i];
			squares += x[i] * x[i];
		}
		variance = squares / N - sum / N * sum / N;
		if (fabs(sum / N) > SIGMAS * sqrt(distribution->variance / N))
			fail_msg("distribution %zu: mean %f", d, sum / N);
		if (fabs(variance / distribution->variance - 1) >
			SIGMAS * sqrt((distribution->kurtosis - 1) / N))
			fail_msg("distribution %zu: variance %f", d, variance);
		qsort(x, N, sizeof(*x), compare);
		for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
			double value = distribution->ideal(shares[i]);
			unsigned below = 0;

			while (below < N && x[below] < value)
				below++;
			check_count("frames below a quantile", below, N, shares[i], 1);
		}
		/* Exceeded once in a thousand times, by 1.95; in a million and more, by five
		 * deviations of chi-square. */
		distance = find_distance(x, distribution);
		chi_square = find_chi_square(x, distribution);
		if (distance > 1.95 / sqrt(N) || chi_square > 999 + SIGMAS * sqrt(2 * 999))
			fail_msg("distribution %zu: distance %f, chi-square %.0f", d, distance,
				chi_square);
		/* Nor is it too good to be random. */
		if (chi_square < 999 - SIGMAS * sqrt(2 * 999))
			fail_msg("distribution %zu: chi-square %.0f", d, chi_square);
	}
	free(x);
}

static double find_correlation(const double *x, unsigned distance)
{
	double sum = 0, squares = 0, products = 0;

	for (unsigned i = 0; i < N; i++) {
		sum += x[i];
		squares += x[i] * x[i];
	}
	for (unsigned i = distance; i < N; i++)
		products += (x[i] - sum / N) * (x[i - distance] - sum / N);
	return products / (squares - sum * sum / N);
}

static void delays_correlate_as_told(void **state)
{
	static const uint32_t percents[] = {0, 25, 90};
	double *x = malloc(N * sizeof(*x));

	assert_non_null(x);
	for (size_t d = 0; d < ARRAY_LEN(distributions); d++) {
		for (size_t c = 0; c < ARRAY_LEN(percents); c++) {
			double rho = percents[c] / 100.0, sum = 0;

			draw_delays(&distributions[d], percents[c] * PERCENT, x);
			for (unsigned distance = 1; distance < 4; distance++) {
				double got = find_correlation(x, distance);

				if (fabs(got - pow(rho, distance)) > 0.01)
					fail_msg("%u %%, %u apart: %f", percents[c], distance, got);
			}
			for (unsigned i = 0; i < N; i++)
				sum += x[i];
			if (fabs(sum / N) >
				SIGMAS * sqrt(distributions[d].variance / N) * spread_of(rho))
				fail_msg("%u %%: mean %f", percents[c], sum / N);
		}
	}
	free(x);
}

static void delays_end_at_nothing(void **state)
{
	unsigned n_nothing = 0;
	struct rig rig;

	start(&rig, &(struct impair_settings){.delay_ns = MS, .jitter_ns = 10 * MS});
	for (unsigned i = 0; i < N; i++) {
		uint64_t delay = decide(&rig, 64).delay_tsc;

		assert_true(delay <= 11 * MS);
		n_nothing += !delay;
	}
	check_count("frames without delay", n_nothing, N, 9 / 20.0, 1);
	assert_int_equal(rig.conf.max_delay_tsc, 11 * MS);
}

/* ---- loss ---- */

/* Losses among N frames, the runs of them, and the correlation of neighbours. */
struct losses {
	unsigned n, runs;
	double correlation;
};

static struct losses count_losses(struct rig *rig)
{
	struct losses losses = {0};
	bool was_lost = false;
	unsigned pairs = 0;
	double p;

	for (unsigned i = 0; i < N; i++) {
		bool is_lost = decide(rig, 64).is_lost;

		losses.n += is_lost;
		losses.runs += is_lost && !was_lost;
		pairs += is_lost && was_lost;
		was_lost = is_lost;
	}
	p = (double)losses.n / N;
	losses.correlation = p > 0 && p < 1 ? ((double)pairs / N - p * p) / (p - p * p) : 0;
	return losses;
}

static void random_loss_loses_its_share(void **state)
{
	static const uint32_t shares[] = {10, 1000, PERCENT / 10, PERCENT, 30 * PERCENT,
		50 * PERCENT, 99 * PERCENT, 100 * PERCENT};
	static const uint32_t correlations[] = {0, 25, 75};

	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		for (size_t c = 0; c < ARRAY_LEN(correlations); c++) {
			double rho = correlations[c] / 100.0, p = shares[i] / 1e9;
			struct losses losses;
			struct rig rig;

			start(&rig, &(struct impair_settings){
					    .loss = {shares[i], correlations[c] * PERCENT}});
			losses = count_losses(&rig);
			check_count("lost", losses.n, N, p, spread_of(rho));
			if (losses.n > 1000 && p < 1 && fabs(losses.correlation - rho) > 0.02)
				fail_msg("loss of %f: correlation %f, not %f", p,
					losses.correlation, rho);
		}
	}
}

static void gemodel_loses_in_bursts(void **state)
{
	static const struct {
		double p, r, bad, good; /* percents; r and bad below 0: not given */
	} cases[] = {
		{1, 10, 100, 0},
		{1, 10, -1, 0},
		{0.1, 2, 60, 0.5},
		{5, 50, 30, 10},
		{20, -1, -1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct impair_settings settings = {.loss_model = IMPAIR_LOSS_GEMODEL};
		double p = cases[i].p / 100, r = cases[i].r < 0 ? 1 - p : cases[i].r / 100;
		double bad = cases[i].bad < 0 ? 1 : cases[i].bad / 100, good = cases[i].good / 100;
		double in_bad = p / (p + r), share = in_bad * bad + (1 - in_bad) * good;
		/* Of the losses: within a state, and of the time in the states. */
		double variance =
			in_bad * bad * (1 - bad) + (1 - in_bad) * good * (1 - good) +
			pow(bad - good, 2) * in_bad * (1 - in_bad) * (2 - p - r) / (p + r);
		struct losses losses;
		struct rig rig;

		settings.gemodel.p_ppb = (uint32_t)lrint(p * 1e9);
		settings.gemodel.has_r = cases[i].r >= 0;
		settings.gemodel.r_ppb = settings.gemodel.has_r ? (uint32_t)lrint(r * 1e9) : 0;
		settings.gemodel.has_bad_loss = cases[i].bad >= 0;
		settings.gemodel.bad_loss_ppb =
			settings.gemodel.has_bad_loss ? (uint32_t)lrint(bad * 1e9) : 0;
		settings.gemodel.good_loss_ppb = (uint32_t)lrint(good * 1e9);
		start(&rig, &settings);
		losses = count_losses(&rig);
		if (fabs(losses.n - N * share) > SIGMAS * sqrt(N * variance))
			fail_msg("case %zu: %u lost, not %.0f", i, losses.n, N * share);
		/* Bursts are geometric: their mean 1 / r, its deviation sqrt(1 - r) / r. */
		if (bad == 1 && good == 0 &&
			fabs((double)losses.n / losses.runs - 1 / r) >
				SIGMAS * sqrt(1 - r) / r / sqrt(losses.runs))
			fail_msg("case %zu: bursts of %f, not %f", i,
				(double)losses.n / losses.runs, 1 / r);
	}
}

static void state_loses_as_its_chain(void **state)
{
	static const struct {
		double p13, p31, p32, p23, p14; /* percents; p31 and p23 below 0: not given */
	} cases[] = {
		{1, 20, 0, -1, 0},
		{1, 20, 30, 40, 0.5},
		{0, 100, 0, -1, 2},
		{3, -1, 0, -1, 0},
		{0.2, 5, 10, 60, 0.1},
		{30, 20, 60, -1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct impair_settings settings = {.loss_model = IMPAIR_LOSS_STATE};
		double p13 = cases[i].p13 / 100, p14 = cases[i].p14 / 100;
		double p31 = cases[i].p31 < 0 ? 1 - p13 : cases[i].p31 / 100;
		double p32 = cases[i].p32 / 100, p23 = cases[i].p23 < 0 ? 1 : cases[i].p23 / 100;
		/* Of each state compared with the first: flows in and out of it are equal. */
		double w3 = p13 / p31, w2 = w3 * p32 / p23, w4 = p14, all = 1 + w2 + w3 + w4;
		double share = (w3 + w4) / all, runs = (p13 + w2 * p23 + p14) / all;
		/* Longest memory: a burst. */
		double spread = spread_of(1 - p31 * p23 / (p23 + p32));
		struct losses losses;
		struct rig rig;

		settings.state.p13_ppb = (uint32_t)lrint(p13 * 1e9);
		settings.state.p14_ppb = (uint32_t)lrint(p14 * 1e9);
		settings.state.p32_ppb = (uint32_t)lrint(p32 * 1e9);
		settings.state.has_p31 = cases[i].p31 >= 0;
		settings.state.p31_ppb = settings.state.has_p31 ? (uint32_t)lrint(p31 * 1e9) : 0;
		settings.state.has_p23 = cases[i].p23 >= 0;
		settings.state.p23_ppb = settings.state.has_p23 ? (uint32_t)lrint(p23 * 1e9) : 0;
		start(&rig, &settings);
		losses = count_losses(&rig);
		check_count("lost", losses.n, N, share, spread);
		check_count("bursts", losses.runs, N, runs, spread);
		if (fabs((double)losses.n / losses.runs - share / runs) >
			SIGMAS / p31 / sqrt(losses.runs))
			fail_msg("case %zu: bursts of %f, not %f", i,
				(double)losses.n / losses.runs, share / runs);
	}
}

/* ---- duplicate, corrupt, reorder ---- */

static void duplicates_are_counted_beside_losses(void **state)
{
	unsigned n_duplicated = 0, n_lost = 0;
	struct rig rig;

	start(&rig, &(struct impair_settings){
			    .duplicate = {20 * PERCENT, 0}, .loss = {30 * PERCENT, 0}});
	for (unsigned i = 0; i < N; i++) {
		struct impair_fate fate = decide(&rig, 64);

		assert_false(fate.is_lost && fate.is_duplicated);
		n_duplicated += fate.is_duplicated;
		n_lost += fate.is_lost;
	}
	check_count("duplicated", n_duplicated, N, 0.2 * 0.7, 1);
	check_count("lost", n_lost, N, 0.3 * 0.8, 1);
}

static void corruption_takes_any_bit(void **state)
{
	enum { LEN = 64 };
	unsigned counts[8 * LEN] = {0}, n = 0;
	double chi_square = 0, expected;
	uint64_t lens = 1;
	struct rig rig;

	start(&rig, &(struct impair_settings){.corrupt = {25 * PERCENT, 0}});
	for (unsigned i = 0; i < N; i++) {
		uint32_t bit = decide(&rig, LEN).corrupt_bit;

		if (bit == IMPAIR_NOT_CORRUPT)
			continue;
		assert_true(bit < 8 * LEN);
		counts[bit]++;
		n++;
	}
	check_count("corrupted", n, N, 0.25, 1);
	expected = n / (8.0 * LEN);
	for (unsigned i = 0; i < 8 * LEN; i++)
		chi_square += pow(counts[i] - expected, 2) / expected;
	if (fabs(chi_square - (8 * LEN - 1)) > SIGMAS * sqrt(2.0 * (8 * LEN - 1)))
		fail_msg("chi-square %.0f", chi_square);

	start(&rig, &(struct impair_settings){.corrupt = {100 * PERCENT, 0}});
	assert_int_equal(decide(&rig, 0).corrupt_bit, IMPAIR_NOT_CORRUPT);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t len = (uint32_t)(1 + any(&lens) % 65535);

		assert_true(decide(&rig, len).corrupt_bit < 8 * len);
	}
}

static void each_gap_th_frame_is_reordered(void **state)
{
	struct rig rig;

	for (uint32_t gap = 1; gap < 7; gap++) {
		start(&rig,
			&(struct impair_settings){
				.delay_ns = 10 * MS, .reorder = {100 * PERCENT, 0}, .gap = gap});
		for (unsigned i = 1; i < 1000; i++) {
			struct impair_fate fate = decide(&rig, 64);

			assert_int_equal(fate.is_reordered, i % gap == 0);
			assert_int_equal(fate.delay_tsc, 10 * MS);
		}
	}
}

static unsigned count_reordered(const struct impair_settings *settings)
{
	struct rig rig;
	unsigned n = 0;

	start(&rig, settings);
	for (unsigned i = 0; i < N; i++)
		n += decide(&rig, 64).is_reordered;
	return n;
}

static void reordering_keeps_its_share(void **state)
{
	check_count("reordered",
		count_reordered(&(struct impair_settings){
			.delay_ns = MS, .reorder = {25 * PERCENT, 0}}),
		N, 0.25, 1);
	check_count("reordered",
		count_reordered(&(struct impair_settings){
			.delay_ns = MS, .reorder = {25 * PERCENT, 50 * PERCENT}}),
		N, 0.25, spread_of(0.5));
}

static void gap_keeps_reordered_frames_apart(void **state)
{
	struct impair_settings half = {.delay_ns = MS, .reorder = {50 * PERCENT, 0}};
	unsigned n = 0, since = 0, n_early = 0;
	struct rig without, rig;

	start(&without, &half);
	half.gap = 5;
	start(&rig, &half);
	for (unsigned i = 0; i < N; i++) {
		bool may = decide(&without, 64).is_reordered;
		bool is_reordered = decide(&rig, 64).is_reordered;

		since++;
		if (!is_reordered)
			continue;
		assert_true(may && since >= 5);
		n_early += since == 5;
		since = 0;
		n++;
	}
	/* Behind four frames that wait in any case, those until the next are geometric. */
	check_count("reordered", n, N, 1 / (4 + 1 / 0.5), 1);
	check_count("as early as may be", n_early, n, 0.5, 1);
}

/* ---- order and rate ---- */

static void order_is_kept(void **state)
{
	uint64_t now = 0, numbers = 7, last = 0;
	unsigned n_waited = 0;
	struct rig rig;

	start(&rig, &(struct impair_settings){.delay_ns = 10 * MS,
			    .jitter_ns = 8 * MS,
			    .distribution = IMPAIR_PARETO,
			    .reorder = {10 * PERCENT, 0}});
	for (unsigned i = 0; i < 100000; i++) {
		struct impair_fate fate = decide(&rig, 64);
		uint64_t when;

		now += any(&numbers) % MS;
		if (fate.is_reordered)
			continue;
		when = due(&rig, now, fate.delay_tsc, 64);
		assert_true(when == (now + fate.delay_tsc > last ? now + fate.delay_tsc : last));
		n_waited += when > now + fate.delay_tsc;
		last = when;
	}
	assert_true(n_waited > 10000);
}

/* Exact to a tick, whatever the sizes are, and idle times begin anew. */
static void line_takes_its_time_for_each_byte(void **state)
{
	static const struct {
		uint64_t rate_bps, hz;
	} cases[] = {{1000, HZ}, {9600, UINT64_C(2893202941)}, {64000, UINT64_C(5000000000)},
		{100000000, UINT64_C(2893202941)}, {999999937, UINT64_C(2893202941)},
		{UINT64_C(2500000000), HZ}, {UINT64_C(100000000000), UINT64_C(2100000007)},
		{IMPAIR_MAX_RATE_BPS, UINT64_C(3700000001)}};

	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		uint64_t numbers = 3, at = 1000, last = at;
		unsigned __int128 bits = 0;
		struct rig rig;

		start_at(&rig, &(struct impair_settings){.rate_bps = cases[c].rate_bps},
			cases[c].hz, 1);
		for (unsigned i = 0; i < 100000; i++) {
			uint32_t len = (uint32_t)(60 + any(&numbers) % 1455);
			uint64_t when = due(&rig, at, decide(&rig, len).delay_tsc, len), exact;

			bits += 8 * len;
			exact = at + (uint64_t)(bits * cases[c].hz / cases[c].rate_bps);
			if (when + 1 < exact || when > exact + 1)
				fail_msg("case %zu, frame %u: due at %llu, not %llu", c, i,
					(unsigned long long)when, (unsigned long long)exact);
			assert_true(when >= last);
			last = when;
		}
		at = last + 12345;
		last = at +
		       (uint64_t)((unsigned __int128)8 * 1500 * cases[c].hz / cases[c].rate_bps);
		assert_in_range(due(&rig, at, 0, 1500), last - 1, last + 1);
	}
}

/* Frames come to the line after their delay; frames that nobody queued take no time of it. */
static void line_is_behind_the_delay(void **state)
{
	struct rig rig;

	start(&rig, &(struct impair_settings){.delay_ns = 10 * MS, .rate_bps = 8000000});
	assert_int_equal(decide(&rig, 1000).delay_tsc, 10 * MS);
	assert_int_equal(due(&rig, 0, 10 * MS, 1000), 11 * MS);
	assert_int_equal(due(&rig, 0, 10 * MS, 1000), 12 * MS);
	(void)decide(&rig, 1000);
	assert_int_equal(due(&rig, MS, 10 * MS, 500), 12 * MS + MS / 2);
	assert_int_equal(due(&rig, 50 * MS, 10 * MS, 1000), 61 * MS);
}

/* ---- streams, seeds, changes ---- */

static const struct impair_settings full = {
	.delay_ns = 20 * MS,
	.jitter_ns = 5 * MS,
	.delay_correlation_ppb = 25 * PERCENT,
	.distribution = IMPAIR_PARETONORMAL,
	.loss = {10 * PERCENT, 20 * PERCENT},
	.duplicate = {5 * PERCENT, 10 * PERCENT},
	.corrupt = {8 * PERCENT, 30 * PERCENT},
	.reorder = {15 * PERCENT, 40 * PERCENT},
	.gap = 3,
	.rate_bps = 100000000,
};

enum { N_FATES = 20000 };

static void draw_fates(const struct impair_settings *settings, uint64_t seed,
	struct impair_fate fates[N_FATES])
{
	struct rig rig;

	start_at(&rig, settings, HZ, seed);
	for (unsigned i = 0; i < N_FATES; i++)
		fates[i] = decide(&rig, 64 + i % 1400);
}

/* What of two runs differs, as bits. */
enum { LOST = 1, DUPLICATED = 2, CORRUPT = 4, REORDERED = 8, DELAYED = 16 };

static unsigned find_differences(const struct impair_fate *a, const struct impair_fate *b)
{
	unsigned found = 0;

	for (unsigned i = 0; i < N_FATES; i++) {
		found |= a[i].is_lost != b[i].is_lost ? LOST : 0;
		found |= a[i].is_duplicated != b[i].is_duplicated ? DUPLICATED : 0;
		found |= a[i].corrupt_bit != b[i].corrupt_bit ? CORRUPT : 0;
		found |= a[i].is_reordered != b[i].is_reordered ? REORDERED : 0;
		found |= a[i].delay_tsc != b[i].delay_tsc ? DELAYED : 0;
	}
	return found;
}

static void seeds_repeat_and_differ(void **state)
{
	static struct impair_fate a[N_FATES], b[N_FATES];

	draw_fates(&full, 1, a);
	draw_fates(&full, 1, b);
	assert_int_equal(find_differences(a, b), 0);
	for (uint64_t seed = 0; seed < 5; seed++) {
		draw_fates(&full, seed == 1 ? UINT64_MAX : seed, b);
		assert_int_equal(find_differences(a, b),
			LOST | DUPLICATED | CORRUPT | REORDERED | DELAYED);
	}
}

static void one_setting_changes_one_decision(void **state)
{
	static struct impair_fate a[N_FATES], b[N_FATES];
	struct impair_settings changed[12];
	/* Of a frame that is both lost and duplicated one is left. */
	static const unsigned differ[ARRAY_LEN(changed)] = {DELAYED, DELAYED, DELAYED, DELAYED,
		LOST | DUPLICATED, LOST | DUPLICATED, LOST | DUPLICATED, LOST | DUPLICATED, CORRUPT,
		REORDERED, REORDERED, 0};

	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		changed[i] = full;
	changed[0].delay_ns *= 2;
	changed[1].jitter_ns /= 2;
	changed[2].delay_correlation_ppb = 0;
	changed[3].distribution = IMPAIR_UNIFORM;
	changed[4].loss.share_ppb *= 2;
	changed[5].loss = (struct impair_share){0};
	changed[6].loss = (struct impair_share){0};
	changed[6].loss_model = IMPAIR_LOSS_GEMODEL;
	changed[6].gemodel.p_ppb = 3 * PERCENT;
	changed[7].duplicate = (struct impair_share){0};
	changed[8].corrupt.correlation_ppb = 0;
	changed[9].reorder.share_ppb /= 2;
	changed[10].gap = 5;
	changed[11].rate_bps = 0;
	draw_fates(&full, 9, a);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		draw_fates(&changed[i], 9, b);
		if (find_differences(a, b) != differ[i])
			fail_msg("change %zu: %#x differ, not %#x", i, find_differences(a, b),
				differ[i]);
	}
}

/* Decisions of different kinds have nothing to do with each other. */
static void streams_are_independent(void **state)
{
	unsigned counts[4] = {0}, n_long[4] = {0};
	struct rig rig;

	start(&rig, &(struct impair_settings){.delay_ns = S,
			    .jitter_ns = 100 * MS,
			    .corrupt = {50 * PERCENT, 0},
			    .reorder = {50 * PERCENT, 0}});
	for (unsigned i = 0; i < N; i++) {
		struct impair_fate fate = decide(&rig, 64);
		unsigned both = (fate.corrupt_bit != IMPAIR_NOT_CORRUPT) + 2u * fate.is_reordered;

		counts[both]++;
		n_long[both] += fate.delay_tsc > S;
	}
	for (unsigned i = 0; i < 4; i++) {
		check_count("both", counts[i], N, 0.25, 1);
		check_count("and long", n_long[i], N, 0.125, 1);
	}
}

static void changes_keep_the_state(void **state)
{
	static struct impair_fate before[N_FATES], after[N_FATES];
	struct impair_settings quick = full;
	struct rig rig, other;
	uint64_t last, when;

	/* Frames that wait are not overtaken, and the streams go on where they were. */
	quick.delay_ns = MS;
	quick.jitter_ns = MS / 10;
	start(&rig, &full);
	start(&other, &quick);
	draw_fates(&full, 42, before);
	for (unsigned i = 0; i < N_FATES / 2; i++)
		after[i] = decide(&rig, 64 + i % 1400);
	last = due(&rig, 0, 100 * MS, 64);
	rig.conf = other.conf;
	when = due(&rig, MS, MS, 64);
	assert_true(when >= last);
	for (unsigned i = N_FATES / 2; i < N_FATES; i++)
		after[i] = decide(&rig, 64 + i % 1400);
	assert_int_equal(find_differences(before, after), DELAYED);
	rig.conf.ticks_per_byte = 0;
	assert_int_equal(due(&rig, 2 * MS, 0, 64), when);
	assert_int_equal(due(&rig, 200 * MS, 0, 64), 200 * MS);
}

/* Another loss model begins wherever the one before it was. */
static void loss_models_follow_each_other(void **state)
{
	struct impair_settings chain = {.loss_model = IMPAIR_LOSS_STATE,
				       .state = {.p13_ppb = 50 * PERCENT,
					       .p14_ppb = 20 * PERCENT,
					       .p32_ppb = 30 * PERCENT,
					       .p31_ppb = 20 * PERCENT,
					       .has_p31 = true,
					       .p23_ppb = PERCENT,
					       .has_p23 = true}},
			       gemodel = {.loss_model = IMPAIR_LOSS_GEMODEL,
				       .gemodel = {.p_ppb = 20 * PERCENT,
					       .r_ppb = 20 * PERCENT,
					       .has_r = true}};
	struct rig rig, other;
	unsigned n = 0;

	start(&rig, &chain);
	start(&other, &gemodel);
	for (unsigned i = 0; i < N; i++) {
		struct impair_conf conf = rig.conf;

		(void)decide(&rig, 64);
		rig.conf = other.conf;
		for (unsigned j = 0; j < 3; j++)
			n += decide(&rig, 64).is_lost;
		rig.conf = conf;
	}
	assert_true(n > N / 2 && n < 3 * N - N / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes_nothing),
		cmocka_unit_test(plain_delay_is_constant),
		cmocka_unit_test(delays_have_their_distribution),
		cmocka_unit_test(delays_correlate_as_told),
		cmocka_unit_test(delays_end_at_nothing),
		cmocka_unit_test(random_loss_loses_its_share),
		cmocka_unit_test(gemodel_loses_in_bursts),
		cmocka_unit_test(state_loses_as_its_chain),
		cmocka_unit_test(duplicates_are_counted_beside_losses),
		cmocka_unit_test(corruption_takes_any_bit),
		cmocka_unit_test(each_gap_th_frame_is_reordered),
		cmocka_unit_test(reordering_keeps_its_share),
		cmocka_unit_test(gap_keeps_reordered_frames_apart),
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(line_takes_its_time_for_each_byte),
		cmocka_unit_test(line_is_behind_the_delay),
		cmocka_unit_test(seeds_repeat_and_differ),
		cmocka_unit_test(one_setting_changes_one_decision),
		cmocka_unit_test(streams_are_independent),
		cmocka_unit_test(changes_keep_the_state),
		cmocka_unit_test(loss_models_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
