#include "fwd.h"

#include "deliver.h"
#include "notify.h"
#include "offload.h"
#include "tag.h"

#include <rte_cycles.h>
#include <string.h>

/** 01:80:c2:00:00:00-0f: IEEE 802.1Q-2018, table 8-1 "reserved addresses". */
#define RESERVED_PREFIX UINT64_C(0x0180c2000000)
#define MAC_MASK	UINT64_C(0xffffffffffff)
#define MAC_GROUP	(UINT64_C(1) << 40)

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static uint64_t frame_dst(const struct frame *frame)
{
	return load_be64(frame->head) >> 16;
}

static uint64_t frame_src(const struct frame *frame)
{
	return load_be64(frame->head + 4) & MAC_MASK;
}

/** Send the frames of mask to port_id. */
static inline void send_to(struct fwd *fwd, uint16_t port_id, uint64_t mask, uint64_t tagged)
{
	if (!fwd->out[port_id])
		fwd->out_ports[fwd->n_out_ports++] = port_id;
	fwd->out[port_id] |= mask;
	fwd->out_tagged[port_id] |= tagged;
}

/* ---- Learning ---- */

/** Tell control that an address was seen here, unless it was told so a moment ago. */
static void note_source(struct fwd *fwd, const struct dp_bridge *bridge, uint16_t port_id,
	uint64_t key, uint64_t hash, uint64_t now_tsc)
{
	unsigned at = hash % FWD_NOTE_FILTER;
	const struct note note = {.mac48 = key & MAC_MASK,
		.vid = key >> 48 & 0xfff,
		.port_id = port_id,
		.bridge_id = bridge->id};

	if (fwd->note_filter[at].key == key && fwd->note_filter[at].port_id == port_id &&
		now_tsc - fwd->note_filter[at].tsc < fwd->note_interval_tsc)
		return;
	fwd->note_filter[at].key = key;
	fwd->note_filter[at].port_id = port_id;
	fwd->note_filter[at].tsc = now_tsc;
	note_put(fwd->notes, &note);
	fwd->wants_attention = true;
}

/* ---- Bridges ---- */

/** A burst on its way through a bridge. */
struct pass {
	const struct dp_snapshot *snapshot;
	const struct dp_port *port; /* where it came from */
	struct dp_counters *counters;
	uint64_t todo; /* frames still to be decided about */
	uint64_t flood;
	uint64_t dst_key[FRAME_BURST], dst_hash[FRAME_BURST];
	uint64_t src_key[FRAME_BURST], src_hash[FRAME_BURST];
};

/** Admit or refuse a frame and start the look-ups of the admitted. A reason, or TAG_PASS. */
static enum drop_reason admit(struct fwd *fwd, struct pass *pass, unsigned i)
{
	const struct dp_bridge *bridge = pass->port->bridge;
	struct frame *frame = &fwd->frames[i];
	uint64_t dst = frame_dst(frame), src = frame_src(frame);
	enum drop_reason reason = tag_ingress(pass->port, frame);

	if (reason != TAG_PASS)
		return reason;
	if (src & MAC_GROUP || !src)
		return DROP_RX_SOURCE;
	if ((dst & ~UINT64_C(0xf)) == RESERVED_PREFIX && bridge->keep_reserved)
		return DROP_RX_RESERVED;
	pass->src_key[i] = fdb_key(frame->vid, src);
	pass->src_hash[i] = fdb_hash(pass->src_key[i]);
	__builtin_prefetch(fdb_first(bridge->fdb, pass->src_hash[i]));
	if (dst & MAC_GROUP) {
		pass->flood |= UINT64_C(1) << i;
	} else {
		pass->dst_key[i] = fdb_key(frame->vid, dst);
		pass->dst_hash[i] = fdb_hash(pass->dst_key[i]);
		__builtin_prefetch(fdb_first(bridge->fdb, pass->dst_hash[i]));
	}
	return TAG_PASS;
}

/** Check that the sources of the burst are known to be here. Equal neighbours are looked up once.
 */
