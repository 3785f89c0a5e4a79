#include "plan.h"

#include "change_text.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "grammar.h"
#include "impairment.h"
#include "show_switch.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const plan_costs[] = {"live", "carrier", "restart", "stop"};

struct planner {
	const struct state *wanted, *actual;
	const char *run_dir;
	struct plan *plan;
	struct err *err;
	struct state spares; /* ports that stay though the file does not want them */
	int code;            /* first failure */
};

__attribute__((format(printf, 5, 6))) static struct plan_op *add(struct planner *p,
	enum plan_kind kind, enum plan_cost cost, const char *name, const char *fmt, ...)
{
	struct plan_op *op = STATE_ADD(p->plan->ops, p->plan->n_ops);
	va_list args;

	if (!op) {
		p->code = err_set(p->err, -ENOMEM, "out of memory");
		return NULL;
	}
	op->kind = kind;
	op->cost = cost;
	(void)snprintf(op->name, sizeof(op->name), "%s", name);
	va_start(args, fmt);
	(void)vsnprintf(op->text, sizeof(op->text), fmt, args);
	va_end(args);
	return op;
}

/* The switch */

static void plan_switch(struct planner *p)
{
	const struct state_switch *old = &p->actual->sw, *sw = &p->wanted->sw;
	char from[MEASURE_TEXT_SIZE], to[MEASURE_TEXT_SIZE], memory[96] = "";

	if (!old->runs || state_same_switch(old, sw))
		return;
	if (old->hold_memory_bytes != sw->hold_memory_bytes)
		(void)snprintf(memory, sizeof(memory), "hold-memory %s -> %s",
			old->hold_memory_bytes
				? measure_format(MEASURE_SIZE, old->hold_memory_bytes, from)
				: "default",
			sw->hold_memory_bytes
				? measure_format(MEASURE_SIZE, sw->hold_memory_bytes, to)
				: "default");
	if (!strcmp(old->metrics, sw->metrics))
		(void)add(p, PLAN_SWITCH_RESTART, PLAN_CARRIER, "vswitch", "restart: %s", memory);
	else
		(void)add(p, PLAN_SWITCH_RESTART, PLAN_CARRIER, "vswitch",
			"restart: metrics %.60s -> %.60s%s%s",
			old->metrics[0] ? old->metrics : "none",
			sw->metrics[0] ? sw->metrics : "none", memory[0] ? ", " : "", memory);
}

/* Nodes */

static bool vm_fits(const struct state_vm *wanted, const struct state_vm *actual)
{
	if (strcmp(wanted->digest, actual->digest) || wanted->n_nics > actual->n_nics)
		return false;
	for (unsigned i = 0; i < wanted->n_nics; i++) {
		if (wanted->nics[i].used && wanted->nics[i].mtu != actual->nics[i].mtu)
			return false;
	}
	return true;
}

static void describe_vm(const struct state_vm *vm, char *buf, size_t size)
{
	const struct topo_node *node = vm->node;

	if (!node)
		buf[0] = '\0';
	else
		(void)snprintf(buf, size, "image %s, %u vcpu%s, %" PRIu64 "M, %u NIC%s",
			node->image->name, node->vcpus, node->vcpus == 1 ? "" : "s",
			node->memory_bytes >> 20, vm->n_nics, vm->n_nics == 1 ? "" : "s");
}

/*
 * What a node is restarted for. What it was started with is known by a digest alone, but for what
 * it reports.
 */
static void describe_restart(const struct state_vm *vm, const struct state_vm *old, char *buf,
	size_t size)
{
	const struct topo_node *node = vm->node;

	if (strcmp(vm->digest, old->digest)) {
		if (node && old->vcpus && old->vcpus != node->vcpus)
			(void)snprintf(buf, size, "%u -> %u vcpus", old->vcpus, node->vcpus);
		else if (node && old->memory_bytes &&
			 old->memory_bytes >> 20 != node->memory_bytes >> 20)
			(void)snprintf(buf, size, "memory %" PRIu64 "M -> %" PRIu64 "M",
				old->memory_bytes >> 20, node->memory_bytes >> 20);
		else
			(void)snprintf(buf, size, "another image, disk, command line or offload");
		return;
	}
	if (vm->n_nics > old->n_nics) {
		(void)snprintf(buf, size, "%u -> %u interfaces (see `interfaces`)", old->n_nics,
			vm->n_nics);
		return;
	}
	for (unsigned i = 0; i < vm->n_nics; i++) {
		if (!vm->nics[i].used || vm->nics[i].mtu == old->nics[i].mtu)
			continue;
		(void)snprintf(buf, size, "eth%u: mtu %u -> %u", i + 1, old->nics[i].mtu,
			vm->nics[i].mtu);
		return;
	}
}

