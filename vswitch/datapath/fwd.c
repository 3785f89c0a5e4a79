#include "fwd.h"

#include "inject.h"
#include "offload.h"
#include "spin.h"
#include "tag.h"

#include <rte_cycles.h>
#include <string.h>

/* 01:80:c2:00:00:00-0f: IEEE 802.1Q-2018, table 8-1 "reserved addresses". */
#define RESERVED_PREFIX UINT64_C(0x0180c2000000)
#define MAC_MASK        UINT64_C(0xffffffffffff)
#define MAC_GROUP       (UINT64_C(1) << 40)

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static uint64_t frame_dst(const struct frame *frame)
{
	return load_be64(frame->header) >> 16;
}

static uint64_t frame_src(const struct frame *frame)
{
	return load_be64(frame->header + 4) & MAC_MASK;
}

/* Send the frames of mask to port_id. */
static inline void send_to(struct fwd_out *out, uint16_t port_id, uint64_t mask, uint64_t tagged)
{
	if (!out->frames[port_id])
		out->ports[out->n_ports++] = port_id;
	out->frames[port_id] |= mask;
	out->tagged[port_id] |= tagged;
}

/* ---- Bridges ---- */

/* Frames of a burst with the same addresses and tag: decided about once. */
struct flow {
	uint64_t frames; /* bit i: frames[i] */
	struct frame *first;
	uint64_t dst_key, src_key;
	struct fdb_bucket *dst_first, *src_first;
};

#define FLOW_SLOTS 64
_Static_assert(FRAME_BURST < UINT8_MAX, "the number of a flow is a byte");

/* A burst on its way through a bridge. */
struct pass {
	const struct dp_snapshot *snapshot;
	const struct dp_port *port; /* where it came from */
	struct dp_counters *counters;
	const struct stage *stages; /* to pass first; NULL: none */
	bool is_disabled;           /* its queue */
	bool takes_untagged;
	bool has_tags;   /* a tag was taken off some frame */
	uint64_t todo;   /* frames still to be decided about */
	uint64_t tagged; /* through a patch port: came with a tag, by their tci */
	uint64_t flood;
	uint64_t may_wait; /* in the queue that they came from, for a receiver */
	unsigned n_flows;
	struct flow flows[FRAME_BURST];
};

/* A frame whose VLAN is known begins a flow, and its look-ups. A reason to refuse it, or TAG_PASS.
 */
static inline enum drop_reason begin_flow(struct fwd *fwd, struct pass *pass, unsigned i)
{
	const struct dp_bridge *bridge = pass->port->bridge;
	struct flow *flow = &pass->flows[pass->n_flows];
	struct frame *frame = &fwd->frames[i];
	uint64_t dst = frame_dst(frame), src = frame_src(frame);

	if (src & MAC_GROUP || !src)
		return DROP_RX_SOURCE;
	if (bridge->keep_reserved && (dst & ~UINT64_C(0xf)) == RESERVED_PREFIX)
		return DROP_RX_RESERVED;
	flow->frames = UINT64_C(1) << i;
	flow->first = frame;
	flow->src_key = fdb_key(frame->vid, src);
	flow->src_first = fdb_first(bridge->fdb, fdb_hash(flow->src_key));
	__builtin_prefetch(flow->src_first);
	flow->dst_key = FDB_KEY_EMPTY;
	if (!(dst & MAC_GROUP)) {
		flow->dst_key = fdb_key(frame->vid, dst);
		flow->dst_first = fdb_first(bridge->fdb, fdb_hash(flow->dst_key));
		__builtin_prefetch(flow->dst_first);
	}
	pass->n_flows++;
	return TAG_PASS;
}

/* Admit or refuse a frame. If admitted it begins a flow. A reason, or TAG_PASS. */
static inline enum drop_reason admit(struct fwd *fwd, struct pass *pass, unsigned i)
{
	struct frame *frame = &fwd->frames[i];

	if (pass->takes_untagged && frame_ether_type(frame) != ETHER_TYPE_VLAN) {
		frame->vid = frame->tci = pass->port->pvid;
	} else {
		enum drop_reason reason = tag_ingress(pass->port, frame);
		if (reason != TAG_PASS)
			return reason;
		pass->has_tags |= frame->rest_off != 12;
	}
	return begin_flow(fwd, pass, i);
}

