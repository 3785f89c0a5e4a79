/*
 * The planner. A model applies each operation to a state as a switch would, with a switch's rules
 * (a bridge that is used cannot go, a link takes ports that are on no bridge), so that the order
 * matters too; after that, planning again must give nothing.
 */
#include "plan.h"

#include "ctl_field.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DIR_NAME "/run/lab"

struct lab {
	struct topo topo;
	struct state state;
};

static void make(struct lab *lab, const char *text)
{
	struct diag diag = {.file = "t", .text = text, .size = strlen(text)};
	struct err err;

	if (topo_parse("/", false, &diag, &lab->topo)) {
		diag_print(&diag, stderr);
		fail_msg("lab has errors:\n%s", text);
	}
	assert_int_equal(state_from_topo(&lab->topo, DIR_NAME, &lab->state, &err), 0);
}

static void unmake(struct lab *lab)
{
	state_done(&lab->state);
	topo_done(&lab->topo);
}

/* The model */

#define FORGET(array, n, idx)                   \
	do {                                    \
		unsigned idx_ = (idx);          \
		(array)[idx_] = (array)[--(n)]; \
	} while (0)

static unsigned find(const struct state *s, const char *name, enum plan_kind kind)
{
	unsigned i = 0;

	switch (kind) {
	case PLAN_BRIDGE_SET:
		while (i < s->n_bridges && strcmp(s->bridges[i].name, name))
			i++;
		return i == s->n_bridges ? UINT32_MAX : i;
	case PLAN_PORT_SET:
		while (i < s->n_ports && strcmp(s->ports[i].name, name))
			i++;
		return i == s->n_ports ? UINT32_MAX : i;
	case PLAN_LINK_SET:
		while (i < s->n_links && strcmp(s->links[i].name, name))
			i++;
		return i == s->n_links ? UINT32_MAX : i;
	case PLAN_MIRROR_SET:
		while (i < s->n_mirrors && strcmp(s->mirrors[i].name, name))
			i++;
		return i == s->n_mirrors ? UINT32_MAX : i;
	default:
		while (i < s->n_vms && strcmp(s->vms[i].name, name))
			i++;
		return i == s->n_vms ? UINT32_MAX : i;
	}
}

static unsigned must(const struct state *s, const char *name, enum plan_kind kind)
{
	unsigned i = find(s, name, kind);

	if (i == UINT32_MAX)
		fail_msg("operation on '%s', which is not there", name);
	return i;
}

/* As a switch does, refuse a VLAN that a port has and its bridge lacks. */
static void check_vlans(const struct ctl_bridge *bridge, const struct ctl_port *port)
{
	bool all = vlan_set_count(&port->trunks) == VLAN_MAX;

	if (strcmp(port->bridge, bridge->name))
		return;
	if ((port->tag && !vlan_set_has(&bridge->vlans, port->tag)) ||
		(port->native && !vlan_set_has(&bridge->vlans, port->native)))
		fail_msg("bridge '%s' lacks a VLAN of port '%s'", bridge->name, port->name);
	for (unsigned i = 0; !all && i < 64; i++) {
		if (port->trunks.words[i] & ~bridge->vlans.words[i])
			fail_msg("bridge '%s' lacks a VLAN of port '%s'", bridge->name, port->name);
	}
}

static void set_bridge(struct state *s, const struct ctl_bridge *bridge)
{
	for (unsigned i = 0; i < s->n_ports; i++)
		check_vlans(bridge, &s->ports[i]);
	s->bridges[must(s, bridge->name, PLAN_BRIDGE_SET)] = *bridge;
}

static void set_port(struct state *s, const struct ctl_port *port)
{
	if (port->bridge[0])
		check_vlans(&s->bridges[must(s, port->bridge, PLAN_BRIDGE_SET)], port);
	s->ports[must(s, port->name, PLAN_PORT_SET)] = *port;
}

/* As a switch does, make the port of a link between bridges. */
static void add_patch_port(struct state *s, const struct ctl_link *link, const char *bridge)
{
	struct ctl_port *port = STATE_ADD(s->ports, s->n_ports);
	char name[256];

	(void)must(s, bridge, PLAN_BRIDGE_SET);
	(void)snprintf(name, sizeof(name), "%s:%s", link->name, bridge);
	CTL_SET_STR(port, ctl_port, name, name);
	CTL_SET_STR(port, ctl_port, bridge, bridge);
	CTL_SET(port, ctl_port, type, CTL_PORT_PATCH);
	CTL_SET(port, ctl_port, enabled, true);
	CTL_SET(port, ctl_port, vlan_mode, CTL_VLAN_TRUNK);
	vlan_set_fill(&port->trunks);
	CTL_MARK(port, ctl_port, trunks);
}

static void del_link(struct state *s, const char *name)
{
	FORGET(s->links, s->n_links, must(s, name, PLAN_LINK_SET));
	for (unsigned i = s->n_ports; i-- > 0;) {
		size_t len = strlen(name);

		if (s->ports[i].type == CTL_PORT_PATCH && !strncmp(s->ports[i].name, name, len) &&
			s->ports[i].name[len] == ':')
			FORGET(s->ports, s->n_ports, i);
	}
}

