#include "vlan.h"

#include "conf_words.h"
#include "ctl_codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct model model;

static int set_up(void **state)
{
	struct model_bridge *bridge;

	model_init(&model);
	bridge = add_bridge(&model, "name br0 vlans 10,20-22");
	assert_int_equal(model_vlan_name_set(bridge, 20, "blue"), 0);
	assert_int_equal(model_vlan_name_set(bridge, 10, "red"), 0);
	(void)add_port(&model, "name access bridge br0 path /s/a tag 10");
	(void)add_port(&model, "name trunk bridge br0 path /s/t trunks 10,20 native 21");
	return 0;
}

static int tear_down(void **state)
{
	model_done(&model);
	return 0;
}

static void bridge_vlans_change(void **state)
{
	static const struct {
		enum vlan_verb verb;
		const char *vlans, *expected;
	} cases[] = {
		{VLAN_ADD, "30", "10,20-22,30"},
		{VLAN_ADD, "10", "10,20-22"},
		{VLAN_DEL, "21,99", "10,20,22"},
		{VLAN_SET, "5", "5"},
		{VLAN_SET, "all", "all"},
	};
	struct vlan_change change;
	struct ctl_vlan req;
	struct err err = {0};
	char words[64];
	static char got[VLAN_SET_STR_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(words, sizeof(words), "bridge br0 vlans %s", cases[i].vlans);
		words_to_msg(&ctl_vlan_schema, &req, words);
		assert_int_equal(vlan_plan(&model, cases[i].verb, &req, &change, &err), 0);
		assert_non_null(change.bridge);
		assert_false(change.sets_name);
		(void)vlan_set_format(&change.bridge_conf.vlans, got, sizeof(got));
		assert_string_equal(got, cases[i].expected);
	}
}

static void port_vlans_change(void **state)
{
	struct vlan_change change;
	struct ctl_vlan req;
	struct err err = {0};
	static char got[VLAN_SET_STR_SIZE];

	words_to_msg(&ctl_vlan_schema, &req, "port trunk vlans 21-22");
	assert_int_equal(vlan_plan(&model, VLAN_ADD, &req, &change, &err), 0);
	(void)vlan_set_format(&change.port_conf.trunks, got, sizeof(got));
	assert_string_equal(got, "10,20-22");
	assert_int_equal(change.port_conf.native, 21);
	words_to_msg(&ctl_vlan_schema, &req, "port trunk vlans 20,22");
	assert_int_equal(vlan_plan(&model, VLAN_DEL, &req, &change, &err), 0);
	(void)vlan_set_format(&change.port_conf.trunks, got, sizeof(got));
	assert_string_equal(got, "10");
}

