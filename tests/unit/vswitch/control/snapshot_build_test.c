#include "snapshot_build.h"

#include "conf_words.h"

#include <stdio.h>

static struct model model;
static struct snapshot *snapshot;
static struct snapshot_input input;
static struct queue rings[MODEL_MAX_PORTS][2];
static struct port_queues queues_of[MODEL_MAX_PORTS];
static uint16_t ring_workers[MODEL_MAX_PORTS * PORT_MAX_QUEUES];

static int set_up(void **state)
{
	model_init(&model);
	memset(&input, 0, sizeof(input));
	input.model = &model;
	input.n_workers = 1;
	input.ring_workers = ring_workers;
	memset(ring_workers, 0, sizeof(ring_workers));
	snapshot = snapshot_create();
	return snapshot ? 0 : -1;
}

static int tear_down(void **state)
{
	snapshot_destroy(snapshot);
	model_done(&model);
	return 0;
}

/* Let the peer of a port drive n pairs of rings. */
static void run_port(struct model_port *port, uint16_t n)
{
	struct port_queues *r = &queues_of[port->id];

	*r = (struct port_queues){.n = n};
	for (uint16_t q = 0; q < n; q++) {
		r->rx[q] = &rings[port->id][0];
		r->tx[q] = &rings[port->id][1];
		r->pair[q] = q;
	}
	input.queues[port->id] = r;
	port->running = n > 0;
}

static struct model_port *running_port(const char *words)
{
	struct model_port *port = add_port(&model, words);

	run_port(port, 1);
	return port;
}

static void roles_become_rules(void **state)
{
	static const struct {
		const char *bridge, *port;
		uint16_t flags, pvid;
		const char *vlans;
		bool vlan_zero;
	} cases[] = {
		{"name b", "", DP_PORT_UNTAGGED | DP_PORT_TAGGED, 0, "all", true},
		{"name b vlans 5-7", "", DP_PORT_TAGGED, 0, "5-7", false},
		{"name b", "tag 9", DP_PORT_UNTAGGED, 9, "9", false},
		{"name b vlans 5-7", "tag 6", DP_PORT_UNTAGGED, 6, "6", false},
		{"name b", "trunks 8,9", DP_PORT_TAGGED, 0, "8-9", false},
		{"name b vlans 8-20", "trunks 8,9", DP_PORT_TAGGED, 0, "8-9", false},
		{"name b", "trunks 8 native 9", DP_PORT_UNTAGGED | DP_PORT_TAGGED, 9, "8-9", false},
		{"name b", "trunks 8 native 9 vlan_mode native-tagged",
			DP_PORT_UNTAGGED | DP_PORT_TAGGED | DP_PORT_PVID_TAGGED, 9, "8-9", false},
	};
	static char got[VLAN_SET_STR_SIZE];
	char words[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_bridge *bridge = add_bridge(&model, cases[i].bridge);
		const struct dp_port *dp;
		struct model_port *port;
		struct vlan_set vlans;

		(void)snprintf(words, sizeof(words), "name p bridge b path /s/p %s", cases[i].port);
		port = running_port(words);
		dp = &snapshot_build(snapshot, &input)->ports[port->id];
		if (dp->flags != (cases[i].flags | DP_PORT_ENABLED) || dp->pvid != cases[i].pvid)
			fail_msg("'%s' on '%s': flags %#x pvid %u", cases[i].port, cases[i].bridge,
				dp->flags, dp->pvid);
		vlans = *dp->vlans;
		assert_int_equal(vlan_set_has(&vlans, 0), cases[i].vlan_zero);
		vlans.words[0] &= ~UINT64_C(1);
		(void)vlan_set_format(&vlans, got, sizeof(got));
		assert_string_equal(got, cases[i].vlans);
		model_port_del(&model, port);
		model_bridge_del(&model, bridge);
	}
}

static void floods_go_to_running_enabled_members(void **state)
{
	struct model_port *a, *off, *silent, *other;
	const struct dp_bridge *bridge;

	(void)add_bridge(&model, "name b0");
	(void)add_bridge(&model, "name b1 reserved forward");
	a = running_port("name a bridge b0 path /s/a");
	off = running_port("name off bridge b0 path /s/off enabled false");
	silent = add_port(&model, "name silent bridge b0 path /s/silent");
	other = running_port("name other bridge b1 path /s/other");
	const struct dp_snapshot *dp = snapshot_build(snapshot, &input);
	bridge = dp->ports[a->id].bridge;
	assert_int_equal(bridge->n_ports, 1);
	assert_int_equal(bridge->ports[0], a->id);
	assert_true(bridge->keep_reserved);
	assert_int_equal(dp->ports[off->id].n_tx, 0);
	assert_false(dp->ports[off->id].flags & DP_PORT_ENABLED);
	assert_int_equal(dp->ports[silent->id].n_tx, 0);
	bridge = dp->ports[other->id].bridge;
	assert_int_equal(bridge->n_ports, 1);
	assert_int_equal(bridge->ports[0], other->id);
	assert_false(bridge->keep_reserved);
	/* What a disabled port sends is still taken, to be counted. */
	assert_int_equal(dp->workers[0].n_rx, 3);
}