/* As a switch does, keep who gets copies out of everything else, and what mirrors need. */
static void check_mirrors(const struct state *s)
{
	for (unsigned i = 0; i < s->n_mirrors; i++) {
		const struct ctl_mirror *mirror = &s->mirrors[i];
		const struct ctl_port *to = &s->ports[must(s, mirror->to, PLAN_PORT_SET)];

		if (!strncmp(mirror->from, "bridge ", 7))
			(void)must(s, mirror->from + 7, PLAN_BRIDGE_SET);
		else if (strncmp(mirror->from, "vlan ", 5) != 0)
			(void)must(s, mirror->from, PLAN_PORT_SET);
		if (to->bridge[0] && !mirror->vlan)
			fail_msg("mirror '%s': '%s' is on a bridge", mirror->name, to->name);
		for (unsigned k = 0; k < s->n_links; k++) {
			if (!strcmp(s->links[k].a, to->name) || !strcmp(s->links[k].b, to->name))
				fail_msg("mirror '%s': '%s' is in a link", mirror->name, to->name);
		}
	}
}

static void add_mirror(struct state *s, const struct ctl_mirror *mirror)
{
	assert_int_equal(find(s, mirror->name, PLAN_MIRROR_SET), UINT32_MAX);
	*(struct ctl_mirror *)STATE_ADD(s->mirrors, s->n_mirrors) = *mirror;
}

static void add_link(struct state *s, const struct ctl_link *link)
{
	const char *ends[] = {link->a, link->b};

	if (find(s, link->a, PLAN_BRIDGE_SET) != UINT32_MAX) {
		add_patch_port(s, link, link->a);
		add_patch_port(s, link, link->b);
		*(struct ctl_link *)STATE_ADD(s->links, s->n_links) = *link;
		return;
	}
	for (int e = 0; e < 2; e++) {
		if (s->ports[must(s, ends[e], PLAN_PORT_SET)].bridge[0])
			fail_msg("link '%s': '%s' is on a bridge", link->name, ends[e]);
		for (unsigned i = 0; i < s->n_links; i++) {
			if (!strcmp(s->links[i].a, ends[e]) || !strcmp(s->links[i].b, ends[e]))
				fail_msg("link '%s': '%s' is in link '%s'", link->name, ends[e],
					s->links[i].name);
		}
	}
	*(struct ctl_link *)STATE_ADD(s->links, s->n_links) = *link;
}

static void check_free_port(const struct state *s, const char *name)
{
	for (unsigned i = 0; i < s->n_links; i++) {
		if (!strcmp(s->links[i].a, name) || !strcmp(s->links[i].b, name))
			fail_msg("port '%s' goes while link '%s' has it", name, s->links[i].name);
	}
}

static void check_free_bridge(const struct state *s, const char *name)
{
	for (unsigned i = 0; i < s->n_ports; i++) {
		if (!strcmp(s->ports[i].bridge, name))
			fail_msg("bridge '%s' goes while port '%s' is on it", name,
				s->ports[i].name);
	}
}

static void run(struct state *s, const struct plan_op *op)
{
	switch (op->kind) {
	case PLAN_LINK_DEL:
		del_link(s, op->name);
		break;
	case PLAN_BRIDGE_ADD:
		*(struct ctl_bridge *)STATE_ADD(s->bridges, s->n_bridges) = op->to.bridge;
		break;
	case PLAN_BRIDGE_SET:
		set_bridge(s, &op->to.bridge);
		break;
	case PLAN_BRIDGE_DEL:
		check_free_bridge(s, op->name);
		FORGET(s->bridges, s->n_bridges, must(s, op->name, PLAN_BRIDGE_SET));
		break;
	case PLAN_PORT_ADD:
		assert_int_equal(find(s, op->name, PLAN_PORT_SET), UINT32_MAX);
		*(struct ctl_port *)STATE_ADD(s->ports, s->n_ports) = op->to.port;
		set_port(s, &op->to.port);
		break;
	case PLAN_PORT_SET:
		set_port(s, &op->to.port);
		break;
	case PLAN_PORT_DEL:
		check_free_port(s, op->name);
		FORGET(s->ports, s->n_ports, must(s, op->name, PLAN_PORT_SET));
		break;
	case PLAN_LINK_ADD:
		add_link(s, &op->to.link);
		break;
	case PLAN_LINK_SET:
		s->links[must(s, op->name, PLAN_LINK_SET)] = op->to.link;
		break;
	case PLAN_NODE_ADD:
		assert_int_equal(find(s, op->name, PLAN_NODE_ADD), UINT32_MAX);
		*(struct state_vm *)STATE_ADD(s->vms, s->n_vms) = op->to.vm;
		break;
	case PLAN_NODE_RESTART:
		s->vms[must(s, op->name, PLAN_NODE_ADD)] = op->to.vm;
		break;
	case PLAN_MIRROR_DEL:
		FORGET(s->mirrors, s->n_mirrors, must(s, op->name, PLAN_MIRROR_SET));
		break;
	case PLAN_MIRROR_ADD:
	case PLAN_MIRROR_SET:
		add_mirror(s, &op->to.mirror);
		break;
	case PLAN_SFLOW_SET:
		assert_int_equal(op->to.sflow.set &
					 (CTL_BIT(ctl_sflow, rate) | CTL_BIT(ctl_sflow, poll)),
			CTL_BIT(ctl_sflow, rate) | CTL_BIT(ctl_sflow, poll));
		ctl_merge(&ctl_sflow_schema, &s->sflow, &op->to.sflow, UINT64_MAX);
		break;
	case PLAN_SWITCH_RESTART:
	case PLAN_SWITCH_START:
		break;
	case PLAN_NODE_DEL:
		FORGET(s->vms, s->n_vms, must(s, op->name, PLAN_NODE_ADD));
		break;
	}
	check_mirrors(s);
}