static void learn(struct fwd *fwd, const struct pass *pass)
{
	const struct dp_bridge *bridge = pass->port->bridge;
	uint64_t last = FDB_KEY_EMPTY, now_tsc = 0;

	for (uint64_t left = pass->todo; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t key = pass->src_key[i];

		if (key == last)
			continue;
		last = key;
		uint16_t value = fdb_lookup(bridge->fdb, key, pass->src_hash[i], true);
		/* A static address stays where it was put, whoever uses it. */
		if (value == pass->port->id || (value != FDB_NONE && value & FDB_STATIC))
			continue;
		if (!now_tsc)
			now_tsc = rte_rdtsc();
		note_source(fwd, bridge, pass->port->id, key, pass->src_hash[i], now_tsc);
	}
}

/** Send one frame to the port that its address is known to be at. False: nobody knows it. */
static bool send_known(struct fwd *fwd, const struct pass *pass, unsigned i, uint16_t value)
{
	uint16_t port_id = value & FDB_PORT_MASK, vid = fwd->frames[i].vid;
	const struct dp_port *to = &pass->snapshot->ports[port_id];

	/* An entry may be older than the configuration: then it is worth nothing. */
	if (value == FDB_NONE || port_id >= pass->snapshot->n_ports ||
		to->bridge != pass->port->bridge)
		return false;
	if (port_id == pass->port->id)
		pass->counters->drops[DROP_RX_SAME_PORT]++;
	else if (!tag_is_member(to, vid))
		fwd->counters[port_id].drops[DROP_TX_VLAN]++;
	else
		send_to(fwd, port_id, UINT64_C(1) << i, (uint64_t)tag_is_tagged(to, vid) << i);
	return true;
}

/** Send frames, all of VLAN vid, to every member port but the one they came from. */
static void flood(struct fwd *fwd, const struct pass *pass, uint64_t mask, uint16_t vid)
{
	const struct dp_bridge *bridge = pass->port->bridge;
	unsigned n = (unsigned)__builtin_popcountll(mask), copies = 0;

	for (unsigned m = 0; m < bridge->n_ports; m++) {
		const struct dp_port *to = &pass->snapshot->ports[bridge->ports[m]];

		if (to == pass->port || !tag_is_member(to, vid))
			continue;
		send_to(fwd, to->id, mask, tag_is_tagged(to, vid) ? mask : 0);
		copies++;
	}
	if (!copies)
		pass->counters->drops[DROP_RX_NO_MEMBER] += n;
	else
		pass->counters->copies += (uint64_t)n * (copies - 1);
}

static void flood_all(struct fwd *fwd, struct pass *pass)
{
	/* By VLAN: who its members are is the same for all frames of one. */
	while (pass->flood) {
		uint16_t vid = fwd->frames[__builtin_ctzll(pass->flood)].vid;
		uint64_t mask = 0;

		for (uint64_t left = pass->flood; left; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctzll(left);
			if (fwd->frames[i].vid == vid)
				mask |= UINT64_C(1) << i;
		}
		flood(fwd, pass, mask, vid);
		pass->flood &= ~mask;
	}
}

static void forward_bridge(struct fwd *fwd, struct pass *pass)
{
	const struct fdb *fdb = pass->port->bridge->fdb;
	uint64_t last = FDB_KEY_EMPTY;
	uint16_t value = FDB_NONE;

	for (uint64_t left = pass->todo; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		enum drop_reason reason = admit(fwd, pass, i);

		if (reason == TAG_PASS)
			continue;
		pass->counters->drops[reason]++;
		pass->todo &= ~(UINT64_C(1) << i);
	}
	learn(fwd, pass);
	for (uint64_t left = pass->todo & ~pass->flood; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (pass->dst_key[i] != last) {
			last = pass->dst_key[i];
			value = fdb_lookup(fdb, last, pass->dst_hash[i], false);
		}
		if (!send_known(fwd, pass, i, value))
			pass->flood |= UINT64_C(1) << i;
	}
	flood_all(fwd, pass);
}

/* ---- Bursts ---- */

/** Count a burst's frames; drop those that are none. Returns the mask of the others. */
static uint64_t inspect(
	struct fwd *fwd, unsigned n, uint64_t features, struct dp_counters *counters)
{
	uint64_t good = 0, bytes = 0, multicast = 0, broadcast = 0;

