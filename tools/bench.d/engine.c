#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <x86intrin.h>

/* Frames that were sent to learn are all through when none came for so long. */
#define QUIET_MS 200

static const struct traffic *traffic_of(const struct engine *engine)
{
	return &engine->config.traffic;
}

static bool has_one_sender(const struct engine *engine)
{
	const struct engine_config *config = &engine->config;

	return config->traffic.pattern == TRAFFIC_PAIRS ||
	       (config->traffic.pattern == TRAFFIC_FLOOD && !config->both);
}

/* ---- Life cycle ---- */

static void fill(struct engine *engine)
{
	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
		struct pump *pump = &engine->ports[id].vu->send;

		for (unsigned slot = 0; slot < pump->size; slot++) {
			uint8_t *buf = pump_buf(pump, slot);

			traffic_fill_hdr(traffic_of(engine), (struct virtio_net_hdr_v1 *)buf);
			traffic_fill(traffic_of(engine), id, slot, buf + PUMP_HDR_SIZE);
		}
	}
}

int engine_create(const struct engine_config *config, struct vu_port *vu,
	struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	uint32_t total = config->traffic.size + (uint32_t)PUMP_HDR_SIZE;

	if (!engine)
		return -ENOMEM;
	engine->config = *config;
	engine->bufs_per_frame = (total + vu->receive.len - 1) / vu->receive.len;
	engine->ports = calloc(config->traffic.n_ports, sizeof(*engine->ports));
	engine->scratch = malloc(total);
	if (!engine->ports || !engine->scratch) {
		engine_destroy(engine);
		return -ENOMEM;
	}
	for (unsigned id = 0; id < config->traffic.n_ports; id++) {
		struct engine_port *port = &engine->ports[id];

		port->vu = &vu[id];
		port->is_sender = config->traffic.pattern == TRAFFIC_MESH || config->both ||
				  (config->traffic.pattern == TRAFFIC_PAIRS ? !(id & 1) : !id);
	}
	fill(engine);
	*ret_engine = engine;
	return 0;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	free(engine->ports);
	free(engine->scratch);
	free(engine);
}

/* ---- Sending ---- */

/* How many frames the rate limit allows at now, at most max. */
static unsigned allowed(const struct engine_config *config, struct engine_port *port, unsigned max,
	uint64_t now)
{
	double ticks = config->tsc_per_s / config->frames_per_s;
	double due = (double)(now - port->credit_tsc) / ticks;
	unsigned n = due < max ? (unsigned)due : max;

	/* Time in which the ring had no room is not made up for. */
	if (due > max + 1)
		port->credit_tsc = now;
	else
		port->credit_tsc += (uint64_t)(n * ticks);
	return n;
}

/* Write what differs from frame to frame into the next n. */
static void prepare(struct engine *engine, unsigned id, unsigned n)
{
	const struct engine_config *config = &engine->config;
	const struct traffic *traffic = &config->traffic;
	struct engine_port *port = &engine->ports[id];
	struct pump *pump = &port->vu->send;
	bool rewrite = config->touch || traffic->n_addresses > 1;
	uint64_t first = pump->n_published;

	for (unsigned i = 0; rewrite && i < n; i++) {
		unsigned slot = (first + i) & (pump->size - 1);

		traffic_address(pump_buf(pump, first + i) + PUMP_HDR_SIZE, id,
			traffic_dst_port(traffic, id, slot), port->next_address);
		if (++port->next_address >= traffic->n_addresses)
			port->next_address = 0;
	}
	uint64_t step = config->latency ? 1 : config->every;
	for (uint64_t at = (first + step - 1) & ~(step - 1); at < first + n; at += step)
		traffic_set_number(traffic, pump_buf(pump, at) + PUMP_HDR_SIZE, (uint32_t)at,
			config->latency ? __rdtsc() : 0);
}

static void send_some(struct engine *engine, unsigned id, uint64_t now)
{
	const struct engine_config *config = &engine->config;
	struct engine_port *port = &engine->ports[id];
	struct pump *pump = &port->vu->send;

	(void)pump_collect(pump);
	unsigned n = pump_room(pump);
	if (n > config->burst)
		n = config->burst;
	if (n && config->frames_per_s > 0)
		n = allowed(config, port, n, now);
	if (!n)
		return;
	prepare(engine, id, n);
	pump_publish(pump, n);
	if (config->kick && pump_wants_kick(pump))
		vu_kick(port->vu);
}

/* ---- Receiving ---- */

static void complain(struct engine *engine, const char *what)
{
	engine->wrong++;
	if (!engine->first_wrong)
		engine->first_wrong = what;
}

