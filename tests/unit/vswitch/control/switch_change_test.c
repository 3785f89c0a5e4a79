/* Requests for changes: what they do, to model, snapshot and ports, and what they are refused for.
 */
#include "switch_rig.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void adding_twice_needs_leave(void **state)
{
	must("BridgeAdd", "name br0");
	must_fail("BridgeAdd", "name br0", -EEXIST, "BridgeExists");
	must("BridgeAdd", "name br0 exist_ok true");
	must_fail("BridgeAdd", "name br0 exist_ok true ageing_s 1", -EEXIST, "BridgeExists");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must_fail("PortAdd", "name a bridge br0 path /s/a tag 10", -EEXIST, "PortExists");
	must("PortAdd", "name a bridge br0 path /s/a tag 10 exist_ok true");
	must_fail("PortAdd", "name a bridge br0 path /s/a tag 11 exist_ok true", -EEXIST,
		"PortExists");
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name q path /s/q");
	must("PortAdd", "name r path /s/r");
	must("LinkAdd", "name w a p b q");
	must_fail("LinkAdd", "name w a p b q", -EEXIST, "LinkExists");
	must("LinkAdd", "name w a p b q exist_ok true");
	must_fail("LinkAdd", "name w a p b q exist_ok true enabled false", -EEXIST, "LinkExists");
	must_fail("LinkAdd", "name w a p b r exist_ok true", -EEXIST, "LinkExists");
	assert_int_equal(fake_n_created(), 4);
}

static void deleting_twice_needs_leave(void **state)
{
	two_ports();
	must_fail("BridgeDel", "name br0", -EBUSY, "BridgeInUse");
	must("PortDel", "name a");
	must("PortDel", "name b");
	must_fail("PortDel", "name b", -ENOENT, "PortNotFound");
	must("PortDel", "name b missing_ok true");
	must("BridgeDel", "name br0");
	must_fail("BridgeDel", "name br0", -ENOENT, "BridgeNotFound");
	must("BridgeDel", "name br0 missing_ok true");
	must_fail("LinkDel", "name w", -ENOENT, "LinkNotFound");
	must("LinkDel", "name w missing_ok true");
	must_fail("PortDel", "", -EINVAL, "");
	assert_int_equal(fake_n_ports(), 0);
}

static void refused_port_leaves_nothing(void **state)
{
	const struct dp_snapshot *before;

	must("BridgeAdd", "name br0");
	before = fake_published();
	fake_refuse_path("/s/taken", -EADDRINUSE);
	must_fail("PortAdd", "name a bridge br0 path /s/taken", -EADDRINUSE, "");
	assert_int_equal(rig.sw->model.n_ports, 0);
	assert_int_equal(model_bridge_find(&rig.sw->model, "br0")->n_ports, 0);
	assert_ptr_equal(fake_published(), before);
	must("PortAdd", "name a bridge br0 path /s/a");
	must_fail("PortAdd", "name b bridge br0 path /s/a", -EADDRINUSE, "PathInUse");
	must("BridgeDel", "name none missing_ok true");
}

static void refused_requests_change_nothing(void **state)
{
	static const struct {
		const char *method, *words;
		int code;
		const char *name;
	} cases[] = {
		{"BridgeSet", "name nope ageing_s 5", -ENOENT, "BridgeNotFound"},
		{"BridgeSet", "name br0 fdb_max 1", -ENOSPC, ""},
		{"PortSet", "name nope mtu 1500", -ENOENT, "PortNotFound"},
		{"PortSet", "name a tag 5 trunks 6", -EINVAL, ""},
		{"PortSet", "name a mtu 1500 bridge nope", -ENOENT, "BridgeNotFound"},
		{"PortSet", "name a mtu 1500 path /s/other", -EINVAL, ""},
		{"VlanAdd", "port a vlans 5", -EINVAL, ""},
		{"LinkAdd", "name w a a b b", -EBUSY, "PortInUse"},
		{"LinkSet", "name w enabled false", -ENOENT, "LinkNotFound"},
		{"FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port a vlan 99", -EINVAL, ""},
		{"FdbFlush", "bridge nope", -ENOENT, "BridgeNotFound"},
	};
	const struct dp_snapshot *before;

	two_ports();
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port a");
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:02 port a");
	before = fake_published();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		must_fail(cases[i].method, cases[i].words, cases[i].code, cases[i].name);
		assert_ptr_equal(fake_published(), before);
		assert_int_equal(port_of("a")->conf.mtu, CTL_DEFAULT_MTU);
	}
}

static void set_tag_changes_the_snapshot_only(void **state)
{
	two_ports();
	assert_int_equal(dp_port("a")->pvid, 10);
	must("PortSet", "name a tag 20");
	assert_int_equal(dp_port("a")->pvid, 20);
	assert_true(vlan_set_has(dp_port("a")->vlans, 20));
	assert_false(vlan_set_has(dp_port("a")->vlans, 10));
	assert_int_equal(fake_n_created(), 2);
	assert_int_equal(dp_port("a")->n_tx, 1);
}

static void set_mtu_reaches_the_port(void **state)
{
	two_ports();
	must("PortSet", "name a mtu 1500");
	assert_int_equal(fake_port_mtu("a"), 1500);
	assert_int_equal(dp_port("a")->mtu, 1500);
}

