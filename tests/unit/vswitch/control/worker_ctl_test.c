#include "worker_ctl.h"

#include "conf_words.h"
#include "fake_dataplane.h"
#include "impair/impair.h"
#include "rxq_assign.h"

#include <stdio.h>

#define SECOND  UINT64_C(1000000000)
#define N_PORTS 8

static struct ev *ev;
static struct worker_ctl *workers;
static struct model model;
static struct snapshot_input input;
static struct port_queues queues_of[N_PORTS];
static struct queue rings[N_PORTS][PORT_MAX_QUEUES][2];
static uint64_t now;

static void on_wakeup(void *ctx, const struct learn_event *events, unsigned n_events)
{
	(void)ctx, (void)events, (void)n_events;
}

static void start(unsigned n_workers, unsigned rebalance_s)
{
	const struct worker_ctl_params params = {
		.n_workers = n_workers, .rebalance_s = rebalance_s, .on_wakeup = on_wakeup};
	struct err err = {0};

	fake_reset();
	assert_int_equal(worker_ctl_start(ev, &params, &workers, &err), 0);
	now = ev_now_ns();
}

static int set_up(void **state)
{
	char words[64];

	model_init(&model);
	memset(&input, 0, sizeof(input));
	memset(queues_of, 0, sizeof(queues_of));
	input.model = &model;
	for (unsigned i = 0; i < N_PORTS; i++) {
		(void)snprintf(words, sizeof(words), "name p%u path /s/p%u", i, i);
		assert_int_equal(add_port(&model, words)->id, i);
		for (uint16_t q = 0; q < PORT_MAX_QUEUES; q++) {
			queues_of[i].rx[q] = &rings[i][q][0];
			queues_of[i].tx[q] = &rings[i][q][1];
			queues_of[i].pair[q] = q;
		}
	}
	return ev_create(&ev);
}

static int tear_down(void **state)
{
	worker_ctl_stop(workers);
	workers = NULL;
	ev_destroy(ev);
	model_done(&model);
	return 0;
}

/* Port i has n pairs of rings from now on. */
static void run(unsigned i, uint16_t n)
{
	queues_of[i].n = n;
	input.queues[i] = n ? &queues_of[i] : NULL;
	worker_ctl_publish(workers, &input);
}

static int worker_of(uint16_t port_id, uint16_t queue)
{
	const struct dp_snapshot *dp = fake_published();

	for (unsigned w = 0; w < dp->n_workers; w++) {
		for (unsigned i = 0; i < dp->workers[w].n_rx; i++) {
			if (dp->workers[w].rx[i].port_id == port_id &&
				dp->workers[w].rx[i].pair == queue)
				return (int)w;
		}
	}
	return -1;
}

static void spend(uint16_t port_id, unsigned percent)
{
	fake_load(port_id, 0)->busy_ns += SECOND * percent / 100;
	fake_load(port_id, 0)->frames += percent * 10;
}

/* A second passes. */
static bool tick(void)
{
	now += SECOND;
	return worker_ctl_tick(workers, now);
}

static void rings_keep_their_worker(void **state)
{
	int before[N_PORTS];

	start(3, 5);
	for (unsigned i = 0; i < N_PORTS; i++)
		run(i, 1);
	for (uint16_t i = 0; i < N_PORTS; i++) {
		before[i] = worker_of(i, 0);
		assert_int_equal(before[i], i % 3);
	}
	run(0, 0);
	run(4, 0);
	run(5, 2);
	assert_int_equal(worker_of(0, 0), -1);
	for (uint16_t i = 0; i < N_PORTS; i++) {
		if (i != 0 && i != 4)
			assert_int_equal(worker_of(i, 0), before[i]);
	}
	/* 0 and 4 left workers 0 and 1 with two rings; the new ring went to the first of them. */
	assert_int_equal(worker_of(5, 1), 0);
	run(4, 1);
	assert_int_equal(worker_of(4, 0), 1);
}

/* Two busy rings on one worker, an idle other: one moves, once parked, and no sooner than asked.
 */
static void load_moves_a_ring(void **state)
{
	struct ctl_worker row;
	unsigned n_published;

	start(2, 3);
	for (unsigned i = 0; i < 4; i++)
		run(i, 1);
	assert_int_equal(worker_of(0, 0), worker_of(2, 0));
	for (unsigned s = 1; s <= 3; s++) {
		spend(0, 40);
		spend(2, 45);
		assert_int_equal(tick(), s == 3);
	}
	worker_ctl_row(workers, 0, &row);
	assert_int_equal(row.busy, 85);
	assert_int_equal(row.frames_per_s, 850);
	assert_int_equal(row.frames, 2550);
	assert_int_equal(row.rings, 1);
	assert_false(CTL_HAS(&row, ctl_worker, cpu));
	n_published = fake_n_published();
	worker_ctl_publish(workers, &input);
	/* One without the ring that moves, one with it: the fake checks that they are apart. */
	assert_int_equal(fake_n_published(), n_published + 2);
	assert_int_equal(worker_of(0, 0), 1);
	assert_int_equal(worker_of(2, 0), 0);
	assert_int_equal(worker_of(1, 0), 1);
	worker_ctl_row(workers, 1, &row);
	assert_int_equal(row.worker, 1);
	assert_int_equal(row.moves, 1);
	assert_int_equal(row.rings, 3);
	/* Even now: nothing moves any more, and a change of ports moves nothing. */
	for (unsigned s = 1; s <= 6; s++) {
		spend(0, 40);
		spend(2, 45);
		assert_false(tick());
	}
	n_published = fake_n_published();
	run(5, 1);
	assert_int_equal(fake_n_published(), n_published + 1);
}