/* The first 16 bytes of a frame: addresses, EtherType and what may be a tag. */
struct prefix {
	uint64_t words[2];
};

static inline struct prefix frame_prefix(const struct frame *frame)
{
	struct prefix prefix;

	memcpy(&prefix, frame->header, sizeof(prefix));
	return prefix;
}

/*
 * Is frame of the same flow as one that was admitted, which had prefix last? If so its tag is taken
 * off as that one's was.
 */
static inline bool join_flow(struct frame *frame, const struct frame *first, struct prefix last)
{
	struct prefix prefix = frame_prefix(frame);
	bool tagged = first->rest_off != 12;
	/* Of untagged frames the last two bytes do not matter: little-endian, the topmost. */
	unsigned unused_bits = tagged ? 0 : 16;

	if ((prefix.words[0] ^ last.words[0]) | (prefix.words[1] ^ last.words[1]) << unused_bits)
		return false;
	if (tagged) {
		if (!frame_needs_no_offload(frame) || frame->len < ETHER_HDR_LEN + TAG_LEN)
			return false;
		frame->len -= TAG_LEN;
	}
	frame->rest_off = first->rest_off;
	frame->vid = first->vid;
	frame->tci = first->tci;
	return true;
}

/* Where in a burst's index of flows a prefix is looked for; a tag need not tell flows apart there.
 */
static inline unsigned flow_slot(struct prefix prefix)
{
	return (unsigned)_mm_crc32_u64(prefix.words[0], prefix.words[1] << 16) % FLOW_SLOTS;
}

/* Sort the burst into flows; what is refused is counted. */
static void make_flows(struct fwd *fwd, struct pass *pass)
{
	uint8_t index[FLOW_SLOTS] = {0}; /* number of the flow that came by last, from 1 */
	struct frame *first = NULL;      /* of the flow that the last frame was in */
	struct prefix last = {{0, 0}};
	uint64_t *joined = NULL;

	pass->n_flows = 0;
	pass->has_tags = false;
	pass->takes_untagged = pass->port->flags & DP_PORT_UNTAGGED &&
			       vlan_set_has(pass->port->vlans, pass->port->pvid);
	for (uint64_t left = pass->todo; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		struct frame *frame = &fwd->frames[i];

		if (first && join_flow(frame, first, last)) {
			*joined |= left & -left;
			continue;
		}
		last = frame_prefix(frame);
		uint8_t *number = &index[flow_slot(last)];
		struct flow *flow = &pass->flows[*number ? *number - 1 : 0];
		if (*number && join_flow(frame, flow->first, frame_prefix(flow->first))) {
			first = flow->first;
			joined = &flow->frames;
			*joined |= left & -left;
			continue;
		}
		enum drop_reason reason = admit(fwd, pass, i);
		if (reason != TAG_PASS) {
			pass->counters->drops[reason]++;
			first = NULL;
			continue;
		}
		*number = (uint8_t)pass->n_flows;
		first = frame;
		joined = &pass->flows[pass->n_flows - 1].frames;
	}
}

/* The same of a burst that came through a patch port: its frames are canonical, so that their first
 * bytes do not say which are of one flow. Those next to each other are put together. */
static __attribute__((noinline)) void make_crossed_flows(struct fwd *fwd, struct pass *pass)
{
	pass->n_flows = 0;
	pass->has_tags = false;
	for (uint64_t left = pass->todo; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		struct frame *frame = &fwd->frames[i];
		struct flow *flow = &pass->flows[pass->n_flows];
		enum drop_reason reason =
			tag_ingress_canonical(pass->port, frame, pass->tagged >> i & 1);

		if (reason == TAG_PASS)
			reason = begin_flow(fwd, pass, i);
		if (reason != TAG_PASS) {
			pass->counters->drops[reason]++;
			continue;
		}
		pass->has_tags |= frame->rest_off != 12;
		if (flow != pass->flows && flow->dst_key != FDB_KEY_EMPTY &&
			flow->dst_key == flow[-1].dst_key && flow->src_key == flow[-1].src_key) {
			flow[-1].frames |= flow->frames;
			pass->n_flows--;
		}
	}
}

