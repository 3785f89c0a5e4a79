/* Which frames conform, exceed and violate, to the byte, by a clock that the test moves; and what
 * becomes of them on their way. */
#include "policer/policer_stage.h"

#include "policer/policer.h"
#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A thousand ticks are a microsecond. */
#define HZ UINT64_C(1000000000)
#define MS UINT64_C(1000000)
/* Ticks a second of a clock beside which that of the rig stands still. */
#define STILL_HZ (UINT64_C(1) << 50)
#define FRAME    1000

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* Bursts of frames past a policer, without a switch. */
struct fixture {
	struct policer *policer;
	struct block *block;
	struct dp_counters counters;
	struct frame frames[FRAME_BURST];
	struct stage_ctx ctx;
};

static void begin(struct fixture *f, struct ctl_policer settings)
{
	struct err err = {0};

	memset(f, 0, sizeof(*f));
	settings.set |= CTL_BIT(ctl_policer, rate);
	if (policer_prepare(&settings, HZ, &f->block, &err) < 0)
		fail_msg("%s", err.msg);
	f->policer = (struct policer *)f->block;
	f->ctx = (struct stage_ctx){
		.counters = &f->counters, .frames = f->frames, .now_tsc = 1000 * HZ};
	for (unsigned i = 0; i < FRAME_BURST; i++) {
		f->frames[i].len = FRAME;
		f->frames[i].rest_off = 12;
		memcpy(f->frames[i].header + 12, "\x81\x00\x60\x05", 4);
	}
}

static void end(struct fixture *f)
{
	free(f->block);
}

/* Of n frames, how many conform, exceed and violate. Yellow ones are seen by their priority. */
static void expect(struct fixture *f, unsigned n, unsigned green, unsigned yellow, unsigned red)
{
	uint64_t passed, mask = UINT64_MAX >> (FRAME_BURST - n);
	uint64_t before = f->counters.drops[DROP_RX_POLICER];
	unsigned n_green = 0, n_yellow = 0;

	for (unsigned i = 0; i < n; i++)
		f->frames[i].header[14] = 0x60;
	passed = policer_stage_run(&f->ctx, f->block, mask);
	for (unsigned i = 0; i < n; i++) {
		uint8_t tag = f->frames[i].header[14];

		if (!(passed >> i & 1))
			continue;
		assert_true(tag == 0x60 || tag == 0xe0);
		n_green += tag == 0x60;
		n_yellow += tag == 0xe0;
	}
	if (n_green != green || n_yellow != yellow)
		fail_msg("%u conform, %u exceed; not %u, %u", n_green, n_yellow, green, yellow);
	assert_int_equal(f->counters.drops[DROP_RX_POLICER] - before, red);
}

#define REMARK \
	.set = CTL_BIT(ctl_policer, exceed_action), .exceed_action = CTL_POLICER_REMARK, .pcp = 7

static void one_rate_passes_its_burst_and_then_the_rate(void **state)
{
	struct fixture f;

	/* A byte a microsecond. */
	begin(&f, (struct ctl_policer){.rate = 8000000, .burst = 10 * FRAME});
	assert_int_equal(f.policer->kind, POLICER_RFC2697);
	expect(&f, 15, 10, 0, 5);
	expect(&f, 1, 0, 0, 1);
	f.ctx.now_tsc += 3 * MS + 5000;
	expect(&f, 5, 3, 0, 2);
	/* Not more than the burst, however long. */
	f.ctx.now_tsc += 3600 * HZ;
	expect(&f, 64, 10, 0, 54);
	for (unsigned i = 0; i < 1000; i++) {
		f.ctx.now_tsc += MS;
		expect(&f, 2, 1, 0, 1);
	}
	end(&f);
}

/* RFC 2697: what the first bucket has no room for, the second gets. */
static void an_excess_burst_is_saved_while_it_is_quiet(void **state)
{
	struct fixture f;

	begin(&f, (struct ctl_policer){
			  REMARK, .rate = 8000000, .burst = 4 * FRAME, .excess_burst = 6 * FRAME});
	expect(&f, 20, 4, 6, 10);
	f.ctx.now_tsc += 7 * MS + 5000;
	expect(&f, 20, 4, 3, 13);
	f.ctx.now_tsc += 2 * MS + 5000;
	expect(&f, 20, 2, 0, 18);
	end(&f);
}

