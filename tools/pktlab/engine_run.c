/* What happens to every frame of a run. Nothing here allocates, locks or logs; the system is
 * called once a millisecond (TEND_NS) and for kicks that a switch asks for. */
#include "clock.h"
#include "engine.h"
#include "share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TEND_NS        1000000u
#define BACKLOG_NS     2000000u   /* what a hold-up of the tester may be made good for */
#define DRAIN_MAX      10         /* times the quiet time, at most */
#define ALL_HERE_NS    500000000u /* quiet time once all of a stream with a window has arrived */
#define STAMP_SENDERS  8u         /* senders from one look at the clock to the next */
#define NS_48          ((UINT64_C(1) << 48) - 1)
#define MAX_LATENCY_NS UINT64_C(60000000000)

struct phase {
	uint64_t now_ns, start_ns, next_tend_ns, next_tick_ns, last_rx_ns;
	uint64_t interval_ns;
	unsigned step;
	uint64_t step_end_ns; /* UINT64_MAX: never */
	unsigned next_tended;
	bool stopped;
};

/* ---- Sending ---- */

/* Frames that have not arrived everywhere yet; those that are lost are for ever under way. */
static uint64_t under_way(const struct sender *sender)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < sender->stream.n_to; i++) {
		uint64_t missing = sender->sent - sender->flows[i].track.received;

		if (missing > n)
			n = missing;
	}
	return n;
}

static void send_burst(struct engine *engine, struct sender *sender, uint64_t now_ns)
{
	struct engine_port *from = &engine->ports[sender->stream.from];
	struct port *port = &from->port;
	struct port_slot slots[PORT_BURST];
	unsigned due = pace_due(&sender->pace, now_ns, sender->stream.burst);
	uint64_t bytes = 0;

	if (sender->stream.count && due > sender->stream.count - sender->sent - sender->refused)
		due = (unsigned)(sender->stream.count - sender->sent - sender->refused);
	if (sender->stream.window && due > 0) {
		uint64_t n_missing = under_way(sender);
		uint64_t room =
			n_missing < sender->stream.window ? sender->stream.window - n_missing : 0;

		if (due > room)
			due = (unsigned)room;
	}
	if (!due)
		return;
	unsigned n = port->ops->tx_begin(port, due, slots);
	for (unsigned i = 0; i < n; i++) {
		uint64_t frame = sender->sent + i;

		slots[i].len = shape_render(sender->shape, slots[i].data, slots[i].tag, frame,
			sender->base + (uint32_t)frame, now_ns);
	}
	n = n ? port->ops->tx_end(port, n, slots) : 0;
	for (unsigned i = 0; i < n; i++)
		bytes += slots[i].len;
	sender->sent += n;
	sender->bytes += bytes + (uint64_t)n * STREAM_FCS;
	from->counts.tx += n;
	from->counts.tx_bytes += bytes;
	engine->total_tx += n;
	if (sender->pace.per_ns > 0) {
		/* What the port has no room for is gone: the rate is kept, not the number. */
		pace_take(&sender->pace, due);
		sender->refused += due - n;
	}
}

static bool sender_has_ended(const struct sender *sender)
{
	return sender->stream.count && sender->sent + sender->refused >= sender->stream.count;
}

/* ---- Receiving ---- */

static void settle_stray(struct sender *sender)
{
	uint64_t n = sender->strays[sender->n_settled++ % ENGINE_STRAYS];

	for (unsigned i = 0; i < sender->stream.n_to; i++)
		if (track_has(&sender->flows[i].track, n)) {
			sender->flooded++;
			return;
		}
	sender->misrouted++;
}

static void add_stray(struct sender *sender, uint64_t n)
{
	if (sender->n_strays - sender->n_settled == ENGINE_STRAYS)
		settle_stray(sender);
	sender->strays[sender->n_strays++ % ENGINE_STRAYS] = n;
}

/* Strays whose own frame is overdue, before its number is too old to tell. */
static inline void settle_overdue(struct sender *sender, const struct track *track)
{
	while (sender->n_settled != sender->n_strays &&
		track->next > sender->strays[sender->n_settled % ENGINE_STRAYS] + TRACK_WINDOW / 2)
		settle_stray(sender);
}

