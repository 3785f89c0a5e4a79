#include "model.h"

#include "curve.h"

/*
 * splitmix64, of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014):
 * one word of state, and a mixing function that also makes the starts of many streams of one seed.
 */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t next(struct impair_stream *stream)
{
	stream->at += UINT64_C(0x9e3779b97f4a7c15);
	return mix(stream->at);
}

static bool hits(uint64_t number, impair_odds odds)
{
	return number >> 1 < odds;
}

/* A number of its own, or with the odds of the correlation that of the frame before. */
static uint64_t draw(struct impair_state *state, const struct impair_conf *conf,
	enum impair_purpose purpose)
{
	struct impair_stream *stream = &state->streams[purpose];

	if (!conf->correlation[purpose] || !hits(next(stream), conf->correlation[purpose]))
		stream->last = next(stream);
	return stream->last;
}

static bool happens(struct impair_state *state, const struct impair_conf *conf,
	enum impair_purpose purpose)
{
	return conf->random & 1u << purpose &&
	       hits(draw(state, conf, purpose), conf->share[purpose]);
}

void impair_state_init(struct impair_state *state, uint64_t seed)
{
	*state = (struct impair_state){0};
	for (unsigned i = 0; i < IMPAIR_N_PURPOSES; i++) {
		struct impair_stream *stream = &state->streams[i];

		stream->at = mix(mix(seed) + i);
		stream->last = next(stream);
	}
}

/* The state of before says what becomes of the frame. */
static bool lose_gemodel(struct impair_state *state, const struct impair_conf *conf)
{
	bool was_bad = state->loss_state != 0;
	impair_odds step = was_bad ? conf->gemodel.to_good : conf->gemodel.to_bad;

	if (hits(next(&state->streams[IMPAIR_LOSS_STEP]), step))
		state->loss_state = !was_bad;
	else
		state->loss_state = was_bad;
	return hits(next(&state->streams[IMPAIR_LOSS]),
		was_bad ? conf->gemodel.loss_bad : conf->gemodel.loss_good);
}

/* 1: received, between bursts; 2: received in a burst; 3: lost in a burst; 4: lost by itself. */
static bool lose_state(struct impair_state *state, const struct impair_conf *conf)
{
	uint64_t number = next(&state->streams[IMPAIR_LOSS_STEP]);
	unsigned at = state->loss_state + 1;

	if (at == 1 && hits(number, conf->state.p14 + conf->state.p13))
		at = hits(number, conf->state.p14) ? 4 : 3;
	else if (at == 2 && hits(number, conf->state.p23))
		at = 3;
	else if (at == 3 && hits(number, conf->state.p32 + conf->state.p31))
		at = hits(number, conf->state.p32) ? 2 : 1;
	else if (at == 4)
		at = 1;
	state->loss_state = (uint8_t)(at - 1);
	return at > 2;
}

static bool lose(struct impair_state *state, const struct impair_conf *conf)
{
	switch (conf->loss_model) {
	case IMPAIR_LOSS_RANDOM:
		return happens(state, conf, IMPAIR_LOSS);
	case IMPAIR_LOSS_GEMODEL:
		return lose_gemodel(state, conf);
	case IMPAIR_LOSS_STATE:
		return lose_state(state, conf);
	}
	return false;
}

static bool reorder(struct impair_state *state, const struct impair_conf *conf)
{
	bool is_hit = happens(state, conf, IMPAIR_REORDER);

	if (!(conf->random & 1u << IMPAIR_REORDER))
		return false;
	if (is_hit && state->n_delayed + 1 >= conf->gap) {
		state->n_delayed = 0;
		return true;
	}
	if (state->n_delayed < conf->gap)
		state->n_delayed++;
	return false;
}

static uint64_t delay(struct impair_state *state, const struct impair_conf *conf)
{
	uint64_t number;
	int64_t more;

	if (!(conf->random & 1u << IMPAIR_DELAY))
		return conf->delay_tsc;
	number = draw(state, conf, IMPAIR_DELAY);
	if (conf->curve)
		more = (int64_t)((__int128)conf->jitter_tsc *
					 impair_curve_at(conf->curve, number) >>
				 IMPAIR_CURVE_ONE_BITS);
	else
		more = (int64_t)((unsigned __int128)(2 * conf->jitter_tsc) * number >> 64) -
		       (int64_t)conf->jitter_tsc;
	more += (int64_t)conf->delay_tsc;
	return more > 0 ? (uint64_t)more : 0;
}

/* Every stream goes on by one frame, whatever becomes of this one. */
static void decide_random(struct impair_state *state, const struct impair_conf *conf, uint32_t len,
	struct impair_fate *fate)
{
	bool is_lost = lose(state, conf);
	bool is_duplicated = happens(state, conf, IMPAIR_DUPLICATE);
	bool is_corrupt = happens(state, conf, IMPAIR_CORRUPT);

	/* As in netem: of a frame that is both, one is left. */
	fate->is_lost = is_lost && !is_duplicated;
	fate->is_duplicated = is_duplicated && !is_lost;
	if (conf->random & 1u << IMPAIR_CORRUPT) {
		uint64_t where = next(&state->streams[IMPAIR_CORRUPT_WHERE]);

		if (is_corrupt && len)
			fate->corrupt_bit =
				(uint32_t)((unsigned __int128)where * (8 * (uint64_t)len) >> 64);
	}
	fate->is_reordered = reorder(state, conf);
	fate->delay_tsc = delay(state, conf);
}

void impair_decide(struct impair_state *state, const struct impair_conf *conf, uint32_t len,
	struct impair_fate *ret_fate)
{
	*ret_fate = (struct impair_fate){
		.delay_tsc = conf->delay_tsc, .corrupt_bit = IMPAIR_NOT_CORRUPT};
	if (conf->random)
		decide_random(state, conf, len, ret_fate);
}