static void plan_node(struct planner *p, const struct state_vm *vm)
{
	const struct state_vm *old = state_find_vm(p->actual, vm->name);
	struct plan_op *op;
	char text[160];

	describe_vm(vm, text, sizeof(text));
	if (!old) {
		op = add(p, PLAN_NODE_ADD, PLAN_LIVE, vm->name, "%s", text);
	} else if (!vm_fits(vm, old)) {
		describe_restart(vm, old, text, sizeof(text));
		op = add(p, PLAN_NODE_RESTART, PLAN_RESTART, vm->name, "%s", text);
	} else {
		return;
	}
	if (op)
		op->to.vm = *vm;
}

static void plan_nodes_down(struct planner *p)
{
	for (unsigned i = 0; i < p->actual->n_vms; i++) {
		const struct state_vm *vm = &p->actual->vms[i];
		struct plan_op *op;

		if (state_find_vm(p->wanted, vm->name))
			continue;
		op = add(p, PLAN_NODE_DEL, PLAN_STOP, vm->name, "%s", "is stopped");
		if (op)
			op->to.vm = *vm;
	}
}

/* NICs that a running node has beyond what is wanted keep their ports. */
static void keep_spares(struct planner *p)
{
	for (unsigned i = 0; i < p->wanted->n_vms; i++) {
		const struct state_vm *vm = &p->wanted->vms[i],
				      *old = state_find_vm(p->actual, vm->name);

		if (!old || !vm_fits(vm, old))
			continue;
		for (unsigned nic = vm->n_nics; !p->code && nic < old->n_nics; nic++) {
			struct ctl_port *port = STATE_ADD(p->spares.ports, p->spares.n_ports);

			if (!port)
				p->code = err_set(p->err, -ENOMEM, "out of memory");
			else
				p->code = state_spare_port(p->run_dir, vm->name, nic, port, p->err);
		}
	}
}

/* Ports */

static const struct ctl_port *wanted_port(const struct planner *p, const char *name)
{
	const struct ctl_port *port = state_find_port(p->wanted, name);

	return port ? port : state_find_port(&p->spares, name);
}

/* Is there a port of that name which is something else than what is wanted? */
static bool is_replaced(const struct planner *p, const char *name)
{
	const struct ctl_port *old = state_find_port(p->actual, name), *new = wanted_port(p, name);

	return old && new && !state_is_port(old, new);
}

static void describe_port(const struct ctl_port *port, char *buf, size_t size)
{
	char vlans[256];

	if (!port->bridge[0])
		(void)snprintf(buf, size, "unconnected");
	else
		(void)snprintf(buf, size, "%.32s %.40s%s", port->bridge,
			show_port_vlans(port, vlans, sizeof(vlans)),
			port->enabled ? "" : " disabled");
}

static void describe_new_port(const struct ctl_port *port, char *buf, size_t size)
{
	char end[96];
	int used = 0;

	if (!state_is_nic_port(port))
		used = snprintf(buf, size, "%s %s%s", ctl_port_types[port->type],
			show_port_end(port, end, sizeof(end)), port->bridge[0] ? ", " : "");
	if (port->bridge[0] || !used)
		describe_port(port, buf + used, size - (size_t)used);
}

static void plan_ports_down(struct planner *p)
{
	for (unsigned i = 0; i < p->actual->n_ports; i++) {
		const struct ctl_port *port = &p->actual->ports[i],
				      *new = wanted_port(p, port->name);
		struct plan_op *op;

		if ((new &&state_is_port(port, new)) || port->type == CTL_PORT_PATCH)
			continue; /* a patch port goes with its link */
		op = add(p, PLAN_PORT_DEL, PLAN_CARRIER, port->name, "is removed");
		if (op) {
			op->to.port = *port;
			/* The port of a node that goes is no news. */
			op->quiet = !new &&state_is_nic_port(port);
			if (op->quiet)
				op->cost = PLAN_LIVE;
		}
	}
}

