/* Limits of what ports may send and get, of a whole switch: what a request changes and refuses, and
 * what the switch does by itself. */
#include "switch_rig.h"

#include "hold_setup.h"
#include "impair/impair_stage.h"
#include "policer/policer_stage.h"
#include "shaper/shaper_stage.h"
#include "storm/storm_stage.h"

#include <errno.h>

static const struct ctl_port *conf_of(const char *port)
{
	return &port_of(port)->conf;
}

static struct storm *storm_of(const char *port)
{
	const struct dp_port *dp = dp_port(port);

	assert_non_null(dp->flood);
	assert_ptr_equal(dp->flood[0].run, storm_stage_run);
	assert_null(dp->flood[1].run);
	return (struct storm *)(uintptr_t)dp->flood[0].conf;
}

/* What workers do, and the control thread with it. */
static void drop_broadcast(const char *port)
{
	atomic_store(&storm_of(port)->hit[STORM_BROADCAST], true);
	/* They wake it up as for something learned. */
	learn(port, 10, 0x020000000001);
}

static void storm_control_is_a_setting_of_a_port(void **state)
{
	unsigned n_published;

	two_ports();
	assert_null(dp_port("a")->flood);
	must("PortSet", "name a storm_control.broadcast_pps 1000 storm_control.multicast 1mbit");
	assert_true(storm_of("a")->limits[STORM_BROADCAST].counts_frames);
	assert_int_equal(storm_of("a")->limits[STORM_MULTICAST].rate, 1000000);
	assert_false(storm_of("a")->limits[STORM_UNKNOWN_UNICAST].is_on);
	assert_null(dp_port("b")->flood);
	/* Only what is named changes. */
	must("PortSet", "name a storm_control.action shut");
	assert_true(storm_of("a")->shuts);
	assert_int_equal(storm_of("a")->limits[STORM_BROADCAST].rate, 1000);
	n_published = fake_n_published();
	must("PortSet", "name a storm_control.unknown_unicast 0 storm_control.broadcast_pps 1kpps");
	assert_int_equal(fake_n_published(), n_published);
	must("PortSet", "name a storm_control.action drop storm_control.broadcast_pps 0");
	must("PortSet", "name a storm_control.multicast 0");
	assert_null(dp_port("a")->flood);
	assert_false(CTL_HAS(conf_of("a"), ctl_port, storm_control));
	must("PortAdd", "name c path /s/c storm_control.unknown_unicast 1gbit");
	assert_int_equal(storm_of("c")->limits[STORM_UNKNOWN_UNICAST].rate, 1000000000);
	must("PortDel", "name c");
}

static void what_is_refused_changes_nothing(void **state)
{
	struct err err;
	struct storm *before;

	two_ports();
	must("PortSet", "name a storm_control.broadcast 1mbit");
	before = storm_of("a");
	assert_int_equal(ask("PortSet", "name a mtu 1500 storm_control.broadcast_pps 5", &err),
		-EINVAL);
	assert_string_equal(err.msg, "port 'a': storm_control: broadcast 1mbit and broadcast-pps "
				     "5pps are two limits of the same frames");
	assert_ptr_equal(storm_of("a"), before);
	assert_int_equal(conf_of("a")->mtu, 9216);
	must_fail("PortAdd", "name c path /s/c out.delay 5ms storm_control.multicast 1bit", -ERANGE,
		"");
	assert_null(model_port_find(&rig.sw->model, "c"));
}

/* As `port set p down` does; who enables it again begins anew. */
static void a_storm_disables_its_port(void **state)
{
	struct ctl_port status = {0};

	two_ports();
	must("PortSet", "name a storm_control.broadcast_pps 10 storm_control.action shut");
	assert_true(fake_port_carrier("a"));
	drop_broadcast("a");
	assert_false(conf_of("a")->enabled);
	assert_false(fake_port_carrier("a"));
	assert_true(fake_port_carrier("b"));
	switch_port_status(rig.sw, port_of("a"), &status);
	assert_string_equal(status.shut_reason, "more than 10pps of broadcast: port disabled");
	/* It stays so over a restart. */
	switch_destroy(rig.sw);
	rig_start();
	assert_false(conf_of("a")->enabled);
	fake_port_run("a", 1);
	assert_false(fake_port_carrier("a"));
	must("PortSet", "name a enabled true");
	assert_true(fake_port_carrier("a"));
	drop_broadcast("a");
	assert_false(conf_of("a")->enabled);
	must("PortSet", "name a enabled true");
	status = (struct ctl_port){0};
	switch_port_status(rig.sw, port_of("a"), &status);
	assert_false(CTL_HAS(&status, ctl_port, shut_reason));
	assert_true(conf_of("a")->enabled);
}

