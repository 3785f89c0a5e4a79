#include "punt.h"

#include "flush.h"
#include "tag.h"

#include <string.h>

/* The record that comes next; NULL: there is no room. */
static struct punt_record *next_record(struct punt_ring *ring, uint32_t head)
{
	if (head - ring->tail_seen >= PUNT_RING_SIZE)
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (head - ring->tail_seen >= PUNT_RING_SIZE)
		return NULL;
	return &ring->records[head % PUNT_RING_SIZE];
}

bool punt_frame(const struct stage_ctx *ctx, unsigned i, enum punt_client client,
	const uint64_t *words, uint32_t max_bytes)
{
	struct punt_ring *ring = ctx->punts;
	const struct frame *frame = &ctx->frames[i];
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed), n_head, n;
	struct punt_record *record = next_record(ring, head);
	uint8_t bytes[TAG_MAX_HEADER];

	/* Also where it is lost: so that there will be room. */
	ctx->flush->wants_control = true;
	if (!record) {
		ring->lost++;
		return false;
	}
	n_head = tag_put_header(bytes, frame->header, frame->header_len, frame->rest_off,
		ctx->tagged >> i & 1, frame->tci);
	record->tsc = ctx->now_tsc;
	memcpy(record->words, words, sizeof(record->words));
	record->len = n_head + frame->tail_len;
	record->port_id = ctx->port->id;
	record->client = (uint8_t)client;
	record->is_egress = ctx->is_egress;
	n = record->len < max_bytes ? record->len : max_bytes;
	record->n_bytes = n < PUNT_MAX_BYTES ? n : PUNT_MAX_BYTES;
	if (n_head > record->n_bytes)
		n_head = record->n_bytes;
	memcpy(record->bytes, bytes, n_head);
	frame_copy_tail_part(frame, record->bytes + n_head, record->n_bytes - n_head);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}
