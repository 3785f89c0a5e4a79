#include "state.h"

#include "pci_bind.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "port_type.h"
#include "rundir.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *state_append(void *array, unsigned *n, size_t size)
{
	char **at = array;
	char *grown = *at;

	/* Doubles at powers of two. */
	if (!(*n & (*n - 1))) {
		grown = realloc(*at, (*n ? 2 * (size_t)*n : 1) * size);
		if (!grown)
			return NULL;
		*at = grown;
	}
	return memset(grown + (*n)++ * size, 0, size);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	/* FNV-1a; the NUL counts, so that "ab","c" differs from "a","bc". */
	for (const char *c = text ? text : "\1";; c++) {
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
		if (!*c)
			return hash;
	}
}

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
/* In place of the number of a node's interface. */
#define HOST_IDX UINT32_MAX

/* Locally administered, unicast. attempt: other than 0 for another one. */
static struct ether_addr48 make_mac(const char *lab, const char *node, unsigned idx,
	unsigned attempt)
{
	char number[32];
	uint64_t hash;

	(void)snprintf(number, sizeof(number), attempt ? "%u again %u" : "%u", idx, attempt);
	hash = hash_text(hash_text(hash_text(HASH_BEGIN, lab), node), number);
	hash ^= hash >> 32;
	return (struct ether_addr48){{0x52, 0x54, (uint8_t)(hash >> 24), (uint8_t)(hash >> 16),
		(uint8_t)(hash >> 8), (uint8_t)hash}};
}

/* Everything that takes a restart to change. The file's readiness text is not among it. */
static void make_digest(const struct topo *topo, const struct topo_node *node, char *digest)
{
	const struct topo_image *image = node->image;
	char numbers[64];
	uint64_t hash = hash_text(HASH_BEGIN, topo->name);

	(void)snprintf(numbers, sizeof(numbers), "%u %" PRIu64 "%s", node->vcpus,
		node->memory_bytes, node->offload ? "" : " offload=off");
	hash = hash_text(hash, numbers);
	hash = hash_text(hash, image->kernel);
	hash = hash_text(hash, image->initrd);
	hash = hash_text(hash, node->disk ? node->disk : image->disk);
	hash = hash_text(hash, image->cmdline);
	hash = hash_text(hash, node->cmdline);
	hash = hash_text(hash, node->guest_args);
	(void)snprintf(digest, STATE_DIGEST_SIZE, "%016" PRIx64, hash);
}

/* What a lab file can say of an object; the rest is not the lab's. */
static uint64_t lab_fields(const struct ctl_struct *schema)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < schema->n_fields; i++)
		mask |= (uint64_t) !!schema->fields[i].lab << i;
	return mask;
}

static void set_trunk_all(struct ctl_port *port)
{
	CTL_SET(port, ctl_port, vlan_mode, CTL_VLAN_TRUNK);
	vlan_set_fill(&port->trunks);
	CTL_MARK(port, ctl_port, trunks);
}

int state_spare_port(const char *run_dir, const char *node, unsigned idx, struct ctl_port *ret_port,
	struct err *err)
{
	char stem[CTL_NAME_MAX + 16];
	int r;

	*ret_port = (struct ctl_port){0};
	(void)snprintf(stem, sizeof(stem), "%s:eth%u", node, idx + 1);
	CTL_SET_STR(ret_port, ctl_port, name, stem);
	r = rundir_nic_socket(run_dir, node, idx, ret_port->path, sizeof(ret_port->path), err);
	CTL_MARK(ret_port, ctl_port, path);
	CTL_SET(ret_port, ctl_port, type, CTL_PORT_VHOST_USER);
	CTL_SET(ret_port, ctl_port, mode, CTL_SOCK_CLIENT);
	CTL_SET_STR(ret_port, ctl_port, bridge, "");
	CTL_SET(ret_port, ctl_port, enabled, true);
	CTL_SET(ret_port, ctl_port, mtu, CTL_DEFAULT_MTU);
	set_trunk_all(ret_port);
	return r;
}

