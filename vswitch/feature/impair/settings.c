#include "settings.h"

#include "impair_check.h"
#include "measure.h"

#include <stddef.h>

#define ALL_PPB   ((uint32_t)MEASURE_ALL)
#define NS_PER_S  1000000000u
#define BITS_BYTE 8u

static impair_odds to_odds(uint32_t share_ppb)
{
	return (impair_odds)(((unsigned __int128)share_ppb * IMPAIR_ALWAYS + ALL_PPB / 2) /
			     ALL_PPB);
}

static uint64_t to_ticks(uint64_t ns, uint64_t tsc_hz)
{
	return (uint64_t)(((unsigned __int128)ns * tsc_hz + NS_PER_S / 2) / NS_PER_S);
}

static void set_share(struct impair_conf *conf, enum impair_purpose purpose,
	const struct impair_share *share)
{
	if (!share->share_ppb)
		return;
	conf->random |= 1u << purpose;
	conf->share[purpose] = to_odds(share->share_ppb);
	conf->correlation[purpose] = to_odds(share->correlation_ppb);
}

static void compile_loss(const struct impair_settings *s, struct impair_conf *conf)
{
	uint32_t r_ppb = s->gemodel.has_r ? s->gemodel.r_ppb : ALL_PPB - s->gemodel.p_ppb;
	uint32_t bad_ppb = s->gemodel.has_bad_loss ? s->gemodel.bad_loss_ppb : ALL_PPB;
	uint32_t p31_ppb = s->state.has_p31 ? s->state.p31_ppb : ALL_PPB - s->state.p13_ppb;

	conf->loss_model = s->loss_model;
	if (s->loss_model == IMPAIR_LOSS_RANDOM)
		set_share(conf, IMPAIR_LOSS, &s->loss);
	else
		conf->random |= 1u << IMPAIR_LOSS_STEP;
	conf->gemodel.to_bad = to_odds(s->gemodel.p_ppb);
	conf->gemodel.to_good = to_odds(r_ppb);
	conf->gemodel.loss_bad = to_odds(bad_ppb);
	conf->gemodel.loss_good = to_odds(s->gemodel.good_loss_ppb);
	conf->state.p13 = to_odds(s->state.p13_ppb);
	conf->state.p31 = to_odds(p31_ppb);
	conf->state.p32 = to_odds(s->state.p32_ppb);
	conf->state.p23 = to_odds(s->state.has_p23 ? s->state.p23_ppb : ALL_PPB);
	conf->state.p14 = to_odds(s->state.p14_ppb);
}

/* The most that a frame is delayed, but for the line and those before it. */
static uint64_t find_max_delay(const struct impair_conf *conf)
{
	uint64_t most = conf->jitter_tsc;

	if (conf->curve)
		most = (uint64_t)((unsigned __int128)conf->jitter_tsc *
					  (uint32_t)conf->curve->edges[1][0] >>
				  IMPAIR_CURVE_ONE_BITS);
	return conf->delay_tsc + most;
}

int impair_compile(const struct impair_settings *s, uint64_t tsc_hz, struct impair_conf *ret_conf,
	struct err *err)
{
	struct impair_conf conf = {.gap = s->gap ? s->gap : 1};
	int r = impair_settings_check(s, err);

	if (r < 0)
		return r;
	compile_loss(s, &conf);
	set_share(&conf, IMPAIR_DUPLICATE, &s->duplicate);
	set_share(&conf, IMPAIR_CORRUPT, &s->corrupt);
	set_share(&conf, IMPAIR_REORDER, &s->reorder);
	conf.delay_tsc = to_ticks(s->delay_ns, tsc_hz);
	conf.jitter_tsc = to_ticks(s->jitter_ns, tsc_hz);
	conf.curve = impair_curve_get(s->distribution);
	conf.correlation[IMPAIR_DELAY] = to_odds(s->delay_correlation_ppb);
	if (conf.jitter_tsc)
		conf.random |= 1u << IMPAIR_DELAY;
	if (s->rate_bps)
		conf.ticks_per_byte = (uint64_t)((((unsigned __int128)BITS_BYTE * tsc_hz << 32) +
							 s->rate_bps / 2) /
						 s->rate_bps);
	conf.max_delay_tsc = find_max_delay(&conf);
	*ret_conf = conf;
	return 0;
}
