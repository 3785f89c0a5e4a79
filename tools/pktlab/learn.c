/* Frames that are sent once each and waited for: what teaches a switch, and what is sent as it is.
 */
#include "clock.h"
#include "engine.h"
#include "err.h"

#include <errno.h>
#include <string.h>

#define TEND_NS 1000000u

struct once { /* frames on their way out of one port */
	struct engine *engine;
	struct port *port;
	struct pace pace;
	uint64_t now_ns, end_ns, next_tend_ns;
};

static void once_start(struct once *once, struct engine *engine, unsigned port, double pps,
	double timeout_s)
{
	*once = (struct once){
		.engine = engine, .port = &engine->ports[port].port, .now_ns = clock_ns()};
	once->end_ns = once->now_ns + (uint64_t)(timeout_s * 1e9);
	once->next_tend_ns = once->now_ns;
	pace_set(&once->pace, pps, TEND_NS);
	pace_start(&once->pace, once->now_ns);
}

/* Slots for up to n frames that are due; true in *ret_tend about once a millisecond. */
static unsigned once_begin(struct once *once, uint64_t n, struct port_slot *slots, bool *ret_tend)
{
	unsigned due;

	once->now_ns = clock_ns();
	*ret_tend = once->now_ns >= once->next_tend_ns;
	if (*ret_tend) {
		once->next_tend_ns = once->now_ns + TEND_NS;
		engine_tend(once->engine);
	} else {
		engine_discard(once->engine);
	}
	due = pace_due(&once->pace, once->now_ns, n < PORT_BURST ? (unsigned)n : PORT_BURST);
	return due ? once->port->ops->tx_begin(once->port, due, slots) : 0;
}

static unsigned once_end(struct once *once, unsigned n, const struct port_slot *slots)
{
	n = n ? once->port->ops->tx_end(once->port, n, slots) : 0;
	pace_take(&once->pace, n);
	return n;
}

unsigned engine_inject(struct engine *engine, unsigned port, const struct engine_frame *frames,
	unsigned n, double pps, double timeout_s)
{
	struct port_slot slots[PORT_BURST];
	struct once once;
	unsigned sent = 0;
	bool tended;

	once_start(&once, engine, port, pps, timeout_s);
	while (sent < n && once.now_ns < once.end_ns) {
		unsigned room = once_begin(&once, n - sent, slots, &tended);

		for (unsigned i = 0; i < room; i++) {
			slots[i].len = frames[sent + i].len;
			memcpy(slots[i].data, frames[sent + i].data, slots[i].len);
			*slots[i].tag = 0;
		}
		sent += once_end(&once, room, slots);
	}
	while (once.port->ops->tx_pending(once.port) && once.now_ns < once.end_ns)
		(void)once_begin(&once, 0, slots, &tended);
	return sent;
}

static uint64_t common_multiple(uint64_t a, uint64_t b)
{
	uint64_t x = a, y = b;

	while (y) {
		uint64_t rest = x % y;

		x = y;
		y = rest;
	}
	return a / x * b;
}

/* What teaches where the stream's destinations are: its destination is the source here. */
static struct stream lesson_of(const struct stream *stream, unsigned port)
{
	struct stream lesson = *stream;

	lesson.id = SHAPE_LEARNING;
	lesson.from = (uint16_t)port;
	lesson.n_to = 0;
	lesson.to = NULL;
	lesson.n_sizes = 1;
	lesson.sizes[0] = STREAM_MIN_SIZE;
	lesson.ip = lesson.udp = false;
	lesson.src = stream->dst;
	lesson.dst = (struct range){stream->src.first, 1, false};
	if (stream->vxlan.on) {
		lesson.src = (struct range){stream->vxlan.dst_mac, 1, false};
		lesson.dst = (struct range){stream->vxlan.src_mac, 1, false};
		lesson.vxlan.on = false;
		lesson.n_tags = 0;
	}
	lesson.src.random = false;
	return lesson;
}

static int teach(struct engine *engine, struct engine_learn *learn, const struct stream *lesson,
	uint64_t start_ns, struct err *err)
{
	struct shape *shape = shape_create(lesson, ++engine->serial);
	struct port_slot slots[PORT_BURST];
	uint64_t total = lesson->src.count, sent = 0;
	struct once once;
	bool tended;
	int r = 0;

	if (!shape)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < lesson->n_tags; i++)
		total = common_multiple(total, lesson->tags[i].vid.count);
	once_start(&once, engine, lesson->from, learn->pps,
		learn->timeout_s - (double)(clock_ns() - start_ns) / 1e9);
	while (!r && (sent < total || once.port->ops->tx_pending(once.port))) {
		unsigned room = once_begin(&once, total - sent, slots, &tended);

		for (unsigned i = 0; i < room; i++)
			slots[i].len = shape_render(shape, slots[i].data, slots[i].tag, sent + i,
				(uint32_t)(sent + i), once.now_ns);
		sent += once_end(&once, room, slots);
		learn->n_frames += room;
		if (once.now_ns >= once.end_ns)
			r = err_set(err, -ETIMEDOUT,
				"port '%s': %llu of %llu addresses were sent in time",
				once.port->name, (unsigned long long)sent,
				(unsigned long long)total);
		else if (tended && learn->hook &&
			 learn->hook(learn->ctx, (double)(once.now_ns - start_ns) / 1e9))
			r = err_set(err, -ECANCELED, "stopped");
	}
	shape_destroy(shape);
	return r;
}

/* Where VLANs or addresses come at random, any pair may come: VLAN by VLAN, all addresses. */
static int teach_pairs(struct engine *engine, struct engine_learn *learn, struct stream lesson,
	bool random, uint64_t start_ns, struct err *err)
{
	if (!lesson.n_tags || (!random && !lesson.tags[0].vid.random))
		return teach(engine, learn, &lesson, start_ns, err);
	struct range vids = lesson.tags[0].vid;
	int r = 0;

	for (unsigned i = 0; !r && i < vids.count; i++) {
		lesson.tags[0].vid = (struct range){vids.first + i, 1, false};
		r = teach(engine, learn, &lesson, start_ns, err);
	}
	return r;
}

int engine_learn(struct engine *engine, struct engine_learn *learn, struct err *err)
{
	uint64_t start_ns = clock_ns();
	int r = 0;

	learn->n_frames = 0;
	for (unsigned i = 0; !r && i < engine->n_senders; i++) {
		const struct stream *stream = &engine->senders[i].stream;

		if (stream->dst.first >> 40 & 1)
			continue; /* a group address is nobody's */
		for (unsigned j = 0; !r && j < stream->n_to; j++)
			r = teach_pairs(engine, learn, lesson_of(stream, stream->to[j]),
				stream->dst.random, start_ns, err);
	}
	learn->seconds = (double)(clock_ns() - start_ns) / 1e9;
	return r;
}