/* Control did not know the source of a flow, or not here: tell it, unless the address is static:
 * such a one stays where it was put, whoever uses it. */
static void learn(struct fwd *fwd, const struct pass *pass, const struct flow *flow, uint16_t value)
{
	if (value != FDB_NONE && value & FDB_STATIC)
		return;
	learn_source(&fwd->learn, pass->port->bridge, pass->port->id, flow->src_key);
}

/* Which of these frames of VLAN vid carry a tag when they leave by a port? */
static inline uint64_t tagged_frames(const struct fwd *fwd, const struct pass *pass,
	const struct dp_port *to, uint16_t vid, uint64_t mask)
{
	uint64_t tagged = 0;

	if (tag_is_tagged(to, vid))
		return mask;
	if (__builtin_expect(!pass->has_tags, 1) || !(to->flags & DP_PORT_TAGGED))
		return 0;
	for (; mask; mask &= mask - 1)
		if (tag_has_inner(&fwd->frames[__builtin_ctzll(mask)]))
			tagged |= mask & -mask;
	return tagged;
}

/* Send frames to the port that their address is known to be at; nobody knows it: flood. */
static void send_known(struct fwd *fwd, struct pass *pass, uint64_t frames, uint16_t vid,
	uint16_t value)
{
	uint16_t port_id = value & FDB_PORT_MASK;
	const struct dp_port *to = &pass->snapshot->ports[port_id];

	/* An entry may be older than the configuration: then it is worth nothing. */
	if (value == FDB_NONE || port_id >= pass->snapshot->n_ports ||
		to->bridge != pass->port->bridge)
		pass->flood |= frames;
	else if (port_id == pass->port->id)
		pass->counters->drops[DROP_RX_SAME_PORT] += (unsigned)__builtin_popcountll(frames);
	else if (!tag_is_member(to, vid))
		fwd->counters[port_id].drops[DROP_TX_VLAN] +=
			(unsigned)__builtin_popcountll(frames);
	else
		send_to(&fwd->out, port_id, frames, tagged_frames(fwd, pass, to, vid, frames));
}

