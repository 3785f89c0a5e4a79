#include "impair_check.h"

#include "ctl_field.h"
#include "measure.h"

#include <errno.h>
#include <stddef.h>

#define ALL_PPB ((uint32_t)MEASURE_ALL)

/* ---- What means the same --------------------------------------------------------------------- */

/* What the request does not name, and what it is about is off. */
#define FORGET(s, req, field)                             \
	do {                                              \
		if (!CTL_HAS(req, ctl_impair, field)) {   \
			(s)->field = 0;                   \
			CTL_UNMARK(s, ctl_impair, field); \
		}                                         \
	} while (0)

static void forget(struct ctl_impair *s, const struct ctl_impair *req)
{
	if (!CTL_HAS(s, ctl_impair, gemodel_p)) {
		FORGET(s, req, gemodel_r);
		FORGET(s, req, gemodel_1h);
		FORGET(s, req, gemodel_1k);
	}
	if (!CTL_HAS(s, ctl_impair, state_p13) && !CTL_HAS(s, ctl_impair, state_p14)) {
		FORGET(s, req, state_p31);
		FORGET(s, req, state_p32);
		FORGET(s, req, state_p23);
	}
	if (!CTL_HAS(s, ctl_impair, delay)) {
		FORGET(s, req, jitter);
		FORGET(s, req, reorder);
	}
	if (!CTL_HAS(s, ctl_impair, jitter)) {
		FORGET(s, req, delay_correlation);
		FORGET(s, req, distribution);
	}
	if (!CTL_HAS(s, ctl_impair, reorder)) {
		FORGET(s, req, reorder_correlation);
		FORGET(s, req, gap);
	}
	if (!CTL_HAS(s, ctl_impair, loss))
		FORGET(s, req, loss_correlation);
	if (!CTL_HAS(s, ctl_impair, duplicate))
		FORGET(s, req, duplicate_correlation);
	if (!CTL_HAS(s, ctl_impair, corrupt))
		FORGET(s, req, corrupt_correlation);
}

void impair_trim(const struct ctl_struct *schema, void *conf, const void *req)
{
	ctl_trim(schema, conf);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		if (field->sub == &ctl_impair_schema)
			forget((void *)((char *)conf + field->offset),
				(const void *)((const char *)req + field->offset));
	}
	ctl_trim(schema, conf);
}

/* ---- What fits together ---------------------------------------------------------------------- */

struct impair_settings impair_settings_of(const struct ctl_impair *s)
{
	struct impair_settings to = {
		.delay_ns = s->delay,
		.jitter_ns = s->jitter,
		.delay_correlation_ppb = s->delay_correlation,
		.distribution = (enum impair_distribution)s->distribution,
		.loss = {s->loss, s->loss_correlation},
		.duplicate = {s->duplicate, s->duplicate_correlation},
		.corrupt = {s->corrupt, s->corrupt_correlation},
		.reorder = {s->reorder, s->reorder_correlation},
		.gap = s->gap,
		.rate_bps = s->rate,
	};

	to.gemodel.p_ppb = s->gemodel_p;
	to.gemodel.r_ppb = s->gemodel_r;
	to.gemodel.bad_loss_ppb = s->gemodel_1h;
	to.gemodel.good_loss_ppb = s->gemodel_1k;
	to.gemodel.has_r = CTL_HAS(s, ctl_impair, gemodel_r);
	to.gemodel.has_bad_loss = CTL_HAS(s, ctl_impair, gemodel_1h);
	to.state.p13_ppb = s->state_p13;
	to.state.p31_ppb = s->state_p31;
	to.state.p32_ppb = s->state_p32;
	to.state.p23_ppb = s->state_p23;
	to.state.p14_ppb = s->state_p14;
	to.state.has_p31 = CTL_HAS(s, ctl_impair, state_p31);
	to.state.has_p23 = CTL_HAS(s, ctl_impair, state_p23);
	if (CTL_HAS(s, ctl_impair, gemodel_p))
		to.loss_model = IMPAIR_LOSS_GEMODEL;
	else if (CTL_HAS(s, ctl_impair, state_p13) || CTL_HAS(s, ctl_impair, state_p14))
		to.loss_model = IMPAIR_LOSS_STATE;
	return to;
}

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
		{"loss-correlation", s->loss.correlation_ppb, "loss", is_random},
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

int impair_settings_check(const struct impair_settings *s, struct err *err)
{
	int r = check_loss(s, err);

	return r < 0 ? r : check_rest(s, err);
}

/* There is one way to lose frames. */
static int check_one_loss(const struct ctl_impair *s, struct err *err)
{
	bool is_random = CTL_HAS(s, ctl_impair, loss);
	bool is_gemodel = CTL_HAS(s, ctl_impair, gemodel_p);
	bool is_state = CTL_HAS(s, ctl_impair, state_p13) || CTL_HAS(s, ctl_impair, state_p14);
	const char *one = is_random ? "loss" : "gemodel-p";
	const char *other = is_gemodel && is_random ? "gemodel-p" : "state-p13";

	if (is_random + is_gemodel + is_state < 2)
		return 0;
	(void)err_set_field(err, -EINVAL, one, "%s and %s are two models of loss", one, other);
	err_hint(err, "set one of them to 0");
	return -EINVAL;
}

int impair_check(const struct ctl_impair *s, struct err *err)
{
	const struct impair_settings settings = impair_settings_of(s);
	int r = check_one_loss(s, err);

	return r < 0 ? r : impair_settings_check(&settings, err);
}
