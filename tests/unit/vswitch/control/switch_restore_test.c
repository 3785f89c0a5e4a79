/* What a switch finds again when it is started with its state, and what it then waits for. */
#include "switch_rig.h"

#include "change.h"
#include "ctl_codec.h"
#include "ctl_iface.h"
#include "ctl_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The journal is read by a switch that may be started elsewhere. */
static void relative_paths_are_saved_as_absolute_ones(void **state)
{
	char text[4096] = "", cwd[512], expected[1100];
	FILE *file;

	assert_int_equal(chdir(rig.dir), 0);
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
		"name n type nic dev 0000:05:00.0 rebind true mtu 1500",
		"name x type af-xdp dev eth1",
		"name k type af-packet dev eth2",
		"name s path /s/s owner joe:kvm socket_mode 0660",
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
	switch_destroy(rig.sw);
	rig_start();
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		const struct ctl_port *after = &port_of(before[i].name)->conf;

		if (!ctl_msg_equal(&ctl_port_schema, &before[i], after))
			fail_msg("'%s' came back with other settings", ports[i]);
	}
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
	struct model_bridge *bridge = model_bridge_find(&rig.sw->model, "br0");

	assert_int_equal(rig.sw->model.n_bridges, 1);
	assert_int_equal(rig.sw->model.n_ports, 4);
	assert_int_equal(rig.sw->model.n_links, 1);
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
	switch_destroy(rig.sw);
	rig_start();
	check_everything();
	/* Once more, from what the restored one saved. */
	switch_destroy(rig.sw);
	rig_start();
	check_everything();
}

static void learned_addresses_come_back(void **state)
{
	two_ports();
	learn("a", 10, 1);
	switch_destroy(rig.sw);
	rig_start();
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
	switch_destroy(rig.sw);
	rig_start();
	assert_int_equal(n_addresses("br0"), 1000);
	assert_int_equal(n_addresses("br1"), 1000);
}

/* ---- Whatever was accepted comes back ---- */

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
	return change_apply(rig.sw, method, msg, out, &err) == 0;
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
		const struct model_bridge *bridge = rig.sw->model.bridges[i];
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
		assert_int_equal(fdb_list_begin(&rig.sw->fdbs, &rig.sw->model, &filter, &list,
					 NULL),
			0);
		for (int r; (r = fdb_list_next(&list, &rig.sw->fdbs, &rig.sw->model, 0, &row,
				     NULL)) > 0;)
			if (r == 1)
				add_text(out, &ctl_fdb_schema, &row);
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++)
		if (rig.sw->model.ports[i])
			add_text(out, &ctl_port_schema, &rig.sw->model.ports[i]->conf);
	for (unsigned i = 0; i < MODEL_MAX_LINKS; i++)
		if (rig.sw->model.links[i])
			add_text(out, &ctl_link_schema, &rig.sw->model.links[i]->conf);
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
	state_close(rig.sw->state);
	rig.sw->state = NULL;
	switch_destroy(rig.sw);
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
			switch_destroy(rig.sw);
		else
			crash();
		rig_start();
		after = describe();
		if (strcmp(before, after) != 0)
			fail_msg("after\n%sthis configuration\n%scame back as\n%s", history, before,
				after);
		free(before);
		free(after);
	}
	assert_true(n_accepted > 400);
}

/* ---- Ports whose path is taken ---- */

/* The switch starts again while somebody has the socket of port a. */
static void restart_without_a(void)
{
	two_ports();
	learn("a", 10, 1);
	switch_destroy(rig.sw);
	rig.refused_path = "/s/a";
	rig_start();
}

static void check_waits(const char *name)
{
	struct ctl_port status = {0};

	switch_port_status(rig.sw, port_of(name), &status);
	assert_int_equal(status.state, CTL_CONN_CONNECTING);
	assert_int_equal(status.queue_pairs, 0);
	assert_non_null(strstr(status.last_error, "refused"));
}

static bool is_running(const char *name)
{
	struct ctl_port status = {0};

	switch_port_status(rig.sw, port_of(name), &status);
	return status.state == CTL_CONN_RUNNING;
}

/* Let the switch look once more for what its ports wait for. */
static void let_it_try_again(void)
{
	unsigned until = rig.sw->n_ticks + SWITCH_REOPEN_EVERY;

	ev_timer_set(rig.sw->tick, 1000000, 1000000);
	while (rig.sw->n_ticks < until)
		rig_turn();
}

static void port_with_a_taken_path_waits(void **state)
{
	char damaged[128];

	(void)snprintf(damaged, sizeof(damaged), "%s/config.damaged", rig.state_dir);
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
	switch_destroy(rig.sw);
	rig.refused_path = "/s/a";
	rig_start();
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
	assert_int_equal(rig.sw->model.n_ports, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(relative_paths_are_saved_as_absolute_ones),
		TEST(host_ports_come_back),
		TEST(state_comes_back_after_a_clean_end),
		TEST(learned_addresses_come_back),
		TEST(many_learned_addresses_come_back),
		TEST(whatever_is_accepted_comes_back),
		TEST(port_with_a_taken_path_waits),
		TEST(waiting_port_is_changed_and_deleted),
		TEST(new_port_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