static void a_storm_that_is_only_dropped_disables_nothing(void **state)
{
	two_ports();
	must("PortSet", "name a storm_control.broadcast_pps 10");
	drop_broadcast("a");
	assert_true(storm_of("a")->is_reported[STORM_BROADCAST]);
	assert_true(conf_of("a")->enabled);
}

static struct policer *policer_of(const char *port)
{
	const struct dp_port *dp = dp_port(port);

	assert_non_null(dp->ingress);
	assert_ptr_equal(dp->ingress[0].run, policer_stage_run);
	assert_null(dp->ingress[1].run);
	return (struct policer *)(uintptr_t)dp->ingress[0].conf;
}

static void a_policer_is_a_setting_of_a_port(void **state)
{
	struct policer *before;
	struct err err;

	two_ports();
	must("PortSet", "name a policer.rate 10mbit");
	assert_int_equal(policer_of("a")->profile.rfc2697.cbs, 625000);
	assert_null(dp_port("a")->egress);
	must("PortSet", "name a policer.burst 64K policer.peak_rate 20mbit");
	assert_int_equal(policer_of("a")->kind, POLICER_RFC2698);
	assert_int_equal(policer_of("a")->profile.rfc2698.cbs, 64 << 10);
	assert_int_equal(policer_of("a")->actions[RTE_COLOR_RED], CTL_POLICER_DROP);
	must("PortSet", "name a policer.violate_action remark policer.pcp 1");
	assert_int_equal(policer_of("a")->actions[RTE_COLOR_RED], CTL_POLICER_REMARK);
	before = policer_of("a");
	assert_int_equal(ask("PortSet", "name a policer.peak_rate 5mbit", &err), -EINVAL);
	assert_string_equal(err.msg, "port 'a': policer: peak-rate 5mbit is less than rate 10mbit");
	must("PortSet", "name a policer.exceed_action pass");
	assert_ptr_equal(policer_of("a"), before);
	/* With the rate goes what is said about it. */
	must("PortSet", "name a policer.rate 0");
	assert_null(dp_port("a")->ingress);
	assert_false(CTL_HAS(conf_of("a"), ctl_port, policer));
	must_fail("PortSet", "name a policer.burst 64K", -EINVAL, "");
	assert_false(CTL_HAS(conf_of("a"), ctl_port, policer));
}

static const struct dp_rx *rx_of(const char *port)
{
	const struct dp_snapshot *snapshot = fake_published();

	for (unsigned i = 0; i < snapshot->workers[0].n_rx; i++) {
		if (snapshot->workers[0].rx[i].port_id == port_of(port)->id)
			return &snapshot->workers[0].rx[i];
	}
	fail_msg("port '%s' has no queue", port);
	return NULL;
}

static void pacing_is_a_setting_of_a_port(void **state)
{
	struct pace *before;

	two_ports();
	assert_null(rx_of("a")->pace);
	must("PortSet", "name a pacing.rate 80mbit");
	before = rx_of("a")->pace;
	assert_non_null(before);
	assert_int_equal(before->quantum, 5000);
	assert_null(rx_of("b")->pace);
	/* All its queues have the same. */
	fake_port_run("a", 3);
	assert_ptr_equal(rx_of("a")[0].pace, before);
	assert_ptr_equal(rx_of("a")[2].pace, before);
	must("PortSet", "name a pacing.burst 4K");
	assert_int_equal(rx_of("a")->pace->quantum, 2048);
	must("PortSet", "name a pacing.rate 0");
	assert_null(rx_of("a")->pace);
	assert_false(CTL_HAS(conf_of("a"), ctl_port, pacing));
	must_fail("PortSet", "name a pacing.burst 64K", -EINVAL, "");
	must_fail("PortSet", "name a pacing.rate 1bit", -ERANGE, "");
}

static struct shaper *shaper_of(const char *port)
{
	const struct dp_port *dp = dp_port(port);

	assert_non_null(dp->egress);
	assert_ptr_equal(dp->egress[0].run, shaper_stage_run);
	return (struct shaper *)(uintptr_t)dp->egress[0].conf;
}