/* Which limits of a port change, behind what is said already: "policer rate 10mbit -> rate 20mbit".
 * old NULL: it is new. */
static void add_limits(const struct ctl_port *old, const struct ctl_port *port, char *buf,
	size_t size)
{
	static const struct ctl_port none;
	size_t used = strlen(buf);

	for (unsigned i = 0; i < ctl_port_schema.n_fields && used < size; i++) {
		const struct ctl_field *field = &ctl_port_schema.fields[i];
		char from[CTL_VALUE_SIZE] = "none", to[CTL_VALUE_SIZE] = "none", word[32];

		if (!(STATE_PORT_LIMITS >> i & 1) ||
			!ctl_find_difference(&ctl_port_schema, old ? old : &none, port,
				UINT64_C(1) << i))
			continue;
		if (old && ctl_field_is_set(old, i))
			(void)ctl_field_format(field, old, from, sizeof(from));
		if (ctl_field_is_set(port, i))
			(void)ctl_field_format(field, port, to, sizeof(to));
		used += (size_t)snprintf(buf + used, size - used, "%s%s %s%s%s", used ? ", " : "",
			grammar_field_word(field, word, sizeof(word)), old ? from : "",
			old ? " -> " : "", to);
	}
}

static void plan_port(struct planner *p, const struct ctl_port *port)
{
	const struct ctl_port *old = state_find_port(p->actual, port->name);
	struct plan_op *op;
	const struct ctl_link is = impairment_of_port(port);
	struct ctl_link was;
	char from[90], to[190], impaired[sizeof(op->text)];
	const char *comma;
	enum plan_cost cost = PLAN_LIVE;

	if (!old || is_replaced(p, port->name)) {
		describe_new_port(port, to, sizeof(to));
		impairment_change(NULL, &is, impaired, sizeof(impaired));
		add_limits(NULL, port, impaired, sizeof(impaired));
		op = add(p, PLAN_PORT_ADD, PLAN_LIVE, port->name, "%s%s%s", to,
			impaired[0] ? ", " : "", impaired);
		if (op) {
			op->to.port = *port;
			op->quiet = !port->bridge[0] && state_is_nic_port(port);
		}
		return;
	}
	was = impairment_of_port(old);
	describe_port(port, to, 90);
	if (state_same_port(old, port))
		return;
	describe_port(old, from, sizeof(from));
	impairment_change(&was, &is, impaired, sizeof(impaired));
	add_limits(old, port, impaired, sizeof(impaired));
	comma = impaired[0] ? ", " : "";
	/* A link's end that was on a bridge: its line is that of the link. */
	if (old->enabled != port->enabled || !old->bridge[0] != !port->bridge[0])
		cost = PLAN_CARRIER;
	if (CTL_HAS(port, ctl_port, mtu) && old->mtu != port->mtu && !strcmp(from, to))
		op = add(p, PLAN_PORT_SET, cost, port->name, "mtu %u -> %u%s%s", old->mtu,
			port->mtu, comma, impaired);
	else if (impaired[0] && !strcmp(from, to))
		op = add(p, PLAN_PORT_SET, cost, port->name, "%s", impaired);
	else
		op = add(p, PLAN_PORT_SET, cost, port->name, "%s -> %s%s%s", from, to, comma,
			impaired);
	if (op)
		op->to.port = *port;
}

/* Links */

static bool same_ends(const struct ctl_link *a, const struct ctl_link *b)
{
	return !strcmp(a->a, b->a) && !strcmp(a->b, b->b);
}

static void plan_links_down(struct planner *p)
{
	for (unsigned i = 0; i < p->actual->n_links; i++) {
		const struct ctl_link *link = &p->actual->links[i],
				      *wanted = state_find_link(p->wanted, link->name);
		struct plan_op *op;

		if (wanted && same_ends(wanted, link) && !is_replaced(p, link->a) &&
			!is_replaced(p, link->b))
			continue;
		op = add(p, PLAN_LINK_DEL, PLAN_CARRIER, link->name, "link");
		if (op)
			op->to.link = *link;
	}
}

