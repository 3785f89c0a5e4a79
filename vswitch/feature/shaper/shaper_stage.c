#include "shaper_stage.h"

#include "flush.h"
#include "spin.h"
#include "tag.h"

#include <rte_cycles.h>

#define ETHER_TYPE_IPV4_ 0x0800
#define ETHER_TYPE_IPV6_ 0x86dd
#define MAX_TAGS         2

static const struct shaper_conf *conf_of(const struct shaper *shaper)
{
	return atomic_load_explicit(&shaper->conf, memory_order_acquire);
}

/* Counters have one writer each at a time. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

/* ---- Who adds ---- */

static unsigned load_be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Of a frame of a bridge its tag was taken off; on a link it is in the frame. */
static unsigned pcp_of(const struct dp_port *port, const struct frame *frame)
{
	if (!(port->flags & DP_PORT_LINK))
		return frame->tci >> 13;
	return frame_ether_type(frame) == ETHER_TYPE_VLAN && frame->header_len > 14
		       ? frame->header[14] >> 5
		       : 0;
}

/* Behind the tags that there are. What is no IP has none. */
static unsigned dscp_class_of(const struct frame *frame)
{
	unsigned at = frame->rest_off;

	for (unsigned i = 0; i < MAX_TAGS && at + 8u <= frame->header_len; i++, at += TAG_LEN) {
		unsigned type = load_be16(frame->header + at);

		if (type != ETHER_TYPE_VLAN && type != ETHER_TYPE_QINQ)
			break;
	}
	if (at + 4u > frame->header_len)
		return 0;
	if (load_be16(frame->header + at) == ETHER_TYPE_IPV4_)
		return frame->header[at + 3] >> 5;
	if (load_be16(frame->header + at) == ETHER_TYPE_IPV6_)
		return (load_be16(frame->header + at + 2) >> 4 & 0xff) >> 5;
	return 0;
}

static unsigned class_of(const struct shaper_conf *conf, const struct dp_port *port,
	const struct frame *frame)
{
	unsigned priority = conf->by_dscp ? dscp_class_of(frame) : pcp_of(port, frame);

	return priority < 2 ? 1 - priority : priority;
}

unsigned shaper_stage_class(const struct shaper_conf *conf, const struct dp_port *port,
	const struct frame *frame)
{
	return class_of(conf, port, frame);
}

static bool is_empty(const struct shaper *shaper)
{
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		if (!hold_is_done(shaper->classes[i]))
			return false;
	return true;
}

uint64_t shaper_stage_run(struct stage_ctx *ctx, const void *stage_conf, uint64_t mask)
{
	struct shaper *shaper = (struct shaper *)(uintptr_t)stage_conf;
	const struct shaper_conf *conf = conf_of(shaper);
	uint64_t pass = 0, stopped = 0;

	if (ctx->is_shared)
		spin_acquire(&shaper->in.tx_lock);
	for (uint64_t left = mask; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct frame *frame = &ctx->frames[i];
		unsigned class = class_of(conf, ctx->port, frame);

		if (conf->is_off && is_empty(shaper)) {
			pass |= left & -left;
		} else if (hold_has_room(shaper->classes[class], frame)) {
			hold_add(shaper->classes[class], frame, ctx->tagged >> i & 1, 0);
			ctx->counters->held++;
		} else {
			count(&shaper->n_dropped[class], 1);
			stopped |= left & -left;
		}
	}
	flush_add(ctx->flush, &shaper->in);
	if (ctx->is_shared)
		spin_release(&shaper->in.tx_lock);
	stage_drop(ctx, DROP_TX_SHAPER, stopped);
	return pass;
}

static void flush(struct queue *in)
{
	struct shaper *shaper = (struct shaper *)in; /* first member */

	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		hold_publish(shaper->classes[i]);
}

static int notify_fd(struct queue *in)
{
	struct shaper *shaper = (struct shaper *)in;

	if (__builtin_expect(!atomic_load_explicit(&shaper->wants_wakeup, memory_order_relaxed), 1))
		return -1;
	atomic_store_explicit(&shaper->wants_wakeup, false, memory_order_relaxed);
	return shaper->out.wake_fd;
}

/* ---- The worker that has it ---- */

static struct shaper *of_out(struct queue *q)
{
	return (struct shaper *)((char *)q - offsetof(struct shaper, out));
}

static uint32_t line_len(const struct held *record)
{
	return record->len + (record->is_tagged ? TAG_LEN : 0);
}

static unsigned pick_strict(struct shaper *shaper)
{
	unsigned class = SHAPER_N_CLASSES;

	while (class -- > 0)
		if (hold_first(shaper->classes[class]))
			return class;
	return SHAPER_N_CLASSES;
}

static bool has_any(struct shaper *shaper)
{
	return pick_strict(shaper) < SHAPER_N_CLASSES;
}

/* Who has the turn keeps it while it has bytes left of it. A frame is at most so many turns long
 * that this ends soon: one of FRAME_MAX_LEN takes 44 rounds at a weight of 1. */
