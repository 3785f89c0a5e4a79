#include "fwd.h"

#include "offload.h"

#include <string.h>

static struct dp_counters *counters(struct fwd *fwd, const struct dp_port *port)
{
	return &fwd->counters[port->id];
}

static uint64_t mac_at(const uint8_t *p)
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, p, 4);
	memcpy(&low, p + 4, 2);
	return (uint64_t)__builtin_bswap32(high) << 16 | __builtin_bswap16(low);
}

static uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* ---- Classification ---- */

/** Count what came in, and keep in pass[] what is a frame at all. */
static void check_frames(struct fwd *fwd, const struct dp_port *port, unsigned n)
{
	struct dp_counters *c = counters(fwd, port);
	uint64_t bytes = 0;

	fwd->n_pass = 0;
	for (unsigned i = 0; i < n; i++) {
		struct frame *frame = &fwd->frames[i];

		bytes += frame->len;
		if (__builtin_expect(frame->len < ETHER_HDR_LEN, 0)) {
			c->drops[DROP_RX_TOO_SHORT]++;
			continue;
		}
		if (frame->head[0] & 1) {
			if (mac_at(frame->head) == UINT64_C(0xffffffffffff))
				c->rx_broadcast++;
			else
				c->rx_multicast++;
		}
		if (__builtin_expect(frame->len > FRAME_MAX_LEN, 0))
			c->drops[DROP_RX_TOO_LONG]++;
		else if (__builtin_expect(!offload_sanitize(&frame->hdr, frame->len), 0))
			c->drops[DROP_RX_BAD_HEADER]++;
		else
			fwd->pass[fwd->n_pass++] = (uint8_t)i;
	}
	c->rx_frames += n;
	c->rx_bytes += bytes;
}

static void drop_all(struct fwd *fwd, const struct dp_port *port, enum drop_reason reason)
{
	counters(fwd, port)->drops[reason] += fwd->n_pass;
	fwd->n_pass = 0;
}

static void list_add(struct fwd *fwd, uint16_t out, unsigned i)
{
	if (!fwd->out_len[out])
		fwd->outs[fwd->n_outs++] = out;
	fwd->out_idx[out][fwd->out_len[out]++] = (uint8_t)i;
}