/* In front of the port's impairment, and its queue has its turn behind that one's hold. */
static void a_shaper_is_a_setting_of_a_port(void **state)
{
	const struct dp_rx *rx;
	struct shaper *shaper;
	struct err err;

	two_ports();
	must("PortSet", "name b out.delay 1ms");
	must("PortSet", "name b shaper.rate 10mbit shaper.limit 100 shaper.limit7 5");
	shaper = shaper_of("b");
	assert_ptr_equal(dp_port("b")->egress[1].run, impair_stage_run);
	assert_null(dp_port("a")->egress);
	rx = fake_published()->workers[0].rx;
	assert_ptr_equal(rx[1].queue, &shaper->out);
	assert_ptr_equal(rx[1].resume, &dp_port("b")->egress[1]);
	assert_true(rx[0].is_egress && rx[1].is_egress);
	assert_int_equal(shaper->classes[0]->max_frames, 100);
	assert_int_equal(shaper->classes[7]->max_frames, 5);
	must("PortSet", "name b shaper.scheduler drr shaper.weight7 10 shaper.classify dscp");
	assert_ptr_equal(shaper_of("b"), shaper);
	assert_true(shaper->conf->is_drr && shaper->conf->by_dscp);
	assert_int_equal(shaper->conf->turns[7], 10 * shaper->conf->turns[6]);
	assert_int_equal(ask("PortSet", "name b shaper.limit_bytes 8M", &err), -EBUSY);
	assert_string_equal(err.msg, "port 'b': shaper: limit-bytes 8M: its queues have 2M each, "
				     "which stays while they are there");
	must_fail("PortSet", "name b shaper.scheduler strict", -EINVAL, "");
	assert_true(shaper->conf->is_drr);
	must("PortSet", "name b shaper.rate 0");
	assert_true(shaper->conf->is_off);
	assert_false(CTL_HAS(conf_of("b"), ctl_port, shaper));
	if (features_tick(&rig.sw->features))
		switch_apply(rig.sw);
	assert_ptr_equal(dp_port("b")->egress[0].run, impair_stage_run);
	assert_int_equal(ask("PortSet", "name b shaper.rate 1mbit shaper.limit_bytes 16M", &err),
		-ENOSPC);
	assert_string_equal(err.hint,
		"lower limit-bytes, or give the switch more by --hold-memory");
	must("PortSet", "name b shaper.rate 1mbit");
}

/* What waits when the port goes counts as dropped, and what is refused with it gets nothing. */
static void what_a_shaper_held_is_counted(void **state)
{
	const struct frame frame = {.len = 60, .header_len = 60, .rest_off = 12};
	struct dp_counters sum;
	struct shaper *shaper;

	two_ports();
	must("PortSet", "name b shaper.rate 10mbit");
	shaper = shaper_of("b");
	for (unsigned i = 0; i < 7; i++)
		hold_add(shaper->classes[i], &frame, false, 0);
	shaper->in.ops->flush(&shaper->in);
	fake_counters(port_of("b")->id)->held += 7;
	must("PortDel", "name b");
	switch_counters(rig.sw, &sum);
	assert_int_equal(sum.held, sum.released);
	assert_int_equal(sum.drops[DROP_TX_DISCARDED], 7);
	must_fail("PortAdd", "name c path /s/c shaper.rate 1mbit storm_control.multicast 1bit",
		-ERANGE, "");
	assert_int_equal(rig.sw->features.budget.used, 0);
}

static void settings_come_back(void **state)
{
	struct ctl_port before;

	two_ports();
	must("PortSet", "name a storm_control.broadcast_pps 10 storm_control.multicast 5mbit");
	must("PortSet", "name a storm_control.action shut storm_control.multicast 0");
	must("PortSet", "name a policer.rate 10mbit policer.excess_rate 1mbit pacing.rate 1gbit "
			"shaper.rate 5mbit shaper.limit3 7");
	before = *conf_of("a");
	for (unsigned i = 0; i < 2; i++) {
		switch_destroy(rig.sw);
		rig_start();
		assert_true(ctl_msg_equal(&ctl_port_schema, conf_of("a"), &before));
		assert_int_equal(storm_of("a")->limits[STORM_BROADCAST].rate, 10);
		assert_true(storm_of("a")->shuts);
		assert_int_equal(policer_of("a")->kind, POLICER_RFC4115);
		fake_port_run("a", 1);
		assert_int_equal(shaper_of("a")->classes[3]->max_frames, 7);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(storm_control_is_a_setting_of_a_port),
		TEST(what_is_refused_changes_nothing),
		TEST(a_storm_disables_its_port),
		TEST(a_storm_that_is_only_dropped_disables_nothing),
		TEST(a_policer_is_a_setting_of_a_port),
		TEST(pacing_is_a_setting_of_a_port),
		TEST(a_shaper_is_a_setting_of_a_port),
		TEST(what_a_shaper_held_is_counted),
		TEST(settings_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