/* Send frames, all of VLAN vid, to every member port but the one they came from. */
static void flood(struct fwd *fwd, const struct pass *pass, uint64_t mask, uint16_t vid)
{
	const struct dp_bridge *bridge = pass->port->bridge;
	unsigned n = (unsigned)__builtin_popcountll(mask), copies = 0;

	for (unsigned m = 0; m < bridge->n_ports; m++) {
		const struct dp_port *to = &pass->snapshot->ports[bridge->ports[m]];

		if (to == pass->port || !tag_is_member(to, vid))
			continue;
		send_to(&fwd->out, to->id, mask, tagged_frames(fwd, pass, to, vid, mask));
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

/* Have the frames of mask pass stages of a port. Returns those that did. */
static __attribute__((noinline)) uint64_t run_stages(struct fwd *fwd, const struct pass *pass,
	const struct stage *stages, const struct dp_port *port, uint64_t mask, uint64_t tagged,
	bool is_egress)
{
	struct stage_ctx ctx = {.port = port,
		.counters = &fwd->counters[port->id],
		.frames = fwd->frames,
		.flush = &fwd->flush,
		.snapshot = pass->snapshot,
		.burst = &fwd->burst,
		.deliver = &fwd->deliver,
		.punts = fwd->punts,
		.tagged = tagged,
		.now_tsc = rte_rdtsc(),
		.is_egress = is_egress,
		.is_shared = pass->snapshot->n_workers > 1};

	return stages_run(stages, &ctx, mask);
}

static void forward_bridge(struct fwd *fwd, struct pass *pass)
{
	const struct fdb *fdb = pass->port->bridge->fdb;
	uint64_t src = FDB_KEY_EMPTY, run = 0;
	uint16_t value = FDB_NONE, vid = 0;

	if (__builtin_expect(pass->port->flags & DP_PORT_PATCH, 0))
		make_crossed_flows(fwd, pass);
	else
		make_flows(fwd, pass);
	for (unsigned i = 0; i < pass->n_flows; i++) {
		const struct flow *flow = &pass->flows[i];
		uint16_t flow_value = FDB_NONE, flow_vid = flow->src_key >> 48 & 0xfff;

		if (flow->src_key != src) {
			src = flow->src_key;
			uint16_t at = fdb_lookup_from(fdb, flow->src_first, src, true);
			if (__builtin_expect(at != pass->port->id, 0))
				learn(fwd, pass, flow, at);
		}
		/* A group address has no key and is nobody's. */
		if (flow->dst_key != FDB_KEY_EMPTY)
			flow_value = fdb_lookup_from(fdb, flow->dst_first, flow->dst_key, false);
		/* Flows to the same port are sent together. */
		if (flow_value != value || flow_vid != vid) {
			if (run)
				send_known(fwd, pass, run, vid, value);
			value = flow_value;
			vid = flow_vid;
			run = 0;
		}
		run |= flow->frames;
	}
	if (run)
		send_known(fwd, pass, run, vid, value);
	if (pass->flood) {
		pass->may_wait &= ~pass->flood;
		if (__builtin_expect(pass->port->flood != NULL, 0))
			pass->flood = run_stages(fwd, pass, pass->port->flood, pass->port,
				pass->flood, pass->tagged, false);
		flood_all(fwd, pass);
	}
}

/* ---- Bursts ---- */

/* Look at each frame of a burst: drop those that are none. Returns the mask of the others. */
static uint64_t inspect_each(struct fwd *fwd, unsigned n, uint64_t features,
	struct dp_counters *counters)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++) {
		struct frame *frame = &fwd->frames[i];
		enum drop_reason reason = TAG_PASS;

		if (frame->len < ETHER_HDR_LEN)
			reason = DROP_RX_TOO_SHORT;
		else if (frame->len > FRAME_MAX_LEN)
			reason = DROP_RX_TOO_LONG;
		else if (!frame_needs_no_offload(frame) &&
			 !offload_sanitize(&frame->hdr, frame->len, features))
			reason = DROP_RX_BAD_HEADER;
		else if (!frame_needs_no_offload(frame) &&
			 !offload_is_bounded(&frame->hdr, frame->len))
			reason = DROP_RX_SEGMENTS;
		if (reason != TAG_PASS) {
			counters->drops[reason]++;
			continue;
		}
		good |= UINT64_C(1) << i;
		if (!(frame->header[0] & 1))
			continue;
		if (frame_dst(frame) == MAC_MASK)
			counters->rx_broadcast++;
		else
			counters->rx_multicast++;
	}
	return good;
}

/* Count a burst's frames; drop those that are none. Returns the mask of the others. */
static inline uint64_t inspect(struct fwd *fwd, unsigned n, uint64_t features,
	struct dp_counters *counters)
{
	const struct burst *burst = &fwd->burst;

	counters->rx_frames += n;
	counters->rx_bytes += burst->bytes;
	if (burst_is_fast(burst) && burst->min_len >= ETHER_HDR_LEN &&
		burst->max_len <= FRAME_MAX_LEN)
		return UINT64_MAX >> (FRAME_BURST - n);
	return inspect_each(fwd, n, features, counters);
}

/* Why nothing of this port goes anywhere, or TAG_PASS. */
static enum drop_reason port_obstacle(const struct dp_port *port)
{
	if (!(port->flags & DP_PORT_ENABLED))
		return DROP_RX_PORT_DOWN;
	if (port->flags & DP_PORT_LINK)
		return port->link_peer == DP_NO_PORT ? DROP_RX_LINK_DOWN : TAG_PASS;
	return port->bridge ? TAG_PASS : DROP_RX_NO_BRIDGE;
}

