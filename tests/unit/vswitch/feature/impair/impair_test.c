/* Impairments of a switch: what a change gets, gives back, and leaves to run empty. */
#include "impair/impair.h"
#include "impair/impair_check.h"

#include "hold_setup.h"
#include "impair/impair_stage.h"
#include "snapshot.h"

#include "ctl_codec.h"
#include "ctl_field.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define HZ     UINT64_C(1000000000)
#define MS     UINT64_C(1000000)
#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define BUDGET (4 * MIB)
#define PORT   3

/* ---- Memory that is refused ------------------------------------------------------------------ */

static unsigned n_asked, refused_at; /* the refused_at-th that is asked for; 0: none */
static int n_maps;

static bool is_refused(void)
{
	errno = ENOMEM;
	return ++n_asked == refused_at;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_refused() ? NULL : __real_aligned_alloc(alignment, size);
}

void *__real_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	if (is_refused())
		return MAP_FAILED;
	n_maps++;
	return __real_mmap64(at, size, prot, flags, fd, off);
}

int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
	n_maps--;
	return __real_munmap(at, size);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
	return is_refused() ? -1 : __real_eventfd(count, flags);
}

static void refuse(unsigned at)
{
	n_asked = 0;
	refused_at = at;
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static void *all; /* impairments */
static struct hold_budget budget;

static int set_up(void **state)
{
	refuse(0);
	budget = (struct hold_budget){.bytes = BUDGET};
	all = impair_feature.create(&budget);
	return all ? 0 : -1;
}

static int tear_down(void **state)
{
	impair_feature.destroy(all);
	return n_maps == 0 && budget.used == 0 ? 0 : -1;
}

static struct ctl_impair with_memory(uint64_t bytes)
{
	struct ctl_impair s = {0};

	CTL_SET(&s, ctl_impair, delay, MS);
	CTL_SET(&s, ctl_impair, limit_bytes, bytes);
	return s;
}

static struct ctl_impair with_delay(uint64_t ns)
{
	struct ctl_impair s = {0};

	CTL_SET(&s, ctl_impair, delay, ns);
	return s;
}

static int prepare(bool is_egress, const struct ctl_impair *settings, struct impair_change *change,
	struct err *err)
{
	err_clear(err);
	return impair_prepare(all, PORT, is_egress, settings, HZ, change, err);
}

static void publish(void)
{
	impair_feature.published(all);
}

static void change(bool is_egress, const struct ctl_impair *settings)
{
	struct impair_change change;
	struct err err;

	if (prepare(is_egress, settings, &change, &err) < 0)
		fail_msg("%s", err.msg);
	impair_commit(all, &change);
	publish();
}

static void expect_refused(bool is_egress, const struct ctl_impair *settings, int code,
	const char *field, const char *msg)
{
	struct impair_change change;
	struct err err;

	assert_int_equal(prepare(is_egress, settings, &change, &err), code);
	assert_string_equal(err.field, field);
	assert_string_equal(err.msg, msg);
	assert_true(err.hint[0] || code == -ENOMEM);
	assert_null(change.way);
	assert_null(change.hold);
}

static struct feature_part part(bool is_egress)
{
	struct feature_part part = {0};

	assert_true(impair_feature.part(all, PORT, is_egress, &part));
	return part;
}

static bool has_part(bool is_egress)
{
	struct feature_part part;

	return impair_feature.part(all, PORT, is_egress, &part);
}

static const struct impair_stage *stage(bool is_egress)
{
	return part(is_egress).stage.conf;
}

/* Its whole budget is there to be had. */
static void expect_all_memory_left(void)
{
	const struct ctl_impair settings = with_memory(BUDGET);
	struct impair_change change;
	struct err err;

	if (impair_prepare(all, PORT + 1, false, &settings, HZ, &change, &err) < 0)
		fail_msg("%s", err.msg);
	impair_abort(all, &change);
}

/* What a worker does. */
static void hold_frames(struct hold *hold, unsigned n)
{
	const struct frame frame = {.len = 60, .header_len = 60, .rest_off = 12};

	for (unsigned i = 0; i < n; i++)
		hold_add(hold, &frame, false, 0);
	hold->in.ops->flush(&hold->in);
}

static void release_frames(struct hold *hold, unsigned n)
{
	struct frame frames[FRAME_BURST];
	struct burst burst = {.frames = frames};
	struct frame_seg segs[1];

	assert_int_equal(hold->out.ops->rx(&hold->out, &burst, n, segs, 1), n);
	hold->out.ops->rx_done(&hold->out, frames, n);
}

static uint64_t discarded(bool is_egress)
{
	return impair_feature.discarded(all, PORT, is_egress);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static void what_is_not_there_needs_nothing(void **state)
{
	const struct ctl_impair none = {0};

	refuse(1);
	change(true, &none);
	assert_false(has_part(true));
	impair_end(all, PORT, true);
	assert_false(impair_feature.tick(all));
	assert_int_equal(impair_n_held(all, PORT, true), 0);
	assert_int_equal(n_asked, 0);
}

static void settings_stand_in_the_way_of_one_direction(void **state)
{
	const struct ctl_impair settings = with_delay(20 * MS);

	change(true, &settings);
	assert_false(has_part(false));
	assert_int_equal(stage(true)->conf.delay_tsc, 20 * MS);
	assert_int_equal(part(true).n_holds, 1);
	assert_ptr_equal(part(true).holds[0], stage(true)->hold);
}

static void what_is_taken_back_gives_all_back(void **state)
{
	const struct ctl_impair settings = with_memory(BUDGET);
	struct impair_change change, other;
	struct err err;

	assert_int_equal(prepare(true, &settings, &change, &err), 0);
	assert_int_equal(prepare(false, &settings, &other, &err), -ENOSPC);
	impair_abort(all, &change);
	assert_int_equal(n_maps, 0);
	assert_false(has_part(true));
	expect_all_memory_left();
	/* Twice is once. */
	impair_abort(all, &change);
	expect_all_memory_left();
}

static void a_refusal_says_what_is_needed_and_left(void **state)
{
	struct ctl_impair settings = with_memory(3 * MIB + 1), rate = {0};

	CTL_SET(&rate, ctl_impair, rate, UINT64_C(1000000000000));
	CTL_SET(&rate, ctl_impair, delay, 1000 * MS);
	expect_refused(true, &rate, -ENOSPC, "delay",
		"held frames need 256G of memory, and 4M of 4M are left");
	rate = (struct ctl_impair){0};
	CTL_SET(&rate, ctl_impair, rate, 1000000);
	change(true, &settings);
	expect_refused(false, &settings, -ENOSPC, "limit_bytes",
		"held frames need 4M of memory, and 0 of 4M are left");
	expect_refused(false, &rate, -ENOSPC, "rate",
		"held frames need 2M of memory, and 0 of 4M are left");
	impair_end(all, PORT, true);
	publish();
	expect_all_memory_left();
}

/* Nobody asked for so much: a delay without a rate takes half of what there is, and keeps that. */
static void a_guess_leaves_something_to_others(void **state)
{
	const struct ctl_impair some = with_memory(MIB), settings = with_delay(100 * MS);
	struct ctl_impair other = settings;
	struct hold *hold;

	change(false, &some);
	change(true, &settings);
	hold = stage(true)->hold;
	assert_int_equal(hold->size, MIB);
	CTL_SET(&other, ctl_impair, loss, 1000);
	for (unsigned i = 0; i < 3; i++) {
		change(true, i % 2 ? &other : &settings);
		assert_ptr_equal(stage(true)->hold, hold);
		assert_int_equal(part(true).n_holds, 1);
	}
	impair_end(all, PORT, false);
	publish();
}

/* Whoever asks for less is not refused because there is no memory for both. */
static void less_is_never_refused(void **state)
{
	struct ctl_impair settings = with_memory(BUDGET), less = with_memory(HOLD_MIN_SIZE);

	change(true, &settings);
	change(true, &less);
	assert_int_equal(stage(true)->hold->size, BUDGET);
	/* Nor because frames are in a former one. */
	impair_end(all, PORT, true);
	publish();
	settings = with_memory(2 * MIB);
	change(true, &less);
	hold_frames(stage(true)->hold, 1);
	change(true, &settings);
	change(true, &less);
	assert_int_equal(stage(true)->hold->size, 2 * MIB);
	release_frames(part(true).holds[0], 1);
	/* Then a smaller one it is. */
	assert_true(impair_feature.tick(all));
	publish();
	settings = with_memory(HOLD_MIN_SIZE + 1);
	change(true, &settings);
	assert_int_equal(stage(true)->hold->size, 2 * MIB);
	settings = with_memory(4 * MIB);
	change(true, &less);
	assert_int_equal(stage(true)->hold->size, 2 * MIB);
	less = with_memory(1);
	change(true, &less);
	assert_int_equal(stage(true)->hold->size, 2 * MIB);
}

static void a_former_hold_runs_empty_in_front(void **state)
{
	const struct ctl_impair small = with_memory(HOLD_MIN_SIZE), large = with_memory(MIB),
				larger = with_memory(2 * MIB);
	struct hold *former;

	change(true, &small);
	former = stage(true)->hold;
	hold_frames(former, 2);
	change(true, &large);
	assert_int_equal(part(true).n_holds, 2);
	assert_ptr_equal(part(true).holds[0], former);
	assert_ptr_equal(part(true).holds[1], stage(true)->hold);
	assert_ptr_equal(stage(true)->hold->before, former);
	hold_frames(stage(true)->hold, 3);
	assert_int_equal(impair_n_held(all, PORT, true), 5);
	expect_refused(true, &larger, -EBUSY, "delay",
		"2 frames are held in a former queue still, which the last change left");
	assert_false(impair_feature.tick(all));
	release_frames(former, 1);
	assert_false(impair_feature.tick(all));
	release_frames(former, 1);
	/* There is room for another one at once, tick or not. */
	change(true, &larger);
	assert_int_equal(part(true).n_holds, 2);
	assert_int_equal(stage(true)->hold->size, 2 * MIB);
	assert_null(part(true).holds[0]->before);
	release_frames(part(true).holds[0], 3);
	/* In need of memory it waits. */
	refuse(1);
	assert_false(impair_feature.tick(all));
	refuse(0);
	assert_true(impair_feature.tick(all));
	publish();
	assert_int_equal(part(true).n_holds, 1);
	assert_null(stage(true)->hold->before);
	assert_false(impair_feature.tick(all));
	assert_int_equal(n_maps, 2);
	assert_int_equal(discarded(true), 0);
}

static void what_is_no_longer_needed_runs_empty(void **state)
{
	const struct ctl_impair settings = with_memory(HOLD_MIN_SIZE), none = {0};

	change(true, &settings);
	hold_frames(stage(true)->hold, 2);
	change(true, &none);
	assert_int_equal(stage(true)->conf.delay_tsc, 0);
	assert_false(impair_feature.tick(all));
	release_frames(stage(true)->hold, 2);
	assert_true(impair_feature.tick(all));
	assert_false(has_part(true));
	publish();
	assert_int_equal(discarded(true), 0);
	assert_int_equal(n_maps, 0);
	expect_all_memory_left();
}

static void what_ends_with_frames_counts_them(void **state)
{
	const struct ctl_impair small = with_memory(HOLD_MIN_SIZE), large = with_memory(MIB);

	change(true, &small);
	change(false, &small);
	hold_frames(stage(true)->hold, 2);
	hold_frames(stage(false)->hold, 7);
	change(true, &large);
	hold_frames(stage(true)->hold, 3);
	/* Nothing that ends needs memory. */
	refuse(1);
	impair_end(all, PORT, true);
	assert_false(has_part(true));
	assert_int_equal(discarded(true), 0);
	publish();
	assert_int_equal(discarded(true), 5);
	assert_int_equal(discarded(false), 0);
	assert_int_equal(impair_n_held(all, PORT, true), 0);
	impair_end(all, PORT, false);
	publish();
	assert_int_equal(discarded(false), 7);
	impair_feature.forget(all, PORT);
	assert_int_equal(discarded(true) + discarded(false), 0);
	assert_int_equal(n_asked, 0);
	assert_int_equal(n_maps, 0);
	refuse(0);
	expect_all_memory_left();
}

static void each_refused_allocation_leaves_nothing(void **state)
{
	struct ctl_impair settings = with_memory(MIB), other = with_memory(2 * MIB);
	struct impair_change change;
	struct err err;

	for (unsigned round = 0; round < 2; round++) {
		unsigned at = 1;
		int maps = n_maps;

		for (;; at++) {
			int r;

			refuse(at);
			r = prepare(true, round ? &other : &settings, &change, &err);
			if (r == 0)
				break;
			assert_int_equal(r, -ENOMEM);
			assert_true(err.msg[0]);
			assert_int_equal(n_maps, maps);
			assert_int_equal(has_part(true), round);
			refuse(0);
			if (!round)
				expect_all_memory_left();
		}
		assert_true(at > 5);
		refuse(0);
		impair_commit(all, &change);
		publish();
	}
}

/* ---- Seeds ----------------------------------------------------------------------------------- */

static void a_line_is_seeded_when_its_seed_is_another(void **state)
{
	struct ctl_impair settings = with_delay(MS), none = {0};
	const struct impair_line *line;
	uint64_t any;

	change(true, &settings);
	assert_int_equal(stage(true)->n_seeds, 1);
	any = stage(true)->seed;
	line = stage(true)->line;
	change(false, &settings);
	assert_true(stage(false)->seed != any);
	/* Another change lets the line go on. */
	CTL_SET(&settings, ctl_impair, delay, 2 * MS);
	change(true, &settings);
	assert_int_equal(stage(true)->n_seeds, 1);
	assert_int_equal(stage(true)->seed, any);
	CTL_SET(&settings, ctl_impair, seed, 7);
	for (unsigned i = 0; i < 2; i++) {
		CTL_SET(&settings, ctl_impair, delay, i + 1);
		change(true, &settings);
		assert_int_equal(stage(true)->n_seeds, 2);
		assert_int_equal(stage(true)->seed, 7);
	}
	CTL_SET(&settings, ctl_impair, seed, 8);
	change(true, &settings);
	assert_int_equal(stage(true)->n_seeds, 3);
	assert_int_equal(stage(true)->seed, 8);
	/* Asked for anew after it was gone, it begins anew. */
	change(true, &none);
	assert_int_equal(stage(true)->n_seeds, 3);
	change(true, &settings);
	assert_int_equal(stage(true)->n_seeds, 4);
	assert_ptr_equal(stage(true)->line, line);
}

/* ---- Trimming -------------------------------------------------------------------------------- */

static void set_words(struct ctl_impair *s, const char *words)
{
	char text[256], *save = NULL;
	struct err err = {0};

	(void)strcpy(text, words);
	for (char *field = strtok_r(text, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
		char *value = strtok_r(NULL, " ", &save);

		if (ctl_field_parse(&ctl_impair_schema, s, field, value, &err) < 0)
			fail_msg("'%s': %s", words, err.msg);
	}
}

/* What a request turns off takes with it what says something about that, unless it names it. */
static void what_is_about_nothing_is_forgotten(void **state)
{
	static const struct {
		const char *left, *request, *after;
	} cases[] = {
		{"delay 1ms jitter 1ms", "delay 1ms", "delay 1ms jitter 1ms"},
		{"jitter 1ms delay_correlation 5% distribution pareto reorder 1% gap 5 "
		 "reorder_correlation 1%",
			"delay 0", ""},
		{"jitter 1ms loss 1%", "delay 0 jitter 1ms", "jitter 1ms loss 1%"},
		{"delay 1ms delay_correlation 5% distribution pareto", "jitter 0", "delay 1ms"},
		{"delay 1ms gap 5 reorder_correlation 1%", "reorder 0", "delay 1ms"},
		{"loss_correlation 5% duplicate 1% duplicate_correlation 1%", "loss 0",
			"duplicate 1% duplicate_correlation 1%"},
		{"duplicate_correlation 5%", "duplicate 0", ""},
		{"corrupt_correlation 5%", "corrupt 0", ""},
		{"gemodel_r 5% gemodel_1h 5% gemodel_1k 1%", "gemodel_p 0", ""},
		{"state_p31 5% state_p32 5% state_p23 1%", "state_p13 0", ""},
		{"state_p31 5% state_p14 5%", "state_p13 0", "state_p31 5% state_p14 5%"},
		{"rate 1mbit limit 5 limit_bytes 5 seed 3", "delay 0",
			"rate 1mbit limit 5 limit_bytes 5 seed 3"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_link left = {0}, request = {0}, after = {0};

		set_words(&left.a_to_b, cases[i].left);
		CTL_MARK(&left, ctl_link, a_to_b);
		set_words(&request.a_to_b, cases[i].request);
		set_words(&after.a_to_b, cases[i].after);
		if (after.a_to_b.set)
			CTL_MARK(&after, ctl_link, a_to_b);
		impair_trim(&ctl_link_schema, &left, &request);
		if (!ctl_msg_equal(&ctl_link_schema, &left, &after))
			fail_msg("'%s' after '%s' is not '%s'", cases[i].left, cases[i].request,
				cases[i].after);
	}
}

static void two_models_of_loss_are_refused(void **state)
{
	static const char *const words[] = {
		"loss 1% gemodel_p 1%", "loss 1% state_p13 1%", "gemodel_p 1% state_p14 1%"};

	for (unsigned i = 0; i < 3; i++) {
		struct ctl_impair settings = {0};
		struct impair_change change;
		struct err err;

		set_words(&settings, words[i]);
		assert_int_equal(prepare(true, &settings, &change, &err), -EINVAL);
		assert_true(strstr(err.msg, "two models of loss") && err.hint[0]);
		assert_null(change.way);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_there_needs_nothing),
		TEST(settings_stand_in_the_way_of_one_direction),
		TEST(what_is_taken_back_gives_all_back),
		TEST(a_refusal_says_what_is_needed_and_left),
		TEST(a_guess_leaves_something_to_others),
		TEST(less_is_never_refused),
		TEST(a_former_hold_runs_empty_in_front),
		TEST(what_is_no_longer_needed_runs_empty),
		TEST(what_ends_with_frames_counts_them),
		TEST(each_refused_allocation_leaves_nothing),
		TEST(a_line_is_seeded_when_its_seed_is_another),
		TEST(what_is_about_nothing_is_forgotten),
		TEST(two_models_of_loss_are_refused),
	};

	return cmocka_run_group_tests_name("feature impair", tests, NULL, NULL);
}
