#include "switch.h"

#include "change.h"
#include "conf_words.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "ctl_iface.h"
#include "ctl_json.h"
#include "fake_dataplane.h"
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[32], control_path[64], state_dir[64];
static struct ev *ev;
static struct vswitch *sw;
static const char *refused_at_start; /* a path; of the next start only */

static void start(void)
{
	static const int cpus[] = {-1};
	const struct switch_params params = {.control_path = control_path,
		.state_dir = state_dir,
		.cpus = cpus,
		.n_workers = 1};
	struct err err = {0};

	fake_reset();
	if (refused_at_start)
		fake_refuse_path(refused_at_start, -EADDRINUSE);
	refused_at_start = NULL;
	if (switch_create(ev, &params, &sw, &err) < 0)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	log_set_level(LOG_ERR);
	(void)strcpy(dir, "/tmp/weft-switch-XXXXXX");
	if (!mkdtemp(dir) || ev_create(&ev) < 0)
		return -1;
	(void)snprintf(control_path, sizeof(control_path), "%s/ctl", dir);
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	start();
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"state/config", "state/fdb", "state/lock",
		"state/config.damaged", "state", ""};
	char path[128];

	switch_destroy(sw);
	ev_destroy(ev);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)remove(path);
	}
	return fake_n_ports() == 0 ? 0 : -1;
}

static void turn(void)
{
	assert_true(ev_run_once(ev, 100) >= 0);
}

/* Ask for a change in words; 0 or -errno. */
static int ask(const char *method, const char *words, struct err *err)
{
	const struct ctl_struct *schema = ctl_method_find(&ctl_vswitch_interface, method)->in;
	uint64_t msg[512], out[8] = {0};

	assert_true(schema->size <= sizeof(msg));
	words_to_msg(schema, msg, words);
	err_clear(err);
	return change_apply(sw, method, msg, out, err);
}

static void must(const char *method, const char *words)
{
	struct err err;

	if (ask(method, words, &err) < 0)
		fail_msg("%s %s: %s", method, words, err.msg);
}

static void must_fail(const char *method, const char *words, int code, const char *name)
{
	struct err err;
	int r = ask(method, words, &err);

	if (r != code || strcmp(err.name, name) != 0 || !err.msg[0])
		fail_msg("%s %s: got %d %s '%s'", method, words, r, err.name, err.msg);
}

static struct model_port *port_of(const char *name)
{
	struct model_port *port = model_port_find(&sw->model, name);

	assert_non_null(port);
	return port;
}

static const struct dp_port *dp_port(const char *name)
{
	return &fake_published()->ports[port_of(name)->id];
}

static void learn(const char *port, uint16_t vid, uint64_t mac48)
{
	const struct note note = {mac48, vid, port_of(port)->id, port_of(port)->bridge->id};

	fake_note(&note);
	turn();
}

static uint32_t n_addresses(const char *bridge)
{
	return fdb_ctl_count(&sw->fdbs, model_bridge_find(&sw->model, bridge)->id);
}

static void two_ports(void)
{
	must("BridgeAdd", "name br0");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must("PortAdd", "name b bridge br0 path /s/b tag 10");
	fake_port_run("a", 1);
	fake_port_run("b", 1);
}