static int add_node(const struct topo *topo, const struct topo_node *node, const char *run_dir,
	struct state *state, struct err *err)
{
	struct state_vm *vm = STATE_ADD(state->vms, state->n_vms);
	char path[CTL_PATH_MAX + 1];
	int r = rundir_file(run_dir, node->name, ".console", path, sizeof(path), err);

	if (!vm)
		return err_set(err, -ENOMEM, "out of memory");
	(void)snprintf(vm->name, sizeof(vm->name), "%s", node->name);
	make_digest(topo, node, vm->digest);
	vm->node = node;
	vm->n_nics = node->n_nics;
	for (unsigned i = 0; !r && i < node->n_nics; i++) {
		struct ctl_port *port = STATE_ADD(state->ports, state->n_ports);

		if (!port)
			return err_set(err, -ENOMEM, "out of memory");
		vm->nics[i].mtu = node->nics[i].mtu;
		vm->nics[i].used = node->nics[i].used;
		vm->nics[i].mac = make_mac(topo->name, node->name, i, 0);
		r = state_spare_port(run_dir, node->name, i, port, err);
		if (node->nics[i].mtu)
			CTL_SET(port, ctl_port, mtu, node->nics[i].mtu);
	}
	return r;
}

/*
 * An interface that is made anew with each lab: its neighbours know it by its address. A tap may be
 * somebody's.
 */
static bool makes_mac(const struct ctl_port *port)
{
	return port->type == CTL_PORT_VETH && !CTL_HAS(port, ctl_port, mac);
}

static int add_port(const struct topo *topo, const struct topo_port *port, struct state *state,
	struct err *err)
{
	struct ctl_port *out = STATE_ADD(state->ports, state->n_ports);

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	*out = port->conf;
	CTL_SET_STR(out, ctl_port, bridge, "");
	CTL_SET(out, ctl_port, enabled, true);
	if (port->mtu) /* without, it is the device's */
		CTL_SET(out, ctl_port, mtu, port->mtu);
	ctl_fill_defaults(&ctl_port_schema, out,
		lab_fields(&ctl_port_schema) & ~port_type_fields());
	if (makes_mac(&port->conf))
		CTL_SET(out, ctl_port, mac, make_mac(topo->name, out->name, HOST_IDX, 0));
	set_trunk_all(out);
	return 0;
}

/* An address that was made, and of what. */
struct made_mac {
	struct ether_addr48 *mac;
	const char *owner;
	unsigned idx, order;
};

static int compare_macs(const void *a, const void *b)
{
	const struct made_mac *x = a, *y = b;
	int order = memcmp(x->mac, y->mac, sizeof(struct ether_addr48));

	/* Of two with the same one the first keeps it. */
	return order ? order : (int)x->order - (int)y->order;
}

/* The addresses are 32 bits of a hash: of thousands two may be the same. */
static int part_macs(const struct topo *topo, struct state *state, struct err *err)
{
	/* A port for each interface of a node, and those of the host. */
	struct made_mac *made = calloc(state->n_ports + 1, sizeof(*made));
	unsigned n = 0, attempt = 0;
	bool again = true;

	if (!made)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < state->n_vms; i++) {
		struct state_vm *vm = &state->vms[i];

		for (unsigned k = 0; k < vm->n_nics; k++, n++)
			made[n] = (struct made_mac){&vm->nics[k].mac, vm->name, k, n};
	}
	for (unsigned i = 0; i < topo->n_ports; i++) {
		if (!makes_mac(&topo->ports[i].conf))
			continue;
		made[n] =
			(struct made_mac){&state->ports[i].mac, state->ports[i].name, HOST_IDX, n};
		n++;
	}
	while (again) {
		again = false;
		attempt++;
		qsort(made, n, sizeof(*made), compare_macs);
		for (unsigned i = 1; i < n; i++) {
			if (memcmp(made[i].mac, made[i - 1].mac, sizeof(*made[i].mac)))
				continue;
			*made[i].mac = make_mac(topo->name, made[i].owner, made[i].idx, attempt);
			again = true;
		}
	}
	free(made);
	return 0;
}