static void forward(struct fwd *fwd, struct pass *pass)
{
	enum drop_reason obstacle =
		pass->is_disabled ? DROP_RX_QUEUE_DOWN : port_obstacle(pass->port);

	if (!pass->todo)
		return;
	if (obstacle != TAG_PASS) {
		pass->counters->drops[obstacle] += (unsigned)__builtin_popcountll(pass->todo);
		return;
	}
	if (__builtin_expect(pass->stages != NULL, 0)) {
		pass->may_wait = 0;
		pass->todo = run_stages(fwd, pass, pass->stages, pass->port, pass->todo,
			pass->tagged, false);
		if (!pass->todo)
			return;
	}
	if (pass->port->flags & DP_PORT_LINK)
		send_to(&fwd->out, pass->port->link_peer, pass->todo, 0);
	else
		forward_bridge(fwd, pass);
}

/* Frames that were held go on where they were taken. */
static __attribute__((noinline)) void release(struct fwd *fwd, struct pass *pass,
	const struct dp_rx *rx, unsigned n)
{
	pass->counters->released += n;
	pass->todo = UINT64_MAX >> (FRAME_BURST - n);
	if (rx->is_egress) {
		send_to(&fwd->out, rx->port_id, pass->todo, fwd->burst.tagged);
		return;
	}
	pass->stages = rx->resume;
	pass->tagged = fwd->burst.tagged;
	forward(fwd, pass);
}

/* Frames of control's: whose row is another one for each burst. */
static __attribute__((noinline)) const struct dp_rx *begin_injected(struct fwd *fwd,
	struct pass *pass, const struct dp_rx *rx)
{
	fwd->injected = inject_row(rx, pass->snapshot);
	pass->port = &pass->snapshot->ports[fwd->injected.port_id];
	pass->counters = &fwd->counters[fwd->injected.port_id];
	return &fwd->injected;
}

/* May a burst exceed what one is allowed to cost? Cheap. Few bytes cannot make many segments. */
static inline bool burst_may_be_long(const struct burst *burst)
{
	return burst->bytes > FWD_BURST_BYTES ||
	       (burst->bits >> 8 && burst->bytes > FWD_BURST_SEGMENTS * OFFLOAD_MIN_SEGMENT);
}

/* How many of n frames do not exceed it: the first one never does. */
static unsigned bounded(const struct fwd *fwd, unsigned n)
{
	uint64_t bytes = 0, segments = 0;
	unsigned keep = 0;

	for (; keep < n; keep++) {
		const struct frame *frame = &fwd->frames[keep];

		bytes += frame->len;
		segments += offload_max_segments(&frame->hdr, frame->len);
		if (keep && (bytes > FWD_BURST_BYTES || segments > FWD_BURST_SEGMENTS))
			break;
	}
	return keep;
}

/* Put those of n frames back that are behind the first `keep`. Returns how many stay. */
static unsigned shorten_burst(struct fwd *fwd, struct queue *q, unsigned n, unsigned keep)
{
	if (keep == n)
		return n;
	queue_requeue(q, fwd->frames + keep, n - keep);
	burst_begin(&fwd->burst, fwd->frames);
	for (unsigned i = 0; i < keep; i++)
		burst_add(&fwd->burst, &fwd->frames[i]);
	return keep;
}

/* A burst of a queue's frames, up to max. Returns how many; those behind ret_keep are to go back.
 */
static inline unsigned receive_some(struct fwd *fwd, struct queue *q, unsigned max,
	unsigned *ret_keep)
{
	unsigned n;

	fwd->burst.frames = fwd->frames;
	if (__builtin_expect(fwd->watch != NULL, 0))
		max = 1;
	n = *ret_keep = queue_rx(q, &fwd->burst, max, fwd->segs, FWD_MAX_SEGS);
	if (__builtin_expect(n && burst_may_be_long(&fwd->burst), 0) && queue_can_requeue(q))
		*ret_keep = bounded(fwd, n);
	return n;
}