/* What leaves the port is held for as long. */
static void delay(struct feature_states *states, uint16_t port_id, uint64_t ns)
{
	struct ctl_impair settings = {0};
	struct impair_change change;
	struct err err = {0};

	CTL_SET(&settings, ctl_impair, delay, ns);
	if (impair_prepare(states->of[FEATURE_PORT_IMPAIR], port_id, true, &settings, SECOND,
		    &change, &err) < 0)
		fail_msg("%s", err.msg);
	impair_commit(states->of[FEATURE_PORT_IMPAIR], &change);
}

static unsigned publishes(struct feature_states *states)
{
	unsigned n = fake_n_published();

	worker_ctl_publish(workers, &input);
	features_published(states);
	return fake_n_published() - n;
}

/* The fake checks that nothing leaves a hold while another one joins. */
static void holds_wait_for_one_that_joins(void **state)
{
	struct feature_states states;

	for (unsigned n_workers = 1; n_workers <= 2; n_workers++) {
		start(n_workers, 0);
		assert_int_equal(features_create(&states, 64 << 20), 0);
		input.features = &states;
		run(0, 1);
		delay(&states, 0, 1000000);
		assert_int_equal(publishes(&states), 1);
		delay(&states, 3, 1000000);
		assert_int_equal(publishes(&states), n_workers);
		/* A larger one takes over. */
		delay(&states, 0, 10000000);
		assert_int_equal(publishes(&states), n_workers);
		/* The same one: nothing joins. */
		delay(&states, 0, 9000000);
		assert_int_equal(publishes(&states), 1);
		worker_ctl_stop(workers);
		workers = NULL;
		features_destroy(&states);
		input.features = NULL;
	}
}

static void little_load_moves_nothing(void **state)
{
	start(2, 1);
	for (unsigned i = 0; i < 4; i++)
		run(i, 1);
	for (unsigned s = 0; s < 10; s++) {
		spend(0, RXQ_ASSIGN_MIN_BUSY_PERCENT / 2 - 1);
		spend(2, RXQ_ASSIGN_MIN_BUSY_PERCENT / 2);
		assert_false(tick());
	}
}

static void off_is_off(void **state)
{
	struct ctl_worker row;

	start(2, 0);
	for (unsigned i = 0; i < 4; i++)
		run(i, 1);
	for (unsigned s = 0; s < 10; s++) {
		spend(0, 50);
		spend(2, 50);
		assert_false(tick());
	}
	worker_ctl_row(workers, 0, &row);
	assert_int_equal(row.busy, 100);
}

/* What the former owner of a number cost is not the new one's load. */
static void reused_number_starts_afresh(void **state)
{
	start(2, 1);
	for (unsigned i = 0; i < 4; i++)
		run(i, 1);
	fake_load(0, 0)->busy_ns = fake_load(2, 0)->busy_ns = 1000 * SECOND;
	run(0, 0);
	run(2, 0);
	run(0, 1);
	run(2, 1);
	for (unsigned s = 0; s < 3; s++)
		assert_false(tick());
}

static void a_lone_worker_is_left_alone(void **state)
{
	start(1, 1);
	run(0, PORT_MAX_QUEUES);
	for (unsigned s = 0; s < 3; s++) {
		spend(0, 90);
		assert_false(tick());
	}
	for (uint16_t q = 0; q < PORT_MAX_QUEUES; q++)
		assert_int_equal(worker_of(0, q), 0);
}

/* Ports come and go while load shifts: the fake checks each step. */
static void any_order_of_events_is_safe(void **state)
{
	uint32_t seed = 1;
	unsigned n_plans = 0;

	start(4, 1);
	run(0, 1);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n_run = 0, n_published = 0;
		struct ctl_worker row;
		uint16_t id;

		seed = seed * 1664525 + 1013904223;
		id = (uint16_t)(seed >> 8) % N_PORTS;
		for (uint16_t k = 0; k < 4; k++)
			fake_load((id + k) % N_PORTS, (seed >> 16) % 2)->busy_ns += SECOND / 4 * k;
		if (seed >> 20 & 1) {
			run(id, (uint16_t)((seed >> 22) % 4));
		} else if (tick()) {
			worker_ctl_publish(workers, &input);
			n_plans++;
		}
		for (unsigned p = 0; p < N_PORTS; p++)
			n_run += queues_of[p].n;
		for (unsigned w = 0; w < 4; w++) {
			worker_ctl_row(workers, w, &row);
			assert_int_equal(row.rings, fake_published()->workers[w].n_rx);
			n_published += row.rings;
		}
		assert_int_equal(n_published, n_run);
	}
	assert_true(n_plans > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_keep_their_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(load_moves_a_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holds_wait_for_one_that_joins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(little_load_moves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(off_is_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reused_number_starts_afresh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lone_worker_is_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_order_of_events_is_safe, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
