#include "settings.h"

#include "measure.h"

#include <errno.h>
#include <stddef.h>

#define ALL_PPB   ((uint32_t)MEASURE_ALL)
#define NS_PER_S  1000000000u
#define BITS_BYTE 8u

/* A share of settings, what people call it, and the one that it says something about. */
struct named_share {
	const char *name;
	uint32_t share_ppb;
	const char *of; /* NULL = it stands alone */
	bool has_of;
};

static int refuse_missing(enum measure measure, const char *name, uint64_t value, const char *of,
	struct err *err)
{
	char text[MEASURE_TEXT_SIZE];

	(void)err_set_field(err, -EINVAL, name, "%s %s without %s", name,
		measure_format(measure, value, text), of);
	err_hint(err, "set %s, too, or %s to 0", of, name);
	return -EINVAL;
}

static int check_range(enum measure measure, const char *name, uint64_t value, uint64_t min,
	uint64_t max, struct err *err)
{
	char text[MEASURE_TEXT_SIZE], least[MEASURE_TEXT_SIZE], most[MEASURE_TEXT_SIZE];

	if (value >= min && value <= max)
		return 0;
	return err_set_field(err, -ERANGE, name, "%s %s is not in %s..%s", name,
		measure_format(measure, value, text), measure_format(measure, min, least),
		measure_format(measure, max, most));
}

static int check_shares(const struct named_share *shares, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct named_share *share = &shares[i];
		int r = check_range(MEASURE_SHARE, share->name, share->share_ppb, 0, ALL_PPB, err);

		if (r < 0)
			return r;
		if (share->share_ppb && share->of && !share->has_of)
			return refuse_missing(MEASURE_SHARE, share->name, share->share_ppb,
				share->of, err);
	}
	return 0;
}

/* Two probabilities of leaving one state. */
static int check_sum(const char *a, uint32_t a_ppb, const char *b, uint32_t b_ppb, struct err *err)
{
	char text_a[MEASURE_TEXT_SIZE], text_b[MEASURE_TEXT_SIZE];

	if ((uint64_t)a_ppb + b_ppb <= ALL_PPB)
		return 0;
	(void)err_set_field(err, -ERANGE, a, "%s %s and %s %s are more than 100%%", a,
		measure_format(MEASURE_SHARE, a_ppb, text_a), b,
		measure_format(MEASURE_SHARE, b_ppb, text_b));
	err_hint(err, "they leave the same state: their sum is at most 100%%");
	return -ERANGE;
}

static int check_loss(const struct impair_settings *s, struct err *err)
{
	bool is_random = s->loss_model == IMPAIR_LOSS_RANDOM && s->loss.share_ppb;
	bool is_gemodel = s->loss_model == IMPAIR_LOSS_GEMODEL;
	bool is_state = s->loss_model == IMPAIR_LOSS_STATE;
	const struct named_share shares[] = {
		{"loss", s->loss.share_ppb, "loss random", is_random},
		{"loss-correlation", s->loss.correlation_ppb, "loss random", is_random},
		{"gemodel-p", s->gemodel.p_ppb, "gemodel-p", is_gemodel},
		{"gemodel-r", s->gemodel.r_ppb, "gemodel-p", is_gemodel},
		{"gemodel-1h", s->gemodel.bad_loss_ppb, "gemodel-p", is_gemodel},
		{"gemodel-1k", s->gemodel.good_loss_ppb, "gemodel-p", is_gemodel},
		{"state-p13", s->state.p13_ppb, "state-p13", is_state},
		{"state-p31", s->state.p31_ppb, "state-p13", is_state},
		{"state-p32", s->state.p32_ppb, "state-p13", is_state},
		{"state-p23", s->state.p23_ppb, "state-p13", is_state},
		{"state-p14", s->state.p14_ppb, "state-p13", is_state},
	};
	int r = check_shares(shares, sizeof(shares) / sizeof(shares[0]), err);

	if (r < 0)
		return r;
	if (is_gemodel && !s->gemodel.p_ppb) {
		(void)err_set_field(err, -EINVAL, "gemodel-p", "gemodel without gemodel-p");
		err_hint(err,
			"gemodel-p is the probability that a burst of losses begins, such as 1%%");
		return -EINVAL;
	}
	if (is_state && !s->state.p13_ppb && !s->state.p14_ppb) {
		(void)err_set_field(err, -EINVAL, "state-p13", "state without state-p13");
		err_hint(err,
			"state-p13 is the probability that a burst of losses begins, such as 1%%");
		return -EINVAL;
	}
	r = check_sum("state-p13", s->state.p13_ppb, "state-p14", s->state.p14_ppb, err);
	/* What is not given is what the other leaves. */
	if (!r)
		r = check_sum("state-p31",
			s->state.has_p31 || !is_state ? s->state.p31_ppb
						      : ALL_PPB - s->state.p13_ppb,
			"state-p32", s->state.p32_ppb, err);
	return r;
}

static int check_rest(const struct impair_settings *s, struct err *err)
{
	const struct named_share shares[] = {
		{"delay-correlation", s->delay_correlation_ppb, "jitter", s->jitter_ns},
		{"duplicate", s->duplicate.share_ppb, NULL, false},
		{"duplicate-correlation", s->duplicate.correlation_ppb, "duplicate",
			s->duplicate.share_ppb},
		{"corrupt", s->corrupt.share_ppb, NULL, false},
		{"corrupt-correlation", s->corrupt.correlation_ppb, "corrupt",
			s->corrupt.share_ppb},
		{"reorder", s->reorder.share_ppb, "delay", s->delay_ns},
		{"reorder-correlation", s->reorder.correlation_ppb, "reorder",
			s->reorder.share_ppb},
	};
	int r = check_shares(shares, sizeof(shares) / sizeof(shares[0]), err);

	if (!r)
		r = check_range(MEASURE_TIME, "delay", s->delay_ns, 0, IMPAIR_MAX_DELAY_NS, err);
	if (!r)
		r = check_range(MEASURE_TIME, "jitter", s->jitter_ns, 0, IMPAIR_MAX_DELAY_NS, err);
	if (!r && s->rate_bps)
		r = check_range(MEASURE_RATE, "rate", s->rate_bps, IMPAIR_MIN_RATE_BPS,
			IMPAIR_MAX_RATE_BPS, err);
	if (r < 0)
		return r;
	if (s->jitter_ns && !s->delay_ns)
		return refuse_missing(MEASURE_TIME, "jitter", s->jitter_ns, "delay", err);
	if (s->gap && !s->reorder.share_ppb) {
		(void)err_set_field(err, -EINVAL, "gap", "gap %u without reorder", s->gap);
		err_hint(err, "reorder 100%% with it reorders each frame number %u", s->gap);
		return -EINVAL;
	}
	if (s->distribution != IMPAIR_UNIFORM && !s->jitter_ns) {
		(void)err_set_field(err, -EINVAL, "distribution", "distribution without jitter");
		err_hint(err, "set jitter, too: it is how far delays are spread");
		return -EINVAL;
	}
	return 0;
}

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
	int r = check_loss(s, err);

	if (!r)
		r = check_rest(s, err);
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