/* The same, as many as its pace lets. */
static __attribute__((noinline)) unsigned receive_paced(struct fwd *fwd, const struct dp_rx *rx,
	bool is_shared)
{
	struct pace *pace = rx->pace;
	uint64_t now_tsc = rte_rdtsc();
	unsigned max, keep, n = 0;

	if (is_shared)
		spin_acquire(&pace->lock);
	max = pace_begin(pace, rx->pair, queue_can_requeue(rx->queue), now_tsc);
	if (max)
		n = receive_some(fwd, rx->queue, max, &keep);
	if (n) {
		keep = pace_take(pace, rx->pair, fwd->frames, keep, now_tsc);
		n = queue_can_requeue(rx->queue) ? shorten_burst(fwd, rx->queue, n, keep) : n;
	}
	if (is_shared)
		spin_release(&pace->lock);
	return n;
}

/* A burst of a queue's frames. Returns how many. */
static inline unsigned receive(struct fwd *fwd, const struct dp_rx *rx, bool is_shared)
{
	unsigned n, keep;

	if (__builtin_expect(rx->pace != NULL, 0)) {
		n = receive_paced(fwd, rx, is_shared);
	} else {
		n = receive_some(fwd, rx->queue, FRAME_BURST, &keep);
		if (__builtin_expect(keep != n, 0))
			n = shorten_burst(fwd, rx->queue, n, keep);
	}
	flush_check(&fwd->flush, rx->queue);
	return n;
}

/* Frames that have to wait for ports, by frame. */
struct waiting {
	uint64_t frames;
	uint16_t ports[FRAME_BURST];
};

/* Have a port's frames pass its egress stages, or those that are left of them. */
static void pass_egress(struct fwd *fwd, const struct pass *pass, const struct stage *stages,
	struct delivery *job)
{
	job->frames = run_stages(fwd, pass, stages, &pass->snapshot->ports[job->port_id],
		job->frames, job->tagged, true);
	job->tagged &= job->frames;
	if (stages->run)
		job->may_wait = 0;
}

/* Deliver to every port that frames of the burst go to. */
static void deliver_all(struct fwd *fwd, const struct pass *pass, const struct dp_rx *rx,
	struct waiting *ret_waiting)
{
	struct fwd_out *out = &fwd->out;
	struct delivery job = {.snapshot = pass->snapshot,
		.burst = &fwd->burst,
		.flush = &fwd->flush,
		.pair = rx->pair};

	ret_waiting->frames = 0;
	for (unsigned i = 0; i < out->n_ports; i++) {
		const struct stage *stages;
		uint64_t mask;

		job.port_id = out->ports[i];
		job.frames = out->frames[job.port_id];
		job.tagged = out->tagged[job.port_id];
		job.may_wait = pass->may_wait;
		out->frames[job.port_id] = out->tagged[job.port_id] = 0;
		stages = rx->is_egress ? rx->resume : pass->snapshot->ports[job.port_id].egress;
		if (__builtin_expect(stages != NULL, 0)) {
			pass_egress(fwd, pass, stages, &job);
			if (!job.frames)
				continue;
		}
		mask = deliver(&fwd->deliver, &job);
		ret_waiting->frames |= mask;
		for (; mask; mask &= mask - 1)
			ret_waiting->ports[__builtin_ctzll(mask)] = job.port_id;
	}
	out->n_ports = 0;
}

/* Frames came, and were counted, but go back to where they came from. */
static void uncount(struct dp_counters *counters, const struct dp_rx *rx, const struct frame *frame)
{
	if (rx->resume) {
		counters->released--;
		return;
	}
	counters->rx_frames--;
	counters->rx_bytes -= frame->len + (frame->rest_off == 12 ? 0 : TAG_LEN);
}