/* The frame that begins at slot number at, in one segment; NULL when it is cut otherwise. */
static const uint8_t *whole(struct engine *engine, const struct pump *pump, uint64_t at)
{
	uint32_t total = traffic_of(engine)->size + (uint32_t)PUMP_HDR_SIZE, got = 0;
	const struct virtio_net_hdr_v1 *hdr = (const struct virtio_net_hdr_v1 *)pump_buf(pump, at);

	if (engine->bufs_per_frame == 1)
		return pump_used_len(pump, at) == total ? pump_buf(pump, at) : NULL;
	if (hdr->num_buffers != engine->bufs_per_frame)
		return NULL;
	for (unsigned i = 0; i < engine->bufs_per_frame; i++) {
		uint32_t len = pump_used_len(pump, at + i);

		if (len > total - got)
			return NULL;
		memcpy(engine->scratch + got, pump_buf(pump, at + i), len);
		got += len;
	}
	return got == total ? engine->scratch : NULL;
}

static void see_order(struct engine *engine, struct engine_port *port, uint64_t frame,
	const struct traffic_mark *mark)
{
	if (has_one_sender(engine)) {
		order_see(&port->order, frame, mark->slot, mark->number);
		port->next_look = port->order.next;
		return;
	}
	port->next_look = frame + engine->config.every;
	if (mark->slot & (engine->config.every - 1))
		return; /* without a number */
	if (port->any_from[mark->port] &&
		(int32_t)(mark->number - port->last_number[mark->port]) <= 0)
		engine->disordered++;
	port->any_from[mark->port] = true;
	port->last_number[mark->port] = mark->number;
}

/* Look at one frame: `frame` is its position in what arrived. */
static void look(struct engine *engine, unsigned id, uint64_t frame)
{
	struct engine_port *port = &engine->ports[id];
	const struct pump *pump = &port->vu->receive;
	uint64_t at = port->base_done + frame * engine->bufs_per_frame;
	const uint8_t *bytes = whole(engine, pump, at);
	const char *wrong = NULL;

	engine->looked++;
	port->next_look = frame + engine->config.every;
	if (!pump_is_in_order(pump, at))
		wrong = "buffer that was returned out of order";
	else if (!bytes)
		wrong = "wrong length, or cut into other buffers";
	else if (((const struct virtio_net_hdr_v1 *)bytes)->gso_type !=
		 (traffic_of(engine)->tcp ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE))
		wrong = "wrong segmentation header";
	else
		wrong = traffic_check(traffic_of(engine), id, bytes + PUMP_HDR_SIZE,
			traffic_of(engine)->size);
	if (wrong) {
		complain(engine, wrong);
		return;
	}
	struct traffic_mark mark = traffic_mark(traffic_of(engine), bytes + PUMP_HDR_SIZE);
	see_order(engine, port, frame, &mark);
}

static void time_frames(struct engine *engine, const struct engine_port *port, uint64_t n)
{
	uint64_t now = __rdtsc();

	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = port->base_done + (port->received + i) * engine->bufs_per_frame;
		struct traffic_mark mark = traffic_mark(traffic_of(engine),
			pump_buf(&port->vu->receive, at) + PUMP_HDR_SIZE);

		if (mark.tsc < now) /* stamped by this thread: anything else is a broken frame */
			hist_add(&engine->hist, now - mark.tsc);
	}
}

static unsigned receive_some(struct engine *engine, unsigned id)
{
	struct engine_port *port = &engine->ports[id];
	struct pump *pump = &port->vu->receive;

	if (!pump_collect(pump))
		return 0;
	uint64_t whole_frames = (pump->n_done - port->base_done) / engine->bufs_per_frame;
	uint64_t n = whole_frames - port->received;
	if (!n)
		return 0;
	if (engine->config.latency)
		time_frames(engine, port, n);
	while (port->next_look < whole_frames)
		look(engine, id, port->next_look);
	port->received = whole_frames;
	/* Buffers of a frame that is not complete yet are kept. */
	pump_publish(pump, (unsigned)(n * engine->bufs_per_frame));
	return (unsigned)n;
}

/* ---- Running ---- */

void engine_run(struct engine *engine, uint64_t ticks)
{
	unsigned n_ports = traffic_of(engine)->n_ports;
	uint64_t begin = __rdtsc(), now = begin;

	for (unsigned id = 0; id < n_ports; id++)
		engine->ports[id].credit_tsc = begin;
	for (; now - begin < ticks; now = __rdtsc()) {
		for (unsigned id = 0; id < n_ports; id++) {
			if (engine->ports[id].is_sender)
				send_some(engine, id, now);
			(void)receive_some(engine, id);
		}
	}
}

/* Has the switch taken all that was sent? */
static bool is_all_taken(const struct engine *engine)
{
	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
		const struct pump *pump = &engine->ports[id].vu->send;

		if (pump->n_done != pump->n_published)
			return false;
	}
	return true;
}

/* Ticks of so many ms, never 0. */
static uint64_t ticks_of(const struct engine *engine, unsigned ms)
{
	return (uint64_t)(engine->config.tsc_per_s / 1000 * ms) + 1;
}