/* Ports of the host stand first, then those of nodes in the order of nodes and NICs. */
static struct ctl_port *port_of(const struct topo *topo, struct state *state,
	const struct topo_end *end)
{
	unsigned idx = topo->n_ports + end->nic;

	if (end->is_port)
		return &state->ports[end->port];
	for (unsigned i = 0; i < end->node; i++)
		idx += topo->nodes[i].n_nics;
	return &state->ports[idx];
}

static void set_vlans(const struct topo_link *link, struct ctl_port *port)
{
	CTL_SET(port, ctl_port, vlan_mode, link->vlan_mode);
	if (link->vlan_mode == CTL_VLAN_ACCESS) {
		CTL_SET(port, ctl_port, tag, link->tag);
		CTL_UNMARK(port, ctl_port, trunks);
		vlan_set_clear(&port->trunks);
		return;
	}
	port->trunks = link->trunks;
	if (link->vlan_mode != CTL_VLAN_TRUNK)
		CTL_SET(port, ctl_port, native, link->native);
}

static void limit(struct ctl_port *port, const struct ctl_port *limits)
{
	if (limits)
		ctl_merge(&ctl_port_schema, port, limits, STATE_PORT_LIMITS);
	ctl_trim(&ctl_port_schema, port);
}

static void attach(const struct topo *topo, const struct topo_link *link, struct ctl_port *port)
{
	CTL_SET_STR(port, ctl_port, bridge, topo->bridges[link->bridge].name);
	CTL_SET(port, ctl_port, enabled, link->enabled);
	CTL_SET(port, ctl_port, in, link->a_to_b);
	CTL_SET(port, ctl_port, out, link->b_to_a);
	limit(port, link->limits);
	set_vlans(link, port);
}

static void set_link(const struct topo_link *link, struct ctl_link *out)
{
	CTL_SET(out, ctl_link, enabled, link->enabled);
	CTL_SET(out, ctl_link, a_to_b, link->a_to_b);
	CTL_SET(out, ctl_link, b_to_a, link->b_to_a);
	ctl_trim(&ctl_link_schema, out);
}

/* A port that the link makes in one of its bridges. */
static int add_patch_port(const struct topo_link *patch, const char *link, const char *bridge,
	const struct ctl_port *limits, struct state *state)
{
	struct ctl_port *port = STATE_ADD(state->ports, state->n_ports);

	if (!port)
		return -ENOMEM;
	(void)snprintf(port->name, sizeof(port->name), "%s:%s", link, bridge);
	CTL_MARK(port, ctl_port, name);
	CTL_SET(port, ctl_port, type, CTL_PORT_PATCH);
	CTL_SET_STR(port, ctl_port, bridge, bridge);
	CTL_SET(port, ctl_port, enabled, true);
	port->mtu = CTL_DEFAULT_MTU;
	vlan_set_fill(&port->trunks);
	CTL_MARK(port, ctl_port, trunks);
	limit(port, limits);
	set_vlans(patch, port);
	return 0;
}

/* Links between the same two bridges are told apart by a number. */
static unsigned number_of(const struct topo *topo, const struct topo_link *patch)
{
	unsigned n = 1;

	for (const struct topo_link *other = topo->patches; other < patch; other++)
		n += other->from == patch->from && other->bridge == patch->bridge;
	return n;
}