static void adding_twice_needs_leave(void **state)
{
	must("BridgeAdd", "name br0");
	must_fail("BridgeAdd", "name br0", -EEXIST, "BridgeExists");
	must("BridgeAdd", "name br0 exist_ok true");
	must_fail("BridgeAdd", "name br0 exist_ok true ageing_s 1", -EEXIST, "BridgeExists");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must_fail("PortAdd", "name a bridge br0 path /s/a tag 10", -EEXIST, "PortExists");
	must("PortAdd", "name a bridge br0 path /s/a tag 10 exist_ok true");
	must_fail("PortAdd", "name a bridge br0 path /s/a tag 11 exist_ok true", -EEXIST, "PortExists");
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
	assert_int_equal(sw->model.n_ports, 0);
	assert_int_equal(model_bridge_find(&sw->model, "br0")->n_ports, 0);
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
		assert_int_equal(port_of("a")->conf.mtu, MODEL_DEFAULT_MTU);
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

static void notes_become_addresses(void **state)
{
	two_ports();
	learn("a", 10, 1);
	learn("b", 10, 2);
	assert_int_equal(n_addresses("br0"), 2);
	learn("b", 10, 1);
	assert_int_equal(n_addresses("br0"), 2);
}

static void deleted_port_takes_its_addresses_along(void **state)
{
	struct dp_counters sum;
	struct note late;
	uint16_t id;

	two_ports();
	learn("a", 10, 1);
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port a");
	assert_int_equal(n_addresses("br0"), 2);
	id = port_of("a")->id;
	late = (struct note){3, 10, id, port_of("a")->bridge->id};
	fake_note(&late);
	fake_counters(id)->rx_frames = 7;
	fake_port_run("a", 0);
	must("PortDel", "name a");
	must("PortAdd", "name c bridge br0 path /s/c tag 10");
	assert_int_equal(port_of("c")->id, id);
	turn();
	/* Neither what the old port's worker said late nor what it counted is the new port's. */
	assert_int_equal(n_addresses("br0"), 0);
	assert_int_equal(fake_counters(id)->rx_frames, 0);
	/* The switch as a whole forgets no frame. */
	fake_counters(id)->rx_frames = 4;
	switch_counters(sw, &sum);
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
	assert_int_equal(dp_port("a")->bridge->id, model_bridge_find(&sw->model, "br1")->id);
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

static void wire_carries_light_to_both_ends(void **state)
{
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name q path /s/q");
	fake_port_run("p", 1);
	fake_port_run("q", 2);
	assert_false(fake_port_carrier("p"));
	must("LinkAdd", "name w a p b q");
	assert_true(fake_port_carrier("p") && fake_port_carrier("q"));
	assert_int_equal(dp_port("p")->wire_peer, port_of("q")->id);
	must("LinkSet", "name p enabled false");
	assert_false(fake_port_carrier("p") || fake_port_carrier("q"));
	assert_int_equal(dp_port("p")->wire_peer, DP_NO_PORT);
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

static void announced_address_is_learned(void **state)
{
	const struct ether_addr48 mac = {{2, 0, 0, 0, 0, 1}};

	two_ports();
	fake_port_announce("a", &mac);
	assert_int_equal(n_addresses("br0"), 1);
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

static void relative_path_counts_from_here(void **state)
{
	char cwd[512], expected[600];

	assert_int_equal(chdir(dir), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	must("PortAdd", "name a path a.sock");
	(void)snprintf(expected, sizeof(expected), "%s/a.sock", cwd);
	assert_string_equal(port_of("a")->conf.path, expected);
	assert_int_equal(chdir("/"), 0);
}

/* The journal is read by a switch that may be started elsewhere. */
static void relative_paths_are_saved_as_absolute_ones(void **state)
{
	char text[4096] = "", cwd[512], expected[1100];
	FILE *file;

	assert_int_equal(chdir(dir), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	must("PortAdd", "name a path a.sock");
	must("PortAdd", "name c type pcap rx_file in.pcap tx_file out.pcap");
	file = fopen("state/config", "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void)fclose(file);
	(void)snprintf(expected, sizeof(expected), "\"path\":\"%s/a.sock\"", cwd);
	assert_non_null(strstr(text, expected));
	(void)snprintf(expected, sizeof(expected),
		"\"rx_file\":\"%s/in.pcap\",\"tx_file\":\"%s/out.pcap\"", cwd, cwd);
	assert_non_null(strstr(text, expected));
	assert_int_equal(chdir("/"), 0);
}

static void host_ports_come_back(void **state)
{
	static const char *const ports[] = {
		"name n type nic dev 0000:05:00.0 give_back true mtu 1500",
		"name x type af-xdp dev eth1",
		"name k type af-packet dev eth2",
		"name t type tap dev host0 mac 52:54:00:00:00:01 owner joe ip 192.0.2.1/24 tag 9",
		"name v type veth dev v0 netns blue peer eth0 ip 2001:db8::1/64 queues 2",
		"name c type pcap rx_file /c/in tx_file /c/out loop true",
		"name m type memif path /s/m memif_id 9 mode client",
		"name d type dpdk devargs net_ring0,size=64",
	};
	struct ctl_port before[sizeof(ports) / sizeof(ports[0])];

	must("BridgeAdd", "name br0");
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		char words[256], name[2] = {ports[i][5], '\0'};

		(void)snprintf(words, sizeof(words), "%s bridge br0", ports[i]);
		must("PortAdd", words);
		before[i] = port_of(name)->conf;
		(void)snprintf(words, sizeof(words), "%s bridge br0 exist_ok true", ports[i]);
		must("PortAdd", words);
	}
	switch_destroy(sw);
	start();
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		const struct ctl_port *after = &port_of(before[i].name)->conf;

		if (!ctl_msg_equal(&ctl_port_schema, &before[i], after))
			fail_msg("'%s' came back with other settings", ports[i]);
	}
}

/* No such card is in this machine: as if it were taken. */
static void taken_card_is_found_by_its_old_name(void **state)
{
	must("PortAdd", "name n type nic dev fffe:ee:1d.0 give_back true");
	must("PortAdd", "name n type nic dev fffe:ee:1d.0 exist_ok true");
	must("PortAdd", "name n type nic dev enP65534p238s29 exist_ok true");
	must("PortAdd", "name n type nic dev wire0 exist_ok true");
	must_fail("PortAdd", "name n type nic dev enP65534p238s28 exist_ok true", -EEXIST,
		"PortExists");
	must_fail("PortAdd", "name n type nic dev wire0 give_back false exist_ok true", -EEXIST,
		"PortExists");
	assert_string_equal(port_of("n")->conf.dev, "fffe:ee:1d.0");
	assert_int_equal(fake_n_created(), 1);
}

static void configure_everything(void)
{
	must("BridgeAdd", "name br0 vlans 10,20-29 ageing_s 60");
	must("BridgeAdd", "name gone");
	must("PortAdd", "name a bridge br0 path /s/a tag 10");
	must("PortAdd", "name b bridge br0 path /s/b trunks 20-29 native 10 queues 4");
	must("PortAdd", "name p path /s/p mode client");
	must("PortAdd", "name q path /s/q");
	must("PortAdd", "name gone path /s/gone");
	must("PortSet", "name a tag 21 mtu 1500");
	must("VlanSet", "bridge br0 vlans 20 name blue");
	must("VlanAdd", "bridge br0 vlans 40");
	must("LinkAdd", "name w a p b q mtu 2000");
	must("LinkSet", "name w enabled false");
	must("FdbAdd", "bridge br0 mac 02:00:00:00:00:01 port b vlan 22");
	must("PortDel", "name gone");
	must("BridgeDel", "name gone");
}

static void check_everything(void)
{
	struct model_bridge *bridge = model_bridge_find(&sw->model, "br0");

	assert_int_equal(sw->model.n_bridges, 1);
	assert_int_equal(sw->model.n_ports, 4);
	assert_int_equal(sw->model.n_links, 1);
	assert_int_equal(bridge->conf.ageing_s, 60);
	assert_true(vlan_set_has(&bridge->conf.vlans, 40));
	assert_string_equal(model_vlan_name(bridge, 20), "blue");
	assert_int_equal(port_of("a")->conf.tag, 21);
	assert_int_equal(port_of("a")->conf.mtu, 1500);
	assert_int_equal(port_of("b")->conf.native, 10);
	assert_int_equal(port_of("b")->conf.queues, 4);
	assert_int_equal(port_of("p")->conf.mode, CTL_SOCK_CLIENT);
	assert_false(port_of("p")->link->conf.enabled);
	assert_int_equal(port_of("p")->link->conf.mtu, 2000);
	assert_int_equal(n_addresses("br0"), 1);
}

static void state_comes_back_after_a_clean_end(void **state)
{
	configure_everything();
	check_everything();
	switch_destroy(sw);
	start();
	check_everything();
	/* Once more, from what the restored one saved. */
	switch_destroy(sw);
	start();
	check_everything();
}

static void learned_addresses_come_back(void **state)
{
	two_ports();
	learn("a", 10, 1);
	switch_destroy(sw);
	start();
	assert_int_equal(n_addresses("br0"), 1);
}

/* More than are written in one turn, and in two tables. */
static void many_learned_addresses_come_back(void **state)
{
	two_ports();
	must("BridgeAdd", "name br1");
	must("PortAdd", "name c bridge br1 path /s/c");
	for (unsigned i = 1; i <= 1000; i++) {
		learn("a", 10, i);
		learn("c", 0, i);
	}
	assert_int_equal(n_addresses("br0"), 1000);
	switch_destroy(sw);
	start();
	assert_int_equal(n_addresses("br0"), 1000);
	assert_int_equal(n_addresses("br1"), 1000);
}

/* What workers wrote by the old configuration is read after it changed. */
static void late_learn_events_come_to_nothing(void **state)
{
	struct note late;

	two_ports();
	late = (struct note){7, 10, port_of("a")->id, port_of("a")->bridge->id};
	fake_note(&late);
	fake_port_run("a", 0);
	turn();
	assert_int_equal(n_addresses("br0"), 0);
	fake_port_run("a", 1);
	fake_note(&late);
	must("PortSet", "name a tag 11");
	turn();
	assert_int_equal(n_addresses("br0"), 0);
	late.vid = 11;
	must("PortSet", "name a tag 0");
	fake_note(&late);
	must("VlanDel", "bridge br0 vlans 11");
	turn();
	assert_int_equal(n_addresses("br0"), 0);
	must("VlanAdd", "bridge br0 vlans 11");
	fake_note(&late);
	must("FdbFlush", "bridge br0");
	turn();
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
	bridge = model_bridge_find(&sw->model, "br0");
	assert_string_equal(model_vlan_name(bridge, 20), "blue");
	assert_string_equal(model_vlan_name(bridge, 21), "");
	must("VlanSet", "bridge br0 vlans 10-12");
	assert_string_equal(model_vlan_name(bridge, 20), "");
}

/* ---- Whatever was accepted comes back -------------------------------------------------------- */

static unsigned long long seed;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

/* A request that may or may not be possible now. */
static void make_request(const char **ret_method, char words[256])
{
	static const char *const
		bridges[] = {"br0", "br1", "br2"},
		*const ports[] = {"a", "b", "c", "d"},
		*const vlans[] = {"1-4094", "10", "10-20", "20,30", "5,10-12,4094"},
		*const vids[] = {"10", "11", "20", "30", "0"}, *const macs[] = {"1", "2", "3"};
	const char *bridge = bridges[pick(3)], *port = ports[pick(4)], *vlan = vlans[pick(5)],
		   *vid = vids[pick(5)], *mac = macs[pick(3)];
	const struct {
		const char *method, *format, *args[4];
	} requests[] = {
		{"BridgeAdd", "name %s vlans %s", {bridge, vlan}},
		{"BridgeAdd", "name %s fdb_max 1%s reserved drop", {bridge, vid}},
		{"BridgeSet", "name %s vlans %s ageing_s %s0", {bridge, vlan, vid}},
		{"BridgeSet", "name %s fdb_max %s", {bridge, vid}},
		{"BridgeDel", "name %s", {bridge}},
		{"PortAdd", "name %s path /s/%s bridge %s tag %s", {port, port, bridge, vid}},
		{"PortAdd", "name %s path /s/%s bridge %s trunks %s", {port, port, bridge, vlan}},
		{"PortAdd", "name %s path /s/%s queues 4", {port, port}},
		{"PortSet", "name %s bridge %s", {port, bridge}},
		{"PortSet", "name %s bridge -", {port}},
		{"PortSet", "name %s tag %s", {port, vid}},
		{"PortSet", "name %s trunks %s", {port, vlan}},
		{"PortSet", "name %s native %s", {port, vid}},
		{"PortSet", "name %s vlan_mode trunk", {port}},
		{"PortSet", "name %s vlan_mode native-tagged native %s", {port, vid}},
		{"PortSet", "name %s mtu 1%s00 fdb_max %s", {port, vid, vid}},
		{"PortSet", "name %s enabled false", {port}},
		{"PortDel", "name %s", {port}},
		{"VlanAdd", "bridge %s vlans %s name n%s", {bridge, vid, vid}},
		{"VlanSet", "bridge %s vlans %s name m%s", {bridge, vid, mac}},
		{"VlanSet", "bridge %s vlans %s", {bridge, vlan}},
		{"VlanDel", "bridge %s vlans %s", {bridge, vlan}},
		{"VlanAdd", "port %s vlans %s", {port, vlan}},
		{"VlanDel", "port %s vlans %s", {port, vlan}},
		{"FdbAdd", "bridge %s port %s mac 02:00:00:00:00:0%s vlan %s",
			{bridge, port, mac, vid}},
		{"FdbAdd", "bridge %s port %s mac 02:00:00:00:00:0%s", {bridge, port, mac}},
		{"FdbAdd", "bridge %s port %s mac 02:00:00:00:00:0%s", {bridge, port, mac}},
		{"FdbDel", "bridge %s mac 02:00:00:00:00:0%s", {bridge, mac}},
		{"FdbFlush", "bridge %s type static vlan %s", {bridge, vid}},
		{"LinkAdd", "name w%s a %s b %s mtu 1%s00", {mac, port, ports[pick(4)], vid}},
		{"LinkSet", "name w%s mtu 1%s00", {mac, vid}},
		{"LinkSet", "name w%s enabled false", {mac}},
		{"LinkDel", "name w%s", {mac}},
	};
	unsigned i = pick(sizeof(requests) / sizeof(requests[0]));

	*ret_method = requests[i].method;
	(void)snprintf(words, 256, requests[i].format, requests[i].args[0], requests[i].args[1],
		requests[i].args[2], requests[i].args[3]);
}

/* ask(), where words need not even be a request. */
static bool try_request(const char *method, const char *words)
{
	const struct ctl_struct *schema = ctl_method_find(&ctl_vswitch_interface, method)->in;
	uint64_t msg[512] = {0}, out[8] = {0};
	char text[256], *save = NULL;
	struct err err = {0};

	(void)strcpy(text, words);
	for (char *field = strtok_r(text, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
		char *value = strtok_r(NULL, " ", &save);

		if (ctl_field_parse(schema, msg, field, strcmp(value, "-") ? value : "", &err) < 0)
			return false;
	}
	return change_apply(sw, method, msg, out, &err) == 0;
}

static int add_text(void *ctx, const struct ctl_struct *schema, const void *msg)
{
	FILE *out = ctx;
	json_t *json = NULL;
	char *text;

	assert_int_equal(ctl_json_encode(schema, msg, &json), 0);
	text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	(void)fprintf(out, "%s\n", text);
	free(text);
	json_decref(json);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The whole configuration, a line for each object, sorted: ids may differ. Owned. */
static char *describe(void)
{
	char *text = NULL, *sorted = NULL, *lines[4096], *save = NULL;
	size_t size, n = 0;
	FILE *out = open_memstream(&text, &size);

	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		const struct model_bridge *bridge = sw->model.bridges[i];
		struct ctl_fdb filter = {0}, row;
		struct fdb_list list;

		if (!bridge)
			continue;
		add_text(out, &ctl_bridge_schema, &bridge->conf);
		for (unsigned v = 0; v < bridge->n_vlan_names; v++)
			(void)fprintf(out, "name %s %u %s\n", bridge->conf.name,
				bridge->vlan_names[v].vid, bridge->vlan_names[v].name);
		CTL_SET_STR(&filter, ctl_fdb, bridge, bridge->conf.name);
		CTL_SET(&filter, ctl_fdb, type, CTL_FDB_STATIC);
		assert_int_equal(fdb_list_begin(&sw->fdbs, &sw->model, &filter, &list, NULL), 0);
		for (int r; (r = fdb_list_next(&list, &sw->fdbs, &sw->model, 0, &row, NULL)) > 0;)
			if (r == 1)
				add_text(out, &ctl_fdb_schema, &row);
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++)
		if (sw->model.ports[i])
			add_text(out, &ctl_port_schema, &sw->model.ports[i]->conf);
	for (unsigned i = 0; i < MODEL_MAX_LINKS; i++)
		if (sw->model.links[i])
			add_text(out, &ctl_link_schema, &sw->model.links[i]->conf);
	(void)fclose(out);
	for (char *line = strtok_r(text, "\n", &save); line && n < 4096;
		line = strtok_r(NULL, "\n", &save))
		lines[n++] = line;
	qsort(lines, n, sizeof(lines[0]), by_text);
	out = open_memstream(&sorted, &size);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "%s\n", lines[i]);
	(void)fclose(out);
	free(text);
	return sorted;
}

/* As kill -9 does: nothing is saved but what was written at once. */
static void crash(void)
{
	state_close(sw->state);
	sw->state = NULL;
	switch_destroy(sw);
}

static void whatever_is_accepted_comes_back(void **state)
{
	char words[256], history[16384] = "";
	unsigned n_accepted = 0;

	seed = 1;
	for (unsigned round = 0; round < 150; round++) {
		const char *method;
		char *before, *after;

		history[0] = '\0';
		for (unsigned i = 0; i < 12; i++) {
			make_request(&method, words);
			if (!try_request(method, words))
				continue;
			n_accepted++;
			(void)snprintf(history + strlen(history), sizeof(history) - strlen(history),
				"%s %s\n", method, words);
		}
		before = describe();
		if (pick(2))
			switch_destroy(sw);
		else
			crash();
		start();
		after = describe();
		if (strcmp(before, after) != 0)
			fail_msg("after\n%sthis configuration\n%scame back as\n%s", history, before,
				after);
		free(before);
		free(after);
	}
	assert_true(n_accepted > 400);
}

/* The switch starts again while somebody has the socket of port a. */
static void restart_without_a(void)
{
	two_ports();
	learn("a", 10, 1);
	switch_destroy(sw);
	refused_at_start = "/s/a";
	start();
}

static void check_waits(const char *name)
{
	struct ctl_port status = {0};

	switch_port_status(sw, port_of(name), &status);
	assert_int_equal(status.state, CTL_CONN_CONNECTING);
	assert_int_equal(status.queue_pairs, 0);
	assert_non_null(strstr(status.last_error, "refused"));
}

static bool is_running(const char *name)
{
	struct ctl_port status = {0};

	switch_port_status(sw, port_of(name), &status);
	return status.state == CTL_CONN_RUNNING;
}

/* Let the switch look once more for what its ports wait for. */
static void let_it_try_again(void)
{
	unsigned until = sw->n_ticks + SWITCH_REOPEN_EVERY;

	ev_timer_set(sw->tick, 1000000, 1000000);
	while (sw->n_ticks < until)
		turn();
}

static void port_with_a_taken_path_waits(void **state)
{
	char damaged[128];

	(void)snprintf(damaged, sizeof(damaged), "%s/config.damaged", state_dir);
	restart_without_a();
	check_waits("a");
	assert_int_equal(fake_n_created(), 1);
	assert_int_not_equal(access(damaged, F_OK), 0);
	fake_port_run("b", 1);
	assert_int_equal(dp_port("b")->n_tx, 1);
	assert_int_equal(n_addresses("br0"), 1);
	let_it_try_again();
	check_waits("a");
	fake_refuse_path(NULL, 0);
	let_it_try_again();
	assert_int_equal(fake_n_created(), 2);
	assert_false(is_running("a"));
	fake_port_run("a", 1);
	assert_true(is_running("a"));
	assert_int_equal(dp_port("a")->n_tx, 1);
	assert_true(fake_port_carrier("a"));
}

static void waiting_port_is_changed_and_deleted(void **state)
{
	restart_without_a();
	must("PortAdd", "name a bridge br0 path /s/a tag 10 exist_ok true");
	must("PortSet", "name a mtu 1400 tag 12");
	let_it_try_again();
	check_waits("a");
	fake_refuse_path(NULL, 0);
	let_it_try_again();
	assert_int_equal(fake_port_mtu("a"), 1400);
	switch_destroy(sw);
	refused_at_start = "/s/a";
	start();
	assert_int_equal(port_of("a")->conf.mtu, 1400);
	check_waits("a");
	must("PortDel", "name a");
	fake_refuse_path(NULL, 0);
	let_it_try_again();
	assert_int_equal(fake_n_created(), 1);
	must_fail("PortDel", "name a", -ENOENT, "PortNotFound");
}

/* A port that is asked for now is refused now. */
static void new_port_does_not_wait(void **state)
{
	restart_without_a();
	must_fail("PortAdd", "name c path /s/a", -EADDRINUSE, "PathInUse");
	must("PortDel", "name a");
	must_fail("PortAdd", "name c path /s/a", -EADDRINUSE, "");
	assert_int_equal(sw->model.n_ports, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(adding_twice_needs_leave),
		TEST(deleting_twice_needs_leave),
		TEST(refused_port_leaves_nothing),
		TEST(refused_requests_change_nothing),
		TEST(set_tag_changes_the_snapshot_only),
		TEST(set_mtu_reaches_the_port),
		TEST(notes_become_addresses),
		TEST(deleted_port_takes_its_addresses_along),
		TEST(carrier_loss_forgets_learned_addresses),
		TEST(moving_a_port_forgets_its_addresses),
		TEST(changing_vlan_forgets_learned_addresses),
		TEST(wire_carries_light_to_both_ends),
		TEST(announced_address_is_learned),
		TEST(resized_table_is_published),
		TEST(relative_path_counts_from_here),
		TEST(relative_paths_are_saved_as_absolute_ones),
		TEST(host_ports_come_back),
		TEST(taken_card_is_found_by_its_old_name),
		TEST(state_comes_back_after_a_clean_end),
		TEST(learned_addresses_come_back),
		TEST(many_learned_addresses_come_back),
		TEST(late_learn_events_come_to_nothing),
		TEST(addresses_go_with_their_vlan_alone),
		TEST(vlans_of_ports_exist_on_their_bridge),
		TEST(names_go_with_their_vlan),
		TEST(whatever_is_accepted_comes_back),
		TEST(port_with_a_taken_path_waits),
		TEST(waiting_port_is_changed_and_deleted),
		TEST(new_port_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
