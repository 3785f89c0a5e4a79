#include "capture_stage.h"

#include "flush.h"
#include "offload.h"
#include "spin.h"

#include <string.h>

_Static_assert(FRAME_MAX_LEN + TAG_LEN <= CAPTURE_MAX_FRAME, "a reader takes every frame");
_Static_assert(CAPTURE_RING_MIN >= 2 * (CAPTURE_MAX_FRAME + sizeof(struct capture_record) + 8),
	"the longest frame fits behind what fills the end");

_Static_assert(CAPTURE_MAX <= FLUSH_MAX_SHARED / 2, "all captures can be listed for flushing");

/* With the checksum that the frame asks for. */
static __attribute__((noinline)) void finish(struct capture *capture, struct wire *wire,
	bool is_tagged)
{
	const struct frame *frame = wire->frame;
	uint32_t header_len = frame->len < FRAME_HEADER_SIZE ? frame->len : FRAME_HEADER_SIZE;

	frame_linearize(frame, capture->bounce);
	offload_checksum(capture->bounce, frame->len, &frame->hdr);
	wire_put_head(wire, capture->bounce, header_len, 12, is_tagged);
	wire->tail = capture->bounce + header_len;
}

/* ---- The ring -------------------------------------------------------------------------------- */

static inline bool has_room(struct capture *capture, uint64_t n)
{
	if (capture->tail + n - capture->seen_head <= capture->size)
		return true;
	/* The reader's: a position that cannot be makes no room. */
	capture->seen_head = atomic_load_explicit(&capture->ring->head, memory_order_acquire);
	return capture->tail - capture->seen_head <= capture->size &&
	       capture->tail + n - capture->seen_head <= capture->size;
}

/* What fills the end of the ring, for a record does not fit there. */
static void fill(struct capture *capture, uint64_t at, uint64_t left)
{
	if (left >= sizeof(struct capture_record)) {
		const struct capture_record filler = {.size = (uint32_t)left};

		memcpy(capture->bytes + at, &filler, sizeof(filler));
	}
	capture->tail += left;
}

static inline void write_record(struct capture *capture, struct capture_record *record,
	const struct wire *wire)
{
	uint32_t n = wire->len < capture->snaplen ? wire->len : capture->snaplen;
	uint32_t n_head = n < wire->head_len ? n : wire->head_len;
	uint64_t at = capture->tail & (capture->size - 1), left = capture->size - at;
	uint8_t *dst;

	record->len = wire->len;
	record->n_bytes = n;
	record->size = (uint32_t)(sizeof(*record) + n + CAPTURE_RING_ALIGN - 1) &
		       ~(CAPTURE_RING_ALIGN - 1);
	if (!has_room(capture, record->size + (left < record->size ? left : 0))) {
		capture->counts[record->point].lost++;
		return;
	}
	if (left < record->size) {
		fill(capture, at, left);
		at = 0;
	}
	dst = capture->bytes + at;
	memcpy(dst, record, sizeof(*record));
	memcpy(dst + sizeof(*record), wire->head, n_head);
	if (n > n_head && wire->tail)
		memcpy(dst + sizeof(*record) + n_head, wire->tail, n - n_head);
	else if (n > n_head)
		frame_copy_tail_part(wire->frame, dst + sizeof(*record) + n_head, n - n_head);
	capture->tail += record->size;
}

/* The frames of mask, seen at a point of a capture, whose lock is held. */
static void take(struct capture *capture, struct capture_record *record,
	const struct stage_ctx *ctx, uint64_t mask)
{
	uint64_t n_received = 0;
	struct wire wire __attribute__((uninitialized));

	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);
		const struct frame *frame = &ctx->frames[i];
		bool is_tagged = ctx->tagged >> i & 1;

		wire_begin(&wire, capture->bounce, frame, is_tagged);
		if (capture->filter && !wire_passes(capture->filter, &wire))
			continue;
		if (__builtin_expect(frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0) &&
			!capture->is_raw)
			finish(capture, &wire, is_tagged);
		n_received++;
		write_record(capture, record, &wire);
	}
	capture->counts[record->point].received += n_received;
}