static int add_patch(const struct topo *topo, const struct topo_link *patch, struct state *state)
{
	const char *a = topo->bridges[patch->from].name, *b = topo->bridges[patch->bridge].name;
	struct ctl_link *out = STATE_ADD(state->links, state->n_links);
	unsigned number = number_of(topo, patch);
	char name[2 * TOPO_NAME_MAX + 16];
	int r;

	if (!out)
		return -ENOMEM;
	if (number == 1)
		(void)snprintf(name, sizeof(name), "%s--%s", a, b);
	else
		(void)snprintf(name, sizeof(name), "%s--%s-%u", a, b, number);
	CTL_SET_STR(out, ctl_link, name, name);
	CTL_SET_STR(out, ctl_link, a, a);
	CTL_SET_STR(out, ctl_link, b, b);
	set_link(patch, out);
	if (patch->mtu)
		CTL_SET(out, ctl_link, mtu, patch->mtu);
	r = add_patch_port(patch, name, a, patch->limits, state);
	return r < 0 ? r : add_patch_port(patch, name, b, patch->limits_b, state);
}

static int add_link(const struct topo *topo, const struct topo_link *link, struct state *state)
{
	struct ctl_port *a = port_of(topo, state, &link->a), *b;
	struct ctl_link *out;
	char name[2 * CTL_NAME_MAX + 3];

	if (!link->joins_ports) {
		attach(topo, link, a);
		return 0;
	}
	b = port_of(topo, state, &link->b);
	out = STATE_ADD(state->links, state->n_links);
	if (!out)
		return -ENOMEM;
	(void)snprintf(name, sizeof(name), "%s--%s", a->name, b->name);
	CTL_SET_STR(out, ctl_link, name, name);
	CTL_SET_STR(out, ctl_link, a, a->name);
	CTL_SET_STR(out, ctl_link, b, b->name);
	set_link(link, out);
	limit(a, link->limits);
	limit(b, link->limits_b);
	return 0;
}

static int add_bridge(const struct topo_bridge *bridge, struct state *state)
{
	struct ctl_bridge *out = STATE_ADD(state->bridges, state->n_bridges);

	if (!out)
		return -ENOMEM;
	*out = bridge->conf;
	if (!CTL_HAS(out, ctl_bridge, reserved))
		CTL_SET(out, ctl_bridge, reserved, CTL_RESERVED_FORWARD);
	ctl_fill_defaults(&ctl_bridge_schema, out, lab_fields(&ctl_bridge_schema));
	return 0;
}

static int add_mirror(const struct topo_mirror *mirror, struct state *state)
{
	struct ctl_mirror *out = STATE_ADD(state->mirrors, state->n_mirrors);

	if (!out)
		return -ENOMEM;
	*out = mirror->conf;
	return 0;
}

int state_from_topo(const struct topo *topo, const char *run_dir, struct state *ret_state,
	struct err *err)
{
	int r = 0;

	*ret_state = (struct state){0};
	for (unsigned i = 0; !r && i < topo->n_bridges; i++)
		r = add_bridge(&topo->bridges[i], ret_state);
	for (unsigned i = 0; !r && i < topo->n_ports; i++)
		r = add_port(topo, &topo->ports[i], ret_state, err);
	for (unsigned i = 0; !r && i < topo->n_nodes; i++) {
		r = add_node(topo, &topo->nodes[i], run_dir, ret_state, err);
		if (r)
			return err_prefix(err, "node '%s'", topo->nodes[i].name);
	}
	if (!r && part_macs(topo, ret_state, err))
		return err->code;
	for (unsigned i = 0; !r && i < topo->n_links; i++)
		r = add_link(topo, &topo->links[i], ret_state);
	for (unsigned i = 0; !r && i < topo->n_patches; i++)
		r = add_patch(topo, &topo->patches[i], ret_state);
	for (unsigned i = 0; !r && i < topo->n_mirrors; i++)
		r = add_mirror(&topo->mirrors[i], ret_state);
	if (topo->sw.metrics)
		(void)str_copy(ret_state->sw.metrics, sizeof(ret_state->sw.metrics),
			topo->sw.metrics);
	ret_state->sw.hold_memory_bytes = topo->sw.hold_memory_bytes;
	ret_state->sflow = topo->sflow;
	ctl_fill_defaults(&ctl_sflow_schema, &ret_state->sflow, UINT64_MAX);
	return r ? err_set(err, r, "out of memory") : 0;
}

