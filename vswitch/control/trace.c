#include "trace.h"

#include "fdb_table.h"

#include "datapath/fwd.h"
#include "datapath/tag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAC_MASK UINT64_C(0xffffffffffff)
/* Of all bridges together: it holds what one look-up needs. */
#define TABLE_SIZE 16

enum place {
	AT_IN,      /* before the ingress stages of a port */
	AT_DECIDE,  /* behind them */
	AT_FLOOD,   /* before it is flooded */
	AT_OUT,     /* before the egress stages of a port */
	AT_FEATURE, /* in the place of a stage */
};

/* In a list of stages: what is looked at there. */
struct point {
	struct trace *trace;
	enum place place;
	const struct feature *feature; /* of AT_FEATURE; NULL: nobody knows it */
	struct stage stage;
};

/* Takes what it is sent, and writes it down. */
struct sink {
	struct queue q; /* first member */
	struct trace *trace;
	uint16_t port_id;
};

/* The frame, to be received once. */
struct source {
	struct queue q; /* first member */
	const uint8_t *bytes;
	uint32_t len;
	bool is_canonical; /* it comes in at a patch port */
	bool is_received;
};

/* What is known of a decision before it is taken. */
struct decision {
	bool is_due;
	const struct dp_port *port;
	uint16_t vid, tci;
	uint64_t src, dst;
	uint16_t src_value, dst_value; /* in the bridge's table */
};

struct trace {
	struct fwd fwd;
	struct dp_counters *counters; /* [DP_MAX_PORTS], its own or whoever asks */
	struct dp_counters own_counters[DP_MAX_PORTS];
	struct dp_counters seen[DP_MAX_PORTS]; /* as they were last looked at */
	struct learn_ring events;
	/* The copy of the snapshot. */
	const struct trace_input *input;
	struct dp_snapshot snapshot;
	struct dp_port ports[DP_MAX_PORTS];
	struct dp_bridge bridges[DP_MAX_PORTS];     /* of the first n_bridges */
	const struct dp_bridge *real[DP_MAX_PORTS]; /* of which they are copies */
	unsigned n_bridges;
	struct sink sinks[DP_MAX_PORTS];
	struct queue *tx[DP_MAX_PORTS];
	struct source source;
	struct fdb *table;
	struct stage *stages; /* of all lists */
	struct point *points; /* points[i] is that of stages[i] */
	unsigned n_stages;
	/* What is told. */
	bool is_begun;   /* that it comes in at the first port */
	uint16_t out_id; /* the port that is being sent to; DP_NO_PORT */
	struct decision decision;
	unsigned n_steps, n_more, n_more_delivered, n_more_dropped;
	struct trace_step steps[TRACE_MAX_STEPS];
};

/* ---- Steps ----------------------------------------------------------------------------------- */