/* Bring actual to wanted; what is then planned must be nothing. Returns the first plan's cost. */
static enum plan_cost settle(struct state *actual, const struct lab *lab, unsigned *ret_n)
{
	struct plan plan;
	struct err err;
	enum plan_cost cost;

	assert_int_equal(plan_make(&lab->state, actual, DIR_NAME, &plan, &err), 0);
	cost = plan_cost(&plan);
	*ret_n = plan.n_ops;
	for (unsigned i = 0; i < plan.n_ops; i++)
		run(actual, &plan.ops[i]);
	plan_done(&plan);
	assert_int_equal(plan_make(&lab->state, actual, DIR_NAME, &plan, &err), 0);
	if (plan.n_ops)
		fail_msg("second plan: %s %s %s", plan_object(&plan.ops[0]), plan.ops[0].name,
			plan.ops[0].text);
	plan_done(&plan);
	return cost;
}

#define HEAD "version: 1\nname: t\nimages:\n  i: { kernel: /k }\ndefaults:\n  node: { image: i }\n"
#define TWO  HEAD "nodes:\n  h1: {}\n  h2: {}\nbridges:\n  br0: {}\nlinks:\n"

/* Applies first, then second; expects the cost and the number of operations of the second. */
static void check_change(const char *first, const char *second, enum plan_cost cost, unsigned n)
{
	struct state actual = {0};
	struct lab a, b;
	unsigned n_ops;
	enum plan_cost got;

	make(&a, first);
	make(&b, second);
	(void)settle(&actual, &a, &n_ops);
	got = settle(&actual, &b, &n_ops);
	if (got != cost || n_ops != n)
		fail_msg("cost %s with %u operations, not %s with %u:\n%s", plan_costs[got], n_ops,
			plan_costs[cost], n, second);
	state_done(&actual);
	unmake(&a);
	unmake(&b);
}

static const char on_bridge[] =
	TWO "  - { endpoints: [h1:eth1, br0] }\n  - { endpoints: [h2:eth1, br0] }\n";

static void costs_are_as_promised(void **state)
{
	check_change(on_bridge, on_bridge, PLAN_LIVE, 0);
	/* A VLAN, a new bridge port on a spare interface: nobody notices. */
	check_change(on_bridge,
		TWO "  - { endpoints: [h1:eth1, br0], access-vlan: 10 }\n  - { endpoints: "
		    "[h2:eth1, br0] }\n",
		PLAN_LIVE, 1);
	/* A cable pulled. */
	check_change(on_bridge,
		TWO "  - { endpoints: [h1:eth1, br0], enabled: false }\n  - { endpoints: [h2:eth1, "
		    "br0] }\n",
		PLAN_CARRIER, 1);
	/* A link taken away keeps the port, connected to nothing, and restarts nobody. */
	check_change(on_bridge, TWO "  - { endpoints: [h2:eth1, br0] }\n", PLAN_CARRIER, 1);
	/* From the bridge to a link. */
	check_change(on_bridge, TWO "  - { endpoints: [h1:eth1, h2:eth1] }\n", PLAN_CARRIER, 3);
	/* A node that is gone, or is called otherwise. */
	check_change(on_bridge,
		HEAD "nodes:\n  h1: {}\nbridges:\n  br0: {}\nlinks:\n  - { endpoints: [h1:eth1, "
		     "br0] }\n",
		PLAN_STOP, 2);
	check_change(on_bridge,
		HEAD "nodes:\n  h1: {}\n  h3: {}\nbridges:\n  br0: {}\nlinks:\n"
		     "  - { endpoints: [h1:eth1, br0] }\n  - { endpoints: [h3:eth1, br0] }\n",
		PLAN_STOP, 4);
	/* One interface more than the guest has. */
	check_change(on_bridge,
		TWO "  - { endpoints: [h1:eth1, br0] }\n  - { endpoints: [h2:eth1, br0] }\n"
		    "  - { endpoints: [h1:eth2, br0] }\n",
		PLAN_RESTART, 2);
	/* Another MTU is another device to the guest. */
	check_change(on_bridge,
		TWO
		"  - { endpoints: [h1:eth1, br0], mtu: 9000 }\n  - { endpoints: [h2:eth1, br0] }\n",
		PLAN_RESTART, 2);
}

#define VLANS(list, links) \
	HEAD "nodes:\n  h1: {}\n  h2: {}\nbridges:\n  br0: { vlans: " list " }\nlinks:\n" links
#define IN_VLAN(host, vlan) "  - { endpoints: [" host ":eth1, br0], access-vlan: " vlan " }\n"

/* A VLAN comes before the first port in it and goes after the last one. */
static void vlans_change_around_their_ports(void **state)
{
	static const char tens[] = VLANS("[10, 11]", IN_VLAN("h1", "10") IN_VLAN("h2", "11"));
	static const char twenties[] = VLANS("[20, 21]", IN_VLAN("h1", "20") IN_VLAN("h2", "21"));
	static const char first[] = VLANS("[10]", IN_VLAN("h1", "10") IN_VLAN("h2", "10"));

	check_change(tens, twenties, PLAN_LIVE, 4);
	check_change(tens, first, PLAN_LIVE, 2);
	check_change(first, tens, PLAN_LIVE, 2);
	check_change(on_bridge, tens, PLAN_LIVE, 3);
	check_change(tens, on_bridge, PLAN_LIVE, 3);
}

static void spare_interfaces_take_links_live(void **state)
{
	check_change(HEAD "nodes:\n  h1: { interfaces: 3 }\nbridges:\n  br0: {}\n",
		HEAD "nodes:\n  h1: { interfaces: 3 }\nbridges:\n  br0: {}\nlinks:\n  - { "
		     "endpoints: [h1:eth2, br0] }\n",
		PLAN_CARRIER, 1);
}

