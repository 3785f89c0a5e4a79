#include "impair.h"

#include "hold_setup.h"
#include "impair_check.h"
#include "impair_stage.h"

#include "measure.h"
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NS_PER_S       UINT64_C(1000000000)
#define GUESS_BPS      UINT64_C(10000000000)
#define FRAME_RECORD   1664 /* of the most usual long frame */
#define BACKLOG_FRAMES 1000 /* that wait for a line with a rate, as netem's limit is */

/* One direction of a port, or what the published snapshot has of it and the next will not. */
struct impair_way {
	struct impair_way *next; /* of all->gone */
	struct impair_stage *stage;
	struct impair_line *line;
	struct hold *hold, *former; /* former: runs empty, in front of hold; NULL = none */
	uint64_t *discarded;        /* where frames count that are left in them */
	uint64_t n_seeds;           /* of the line, so far */
	bool has_seed, has_settings;
};

struct impairments {
	struct hold_budget *budget;
	struct impair_way *ways[DP_MAX_PORTS][2];
	uint64_t discarded[DP_MAX_PORTS][2];
	struct impair_way *gone;
};

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Bytes that a line has in flight, with what belongs to each frame. */
static uint64_t in_flight(uint64_t ns, uint64_t bps)
{
	unsigned __int128 bytes = (unsigned __int128)ns * bps / 8 / NS_PER_S * 2;

	return bytes >> 62 ? UINT64_C(1) << 62 : (uint64_t)bytes;
}

/* Memory for held frames. may_shrink: nobody asked for so much. */
static uint64_t wanted_size(const struct ctl_impair *s, bool *ret_may_shrink)
{
	uint64_t ns = s->delay + s->jitter, guess;

	*ret_may_shrink = false;
	if (s->limit_bytes)
		return s->limit_bytes;
	if (s->rate)
		return in_flight(ns, s->rate) + BACKLOG_FRAMES * FRAME_RECORD;
	*ret_may_shrink = true;
	guess = in_flight(ns, GUESS_BPS);
	return guess < IMPAIR_MAX_GUESS ? guess : IMPAIR_MAX_GUESS;
}

static uint64_t bytes_left(const struct impairments *all)
{
	return all->budget->bytes - all->budget->used;
}

static int refuse_size(const struct impairments *all, const struct ctl_impair *s, uint64_t size,
	struct err *err)
{
	char need[MEASURE_TEXT_SIZE], left[MEASURE_TEXT_SIZE], budget[MEASURE_TEXT_SIZE];

	(void)err_set_field(err, -ENOSPC,
		s->limit_bytes ? "limit_bytes"
		: s->delay     ? "delay"
			       : "rate",
		"held frames need %s of memory, and %s of %s are left",
		measure_format(MEASURE_SIZE, size, need),
		measure_format(MEASURE_SIZE, bytes_left(all), left),
		measure_format(MEASURE_SIZE, all->budget->bytes, budget));
	err_hint(err, "lower delay, rate or limit-bytes, or give the switch more by "
		      "--hold-memory");
	return -ENOSPC;
}

static int refuse_busy(const struct hold *former, struct err *err)
{
	(void)err_set_field(err, -EBUSY, "delay",
		"%llu frames are held in a former queue still, which the last change left",
		(unsigned long long)hold_n_frames(former));
	err_hint(err, "try again when they have left");
	return -EBUSY;
}

static int get_hold(struct impairments *all, const struct impair_way *way,
	const struct ctl_impair *s, struct hold **ret_hold, struct err *err)
{
	bool may_shrink;
	uint64_t wanted = hold_footprint(wanted_size(s, &may_shrink)), size = wanted;
	uint64_t left = bytes_left(all), has = way ? way->hold->size : 0;
	bool is_busy = way && way->former && hold_n_frames(way->former);
	int r;

	*ret_hold = NULL;
	/* One that is large enough is kept, unless it is much too large and a smaller one is to be
	 * had. */
	if (has >= wanted && (has / 8 <= wanted || wanted > left || is_busy))
		return 0;
	while (may_shrink && size > HOLD_MIN_SIZE && size > left / 2)
		size /= 2;
	if (size < wanted && has >= size)
		return 0;
	if (size > left)
		return refuse_size(all, s, size, err);
	if (is_busy)
		return refuse_busy(way->former, err);
	r = hold_create(size, ret_hold);
	if (r < 0)
		return err_set(err, r, "held frames: no memory");
	all->budget->used += size;
	return 0;
}

/* ---- What goes with the next snapshot -------------------------------------------------------- */

static void leave(struct impairments *all, struct impair_way *way)
{
	way->next = all->gone;
	all->gone = way;
}