static void add_latency(struct engine *engine, struct flow *flow, uint64_t sent_ns, uint64_t now_ns)
{
	uint64_t ns = (now_ns - sent_ns) & NS_48;

	if (ns > MAX_LATENCY_NS) /* a damaged stamp, or clocks that disagree by a little */
		return;
	hist_add(&flow->latency, ns);
	if (ns < flow->latency_min_ns)
		flow->latency_min_ns = ns;
	flow->latency_sum_ns += (double)ns;
	engine->latency_sum_ns += (double)ns;
}

static void add_arrival(struct flow *flow, uint64_t now_ns)
{
	if (flow->last_ns && now_ns - flow->last_ns > flow->gap_ns) {
		flow->gap_ns = now_ns - flow->last_ns;
		flow->gap_at_ns = flow->last_ns;
	}
	flow->last_ns = now_ns;
}

static bool is_damaged(struct sender *sender, const struct engine_run *run,
	const struct port_frame *frame, uint64_t n)
{
	if (!run->check_every || --sender->until_look)
		return false;
	sender->until_look = run->check_every;
	return shape_check(sender->shape, frame->data, frame->len, n) != SHAPE_GOOD;
}

static void receive_frame(struct engine *engine, const struct engine_run *run, unsigned port_no,
	const struct port_frame *frame, uint64_t now_ns)
{
	struct engine_port *port = &engine->ports[port_no];
	struct signature sig;

	if (!signature_read(frame->data, frame->len, &sig)) {
		port->counts.foreign++;
		if (run->foreign)
			run->foreign(run->ctx, port_no, frame->data, frame->len);
		return;
	}
	unsigned idx = engine->by_id[sig.stream];
	if (!idx) {
		port->counts.learning += sig.stream == SHAPE_LEARNING;
		port->counts.unknown += sig.stream != SHAPE_LEARNING;
		return;
	}
	struct sender *sender = &engine->senders[idx - 1];
	unsigned flow_no = sender->flow_of[port_no];
	struct flow *flow = flow_no == FLOW_NONE ? NULL : &sender->flows[flow_no];
	int64_t n = track_extend(flow ? flow->track.next : sender->sent, sig.number - sender->base);

	if (n < 0) { /* of an earlier run */
		if (flow)
			flow->track.stale++;
		return;
	}
	if ((uint64_t)n >= sender->sent) { /* never sent: the number is damaged */
		if (flow)
			flow->corrupted++;
		return;
	}
	if (!flow) {
		add_stray(sender, (uint64_t)n);
		return;
	}
	if (track_see(&flow->track, (uint64_t)n) != TRACK_NEW)
		return;
	engine->total_rx++;
	settle_overdue(sender, &flow->track);
	add_arrival(flow, now_ns);
	if (is_damaged(sender, run, frame, (uint64_t)n))
		flow->corrupted++;
	else
		add_latency(engine, flow, sig.ns, now_ns);
}

static unsigned receive_burst(struct engine *engine, const struct engine_run *run, unsigned port_no,
	uint64_t now_ns)
{
	struct engine_port *port = &engine->ports[port_no];
	const struct port_ops *ops = port->port.ops;
	struct port_frame frames[PORT_BURST];
	unsigned n = PORT_BURST;

	if (port->is_slow) {
		n = pace_due(&port->slow, now_ns, n);
		if (!n)
			return 0;
	}
	n = ops->rx_begin(&port->port, n, frames);
	if (!n)
		return 0;
	now_ns = clock_ns(); /* not before the frames were seen: their latency is no less */
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(frames[i].data + (frames[i].len > 64 ? frames[i].len - 14 : 0));
	for (unsigned i = 0; i < n; i++) {
		port->counts.rx_bytes += frames[i].len;
		receive_frame(engine, run, port_no, &frames[i], now_ns);
	}
	port->counts.rx += n;
	ops->rx_end(&port->port, n);
	if (port->is_slow)
		pace_take(&port->slow, n);
	return n;
}