static void carrier_reaches_both_ends(void **state)
{
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name q path /s/q");
	fake_port_run("p", 1);
	fake_port_run("q", 2);
	assert_false(fake_port_carrier("p"));
	must("LinkAdd", "name w a p b q");
	assert_true(fake_port_carrier("p") && fake_port_carrier("q"));
	assert_int_equal(dp_port("p")->link_peer, port_of("q")->id);
	must("LinkSet", "name p enabled false");
	assert_false(fake_port_carrier("p") || fake_port_carrier("q"));
	assert_int_equal(dp_port("p")->link_peer, DP_NO_PORT);
	must("LinkSet", "name w enabled true");
	assert_true(fake_port_carrier("p") && fake_port_carrier("q"));
	fake_port_run("q", 0);
	assert_false(fake_port_carrier("p"));
	fake_port_run("q", 1);
	assert_true(fake_port_carrier("p"));
	must("PortSet", "name q enabled false");
	assert_false(fake_port_carrier("p") || fake_port_carrier("q"));
	must("PortSet", "name q enabled true");
	must_fail("PortDel", "name p", -EBUSY, "PortInUse");
	must("LinkDel", "name q");
	assert_false(fake_port_carrier("p") || fake_port_carrier("q"));
}

static void relative_path_counts_from_here(void **state)
{
	char cwd[512], expected[600];

	assert_int_equal(chdir(rig.dir), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	must("PortAdd", "name a path a.sock");
	(void)snprintf(expected, sizeof(expected), "%s/a.sock", cwd);
	assert_string_equal(port_of("a")->conf.path, expected);
	assert_int_equal(chdir("/"), 0);
}

/* No such NIC is in this machine: as if it were taken. */
static void taken_card_is_found_by_its_old_name(void **state)
{
	must("PortAdd", "name n type nic dev fffe:ee:1d.0 rebind true");
	must("PortAdd", "name n type nic dev fffe:ee:1d.0 exist_ok true");
	must("PortAdd", "name n type nic dev enP65534p238s29 exist_ok true");
	must("PortAdd", "name n type nic dev wire0 exist_ok true");
	must_fail("PortAdd", "name n type nic dev enP65534p238s28 exist_ok true", -EEXIST,
		"PortExists");
	must_fail("PortAdd", "name n type nic dev wire0 rebind false exist_ok true", -EEXIST,
		"PortExists");
	assert_string_equal(port_of("n")->conf.dev, "fffe:ee:1d.0");
	assert_int_equal(fake_n_created(), 1);
}

/* What a port names exists, whichever request comes last. */
static void vlans_of_ports_exist_on_their_bridge(void **state)
{
	static const struct {
		const char *method, *words;
		int code;
		const char *name;
	} refused[] = {
		{"PortSet", "name a tag 30", -ENOENT, "VlanNotFound"},
		{"PortSet", "name t trunks 10,30", -ENOENT, "VlanNotFound"},
		{"PortSet", "name t native 30", -ENOENT, "VlanNotFound"},
		{"PortSet", "name t bridge narrow", -ENOENT, "VlanNotFound"},
		{"PortSet", "name free bridge br0", -ENOENT, "VlanNotFound"},
		{"PortAdd", "name b bridge br0 path /s/b tag 30", -ENOENT, "VlanNotFound"},
		{"BridgeSet", "name br0 vlans 11-20", -EBUSY, "VlanInUse"},
		{"VlanSet", "bridge br0 vlans 10-19", -EBUSY, "VlanInUse"},
		{"VlanDel", "bridge br0 vlans 10", -EBUSY, "VlanInUse"},
		{"VlanDel", "bridge br0 vlans 15", -EBUSY, "VlanInUse"},
		{"VlanDel", "port t vlans 15", -EBUSY, "VlanInUse"},
		{"VlanDel", "port t vlans 19", -ENOENT, "VlanNotFound"},
		{"PortSet", "name a native 20", -EINVAL, ""},
	};

	must("BridgeAdd", "name br0 vlans 10-20");
	must("BridgeAdd", "name narrow vlans 10,15");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must("PortAdd", "name t bridge br0 path /s/t trunks 20 native 15");
	must("PortAdd", "name all bridge br0 path /s/all");
	must("PortAdd", "name free path /s/free tag 30");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		must_fail(refused[i].method, refused[i].words, refused[i].code, refused[i].name);
	must("VlanDel", "bridge br0 vlans 11-14");
	must("PortSet", "name a bridge narrow");
	must("VlanDel", "bridge br0 vlans 10");
}

static void names_go_with_their_vlan(void **state)
{
	struct model_bridge *bridge;

	must("BridgeAdd", "name br0");
	must("VlanAdd", "bridge br0 vlans 20 name blue");
	must("VlanAdd", "bridge br0 vlans 21 name red");
	must("BridgeSet", "name br0 vlans 10-20");
	bridge = model_bridge_find(&rig.sw->model, "br0");
	assert_string_equal(model_vlan_name(bridge, 20), "blue");
	assert_string_equal(model_vlan_name(bridge, 21), "");
	must("VlanSet", "bridge br0 vlans 10-12");
	assert_string_equal(model_vlan_name(bridge, 20), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(adding_twice_needs_leave),
		TEST(deleting_twice_needs_leave),
		TEST(refused_port_leaves_nothing),
		TEST(refused_requests_change_nothing),
		TEST(set_tag_changes_the_snapshot_only),
		TEST(set_mtu_reaches_the_port),
		TEST(carrier_reaches_both_ends),
		TEST(relative_path_counts_from_here),
		TEST(taken_card_is_found_by_its_old_name),
		TEST(vlans_of_ports_exist_on_their_bridge),
		TEST(names_go_with_their_vlan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
