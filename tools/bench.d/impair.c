/* usage: bench-impair
 *
 * What the model of impaired links costs for a frame, in ticks of the TSC: decision and due time,
 * without the queue. The best of many runs counts, so that it may be called on a busy machine.
 */
#include "impair/model.h"
#include "impair/settings.h"

#include <stdio.h>
#include <x86intrin.h>

#define N_FRAMES 4096
#define N_RUNS   2000

#define MS      UINT64_C(1000000)
#define PERCENT 10000000u

static const struct {
	const char *name;
	struct impair_settings settings;
} cases[] = {
	{"delay", {.delay_ns = 20 * MS}},
	{"rate", {.rate_bps = 100000000}},
	{"loss", {.loss = {PERCENT, 0}}},
	{"gemodel", {.loss_model = IMPAIR_LOSS_GEMODEL, .gemodel.p_ppb = PERCENT}},
	{"jitter", {.delay_ns = 20 * MS, .jitter_ns = MS}},
	{"normal", {.delay_ns = 20 * MS, .jitter_ns = MS, .distribution = IMPAIR_NORMAL}},
	{"everything", {.delay_ns = 20 * MS,
			       .jitter_ns = MS,
			       .delay_correlation_ppb = 25 * PERCENT,
			       .distribution = IMPAIR_PARETONORMAL,
			       .loss = {PERCENT, 25 * PERCENT},
			       .duplicate = {PERCENT, 25 * PERCENT},
			       .corrupt = {PERCENT, 25 * PERCENT},
			       .reorder = {PERCENT, 25 * PERCENT},
			       .gap = 5,
			       .rate_bps = UINT64_C(10000000000)}},
};

/* Ticks for N_FRAMES frames; what they come to is used, so that nothing of it is left out. */
static uint64_t time_frames(struct impair_state *state, const struct impair_conf *conf,
	uint64_t *sum)
{
	uint64_t begin = __rdtsc(), now = begin;

	for (unsigned i = 0; i < N_FRAMES; i++) {
		struct impair_fate fate;

		impair_decide(state, conf, 64 + i % 1400, &fate);
		if (!fate.is_lost && !fate.is_reordered)
			*sum += impair_due(state, conf, now, fate.delay_tsc, 64 + i % 1400);
		*sum += fate.corrupt_bit;
		now += 100;
	}
	return __rdtsc() - begin;
}

int main(void)
{
	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint64_t best = UINT64_MAX, sum = 0;
		struct impair_state state;
		struct impair_conf conf;
		struct err err = {0};

		if (impair_compile(&cases[c].settings, UINT64_C(1000000000), &conf, &err)) {
			err_print(&err, "bench-impair");
			return 1;
		}
		impair_state_init(&state, 1);
		for (unsigned run = 0; run < N_RUNS; run++) {
			uint64_t took = time_frames(&state, &conf, &sum);

			best = took < best ? took : best;
		}
		printf("%-12s %6.1f ticks a frame%s\n", cases[c].name, (double)best / N_FRAMES,
			sum ? "" : " (of nothing)");
	}
	return 0;
}