static void free_hold(struct impairments *all, struct hold *hold, uint64_t *discarded)
{
	if (!hold)
		return;
	*discarded += hold_n_frames(hold);
	all->budget->used -= hold->size;
	hold_destroy(hold);
}

static void published(void *state)
{
	struct impairments *all = state;
	struct impair_way *way;

	while ((way = all->gone)) {
		all->gone = way->next;
		free_hold(all, way->hold, way->discarded);
		free_hold(all, way->former, way->discarded);
		free(way->stage);
		free(way->line);
		free(way);
	}
}

void impair_end(void *state, uint16_t port_id, bool is_egress)
{
	struct impairments *all = state;
	struct impair_way *way = all->ways[port_id][is_egress];

	if (!way)
		return;
	leave(all, way);
	all->ways[port_id][is_egress] = NULL;
}

/* ---- Changes --------------------------------------------------------------------------------- */

static struct impair_line *create_line(void)
{
	struct impair_line *line = aligned_alloc(64, (sizeof(*line) + 63) / 64 * 64);

	if (line)
		memset(line, 0, sizeof(*line));
	return line;
}

/* A seed that nobody asked for. Any will do where the kernel has no better one. */
static uint64_t any_seed(const void *address)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = (uint64_t)(uintptr_t)address;
	return seed;
}

void impair_abort(void *state, struct impair_change *change)
{
	struct impairments *all = state;

	if (change->hold)
		all->budget->used -= change->hold->size;
	free(change->way);
	free(change->stage);
	free(change->line);
	hold_destroy(change->hold);
	*change = (struct impair_change){0};
}

/* Do they do anything to frames? A seed alone waits for what it is to seed. */
static bool does_anything(const struct ctl_impair *settings)
{
	return settings->set & ~CTL_BIT(ctl_impair, seed);
}

int impair_prepare(void *state, uint16_t port_id, bool is_egress, const struct ctl_impair *settings,
	uint64_t tsc_hz, struct impair_change *ret, struct err *err)
{
	struct impairments *all = state;
	struct impair_way *way = all->ways[port_id][is_egress];
	const struct impair_settings compiled = impair_settings_of(settings);
	int r;

	*ret = (struct impair_change){.port_id = port_id,
		.is_egress = is_egress,
		.has_settings = does_anything(settings),
		.max_frames = settings->limit ? settings->limit : UINT64_MAX,
		.has_seed = CTL_HAS(settings, ctl_impair, seed),
		.seed = settings->seed};
	if (!way && !does_anything(settings))
		return 0;
	r = impair_check(settings, err);
	if (r < 0)
		return r;
	ret->way = calloc(1, sizeof(*ret->way));
	ret->stage = calloc(1, sizeof(*ret->stage));
	if (!way)
		ret->line = create_line();
	if (!ret->way || !ret->stage || (!ret->line && !way))
		r = err_set(err, -ENOMEM, "out of memory");
	else
		r = impair_compile(&compiled, tsc_hz, &ret->stage->conf, err);
	if (r == 0 && does_anything(settings))
		r = get_hold(all, way, settings, &ret->hold, err);
	if (r < 0)
		impair_abort(all, ret);
	return r;
}

/* The hold that there is runs empty in front of the new one. Returns what goes. */
static struct hold *replace_hold(struct impair_way *way, struct hold *hold)
{
	struct hold *gone = way->former;

	/* It is empty, else there would be no new one. */
	atomic_store_explicit(&way->hold->before, NULL, memory_order_release);
	atomic_store_explicit(&hold->before, way->hold, memory_order_release);
	way->former = way->hold;
	way->hold = hold;
	return gone;
}

static void set_seed(struct impair_way *way, const struct impair_change *change)
{
	bool is_same = change->has_seed ? way->has_seed && way->stage->seed == change->seed
					: way->n_seeds > 0;

	change->stage->seed = change->has_seed ? change->seed : any_seed(way);
	if (is_same)
		change->stage->seed = way->stage->seed;
	else
		way->n_seeds++;
	change->stage->n_seeds = way->n_seeds;
	way->has_seed = change->has_seed;
}

void impair_commit(void *state, struct impair_change *change)
{
	struct impairments *all = state;
	struct impair_way **at = &all->ways[change->port_id][change->is_egress], *way = *at;

	if (!change->way)
		return;
	change->way->discarded = &all->discarded[change->port_id][change->is_egress];
	if (!way) {
		way = *at = change->way;
		way->line = change->line;
		way->hold = change->hold;
		set_seed(way, change);
	} else {
		set_seed(way, change);
		change->way->stage = way->stage;
		if (change->hold)
			change->way->former = replace_hold(way, change->hold);
		leave(all, change->way);
	}
	way->stage = change->stage;
	way->stage->line = way->line;
	way->stage->hold = way->hold;
	atomic_store_explicit(&way->hold->max_frames, change->max_frames, memory_order_relaxed);
	way->has_settings = change->has_settings;
	*change = (struct impair_change){0};
}