static void return_pace(struct pace *pace, uint64_t n_bytes, bool is_shared)
{
	if (is_shared)
		spin_acquire(&pace->lock);
	pace_put_back(pace, n_bytes);
	if (is_shared)
		spin_release(&pace->lock);
}

/* Put waiting frames at the end of the burst back and drop the others. Returns how many of the n
 * frames are done with. */
static unsigned requeue(struct fwd *fwd, const struct dp_rx *rx, struct waiting *waiting,
	unsigned n, bool is_shared)
{
	struct dp_counters *counters = &fwd->counters[rx->port_id];
	uint64_t bytes_before = counters->rx_bytes;
	unsigned keep = n;

	for (; keep && waiting->frames >> (keep - 1) & 1; keep--) {
		uncount(counters, rx, &fwd->frames[keep - 1]);
		waiting->frames &= ~(UINT64_C(1) << (keep - 1));
	}
	for (; waiting->frames; waiting->frames &= waiting->frames - 1)
		fwd->counters[waiting->ports[__builtin_ctzll(waiting->frames)]]
			.drops[DROP_TX_RING_FULL]++;
	if (rx->pace)
		return_pace(rx->pace, bytes_before - counters->rx_bytes, is_shared);
	queue_requeue(rx->queue, fwd->frames + keep, n - keep);
	return keep;
}

/* Frames that crossed come in at a port. Returns them. */
static uint64_t enter(struct fwd *fwd, const struct crossing *crossing,
	struct dp_counters *counters)
{
	for (uint64_t left = crossing->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		struct frame *frame = &fwd->frames[i];

		*frame = crossing->copies[i];
		counters->rx_frames++;
		counters->rx_bytes += frame->len + (crossing->tagged >> i & 1 ? TAG_LEN : 0);
		if (frame_dst(frame) == MAC_MASK)
			counters->rx_broadcast++;
		else if (frame->header[0] & 1)
			counters->rx_multicast++;
	}
	return crossing->frames;
}

/* Frames of the burst crossed to other bridges: forward them there, and what crosses from there. */
static __attribute__((noinline)) void forward_crossings(struct fwd *fwd, struct pass *pass,
	uint16_t pair)
{
	struct crossings *crossings = &fwd->crossings;
	struct waiting waiting __attribute__((uninitialized));

	for (unsigned i = 0; i < crossings->n; i++) {
		const struct crossing *crossing = &crossings->list[i];
		const struct dp_rx rx = {.port_id = crossing->port_id, .pair = pair};

		crossings->hops = crossing->hops;
		pass->port = &pass->snapshot->ports[crossing->port_id];
		pass->counters = &fwd->counters[crossing->port_id];
		pass->stages = pass->port->ingress;
		pass->is_disabled = false;
		pass->todo = enter(fwd, crossing, pass->counters);
		pass->tagged = crossing->tagged;
		pass->flood = pass->may_wait = 0;
		forward(fwd, pass);
		deliver_all(fwd, pass, &rx, &waiting);
	}
	crossings->n = 0;
	crossings->hops = 0;
}

/* ---- Dropped frames -------------------------------------------------------------------------- */

/* The frame of this burst was dropped where a count has grown. */
static void report_drops(struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id)
{
	struct dp_counters *counters = &fwd->counters[port_id];
	uint64_t *seen = fwd->drops_seen[port_id];

	for (unsigned reason = 0; reason < DROP_N_REASONS; reason++) {
		struct stage_ctx ctx;

		if (__builtin_expect(counters->drops[reason] == seen[reason], 1))
			continue;
		seen[reason] = counters->drops[reason];
		ctx = (struct stage_ctx){.port = &snapshot->ports[port_id],
			.counters = counters,
			.frames = fwd->frames,
			.flush = &fwd->flush,
			.punts = fwd->punts,
			.now_tsc = rte_rdtsc(),
			.is_egress = drop_infos[reason].direction[0] == 't',
			.is_shared = snapshot->n_workers > 1};
		snapshot->drops->dropped(&ctx, snapshot->drops->conf, reason);
	}
}