static __attribute__((format(printf, 3, 4))) void say(struct trace *trace, struct trace_step step,
	const char *format, ...)
{
	va_list args;

	step.hops = trace->fwd.crossings.hops;
	if (trace->n_steps == TRACE_MAX_STEPS) {
		trace->n_more++;
		trace->n_more_delivered += step.result == CTL_TRACE_DELIVERED;
		trace->n_more_dropped += step.result == CTL_TRACE_DROPPED;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(step.detail, sizeof(step.detail), format, args);
	va_end(args);
	trace->steps[trace->n_steps++] = step;
}

/* What was dropped at a port, or crossed from it, since that was last looked at. */
static void say_results(struct trace *trace, uint16_t port_id)
{
	struct dp_counters *now = &trace->counters[port_id], *seen = &trace->seen[port_id];
	const struct dp_port *port = &trace->ports[port_id];

	for (unsigned reason = 0; reason < DROP_N_REASONS; reason++) {
		if (now->drops[reason] == seen->drops[reason])
			continue;
		say(trace,
			(struct trace_step){.kind = CTL_TRACE_END,
				.result = CTL_TRACE_DROPPED,
				.port_id = port_id,
				.other_id = DP_NO_PORT,
				.reason = reason},
			"%s", drop_infos[reason].help);
	}
	if (port->flags & DP_PORT_PATCH && now->tx_frames != seen->tx_frames)
		say(trace,
			(struct trace_step){.kind = CTL_TRACE_END,
				.result = CTL_TRACE_CROSSES,
				.port_id = port_id,
				.other_id = port->link_peer},
			"%s", "");
	*seen = *now;
}

static void say_source(struct trace *trace, const struct decision *d)
{
	struct trace_step step = {.kind = CTL_TRACE_SOURCE,
		.port_id = d->port->id,
		.other_id = d->src_value == FDB_NONE ? DP_NO_PORT : d->src_value & FDB_PORT_MASK};
	struct learn_event event;
	bool is_learned = learn_ring_get(&trace->events, &event);
	const char *what = "known at this port";

	if (is_learned && d->src_value != FDB_NONE)
		what = "known at another port: moves to this one";
	else if (is_learned)
		what = "not known: learned at this port";
	else if (d->src_value != FDB_NONE && step.other_id != d->port->id)
		what = "static at another port, where it stays";
	say(trace, step, "%02x:%02x:%02x:%02x:%02x:%02x is %s", (unsigned)(d->src >> 40 & 0xff),
		(unsigned)(d->src >> 32 & 0xff), (unsigned)(d->src >> 24 & 0xff),
		(unsigned)(d->src >> 16 & 0xff), (unsigned)(d->src >> 8 & 0xff),
		(unsigned)(d->src & 0xff), what);
}

static void say_lookup(struct trace *trace, const struct decision *d, bool floods)
{
	struct trace_step step = {.kind = CTL_TRACE_LOOKUP,
		.port_id = d->port->id,
		.other_id = floods ? DP_NO_PORT : d->dst_value & FDB_PORT_MASK};
	const char *what = d->dst_value & FDB_STATIC ? "static" : "known";

	if (floods && d->dst >> 40 & 1)
		what = d->dst == MAC_MASK ? "broadcast: floods" : "a group address: floods";
	else if (floods)
		what = d->dst_value == FDB_NONE ? "not known: floods"
						: "known at a port that left the bridge: floods";
	say(trace, step, "%02x:%02x:%02x:%02x:%02x:%02x is %s", (unsigned)(d->dst >> 40 & 0xff),
		(unsigned)(d->dst >> 32 & 0xff), (unsigned)(d->dst >> 24 & 0xff),
		(unsigned)(d->dst >> 16 & 0xff), (unsigned)(d->dst >> 8 & 0xff),
		(unsigned)(d->dst & 0xff), what);
}

/* The decision has been taken: what it was shows in what came of it. */
static void say_decision(struct trace *trace, bool floods)
{
	const struct decision *d = &trace->decision;
	const struct dp_counters *now, *seen;

	if (!d->is_due)
		return;
	trace->decision.is_due = false;
	now = &trace->counters[d->port->id];
	seen = &trace->seen[d->port->id];
	if (now->drops[DROP_RX_SOURCE] != seen->drops[DROP_RX_SOURCE] ||
		now->drops[DROP_RX_RESERVED] != seen->drops[DROP_RX_RESERVED])
		return;
	say_source(trace, d);
	say_lookup(trace, d, floods);
}

/* The port that was sent to is done with. */
static void end_out(struct trace *trace)
{
	if (trace->out_id != DP_NO_PORT)
		say_results(trace, trace->out_id);
	trace->out_id = DP_NO_PORT;
}

/* All that was sent by one bridge is done with. */
static void end_bridge(struct trace *trace)
{
	say_decision(trace, false);
	for (uint16_t id = 0; id < trace->snapshot.n_ports; id++)
		say_results(trace, id);
	trace->out_id = DP_NO_PORT;
}

/* ---- What is looked at ----------------------------------------------------------------------- */

static uint64_t mac_at(const uint8_t *p)
{
	uint64_t mac = 0;

	for (unsigned i = 0; i < 6; i++)
		mac = mac << 8 | p[i];
	return mac;
}

static void look_in(struct trace *trace, const struct stage_ctx *ctx)
{
	const struct frame *frame = &ctx->frames[0];
	bool is_tagged = ctx->tagged & 1;

	if (!trace->is_begun) {
		/* It was told before it was received. */
		trace->is_begun = true;
		return;
	}
	end_bridge(trace);
	say(trace,
		(struct trace_step){.kind = CTL_TRACE_IN,
			.port_id = ctx->port->id,
			.other_id = DP_NO_PORT,
			.is_known = true,
			.is_tagged = is_tagged,
			.tci = is_tagged ? frame->tci : 0,
			.len = frame->len + (is_tagged ? TAG_LEN : 0)},
		"%s", "");
}

/* The table of the bridge, as far as this frame is concerned. */
static uint16_t copy_entry(struct trace *trace, const struct fdb *fdb, uint16_t vid, uint64_t mac)
{
	uint64_t key = fdb_key(vid, mac);
	uint16_t value = fdb_lookup(fdb, key, fdb_hash(key), false);

	if (value == FDB_NONE)
		return value;
	if (value & FDB_STATIC)
		(void)fdb_add_static(trace->table, vid, mac, value & FDB_PORT_MASK, 0);
	else
		(void)fdb_learn(trace->table, vid, mac, value & FDB_PORT_MASK, 0, 0);
	return value;
}

static void look_decide(struct trace *trace, const struct stage_ctx *ctx)
{
	const struct fdb_filter all = {.vid = FDB_ANY, .port_id = FDB_ANY, .with_static = true};
	const struct dp_port *port = ctx->port;
	struct frame frame = ctx->frames[0];
	const struct fdb *real;
	bool was_tagged;
	enum drop_reason reason;

	if (!port->bridge)
		return;
	reason = port->flags & DP_PORT_PATCH ? tag_ingress_canonical(port, &frame, ctx->tagged & 1)
					     : tag_ingress(port, &frame);
	if (reason != TAG_PASS)
		return; /* it is told when it was dropped */
	was_tagged = ctx->tagged & 1 || frame.rest_off != ctx->frames[0].rest_off;
	real = trace->real[port->bridge - trace->bridges]->fdb;
	(void)fdb_flush(trace->table, &all);
	trace->decision = (struct decision){.is_due = true,
		.port = port,
		.vid = frame.vid,
		.tci = frame.tci,
		.dst = mac_at(frame.header),
		.src = mac_at(frame.header + 6),
		.dst_value = FDB_NONE};
	trace->decision.src_value = copy_entry(trace, real, frame.vid, trace->decision.src);
	if (!(frame.header[0] & 1))
		trace->decision.dst_value = copy_entry(trace, real, frame.vid, trace->decision.dst);
	say(trace,
		(struct trace_step){.kind = CTL_TRACE_VLAN,
			.port_id = port->id,
			.other_id = DP_NO_PORT,
			.is_known = true,
			.is_tagged = was_tagged,
			.tci = frame.tci},
		"%s",
		!frame.vid                              ? "none, untagged"
		: was_tagged && frame.vid != port->pvid ? "that of its tag"
		: was_tagged                            ? "that of its tag, or the port's"
							: "the port's, of untagged frames");
}

static void look_out(struct trace *trace, const struct stage_ctx *ctx)
{
	const struct frame *frame = &ctx->frames[0];
	bool is_bridged = ctx->port->bridge;

	say_decision(trace, false);
	end_out(trace);
	trace->out_id = ctx->port->id;
	say(trace,
		(struct trace_step){.kind = CTL_TRACE_OUT,
			.port_id = ctx->port->id,
			.other_id = DP_NO_PORT,
			.is_known = is_bridged,
			.is_tagged = ctx->tagged & 1,
			.tci = is_bridged ? frame->tci : 0},
		"%s",
		!is_bridged       ? "as it is, over the link"
		: ctx->tagged & 1 ? "with a tag"
				  : "without a tag");
}

/* Returns those that go on. */
static uint64_t look_feature(const struct point *point, struct stage_ctx *ctx, uint64_t mask)
{
	const struct feature *feature = point->feature;
	struct feature_answer answer = {.text = "goes on"};
	struct trace *trace = point->trace;

	if (feature && feature->explain)
		feature->explain(ctx, point->stage.conf, trace->input->tsc_hz, &answer);
	say(trace,
		(struct trace_step){.kind = CTL_TRACE_STAGE,
			.result = answer.stops   ? CTL_TRACE_DROPPED
				  : answer.holds ? CTL_TRACE_HELD
						 : CTL_TRACE_GOES_ON,
			.port_id = ctx->port->id,
			.other_id = DP_NO_PORT,
			.reason = answer.reason,
			.stage = feature && feature->name ? feature->name : "stage"},
		"%s", answer.text);
	if (!answer.stops)
		return mask;
	stage_drop(ctx, answer.reason, mask);
	trace->seen[ctx->port->id].drops[answer.reason]++;
	return 0;
}

static uint64_t look(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	const struct point *point = conf;

	switch (point->place) {
	case AT_IN:
		look_in(point->trace, ctx);
		break;
	case AT_DECIDE:
		look_decide(point->trace, ctx);
		break;
	case AT_FLOOD:
		say_decision(point->trace, true);
		break;
	case AT_OUT:
		look_out(point->trace, ctx);
		break;
	case AT_FEATURE:
		return look_feature(point, ctx, mask);
	}
	return mask;
}

/* ---- Queues ---------------------------------------------------------------------------------- */

static void sink_tx(struct queue *q, struct tx_burst *tx)
{
	struct sink *sink = (struct sink *)q;
	struct tx_tally tally = {0};

	for (; tx->todo; tx->todo &= tx->todo - 1) {
		const struct frame *frame = &tx->frames[__builtin_ctzll(tx->todo)];
		bool is_tagged = tx->tagged & tx->todo & -tx->todo;
		uint32_t len = frame->len + (is_tagged ? TAG_LEN : 0);

		tally_add(&tally, frame->header, len);
		say(sink->trace,
			(struct trace_step){.kind = CTL_TRACE_END,
				.result = CTL_TRACE_DELIVERED,
				.port_id = sink->port_id,
				.other_id = DP_NO_PORT,
				.is_known = sink->trace->ports[sink->port_id].bridge != NULL,
				.is_tagged = is_tagged,
				.tci = frame->tci,
				.len = len},
			"%s", "");
	}
	tally_count(&tally, tx->counters);
}

static unsigned source_rx(struct queue *q, struct burst *burst, unsigned max,
	struct frame_seg *segs, unsigned n_segs)
{
	struct source *source = (struct source *)q;
	struct frame *frame = &burst->frames[0];
	uint32_t head = source->len < FRAME_HEADER_SIZE ? source->len : FRAME_HEADER_SIZE;

	burst_begin(burst, burst->frames);
	if (source->is_received || !max)
		return 0;
	source->is_received = true;
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->header, source->bytes, head);
	frame->header_len = (uint16_t)head;
	frame->rest_off = 12;
	frame->len = source->len;
	frame->tail_len = source->len - head;
	frame->seg = (struct frame_seg){
		(uint8_t *)(uintptr_t)(source->bytes + head), source->len - head};
	frame->segs = &frame->seg;
	frame->n_segs = 1;
	burst_add(burst, frame);
	if (source->is_canonical && tag_strip(frame))
		burst->tagged = frame->rest_off != 12;
	return 1;
}

