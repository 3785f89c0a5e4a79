/* Addresses in a whole switch: how they come, and with what they go. */
#include "switch_rig.h"

static void learn_events_become_addresses(void **state)
{
	two_ports();
	learn("a", 10, 1);
	learn("b", 10, 2);
	assert_int_equal(n_addresses("br0"), 2);
	learn("b", 10, 1);
	assert_int_equal(n_addresses("br0"), 2);
}

static void announced_address_is_learned(void **state)
{
	const struct ether_addr48 mac = {{2, 0, 0, 0, 0, 1}};

	two_ports();
	fake_port_announce("a", &mac);
	assert_int_equal(n_addresses("br0"), 1);
}

static void deleted_port_takes_its_addresses_along(void **state)
{
	struct dp_counters sum;
	struct learn_event late;
	uint16_t id;

	two_ports();
	learn("a", 10, 1);
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port a");
	assert_int_equal(n_addresses("br0"), 2);
	id = port_of("a")->id;
	late = (struct learn_event){3, 10, id, port_of("a")->bridge->id};
	fake_learn_event(&late);
	fake_counters(id)->rx_frames = 7;
	fake_port_run("a", 0);
	must("PortDel", "name a");
	must("PortAdd", "name c bridge br0 path /s/c tag 10");
	assert_int_equal(port_of("c")->id, id);
	rig_turn();
	/* Neither what the old port's worker said late nor what it counted is the new port's. */
	assert_int_equal(n_addresses("br0"), 0);
	assert_int_equal(fake_counters(id)->rx_frames, 0);
	/* The switch as a whole forgets no frame. */
	fake_counters(id)->rx_frames = 4;
	switch_counters(rig.sw, &sum);
	assert_int_equal(sum.rx_frames, 11);
}

static void carrier_loss_forgets_learned_addresses(void **state)
{
	two_ports();
	learn("a", 10, 1);
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port a");
	fake_port_run("a", 0);
	assert_int_equal(n_addresses("br0"), 1);
	assert_false(fake_port_carrier("a"));
	assert_true(fake_port_carrier("b"));
}

static void moving_a_port_forgets_its_addresses(void **state)
{
	two_ports();
	must("BridgeAdd", "name br1");
	learn("a", 10, 1);
	must("PortSet", "name a bridge br1");
	assert_int_equal(n_addresses("br0"), 0);
	assert_int_equal(dp_port("a")->bridge->id, model_bridge_find(&rig.sw->model, "br1")->id);
	learn("a", 10, 1);
	assert_int_equal(n_addresses("br1"), 1);
	must("PortSet", "name a bridge -");
	assert_null(dp_port("a")->bridge);
	assert_false(fake_port_carrier("a"));
}

static void changing_vlan_forgets_learned_addresses(void **state)
{
	two_ports();
	learn("a", 10, 1);
	must("PortSet", "name a enabled true mtu 1600");
	assert_int_equal(n_addresses("br0"), 1);
	must("PortSet", "name a tag 11");
	assert_int_equal(n_addresses("br0"), 0);
}

static void addresses_go_with_their_vlan_alone(void **state)
{
	must("BridgeAdd", "name br0 vlans 10-20");
	must("PortAdd", "name a bridge br0 path /s/a trunks 10-20");
	fake_port_run("a", 1);
	learn("a", 10, 1);
	learn("a", 11, 1);
	must("FdbAdd", "bridge br0 port a vlan 10 mac 02:00:00:00:00:01");
	must("FdbAdd", "bridge br0 port a vlan 12 mac 02:00:00:00:00:01");
	must("VlanDel", "port a vlans 10");
	assert_int_equal(n_addresses("br0"), 2);
	must("PortSet", "name a trunks all");
	assert_int_equal(n_addresses("br0"), 2);
	must("BridgeSet", "name br0 vlans 11");
	assert_int_equal(n_addresses("br0"), 1);
}

/* What workers wrote by the old configuration is read after it changed. */
static void late_learn_events_come_to_nothing(void **state)
{
	struct learn_event late;

	two_ports();
	late = (struct learn_event){7, 10, port_of("a")->id, port_of("a")->bridge->id};
	fake_learn_event(&late);
	fake_port_run("a", 0);
	rig_turn();
	assert_int_equal(n_addresses("br0"), 0);
	fake_port_run("a", 1);
	fake_learn_event(&late);
	must("PortSet", "name a tag 11");
	rig_turn();
	assert_int_equal(n_addresses("br0"), 0);
	late.vid = 11;
	must("PortSet", "name a tag 0");
	fake_learn_event(&late);
	must("VlanDel", "bridge br0 vlans 11");
	rig_turn();
	assert_int_equal(n_addresses("br0"), 0);
	must("VlanAdd", "bridge br0 vlans 11");
	fake_learn_event(&late);
	must("FdbFlush", "bridge br0");
	rig_turn();
	assert_int_equal(n_addresses("br0"), 0);
}

static void resized_table_is_published(void **state)
{
	const struct fdb *before;

	two_ports();
	learn("a", 10, 1);
	before = dp_port("a")->bridge->fdb;
	must("BridgeSet", "name br0 fdb_max 100");
	assert_ptr_not_equal(dp_port("a")->bridge->fdb, before);
	assert_int_equal(dp_port("a")->bridge->fdb->max_entries, 100);
	assert_int_equal(n_addresses("br0"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(learn_events_become_addresses),
		TEST(announced_address_is_learned),
		TEST(deleted_port_takes_its_addresses_along),
		TEST(carrier_loss_forgets_learned_addresses),
		TEST(moving_a_port_forgets_its_addresses),
		TEST(changing_vlan_forgets_learned_addresses),
		TEST(addresses_go_with_their_vlan_alone),
		TEST(late_learn_events_come_to_nothing),
		TEST(resized_table_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
