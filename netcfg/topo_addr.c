/*
 * Addresses of guests: read, judged, and told to the guests as the kernel arguments that
 * tools/guest-image understands. Those of ports of the host are judged with them.
 *
 * An address is that of a host in its network; where it stands, frames can get: the link of its
 * interface carries its VLAN; nobody else on the same segment has it; a gateway is one hop away.
 */
#include "topo_priv.h"

#include "str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inet {
	int family;
	unsigned n_bits; /* of an address of the family */
	unsigned len;    /* of the network's part */
	uint8_t bytes[16];
};

struct topo_addr {
	struct topo_addr *next;
	const struct topo_node *node; /* NULL: it is a port's */
	const struct topo_port *port;
	struct inet inet;
	bool has_segment;
	struct topo_segment segment;
	struct diag_mark mark;
	const char *text;
};

struct guest_args {
	struct topo_reader *reader;
	struct topo_node *node;
	const char *vlans[TOPO_MAX_ADDRS]; /* "eth1:10", so that each is made once */
	unsigned n_vlans, n_addrs;
};

static void append(struct guest_args *args, const char *text)
{
	const char *joined =
		text ? arena_printf(&args->reader->topo->arena, "%s%s%s", args->node->guest_args,
			       args->node->guest_args[0] ? " " : "", text)
		     : NULL;

	if (joined)
		args->node->guest_args = joined;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static bool parse_inet(const char *text, int family, bool with_len, struct inet *ret)
{
	char host[64];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;
	char *end;

	*ret = (struct inet){.family = family, .n_bits = family == AF_INET ? 32 : 128};
	if (!slash == with_len || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(family, host, ret->bytes) != 1)
		return false;
	ret->len = ret->n_bits;
	if (!slash)
		return true;
	bits = strtoul(slash + 1, &end, 10);
	ret->len = (unsigned)bits;
	return isdigit((unsigned char)slash[1]) && !*end && bits <= ret->n_bits;
}

/* Are the bits from `from` on all 0, or all 1? */
static bool rest_is(const struct inet *inet, unsigned from, bool ones)
{
	for (unsigned i = from; i < inet->n_bits; i++) {
		if ((inet->bytes[i / 8] >> (7 - i % 8) & 1) != ones)
			return false;
	}
	return true;
}

static bool is_in_network(const struct inet *inet, const struct inet *network)
{
	if (inet->family != network->family)
		return false;
	for (unsigned i = 0; i < network->len; i++) {
		if ((inet->bytes[i / 8] ^ network->bytes[i / 8]) >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

static bool is_link_local(const struct inet *inet)
{
	return inet->family == AF_INET6 && inet->bytes[0] == 0xfe &&
	       (inet->bytes[1] & 0xc0) == 0x80;
}

/* Why no host can have it; NULL = one can. RFC 1122 3.2.1.3, RFC 3021, RFC 4291 2.5 and 2.6. */
static const char *not_of_a_host(const struct inet *inet)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *b = inet->bytes;
	bool is_v4 = inet->family == AF_INET;

	if (is_v4 ? b[0] == 0 : rest_is(inet, 0, false))
		return "means that a host has no address yet";
	if (is_v4 ? b[0] == 127 : !memcmp(b, loopback, sizeof(loopback)))
		return "is a loopback address";
	if (is_v4 ? b[0] >> 4 == 14 : b[0] == 0xff)
		return "is a multicast address";
	if (is_v4 && b[0] >> 4 == 15)
		return "is a reserved address";
	/* A network of two hosts, or of one, has no address to spare. */
	if (inet->len + 2 > inet->n_bits)
		return NULL;
	if (rest_is(inet, inet->len, false))
		return is_v4 ? "is the network's address, not a host's"
			     : "is the address of any router, not of one host";
	if (is_v4 && rest_is(inet, inet->len, true))
		return "is the network's broadcast address";
	return NULL;
}

/* ---- Interfaces ------------------------------------------------------------------------------ */

static bool is_end(const struct topo_end *a, const struct topo_end *b)
{
	if (a->is_port || b->is_port)
		return a->is_port && b->is_port && a->port == b->port;
	return a->node == b->node && a->nic == b->nic;
}

/* The link that ends there; NULL = none does. */
static const struct topo_link *find_link(const struct topo *topo, struct topo_end end)
{
	for (unsigned i = 0; i < topo->n_links; i++) {
		const struct topo_link *link = &topo->links[i];

		if (is_end(&link->a, &end) || (link->joins_ports && is_end(&link->b, &end)))
			return link;
	}
	return NULL;
}

bool topo_find_segment(const struct topo *topo, const struct topo_link *link, uint16_t vid,
	struct topo_segment *ret)
{
	const struct topo_bridge *bridge = link->joins_ports ? NULL : &topo->bridges[link->bridge];

	*ret = (struct topo_segment){link->joins_ports,
		link->joins_ports ? (unsigned)(link - topo->links) : link->bridge, vid};
	if (link->joins_ports)
		return true;
	if (link->vlan_mode == CTL_VLAN_ACCESS) {
		ret->vid = link->tag;
		return !vid;
	}
	if (!vid && link->vlan_mode != CTL_VLAN_TRUNK) {
		ret->vid = link->native;
		return true;
	}
	if (!vid)
		return !CTL_HAS(&bridge->conf, ctl_bridge, vlans) &&
		       vlan_set_count(&link->trunks) == VLAN_MAX;
	return (vid == link->native || vlan_set_has(&link->trunks, vid)) &&
	       (!CTL_HAS(&bridge->conf, ctl_bridge, vlans) ||
		       vlan_set_has(&bridge->conf.vlans, vid));
}

/* What an address says where: "eth1", or "eth1.10" for a VLAN interface on it. */
struct place {
	const char *name;
	uint16_t vid; /* 0 = the interface itself */
	bool has_segment;
	struct topo_segment segment;
};

static void find_place(struct guest_args *args, unsigned nic, struct diag_mark mark,
	struct place *place)
{
	const struct topo *topo = args->reader->topo;
	const struct topo_end end = {.node = (unsigned)(args->node - topo->nodes), .nic = nic};
	const struct topo_link *link = find_link(topo, end);
	struct diag_item *item;

	if (!link)
		return; /* by "interfaces", or the link has an error of its own */
	place->has_segment = topo_find_segment(topo, link, place->vid, &place->segment);
	if (place->has_segment)
		return;
	if (place->vid)
		item = diag_add(args->reader->diag, mark, DIAG_VLAN_ROLE,
			"the link of %s's eth%u does not carry VLAN %u", args->node->name, nic + 1,
			place->vid);
	else
		item = diag_add(args->reader->diag, mark, DIAG_VLAN_ROLE,
			"the link of %s's eth%u drops untagged frames", args->node->name, nic + 1);
	if (!place->vid)
		diag_hint(item,
			"give it an access-vlan or native-vlan, at line %u, or write eth%u.VLAN",
			link->mark.line, nic + 1);
	else if (link->vlan_mode == CTL_VLAN_ACCESS)
		diag_hint(item, "an access port drops tagged frames, see line %u", link->mark.line);
	else
		diag_hint(item, "see its trunk-vlans, at line %u, and the bridge's vlans",
			link->mark.line);
}

/* An interface that is there; a VLAN interface is made by the way. */
static bool use_interface(struct guest_args *args, const char *name, struct diag_mark mark,
	struct place *place)
{
	const char *dot = strchr(name, '.');
	struct arena *arena = &args->reader->topo->arena;
	char *base = dot ? arena_copy(arena, name, (size_t)(dot - name)) : NULL;
	unsigned number = topo_interface(base ? base : name, mark, args->reader->diag);
	const char *vlan;

	*place = (struct place){.name = name};
	if (!number)
		return false;
	if (number > args->node->n_nics) {
		diag_hint(diag_add(args->reader->diag, mark, DIAG_INTERFACE,
				  "node \"%s\" has no interface eth%u", args->node->name, number),
			args->node->n_nics ? "no link ends there; it has eth1-eth%u"
					   : "no link ends at this node",
			args->node->n_nics);
		return false;
	}
	if (dot && vlan_parse(dot + 1, &place->vid)) {
		diag_add(args->reader->diag, mark, DIAG_VLAN_RANGE,
			"VLAN \"%.20s\" of \"%.40s\" is not in 1-4094", dot + 1, name);
		return false;
	}
	find_place(args, number - 1, mark, place);
	if (!dot)
		return true;
	vlan = arena_printf(arena, "weft.vlan=%s:%u", base, place->vid);
	for (unsigned i = 0; vlan && i < args->n_vlans; i++) {
		if (!strcmp(args->vlans[i], vlan))
			return true;
	}
	if (vlan && args->n_vlans < TOPO_MAX_ADDRS) {
		args->vlans[args->n_vlans++] = vlan;
		append(args, vlan);
	}
	return true;
}

/* ---- A node's -------------------------------------------------------------------------------- */

/* Keep it for what all of them together show. */
static void note_address(struct topo_reader *reader, const struct topo_addr *noted)
{
	struct topo_addr *addr = arena_alloc(&reader->topo->arena, sizeof(*addr));

	if (!addr)
		return;
	*addr = *noted;
	addr->next = reader->addrs;
	reader->addrs = addr;
	reader->n_addrs++;
}

/* Can a host have it? false: why not is in diag. */
static bool check_host(struct diag *diag, struct diag_mark mark, const char *text,
	const struct inet *inet)
{
	const char *why = not_of_a_host(inet);

	if (!why)
		return true;
	diag_hint(diag_add(diag, mark, DIAG_ADDRESS, "%.50s %s", text, why),
		"give each interface an address of its own in the network");
	return false;
}

/* Text between quotes, or what stands there instead of it. */
struct quoted {
	char text[64];
};

static struct quoted quote(const struct yaml_value *value)
{
	struct quoted quoted;
	bool is_text = value->kind == YAML_SCALAR && !topo_yaml_is_null(value);

	(void)snprintf(quoted.text, sizeof(quoted.text), is_text ? "\"%.50s\"" : "%s",
		is_text ? value->text : topo_yaml_kind(value));
	return quoted;
}

static void not_an_address(struct diag *diag, const struct yaml_value *value, int family)
{
	const char *text = value->kind == YAML_SCALAR ? value->text : "";
	const char *version = family == AF_INET ? "IPv4" : "IPv6", *slash = strchr(text, '/');
	struct quoted quoted = quote(value);
	struct diag_item *item;
	struct inet inet;
	char host[64];

	(void)snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : 63, text);
	if (!parse_inet(host, family, false, &inet)) {
		item = diag_add(diag, value->mark, DIAG_ADDRESS, "%s is not an %s address",
			quoted.text, version);
		if (parse_inet(host, family == AF_INET ? AF_INET6 : AF_INET, false, &inet))
			diag_hint(item, "write it under \"%s\"",
				family == AF_INET ? "ipv6" : "ipv4");
		else
			diag_hint(item,
				family == AF_INET ? "write 10.0.0.1/24" : "write 2001:db8::1/64");
		return;
	}
	if (slash)
		item = diag_add(diag, value->mark, DIAG_ADDRESS,
			"%s: a prefix length of %s is 0 to %u", quoted.text, version, inet.n_bits);
	else
		item = diag_add(diag, value->mark, DIAG_ADDRESS, "%s has no prefix length",
			quoted.text);
	diag_hint(item, "write %s/%d", host, family == AF_INET ? 24 : 64);
}

static void add_address(struct guest_args *args, const struct place *place,
	const struct yaml_value *value, int family)
{
	struct diag *diag = args->reader->diag;
	struct inet inet;

	if (value->kind != YAML_SCALAR || !parse_inet(value->text, family, true, &inet)) {
		not_an_address(diag, value, family);
		return;
	}
	if (!check_host(diag, value->mark, value->text, &inet))
		return;
	if (args->n_addrs++ < TOPO_MAX_ADDRS) {
		note_address(args->reader, &(struct topo_addr){.node = args->node,
						   .inet = inet,
						   .has_segment = place->has_segment,
						   .segment = place->segment,
						   .mark = value->mark,
						   .text = value->text});
		append(args, arena_printf(&args->reader->topo->arena, "weft.ip=%s:%s", place->name,
				     value->text));
	} else if (args->n_addrs == TOPO_MAX_ADDRS + 1) {
		diag_add(diag, value->mark, DIAG_LIMIT, "more than %d addresses", TOPO_MAX_ADDRS);
	}
}

static void add_addresses(struct guest_args *args, const struct yaml_value *map, int family)
{
	struct place place;

	if (!map || topo_yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		diag_hint(diag_add(args->reader->diag, map->mark, DIAG_TYPE,
				  "addresses are a map of interfaces, not %s", topo_yaml_kind(map)),
			family == AF_INET ? "write { eth1: 10.0.0.1/24 }"
					  : "write { eth1: 2001:db8::1/64 }");
		return;
	}
	for (const struct yaml_value *v = map->first; v; v = v->next) {
		if (!use_interface(args, v->key->text, v->key->mark, &place))
			continue;
		if (v->kind != YAML_LIST)
			add_address(args, &place, v, family);
		for (const struct yaml_value *item = v->kind == YAML_LIST ? v->first : NULL; item;
			item = item->next)
			add_address(args, &place, item, family);
	}
}

/* The first hop is on one of the node's own networks, or nobody can be asked where it is. */
static void check_gateway(struct guest_args *args, const struct yaml_value *value,
	const struct inet *gateway)
{
	struct diag *diag = args->reader->diag;
	const char *network = NULL;

	if (is_link_local(gateway))
		return;
	for (const struct topo_addr *a = args->reader->addrs; a && a->node == args->node;
		a = a->next) {
		if (a->inet.family != gateway->family)
			continue;
		network = a->text;
		if (!is_in_network(gateway, &a->inet))
			continue;
		if (!memcmp(a->inet.bytes, gateway->bytes, sizeof(gateway->bytes)))
			diag_hint(diag_add(diag, value->mark, DIAG_ADDRESS,
					  "gateway %.50s is an address of node \"%s\" itself",
					  value->text, args->node->name),
				"write the address of the router on that network");
		return;
	}
	diag_hint(diag_add(diag, value->mark, DIAG_ADDRESS,
			  "gateway %.50s is in no network of node \"%s\"", value->text,
			  args->node->name),
		network ? "its network is that of %s" : "it has no address of that family",
		network);
}

static void add_gateway(struct guest_args *args, const struct yaml_value *value)
{
	struct inet gateway;

	if (value->kind == YAML_SCALAR &&
		(parse_inet(value->text, AF_INET, true, &gateway) ||
			parse_inet(value->text, AF_INET6, true, &gateway))) {
		diag_hint(diag_add(args->reader->diag, value->mark, DIAG_ADDRESS,
				  "gateway %s has a prefix length", quote(value).text),
			"write %.*s", (int)strcspn(value->text, "/"), value->text);
		return;
	}
	if (value->kind != YAML_SCALAR ||
		(!parse_inet(value->text, AF_INET, false, &gateway) &&
			!parse_inet(value->text, AF_INET6, false, &gateway))) {
		diag_hint(diag_add(args->reader->diag, value->mark, DIAG_ADDRESS,
				  "gateway: %s is not an address", quote(value).text),
			"write it like 10.0.0.254 or 2001:db8::1");
		return;
	}
	check_gateway(args, value, &gateway);
	append(args, arena_printf(&args->reader->topo->arena, "weft.gw=%s", value->text));
}

void topo_read_addresses(struct topo_reader *reader, struct topo_node *node,
	const struct topo_node_spec *spec)
{
	struct guest_args args = {.reader = reader, .node = node};
	const struct yaml_value *gateway =
		spec->gateway && topo_yaml_is_null(spec->gateway) ? NULL : spec->gateway;

	if (node->image && node->image->is_nfguest) {
		if (node->n_nics > TOPO_NFGUEST_NICS)
			diag_add(reader->diag, node->mark, DIAG_INTERFACE,
				"node \"%s\" has %u interfaces, an nfguest drives %d at most",
				node->name, node->n_nics, TOPO_NFGUEST_NICS);
		return;
	}
	append(&args, arena_printf(&reader->topo->arena, "hostname=%s", node->name));
	add_addresses(&args, spec->ipv4, AF_INET);
	add_addresses(&args, spec->ipv6, AF_INET6);
	if (gateway && gateway->kind != YAML_LIST)
		add_gateway(&args, gateway);
	for (const struct yaml_value *v = gateway && gateway->kind == YAML_LIST ? gateway->first
										: NULL;
		v; v = v->next)
		add_gateway(&args, v);
	if (spec->forwarding)
		append(&args, "weft.fwd=1");
}

/* ---- A port's -------------------------------------------------------------------------------- */

/* Where untagged frames of a port go: what has an address there, sends such. */
static bool find_port_segment(struct topo_reader *reader, const struct topo_port *port,
	struct topo_segment *ret)
{
	const struct topo *topo = reader->topo;
	const struct topo_end end = {.is_port = true, .port = (unsigned)(port - topo->ports)};
	const struct topo_link *link = find_link(topo, end);

	if (!link)
		return false; /* or the link has an error of its own */
	if (topo_find_segment(topo, link, 0, ret))
		return true;
	diag_hint(diag_add(reader->diag, port->ip, DIAG_VLAN_ROLE,
			  "the link of port \"%s\" drops untagged frames", port->name),
		"give it an access-vlan or native-vlan, at line %u", link->mark.line);
	return false;
}

/* "A/P,B/P": each has the right form already. */
static void add_port_addresses(struct topo_reader *reader, const struct topo_port *port)
{
	struct topo_addr addr = {.port = port, .mark = port->ip};
	const char *text = port->conf.ip, *seps = ",";

	if (!text[strspn(text, seps)])
		return;
	addr.has_segment = find_port_segment(reader, port, &addr.segment);
	for (size_t len; *(text += strspn(text, seps)); text += len) {
		len = strcspn(text, seps);
		addr.text = arena_copy(&reader->topo->arena, text, len);
		if (addr.text &&
			parse_inet(addr.text, strchr(addr.text, ':') ? AF_INET6 : AF_INET, true,
				&addr.inet) &&
			check_host(reader->diag, addr.mark, addr.text, &addr.inet))
			note_address(reader, &addr);
	}
}

/* ---- All ------------------------------------------------------------------------------------- */

static int compare_u(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

/* By segment and address: those that are the same stand side by side. */
static int compare_addrs(const void *left, const void *right)
{
	const struct topo_addr *a = *(const struct topo_addr *const *)left;
	const struct topo_addr *b = *(const struct topo_addr *const *)right;
	int order = compare_u(a->segment.joins_ports, b->segment.joins_ports);

	if (!order)
		order = compare_u(a->segment.idx, b->segment.idx);
	if (!order)
		order = compare_u(a->segment.vid, b->segment.vid);
	if (!order)
		order = compare_u((unsigned)a->inet.family, (unsigned)b->inet.family);
	return order ? order : memcmp(a->inet.bytes, b->inet.bytes, sizeof(a->inet.bytes));
}

/* In the order of the file; nodes of a range stand at one place. */
static bool is_later(const struct topo_addr *a, const struct topo_addr *b)
{
	if (a->mark.line != b->mark.line)
		return a->mark.line > b->mark.line;
	return a->mark.column != b->mark.column ? a->mark.column > b->mark.column
						: a->node > b->node;
}

static void complain(struct topo_reader *reader, const struct topo_addr *first,
	const struct topo_addr *second)
{
	bool is_range =
		first->mark.line == second->mark.line && first->mark.column == second->mark.column;
	struct diag_item *item = diag_add(reader->diag, second->mark, DIAG_ADDRESS,
		"%.50s is an address of %s \"%s\" already", second->text,
		first->node ? "node" : "port", first->node ? first->node->name : first->port->name);

	if (!is_range)
		diag_hint(item, "see line %u: both are on the same network", first->mark.line);
	else if (first->node)
		diag_hint(item, "the nodes of a range need addresses of their own: write them one "
				"by one");
}

void topo_check_addresses(struct topo_reader *reader)
{
	const struct topo_addr **sorted;
	unsigned n = 0;

	for (unsigned i = 0; i < reader->topo->n_ports; i++)
		add_port_addresses(reader, &reader->topo->ports[i]);
	sorted = arena_alloc(&reader->topo->arena,
		(reader->n_addrs + 1) * sizeof(const struct topo_addr *));
	if (!sorted)
		return;
	for (const struct topo_addr *a = reader->addrs; a; a = a->next) {
		if (a->has_segment)
			sorted[n++] = a;
	}
	qsort(sorted, n, sizeof(const struct topo_addr *), compare_addrs);
	for (unsigned i = 1; i < n; i++) {
		const struct topo_addr *first = sorted[i - 1], *second = sorted[i];

		if (compare_addrs(&sorted[i - 1], &sorted[i]))
			continue;
		if (is_later(first, second)) {
			second = sorted[i - 1];
			first = sorted[i];
		}
		complain(reader, first, second);
	}
}