static void name_belongs_to_one_vlan(void **state)
{
	struct vlan_change change;
	struct ctl_vlan req;
	struct err err = {0};

	words_to_msg(&ctl_vlan_schema, &req, "bridge br0 vlans 22 name green");
	assert_int_equal(vlan_plan(&model, VLAN_SET, &req, &change, &err), 0);
	assert_true(change.sets_name);
	assert_int_equal(change.named, 22);
	assert_true(ctl_msg_equal(&ctl_bridge_schema, &change.bridge_conf, &change.bridge->conf));
	words_to_msg(&ctl_vlan_schema, &req, "bridge br0 vlans 40 name green");
	assert_int_equal(vlan_plan(&model, VLAN_ADD, &req, &change, &err), 0);
	assert_true(vlan_set_has(&change.bridge_conf.vlans, 40));
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		enum vlan_verb verb;
		const char *words;
		int code;
		const char *field;
	} cases[] = {
		{VLAN_ADD, "vlans 5", -EINVAL, "bridge"},
		{VLAN_ADD, "bridge br0 port trunk vlans 5", -EINVAL, "bridge"},
		{VLAN_ADD, "bridge br0", -EINVAL, "vlans"},
		{VLAN_ADD, "bridge nope vlans 5", -ENOENT, "bridge"},
		{VLAN_ADD, "port nope vlans 5", -ENOENT, "port"},
		{VLAN_ADD, "port access vlans 5", -EINVAL, "port"},
		{VLAN_ADD, "port trunk vlans 5 name x", -EINVAL, "name"},
		{VLAN_ADD, "bridge br0 vlans 5-6 name x", -EINVAL, "name"},
		{VLAN_DEL, "bridge br0 vlans 10 name red", -EINVAL, "name"},
		{VLAN_SET, "bridge br0 vlans 99 name x", -ENOENT, "vlans"},
		{VLAN_ADD, "bridge br0 vlans 5 pvid true", -EINVAL, "pvid"},
		{VLAN_ADD, "port trunk vlans 30", -ENOENT, "trunks"},
		{VLAN_SET, "port trunk vlans 20-22,30", -ENOENT, "trunks"},
		{VLAN_DEL, "port trunk vlans 21", -EBUSY, "vlans"},
		{VLAN_DEL, "port trunk vlans 10,21", -EBUSY, "vlans"},
		{VLAN_DEL, "port trunk vlans 22", -ENOENT, "vlans"},
		{VLAN_DEL, "bridge br0 vlans 30", -ENOENT, "vlans"},
	};
	struct vlan_change change;
	struct ctl_vlan req;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		err_clear(&err);
		words_to_msg(&ctl_vlan_schema, &req, cases[i].words);
		r = vlan_plan(&model, cases[i].verb, &req, &change, &err);
		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0 || !err.msg[0])
			fail_msg("'%s': got %d, field '%s', '%s'", cases[i].words, r, err.field,
				err.msg);
	}
}

static void collect(FILE *out, const struct ctl_vlan *row)
{
	static char vlans[VLAN_SET_STR_SIZE];

	(void)vlan_set_format(&row->vlans, vlans, sizeof(vlans));
	(void)fprintf(out, "%s%s:%s%s%s%s;", row->bridge, row->port[0] ? "/p" : "", vlans,
		row->name[0] ? "=" : "", row->name,
		!CTL_HAS(row, ctl_vlan, pvid) ? ""
		: row->pvid                   ? row->tagged ? " pvid tagged" : " pvid"
					      : " tagged");
}

static void rows_tell_names_and_roles(void **state)
{
	static const struct {
		const char *filter, *expected;
	} cases[] = {
		{"", "br0:10=red;br0:20=blue;br0:21-22;br0/p:10 pvid;br0/p:21 pvid;br0/p:10,20 "
		     "tagged;"},
		{"vlans 20", "br0:20=blue;br0/p:20 tagged;"},
		{"port access", "br0/p:10 pvid;"},
		{"bridge br0 vlans 22", "br0:22;"},
		{"vlans 99", ""},
	};
	struct ctl_vlan filter, row;
	size_t size;
	char *got;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *out = open_memstream(&got, &size);

		words_to_msg(&ctl_vlan_schema, &filter, cases[i].filter);
		for (struct vlan_list list = {0}; vlan_next(&model, &filter, &list, &row);)
			collect(out, &row);
		(void)fclose(out);
		assert_string_equal(got, cases[i].expected);
		free(got);
	}
}

static void names_are_replaced_and_removed(void **state)
{
	struct model_bridge *bridge = model_bridge_find(&model, "br0");

	assert_string_equal(model_vlan_name(bridge, 10), "red");
	assert_int_equal(model_vlan_name_set(bridge, 10, "pink"), 0);
	assert_string_equal(model_vlan_name(bridge, 10), "pink");
	assert_int_equal(model_vlan_name_set(bridge, 10, ""), 0);
	assert_string_equal(model_vlan_name(bridge, 10), "");
	assert_string_equal(model_vlan_name(bridge, 20), "blue");
	assert_int_equal(bridge->n_vlan_names, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bridge_vlans_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(port_vlans_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(name_belongs_to_one_vlan, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_tell_names_and_roles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_are_replaced_and_removed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
