#include "balance.h"

#include <stddef.h>

/* Worker loads while planning. */
struct plan {
	uint64_t loads[BALANCE_MAX_WORKERS];
	unsigned n_rings[BALANCE_MAX_WORKERS];
	unsigned n_workers;
};

static void plan_init(struct plan *plan, const struct balance_ring *rings, unsigned n_rings,
	unsigned n_workers)
{
	*plan = (struct plan){.n_workers = n_workers};
	for (unsigned i = 0; i < n_rings; i++) {
		if (rings[i].worker == BALANCE_NO_WORKER)
			continue;
		plan->loads[rings[i].worker] += rings[i].load;
		plan->n_rings[rings[i].worker]++;
	}
}

/* Of equal load, the one with fewer rings: idle rings spread evenly, too. */
static unsigned least_loaded(const struct plan *plan)
{
	unsigned best = 0;

	for (unsigned w = 1; w < plan->n_workers; w++) {
		if (plan->loads[w] < plan->loads[best] ||
			(plan->loads[w] == plan->loads[best] &&
				plan->n_rings[w] < plan->n_rings[best]))
			best = w;
	}
	return best;
}

static unsigned busiest(const struct plan *plan)
{
	unsigned best = 0;

	for (unsigned w = 1; w < plan->n_workers; w++) {
		if (plan->loads[w] > plan->loads[best])
			best = w;
	}
	return best;
}

static uint64_t total(const uint64_t *loads, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += loads[i];
	return sum;
}

void balance_place(struct balance_ring *rings, unsigned n_rings, unsigned n_workers)
{
	struct plan plan;
	uint64_t expected;
	unsigned n_placed = 0;

	plan_init(&plan, rings, n_rings, n_workers);
	for (unsigned w = 0; w < n_workers; w++)
		n_placed += plan.n_rings[w];
	expected = n_placed > 0 ? total(plan.loads, n_workers) / n_placed : 0;
	for (unsigned i = 0; i < n_rings; i++) {
		unsigned to;

		if (rings[i].worker != BALANCE_NO_WORKER)
			continue;
		to = least_loaded(&plan);
		rings[i].worker = (uint16_t)to;
		plan.loads[to] += expected;
		plan.n_rings[to]++;
	}
}

/*
 * The ring whose move leaves least with the busier of the two workers: its load is nearest to half
 * of what they differ by. NULL: none is worth moving.
 */
static struct balance_ring *best_to_move(const struct plan *plan, struct balance_ring *rings,
	unsigned n_rings, unsigned from, unsigned to)
{
	uint64_t before = plan->loads[from], best_after = before;
	struct balance_ring *best = NULL;

	for (unsigned i = 0; i < n_rings; i++) {
		uint64_t left, right, after;

		if (rings[i].worker != from || rings[i].was != from)
			continue;
		left = before - rings[i].load;
		right = plan->loads[to] + rings[i].load;
		after = left > right ? left : right;
		if (after < best_after) {
			best_after = after;
			best = &rings[i];
		}
	}
	return best;
}

/* The largest load never grows: what is moved leaves the busiest worker and makes no busier one. */
static unsigned move_rings(struct plan *plan, struct balance_ring *rings, unsigned n_rings)
{
	uint64_t even = total(plan->loads, plan->n_workers) / plan->n_workers;
	uint64_t good = even + even * BALANCE_GOOD_PERCENT / 100;
	unsigned n = 0;

	while (n < BALANCE_MAX_MOVES) {
		unsigned from = busiest(plan), to = least_loaded(plan);
		struct balance_ring *ring;

		if (plan->loads[from] <= good)
			break;
		ring = best_to_move(plan, rings, n_rings, from, to);
		if (!ring)
			break;
		plan->loads[from] -= ring->load;
		plan->loads[to] += ring->load;
		ring->worker = (uint16_t)to;
		n++;
	}
	return n;
}

unsigned balance_improve(struct balance_ring *rings, unsigned n_rings, unsigned n_workers,
	uint64_t min_load)
{
	uint64_t before, after;
	struct plan plan;
	unsigned n_moves;

	for (unsigned i = 0; i < n_rings; i++)
		rings[i].was = rings[i].worker;
	if (n_workers < 2)
		return 0;
	plan_init(&plan, rings, n_rings, n_workers);
	before = plan.loads[busiest(&plan)];
	if (before < min_load)
		return 0;
	n_moves = move_rings(&plan, rings, n_rings);
	after = plan.loads[busiest(&plan)];
	if (before - after >= before * BALANCE_MIN_GAIN_PERCENT / 100)
		return n_moves;
	for (unsigned i = 0; i < n_rings; i++)
		rings[i].worker = rings[i].was;
	return 0;
}