static void links_have_peers_while_up(void **state)
{
	struct model_port *a = running_port("name a path /s/a mtu 9000");
	struct model_port *b = running_port("name b path /s/b mtu 1500");
	struct model_link *link = add_link(&model, "name w a a b b");
	const struct dp_snapshot *dp = snapshot_build(snapshot, &input);

	assert_true(dp->ports[a->id].flags & DP_PORT_LINK);
	assert_null(dp->ports[a->id].bridge);
	assert_int_equal(dp->ports[a->id].link_peer, b->id);
	assert_int_equal(dp->ports[b->id].link_peer, a->id);
	assert_int_equal(dp->ports[a->id].mtu, 1500);
	assert_int_equal(dp->ports[b->id].mtu, 1500);
	link->conf.enabled = false;
	dp = snapshot_build(snapshot, &input);
	assert_int_equal(dp->ports[a->id].link_peer, DP_NO_PORT);
	link->conf.enabled = true;
	run_port(b, 0);
	dp = snapshot_build(snapshot, &input);
	assert_int_equal(dp->ports[a->id].link_peer, DP_NO_PORT);
	assert_int_equal(dp->ports[b->id].link_peer, DP_NO_PORT);
}

static void every_ring_is_with_its_worker(void **state)
{
	/* Of 7 ports with 2 rings each; 3 = parked. */
	static const uint16_t workers[14] = {0, 1, 2, 2, 1, 0, 0, 0, 3, 1, 2, 0, 1, 1};
	const struct dp_snapshot *dp;
	char words[64];
	unsigned n = 0;

	input.n_workers = 3;
	memcpy(ring_workers, workers, sizeof(workers));
	ring_workers[8] = UINT16_MAX;
	for (unsigned i = 0; i < 7; i++) {
		(void)snprintf(words, sizeof(words), "name p%u path /s/p%u", i, i);
		run_port(add_port(&model, words), 2);
	}
	dp = snapshot_build(snapshot, &input);
	assert_int_equal(dp->n_workers, 3);
	for (unsigned w = 0; w < 3; w++) {
		n += dp->workers[w].n_rx;
		for (unsigned i = 0; i < dp->workers[w].n_rx; i++) {
			const struct dp_rx *rx = &dp->workers[w].rx[i];

			assert_int_equal(workers[rx->port_id * 2 + rx->pair], w);
		}
	}
	assert_int_equal(n, 13);
}

static void building_again_forgets(void **state)
{
	struct model_port *a, *b;
	const struct dp_snapshot *dp;
	uint16_t id;

	(void)add_bridge(&model, "name b0");
	a = running_port("name a bridge b0 path /s/a");
	b = running_port("name b bridge b0 path /s/b tag 5");
	(void)snapshot_build(snapshot, &input);
	id = b->id;
	model_port_del(&model, b);
	dp = snapshot_build(snapshot, &input);
	assert_int_equal(dp->n_ports, 1);
	assert_int_equal(dp->ports[a->id].bridge->n_ports, 1);
	assert_null(dp->ports[id].bridge);
	assert_int_equal(dp->ports[id].flags, 0);
	assert_int_equal(dp->workers[0].n_rx, 1);
}

static void the_largest_configuration_fits(void **state)
{
	const struct dp_snapshot *dp;
	char words[96];
	unsigned n = 0;

	input.n_workers = DP_MAX_WORKERS;
	for (unsigned i = 0; i < MODEL_MAX_PORTS * PORT_MAX_QUEUES; i++)
		ring_workers[i] = (uint16_t)(i * 7 % DP_MAX_WORKERS);
	for (unsigned i = 0; i < MODEL_MAX_BRIDGES; i++) {
		(void)snprintf(words, sizeof(words), "name b%u", i);
		(void)add_bridge(&model, words);
	}
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++) {
		(void)snprintf(words, sizeof(words), "name p%u bridge b%u path /s/p%u", i,
			i % MODEL_MAX_BRIDGES, i);
		run_port(add_port(&model, words), PORT_MAX_QUEUES);
	}
	dp = snapshot_build(snapshot, &input);
	for (unsigned w = 0; w < DP_MAX_WORKERS; w++)
		n += dp->workers[w].n_rx;
	assert_int_equal(n, MODEL_MAX_PORTS * PORT_MAX_QUEUES);
	for (unsigned i = 0; i < MODEL_MAX_PORTS; i++)
		assert_int_equal(dp->ports[i].bridge->n_ports, MODEL_MAX_PORTS / MODEL_MAX_BRIDGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(roles_become_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(floods_go_to_running_enabled_members, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(links_have_peers_while_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_ring_is_with_its_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(building_again_forgets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_largest_configuration_fits, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
