#include "shaper.h"

#include "bucket_setup.h"
#include "hold_setup.h"
#include "shaper_check.h"
#include "shaper_stage.h"

#include "measure.h"
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A burst that nobody says is what comes in this part of a second, in which a worker may be held up
 * by others on its core, and at least so much. */
#define BURSTS_PER_S 20
#define MIN_GUESS    (32u << 10)
/* What goes in this part of a second is worth waking up for. */
#define QUANTA_PER_S 2000
/* Of each queue. */
#define GUESS_BYTES (2u << 20)
/* Bytes in a turn of weight 1: the most usual long frame. */
#define TURN_BYTES 1518

struct shapers {
	struct hold_budget *budget;
	struct shaper *of[DP_MAX_PORTS];
	uint64_t discarded[DP_MAX_PORTS];
	/* That go with the next snapshot. */
	struct shaper *gone;
	struct shaper_conf *gone_confs;
	uint64_t n_confs;
};

/* ---- One shaper ------------------------------------------------------------------------------ */

static uint64_t size_of(const struct shaper *shaper)
{
	return shaper->classes[0]->size;
}

static uint64_t n_held(const struct shaper *shaper)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		n += hold_n_frames(shaper->classes[i]);
	return n;
}

static void destroy_shaper(struct shapers *all, struct shaper *shaper)
{
	if (!shaper)
		return;
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++) {
		if (shaper->classes[i])
			all->budget->used -= shaper->classes[i]->size;
		hold_destroy(shaper->classes[i]);
	}
	if (shaper->out.wake_fd >= 0)
		(void)close(shaper->out.wake_fd);
	free(shaper);
}

static int refuse_size(const struct shapers *all, uint64_t need, struct err *err)
{
	char text[MEASURE_TEXT_SIZE], left[MEASURE_TEXT_SIZE], budget[MEASURE_TEXT_SIZE];

	(void)err_set_field(err, -ENOSPC, "limit-bytes",
		"eight queues need %s of memory for held frames, and %s of %s are left",
		measure_format(MEASURE_SIZE, need, text),
		measure_format(MEASURE_SIZE, all->budget->bytes - all->budget->used, left),
		measure_format(MEASURE_SIZE, all->budget->bytes, budget));
	err_hint(err, "lower limit-bytes, or give the switch more by --hold-memory");
	return -ENOSPC;
}

static int create_shaper(struct shapers *all, uint16_t port_id, uint64_t bytes, struct shaper **ret,
	struct err *err)
{
	uint64_t size = hold_footprint(bytes), left = all->budget->bytes - all->budget->used;
	struct shaper *shaper;
	int r = 0;

	if (size > left / SHAPER_N_CLASSES)
		return refuse_size(all, size * SHAPER_N_CLASSES, err);
	shaper = aligned_alloc(64, (sizeof(*shaper) + 63) / 64 * 64);
	if (!shaper)
		return err_set(err, -ENOMEM, "out of memory");
	memset(shaper, 0, sizeof(*shaper));
	shaper->in.ops = &shaper_in_ops;
	shaper->out.ops = &shaper_out_ops;
	shaper->in.wake_fd = -1;
	shaper->port_id = port_id;
	shaper->out.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shaper->out.wake_fd < 0)
		r = -errno;
	for (unsigned i = 0; r == 0 && i < SHAPER_N_CLASSES; i++) {
		r = hold_create(bytes, &shaper->classes[i]);
		if (r == 0)
			all->budget->used += size;
	}
	if (r < 0) {
		destroy_shaper(all, shaper);
		return err_set(err, r, "held frames: no memory");
	}
	*ret = shaper;
	return 0;
}

/* ---- Settings -------------------------------------------------------------------------------- */

static uint64_t burst_of(const struct ctl_shaper *s)
{
	uint64_t guess = s->rate / 8 / BURSTS_PER_S;

	if (s->burst)
		return s->burst;
	return guess > MIN_GUESS ? guess : MIN_GUESS;
}

