#include "mirror.h"

#include "filter/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct running {
	struct mirror mirror; /* first */
	struct running *next; /* of those that are gone */
	struct filter *filter;
	char *name;
};

struct mirrors {
	struct running *running[MIRROR_MAX];
	unsigned n;
	struct running *gone; /* with the next snapshot */
	/* Workers have the one; the other is for the next snapshot, if anything has changed. */
	struct mirror_set sets[2];
	unsigned published;
	bool has_changed;
};

static void make_set(struct mirrors *all)
{
	struct mirror_set *set = &all->sets[!all->published];

	all->has_changed = true;
	set->n = 0;
	for (unsigned i = 0; i < all->n; i++)
		set->mirrors[set->n++] = &all->running[i]->mirror;
}

static void destroy_running(struct running *running)
{
	free(running->filter);
	free(running->name);
	free(running);
}

static struct running *create_running(void)
{
	size_t size = (sizeof(struct running) + 63) / 64 * 64;
	struct running *running = aligned_alloc(64, size);

	if (running)
		memset(running, 0, size);
	return running;
}

int mirror_start(void *state, const struct mirror_params *params, struct mirror **ret_mirror,
	struct err *err)
{
	struct mirrors *all = state;
	struct running *running;
	int r;

	if (all->n == MIRROR_MAX)
		return err_set(err, -ENOSPC, "the switch has %d mirrors already, the most it can",
			MIRROR_MAX);
	running = create_running();
	if (!running)
		return err_set(err, -ENOMEM, "out of memory");
	running->name = strdup(params->name);
	if (!running->name) {
		destroy_running(running);
		return err_set(err, -ENOMEM, "out of memory");
	}
	r = params->filter ? filter_create(params->filter, &running->filter, err) : 0;
	if (r < 0) {
		destroy_running(running);
		return r;
	}
	running->mirror.name = running->name;
	running->mirror.filter = running->filter;
	running->mirror.truncate = params->truncate;
	running->mirror.vlan = params->vlan;
	running->mirror.source_vlan = params->source_vlan;
	running->mirror.to = params->to;
	all->running[all->n++] = running;
	make_set(all);
	*ret_mirror = &running->mirror;
	return 0;
}

void mirror_stop(void *state, struct mirror *mirror)
{
	struct mirrors *all = state;
	struct running *running = (struct running *)mirror; /* first member */
	unsigned i = 0;

	while (all->running[i] != running)
		i++;
	all->running[i] = all->running[--all->n];
	running->next = all->gone;
	all->gone = running;
	make_set(all);
}

void mirror_cover(struct mirror *mirror, uint16_t port_id, uint8_t takes)
{
	atomic_store_explicit(&mirror->takes[port_id], takes, memory_order_relaxed);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void *create(struct hold_budget *budget)
{
	(void)budget; /* it holds nothing */
	return calloc(1, sizeof(struct mirrors));
}

static void published(void *state)
{
	struct mirrors *all = state;
	struct running *running;

	if (all->has_changed)
		all->published = !all->published;
	all->has_changed = false;
	while ((running = all->gone)) {
		all->gone = running->next;
		destroy_running(running);
	}
}

static void destroy(void *state)
{
	struct mirrors *all = state;

	while (all->n)
		mirror_stop(all, &all->running[0]->mirror);
	published(all);
	free(all);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct mirrors *all = state;
	const struct mirror_set *set =
		&all->sets[all->has_changed ? !all->published : all->published];

	for (unsigned i = 0; i < set->n; i++) {
		uint8_t takes = is_egress ? MIRROR_TAKES_OUT : MIRROR_TAKES_IN;

		if (!(set->mirrors[i]->takes[port_id] & takes))
			continue;
		*ret = (struct feature_part){.stage = {mirror_stage_run, set}};
		return true;
	}
	return false;
}

/* By which of them it is copied, as far as there is room to say so. */
static void explain(const struct stage_ctx *ctx, const void *conf, uint64_t tsc_hz,
	struct feature_answer *ret)
{
	const struct mirror_set *set = conf;
	const char *before = "copied by ";
	size_t used = 0;

	(void)tsc_hz;
	for (unsigned i = 0; i < set->n && used < sizeof(ret->text); i++) {
		if (!mirror_stage_takes(ctx, set->mirrors[i], 1))
			continue;
		used += (size_t)snprintf(ret->text + used, sizeof(ret->text) - used, "%s'%s'",
			before, set->mirrors[i]->name);
		before = ", ";
	}
}

const struct feature mirror_feature = {
	.name = "mirror",
	.explain = explain,
	.create = create,
	.destroy = destroy,
	.part = part,
	.published = published,
};