static void source_rx_done(struct queue *q, const struct frame *frames, unsigned n)
{
}

static const struct queue_ops sink_ops = {.tx = sink_tx};
static const struct queue_ops source_ops = {.rx = source_rx, .rx_done = source_rx_done};

/* ---- The copy of the snapshot ---------------------------------------------------------------- */

static unsigned count_stages(const struct stage *list)
{
	unsigned n = 0;

	while (list && list[n].run)
		n++;
	return n;
}

/* What stands there is some feature's part. */
static const struct feature *feature_of(const struct feature_states *states,
	const struct stage *stage, uint16_t port_id, bool is_egress, bool is_flood)
{
	for (unsigned f = 0; states && f < N_FEATURES; f++) {
		struct feature_part part = {0};
		bool is_there = is_flood ? features[f]->flood_stage &&
						   features[f]->flood_stage(states->of[f], port_id,
							   &part.stage)
					 : features[f]->part && features[f]->part(states->of[f],
									port_id, is_egress, &part);

		if (is_there && part.stage.run == stage->run && part.stage.conf == stage->conf)
			return features[f];
	}
	return NULL;
}

static void add_point(struct trace *trace, struct point point)
{
	point.trace = trace;
	trace->points[trace->n_stages] = point;
	trace->stages[trace->n_stages] = (struct stage){look, &trace->points[trace->n_stages]};
	trace->n_stages++;
}