/* A new link (old NULL), or what changes of one. */
static void describe_link(const struct ctl_link *old, const struct ctl_link *link, char *buf,
	size_t size)
{
	const char *comma;
	int used = 0;

	buf[0] = '\0';
	if (!old)
		used = snprintf(buf, size, "link%s", link->enabled ? "" : " disabled");
	else if (old->enabled != link->enabled)
		used = snprintf(buf, size, "%s -> %s", old->enabled ? "enabled" : "disabled",
			link->enabled ? "enabled" : "disabled");
	comma = used ? ", " : "";
	(void)impairment_change(old, link, buf + used + strlen(comma),
		size - (size_t)used - strlen(comma));
	if (buf[(size_t)used + strlen(comma)])
		memcpy(buf + used, comma, strlen(comma));
}

static void plan_link(struct planner *p, const struct ctl_link *link)
{
	const struct ctl_link *old = state_find_link(p->actual, link->name);
	struct plan_op *op = NULL;
	char text[sizeof(op->text)];

	if (!old || !same_ends(old, link) || is_replaced(p, link->a) || is_replaced(p, link->b)) {
		describe_link(NULL, link, text, sizeof(text));
		op = add(p, PLAN_LINK_ADD, PLAN_LIVE, link->name, "%s", text);
	} else if (!state_same_link(old, link)) {
		describe_link(old, link, text, sizeof(text));
		op = add(p, PLAN_LINK_SET, old->enabled == link->enabled ? PLAN_LIVE : PLAN_CARRIER,
			link->name, "%s", text);
	}
	if (op)
		op->to.link = *link;
}

/* Is there already the link that makes this port, LINK:BRIDGE? */
static bool has_link(const struct planner *p, const struct ctl_port *port)
{
	const struct ctl_link *old, *wanted;
	char name[sizeof(port->name)];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(port->name, ":"), port->name);
	old = state_find_link(p->actual, name);
	wanted = state_find_link(p->wanted, name);
	return old && wanted && same_ends(old, wanted);
}

/* A port that its link makes: what is to be set of it. */
static void plan_patch_port(struct planner *p, const struct ctl_port *port)
{
	struct plan_op *op;
	char text[90], limits[sizeof(op->text) - sizeof(text)] = "";

	if (has_link(p, port)) {
		plan_port(p, port);
		return;
	}
	if (port->vlan_mode == CTL_VLAN_TRUNK && vlan_set_count(&port->trunks) == VLAN_MAX &&
		!(port->set & STATE_PORT_LIMITS))
		return;
	describe_port(port, text, sizeof(text));
	add_limits(NULL, port, limits, sizeof(limits));
	op = add(p, PLAN_PORT_SET, PLAN_LIVE, port->name, "%s%s%s", text, limits[0] ? ", " : "",
		limits);
	if (op)
		op->to.port = *port;
}

/* Bridges */

static void describe_bridge(const struct ctl_bridge *old, const struct ctl_bridge *new, char *buf,
	size_t size)
{
	char old_ageing[STR_DURATION_SIZE], new_ageing[STR_DURATION_SIZE];
	char from[48], to[48];
	size_t used = 0;

	buf[0] = '\0';
	if (old->ageing_s != new->ageing_s)
		used += (size_t)snprintf(buf + used, size - used, "ageing %s -> %s",
			str_format_duration(old_ageing, old->ageing_s),
			str_format_duration(new_ageing, new->ageing_s));
	if (!vlan_set_equal(&old->vlans, &new->vlans)) {
		used += (size_t)snprintf(buf + used, size - used, "%svlans %s -> %s",
			used ? ", " : "", vlan_set_format_short(&old->vlans, from, sizeof(from)),
			vlan_set_format_short(&new->vlans, to, sizeof(to)));
	}
	if (old->reserved != new->reserved)
		(void)snprintf(buf + used, size - used, "%sreserved %s -> %s", used ? ", " : "",
			ctl_reserved_modes[old->reserved], ctl_reserved_modes[new->reserved]);
}

static void set_bridge(struct planner *p, const struct ctl_bridge *old,
	const struct ctl_bridge *bridge, bool quiet)
{
	struct plan_op *op;
	char text[192];

	if (state_same_bridge(old, bridge))
		return;
	describe_bridge(old, bridge, text, sizeof(text));
	op = add(p, PLAN_BRIDGE_SET, PLAN_LIVE, bridge->name, "%s", text);
	if (!op)
		return;
	op->to.bridge = *bridge;
	op->quiet = quiet;
}

