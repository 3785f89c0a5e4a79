/* Limits of what ports may send and get, of a whole switch: what a request changes and refuses, and
 * what the switch does by itself. */
#include "switch_rig.h"

#include "policer/policer_stage.h"
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

static void settings_come_back(void **state)
{
	struct ctl_port before;

	two_ports();
	must("PortSet", "name a storm_control.broadcast_pps 10 storm_control.multicast 5mbit");
	must("PortSet", "name a storm_control.action shut storm_control.multicast 0");
	must("PortSet", "name a policer.rate 10mbit policer.excess_rate 1mbit pacing.rate 1gbit");
	before = *conf_of("a");
	for (unsigned i = 0; i < 2; i++) {
		switch_destroy(rig.sw);
		rig_start();
		assert_true(ctl_msg_equal(&ctl_port_schema, conf_of("a"), &before));
		assert_int_equal(storm_of("a")->limits[STORM_BROADCAST].rate, 10);
		assert_true(storm_of("a")->shuts);
		assert_int_equal(policer_of("a")->kind, POLICER_RFC4115);
		fake_port_run("a", 1);
		assert_non_null(rx_of("a")->pace);
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
		TEST(settings_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