uint64_t impair_n_held(const void *state, uint16_t port_id, bool is_egress)
{
	const struct impairments *all = state;
	const struct impair_way *way = all->ways[port_id][is_egress];

	if (!way)
		return 0;
	return hold_n_frames(way->hold) + (way->former ? hold_n_frames(way->former) : 0);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void *create(struct hold_budget *budget)
{
	struct impairments *all = calloc(1, sizeof(*all));

	if (all)
		all->budget = budget;
	return all;
}

static void destroy(void *state)
{
	struct impairments *all = state;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		impair_end(all, (uint16_t)i, false);
		impair_end(all, (uint16_t)i, true);
	}
	published(all);
	free(all);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct impairments *all = state;
	const struct impair_way *way = all->ways[port_id][is_egress];

	if (!way)
		return false;
	*ret = (struct feature_part){.stage = {impair_stage_run, way->stage}};
	if (way->former)
		ret->holds[ret->n_holds++] = way->former;
	ret->holds[ret->n_holds++] = way->hold;
	return true;
}

/* The former hold has run empty. In need of memory it stays until the next time. */
static bool end_former(struct impairments *all, struct impair_way *way)
{
	struct impair_way *gone = calloc(1, sizeof(*gone));

	if (!gone)
		return false;
	gone->former = way->former;
	gone->discarded = way->discarded;
	leave(all, gone);
	atomic_store_explicit(&way->hold->before, NULL, memory_order_release);
	way->former = NULL;
	return true;
}

/* What runs empty has done so? */
static bool tick_way(struct impairments *all, uint16_t port_id, bool is_egress)
{
	struct impair_way *way = all->ways[port_id][is_egress];
	bool has_changed = false;

	if (!way)
		return false;
	if (way->former && !hold_n_frames(way->former))
		has_changed = end_former(all, way);
	/* With nothing that delays them, frames pass it once it is empty: it stays so. */
	if (!way->has_settings && !way->former && !hold_n_frames(way->hold)) {
		impair_end(all, port_id, is_egress);
		has_changed = true;
	}
	return has_changed;
}

static bool tick(void *state)
{
	bool has_changed = false;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		has_changed |= tick_way(state, (uint16_t)i, false);
		has_changed |= tick_way(state, (uint16_t)i, true);
	}
	return has_changed;
}

static uint64_t discarded(const void *state, uint16_t port_id, bool is_egress)
{
	const struct impairments *all = state;

	return all->discarded[port_id][is_egress];
}

static void forget(void *state, uint16_t port_id)
{
	struct impairments *all = state;

	all->discarded[port_id][0] = all->discarded[port_id][1] = 0;
}

/* What chance decides is told as a chance, but for one that is none. */
static void explain(const struct stage_ctx *ctx, const void *conf, uint64_t tsc_hz,
	struct feature_answer *ret)
{
	const struct impair_conf *c = &((const struct impair_stage *)conf)->conf;
	bool is_random = c->random & 1u << IMPAIR_LOSS;
	bool has_model = c->loss_model != IMPAIR_LOSS_RANDOM;

	ret->reason = ctx->is_egress ? DROP_TX_IMPAIR_LOSS : DROP_RX_IMPAIR_LOSS;
	if (!has_model && c->share[IMPAIR_LOSS] == IMPAIR_ALWAYS) {
		ret->stops = true;
		(void)snprintf(ret->text, sizeof(ret->text), "loses every frame");
		return;
	}
	ret->holds = c->delay_tsc || c->jitter_tsc || c->ticks_per_byte;
	if (ret->holds)
		(void)snprintf(ret->text, sizeof(ret->text), "goes on after %.3f ms%s%s%s",
			tsc_hz ? (double)c->delay_tsc * 1e3 / (double)tsc_hz : 0.0,
			c->jitter_tsc ? ", more or less" : "",
			c->ticks_per_byte ? ", and its time on the line" : "",
			has_model || is_random ? ", if it is not lost" : "");
	else if (has_model || is_random)
		(void)snprintf(ret->text, sizeof(ret->text), "goes on, if it is not lost");
}

const struct feature impair_feature = {
	.name = "impairment",
	.explain = explain,
	.create = create,
	.destroy = destroy,
	.part = part,
	.published = published,
	.tick = tick,
	.discarded = discarded,
	.forget = forget,
};
