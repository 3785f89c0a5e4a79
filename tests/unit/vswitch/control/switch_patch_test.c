/* Links between bridges of a whole switch: the ports that they make, keep and take away. */
#include "switch_rig.h"

#include "ctl_codec.h"

#include <errno.h>

static void two_bridges(void)
{
	must("BridgeAdd", "name br0");
	must("BridgeAdd", "name br1 vlans 10,20");
	must("LinkAdd", "name l a br0 b br1");
}

static struct model_link *link_of(const char *name)
{
	return model_link_find(&rig.sw->model, name);
}

static void a_link_makes_a_port_in_each_bridge(void **state)
{
	two_bridges();
	assert_int_equal(rig.sw->model.n_ports, 2);
	assert_string_equal(port_of("l:br0")->conf.bridge, "br0");
	assert_string_equal(port_of("l:br1")->conf.bridge, "br1");
	assert_int_equal(port_of("l:br0")->conf.type, CTL_PORT_PATCH);
	assert_true(port_of("l:br0")->carrier);
	for (unsigned i = 0; i < 2; i++) {
		const struct dp_port *dp = dp_port(i ? "l:br1" : "l:br0");

		assert_true(dp->flags & DP_PORT_PATCH);
		assert_false(dp->flags & DP_PORT_LINK);
		assert_int_equal(dp->n_tx, 0);
		assert_int_equal(dp->link_peer, port_of(i ? "l:br0" : "l:br1")->id);
		assert_int_equal(dp->bridge->n_ports, 1);
		assert_int_equal(dp->bridge->ports[0], dp->id);
	}
	/* It is there already, as it was asked for. */
	must("LinkAdd", "name l a br0 b br1 exist_ok true");
	must_fail("LinkAdd", "name l a br1 b br0 exist_ok true", -EEXIST, "LinkExists");
	must("LinkDel", "name l");
	assert_int_equal(rig.sw->model.n_ports, 0);
	must("LinkAdd", "name l a br0 b br1");
	must("LinkDel", "name l:br1"); /* by the name of an end */
	assert_int_equal(rig.sw->model.n_ports, 0);
	assert_int_equal(rig.sw->model.n_links, 0);
	must("BridgeDel", "name br0");
}

/* Several between the same two bridges, and two bridges' own. */
static void links_do_not_hinder_each_other(void **state)
{
	two_bridges();
	must("LinkAdd", "name m a br1 b br0");
	assert_int_equal(dp_port("l:br0")->bridge->n_ports, 2);
	must("LinkDel", "name l");
	assert_int_equal(dp_port("m:br0")->bridge->n_ports, 1);
	assert_true(port_of("m:br1")->carrier);
}

static void a_link_that_is_pulled_leads_nowhere(void **state)
{
	static const char *const pull[][2] = {
		{"LinkSet", "name l enabled %s"}, {"PortSet", "name l:br1 enabled %s"}};

	two_bridges();
	for (unsigned i = 0; i < 2; i++) {
		char words[64];

		(void)snprintf(words, sizeof(words), pull[i][1], "false");
		must(pull[i][0], words);
		assert_false(port_of("l:br0")->carrier);
		assert_int_equal(dp_port("l:br0")->link_peer, DP_NO_PORT);
		assert_int_equal(dp_port("l:br0")->bridge->n_ports, 0);
		(void)snprintf(words, sizeof(words), pull[i][1], "true");
		must(pull[i][0], words);
		assert_true(port_of("l:br0")->carrier);
		assert_int_equal(dp_port("l:br0")->bridge->n_ports, 1);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *method, *words;
		int code;
		const char *name;
	} cases[] = {
		{"LinkAdd", "name w a br0 b br0", -EINVAL, ""},
		{"LinkAdd", "name w a br0 b p", -EINVAL, ""},
		{"LinkAdd", "name w a p b br1", -EINVAL, ""},
		{"LinkAdd", "name w a br0 b nope", -ENOENT, "PortNotFound"},
		{"LinkAdd", "name x a br0 b br1", -EEXIST, "PortExists"},
		{"LinkAdd",
			"name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa a br0 b "
			"br1",
			-EINVAL, ""},
		{"LinkAdd", "name w a br0 b l:br1", -EINVAL, ""},
		{"PortAdd", "name w type patch bridge br0", -EINVAL, ""},
		{"PortSet", "name l:br0 bridge br1", -EBUSY, "PortInUse"},
		{"PortSet", "name l:br1 tag 30", -ENOENT, "VlanNotFound"},
		{"PortDel", "name l:br0", -EBUSY, "PortInUse"},
		{"BridgeDel", "name br0", -EBUSY, "BridgeInUse"},
	};

	two_bridges();
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name x:br1 path /s/x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		must_fail(cases[i].method, cases[i].words, cases[i].code, cases[i].name);
		/* Nothing of it is left. */
		assert_int_equal(rig.sw->model.n_ports, 4);
		assert_int_equal(rig.sw->model.n_links, 1);
	}
}

static void its_settings_come_back_with_the_switch(void **state)
{
	struct ctl_port before[2];
	struct ctl_link link;

	two_bridges();
	must("PortSet", "name l:br0 tag 10 mtu 1500");
	must("PortSet", "name l:br1 native 20 trunks 10,20 fdb_max 7");
	must("LinkSet", "name l mtu 1400");
	before[0] = port_of("l:br0")->conf;
	before[1] = port_of("l:br1")->conf;
	link = link_of("l")->conf;
	/* From what was saved, and from what was written since. */
	for (unsigned i = 0; i < 2; i++) {
		switch_destroy(rig.sw);
		rig_start();
		assert_true(ctl_msg_equal(&ctl_port_schema, &before[0], &port_of("l:br0")->conf));
		assert_true(ctl_msg_equal(&ctl_port_schema, &before[1], &port_of("l:br1")->conf));
		assert_true(ctl_msg_equal(&ctl_link_schema, &link, &link_of("l")->conf));
		assert_true(port_of("l:br0")->carrier);
		assert_int_equal(dp_port("l:br0")->mtu, 1400);
		assert_int_equal(dp_port("l:br0")->pvid, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_link_makes_a_port_in_each_bridge, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(links_do_not_hinder_each_other, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(a_link_that_is_pulled_leads_nowhere, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(its_settings_come_back_with_the_switch, rig_set_up,
			rig_tear_down),
	};

	return cmocka_run_group_tests_name("switch patch", tests, NULL, NULL);
}