/* ---- A run ---- */

static void start_step(struct engine *engine, const struct engine_run *run, struct phase *phase)
{
	const struct engine_step *step = &run->steps[phase->step];

	phase->step_end_ns =
		step->seconds > 0 ? phase->now_ns + (uint64_t)(step->seconds * 1e9) : UINT64_MAX;
	for (unsigned i = 0; i < engine->n_senders; i++) {
		struct sender *sender = &engine->senders[i];

		pace_set(&sender->pace, stream_pps(&sender->stream) * step->scale, BACKLOG_NS);
	}
}

static void start(struct engine *engine, const struct engine_run *run, struct phase *phase)
{
	engine->total_tx = engine->total_rx = 0;
	engine->latency_sum_ns = 0;
	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct engine_port *port = &engine->ports[i];

		port->counts = (struct engine_counts){0};
		port->n_down_before = port->port.n_down;
	}
	for (unsigned i = 0; i < engine->n_senders; i++) {
		struct sender *sender = &engine->senders[i];

		sender->base = engine->next_number[sender->stream.id];
		sender->sent = sender->bytes = sender->refused = 0;
		sender->flooded = sender->misrouted = 0;
		sender->n_strays = sender->n_settled = 0;
		sender->until_look = run->check_every ? run->check_every : UINT64_MAX;
		for (unsigned j = 0; j < sender->stream.n_to; j++) {
			uint16_t port = sender->flows[j].port;

			memset(&sender->flows[j], 0, sizeof(sender->flows[j]));
			sender->flows[j].port = port;
			sender->flows[j].latency_min_ns = UINT64_MAX;
		}
	}
	*phase = (struct phase){.interval_ns = (uint64_t)(run->interval_s * 1e9)};
	phase->now_ns = phase->start_ns = phase->last_rx_ns = clock_ns();
	phase->next_tick_ns = phase->interval_ns ? phase->now_ns + phase->interval_ns : UINT64_MAX;
	for (unsigned i = 0; i < engine->n_ports; i++)
		pace_start(&engine->ports[i].slow, phase->now_ns);
	for (unsigned i = 0; i < engine->n_senders; i++)
		pace_start(&engine->senders[i].pace, phase->now_ns);
	start_step(engine, run, phase);
}

/* Now and then: ports that went away or came back, the caller, the timeline. */
static void tend(struct engine *engine, struct engine_run *run, struct phase *phase)
{
	phase->next_tend_ns = phase->now_ns + TEND_NS;
	if (engine->n_ports) {
		struct port *port = &engine->ports[phase->next_tended++ % engine->n_ports].port;

		port->ops->tend(port);
	}
	if (run->hook && run->hook(run->ctx, (double)(phase->now_ns - phase->start_ns) / 1e9))
		phase->stopped = true;
}

static void add_tick(struct engine *engine, struct engine_run *run, struct phase *phase)
{
	phase->next_tick_ns += phase->interval_ns;
	if (run->n_ticks < ENGINE_MAX_TICKS)
		run->ticks[run->n_ticks++] = (struct engine_tick){
			engine->total_tx, engine->total_rx, engine->latency_sum_ns};
}

static void round_of(struct engine *engine, struct engine_run *run, struct phase *phase)
{
	phase->now_ns = clock_ns();
	for (unsigned i = 0; i < engine->n_ports; i++)
		if (receive_burst(engine, run, i, phase->now_ns))
			phase->last_rx_ns = phase->now_ns;
	if (phase->now_ns >= phase->next_tick_ns)
		add_tick(engine, run, phase);
	if (phase->now_ns >= phase->next_tend_ns)
		tend(engine, run, phase);
}

static bool sending_goes_on(struct engine *engine, const struct engine_run *run,
	struct phase *phase)
{
	if (phase->stopped)
		return false;
	if (phase->now_ns >= phase->step_end_ns) {
		if (++phase->step == run->n_steps)
			return false;
		start_step(engine, run, phase);
	}
	if (phase->step_end_ns != UINT64_MAX && !engine->n_senders)
		return true;
	for (unsigned i = 0; i < engine->n_senders; i++)
		if (!sender_has_ended(&engine->senders[i]))
			return true;
	return !engine->n_senders;
}