#define HOST "nodes:\n  h1: {}\nbridges:\n  br0: {}\nports:\n"
#define TAP  "  host0: { type: tap, ip: 10.0.0.1/24 }\nlinks:\n"
#define H1   "  - { endpoints: [h1:eth1, br0] }\n"

static const char with_tap[] = HEAD HOST TAP H1 "  - { endpoints: [host0, br0] }\n";

static void host_ports_have_their_costs(void **state)
{
	check_change(with_tap, with_tap, PLAN_LIVE, 0);
	/* A new one disturbs nobody. */
	check_change(HEAD "nodes:\n  h1: {}\nbridges:\n  br0: {}\nlinks:\n" H1, with_tap, PLAN_LIVE,
		1);
	/* Its VLAN. */
	check_change(with_tap,
		HEAD HOST TAP H1 "  - { endpoints: [host0, br0], access-vlan: 10 }\n", PLAN_LIVE,
		1);
	/* Another MTU is no restart: nobody behind it boots. */
	check_change(with_tap, HEAD HOST TAP H1 "  - { endpoints: [host0, br0], mtu: 1500 }\n",
		PLAN_LIVE, 1);
	/* What it is: one goes, another comes. */
	check_change(with_tap,
		HEAD HOST "  host0: { type: tap, ip: 10.0.0.2/24 }\nlinks:\n" H1
			  "  - { endpoints: [host0, br0] }\n",
		PLAN_CARRIER, 2);
	check_change(with_tap,
		HEAD HOST "  host0: { type: tap }\nlinks:\n" H1 "  - { endpoints: [host0, br0] }\n",
		PLAN_CARRIER, 2);
	check_change(with_tap,
		HEAD HOST "  host0: { type: tap, ip: 10.0.0.1/24, queues: 2 }\nlinks:\n" H1
			  "  - { endpoints: [host0, br0] }\n",
		PLAN_CARRIER, 2);
	check_change(with_tap,
		HEAD HOST "  host0: { type: af-packet, dev: eth0 }\nlinks:\n" H1
			  "  - { endpoints: [host0, br0] }\n",
		PLAN_CARRIER, 2);
	/* It goes. */
	check_change(with_tap, HEAD "nodes:\n  h1: {}\nbridges:\n  br0: {}\nlinks:\n" H1,
		PLAN_CARRIER, 1);
	/* From the bridge to a link with the node: both leave the bridge. */
	check_change(with_tap, HEAD HOST TAP "  - { endpoints: [h1:eth1, host0] }\n", PLAN_CARRIER,
		3);
	/* A link's end that is replaced: the link goes first and comes last. */
	check_change(HEAD HOST TAP "  - { endpoints: [h1:eth1, host0] }\n",
		HEAD HOST "  host0: { type: tap }\nlinks:\n  - { endpoints: [h1:eth1, host0] }\n",
		PLAN_CARRIER, 4);
}

#define NIC_ADDRESS(dev)                                                \
	HEAD HOST "  up0: { type: nic, dev: \"" dev "\" }\nlinks:\n" H1 \
		  "  - { endpoints: [up0, br0] }\n"

/* The switch calls a NIC that it has by its address, whatever the file says. */
static void cards_are_told_by_any_of_their_names(void **state)
{
	check_change(NIC_ADDRESS("fffe:ee:1d.0"), NIC_ADDRESS("enP65534p238s29"), PLAN_LIVE, 0);
	check_change(NIC_ADDRESS("fffe:ee:1d.0"), NIC_ADDRESS("wire0"), PLAN_LIVE, 0);
	check_change(NIC_ADDRESS("fffe:ee:1d.0"), NIC_ADDRESS("enP65534p238s28"), PLAN_CARRIER, 2);
	check_change(NIC_ADDRESS("fffe:ee:1d.0"), NIC_ADDRESS("fffe:ee:1d.1"), PLAN_CARRIER, 2);
}

