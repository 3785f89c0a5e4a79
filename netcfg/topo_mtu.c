/*
 * MTUs of one network. Nodes whose untagged frames meet on a bridge are told the same one: what the
 * larger MTU lets one node send, a node with the smaller one does not receive, and nothing tells
 * either.
 *
 * Of nodes alone, and of what the file says. A port of the host may take more than the nodes send,
 * such as a trunk; an interface on a VLAN of a trunk has an MTU that its node gives it.
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

static void complain(struct topo_reader *reader, const struct topo_link *first,
	const struct topo_link *link)
{
	const struct topo *topo = reader->topo;

	diag_hint(diag_add(reader->diag, link->mtu_mark, DIAG_MTU,
			  "%s:eth%u has mtu %u, but %s:eth%u on the same network has %u",
			  topo->nodes[link->a.node].name, link->a.nic + 1, link->mtu,
			  topo->nodes[first->a.node].name, first->a.nic + 1, first->mtu),
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
		if (!link->joins_ports && !link->a.is_port && link->mtu &&
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