static __attribute__((noinline)) void watch_drops(struct fwd *fwd,
	const struct dp_snapshot *snapshot)
{
	const struct drop_watch *watch = snapshot->drops;

	for (unsigned i = 0; i < watch->n_ports; i++)
		report_drops(fwd, snapshot, watch->ports[i]);
}

/* What was counted before is nobody's business. */
static __attribute__((noinline)) void begin_watch(struct fwd *fwd,
	const struct dp_snapshot *snapshot)
{
	const struct drop_watch *watch = snapshot->drops;

	fwd->watch = watch;
	for (unsigned i = 0; watch && i < watch->n_ports; i++)
		memcpy(fwd->drops_seen[watch->ports[i]], fwd->counters[watch->ports[i]].drops,
			sizeof(fwd->drops_seen[0]));
}

unsigned fwd_burst(struct fwd *fwd, const struct dp_snapshot *snapshot, const struct dp_rx *rx)
{
	struct pass pass __attribute__((uninitialized));
	struct waiting waiting __attribute__((uninitialized));
	struct queue *q = rx->queue;
	unsigned n;

	/* A burst lists every port once, what holds its frames, what gets copies, the sender. */
	if (!flush_has_room(&fwd->flush, 2 * DP_MAX_PORTS + FLUSH_MAX_SHARED + 2))
		fwd_flush(fwd, snapshot);
	if (__builtin_expect(snapshot->drops != fwd->watch, 0))
		begin_watch(fwd, snapshot);
	n = receive(fwd, rx, snapshot->n_workers > 1);
	STEP(rx_descs, steps_taken.descriptors);
	if (!n)
		return 0;
	STEP(frames, n);
	STEP(frame_bytes, fwd->burst.bytes);
	pass.snapshot = snapshot;
	pass.port = &snapshot->ports[rx->port_id];
	pass.counters = &fwd->counters[rx->port_id];
	pass.is_disabled = rx->is_disabled;
	pass.flood = pass.tagged = 0;
	pass.may_wait = queue_can_requeue(q) ? UINT64_MAX : 0;
	if (__builtin_expect(rx->resume != NULL, 0)) {
		if (rx->is_injected)
			rx = begin_injected(fwd, &pass, rx);
		release(fwd, &pass, rx, n);
	} else {
		pass.stages = pass.port->ingress;
		pass.todo = inspect(fwd, n, q->rx_features, pass.counters);
		forward(fwd, &pass);
	}
	deliver_all(fwd, &pass, rx, &waiting);
	if (waiting.frames)
		n = requeue(fwd, rx, &waiting, n, snapshot->n_workers > 1);
	if (__builtin_expect(fwd->crossings.n, 0))
		forward_crossings(fwd, &pass, rx->pair);
	if (__builtin_expect(fwd->watch != NULL, 0))
		watch_drops(fwd, snapshot);
	/* Receivers first: the sender may reuse its buffers from here on. */
	queue_rx_done(q, fwd->frames, n);
	flush_add(&fwd->flush, q);
	return n;
}

void fwd_flush(struct fwd *fwd, const struct dp_snapshot *snapshot)
{
	flush_all(&fwd->flush, snapshot->n_workers > 1);
}

bool fwd_wants_control(struct fwd *fwd)
{
	if (__builtin_expect(!(fwd->flush.wants_control | fwd->learn.wants_control), 1))
		return false;
	fwd->flush.wants_control = fwd->learn.wants_control = false;
	return true;
}

void fwd_init(struct fwd *fwd, struct dp_counters *counters, struct learn_ring *events,
	uint64_t learn_interval_tsc, uint64_t wait_timeout_tsc)
{
	fwd->counters = fwd->deliver.counters = counters;
	fwd->learn.events = events;
	fwd->learn.interval_tsc = learn_interval_tsc;
	fwd->deliver.crossings = &fwd->crossings;
	fwd->deliver.timeout_tsc = wait_timeout_tsc;
}