static void show_counts(struct capture *capture, uint16_t point)
{
	struct capture_point *shown = &capture->ring->points[point];

	atomic_store_explicit(&shown->received, capture->counts[point].received,
		memory_order_relaxed);
	atomic_store_explicit(&shown->lost, capture->counts[point].lost, memory_order_relaxed);
}

uint64_t capture_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	const struct capture_set *set = conf;

	for (unsigned i = 0; i < set->n; i++) {
		struct capture *capture = set->captures[i];
		uint16_t point =
			atomic_load_explicit(&capture->points[ctx->port->id], memory_order_relaxed);
		struct capture_record record = {.tsc = ctx->now_tsc,
			.point = point & CAPTURE_POINT,
			.flags = ctx->is_egress ? CAPTURE_OUT : 0};
		uint64_t tail;

		if (capture->takes_drops ||
			!(point & (ctx->is_egress ? CAPTURE_TAKES_OUT : CAPTURE_TAKES_IN)))
			continue;
		if (ctx->is_shared)
			spin_acquire(&capture->queue.tx_lock);
		tail = capture->tail;
		take(capture, &record, ctx, mask);
		show_counts(capture, record.point);
		/* Nobody is woken up for nothing. */
		if (capture->tail != tail)
			flush_add(ctx->flush, &capture->queue);
		if (ctx->is_shared)
			spin_release(&capture->queue.tx_lock);
	}
	return mask;
}

/* A dropped frame, with its capture's lock held. */
static void take_dropped(struct capture *capture, struct capture_record *record,
	const struct stage_ctx *ctx)
{
	const struct frame *frame = ctx->frames;
	bool is_tagged = ctx->is_egress && tag_is_tagged(ctx->port, frame->vid);
	struct wire wire;

	wire_begin(&wire, capture->bounce, frame, is_tagged);
	if (!ctx->is_egress) {
		wire.head = frame->header;
		wire.head_len = frame->header_len;
		wire.len = wire.head_len + frame->tail_len;
	}
	if (capture->filter && !wire_passes(capture->filter, &wire))
		return;
	/* On the way in it is not known yet that it is what its sender says. */
	if (ctx->is_egress && frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !capture->is_raw)
		finish(capture, &wire, is_tagged);
	capture->counts[record->point].received++;
	write_record(capture, record, &wire);
}

void capture_dropped(struct stage_ctx *ctx, const void *conf, enum drop_reason reason)
{
	const struct capture_set *set = conf;

	/* What is none at all is counted, and no more. */
	if (ctx->frames->len > FRAME_MAX_LEN)
		return;
	for (unsigned i = 0; i < set->n; i++) {
		struct capture *capture = set->captures[i];
		uint16_t point =
			atomic_load_explicit(&capture->points[ctx->port->id], memory_order_relaxed);
		struct capture_record record = {.tsc = ctx->now_tsc,
			.point = point & CAPTURE_POINT,
			.flags = CAPTURE_DROPPED | (ctx->is_egress ? CAPTURE_OUT : 0),
			.reason = (uint8_t)reason};

		if (!capture->takes_drops ||
			!(point & (ctx->is_egress ? CAPTURE_TAKES_OUT : CAPTURE_TAKES_IN)))
			continue;
		if (ctx->is_shared)
			spin_acquire(&capture->queue.tx_lock);
		take_dropped(capture, &record, ctx);
		show_counts(capture, record.point);
		flush_add(ctx->flush, &capture->queue);
		if (ctx->is_shared)
			spin_release(&capture->queue.tx_lock);
	}
}

/* ---- As a queue ------------------------------------------------------------------------------ */

static void flush(struct queue *q)
{
	struct capture *capture = (struct capture *)q; /* first member */

	atomic_store_explicit(&capture->ring->published, capture->tail, memory_order_release);
}

static int notify_fd(struct queue *q)
{
	struct capture *capture = (struct capture *)q;
	uint32_t n_sleeps = atomic_load_explicit(&capture->ring->n_sleeps, memory_order_relaxed);

	if (__builtin_expect(n_sleeps == capture->seen_sleeps, 1))
		return -1;
	capture->seen_sleeps = n_sleeps;
	return capture->event_fd;
}

const struct queue_ops capture_ops = {
	.flush = flush,
	.notify_fd = notify_fd,
};
