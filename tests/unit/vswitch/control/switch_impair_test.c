/* Impaired links of a whole switch: what a request changes, refuses and leaves. */
#include "switch_rig.h"

#include "conf.h"
#include "hold_setup.h"
#include "impair/impair_stage.h"

#include <errno.h>

#define MS UINT64_C(2500000) /* in ticks of the fake workers */

static void two_ends(void)
{
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name q path /s/q");
	fake_port_run("p", 1);
	fake_port_run("q", 1);
}

/* In the way of what the port is sent. */
static const struct impair_stage *impairment(const char *port)
{
	const struct dp_port *dp = dp_port(port);

	assert_null(dp->ingress);
	assert_non_null(dp->egress);
	assert_null(dp->egress[1].run);
	return dp->egress[0].conf;
}

static const struct ctl_link *link_conf(void)
{
	return &model_link_find(&rig.sw->model, "w")->conf;
}

static void expect_conf(const char *words)
{
	struct ctl_link expected;
	char detail[256];

	words_to_msg(&ctl_link_schema, &expected, words);
	if (!ctl_msg_equal(&ctl_link_schema, link_conf(), &expected))
		fail_msg("not '%s': %s", words,
			conf_format_change(&ctl_link_schema, &expected, link_conf(), detail,
				sizeof(detail)));
}

/* What happens once a second. */
static void tick(void)
{
	if (features_tick(&rig.sw->features))
		switch_apply(rig.sw);
}

/* They have their turns first. */
static unsigned n_holds(void)
{
	const struct dp_snapshot *snapshot = fake_published();
	unsigned n = 0;

	for (unsigned i = 0; i < snapshot->workers[0].n_rx; i++) {
		const struct dp_rx *rx = &snapshot->workers[0].rx[i];
		bool is_hold = rx->resume != NULL;

		assert_true(!is_hold || n == i);
		assert_true(!is_hold || !i || rx[-1].is_egress >= rx->is_egress);
		n += is_hold;
	}
	return n;
}

/* What workers do. */
static void hold_frames(const char *port, unsigned n)
{
	struct hold *hold = impairment(port)->hold;
	const struct frame frame = {.len = 60, .header_len = 60, .rest_off = 12};

	for (unsigned i = 0; i < n; i++)
		hold_add(hold, &frame, false, 0);
	hold->in.ops->flush(&hold->in);
	fake_counters(port_of(port)->id)->held += n;
}

static void what_one_end_sends_is_impaired_at_the_other(void **state)
{
	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms a_to_b.jitter 2ms b_to_a.loss 1%");
	assert_int_equal(impairment("q")->conf.delay_tsc, 20 * MS);
	assert_int_equal(impairment("q")->conf.jitter_tsc, 2 * MS);
	assert_int_equal(impairment("p")->conf.delay_tsc, 0);
	assert_int_equal(impairment("p")->conf.random, 1u << IMPAIR_LOSS);
	assert_int_equal(n_holds(), 2);
	must("LinkDel", "name w");
	assert_null(dp_port("p")->egress);
	assert_null(dp_port("q")->egress);
	assert_int_equal(n_holds(), 0);
	must("LinkAdd", "name w a p b q");
	assert_null(dp_port("q")->egress);
}

static void only_what_is_named_changes(void **state)
{
	const struct impair_stage *other;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms b_to_a.loss 1%");
	other = impairment("p");
	must("LinkSet", "name w a_to_b.jitter 2ms");
	expect_conf("name w a p b q enabled true a_to_b.delay 20ms a_to_b.jitter 2ms "
		    "b_to_a.loss 1%");
	assert_int_equal(impairment("q")->conf.delay_tsc, 20 * MS);
	assert_int_equal(impairment("q")->conf.jitter_tsc, 2 * MS);
	assert_ptr_equal(impairment("p"), other);
	/* By the name of an end, too; and what is nothing is not there. */
	must("LinkSet", "name q a_to_b.delay 0 b_to_a.duplicate 5%");
	expect_conf("name w a p b q enabled true b_to_a.loss 1% b_to_a.duplicate 5%");
	assert_int_equal(impairment("q")->conf.delay_tsc, 0);
	tick();
	assert_null(dp_port("q")->egress);
	must("LinkSet", "name w b_to_a.loss 0 b_to_a.duplicate 0 a_to_b.limit_bytes 0");
	tick();
	expect_conf("name w a p b q enabled true");
	assert_null(dp_port("p")->egress);
	assert_int_equal(n_holds(), 0);
}