/* RFC 2698: both rates are those of all frames. */
static void a_peak_rate_bounds_what_exceeds(void **state)
{
	struct fixture f;

	begin(&f, (struct ctl_policer){REMARK, .rate = 8000000, .burst = 4 * FRAME,
			  .peak_rate = 24000000, .peak_burst = 10 * FRAME});
	assert_int_equal(f.policer->kind, POLICER_RFC2698);
	expect(&f, 20, 4, 6, 10);
	f.ctx.now_tsc += MS + 5000;
	expect(&f, 20, 1, 2, 17);
	f.ctx.now_tsc += 2 * MS + 5000;
	expect(&f, 20, 2, 4, 14);
	end(&f);
}

/* RFC 4115: the second rate is that of what the first leaves. */
static void an_excess_rate_is_beside_the_first(void **state)
{
	struct fixture f;

	begin(&f, (struct ctl_policer){REMARK, .rate = 8000000, .burst = 4 * FRAME,
			  .excess_rate = 16000000, .excess_burst = 6 * FRAME});
	assert_int_equal(f.policer->kind, POLICER_RFC4115);
	expect(&f, 20, 4, 6, 10);
	f.ctx.now_tsc += MS + 5000;
	expect(&f, 20, 1, 2, 17);
	end(&f);
}

/* A second at each of many rates passes that, and no more than a per mille less. */
static void rates_are_kept(void **state)
{
	static const uint64_t rates[] = {
		1000000, 7777777, 100000000, 999999999, 10000000000, 123456789012};

	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t n_bits = 0;
		struct fixture f;

		begin(&f, (struct ctl_policer){.rate = rates[i], .burst = 100 * FRAME});
		(void)policer_stage_run(&f.ctx, f.block, UINT64_MAX);
		(void)policer_stage_run(&f.ctx, f.block, UINT64_MAX);
		f.counters.drops[DROP_RX_POLICER] = 0;
		for (uint64_t end_tsc = f.ctx.now_tsc + HZ; f.ctx.now_tsc < end_tsc;) {
			/* Bursts of 50 frames come at about twice the rate. */
			uint64_t mask = UINT64_MAX >> 14, passed;

			f.ctx.now_tsc += HZ * 200 * FRAME / rates[i] + 1;
			passed = policer_stage_run(&f.ctx, f.block, mask);
			n_bits += (unsigned)__builtin_popcountll(passed) * UINT64_C(8) * FRAME;
		}
		assert_in_range(n_bits, rates[i] - rates[i] / 1000 - 16 * FRAME,
			rates[i] + rates[i] / 1000 + 16 * FRAME);
		end(&f);
	}
}

/* Another worker may have looked at the clock earlier. */
static void the_clock_never_goes_back(void **state)
{
	struct fixture f;

	begin(&f, (struct ctl_policer){.rate = 8000000, .burst = 4 * FRAME});
	expect(&f, 6, 4, 0, 2);
	f.ctx.now_tsc -= HZ;
	expect(&f, 6, 0, 0, 6);
	f.ctx.now_tsc += HZ + MS + 5000;
	expect(&f, 6, 1, 0, 5);
	end(&f);
}

/* What is red may be remarked, what is yellow dropped; a frame without tag has no priority. */
static void actions_are_those_that_are_set(void **state)
{
	struct fixture f;

	begin(&f, (struct ctl_policer){.set = CTL_BIT(ctl_policer, exceed_action) |
					      CTL_BIT(ctl_policer, violate_action),
			  .rate = 8000000,
			  .burst = 4 * FRAME,
			  .excess_burst = 6 * FRAME,
			  .exceed_action = CTL_POLICER_DROP,
			  .violate_action = CTL_POLICER_REMARK,
			  .pcp = 7});
	expect(&f, 20, 4, 10, 6);
	memset(f.frames[0].header + 12, 0, 4);
	assert_int_equal(policer_stage_run(&f.ctx, f.block, 1), 1);
	assert_int_equal(f.frames[0].header[14], 0);
	end(&f);
}

