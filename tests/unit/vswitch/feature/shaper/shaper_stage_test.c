/* Which frames a shaper lets go, in what order and how many, with real frames. */
#include "shaper/shaper_stage.h"

#include "hold_setup.h"
#include "ctl_vswitch.h"
#include "idle.h"
#include "rig.h"
#include "shaper/shaper.h"

#include <errno.h>
#include <rte_cycles.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ticks a second of a clock beside which that of the test stands still. */
#define STILL_HZ (UINT64_C(1) << 45)
#define LEN      1000
#define BUDGET   (64u << 20)

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* Two ports on a bridge, trunks, of which the second has a shaper. */
struct fixture {
	struct rig *rig;
	struct hold_budget budget;
	void *state;
	struct feature_part part;
	struct stage stages[2];
	struct dp_rx rx;
};

static int set(struct fixture *f, const struct ctl_shaper *settings, struct err *err)
{
	struct shaper_change change;
	int r = shaper_prepare(f->state, 1, settings, STILL_HZ, &change, err);

	if (r < 0)
		return r;
	shaper_commit(f->state, &change);
	shaper_feature.published(f->state);
	return 0;
}

/* What a snapshot has of it. */
static void connect(struct fixture *f)
{
	assert_true(shaper_feature.part(f->state, 1, true, &f->part));
	f->stages[0] = f->part.stage;
	f->stages[1] = (struct stage){NULL, NULL};
	f->rx = (struct dp_rx){
		.queue = f->part.queue, .resume = &f->stages[1], .port_id = 1, .is_egress = true};
	f->rig->ports[1].egress = f->stages;
}

static void begin(struct fixture *f, const struct ctl_shaper *settings)
{
	struct err err = {0};

	memset(f, 0, sizeof(*f));
	f->rig = rig_create(2, 0, RIG_FEATURES | RIG_OFFLOADS);
	f->budget.bytes = BUDGET;
	f->state = shaper_feature.create(&f->budget);
	if (set(f, settings, &err) < 0)
		fail_msg("%s", err.msg);
	connect(f);
}

static void done(struct fixture *f)
{
	assert_true(rig_counts_add_up(f->rig));
	shaper_feature.destroy(f->state);
	assert_int_equal(f->budget.used, 0);
	rig_destroy(f->rig);
}

/* n frames of a priority; 60: they are untagged. */
#define UNTAGGED 60
static void send(struct fixture *f, unsigned pcp, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = rig_frame(sent, 2, 1, pcp == UNTAGGED ? -1 : (int)(pcp << 13 | 5),
			0x88b5, LEN - 14);

		sent[30] = (uint8_t)pcp;
		sent[31] = (uint8_t)(first + i);
		rig_send(f->rig, 0, sent, len);
	}
	assert_int_equal(rig_run(f->rig, 0), n);
}

/* One turn of the queue. */
static unsigned run(struct fixture *f)
{
	unsigned n = fwd_burst(f->rig->fwd, &f->rig->snapshot, &f->rx);

	fwd_flush(f->rig->fwd, &f->rig->snapshot);
	return n;
}

static void expect(struct fixture *f, unsigned pcp, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(rig_receive(f->rig, 1, NULL, got, sizeof(got)) >= LEN);
		assert_int_equal(got[30], pcp);
		assert_int_equal(got[31], first + i);
	}
}

static void expect_nothing(struct fixture *f)
{
	assert_int_equal(rig_receive(f->rig, 1, NULL, got, sizeof(got)), -EAGAIN);
}

static struct shaper *shaper_of(struct fixture *f)
{
	return (struct shaper *)(uintptr_t)f->stages[0].conf;
}

/* So many bytes of the rate, 125 a second, go by. */
static void let_time_pass(struct fixture *f, uint64_t n_bytes)
{
	shaper_of(f)->bucket.done_tsc -= n_bytes * (STILL_HZ / 125);
	shaper_of(f)->begin_tsc = 0;
}

#define RATE .rate = 1000, .set = CTL_BIT(ctl_shaper, rate)