void state_done(struct state *state)
{
	free(state->bridges);
	free(state->ports);
	free(state->links);
	free(state->mirrors);
	free(state->vms);
	*state = (struct state){0};
}

#define FIND(what, member)                                                                  \
	const struct what *state_find_##member(const struct state *state, const char *name) \
	{                                                                                   \
		for (unsigned i = 0; i < state->n_##member##s; i++) {                       \
			if (!strcmp(state->member##s[i].name, name))                        \
				return &state->member##s[i];                                \
		}                                                                           \
		return NULL;                                                                \
	}
FIND(ctl_bridge, bridge)
FIND(ctl_port, port)
FIND(ctl_link, link)
FIND(ctl_mirror, mirror)
FIND(state_vm, vm)

/* What is not wanted to be anything in particular may be anything, such as the MTU of a port of the
 * host, which is its device's. */
static bool is_kept(const struct ctl_struct *schema, const void *actual, const void *wanted)
{
	return !ctl_find_change(schema, actual, wanted, ctl_fields(schema, CTL_ACCESS_OPT));
}

bool state_same_bridge(const struct ctl_bridge *a, const struct ctl_bridge *wanted)
{
	return is_kept(&ctl_bridge_schema, a, wanted);
}

/* What a port or link does to frames is what the file says, and nothing else. */
bool state_same_port(const struct ctl_port *a, const struct ctl_port *wanted)
{
	return is_kept(&ctl_port_schema, a, wanted) &&
	       !ctl_find_difference(&ctl_port_schema, a, wanted,
		       CTL_BIT(ctl_port, in) | CTL_BIT(ctl_port, out) | STATE_PORT_LIMITS);
}

bool state_is_port(const struct ctl_port *port, const struct ctl_port *wanted)
{
	struct ctl_port a = *port, b = *wanted;
	uint64_t what = ctl_fields(&ctl_port_schema, CTL_ACCESS_NEW);

	/* The switch reports the address of a NIC, and its name is gone while the switch has it. */
	if (a.type == CTL_PORT_NIC && b.type == CTL_PORT_NIC && port_type_pci_ok(a.dev) &&
		pci_bind_may_be(NULL, b.dev, a.dev))
		CTL_SET_STR(&b, ctl_port, dev, a.dev);
	/* A node's port does not say how many; the guest does. */
	if (!CTL_HAS(wanted, ctl_port, queues))
		CTL_UNMARK(&a, ctl_port, queues);
	return !ctl_find_difference(&ctl_port_schema, &a, &b, what);
}

bool state_is_nic_port(const struct ctl_port *port)
{
	return port->type != CTL_PORT_PATCH && strchr(port->name, ':') != NULL;
}

bool state_same_link(const struct ctl_link *a, const struct ctl_link *wanted)
{
	return !ctl_find_change(&ctl_link_schema, a, wanted,
		       ctl_fields(&ctl_link_schema, CTL_ACCESS_SETTINGS)) &&
	       !ctl_find_difference(&ctl_link_schema, a, wanted,
		       CTL_BIT(ctl_link, a_to_b) | CTL_BIT(ctl_link, b_to_a));
}

bool state_same_mirror(const struct ctl_mirror *a, const struct ctl_mirror *wanted)
{
	return !ctl_find_difference(&ctl_mirror_schema, a, wanted,
		ctl_fields(&ctl_mirror_schema, CTL_ACCESS_SETTINGS));
}

bool state_same_sflow(const struct ctl_sflow *a, const struct ctl_sflow *wanted)
{
	return a->rate == wanted->rate && a->poll == wanted->poll &&
	       !ctl_find_change(&ctl_sflow_schema, a, wanted,
		       CTL_BIT(ctl_sflow, collector) | CTL_BIT(ctl_sflow, agent));
}

bool state_same_switch(const struct state_switch *a, const struct state_switch *wanted)
{
	return !strcmp(a->metrics, wanted->metrics) &&
	       a->hold_memory_bytes == wanted->hold_memory_bytes;
}