static void host_ports_come_before_nodes_and_are_named(void **state)
{
	struct state nothing = {0};
	struct plan plan;
	struct lab lab;
	struct err err;

	make(&lab, with_tap);
	assert_int_equal(plan_make(&lab.state, &nothing, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, 4);
	assert_string_equal(plan_object(&plan.ops[1]), "port");
	assert_string_equal(plan.ops[1].name, "host0");
	assert_string_equal(plan.ops[1].text, "tap host0 10.0.0.1/24, br0 trunk all");
	assert_false(plan.ops[1].quiet);
	assert_int_equal(plan.ops[2].kind, PLAN_NODE_ADD);
	assert_string_equal(plan_object(&plan.ops[3]), "link");
	plan_done(&plan);
	unmake(&lab);
}

/* The text of the operation that two files differ by. */
static void check_text(const char *first, const char *second, const char *text)
{
	struct state actual = {0};
	struct plan plan;
	struct lab a, b;
	struct err err;
	unsigned n;

	make(&a, first);
	make(&b, second);
	(void)settle(&actual, &a, &n);
	for (unsigned i = 0; i < actual.n_vms; i++) {
		actual.vms[i].vcpus = a.topo.nodes[i].vcpus;
		actual.vms[i].memory_bytes = a.topo.nodes[i].memory_bytes;
	}
	assert_int_equal(plan_make(&b.state, &actual, DIR_NAME, &plan, &err), 0);
	assert_true(plan.n_ops >= 1);
	assert_string_equal(plan.ops[plan.ops[0].quiet].text, text);
	plan_done(&plan);
	state_done(&actual);
	unmake(&a);
	unmake(&b);
}

#define NEXT(impairment)                                                                          \
	HEAD "nodes:\n  h1: {}\n  h2: {}\nlinks:\n  - { endpoints: [h1:eth1, h2:eth1]" impairment \
	     " }\n"

/* Of the port that a link to a bridge makes: changed while frames flow. */
static void limits_change_live(void **state)
{
	static const char bare[] = TWO "  - { endpoints: [h1:eth1, br0] }\n",
			  slow[] = TWO "  - { endpoints: [h1:eth1, br0], "
				       "policer: { rate: 10mbit }, pacing: { rate: 1gbit } }\n",
			  fast[] = TWO "  - { endpoints: [h1:eth1, br0], "
				       "policer: { rate: 20mbit, burst: 1M }, "
				       "storm-control: { broadcast-pps: 1kpps } }\n";

	check_change(bare, slow, PLAN_LIVE, 1);
	check_text(bare, slow, "pacing none -> rate 1gbit, policer none -> rate 10mbit");
	check_text(slow, fast,
		"pacing rate 1gbit -> none, policer rate 10mbit -> rate 20mbit burst 1M, "
		"storm-control none -> broadcast_pps 1kpps");
	check_text(fast, bare,
		"policer rate 20mbit burst 1M -> none, "
		"storm-control broadcast_pps 1kpps -> none");
	check_change(fast, fast, PLAN_LIVE, 0);
}

#define BRIDGES(settings) \
	HEAD "bridges:\n  br0: {}\n  br1: {}\nlinks:\n  - { endpoints: [br0, br1]" settings " }\n"

/* Of both ends of a link, or of one. */
static void limits_of_ends_change_live(void **state)
{
	static const char both[] = NEXT(", policer: { rate: 10mbit }"),
			  one[] = NEXT(", policer: { rate: 10mbit }, "
				       "a: { policer: {}, pacing: { rate: 1mbit } }");

	check_change(NEXT(""), both, PLAN_LIVE, 2);
	check_text(NEXT(""), both, "policer none -> rate 10mbit");
	check_change(both, one, PLAN_LIVE, 1);
	check_text(both, one, "pacing none -> rate 1mbit, policer rate 10mbit -> none");
	check_change(one, one, PLAN_LIVE, 0);
	check_change(one, NEXT(""), PLAN_LIVE, 2);
	/* The ports of a link between bridges come with it. */
	check_change(HEAD "bridges:\n  br0: {}\n  br1: {}\n",
		BRIDGES(", shaper: { rate: 10mbit }, b: { shaper: {} }"), PLAN_LIVE, 2);
	check_change(BRIDGES(""), BRIDGES(", b: { shaper: { rate: 10mbit } }"), PLAN_LIVE, 1);
	check_text(BRIDGES(""), BRIDGES(", b: { shaper: { rate: 10mbit } }"),
		"shaper none -> rate 10mbit");
	check_change(BRIDGES(", shaper: { rate: 10mbit }"), BRIDGES(""), PLAN_LIVE, 2);
}

#define MIRRORS(ports, rest)                                                                   \
	HEAD "nodes:\n  h1: {}\n  mon: { interfaces: 2 }\nbridges:\n  br0: {}\nports:\n" ports \
	     "links:\n  - { endpoints: [h1:eth1, br0] }\n" rest
#define TAP_1   "  host0: { type: tap, ip: 10.0.0.1/24 }\n"
#define TAP_2   "  host0: { type: tap, ip: 10.0.0.2/24 }\n"
#define SPY(it) "mirrors:\n  spy: { " it " }\n"

/* Nobody notices a mirror; none of its settings can change, so that one that does is made anew. */
static void mirrors_change_live(void **state)
{
	static const char none[] = MIRRORS(TAP_1, ""),
			  one[] = MIRRORS(TAP_1, SPY("from: h1:eth1, to: mon:eth1")),
			  other[] = MIRRORS(TAP_1,
				  SPY("from: h1:eth1, to: mon:eth2, dir: in, truncate: 64")),
			  filtered[] = MIRRORS(TAP_1,
				  SPY("from: bridge br0, to: host0, filter: tcp port 179"));

	check_change(none, one, PLAN_LIVE, 1);
	check_text(none, one, "from h1:eth1 dir both to mon:eth1");
	check_change(one, one, PLAN_LIVE, 0);
	check_change(one, other, PLAN_LIVE, 2);
	check_text(one, other, "dir both -> in, to mon:eth1 -> mon:eth2, truncate none -> 64");
	check_change(filtered, filtered, PLAN_LIVE, 0);
	check_text(other, filtered,
		"from h1:eth1 -> bridge br0, dir in -> both, to mon:eth2 -> host0, "
		"filter none -> tcp port 179, truncate 64 -> none");
	check_change(one, none, PLAN_LIVE, 1);
	/* Its port is made anew, and it with it. */
	check_change(filtered,
		MIRRORS(TAP_2, SPY("from: bridge br0, to: host0, filter: tcp port 179")),
		PLAN_CARRIER, 4);
	/* Its destination is linked, and the other way round. */
	check_change(filtered, MIRRORS(TAP_1, "  - { endpoints: [host0, br0] }\n"), PLAN_CARRIER,
		2);
	check_change(MIRRORS(TAP_1, "  - { endpoints: [host0, mon:eth1] }\n"), filtered,
		PLAN_CARRIER, 2);
	/* With all that it has. */
	check_change(filtered, HEAD "nodes:\n  mon: { interfaces: 2 }\n", PLAN_STOP, 5);
}

#define SFLOW(it) HEAD "bridges:\n  br0: {}\nsflow: { " it " }\n"

/* What the file does not say is off; where samples go stays. */
static void sflow_changes_live(void **state)
{
	static const char none[] = HEAD "bridges:\n  br0: {}\n",
			  some[] = SFLOW("collector: 192.0.2.1:6343, rate: 100"),
			  more[] = SFLOW("collector: 192.0.2.1:6343, rate: 50, poll: 20, "
					 "agent: 192.0.2.2");

	check_change(none, some, PLAN_LIVE, 1);
	check_text(none, some, "collector none -> 192.0.2.1:6343, rate none -> 100");
	check_change(some, some, PLAN_LIVE, 0);
	check_change(some, more, PLAN_LIVE, 1);
	check_text(some, more, "rate 100 -> 50, poll none -> 20, agent none -> 192.0.2.2");
	check_change(more, none, PLAN_LIVE, 1);
	check_text(more, none, "rate 50 -> none, poll 20 -> none");
	check_change(none, SFLOW("collector: 192.0.2.1:6343, rate: 0"), PLAN_LIVE, 1);
	check_change(none, SFLOW("rate: 0"), PLAN_LIVE, 0);
}

/* Options of the switch take a restart of it, and only of one that runs. */
static void the_switch_restarts_for_its_options(void **state)
{
	static const char text[] = HEAD "switch: { metrics: unix:m.sock, hold-memory: 2G }\n";
	struct state actual = {0};
	struct plan plan;
	struct lab lab;
	struct err err;

	make(&lab, text);
	assert_string_equal(lab.state.sw.metrics, "unix://m.sock"); /* of the directory "/" */
	assert_int_equal(plan_make(&lab.state, &actual, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, 0);
	plan_done(&plan);
	actual.sw.runs = true;
	assert_int_equal(plan_make(&lab.state, &actual, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, 1);
	assert_int_equal(plan.ops[0].kind, PLAN_SWITCH_RESTART);
	assert_int_equal(plan_cost(&plan), PLAN_CARRIER);
	assert_string_equal(plan_object(&plan.ops[0]), "switch");
	assert_string_equal(plan.ops[0].text,
		"restart: metrics none -> unix://m.sock, hold-memory default -> 2G");
	plan_done(&plan);
	actual.sw = lab.state.sw;
	actual.sw.runs = true;
	assert_int_equal(plan_make(&lab.state, &actual, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, 0);
	plan_done(&plan);
	unmake(&lab);
}

static void changes_say_from_what_to_what(void **state)
{
	static const char node[] = HEAD "nodes:\n  h1: {}\n",
			  bridge[] = HEAD "bridges:\n  br0: {}\n";

	check_text(node, HEAD "nodes:\n  h1: { vcpus: 2 }\n", "1 -> 2 vcpus");
	check_text(node, HEAD "nodes:\n  h1: { memory: 1G }\n", "memory 256M -> 1024M");
	check_text(node, HEAD "nodes:\n  h1: { cmdline: x }\n",
		"another image, disk, command line or offload");
	check_text(node, HEAD "nodes:\n  h1: { interfaces: 2 }\n",
		"0 -> 2 interfaces (see `interfaces`)");
	check_text(on_bridge,
		TWO
		"  - { endpoints: [h1:eth1, br0], mtu: 9000 }\n  - { endpoints: [h2:eth1, br0] }\n",
		"eth1: mtu 0 -> 9000");
	check_text(bridge, HEAD "bridges:\n  br0: { ageing: 60 }\n", "ageing 5m -> 1m");
	check_text(bridge, HEAD "bridges:\n  br0: { vlans: [10, 20], reserved: drop }\n",
		"vlans all -> 10,20, reserved forward -> drop");
}

#define AT_BRIDGE(impairment) TWO "  - { endpoints: [h1:eth1, br0]" impairment " }\n"

/* An impairment changes live, and is what the file says, no more. */
static void impairments_change_live(void **state)
{
	check_change(NEXT(", delay: 20ms"), NEXT(", delay: 20ms"), PLAN_LIVE, 0);
	check_change(NEXT(", delay: 20ms"), NEXT(", delay: 20ms, loss: 0"), PLAN_LIVE, 0);
	check_change(NEXT(", delay: 20ms"), NEXT(", delay: 50ms"), PLAN_LIVE, 1);
	check_change(NEXT(", delay: 20ms"), NEXT(", a-to-b: { delay: 20ms }"), PLAN_LIVE, 1);
	check_change(NEXT(", delay: 20ms, seed: 3"), NEXT(", delay: 20ms"), PLAN_LIVE, 1);
	check_change(NEXT(", gemodel-p: 1%, gemodel-r: 5%"), NEXT(", gemodel-p: 1%"), PLAN_LIVE, 1);
	check_change(NEXT(", delay: 20ms"), NEXT(""), PLAN_LIVE, 1);
	check_change(NEXT(", delay: 20ms"), NEXT(", enabled: false"), PLAN_CARRIER, 1);

	/* The same of a link to a bridge, where the port has it. */
	check_change(AT_BRIDGE(""), AT_BRIDGE(", delay: 20ms"), PLAN_LIVE, 1);
	check_change(AT_BRIDGE(", delay: 20ms"), AT_BRIDGE(""), PLAN_LIVE, 1);
	check_change(AT_BRIDGE(", delay: 20ms"), AT_BRIDGE(", delay: 20ms"), PLAN_LIVE, 0);
	check_change(AT_BRIDGE(", delay: 20ms, seed: 3"), AT_BRIDGE(", delay: 20ms"), PLAN_LIVE, 1);
	check_text(AT_BRIDGE(", delay: 20ms"), AT_BRIDGE(", delay: 20ms, a-to-b: { loss: 1% }"),
		"a-to-b loss none -> 1%");
	check_text(AT_BRIDGE(""), AT_BRIDGE(", delay: 20ms, access-vlan: 10"),
		"br0 trunk all -> br0 access 10, delay none -> 20ms");

	check_text(NEXT(", delay: 20ms"), NEXT(", delay: 50ms, b-to-a: { loss: 1% }"),
		"delay 20ms -> 50ms, b-to-a loss none -> 1%");
	check_text(NEXT(", delay: 20ms"), NEXT(", enabled: false"),
		"enabled -> disabled, delay 20ms -> none");
	check_text(NEXT(""), NEXT(", enabled: false"), "enabled -> disabled");
}

static void nodes_come_after_what_they_wait_for(void **state)
{
	struct state nothing = {0};
	struct plan plan;
	struct lab lab;
	struct err err;

	make(&lab, HEAD "nodes:\n  a: { after: [b] }\n  b: { after: [c] }\n  c: {}\n");
	assert_int_equal(plan_make(&lab.state, &nothing, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, 3);
	assert_string_equal(plan.ops[0].name, "c");
	assert_string_equal(plan.ops[1].name, "b");
	assert_string_equal(plan.ops[2].name, "a");
	plan_done(&plan);
	unmake(&lab);
}

/* What is to be ready may need its links for that. */
static void nodes_are_cabled_before_others_wait_for_them(void **state)
{
	static const struct {
		enum plan_kind kind;
		const char *name;
	} expected[] = {
		{PLAN_BRIDGE_ADD, "br0"},
		{PLAN_NODE_ADD, "server"},
		{PLAN_NODE_ADD, "client"},
		{PLAN_PORT_ADD, "server:eth1"},
		{PLAN_PORT_ADD, "client:eth1"},
		{PLAN_PORT_ADD, "client:eth2"},
		{PLAN_NODE_ADD, "late"},
		{PLAN_PORT_ADD, "late:eth1"},
		{PLAN_LINK_ADD, "client:eth2--late:eth1"},
	};
	struct state nothing = {0};
	struct plan plan;
	struct lab lab;
	struct err err;

	make(&lab, HEAD
		"nodes:\n  late: { after: [client] }\n  server: {}\n  client: {}\nbridges:\n  br0: "
		"{}\nlinks:\n"
		"  - { endpoints: [server:eth1, br0] }\n  - { endpoints: [client:eth1, br0] }\n"
		"  - { endpoints: [client:eth2, late:eth1] }\n");
	assert_int_equal(plan_make(&lab.state, &nothing, DIR_NAME, &plan, &err), 0);
	assert_int_equal(plan.n_ops, sizeof(expected) / sizeof(expected[0]));
	for (unsigned i = 0; i < plan.n_ops; i++) {
		assert_string_equal(plan.ops[i].name, expected[i].name);
		assert_int_equal(plan.ops[i].kind, expected[i].kind);
	}
	plan_done(&plan);
	unmake(&lab);
}

static void macs_are_stable_and_distinct(void **state)
{
	struct lab a, b;

	make(&a, HEAD "nodes:\n  h1: { interfaces: 2 }\n  h2: { interfaces: 1 }\n");
	make(&b, HEAD "nodes:\n  h0: {}\n  h1: { interfaces: 3, memory: 1G }\n");
	assert_memory_equal(&a.state.vms[0].nics[0].mac, &b.state.vms[1].nics[0].mac, 6);
	assert_memory_not_equal(&a.state.vms[0].nics[0].mac, &a.state.vms[0].nics[1].mac, 6);
	assert_memory_not_equal(&a.state.vms[0].nics[0].mac, &a.state.vms[1].nics[0].mac, 6);
	assert_false(ether_addr_is_multicast(&a.state.vms[0].nics[0].mac));
	unmake(&a);
	unmake(&b);
}

/* 32 bits of a hash come to the same for these two; the second one gets another address. */
static void macs_that_collide_are_parted(void **state)
{
	static const char alone[] =
		"version: 1\nname: lab165840\nimages:\n  i: { kernel: /k }\ndefaults:\n"
		"  node: { image: i }\nnodes:\n  n190: { interfaces: 2 }\n";
	static const char both[] =
		"version: 1\nname: lab165840\nimages:\n  i: { kernel: /k }\ndefaults:\n"
		"  node: { image: i }\nnodes:\n  n1: {}\n  n190: {}\nbridges:\n  br0: {}\nlinks:\n"
		"  - { endpoints: [n1:eth1, br0] }\n  - { endpoints: [n190:eth2, br0] }\n";
	struct lab a, b;

	make(&a, alone);
	make(&b, both);
	assert_memory_equal(&b.state.vms[0].nics[0].mac, &a.state.vms[0].nics[1].mac, 6);
	assert_memory_not_equal(&b.state.vms[0].nics[0].mac, &b.state.vms[1].nics[1].mac, 6);
	assert_memory_equal(&b.state.vms[1].nics[0].mac, &a.state.vms[0].nics[0].mac, 6);
	unmake(&a);
	unmake(&b);
}

static void sockets_of_nodes_are_apart(void **state)
{
	struct lab lab;

	make(&lab, HEAD "nodes:\n  a: { interfaces: 1 }\n  a-eth1: { interfaces: 1 }\n");
	assert_string_equal(lab.state.ports[0].path, DIR_NAME "/a:eth1.sock");
	assert_string_equal(lab.state.ports[1].path, DIR_NAME "/a-eth1:eth1.sock");
	unmake(&lab);
}

/* Random labs, one after the other on the same state. */

static unsigned random_seed;

static unsigned below(unsigned n)
{
	random_seed = random_seed * 1103515245 + 12345;
	return (random_seed >> 16) % n;
}

static void random_lab(char *text, size_t size)
{
	unsigned n_nodes = 1 + below(5), n_bridges = below(3);
	size_t len = (size_t)snprintf(text, size, HEAD "nodes:\n");

	for (unsigned i = 0; i < n_nodes; i++)
		len += (size_t)snprintf(text + len, size - len,
			"  h%u: { interfaces: %u, vcpus: %u }\n", i, below(4), 1 + (below(6) == 0));
	len += (size_t)snprintf(text + len, size - len, "bridges:%s\n", n_bridges ? "" : " {}");
	for (unsigned i = 0; i < n_bridges; i++)
		len += (size_t)snprintf(text + len, size - len, "  br%u: { ageing: %u }\n", i,
			10 * below(3));
	/*
	 * Of two taps each has one of two addresses, and an end on a bridge, on each other, or
	 * nowhere.
	 */
	len += (size_t)snprintf(text + len, size - len,
		"ports:\n  t0: { type: tap, ip: 10.0.0.%u/8 }\n  t1: { type: tap, ip: 10.0.1.%u/8 "
		"}\n",
		1 + below(2), 1 + below(2));
	len += (size_t)snprintf(text + len, size - len, "links:\n");
	if (below(3) == 0)
		len += (size_t)snprintf(text + len, size - len, "  - { endpoints: [t0, t1] }\n");
	else if (n_bridges)
		len += (size_t)snprintf(text + len, size - len,
			"  - { endpoints: [t%u, br%u], access-vlan: %u }\n", below(2),
			below(n_bridges), 1 + below(3));
	for (unsigned i = below(3); n_bridges > 1 && i > 0; i--) {
		len += (size_t)snprintf(text + len, size - len,
			"  - { endpoints: [br%u, br%u], enabled: %s", i % 2, !(i % 2),
			below(4) ? "true" : "false");
		if (below(2))
			len += (size_t)snprintf(text + len, size - len, ", access-vlan: %u",
				1 + below(3));
		len += (size_t)snprintf(text + len, size - len, " }\n");
	}
	/* Interface k of node i: to a bridge, or to interface k of node i + 1, or nowhere. */
	for (unsigned k = 1; k <= 3; k++) {
		for (unsigned i = 0; i < n_nodes; i++) {
			unsigned what = below(4);

			if (what == 0 && n_bridges)
				len += (size_t)snprintf(text + len, size - len,
					"  - { endpoints: [h%u:eth%u, br%u], %s: %u, enabled: %s "
					"}\n",
					i, k, below(n_bridges),
					below(2) ? "access-vlan" : "native-vlan", 1 + below(3),
					below(4) ? "true" : "false");
			else if (what == 1 && i + 1 < n_nodes) {
				len += (size_t)snprintf(text + len, size - len,
					"  - { endpoints: [h%u:eth%u, h%u:eth%u], enabled: %s }\n",
					i, k, i + 1, k, below(4) ? "true" : "false");
				i++;
			}
		}
	}
	/* Of the first node's first interface, to one that no link has. */
	if (below(2))
		(void)snprintf(text + len, size - len,
			"mirrors:\n  m: { from: %s, to: h%u:eth%u, dir: %s }\n",
			n_bridges ? "bridge br0" : "t0", below(n_nodes), 4 + below(2),
			below(2) ? "in" : "both");
}

static void random_edits_converge(void **state)
{
	struct state actual = {0};
	char text[8192];
	struct lab lab = {.topo = {.name = ""}};

	random_seed = 7;
	for (unsigned i = 0; i < 400; i++) {
		unsigned n;

		random_lab(text, sizeof(text));
		make(&lab, text);
		(void)settle(&actual, &lab, &n);
		/* The model keeps pointers to the lab's nodes: it must not outlive it. */
		for (unsigned v = 0; v < actual.n_vms; v++)
			actual.vms[v].node = NULL;
		unmake(&lab);
	}
	state_done(&actual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_as_promised),
		cmocka_unit_test(vlans_change_around_their_ports),
		cmocka_unit_test(spare_interfaces_take_links_live),
		cmocka_unit_test(host_ports_have_their_costs),
		cmocka_unit_test(cards_are_told_by_any_of_their_names),
		cmocka_unit_test(host_ports_come_before_nodes_and_are_named),
		cmocka_unit_test(nodes_come_after_what_they_wait_for),
		cmocka_unit_test(impairments_change_live),
		cmocka_unit_test(limits_change_live),
		cmocka_unit_test(limits_of_ends_change_live),
		cmocka_unit_test(mirrors_change_live),
		cmocka_unit_test(sflow_changes_live),
		cmocka_unit_test(the_switch_restarts_for_its_options),
		cmocka_unit_test(changes_say_from_what_to_what),
		cmocka_unit_test(nodes_are_cabled_before_others_wait_for_them),
		cmocka_unit_test(macs_are_stable_and_distinct),
		cmocka_unit_test(macs_that_collide_are_parted),
		cmocka_unit_test(sockets_of_nodes_are_apart),
		cmocka_unit_test(random_edits_converge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
