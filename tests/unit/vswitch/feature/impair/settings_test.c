/* What contradicts is refused with the value, the reason and a hint; what is fine is compiled. */
#include "impair/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HZ           UINT64_C(2500000000)
#define MS           UINT64_C(1000000)
#define PERCENT      10000000u
#define GEMODEL      .loss_model = IMPAIR_LOSS_GEMODEL
#define STATE        .loss_model = IMPAIR_LOSS_STATE

static void what_contradicts_is_refused(void **state)
{
	static const struct {
		struct impair_settings settings;
		int code;
		const char *field, *msg, *hint;
	} cases[] = {
		{{.jitter_ns = 2 * MS}, -EINVAL, "jitter", "jitter 2ms without delay",
			"set delay, too, or jitter to 0"},
		{{.delay_ns = MS, .delay_correlation_ppb = 25 * PERCENT}, -EINVAL,
			"delay-correlation", "delay-correlation 25% without jitter",
			"set jitter, too, or delay-correlation to 0"},
		{{.delay_ns = MS, .distribution = IMPAIR_NORMAL}, -EINVAL, "distribution",
			"distribution without jitter",
			"set jitter, too: it is how far delays are spread"},
		{{.delay_ns = IMPAIR_MAX_DELAY_NS + 1}, -ERANGE, "delay",
			"delay 3600.000000001s is not in 0s..3600s", ""},
		{{.delay_ns = MS, .jitter_ns = UINT64_MAX}, -ERANGE, "jitter",
			"jitter 18446744073.709551615s is not in 0s..3600s", ""},
		{{.loss = {101 * PERCENT, 0}}, -ERANGE, "loss", "loss 101% is not in 0%..100%", ""},
		{{.loss = {PERCENT, 101 * PERCENT}}, -ERANGE, "loss-correlation",
			"loss-correlation 101% is not in 0%..100%", ""},
		{{.loss = {0, 25 * PERCENT}}, -EINVAL, "loss-correlation",
			"loss-correlation 25% without loss",
			"set loss, too, or loss-correlation to 0"},
		{{.loss = {PERCENT, 0}, GEMODEL, .gemodel.p_ppb = PERCENT}, -EINVAL, "loss",
			"loss 1% without loss random", "set loss random, too, or loss to 0"},
		{{GEMODEL}, -EINVAL, "gemodel-p", "gemodel without gemodel-p",
			"gemodel-p is the probability that a burst of losses begins, such as 1%"},
		{{GEMODEL, .gemodel.good_loss_ppb = PERCENT}, -EINVAL, "gemodel-p",
			"gemodel without gemodel-p",
			"gemodel-p is the probability that a burst of losses begins, such as 1%"},
		{{.gemodel.p_ppb = PERCENT}, -EINVAL, "gemodel-p", "gemodel-p 1% without gemodel-p",
			"set gemodel-p, too, or gemodel-p to 0"},
		{{STATE, .state.p13_ppb = PERCENT, .gemodel.r_ppb = PERCENT}, -EINVAL, "gemodel-r",
			"gemodel-r 1% without gemodel-p", "set gemodel-p, too, or gemodel-r to 0"},
		{{GEMODEL, .gemodel = {.p_ppb = PERCENT, .r_ppb = UINT32_MAX, .has_r = true}},
			-ERANGE, "gemodel-r", "gemodel-r 429.4967295% is not in 0%..100%", ""},
		{{STATE}, -EINVAL, "state-p13", "state without state-p13",
			"state-p13 is the probability that a burst of losses begins, such as 1%"},
		{{.state.p32_ppb = PERCENT}, -EINVAL, "state-p32", "state-p32 1% without state-p13",
			"set state-p13, too, or state-p32 to 0"},
		{{STATE, .state = {.p13_ppb = 60 * PERCENT, .p14_ppb = 41 * PERCENT}}, -ERANGE,
			"state-p13", "state-p13 60% and state-p14 41% are more than 100%",
			"they leave the same state: their sum is at most 100%"},
		{{STATE, .state = {.p13_ppb = PERCENT,
				 .p31_ppb = 60 * PERCENT,
				 .has_p31 = true,
				 .p32_ppb = 41 * PERCENT}},
			-ERANGE, "state-p31", "state-p31 60% and state-p32 41% are more than 100%",
			"they leave the same state: their sum is at most 100%"},
		{{STATE, .state = {.p13_ppb = PERCENT, .p32_ppb = 2 * PERCENT}}, -ERANGE,
			"state-p31", "state-p31 99% and state-p32 2% are more than 100%",
			"they leave the same state: their sum is at most 100%"},
		{{.duplicate = {0, PERCENT}}, -EINVAL, "duplicate-correlation",
			"duplicate-correlation 1% without duplicate",
			"set duplicate, too, or duplicate-correlation to 0"},
		{{.duplicate = {UINT32_MAX, 0}}, -ERANGE, "duplicate",
			"duplicate 429.4967295% is not in 0%..100%", ""},
		{{.corrupt = {0, PERCENT}}, -EINVAL, "corrupt-correlation",
			"corrupt-correlation 1% without corrupt",
			"set corrupt, too, or corrupt-correlation to 0"},
		{{.reorder = {25 * PERCENT, 0}}, -EINVAL, "reorder", "reorder 25% without delay",
			"set delay, too, or reorder to 0"},
		{{.delay_ns = MS, .reorder = {0, PERCENT}}, -EINVAL, "reorder-correlation",
			"reorder-correlation 1% without reorder",
			"set reorder, too, or reorder-correlation to 0"},
		{{.delay_ns = MS, .gap = 5}, -EINVAL, "gap", "gap 5 without reorder",
			"reorder 100% with it reorders each frame number 5"},
		{{.rate_bps = 999}, -ERANGE, "rate", "rate 999bit is not in 1kbit..10tbit", ""},
		{{.rate_bps = IMPAIR_MAX_RATE_BPS + 1}, -ERANGE, "rate",
			"rate 10000000000001bit is not in 1kbit..10tbit", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct impair_conf conf, before;
		struct err err = {0};
		int r;

		memset(&conf, 0x5a, sizeof(conf));
		before = conf;
		r = impair_compile(&cases[i].settings, HZ, &conf, &err);
		if (r != cases[i].code || err.code != r || strcmp(err.field, cases[i].field) != 0 ||
			strcmp(err.msg, cases[i].msg) != 0 || strcmp(err.hint, cases[i].hint) != 0)
			fail_msg("case %zu gave %d, %s: '%s', '%s'", i, r, err.field, err.msg,
				err.hint);
		assert_memory_equal(&conf, &before, sizeof(conf));
		assert_int_equal(impair_compile(&cases[i].settings, HZ, &conf, NULL), r);
	}
}

static void what_makes_sense_is_accepted(void **state)
{
	static const struct impair_settings cases[] = {
		{0},
		{.delay_ns = MS,
			.jitter_ns = 10 * MS,
			.distribution = IMPAIR_PARETO}, /* cut at 0 */
		{.delay_ns = IMPAIR_MAX_DELAY_NS, .jitter_ns = IMPAIR_MAX_DELAY_NS},
		{.loss = {100 * PERCENT, 100 * PERCENT}},
		{GEMODEL, .gemodel.p_ppb = 100 * PERCENT},
		{GEMODEL, .gemodel = {.p_ppb = 1, .has_r = true, .has_bad_loss = true}},
		{STATE, .state.p14_ppb = PERCENT},
		{STATE, .state = {.p13_ppb = 60 * PERCENT, .p14_ppb = 40 * PERCENT}},
		{.delay_ns = 1, .reorder = {1, 100 * PERCENT}, .gap = UINT32_MAX},
		{.rate_bps = IMPAIR_MIN_RATE_BPS},
		{.rate_bps = IMPAIR_MAX_RATE_BPS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static const uint64_t rates_hz[] = {
			1000000, UINT64_C(1000000000), UINT64_C(6000000000)};

		for (size_t h = 0; h < ARRAY_LEN(rates_hz); h++) {
			struct impair_state line;
			struct impair_conf conf;
			struct impair_fate fate;
			struct err err = {0};

			if (impair_compile(&cases[i], rates_hz[h], &conf, &err))
				fail_msg("case %zu: %s", i, err.msg);
			assert_true(conf.gap >= 1);
			impair_state_init(&line, i);
			for (unsigned f = 0; f < 100; f++) {
				uint64_t now = UINT64_C(1) << 62, due;

				impair_decide(&line, &conf, 65535, &fate);
				due = impair_due(&line, &conf, now, fate.delay_tsc, 65535);
				assert_true(fate.delay_tsc <= conf.max_delay_tsc && due >= now);
			}
		}
	}
}

static void settings_become_odds_and_ticks(void **state)
{
	struct impair_settings settings = {.delay_ns = 20 * MS,
		.jitter_ns = 2 * MS,
		.distribution = IMPAIR_NORMAL,
		.loss = {1, 0},
		.corrupt = {100 * PERCENT, 50 * PERCENT},
		.rate_bps = 1000000000};
	struct impair_conf conf;

	assert_int_equal(impair_compile(&settings, HZ, &conf, NULL), 0);
	assert_int_equal(conf.delay_tsc, 50000000);
	assert_int_equal(conf.jitter_tsc, 5000000);
	assert_in_range(conf.max_delay_tsc, 74999000, 75000100); /* 5 deviations more */
	assert_true(conf.share[IMPAIR_LOSS] == 9223372037);      /* 2^63 / 10^9 */
	assert_true(conf.share[IMPAIR_CORRUPT] == IMPAIR_ALWAYS);
	assert_true(conf.correlation[IMPAIR_CORRUPT] == IMPAIR_ALWAYS / 2);
	assert_int_equal(conf.ticks_per_byte, UINT64_C(20) << 32);
	assert_int_equal(conf.random,
		1u << IMPAIR_LOSS | 1u << IMPAIR_CORRUPT | 1u << IMPAIR_DELAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_contradicts_is_refused),
		cmocka_unit_test(what_makes_sense_is_accepted),
		cmocka_unit_test(settings_become_odds_and_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