/* What a bridge is while its ports change: they may have VLANs that go, and get some that come. */
static struct ctl_bridge bridge_between(const struct ctl_bridge *old, const struct ctl_bridge *new)
{
	struct ctl_bridge bridge = *new;

	vlan_set_unite(&bridge.vlans, &old->vlans);
	return bridge;
}

static void add_bridge(struct planner *p, const struct ctl_bridge *bridge)
{
	char ageing[STR_DURATION_SIZE], vlans[48];
	struct plan_op *op =
		add(p, PLAN_BRIDGE_ADD, PLAN_LIVE, bridge->name, "vlans %s, ageing %s, reserved %s",
			vlan_set_format_short(&bridge->vlans, vlans, sizeof(vlans)),
			str_format_duration(ageing, bridge->ageing_s),
			ctl_reserved_modes[bridge->reserved]);

	if (op)
		op->to.bridge = *bridge;
}

/* First before its ports change; then once no port has them: the VLANs that go. */
static void plan_bridge(struct planner *p, const struct ctl_bridge *bridge, bool is_first)
{
	const struct ctl_bridge *old = state_find_bridge(p->actual, bridge->name);
	struct ctl_bridge between = old ? bridge_between(old, bridge) : *bridge;
	bool in_two_steps = !state_same_bridge(&between, bridge);

	if (!old && is_first)
		add_bridge(p, bridge);
	else if (old && is_first)
		set_bridge(p, old, &between, in_two_steps);
	else if (in_two_steps)
		set_bridge(p, old, bridge, false);
}

static void plan_bridges_down(struct planner *p)
{
	for (unsigned i = 0; i < p->actual->n_bridges; i++) {
		const struct ctl_bridge *bridge = &p->actual->bridges[i];
		struct plan_op *op;

		if (state_find_bridge(p->wanted, bridge->name))
			continue;
		op = add(p, PLAN_BRIDGE_DEL, PLAN_LIVE, bridge->name, "is removed");
		if (op)
			op->to.bridge = *bridge;
	}
}

/* Mirrors: none of their settings can change, so that one which does is made anew. */

static bool stays_mirror(const struct planner *p, const struct ctl_mirror *old)
{
	const struct ctl_mirror *wanted = state_find_mirror(p->wanted, old->name);

	return wanted && state_same_mirror(old, wanted) && !is_replaced(p, old->from) &&
	       !is_replaced(p, old->to);
}

static void plan_mirrors_down(struct planner *p)
{
	for (unsigned i = 0; i < p->actual->n_mirrors; i++) {
		const struct ctl_mirror *old = &p->actual->mirrors[i];
		struct plan_op *op;

		if (stays_mirror(p, old))
			continue;
		op = add(p, PLAN_MIRROR_DEL, PLAN_LIVE, old->name, "is removed");
		if (!op)
			continue;
		op->to.mirror = *old;
		op->quiet = state_find_mirror(p->wanted, old->name) != NULL;
	}
}

static void plan_mirrors_up(struct planner *p)
{
	for (unsigned i = 0; i < p->wanted->n_mirrors; i++) {
		const struct ctl_mirror *mirror = &p->wanted->mirrors[i],
					*old = state_find_mirror(p->actual, mirror->name);
		struct plan_op *op;
		char text[sizeof(op->text)];

		if (old && stays_mirror(p, old))
			continue;
		(void)change_text(&ctl_mirror_schema,
			ctl_fields(&ctl_mirror_schema, CTL_ACCESS_SETTINGS), old, mirror, text,
			sizeof(text));
		op = add(p, old ? PLAN_MIRROR_SET : PLAN_MIRROR_ADD, PLAN_LIVE, mirror->name, "%s",
			text[0] ? text : "is made anew");
		if (op)
			op->to.mirror = *mirror;
	}
}

/* sFlow, of the whole switch */

/* Off is the same as not said. */
static struct ctl_sflow sflow_said(const struct ctl_sflow *sflow)
{
	struct ctl_sflow said = *sflow;

	if (!said.rate)
		CTL_UNMARK(&said, ctl_sflow, rate);
	if (!said.poll)
		CTL_UNMARK(&said, ctl_sflow, poll);
	return said;
}

