#include "bridge.h"
#include "conf.h"

#include "conf_words.h"

#include <errno.h>
#include <stdio.h>

static struct model model;

static int tear_down(void **state)
{
	model_done(&model);
	return 0;
}

static void new_bridge_is_complete(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0");

	assert_int_equal(bridge->conf.ageing_s, 300);
	assert_int_equal(bridge->conf.fdb_max, 65536);
	assert_int_equal(bridge->conf.reserved, CTL_RESERVED_DROP);
	assert_true(bridge_has_all_vlans(&bridge->conf));
}

static void rows_tell_the_defaults(void **state)
{
	struct ctl_bridge req, conf;
	struct err err = {0};

	words_to_msg(&ctl_bridge_schema, &req, "name br0");
	assert_int_equal(bridge_conf_new(&req, &conf, &err), 0);
	check_defaults_are_told(&ctl_bridge_schema, &req, &conf);
}

static void restricted_bridge_has_its_vlans_only(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0 vlans 1-4093");

	assert_false(bridge_has_all_vlans(&bridge->conf));
}

static void set_bridge_changes_what_is_named(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0 ageing_s 20 vlans 5");
	struct ctl_bridge req, conf;
	struct err err = {0};

	words_to_msg(&ctl_bridge_schema, &req, "name br0 reserved forward");
	assert_int_equal(bridge_conf_set(bridge, &req, &conf, &err), 0);
	assert_int_equal(conf.reserved, CTL_RESERVED_FORWARD);
	assert_int_equal(conf.ageing_s, 20);
	assert_true(vlan_set_has(&conf.vlans, 5));
	assert_int_equal(vlan_set_count(&conf.vlans), 1);
}

static void shown_fields_cannot_be_set(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0");
	struct ctl_bridge req, conf;
	struct err err = {0};

	words_to_msg(&ctl_bridge_schema, &req, "name br1 ports 3");
	assert_int_equal(bridge_conf_new(&req, &conf, &err), -EINVAL);
	assert_string_equal(err.field, "ports");
	words_to_msg(&ctl_bridge_schema, &req, "name br0 fdb_entries 3");
	assert_int_equal(bridge_conf_set(bridge, &req, &conf, &err), -EINVAL);
	assert_string_equal(err.field, "fdb_entries");
}

static void bridge_with_ports_is_not_deleted(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0");
	struct model_port *port;
	struct err err = {0};

	assert_int_equal(bridge_check_del(bridge, &err), 0);
	port = add_port(&model, "name p bridge br0 path /s/p");
	assert_int_equal(bridge_check_del(bridge, &err), -EBUSY);
	assert_string_equal(err.name, "BridgeInUse");
	model_port_del(&model, port);
	assert_int_equal(bridge_check_del(bridge, &err), 0);
}

static void add_again_is_judged_by_settings(void **state)
{
	struct model_bridge *bridge = add_bridge(&model, "name br0 vlans 5,6");
	struct ctl_bridge req, conf;
	struct err err = {0};

	words_to_msg(&ctl_bridge_schema, &req, "name br0 vlans 5-6");
	assert_int_equal(bridge_conf_new(&req, &conf, &err), 0);
	assert_int_equal(conf_check_exists(&ctl_bridge_schema, &bridge->conf, &conf, false,
				 "bridge", "br0", "BridgeExists", &err),
		-EEXIST);
	assert_string_equal(err.field, "name");
	assert_int_equal(conf_check_exists(&ctl_bridge_schema, &bridge->conf, &conf, true, "bridge",
				 "br0", "BridgeExists", &err),
		0);
	conf.ageing_s++;
	assert_int_equal(conf_check_exists(&ctl_bridge_schema, &bridge->conf, &conf, true, "bridge",
				 "br0", "BridgeExists", &err),
		-EEXIST);
	assert_string_equal(err.field, "ageing_s");
	assert_string_equal(err.name, "BridgeExists");
}

static void bridges_are_limited(void **state)
{
	struct model_bridge *bridge = NULL;
	struct ctl_bridge req, conf;
	struct err err = {0};
	char words[32];

	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		(void)snprintf(words, sizeof(words), "name br%u", i);
		bridge = add_bridge(&model, words);
	}
	words_to_msg(&ctl_bridge_schema, &req, "name more");
	assert_int_equal(bridge_conf_new(&req, &conf, &err), 0);
	assert_int_equal(model_bridge_add(&model, &conf, &bridge, &err), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(new_bridge_is_complete, tear_down),
		cmocka_unit_test(rows_tell_the_defaults),
		cmocka_unit_test_teardown(restricted_bridge_has_its_vlans_only, tear_down),
		cmocka_unit_test_teardown(set_bridge_changes_what_is_named, tear_down),
		cmocka_unit_test_teardown(shown_fields_cannot_be_set, tear_down),
		cmocka_unit_test_teardown(bridge_with_ports_is_not_deleted, tear_down),
		cmocka_unit_test_teardown(add_again_is_judged_by_settings, tear_down),
		cmocka_unit_test_teardown(bridges_are_limited, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