static const struct stage *copy_list(struct trace *trace, const struct stage *list,
	uint16_t port_id, enum place before)
{
	const struct stage *copy = &trace->stages[trace->n_stages];

	add_point(trace, (struct point){.place = before});
	for (; list && list->run; list++)
		add_point(trace, (struct point){.place = AT_FEATURE,
					 .stage = *list,
					 .feature = feature_of(trace->input->features, list,
						 port_id, before == AT_OUT, before == AT_FLOOD)});
	if (before == AT_IN)
		add_point(trace, (struct point){.place = AT_DECIDE});
	trace->n_stages++; /* the end is zeroed */
	return copy;
}

static const struct dp_bridge *copy_bridge(struct trace *trace, const struct dp_bridge *real)
{
	unsigned i = 0;

	if (!real)
		return NULL;
	while (i < trace->n_bridges && trace->real[i] != real)
		i++;
	if (i == trace->n_bridges) {
		trace->n_bridges++;
		trace->real[i] = real;
		trace->bridges[i] = *real;
		trace->bridges[i].fdb = trace->table;
	}
	return &trace->bridges[i];
}

static void copy_port(struct trace *trace, uint16_t id)
{
	const struct dp_port *real = &trace->input->snapshot->ports[id];
	struct dp_port *port = &trace->ports[id];
	struct sink *sink = &trace->sinks[id];

	*port = *real;
	port->bridge = copy_bridge(trace, real->bridge);
	port->ingress = copy_list(trace, real->ingress, id, AT_IN);
	port->egress = copy_list(trace, real->egress, id, AT_OUT);
	port->flood = copy_list(trace, real->flood, id, AT_FLOOD);
	if (!real->n_tx)
		return;
	sink->q = (struct queue){.ops = &sink_ops, .wake_fd = -1};
	atomic_init(&sink->q.tx_features,
		atomic_load_explicit(&real->tx[0]->tx_features, memory_order_relaxed));
	sink->trace = trace;
	sink->port_id = id;
	trace->tx[id] = &sink->q;
	port->tx = &trace->tx[id];
	port->n_tx = 1;
}