static void plan_sflow(struct planner *p)
{
	struct ctl_sflow old = sflow_said(&p->actual->sflow), sflow = sflow_said(&p->wanted->sflow);
	struct plan_op *op;
	char text[sizeof(op->text)];

	if (state_same_sflow(&p->actual->sflow, &p->wanted->sflow))
		return;
	/* Where it goes, and who it says it is, stay where the file does not say. */
	if (!CTL_HAS(&sflow, ctl_sflow, collector))
		CTL_UNMARK(&old, ctl_sflow, collector);
	if (!CTL_HAS(&sflow, ctl_sflow, agent))
		CTL_UNMARK(&old, ctl_sflow, agent);
	(void)change_text(&ctl_sflow_schema, ctl_fields(&ctl_sflow_schema, CTL_ACCESS_SETTINGS),
		&old, &sflow, text, sizeof(text));
	op = add(p, PLAN_SFLOW_SET, PLAN_LIVE, "switch", "%s", text);
	if (op)
		op->to.sflow = p->wanted->sflow;
}

/* Nodes, and what they are cabled with */

/* Which nodes have come, and what was planned of ports and links, by their place in the wanted
 * state; and where the nodes of each stand there (n_vms: it is no node's), two for each link. */
struct progress {
	bool *nodes, *ports, *links;
	unsigned *port_nodes, *link_nodes;
};

/* Where the node that a port's name begins with stands; n_vms: it is no node's. */
static unsigned node_of(const struct state *state, const char *port)
{
	size_t len = strcspn(port, ":");
	unsigned i = port[len] ? 0 : state->n_vms;

	while (i < state->n_vms &&
		(strncmp(state->vms[i].name, port, len) || state->vms[i].name[len]))
		i++;
	return i;
}

static bool progress_init(struct progress *done, const struct state *wanted)
{
	*done = (struct progress){calloc(wanted->n_vms + 1, sizeof(bool)),
		calloc(wanted->n_ports + 1, sizeof(bool)),
		calloc(wanted->n_links + 1, sizeof(bool)),
		calloc(wanted->n_ports + 1, sizeof(unsigned)),
		calloc(2 * wanted->n_links + 1, sizeof(unsigned))};
	if (!done->nodes || !done->ports || !done->links || !done->port_nodes || !done->link_nodes)
		return false;
	done->nodes[wanted->n_vms] = true; /* what is no node's is there */
	for (unsigned i = 0; i < wanted->n_ports; i++) {
		done->port_nodes[i] = node_of(wanted, wanted->ports[i].name);
		done->ports[i] = !state_is_nic_port(&wanted->ports[i]);
	}
	for (unsigned i = 0; i < wanted->n_links; i++) {
		done->link_nodes[2 * i] = node_of(wanted, wanted->links[i].a);
		done->link_nodes[2 * i + 1] = node_of(wanted, wanted->links[i].b);
	}
	return true;
}

static void progress_done(struct progress *done)
{
	free(done->nodes);
	free(done->ports);
	free(done->links);
	free(done->port_nodes);
	free(done->link_nodes);
}

/* Ports of the nodes that have come, and the links between them: what comes next may wait for their
 * guests, which may wait for their links. */
static void plan_cables(struct planner *p, struct progress *done)
{
	const struct state *wanted = p->wanted;

	for (unsigned i = 0; i < wanted->n_ports; i++) {
		if (done->ports[i] || !done->nodes[done->port_nodes[i]])
			continue;
		plan_port(p, &wanted->ports[i]);
		done->ports[i] = true;
	}
	for (unsigned i = 0; i < wanted->n_links; i++) {
		const unsigned *nodes = &done->link_nodes[2 * i];

		if (done->links[i] || !done->nodes[nodes[0]] || !done->nodes[nodes[1]])
			continue;
		plan_link(p, &wanted->links[i]);
		done->links[i] = true;
	}
}

/*
 * In the order of `after`: a node comes when all it waits for came. Nodes number a thousand at
 * most.
 */
static void plan_nodes_in_order(struct planner *p, struct progress *done)
{
	const struct state *wanted = p->wanted;
	bool progress = true, cables = false;

	while (progress) {
		progress = false;
		for (unsigned i = 0; i < wanted->n_vms; i++) {
			const struct topo_node *node = wanted->vms[i].node;
			unsigned n_ops;
			bool ready = !done->nodes[i];

			for (unsigned j = 0; ready && node && j < node->n_after; j++)
				ready = done->nodes[node->after[j]];
			if (!ready)
				continue;
			if (cables && node && node->n_after) {
				plan_cables(p, done);
				cables = false;
			}
			n_ops = p->plan->n_ops;
			plan_node(p, &wanted->vms[i]);
			cables = cables || p->plan->n_ops > n_ops;
			done->nodes[i] = progress = true;
		}
	}
	plan_cables(p, done);
}