static void a_burst_goes_and_then_the_rate(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 5 * (LEN + 4)});
	send(&f, 0, 0, 20);
	expect_nothing(&f);
	assert_int_equal(f.rig->counters[1].held, 20);
	assert_int_equal(run(&f), 5);
	assert_int_equal(run(&f), 0);
	expect(&f, 0, 0, 5);
	for (unsigned i = 5; i < 20; i++) {
		let_time_pass(&f, LEN + 4);
		assert_int_equal(run(&f), 1);
		assert_int_equal(run(&f), 0);
		expect(&f, 0, i, 1);
	}
	expect_nothing(&f);
	assert_int_equal(f.rig->counters[1].released, 20);
	done(&f);
}

static void the_highest_queue_goes_first(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 1 << 20});
	for (unsigned pcp = 0; pcp < 8; pcp++)
		send(&f, pcp, 0, 4);
	send(&f, UNTAGGED, 4, 4);
	assert_int_equal(run(&f), 36);
	for (unsigned pcp = 7; pcp >= 2; pcp--)
		expect(&f, pcp, 0, 4);
	/* Best effort before background; what has no tag is that. */
	expect(&f, 0, 0, 4);
	expect(&f, UNTAGGED, 4, 4);
	expect(&f, 1, 0, 4);
	expect_nothing(&f);
	done(&f);
}

static void what_comes_later_may_go_first(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 4 * (LEN + 4)});
	send(&f, 0, 0, 10);
	assert_int_equal(run(&f), 4);
	send(&f, 5, 0, 3);
	let_time_pass(&f, 4 * (LEN + 4));
	assert_int_equal(run(&f), 4);
	expect(&f, 0, 0, 4);
	expect(&f, 5, 0, 3);
	expect(&f, 0, 4, 1);
	done(&f);
}

static void queues_share_by_their_weights(void **state)
{
	struct fixture f;
	unsigned n[8] = {0};

	begin(&f, &(struct ctl_shaper){RATE, .burst = 60 * (LEN + 4), .scheduler = CTL_SHAPER_DRR,
			  .weight2 = 1, .weight4 = 2, .weight6 = 3});
	for (unsigned i = 0; i < 60; i += 20)
		for (unsigned pcp = 2; pcp < 8; pcp += 2)
			send(&f, pcp, i, 20);
	assert_int_equal(run(&f), 60);
	for (unsigned i = 0; i < 60; i++) {
		unsigned pcp;

		assert_true(rig_receive(f.rig, 1, NULL, got, sizeof(got)) > 0);
		pcp = got[30];
		assert_int_equal(got[31], n[pcp]++);
	}
	/* Of bytes; to a turn. */
	assert_in_range(n[2], 8, 12);
	assert_in_range(n[4], 18, 22);
	assert_in_range(n[6], 28, 32);
	done(&f);
}

/* RFC 2474: by the class selector, behind a tag, in IPv4 and IPv6. */
static void dscp_chooses_the_queue(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 1 << 20, .classify = CTL_SHAPER_DSCP});
	for (unsigned i = 0; i < 4; i++) {
		bool is_tagged = i & 1, is_ipv6 = i & 2;
		size_t at = is_tagged ? 18 : 14;
		size_t len = rig_frame(sent, 2, 1, is_tagged ? 7 << 13 | 5 : -1,
			is_ipv6 ? 0x86dd : 0x0800, LEN - 14);

		memset(sent + at, 0, 4);
		sent[30] = (uint8_t)i;
		/* AF31 to AF34 and so on: the queue is 3 + i. */
		if (is_ipv6) {
			sent[at] = (uint8_t)(0x60 | (3 + i) << 1);
			sent[at + 1] = 0x40;
		} else {
			sent[at] = 0x45;
			sent[at + 1] = (uint8_t)((3 + i) << 5 | 0x08);
		}
		rig_send(f.rig, 0, sent, len);
		assert_int_equal(rig_run(f.rig, 0), 1);
		assert_int_equal(hold_n_frames(shaper_of(&f)->classes[3 + i]), 1);
	}
	send(&f, 7, 0, 1);
	assert_int_equal(hold_n_frames(shaper_of(&f)->classes[1]), 1);
	assert_int_equal(run(&f), 5);
	done(&f);
}