static unsigned pick_drr(struct shaper *shaper, const struct shaper_conf *conf)
{
	if (!has_any(shaper))
		return SHAPER_N_CLASSES;
	for (;;) {
		unsigned class = shaper->turn;
		const struct held *record = hold_first(shaper->classes[class]);

		if (record && line_len(record) <= shaper->deficits[class]) {
			shaper->deficits[class] -= line_len(record);
			return class;
		}
		if (!record)
			shaper->deficits[class] = 0;
		shaper->turn = (class + 1) % SHAPER_N_CLASSES;
		shaper->deficits[shaper->turn] += conf->turns[shaper->turn];
	}
}

/* Other settings: what was ahead of the clock at the old rate is the burst of the new one. */
static void begin_conf(struct shaper *shaper, const struct shaper_conf *conf, uint64_t now_tsc)
{
	shaper->n_conf = conf->number;
	shaper->begin_tsc = 0;
	if (shaper->bucket.done_tsc > now_tsc + conf->bucket.depth_tsc)
		shaper->bucket.done_tsc = now_tsc + conf->bucket.depth_tsc;
}

static unsigned rx(struct queue *out, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct shaper *shaper = of_out(out);
	const struct shaper_conf *conf = conf_of(shaper);
	struct bucket bucket = shaper->bucket;
	uint64_t now_tsc = rte_rdtsc();
	unsigned n = 0;

	burst_begin(burst, burst->frames);
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		hold_begin(shaper->classes[i]);
	if (__builtin_expect(shaper->n_conf != conf->number, 0)) {
		begin_conf(shaper, conf, now_tsc);
		bucket = shaper->bucket;
	}
	if (!conf->is_off && now_tsc < shaper->begin_tsc)
		return 0;
	for (; n < max; n++) {
		struct frame *frame = &burst->frames[n];
		const struct held *record;
		unsigned class;

		if (!conf->is_off && !bucket_may_pass(&bucket, &conf->bucket, now_tsc, 1))
			break;
		class = conf->is_drr ? pick_drr(shaper, conf) : pick_strict(shaper);
		if (class == SHAPER_N_CLASSES)
			break;
		record = hold_receive(shaper->classes[class], frame);
		burst_add(burst, frame);
		burst->tagged |= (uint64_t)record->is_tagged << n;
		shaper->class_of[n] = (uint8_t) class;
		shaper->len_of[n] = line_len(record);
		bucket_take(&bucket, &conf->bucket, now_tsc, shaper->len_of[n]);
	}
	shaper->now_tsc = now_tsc;
	shaper->n_received = n;
	return n;
}

/* The last ones go back to the front of their classes. */
static void requeue(struct queue *out, const struct frame *frames, unsigned n)
{
	struct shaper *shaper = of_out(out);

	for (; n; n--) {
		unsigned i = --shaper->n_received;

		hold_requeue(shaper->classes[shaper->class_of[i]], 1);
		shaper->deficits[shaper->class_of[i]] += shaper->len_of[i];
	}
}

static void rx_done(struct queue *out, const struct frame *frames, unsigned n)
{
	struct shaper *shaper = of_out(out);
	const struct shaper_conf *conf = conf_of(shaper);
	unsigned n_of[SHAPER_N_CLASSES] = {0};

	for (unsigned i = 0; i < n; i++) {
		unsigned class = shaper->class_of[i];

		n_of[class]++;
		count(&shaper->n_sent[class], 1);
		count(&shaper->n_sent_bytes[class], shaper->len_of[i]);
		bucket_take(&shaper->bucket, &conf->bucket, shaper->now_tsc, shaper->len_of[i]);
	}
	for (unsigned i = 0; i < SHAPER_N_CLASSES; i++)
		hold_release(shaper->classes[i], n_of[i]);
	shaper->begin_tsc = 0;
	if (!bucket_may_pass(&shaper->bucket, &conf->bucket, shaper->now_tsc, 1))
		shaper->begin_tsc = bucket_due_tsc(&shaper->bucket, &conf->bucket, conf->quantum);
}

static uint64_t due_tsc(struct queue *out)
{
	struct shaper *shaper = of_out(out);
	const struct shaper_conf *conf = conf_of(shaper);

	if (!has_any(shaper))
		return UINT64_MAX;
	return conf->is_off || conf->number != shaper->n_conf ? 0 : shaper->begin_tsc;
}

static bool pending(struct queue *out)
{
	return due_tsc(out) <= rte_rdtsc();
}

/* Whoever sleeps with frames held knows when to wake up, whatever is added. */
static void set_wakeup(struct queue *out, bool on)
{
	struct shaper *shaper = of_out(out);

	atomic_store_explicit(&shaper->wants_wakeup, on && !has_any(shaper), memory_order_relaxed);
}

const struct queue_ops shaper_in_ops = {
	.flush = flush,
	.notify_fd = notify_fd,
};

const struct queue_ops shaper_out_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.requeue = requeue,
	.pending = pending,
	.due_tsc = due_tsc,
	.set_wakeup = set_wakeup,
};
