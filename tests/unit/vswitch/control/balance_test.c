#include "balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_RINGS (BALANCE_MAX_MOVES + 500)
#define NEW       BALANCE_NO_WORKER

static struct balance_ring rings[MAX_RINGS];

static struct balance_ring ring(uint16_t worker, uint64_t load)
{
	return (struct balance_ring){.worker = worker, .load = load};
}

static uint64_t load_of(const struct balance_ring *r, unsigned n, unsigned worker)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += r[i].worker == worker ? r[i].load : 0;
	return sum;
}

static uint64_t largest(const struct balance_ring *r, unsigned n, unsigned n_workers)
{
	uint64_t max = 0;

	for (unsigned w = 0; w < n_workers; w++)
		max = load_of(r, n, w) > max ? load_of(r, n, w) : max;
	return max;
}

/* ---- Placing ---- */

static void idle_rings_spread_evenly(void **state)
{
	unsigned n_of[3] = {0};

	for (unsigned i = 0; i < 100; i++)
		rings[i] = ring(NEW, 0);
	balance_place(rings, 100, 3);
	for (unsigned i = 0; i < 100; i++) {
		assert_in_range(rings[i].worker, 0, 2);
		n_of[rings[i].worker]++;
	}
	assert_int_equal(n_of[0], 34);
	assert_int_equal(n_of[1], 33);
	assert_int_equal(n_of[2], 33);
}

static void new_ring_goes_to_the_least_loaded(void **state)
{
	static const uint16_t workers[] = {0, 1, 1, 2, NEW}, after[] = {0, 1, 1, 2, 1};
	static const uint64_t loads[] = {50, 10, 10, 40, 0};

	for (unsigned i = 0; i < 5; i++)
		rings[i] = ring(workers[i], loads[i]);
	balance_place(rings, 5, 3);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rings[i].worker, after[i]);
}

/* Each is expected to be average, so that they do not all follow the first. */
static void many_new_rings_do_not_follow_each_other(void **state)
{
	unsigned n_of[2] = {0};

	rings[0] = ring(0, 100);
	rings[1] = ring(1, 98);
	for (unsigned i = 2; i < 22; i++)
		rings[i] = ring(NEW, 12345);
	balance_place(rings, 22, 2);
	for (unsigned i = 2; i < 22; i++)
		n_of[rings[i].worker]++;
	assert_int_equal(n_of[0], 10);
	assert_int_equal(n_of[1], 10);
}

