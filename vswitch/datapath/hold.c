#include "hold.h"

#include <rte_cycles.h>
#include <string.h>

/* Frames begin on lines of their own. */
#define RECORD_ALIGN 64
/* The copy of short header bytes is no longer than this, of others FRAME_HEADER_SIZE. */
#define SHORT_HEADER 88

_Static_assert(sizeof(struct held) + SHORT_HEADER <= 2 * RECORD_ALIGN,
	"short header bytes stay within their record");

static struct hold *of_out(struct queue *q)
{
	return (struct hold *)((char *)q - offsetof(struct hold, out));
}

static struct held *record_at(const struct hold *hold, uint64_t at)
{
	return (struct held *)(hold->bytes + (at & (hold->size - 1)));
}

/* ---- Who adds ---- */

static bool has_room(struct hold *hold, uint64_t n)
{
	if (hold->tail + n - hold->seen_head <= hold->size)
		return true;
	hold->seen_head = atomic_load_explicit(&hold->head, memory_order_acquire);
	return hold->tail + n - hold->seen_head <= hold->size;
}

static bool is_full(struct hold *hold)
{
	uint64_t max = atomic_load_explicit(&hold->max_frames, memory_order_relaxed);
	uint64_t n_added = atomic_load_explicit(&hold->n_added, memory_order_relaxed);

	return n_added - atomic_load_explicit(&hold->n_released, memory_order_relaxed) >= max;
}

/* More than the header bytes that there are, for a fixed length is copied faster; records have room
 * for it. */
static void copy_header(uint8_t *dst, const uint8_t *src, uint32_t n_bytes)
{
	if (n_bytes <= SHORT_HEADER)
		memcpy(dst, src, SHORT_HEADER);
	else
		memcpy(dst, src, FRAME_HEADER_SIZE);
}

