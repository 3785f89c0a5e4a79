/*
 * MTUs of one network. Nodes and interfaces of the host whose untagged frames meet on a bridge are
 * told the same one: what the larger MTU lets one of them send, one with the smaller does not
 * receive, and nothing tells either.
 *
 * Of what the file says alone. What stands behind a socket has an MTU of its own, and a file takes
 * frames of any length; an interface on a VLAN of a trunk has an MTU that its node gives it.
 */
#include "topo_priv.h"

#include <stdlib.h>

struct member {
	const struct topo_link *link;
	struct topo_segment segment;
};

static int compare_segments(const struct member *a, const struct member *b)
{
	if (a->segment.idx != b->segment.idx)
		return a->segment.idx < b->segment.idx ? -1 : 1;
	return (a->segment.vid > b->segment.vid) - (a->segment.vid < b->segment.vid);
}

/* By segment, in the order of the file. */
static int compare(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = compare_segments(a, b);

	return order ? order : (a->link > b->link) - (a->link < b->link);
}

/* Does this end tell somebody its MTU? */
static bool has_mtu(const struct topo *topo, const struct topo_end *end)
{
	if (!end->is_port)
		return true;
	switch ((enum ctl_port_type)topo->ports[end->port].conf.type) {
	case CTL_PORT_NIC:
	case CTL_PORT_AF_XDP:
	case CTL_PORT_AF_PACKET:
	case CTL_PORT_TAP:
	case CTL_PORT_VETH:
		return true;
	case CTL_PORT_VHOST_USER:
	case CTL_PORT_PCAP:
	case CTL_PORT_MEMIF:
	case CTL_PORT_DPDK:
	case CTL_PORT_PATCH:
		break;
	}
	return false;
}

/* As the file writes it; an empty text: out of memory, which the reader says. */
static const char *end_name(struct topo *topo, const struct topo_end *end)
{
	const char *name = end->is_port ? topo->ports[end->port].name
					: arena_printf(&topo->arena, "%s:eth%u",
						  topo->nodes[end->node].name, end->nic + 1);

	return name ? name : "";
}

static void complain(struct topo_reader *reader, const struct topo_link *first,
	const struct topo_link *link)
{
	struct topo *topo = reader->topo;

	diag_hint(diag_add(reader->diag, link->mtu_mark, DIAG_MTU,
			  "%s has mtu %u, but %s on the same network has %u",
			  end_name(topo, &link->a), link->mtu, end_name(topo, &first->a),
			  first->mtu),
		"larger packets would be lost between them: see line %u", first->mtu_mark.line);
}

void topo_check_mtus(struct topo_reader *reader)
{
	struct topo *topo = reader->topo;
	struct member *members = arena_alloc(&topo->arena, (topo->n_links + 1) * sizeof(*members));
	unsigned n = 0, first = 0;

	for (unsigned i = 0; members && i < topo->n_links; i++) {
		const struct topo_link *link = &topo->links[i];

		members[n].link = link;
		if (!link->joins_ports && has_mtu(topo, &link->a) && link->mtu &&
			topo_find_segment(topo, link, 0, &members[n].segment))
			n++;
	}
	if (!n)
		return;
	qsort(members, n, sizeof(*members), compare);
	for (unsigned i = 1; i < n; i++) {
		if (compare_segments(&members[first], &members[i]))
			first = i;
		else if (members[i].link->mtu != members[first].link->mtu)
			complain(reader, members[first].link, members[i].link);
	}
}