static void a_lone_worker_has_all(void **state)
{
	for (unsigned i = 0; i < 10; i++)
		rings[i] = ring(i % 2 ? NEW : 0, i * 100);
	balance_place(rings, 10, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(rings[i].worker, 0);
	assert_int_equal(balance_improve(rings, 10, 1, 0), 0);
}

/* ---- Improving ---- */

static void table_of_plans(void **state)
{
	static const struct {
		const char *name;
		unsigned n_workers, n_rings;
		uint64_t min_load;
		unsigned workers[8], loads[8], after[8];
		unsigned n_moves;
	} cases[] = {
		{"one of two busy rings", 2, 2, 0, {0, 0}, {50, 50}, {1, 0}, 1},
		{"balanced already", 2, 2, 0, {0, 1}, {50, 50}, {0, 1}, 0},
		{"a single ring cannot be split", 2, 1, 0, {0}, {90}, {0}, 0},
		{"gain of 20 % is too little", 2, 4, 0, {0, 0, 1, 1}, {80, 20, 60, 0}, {0, 0, 1, 1},
			0},
		{"gain of 25 % will do", 2, 3, 0, {0, 0, 1}, {75, 25, 50}, {0, 1, 1}, 1},
		{"nobody is busy enough", 2, 2, 200, {0, 0}, {50, 50}, {0, 0}, 0},
		{"one large move, not three small", 2, 5, 0, {0, 0, 0, 0, 1}, {40, 13, 13, 14, 0},
			{1, 0, 0, 0, 1}, 1},
		{"three workers, one loaded", 3, 4, 0, {1, 1, 1, 1}, {30, 30, 30, 10}, {0, 2, 1, 1},
			2},
		{"the busiest cannot give", 3, 3, 0, {0, 1, 1}, {100, 50, 50}, {0, 1, 1}, 0},
		{"idle rings stay", 2, 4, 0, {0, 0, 0, 0}, {0, 50, 0, 50}, {0, 1, 0, 0}, 1},
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		unsigned n = cases[c].n_rings, moves;

		for (unsigned i = 0; i < n; i++)
			rings[i] = ring((uint16_t)cases[c].workers[i], cases[c].loads[i]);
		moves = balance_improve(rings, n, cases[c].n_workers, cases[c].min_load);
		if (moves != cases[c].n_moves)
			fail_msg("%s: %u moves", cases[c].name, moves);
		for (unsigned i = 0; i < n; i++) {
			if (rings[i].worker != cases[c].after[i] ||
				rings[i].was != cases[c].workers[i])
				fail_msg("%s: ring %u from %u to %u", cases[c].name, i,
					rings[i].was, rings[i].worker);
		}
	}
}

/* ---- Against a model ---- */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* The best that any assignment of few rings can do: try all of them. */
static uint64_t best_possible(const struct balance_ring *r, unsigned n, unsigned n_workers)
{
	struct balance_ring copy[8];
	uint64_t best = UINT64_MAX, n_all = 1;

	for (unsigned i = 0; i < n; i++)
		n_all *= n_workers;
	memcpy(copy, r, n * sizeof(copy[0]));
	for (uint64_t code = 0; code < n_all; code++) {
		uint64_t rest = code, max;

		for (unsigned i = 0; i < n; i++, rest /= n_workers)
			copy[i].worker = (uint16_t)(rest % n_workers);
		max = largest(copy, n, n_workers);
		best = max < best ? max : best;
	}
	return best;
}

static void check_plan(const struct balance_ring *before, unsigned n, unsigned n_workers,
	uint64_t min_load, unsigned moves)
{
	uint64_t max_before = largest(before, n, n_workers);
	uint64_t max_after = largest(rings, n, n_workers);
	unsigned n_changed = 0;

	for (unsigned i = 0; i < n; i++) {
		/* Every ring exactly once: all that was put in comes out, with one worker. */
		assert_int_equal(rings[i].port_id, before[i].port_id);
		assert_int_equal(rings[i].queue, before[i].queue);
		assert_int_equal(rings[i].load, before[i].load);
		assert_int_equal(rings[i].was, before[i].worker);
		assert_in_range(rings[i].worker, 0, n_workers - 1);
		n_changed += rings[i].worker != before[i].worker;
	}
	if (n_changed != moves || moves > BALANCE_MAX_MOVES)
		fail_msg("seed %u: %u moves, said %u", seed, n_changed, moves);
	if (moves && (max_before < min_load || max_after > max_before - max_before / 4))
		fail_msg("seed %u: moved %u for %llu -> %llu", seed, moves,
			(unsigned long long)max_before, (unsigned long long)max_after);
	/* What is small enough to try everything: half as much again as the best, or no plan. */
	if (n <= 6 && moves && max_after * 2 > best_possible(before, n, n_workers) * 3)
		fail_msg("seed %u: %llu is far from the best", seed, (unsigned long long)max_after);
}

static void random_plans_keep_the_rules(void **state)
{
	static struct balance_ring before[MAX_RINGS], again[MAX_RINGS];
	unsigned n_plans = 0;

	for (unsigned round = 0; round < 3000; round++) {
		unsigned n_workers, n, moves;
		uint64_t min_load;

		seed = round;
		n_workers = 1 + draw(BALANCE_MAX_WORKERS);
		n_workers = round % 2 ? 1 + draw(3) : n_workers;
		n = round % 2 ? 1 + draw(6) : 1 + draw(200);
		min_load = draw(3) * 500;
		for (unsigned i = 0; i < n; i++) {
			rings[i] = ring((uint16_t)(draw(4) ? draw(n_workers) : NEW),
				draw(3) ? draw(1000) : 0);
			rings[i].port_id = (uint16_t)i;
			rings[i].queue = (uint16_t)draw(16);
		}
		memcpy(before, rings, sizeof(rings));
		balance_place(rings, n, n_workers);
		for (unsigned i = 0; i < n; i++) {
			assert_in_range(rings[i].worker, 0, n_workers - 1);
			if (before[i].worker != NEW)
				assert_int_equal(rings[i].worker, before[i].worker);
		}
		memcpy(before, rings, sizeof(rings));
		moves = balance_improve(rings, n, n_workers, min_load);
		check_plan(before, n, n_workers, min_load, moves);
		n_plans += moves > 0;
		/* The same again from the same, and nothing more from what it made. */
		memcpy(again, before, sizeof(again));
		assert_int_equal(balance_improve(again, n, n_workers, min_load), moves);
		assert_memory_equal(again, rings, n * sizeof(rings[0]));
		if (moves < BALANCE_MAX_MOVES && balance_improve(again, n, n_workers, min_load) > 0)
			fail_msg("round %u: the plan is not at rest", round);
	}
	assert_true(n_plans > 500);
}

/* No ring matters by itself: each is a two-hundredth of the load. */
static void many_small_rings_are_spread(void **state)
{
	for (unsigned i = 0; i < 200; i++)
		rings[i] = ring(0, 1000);
	assert_in_range(balance_improve(rings, 200, 2, 0), 95, 100);
	assert_in_range(load_of(rings, 200, 0), 100000, 105000);
}

static void moves_of_a_plan_are_bounded(void **state)
{
	for (unsigned i = 0; i < MAX_RINGS; i++)
		rings[i] = ring(0, 1000);
	assert_int_equal(balance_improve(rings, MAX_RINGS, 16, 0), BALANCE_MAX_MOVES);
	assert_true(BALANCE_MAX_MOVES < MAX_RINGS / 16 * 15);
	assert_int_equal(load_of(rings, MAX_RINGS, 0), (MAX_RINGS - BALANCE_MAX_MOVES) * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_rings_spread_evenly),
		cmocka_unit_test(new_ring_goes_to_the_least_loaded),
		cmocka_unit_test(many_new_rings_do_not_follow_each_other),
		cmocka_unit_test(a_lone_worker_has_all),
		cmocka_unit_test(table_of_plans),
		cmocka_unit_test(random_plans_keep_the_rules),
		cmocka_unit_test(many_small_rings_are_spread),
		cmocka_unit_test(moves_of_a_plan_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