static uint64_t bytes_of(const struct ctl_shaper *s)
{
	return s->limit_bytes ? s->limit_bytes : GUESS_BYTES;
}

static struct shaper_conf *compile(struct shapers *all, const struct ctl_shaper *s, uint64_t tsc_hz)
{
	const uint32_t limits[SHAPER_N_CLASSES] = {s->limit0, s->limit1, s->limit2, s->limit3,
		s->limit4, s->limit5, s->limit6, s->limit7};
	const uint32_t weights[SHAPER_N_CLASSES] = {s->weight0, s->weight1, s->weight2, s->weight3,
		s->weight4, s->weight5, s->weight6, s->weight7};
	struct shaper_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->number = ++all->n_confs;
	conf->is_off = !s->rate;
	conf->by_dscp = s->classify == CTL_SHAPER_DSCP;
	conf->is_drr = s->scheduler == CTL_SHAPER_DRR;
	conf->bucket.depth_tsc = 1;
	if (s->rate)
		conf->bucket = bucket_of_bits(s->rate, burst_of(s), tsc_hz);
	conf->quantum = s->rate / 8 / QUANTA_PER_S;
	if (conf->quantum > burst_of(s) / 2)
		conf->quantum = burst_of(s) / 2;
	if (!conf->quantum)
		conf->quantum = 1;
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++) {
		uint32_t limit = limits[i] ? limits[i] : s->limit;

		conf->turns[i] = (weights[i] ? weights[i] : 1) * (uint64_t)TURN_BYTES;
		conf->limits[i] = limit ? limit : UINT64_MAX;
	}
	return conf;
}

static int check_size(const struct shaper *shaper, const struct ctl_shaper *s, struct err *err)
{
	char text[MEASURE_TEXT_SIZE], has[MEASURE_TEXT_SIZE];

	if (hold_footprint(bytes_of(s)) == size_of(shaper))
		return 0;
	(void)err_set_field(err, -EBUSY, "limit-bytes",
		"limit-bytes %s: its queues have %s each, which stays while they are there",
		measure_format(MEASURE_SIZE, bytes_of(s), text),
		measure_format(MEASURE_SIZE, size_of(shaper), has));
	err_hint(err, "turn it off first, with rate 0, and wait until its queues are empty");
	return -EBUSY;
}

int shaper_prepare(void *state, uint16_t port_id, const struct ctl_shaper *settings,
	uint64_t tsc_hz, struct shaper_change *ret, struct err *err)
{
	struct shapers *all = state;
	struct shaper *shaper = all->of[port_id];
	int r = shaper_check(settings, err);

	*ret = (struct shaper_change){.port_id = port_id};
	if (r < 0 || (!shaper && !settings->set))
		return r;
	if (!shaper)
		r = create_shaper(all, port_id, bytes_of(settings), &ret->shaper, err);
	else if (settings->set)
		r = check_size(shaper, settings, err);
	if (r < 0)
		return r;
	ret->conf = compile(all, settings, tsc_hz);
	if (ret->conf)
		return 0;
	shaper_abort(all, ret);
	return err_set(err, -ENOMEM, "out of memory");
}

void shaper_abort(void *state, struct shaper_change *change)
{
	destroy_shaper(state, change->shaper);
	free(change->conf);
	*change = (struct shaper_change){0};
}

static void leave_conf(struct shapers *all, const struct shaper_conf *conf)
{
	struct shaper_conf *gone = (struct shaper_conf *)(uintptr_t)conf;

	if (!gone)
		return;
	gone->next = all->gone_confs;
	all->gone_confs = gone;
}

void shaper_commit(void *state, struct shaper_change *change)
{
	struct shapers *all = state;
	struct shaper *shaper;

	if (!change->conf)
		return;
	if (change->shaper)
		all->of[change->port_id] = change->shaper;
	shaper = all->of[change->port_id];
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		atomic_store_explicit(&shaper->classes[i]->max_frames, change->conf->limits[i],
			memory_order_relaxed);
	leave_conf(all, atomic_exchange(&shaper->conf, change->conf));
	*change = (struct shaper_change){0};
}