static uint64_t record_size(uint32_t n_bytes)
{
	uint64_t size = sizeof(struct held) + n_bytes;

	if (n_bytes <= SHORT_HEADER)
		size = sizeof(struct held) + SHORT_HEADER;
	else if (n_bytes < FRAME_HEADER_SIZE)
		size = sizeof(struct held) + FRAME_HEADER_SIZE;
	return (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/* What has to be filled so that a record of that size lies in one piece. */
static uint64_t filler_size(const struct hold *hold, uint64_t size)
{
	uint64_t left = hold->size - (hold->tail & (hold->size - 1));

	return size > left ? left : 0;
}

bool hold_has_room(struct hold *hold, const struct frame *frame)
{
	uint64_t size = record_size(frame->header_len + frame->tail_len);

	return has_room(hold, filler_size(hold, size) + size) && !is_full(hold);
}

struct held *hold_add(struct hold *hold, const struct frame *frame, bool is_tagged,
	uint64_t due_tsc)
{
	uint32_t n_bytes = frame->header_len + frame->tail_len;
	uint64_t size = record_size(n_bytes), filler = filler_size(hold, size);
	struct held *record = record_at(hold, hold->tail);

	if (filler) {
		record->due_tsc = 0;
		record->size = (uint32_t)filler;
		record->n_bytes = 0;
		hold->tail += filler;
		record = record_at(hold, hold->tail);
	}
	record->due_tsc = due_tsc;
	record->size = (uint32_t)size;
	record->n_bytes = n_bytes;
	record->len = frame->len;
	record->rest_off = frame->rest_off;
	record->vid = frame->vid;
	record->tci = frame->tci;
	record->is_tagged = is_tagged;
	record->hdr = frame->hdr;
	copy_header(record->bytes, frame->header, n_bytes);
	if (frame->tail_len)
		frame_copy_tail(frame, record->bytes + frame->header_len);
	STEP(bytes, frame->header_len);
	hold->tail += size;
	atomic_store_explicit(&hold->n_added,
		atomic_load_explicit(&hold->n_added, memory_order_relaxed) + 1,
		memory_order_relaxed);
	return record;
}

static void flush(struct queue *in)
{
	hold_publish((struct hold *)in); /* first member */
}

static int notify_fd(struct queue *in)
{
	struct hold *hold = (struct hold *)in;

	if (__builtin_expect(!atomic_load_explicit(&hold->wants_wakeup, memory_order_relaxed), 1))
		return -1;
	atomic_store_explicit(&hold->wants_wakeup, false, memory_order_relaxed);
	return hold->out.wake_fd;
}

/* ---- The worker that has it ---- */

/* The first record that rx has not returned; NULL: there is none. */
static struct held *next_record(struct hold *hold)
{
	uint64_t end = atomic_load_explicit(&hold->published, memory_order_acquire);
	struct held *record = record_at(hold, hold->next);

	if (hold->next == end)
		return NULL;
	if (record->n_bytes)
		return record;
	/* A frame follows what fills the end: they were published together. */
	hold->next += record->size;
	return record_at(hold, hold->next);
}

/* Frames that go first are in the hold before it. */
static bool must_wait(struct hold *hold)
{
	struct hold *before = atomic_load_explicit(&hold->before, memory_order_acquire);

	return before && next_record(before);
}

static void load(struct frame *frame, struct held *record)
{
	uint32_t n_bytes = record->n_bytes;
	uint32_t header_len = n_bytes < FRAME_HEADER_SIZE ? n_bytes : FRAME_HEADER_SIZE;

	copy_header(frame->header, record->bytes, n_bytes);
	frame->len = record->len;
	frame->tail_len = n_bytes - header_len;
	frame->header_len = (uint16_t)header_len;
	frame->rest_off = record->rest_off;
	frame->vid = record->vid;
	frame->tci = record->tci;
	frame->hdr = record->hdr;
	frame->seg = (struct frame_seg){record->bytes + header_len, n_bytes - header_len};
	frame->segs = &frame->seg;
	frame->n_segs = n_bytes > header_len;
	frame->skip = 0;
}

const struct held *hold_first(struct hold *hold)
{
	return next_record(hold);
}

const struct held *hold_receive(struct hold *hold, struct frame *frame)
{
	struct held *record = next_record(hold);

	__builtin_prefetch((uint8_t *)record + record->size);
	load(frame, record);
	hold->next += record->size;
	hold->ends[hold->n_received++] = hold->next;
	return record;
}

void hold_requeue(struct hold *hold, unsigned n)
{
	if (!n)
		return;
	hold->n_received -= n;
	hold->next = hold->n_received ? hold->ends[hold->n_received - 1]
				      : atomic_load_explicit(&hold->head, memory_order_relaxed);
}

void hold_release(struct hold *hold, unsigned n)
{
	if (!n)
		return;
	/* Who sees it sees that they were added (hold_n_frames()). */
	atomic_store_explicit(&hold->n_released,
		atomic_load_explicit(&hold->n_released, memory_order_relaxed) + n,
		memory_order_release);
	atomic_store_explicit(&hold->head, hold->ends[n - 1], memory_order_release);
}

static unsigned rx(struct queue *out, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct hold *hold = of_out(out);
	const struct held *record = next_record(hold);
	uint64_t now_tsc;

	burst_begin(burst, burst->frames);
	hold_begin(hold);
	if (!record || must_wait(hold))
		return 0;
	now_tsc = rte_rdtsc();
	for (unsigned n = 0; n < max && record && record->due_tsc <= now_tsc;
		n++, record = next_record(hold)) {
		struct frame *frame = &burst->frames[n];

		hold_receive(hold, frame);
		burst_add(burst, frame);
		burst->tagged |= (uint64_t)record->is_tagged << n;
	}
	return hold->n_received;
}

static void requeue(struct queue *out, const struct frame *frames, unsigned n)
{
	hold_requeue(of_out(out), n);
}

static void rx_done(struct queue *out, const struct frame *frames, unsigned n)
{
	hold_release(of_out(out), n);
}

uint64_t hold_due_tsc(struct queue *out)
{
	const struct held *record = next_record(of_out(out));

	return record ? record->due_tsc : UINT64_MAX;
}

static bool pending(struct queue *out)
{
	return hold_due_tsc(out) <= rte_rdtsc();
}

/* Whoever sleeps with frames held knows when to wake up: what is added later is due later. */
static void set_wakeup(struct queue *out, bool on)
{
	struct hold *hold = of_out(out);

	atomic_store_explicit(&hold->wants_wakeup, on && !next_record(hold), memory_order_relaxed);
}

const struct queue_ops hold_in_ops = {
	.flush = flush,
	.notify_fd = notify_fd,
};

const struct queue_ops hold_out_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.requeue = requeue,
	.pending = pending,
	.due_tsc = hold_due_tsc,
	.set_wakeup = set_wakeup,
};