	for (unsigned i = 0; i < n; i++) {
		struct frame *frame = &fwd->frames[i];
		enum drop_reason reason = TAG_PASS;

		bytes += frame->len;
		if (frame->len < ETHER_HDR_LEN) {
			reason = DROP_RX_TOO_SHORT;
		} else if (frame->len > FRAME_MAX_LEN) {
			reason = DROP_RX_TOO_LONG;
		} else if (frame->hdr.flags | frame->hdr.gso_type) {
			if (!offload_sanitize(&frame->hdr, frame->len, features))
				reason = DROP_RX_BAD_HEADER;
		} else {
			memset(&frame->hdr, 0, sizeof(frame->hdr));
		}
		if (reason != TAG_PASS) {
			counters->drops[reason]++;
			continue;
		}
		good |= UINT64_C(1) << i;
		if (frame->head[0] & 1) {
			if (frame_dst(frame) == MAC_MASK)
				broadcast++;
			else
				multicast++;
		}
	}
	counters->rx_frames += n;
	counters->rx_bytes += bytes;
	counters->rx_multicast += multicast;
	counters->rx_broadcast += broadcast;
	return good;
}

/** Why nothing of this port goes anywhere, or TAG_PASS. */
static enum drop_reason port_obstacle(const struct dp_port *port)
{
	if (!(port->flags & DP_PORT_ENABLED))
		return DROP_RX_PORT_DOWN;
	if (port->flags & DP_PORT_WIRE)
		return port->wire_peer == DP_NO_PORT ? DROP_RX_LINK_DOWN : TAG_PASS;
	return port->bridge ? TAG_PASS : DROP_RX_NO_BRIDGE;
}

static void forward(struct fwd *fwd, struct pass *pass)
{
	enum drop_reason obstacle = port_obstacle(pass->port);

	if (!pass->todo)
		return;
	if (obstacle != TAG_PASS)
		pass->counters->drops[obstacle] += (unsigned)__builtin_popcountll(pass->todo);
	else if (pass->port->flags & DP_PORT_WIRE)
		send_to(fwd, pass->port->wire_peer, pass->todo, 0);
	else
		forward_bridge(fwd, pass);
}

/** A burst of a guest's or a device's frames, and what may be asked for in them. */
static inline unsigned take(struct fwd *fwd, const struct dp_rx *rx, uint64_t *ret_features)
{
	struct vring *ring = rx->ring;
	unsigned n;

	if (rx->eth) {
		*ret_features = rx->eth->rx_features;
		return ethq_take(rx->eth, fwd->frames, FRAME_BURST, fwd->segs, FWD_MAX_SEGS);
	}
	*ret_features = ring->features;
	n = vring_take(ring, fwd->frames, FRAME_BURST, fwd->segs, FWD_MAX_SEGS);
	if (__builtin_expect(vring_is_broken(ring), 0) && !ring->fault_told)
		fwd->wants_attention = ring->fault_told = true;
	return n;
}

static inline void give_back(struct fwd *fwd, const struct dp_rx *rx, unsigned n)
{
	if (rx->eth) {
		ethq_return(rx->eth);
		return;
	}
	vring_return(rx->ring, fwd->frames, n);
	notify_driver(rx->ring);
}

unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snapshot, const struct dp_rx *rx)
{
	struct pass pass __attribute__((uninitialized));
	uint64_t features;
	unsigned n = take(fwd, rx, &features);

	if (!n)
		return 0;
	pass.snapshot = snapshot;
	pass.port = &snapshot->ports[rx->port_id];
	pass.counters = &fwd->counters[rx->port_id];
	pass.todo = inspect(fwd, n, features, pass.counters);
	pass.flood = 0;
	forward(fwd, &pass);
	for (unsigned i = 0; i < fwd->n_out_ports; i++) {
		uint16_t port_id = fwd->out_ports[i];

		deliver(fwd, snapshot, port_id, rx->queue);
		fwd->out[port_id] = fwd->out_tagged[port_id] = 0;
	}
	fwd->n_out_ports = 0;
	/* Receivers first: the sender may reuse its buffers from here on. */
	give_back(fwd, rx, n);
	return n;
}