static void plan_nodes_up(struct planner *p)
{
	struct progress done;

	if (progress_init(&done, p->wanted))
		plan_nodes_in_order(p, &done);
	else
		p->code = err_set(p->err, -ENOMEM, "out of memory");
	progress_done(&done);
}

int plan_make(const struct state *wanted, const struct state *actual, const char *run_dir,
	struct plan *ret_plan, struct err *err)
{
	struct planner p = {.wanted = wanted,
		.actual = actual,
		.run_dir = run_dir,
		.plan = ret_plan,
		.err = err};

	*ret_plan = (struct plan){0};
	plan_switch(&p);
	keep_spares(&p);
	plan_mirrors_down(&p);
	plan_links_down(&p);
	for (unsigned i = 0; i < wanted->n_bridges; i++)
		plan_bridge(&p, &wanted->bridges[i], true);
	plan_nodes_down(&p);
	plan_ports_down(&p);
	/*
	 * Ports of the host before nodes: they are what fails, for want of a privilege or a device.
	 */
	for (unsigned i = 0; i < wanted->n_ports; i++) {
		if (!state_is_nic_port(&wanted->ports[i]) &&
			wanted->ports[i].type != CTL_PORT_PATCH)
			plan_port(&p, &wanted->ports[i]);
	}
	for (unsigned i = 0; i < p.spares.n_ports; i++)
		plan_port(&p, &p.spares.ports[i]);
	plan_nodes_up(&p);
	for (unsigned i = 0; i < wanted->n_ports; i++) {
		if (wanted->ports[i].type == CTL_PORT_PATCH)
			plan_patch_port(&p, &wanted->ports[i]);
	}
	for (unsigned i = 0; i < wanted->n_bridges; i++)
		plan_bridge(&p, &wanted->bridges[i], false);
	plan_bridges_down(&p);
	plan_mirrors_up(&p);
	plan_sflow(&p);
	state_done(&p.spares);
	if (p.code)
		plan_done(ret_plan);
	return p.code;
}

void plan_done(struct plan *plan)
{
	free(plan->ops);
	*plan = (struct plan){0};
}

enum plan_cost plan_cost(const struct plan *plan)
{
	enum plan_cost cost = PLAN_LIVE;

	for (unsigned i = 0; i < plan->n_ops; i++) {
		if (plan->ops[i].cost > cost)
			cost = plan->ops[i].cost;
	}
	return cost;
}

char plan_sign(const struct plan_op *op)
{
	switch (op->kind) {
	case PLAN_LINK_ADD:
	case PLAN_BRIDGE_ADD:
	case PLAN_NODE_ADD:
	case PLAN_PORT_ADD:
	case PLAN_MIRROR_ADD:
		return '+';
	case PLAN_LINK_DEL:
	case PLAN_BRIDGE_DEL:
	case PLAN_NODE_DEL:
	case PLAN_PORT_DEL:
	case PLAN_MIRROR_DEL:
		return '-';
	default:
		return '~';
	}
}

const char *plan_object(const struct plan_op *op)
{
	switch (op->kind) {
	case PLAN_BRIDGE_ADD:
	case PLAN_BRIDGE_SET:
	case PLAN_BRIDGE_DEL:
		return "bridge";
	case PLAN_NODE_ADD:
	case PLAN_NODE_RESTART:
	case PLAN_NODE_DEL:
		return "node";
	case PLAN_PORT_ADD:
	case PLAN_PORT_SET:
	case PLAN_PORT_DEL:
		return state_is_nic_port(&op->to.port) ? "link"
						       : "port"; /* the ends of cables to people */
	case PLAN_MIRROR_ADD:
	case PLAN_MIRROR_SET:
	case PLAN_MIRROR_DEL:
		return "mirror";
	case PLAN_SFLOW_SET:
		return "sflow";
	case PLAN_SWITCH_RESTART:
	case PLAN_SWITCH_START:
		return "switch";
	default:
		return "link";
	}
}