/* With real frames through a switch: the tag that leaves a trunk has the other priority. */
static void frames_are_policed_on_their_way_in(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct blocks *blocks = policer_feature.create(NULL);
	const struct ctl_policer settings = {REMARK, .rate = 8000000, .burst = 1560,
		.excess_burst = 1560, .violate_action = CTL_POLICER_DROP};
	struct stage stages[2] = {{NULL, NULL}, {NULL, NULL}};
	struct feature_part part;
	struct block *block;
	struct err err = {0};

	assert_int_equal(policer_prepare(&settings, STILL_HZ, &block, &err), 0);
	block_put(blocks, 0, block);
	assert_false(policer_feature.part(blocks, 0, true, &part));
	assert_false(policer_feature.part(blocks, 1, false, &part));
	assert_true(policer_feature.part(blocks, 0, false, &part));
	stages[0] = part.stage;
	rig->ports[0].ingress = stages;
	/* Of 78 bytes: twenty conform, and as many exceed. */
	for (unsigned i = 0; i < 50; i++)
		rig_send(rig, 0, sent, rig_frame(sent, 2, 1, 3 << 13 | 5, 0x88b5, 60));
	assert_int_equal(rig_run(rig, 0), 50);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 78);
		assert_int_equal(got[14], i < 20 ? 0x60 : 0xe0);
		assert_int_equal(got[15], 5);
	}
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), -EAGAIN);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_POLICER), 10);
	assert_true(rig_counts_add_up(rig));
	policer_feature.destroy(blocks);
	rig_destroy(rig);
}

static void settings_that_do_not_fit_are_refused(void **state)
{
#define HAS(field) .set = CTL_BIT(ctl_policer, field)
	static const struct {
		struct ctl_policer settings;
		int code;
		const char *field;
	} cases[] = {
		{{HAS(rate), .rate = 999}, -ERANGE, "rate"},
		{{HAS(rate), .rate = 8000, .burst = 1517}, -ERANGE, "burst"},
		{{HAS(burst), .burst = 2000}, -EINVAL, "burst"},
		{{HAS(peak_rate), .peak_rate = 2000}, -EINVAL, "peak-rate"},
		{{HAS(rate), .rate = 8000, .peak_burst = 2000}, -EINVAL, "peak-burst"},
		{{HAS(rate), .rate = 8000, .peak_rate = 7000}, -EINVAL, "peak-rate"},
		{{HAS(rate), .rate = 8000, .peak_rate = 9000, .excess_rate = 9000}, -EINVAL,
			"excess-rate"},
		{{HAS(rate), .rate = 8000, .peak_rate = 9000, .excess_burst = 9000}, -EINVAL,
			"excess-burst"},
		{{HAS(exceed_action), .rate = 8000, .exceed_action = CTL_POLICER_DROP}, -EINVAL,
			"exceed-action"},
		{{HAS(pcp), .rate = 8000, .pcp = 3}, -EINVAL, "pcp"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct block *block;
		struct err err = {0};
		int r = policer_prepare(&cases[i].settings, HZ, &block, &err);

		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0)
			fail_msg("case %u: %d %s: %s", i, r, err.field, err.msg);
		assert_null(block);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rate_passes_its_burst_and_then_the_rate),
		cmocka_unit_test(an_excess_burst_is_saved_while_it_is_quiet),
		cmocka_unit_test(a_peak_rate_bounds_what_exceeds),
		cmocka_unit_test(an_excess_rate_is_beside_the_first),
		cmocka_unit_test(rates_are_kept),
		cmocka_unit_test(the_clock_never_goes_back),
		cmocka_unit_test(actions_are_those_that_are_set),
		cmocka_unit_test(frames_are_policed_on_their_way_in),
		cmocka_unit_test(settings_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests_name("feature policer stage", tests, NULL, NULL);
}