static void send_all(struct engine *engine, struct engine_run *run, struct phase *phase)
{
	unsigned first = 0;

	while (sending_goes_on(engine, run, phase)) {
		/* Each round another sender is first: where ports are short of room, none is always
		 * served before the others. */
		for (unsigned i = 0; i < engine->n_senders; i++) {
			unsigned at = first + i;

			if (!(i % STAMP_SENDERS))
				phase->now_ns = clock_ns();
			if (at >= engine->n_senders)
				at -= engine->n_senders;
			send_burst(engine, &engine->senders[at], phase->now_ns);
		}
		if (++first >= engine->n_senders)
			first = 0;
		round_of(engine, run, phase);
	}
}

static bool is_pending(struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct port *port = &engine->ports[i].port;

		if (port->ops->tx_pending(port))
			return true;
	}
	return false;
}

/* Every stream tells by its window that all should arrive, and all has. */
static bool is_all_here(const struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_senders; i++)
		if (!engine->senders[i].stream.window || under_way(&engine->senders[i]))
			return false;
	return engine->n_senders;
}

static bool is_quiet(struct engine *engine, const struct phase *phase, uint64_t quiet_ns)
{
	uint64_t ns = phase->now_ns - phase->last_rx_ns;

	return (ns >= quiet_ns || (ns >= ALL_HERE_NS && is_all_here(engine))) &&
	       !is_pending(engine);
}

static void drain(struct engine *engine, struct engine_run *run, struct phase *phase)
{
	uint64_t quiet_ns = (uint64_t)(run->drain_s * 1e9);
	uint64_t end_ns = phase->now_ns + DRAIN_MAX * quiet_ns;

	phase->last_rx_ns = phase->now_ns;
	while (phase->now_ns < end_ns && !is_quiet(engine, phase, quiet_ns))
		round_of(engine, run, phase);
}

int engine_run(struct engine *engine, struct engine_run *run)
{
	struct rusage before = {0}, after = {0};
	struct phase phase;

	run->n_ticks = 0;
	run->ticks = NULL;
	if (run->interval_s > 0) {
		run->ticks = calloc(ENGINE_MAX_TICKS, sizeof(*run->ticks));
		if (!run->ticks)
			return -ENOMEM;
	}
	engine_tend(engine);
	(void)getrusage(RUSAGE_THREAD, &before);
	uint64_t ran_ns = share_own_run_ns();
	start(engine, run, &phase);
	send_all(engine, run, &phase);
	run->seconds = (double)(phase.now_ns - phase.start_ns) / 1e9;
	run->stopped = phase.stopped;
	uint64_t end_ns = clock_ns();
	ran_ns = share_own_run_ns() - ran_ns;
	(void)getrusage(RUSAGE_THREAD, &after);
	run->run_share = (double)ran_ns / (double)(end_ns - phase.start_ns);
	run->voluntary = after.ru_nvcsw - before.ru_nvcsw;
	run->involuntary = after.ru_nivcsw - before.ru_nivcsw;
	drain(engine, run, &phase);
	for (unsigned i = 0; i < engine->n_senders; i++) {
		struct sender *sender = &engine->senders[i];

		while (sender->n_settled < sender->n_strays)
			settle_stray(sender);
		engine->next_number[sender->stream.id] += (uint32_t)sender->sent;
		for (unsigned j = 0; j < sender->stream.n_to; j++)
			if (sender->flows[j].gap_ns)
				sender->flows[j].gap_at_ns -= phase.start_ns;
	}
	for (unsigned i = 0; i < engine->n_ports; i++)
		engine->ports[i].counts.down =
			engine->ports[i].port.n_down - engine->ports[i].n_down_before;
	return 0;
}

void engine_run_done(struct engine_run *run)
{
	free(run->ticks);
	run->ticks = NULL;
}