static void what_means_the_same_changes_nothing(void **state)
{
	unsigned n_published;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms a_to_b.loss 0");
	n_published = fake_n_published();
	must("LinkAdd", "name w a p b q a_to_b.delay 20000us b_to_a.gap 0 exist_ok true");
	must("LinkSet", "name w a_to_b.delay 0.02s a_to_b.rate 0 a_to_b.distribution uniform");
	assert_int_equal(fake_n_published(), n_published);
	must_fail("LinkAdd", "name w a p b q a_to_b.delay 21ms exist_ok true", -EEXIST,
		"LinkExists");
	must_fail("LinkAdd", "name w a p b q exist_ok true", -EEXIST, "LinkExists");
	must_fail("LinkAdd", "name w a p b q b_to_a.delay 20ms exist_ok true", -EEXIST,
		"LinkExists");
}

static void what_is_refused_changes_nothing(void **state)
{
	static const struct {
		const char *words;
		int code;
	} cases[] = {
		{"b_to_a.jitter 1ms", -EINVAL},
		{"b_to_a.loss 1% b_to_a.gemodel_p 1%", -EINVAL},
		{"b_to_a.gap 5", -EINVAL},
		{"b_to_a.state_p13 90% b_to_a.state_p14 90%", -ERANGE},
		{"b_to_a.delay 1s b_to_a.rate 1tbit", -ENOSPC},
		{"b_to_a.limit_bytes 65M", -ENOSPC},
	};
	static const char *const before = "name w a p b q enabled true a_to_b.delay 20ms";
	unsigned n_published;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms a_to_b.limit_bytes 1M");
	must("LinkSet", "name w a_to_b.limit_bytes 0");
	n_published = fake_n_published();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[200];
		struct err err;

		/* The other direction would do. */
		(void)snprintf(words, sizeof(words), "name w a_to_b.delay 30ms %s", cases[i].words);
		assert_int_equal(ask("LinkSet", words, &err), cases[i].code);
		if (strncmp(err.msg, "link 'w': b_to_a: ", 18) != 0)
			fail_msg("%s: '%s'", words, err.msg);
		expect_conf(before);
		assert_int_equal(impairment("q")->conf.delay_tsc, 20 * MS);
		assert_null(dp_port("p")->egress);
	}
	assert_int_equal(fake_n_published(), n_published);
	must("LinkDel", "name w");
	n_published = fake_n_published();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[200];

		(void)snprintf(words, sizeof(words), "name w a p b q a_to_b.delay 30ms %s",
			cases[i].words);
		must_fail("LinkAdd", words, cases[i].code, "");
		assert_null(model_link_find(&rig.sw->model, "w"));
	}
	assert_int_equal(fake_n_published(), n_published);
	/* Nothing is kept of all that. */
	must("LinkAdd", "name w a p b q a_to_b.limit_bytes 32M b_to_a.limit_bytes 32M");
}

/* Its links and ports take from the same memory. */
static void all_of_a_switch_stays_within_its_memory(void **state)
{
	struct err err;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.limit_bytes 32M");
	assert_int_equal(ask("PortSet", "name p in.limit_bytes 64M", &err), -ENOSPC);
	assert_string_equal(err.msg, "port 'p': in: held frames need 64M of memory, and 32M of "
				     "64M are left");
	must("PortSet", "name p in.limit_bytes 32M");
	must("LinkDel", "name w");
	must("PortSet", "name q out.limit_bytes 32M");
}

/* It is remembered, and nothing stands in the way of frames. */
static void a_seed_alone_takes_nothing(void **state)
{
	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.seed 7");
	assert_null(dp_port("q")->egress);
	assert_int_equal(n_holds(), 0);
	must("LinkSet", "name w a_to_b.loss 1%");
	assert_int_equal(impairment("q")->seed, 7);
	must("LinkSet", "name w a_to_b.loss 0");
	tick();
	assert_null(dp_port("q")->egress);
	assert_int_equal(n_holds(), 0);
	assert_int_equal(link_conf()->a_to_b.seed, 7);
}