static void each_queue_has_a_limit_and_counters(void **state)
{
	struct fixture f;
	struct ctl_port_queue row;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 2 * (LEN + 4), .limit = 10, .limit5 = 3});
	send(&f, 0, 0, 15);
	send(&f, 5, 0, 5);
	assert_int_equal(rig_drops(f.rig, 1, DROP_TX_SHAPER), 5 + 2);
	assert_int_equal(run(&f), 2);
	assert_true(shaper_row(f.state, 1, 5, &row));
	assert_int_equal(row.held, 1);
	assert_int_equal(row.limit, 3);
	assert_int_equal(row.frames, 2);
	assert_int_equal(row.bytes, 2 * (LEN + 4));
	assert_int_equal(row.dropped, 2);
	assert_true(shaper_row(f.state, 1, 1, &row));
	assert_int_equal(row.held, 10);
	assert_int_equal(row.dropped, 5);
	assert_false(shaper_row(f.state, 1, 8, &row));
	assert_false(shaper_row(f.state, 0, 0, &row));
	/* Limits change under traffic, and what waits stays. */
	assert_int_equal(set(&f, &(struct ctl_shaper){RATE, .burst = 1 << 20, .limit = 12}, NULL),
		0);
	send(&f, 0, 15, 5);
	assert_int_equal(rig_drops(f.rig, 1, DROP_TX_SHAPER), 7 + 3);
	assert_int_equal(run(&f), 13);
	expect(&f, 5, 0, 3);
	expect(&f, 0, 0, 10);
	expect(&f, 0, 15, 2);
	done(&f);
}

/* Large segments that their receiver has no buffers for go back to the front, and are not paid. */
static void what_a_receiver_has_no_room_for_waits(void **state)
{
	const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1460,
		.csum_start = 34,
		.csum_offset = 16};
	struct fixture f;
	unsigned n_got = 0, n_run = 0;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 1 << 24});
	f.rig->fwd->deliver.timeout_tsc = UINT64_MAX;
	for (unsigned i = 0; i < 30; i++) {
		size_t len = rig_frame(sent, 2, 1, -1, 0x0800, 20000);

		sent[14] = 0x45;
		sent[23] = 6;
		sent[46] = 0x50;
		sent[31] = (uint8_t)i;
		rig_send_hdr(f.rig, 0, &hdr, sent, len);
		assert_int_equal(rig_run(f.rig, 0), 1);
	}
	while (n_got < 30) {
		unsigned n = run(&f);

		n_run += n;
		while (rig_receive(f.rig, 1, NULL, got, sizeof(got)) > 0)
			assert_int_equal(got[31], n_got++);
		assert_int_equal(n_got, n_run);
	}
	assert_int_equal(rig_drops(f.rig, 1, DROP_TX_RING_FULL), 0);
	assert_int_equal(shaper_of(&f)->n_sent_bytes[1], 30 * 20014);
	done(&f);
}

static void without_a_rate_it_runs_empty(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 1518});
	send(&f, 0, 0, 10);
	assert_int_equal(run(&f), 2);
	assert_false(shaper_feature.tick(f.state));
	assert_int_equal(set(&f, &(struct ctl_shaper){0}, NULL), 0);
	/* What comes now does not overtake. */
	send(&f, 7, 0, 1);
	expect(&f, 0, 0, 2);
	expect_nothing(&f);
	assert_false(shaper_feature.tick(f.state));
	assert_int_equal(run(&f), 9);
	expect(&f, 7, 0, 1);
	expect(&f, 0, 2, 8);
	send(&f, 0, 10, 1);
	expect(&f, 0, 10, 1);
	assert_true(shaper_feature.tick(f.state));
	assert_false(shaper_feature.part(f.state, 1, true, &f.part));
	f.rig->ports[1].egress = NULL;
	shaper_feature.published(f.state);
	assert_int_equal(f.budget.used, 0);
	done(&f);
}