static int copy_snapshot(struct trace *trace)
{
	const struct dp_snapshot *real = trace->input->snapshot;
	size_t n = 0;

	/* Of each port three lists with their ends, and before, between and behind what is told. */
	for (uint16_t id = 0; id < real->n_ports; id++)
		n += 7u + count_stages(real->ports[id].ingress) +
		     count_stages(real->ports[id].egress) + count_stages(real->ports[id].flood);
	trace->stages = calloc(n, sizeof(*trace->stages));
	trace->points = calloc(n, sizeof(*trace->points));
	if (!trace->stages || !trace->points || fdb_create(TABLE_SIZE, &trace->table) < 0)
		return -ENOMEM;
	for (uint16_t id = 0; id < real->n_ports; id++)
		copy_port(trace, id);
	trace->snapshot = (struct dp_snapshot){
		.ports = trace->ports, .n_ports = real->n_ports, .n_workers = 1};
	return 0;
}

/* ---------------------------------------------------------------------------------------------- */

static void begin(struct trace *trace, const struct trace_input *input)
{
	const uint8_t *bytes = input->bytes;
	bool is_tagged = input->len >= ETHER_HDR_LEN + TAG_LEN &&
			 (bytes[12] << 8 | bytes[13]) == ETHER_TYPE_VLAN;

	trace->source.q = (struct queue){.ops = &source_ops, .wake_fd = -1};
	trace->source.bytes = input->bytes;
	trace->source.len = input->len;
	trace->out_id = DP_NO_PORT;
	say(trace,
		(struct trace_step){.kind = CTL_TRACE_IN,
			.port_id = input->port_id,
			.other_id = DP_NO_PORT,
			.is_known = true,
			.is_tagged = is_tagged,
			.tci = is_tagged ? (uint16_t)(bytes[14] << 8 | bytes[15]) : 0,
			.len = input->len},
		"%s", "");
}

int trace_run(const struct trace_input *input, struct trace **ret_trace)
{
	struct trace *trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dp_rx rx = {.port_id = input->port_id};
	const struct dp_port *in;

	if (trace == MAP_FAILED)
		return -ENOMEM;
	trace->input = input;
	trace->counters = input->counters ? input->counters : trace->own_counters;
	if (copy_snapshot(trace) < 0) {
		trace_destroy(trace);
		return -ENOMEM;
	}
	fwd_init(&trace->fwd, trace->counters, &trace->events, 0, 0);
	begin(trace, input);
	rx.queue = &trace->source.q;
	/* At a patch port as what crossed, or was injected: the list of a copy is never NULL. */
	in = &trace->ports[input->port_id];
	trace->source.is_canonical = in->flags & DP_PORT_PATCH;
	rx.resume = trace->source.is_canonical ? in->ingress : NULL;
	(void)fwd_burst(&trace->fwd, &trace->snapshot, &rx);
	end_bridge(trace);
	trace->input = NULL;
	*ret_trace = trace;
	return 0;
}

void trace_destroy(struct trace *trace)
{
	if (!trace)
		return;
	fdb_destroy(trace->table);
	free(trace->stages);
	free(trace->points);
	(void)munmap(trace, sizeof(*trace));
}

const struct trace_step *trace_steps(const struct trace *trace, unsigned *ret_n)
{
	*ret_n = trace->n_steps;
	return trace->steps;
}

unsigned trace_more(const struct trace *trace, unsigned *ret_delivered, unsigned *ret_dropped)
{
	*ret_delivered = trace->n_more_delivered;
	*ret_dropped = trace->n_more_dropped;
	return trace->n_more;
}