void shaper_end(void *state, uint16_t port_id)
{
	struct shapers *all = state;
	struct shaper *shaper = all->of[port_id];

	if (!shaper)
		return;
	shaper->next = all->gone;
	all->gone = shaper;
	all->of[port_id] = NULL;
}

bool shaper_row(const void *state, uint16_t port_id, unsigned queue, struct ctl_port_queue *ret)
{
	const struct shaper *shaper = ((const struct shapers *)state)->of[port_id];
	uint64_t limit;

	*ret = (struct ctl_port_queue){0};
	if (!shaper || queue >= SHAPER_N_CLASSES)
		return false;
	limit = shaper->classes[queue]->max_frames;
	CTL_SET(ret, ctl_port_queue, queue, (uint16_t)queue);
	CTL_SET(ret, ctl_port_queue, held, hold_n_frames(shaper->classes[queue]));
	if (limit != UINT64_MAX)
		CTL_SET(ret, ctl_port_queue, limit, (uint32_t)limit);
	CTL_SET(ret, ctl_port_queue, frames, shaper->n_sent[queue]);
	CTL_SET(ret, ctl_port_queue, bytes, shaper->n_sent_bytes[queue]);
	CTL_SET(ret, ctl_port_queue, dropped, shaper->n_dropped[queue]);
	return true;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void *create(struct hold_budget *budget)
{
	struct shapers *all = calloc(1, sizeof(*all));

	if (all)
		all->budget = budget;
	return all;
}

static void published(void *state)
{
	struct shapers *all = state;
	struct shaper_conf *conf;
	struct shaper *shaper;

	while ((shaper = all->gone)) {
		all->gone = shaper->next;
		all->discarded[shaper->port_id] += n_held(shaper);
		leave_conf(all, shaper->conf);
		destroy_shaper(all, shaper);
	}
	while ((conf = all->gone_confs)) {
		all->gone_confs = conf->next;
		free(conf);
	}
}

static void destroy(void *state)
{
	for (unsigned i = 0; i < DP_MAX_PORTS; i++)
		shaper_end(state, (uint16_t)i);
	published(state);
	free(state);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	struct shaper *shaper = ((const struct shapers *)state)->of[port_id];

	if (!is_egress || !shaper)
		return false;
	*ret = (struct feature_part){.stage = {shaper_stage_run, shaper}, .queue = &shaper->out};
	return true;
}

/* What runs empty has done so? Without a rate it stays so. */
static bool tick(void *state)
{
	struct shapers *all = state;
	bool has_changed = false;

	for (unsigned i = 0; i < DP_MAX_PORTS; i++) {
		if (!all->of[i] || !all->of[i]->conf->is_off || n_held(all->of[i]))
			continue;
		shaper_end(all, (uint16_t)i);
		has_changed = true;
	}
	return has_changed;
}

static uint64_t discarded(const void *state, uint16_t port_id, bool is_egress)
{
	return is_egress ? ((const struct shapers *)state)->discarded[port_id] : 0;
}

static void forget(void *state, uint16_t port_id)
{
	((struct shapers *)state)->discarded[port_id] = 0;
}

static void explain(const struct stage_ctx *ctx, const void *stage_conf, uint64_t tsc_hz,
	struct feature_answer *ret)
{
	const struct shaper *shaper = stage_conf;
	const struct shaper_conf *conf = atomic_load_explicit(&shaper->conf, memory_order_relaxed);

	if (conf->is_off)
		return;
	ret->holds = true;
	(void)snprintf(ret->text, sizeof(ret->text), "waits in queue %u for its turn and the rate",
		shaper_stage_class(conf, ctx->port, &ctx->frames[0]));
}

const struct feature shaper_feature = {
	.name = "shaper",
	.explain = explain,
	.create = create,
	.destroy = destroy,
	.part = part,
	.published = published,
	.tick = tick,
	.discarded = discarded,
	.forget = forget,
};