/* A worker sleeps until the moment, and is woken up for the first frame. */
static void a_worker_sleeps_until_the_moment(void **state)
{
	struct idle idle = {.early_tsc = 1000};
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 2 * (LEN + 4)});
	assert_true(idle_prepare(&idle, &f.rx, 1));
	assert_true(idle.due_tsc == UINT64_MAX);
	assert_true(shaper_of(&f)->wants_wakeup);
	send(&f, 0, 0, 4);
	assert_false(shaper_of(&f)->wants_wakeup);
	assert_false(idle_prepare(&idle, &f.rx, 1));
	assert_int_equal(run(&f), 2);
	assert_true(idle_prepare(&idle, &f.rx, 1));
	assert_true(idle.due_tsc == shaper_of(&f)->begin_tsc && idle.due_tsc > rte_rdtsc());
	/* It knows when to wake up, whatever is added. */
	assert_false(shaper_of(&f)->wants_wakeup);
	/* With another rate it looks at once, and a debt of the old one is not that of the new. */
	assert_int_equal(set(&f, &(struct ctl_shaper){.set = 1, .rate = 8000000000000}, NULL), 0);
	assert_false(idle_prepare(&idle, &f.rx, 1));
	shaper_of(&f)->bucket.done_tsc = UINT64_MAX / 2;
	(void)run(&f);
	assert_true(shaper_of(&f)->bucket.done_tsc < UINT64_MAX / 4);
	shaper_of(&f)->bucket.done_tsc = 0;
	shaper_of(&f)->begin_tsc = 0;
	while (run(&f))
		;
	assert_int_equal(hold_n_frames(shaper_of(&f)->classes[1]), 0);
	done(&f);
}

static void what_is_held_when_the_port_goes_is_counted(void **state)
{
	struct fixture f;

	begin(&f, &(struct ctl_shaper){RATE, .burst = 1518});
	send(&f, 0, 0, 10);
	f.rig->ports[1].egress = NULL;
	shaper_end(f.state, 1);
	shaper_feature.published(f.state);
	assert_int_equal(shaper_feature.discarded(f.state, 1, true), 10);
	assert_int_equal(shaper_feature.discarded(f.state, 1, false), 0);
	f.rig->counters[1].released += 10;
	f.rig->counters[1].drops[DROP_TX_DISCARDED] += 10;
	done(&f);
}

static void settings_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		struct ctl_shaper settings;
		int code;
		const char *field;
	} cases[] = {
		{{.set = 1, .rate = 999}, -ERANGE, "rate"},
		{{RATE, .burst = 1517}, -ERANGE, "burst"},
		{{.set = CTL_BIT(ctl_shaper, limit), .limit = 5}, -EINVAL, "limit"},
		{{.set = CTL_BIT(ctl_shaper, rate) | CTL_BIT(ctl_shaper, weight3),
			 .rate = 8000,
			 .weight3 = 5},
			-EINVAL, "weight3"},
		{{RATE, .limit_bytes = 16 << 20}, -ENOSPC, "limit-bytes"},
	};
	struct fixture f;
	struct err err = {0};

	begin(&f, &(struct ctl_shaper){RATE});
	shaper_end(f.state, 1);
	shaper_feature.published(f.state);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		err_clear(&err);
		r = set(&f, &cases[i].settings, &err);
		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0)
			fail_msg("case %u: %d %s: %s", i, r, err.field, err.msg);
		assert_int_equal(f.budget.used, 0);
	}
	/* Memory is that of the queues that there are. */
	assert_int_equal(set(&f, &(struct ctl_shaper){RATE}, &err), 0);
	assert_int_equal(f.budget.used, 16 << 20);
	assert_int_equal(set(&f, &(struct ctl_shaper){RATE, .limit_bytes = 4 << 20}, &err), -EBUSY);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_goes_and_then_the_rate),
		cmocka_unit_test(the_highest_queue_goes_first),
		cmocka_unit_test(what_comes_later_may_go_first),
		cmocka_unit_test(queues_share_by_their_weights),
		cmocka_unit_test(dscp_chooses_the_queue),
		cmocka_unit_test(each_queue_has_a_limit_and_counters),
		cmocka_unit_test(what_a_receiver_has_no_room_for_waits),
		cmocka_unit_test(without_a_rate_it_runs_empty),
		cmocka_unit_test(a_worker_sleeps_until_the_moment),
		cmocka_unit_test(what_is_held_when_the_port_goes_is_counted),
		cmocka_unit_test(settings_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests_name("feature shaper stage", tests, NULL, NULL);
}