static void impairments_come_back(void **state)
{
	struct ctl_link before;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms a_to_b.seed 7 b_to_a.gemodel_p 1%");
	must("LinkSet", "name w a_to_b.loss 0.1% a_to_b.limit 100 b_to_a.gemodel_r 30%");
	before = *link_conf();
	for (unsigned i = 0; i < 2; i++) {
		switch_destroy(rig.sw);
		rig_start();
		assert_true(ctl_msg_equal(&ctl_link_schema, link_conf(), &before));
		assert_int_equal(impairment("q")->conf.delay_tsc, 20 * MS);
		assert_int_equal(impairment("q")->seed, 7);
		assert_int_equal(impairment("q")->hold->max_frames, 100);
		assert_int_equal(impairment("p")->conf.loss_model, IMPAIR_LOSS_GEMODEL);
	}
}

static uint64_t n_dropped(const struct dp_counters *counters)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		n += counters->drops[i];
	return n;
}

/* Frames that a link held when it went count as dropped at the port that they were meant for, also
 * when that is gone, and not at the next one that has its number. */
static void what_a_link_held_is_counted(void **state)
{
	struct dp_counters sum;
	uint16_t id;

	two_ends();
	must("LinkAdd", "name w a p b q a_to_b.delay 20ms");
	id = port_of("q")->id;
	hold_frames("q", 3);
	must("LinkSet", "name w a_to_b.limit_bytes 1M");
	hold_frames("q", 2);
	assert_int_equal(n_holds(), 2);
	switch_counters(rig.sw, &sum);
	assert_int_equal(sum.held - sum.released, 5);
	assert_int_equal(n_dropped(&sum), 0);
	must("LinkDel", "name w");
	for (unsigned i = 0; i < 3; i++) {
		if (i)
			switch_counters(rig.sw, &sum);
		else
			switch_port_counters(rig.sw, id, &sum);
		assert_int_equal(sum.held, sum.released);
		assert_int_equal(sum.drops[DROP_TX_DISCARDED], 5);
		assert_int_equal(n_dropped(&sum), 5);
		if (i == 1)
			must("PortDel", "name q");
	}
	must("PortAdd", "name r path /s/r");
	assert_int_equal(port_of("r")->id, id);
	switch_port_counters(rig.sw, id, &sum);
	assert_int_equal(n_dropped(&sum), 0);
	switch_counters(rig.sw, &sum);
	assert_int_equal(n_dropped(&sum), 5);
}

/* Also those that follow many that stay. */
static void events_tell_what_changes_of_an_impairment(void **state)
{
	struct ctl_link old, conf;
	char detail[256];

	words_to_msg(&ctl_link_schema, &old,
		"name w a p b q a_to_b.delay 20ms a_to_b.jitter 1.234567ms a_to_b.loss 0.1234567% "
		"a_to_b.loss_correlation 12.34567% a_to_b.duplicate 1% a_to_b.corrupt 0.5% "
		"a_to_b.corrupt_correlation 3% a_to_b.limit 12345 a_to_b.seed 1234567890123456");
	conf = old;
	assert_string_equal(conf_format_change(&ctl_link_schema, &old, &conf, detail, 256), "");
	words_to_msg(&ctl_link_schema, &conf,
		"name w a p b q a_to_b.delay 30ms a_to_b.jitter 1.234567ms a_to_b.loss 0.1234567% "
		"a_to_b.loss_correlation 12.34567% a_to_b.duplicate 1% a_to_b.corrupt 0.5% "
		"a_to_b.corrupt_correlation 3% a_to_b.limit 12345 a_to_b.seed 1234567890123457 "
		"b_to_a.rate 1mbit");
	assert_string_equal(conf_format_change(&ctl_link_schema, &old, &conf, detail, 256),
		"a_to_b.delay 20ms -> 30ms, a_to_b.seed 1234567890123456 -> 1234567890123457, "
		"b_to_a.rate - -> 1mbit");
	(void)conf_format_change(&ctl_link_schema, &old, &conf, detail, 30);
	assert_string_equal(detail, "a_to_b.delay 20ms -> 30ms, a_");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_one_end_sends_is_impaired_at_the_other),
		TEST(only_what_is_named_changes),
		TEST(a_seed_alone_takes_nothing),
		TEST(what_means_the_same_changes_nothing),
		TEST(what_is_refused_changes_nothing),
		TEST(all_of_a_switch_stays_within_its_memory),
		TEST(impairments_come_back),
		TEST(what_a_link_held_is_counted),
		TEST(events_tell_what_changes_of_an_impairment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