int engine_drain(struct engine *engine, unsigned quiet_ms, unsigned timeout_ms)
{
	uint64_t quiet = ticks_of(engine, quiet_ms), limit = ticks_of(engine, timeout_ms);
	uint64_t begin = __rdtsc();

	/* On a busy machine the switch may not run for longer than the quiet that is waited for,
	 * but then it has not taken everything. */
	for (uint64_t last = begin; __rdtsc() - last < quiet || !is_all_taken(engine);) {
		if (__rdtsc() - begin > limit)
			return -ETIMEDOUT;
		for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
			if (pump_collect(&engine->ports[id].vu->send) | receive_some(engine, id))
				last = __rdtsc();
		}
	}
	return 0;
}

struct engine_totals engine_totals(const struct engine *engine)
{
	struct engine_totals totals = {0};

	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
		const struct engine_port *port = &engine->ports[id];

		totals.sent += port->vu->send.n_published - port->base_published;
		totals.received += port->received;
	}
	return totals;
}

struct order engine_order(const struct engine *engine)
{
	struct order sum = {.looked = engine->looked, .disordered = engine->disordered};

	for (unsigned id = 0; has_one_sender(engine) && id < traffic_of(engine)->n_ports; id++) {
		const struct order *order = &engine->ports[id].order;

		sum.lost += order->lost;
		sum.repeated += order->repeated;
		sum.disordered += order->disordered;
	}
	return sum;
}

/* ---- Learning ---- */

/* Collect without looking at anything; returns the slots that came back. */
static unsigned discard(struct engine *engine)
{
	unsigned total = 0;

	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
		struct pump *pump = &engine->ports[id].vu->receive;
		unsigned n = pump_collect(pump);

		pump_publish(pump, n);
		total += n + pump_collect(&engine->ports[id].vu->send);
	}
	return total;
}

static void discard_for(struct engine *engine, uint64_t ticks)
{
	for (uint64_t begin = __rdtsc(); __rdtsc() - begin < ticks;)
		(void)discard(engine);
}

/* Until everything that was sent has come and gone. 0 or -ETIMEDOUT. */
static int discard_rest(struct engine *engine, unsigned quiet_ms, unsigned timeout_ms)
{
	uint64_t quiet = ticks_of(engine, quiet_ms), limit = ticks_of(engine, timeout_ms);
	uint64_t begin = __rdtsc();

	for (uint64_t last = begin; __rdtsc() - last < quiet || !is_all_taken(engine);) {
		if (__rdtsc() - begin > limit)
			return -ETIMEDOUT;
		if (discard(engine))
			last = __rdtsc();
	}
	return 0;
}

/* One frame from address i of a port, to the same of another. False when there is no room. */
static bool announce(struct engine *engine, unsigned id, uint32_t i)
{
	struct pump *pump = &engine->ports[id].vu->send;
	unsigned slot = pump->n_published & (pump->size - 1);

	if (!pump_room(pump))
		return false;
	if (traffic_of(engine)->pattern != TRAFFIC_FLOOD)
		traffic_address(pump_buf(pump, slot) + PUMP_HDR_SIZE, id,
			traffic_dst_port(traffic_of(engine), id, slot), i);
	pump_publish(pump, 1);
	if (engine->config.kick && pump_wants_kick(pump))
		vu_kick(engine->ports[id].vu);
	return true;
}

static bool is_everyone_reached(const struct engine *engine)
{
	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++)
		if (!engine->ports[id].vu->receive.n_done)
			return false;
	return true;
}

/* Forget what was sent to learn; all of it is back. */
static void begin_to_count(struct engine *engine)
{
	fill(engine);
	hist_clear(&engine->hist);
	for (unsigned id = 0; id < traffic_of(engine)->n_ports; id++) {
		struct engine_port *port = &engine->ports[id];

		port->base_published = port->vu->send.n_published;
		port->base_done = port->vu->receive.n_done;
		order_init(&port->order, engine->config.every);
	}
}

int engine_learn(struct engine *engine, double rate, unsigned timeout_ms)
{
	const struct traffic *traffic = traffic_of(engine);
	uint64_t ms = (uint64_t)(engine->config.tsc_per_s / 1000), begin = __rdtsc();
	uint64_t step = (uint64_t)(engine->config.tsc_per_s / rate);

	/* A switch that just got its ports may forward nothing for a while. */
	while (!is_everyone_reached(engine)) {
		if (__rdtsc() - begin > timeout_ms * ms)
			return -ETIMEDOUT;
		for (unsigned id = 0; id < traffic->n_ports; id++)
			(void)announce(engine, id, 0);
		discard_for(engine, 10 * ms);
	}
	for (uint32_t i = 0; i < traffic->n_addresses; i++) {
		for (unsigned id = 0; id < traffic->n_ports; id++) {
			begin = __rdtsc();
			while (!announce(engine, id, i)) {
				if (__rdtsc() - begin > timeout_ms * ms)
					return -ETIMEDOUT;
				(void)discard(engine);
			}
			discard_for(engine, step);
		}
	}
	int r = discard_rest(engine, QUIET_MS, timeout_ms);
	if (!r)
		begin_to_count(engine);
	return r;
}