/** Take the C-tag off, if there is one. Returns its TCI, or 0 for an untagged frame. */
static uint16_t pop_tag(struct frame *frame, bool *ret_tagged)
{
	*ret_tagged = be16_at(frame->head + 12) == ETHER_TYPE_VLAN && frame->len >= ETHER_HDR_LEN + 4;
	if (!*ret_tagged)
		return 0;
	frame->rest_off = 16;
	frame->len -= 4;
	if (frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		frame->hdr.csum_start -= 4;
	if (frame->hdr.hdr_len >= 4)
		frame->hdr.hdr_len -= 4;
	return be16_at(frame->head + 14);
}

/**
 * 8.6.1, 8.6.2: which VLAN is the frame in, and may the port bring it in?
 * returns  the drop reason, or DROP_N_REASONS to go on
 */
static enum drop_reason ingress_vlan(const struct dp_port *port, struct frame *frame)
{
	bool tagged;
	uint16_t tci;

	/* A checksum that starts inside the tag would start outside the frame without it. */
	if (frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && frame->hdr.csum_start < 18 &&
		be16_at(frame->head + 12) == ETHER_TYPE_VLAN)
		return DROP_RX_BAD_HEADER;
	tci = pop_tag(frame, &tagged);
	frame->vid = tci & 0xfff;
	if (frame->vid) {
		frame->tci = tci;
		if (!(port->flags & DP_PORT_TAGGED) || !vlan_set_has(port->vlans, frame->vid))
			return DROP_RX_VLAN;
		return DROP_N_REASONS;
	}
	if (!(port->flags & DP_PORT_UNTAGGED))
		return DROP_RX_UNTAGGED;
	frame->vid = port->pvid;
	frame->tci = (uint16_t)((tci & 0xf000) | port->pvid);
	return DROP_N_REASONS;
}

static bool is_reserved(uint64_t mac)
{
	return (mac & ~UINT64_C(0xf)) == UINT64_C(0x0180c2000000);
}

/** First pass: VLAN and addresses; keys of what goes on, their buckets on the way to the cache. */
static void classify_keys(struct fwd *fwd, const struct dp_port *port)
{
	struct dp_counters *c = counters(fwd, port);
	const struct fdb *fdb = port->bridge->fdb;
	unsigned n = 0;

	for (unsigned k = 0; k < fwd->n_pass; k++) {
		unsigned i = fwd->pass[k];
		struct frame *frame = &fwd->frames[i];
		uint64_t dst = mac_at(frame->head), src = mac_at(frame->head + 6);
		enum drop_reason why = ingress_vlan(port, frame);

		if (why == DROP_N_REASONS && (src >> 40 & 1 || !src))
			why = DROP_RX_SOURCE;
		if (why == DROP_N_REASONS && port->bridge->keep_reserved && is_reserved(dst))
			why = DROP_RX_RESERVED;
		if (__builtin_expect(why != DROP_N_REASONS, 0)) {
			c->drops[why]++;
			continue;
		}
		fwd->src_key[i] = fdb_key(frame->vid, src);
		fwd->dst_key[i] = fdb_key(frame->vid, dst);
		fwd->src_hash[i] = fdb_hash(fwd->src_key[i]);
		fwd->dst_hash[i] = fdb_hash(fwd->dst_key[i]);
		__builtin_prefetch(fdb_first(fdb, fwd->src_hash[i]));
		__builtin_prefetch(fdb_first(fdb, fwd->dst_hash[i]));
		fwd->pass[n++] = (uint8_t)i;
	}
	fwd->n_pass = n;
}

/** 8.7: note sources that are unknown or elsewhere. Equal neighbours are looked up once. */
static void learn(struct fwd *fwd, const struct dp_port *port)
{
	const struct fdb *fdb = port->bridge->fdb;
	uint64_t last = FDB_KEY_EMPTY;

	for (unsigned k = 0; k < fwd->n_pass; k++) {
		unsigned i = fwd->pass[k];

		if (fwd->src_key[i] == last)
			continue;
		last = fwd->src_key[i];
		uint16_t value = fdb_lookup(fdb, last, fwd->src_hash[i], true);
		if (__builtin_expect(value == port->id || (value != FDB_NONE && value & FDB_STATIC), 1))
			continue;
		const struct note note = {.mac48 = last & UINT64_C(0xffffffffffff),
			.vid = fwd->frames[i].vid,
			.port_id = port->id,
			.bridge_id = port->bridge->id};
		note_put(fwd->notes, &note);
		fwd->attention = true;
	}
}

/** To every other running member of the VLAN. */
static void flood(struct fwd *fwd, const struct dp_snapshot *snap, const struct dp_port *port, unsigned i)
{
	const struct dp_bridge *bridge = port->bridge;
	uint16_t vid = fwd->frames[i].vid;
	unsigned n = 0;

	for (unsigned k = 0; k < bridge->n_ports; k++) {
		const struct dp_port *to = &snap->ports[bridge->ports[k]];
		if (to == port || !to->n_tx || !(to->flags & DP_PORT_ENABLED) || !fwd_is_member(to, vid))
			continue;
		list_add(fwd, to->id, i);
		n++;
	}
	if (n)
		counters(fwd, port)->copies += n - 1;
	else
		counters(fwd, port)->drops[DROP_RX_NO_MEMBER]++;
}

/** 8.6.3: where to. Equal neighbours are looked up once. */
static void classify_outputs(struct fwd *fwd, const struct dp_snapshot *snap, const struct dp_port *port)
{
	const struct fdb *fdb = port->bridge->fdb;
	struct dp_counters *c = counters(fwd, port);
	uint64_t last = FDB_KEY_EMPTY;
	uint16_t value = FDB_NONE;

	for (unsigned k = 0; k < fwd->n_pass; k++) {
		unsigned i = fwd->pass[k];

		if (fwd->dst_key[i] != last) {
			last = fwd->dst_key[i];
			/* A group address is never learned, but may be entered by hand. */
			value = fdb_lookup(fdb, last, fwd->dst_hash[i], false);
		}
		if (value == FDB_NONE) {
			flood(fwd, snap, port, i);
			continue;
		}
		uint16_t out = value & FDB_PORT_MASK;
		if (__builtin_expect(out == port->id, 0))
			c->drops[DROP_RX_SAME_PORT]++;
		else if (__builtin_expect(!fwd_is_member(&snap->ports[out], fwd->frames[i].vid), 0))
			counters(fwd, &snap->ports[out])->drops[DROP_TX_VLAN]++;
		else
			list_add(fwd, out, i);
	}
}

static void forward_bridge(struct fwd *fwd, const struct dp_snapshot *snap, const struct dp_port *port)
{
	classify_keys(fwd, port);
	learn(fwd, port);
	classify_outputs(fwd, snap, port);
}

/** A wire looks at nothing. */
static void forward_wire(struct fwd *fwd, const struct dp_port *port)
{
	if (port->wire_peer == DP_NO_PORT) {
		drop_all(fwd, port, DROP_RX_LINK_DOWN);
		return;
	}
	for (unsigned k = 0; k < fwd->n_pass; k++)
		list_add(fwd, port->wire_peer, fwd->pass[k]);
}

unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snap, const struct dp_rx *rx)
{
	const struct dp_port *port = &snap->ports[rx->port_id];
	unsigned n = vring_take(rx->ring, fwd->frames, FRAME_BURST, fwd->segs, FWD_SEGS);

	if (__builtin_expect(atomic_load_explicit(&rx->ring->broken, memory_order_relaxed), 0))
		fwd->attention = true;
	if (!n)
		return 0;
	check_frames(fwd, port, n);
	if (__builtin_expect(!(port->flags & DP_PORT_ENABLED), 0))
		drop_all(fwd, port, DROP_RX_PORT_DOWN);
	else if (port->flags & DP_PORT_WIRE)
		forward_wire(fwd, port);
	else if (port->bridge)
		forward_bridge(fwd, snap, port);
	else
		drop_all(fwd, port, DROP_RX_NO_BRIDGE);
	for (unsigned k = 0; k < fwd->n_outs; k++) {
		deliver(fwd, snap, fwd->outs[k], rx->queue);
		fwd->out_len[fwd->outs[k]] = 0;
	}
	fwd->n_outs = 0;
	vring_return(rx->ring, fwd->frames, n);
	if (fwd->n_touched < DP_MAX_PORTS)
		fwd->touched[fwd->n_touched++] = rx->ring;
	return n;
}
