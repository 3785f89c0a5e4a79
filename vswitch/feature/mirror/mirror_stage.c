#include "mirror_stage.h"

#include "filter/wire.h"
#include "filter/wire_vid.h"

#include "deliver.h"
#include "flush.h"
#include "offload.h"

#include <string.h>

_Static_assert(MIRROR_MAX <= FLUSH_MAX_SHARED / 2, "queues of all mirrors can be listed");
_Static_assert(DELIVER_BOUNCE_SIZE >= FRAME_MAX_LEN + TAG_LEN, "a frame and its tag in one piece");

/* ---- Which frames ---------------------------------------------------------------------------- */

static uint64_t in_vlan(const struct stage_ctx *ctx, uint16_t vlan, uint64_t mask)
{
	uint64_t taken = 0;

	for (; mask; mask &= mask - 1) {
		if (wire_vid(ctx, (unsigned)__builtin_ctzll(mask)) == vlan)
			taken |= mask & -mask;
	}
	return taken;
}

static uint64_t filtered(const struct stage_ctx *ctx, const struct filter *filter, uint64_t mask)
{
	struct wire wire __attribute__((uninitialized));
	uint64_t taken = 0;

	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);

		/* The room for segments is free while nothing is delivered. */
		wire_begin(&wire, ctx->deliver->segment_bytes, &ctx->frames[i],
			ctx->tagged >> i & 1);
		if (wire_passes(filter, &wire))
			taken |= mask & -mask;
	}
	return taken;
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static void send(const struct stage_ctx *ctx, const struct mirror *mirror,
	const struct burst *burst, uint64_t mask, uint64_t tagged)
{
	const struct delivery job = {.snapshot = ctx->snapshot,
		.burst = burst,
		.flush = ctx->flush,
		.frames = mask,
		.tagged = tagged & mask,
		.port_id = mirror->to};

	(void)deliver(ctx->deliver, &job); /* nothing may wait */
}

/* Put a tag behind the addresses of a frame in one piece. */
static void insert_tag(uint8_t *bytes, uint32_t len, uint16_t tci)
{
	const uint8_t tag[TAG_LEN] = {
		ETHER_TYPE_VLAN >> 8, ETHER_TYPE_VLAN & 0xff, (uint8_t)(tci >> 8), (uint8_t)tci};

	memmove(bytes + 12 + TAG_LEN, bytes + 12, len - 12);
	memcpy(bytes + 12, tag, TAG_LEN);
}

/*
 * The frame as on the wire, in one piece. It lies where deliver() puts segments that it cuts of a
 * frame, which it does when it has brought that into one piece of its own.
 */
static void make_plain(const struct stage_ctx *ctx, const struct mirror *mirror,
	const struct frame *frame, bool is_tagged, struct frame *ret)
{
	uint8_t *bytes = ctx->deliver->segment_bytes;
	uint32_t len = frame->len;
	struct virtio_net_hdr_v1 hdr = frame->hdr;
	bool is_cut = mirror->truncate && len + (is_tagged ? TAG_LEN : 0) > mirror->truncate;

	frame_linearize(frame, bytes);
	if (is_cut) {
		if (hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			offload_checksum(bytes, len, &hdr);
		memset(&hdr, 0, sizeof(hdr));
	}
	if (is_tagged) {
		insert_tag(bytes, len, frame->tci);
		len += TAG_LEN;
		if (!frame_needs_no_offload(frame) && !is_cut) {
			hdr.csum_start += TAG_LEN;
			hdr.hdr_len += TAG_LEN;
		}
	}
	len = is_cut ? mirror->truncate : len;
	ret->hdr = hdr;
	ret->len = len;
	ret->header_len = (uint16_t)(len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE);
	memcpy(ret->header, bytes, ret->header_len);
	ret->rest_off = 12;
	ret->tail_len = len - ret->header_len;
	ret->seg = (struct frame_seg){bytes + ret->header_len, ret->tail_len};
	ret->segs = &ret->seg;
	ret->n_segs = 1;
	ret->skip = 0;
}

/* A copy that is not the frame as it is. */
static void send_changed(const struct stage_ctx *ctx, const struct mirror *mirror, unsigned i)
{
	const struct frame *frame = &ctx->frames[i];
	bool is_tagged = ctx->tagged >> i & 1;
	uint32_t len = frame->len + (is_tagged ? TAG_LEN : 0);
	struct frame copy __attribute__((uninitialized));
	struct burst burst;

	copy = *frame;
	if ((mirror->truncate && len > mirror->truncate) || (mirror->vlan && is_tagged)) {
		make_plain(ctx, mirror, frame, is_tagged, &copy);
		is_tagged = false;
	}
	if (mirror->vlan) {
		copy.tci = mirror->vlan;
		is_tagged = true;
	}
	burst_begin(&burst, &copy);
	burst_add(&burst, &copy);
	send(ctx, mirror, &burst, 1, is_tagged);
}

static uint64_t n_lost(const struct dp_counters *counters)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		sum += counters->drops[i];
	return sum;
}

static void add(_Atomic uint64_t *count, uint64_t n)
{
	if (n)
		atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

/* Copies of frames, counted where they come from, go to and are made. */
static void copy_frames(const struct stage_ctx *ctx, struct mirror *mirror, uint64_t mask)
{
	/* This worker's own: what it says afterwards is what became of these copies. */
	const struct dp_counters *at = &ctx->deliver->counters[mirror->to];
	uint64_t lost = n_lost(at), full = at->drops[DROP_TX_RING_FULL],
		 down = at->drops[DROP_TX_NOT_RUNNING], mtu = at->drops[DROP_TX_MTU];
	uint64_t n = (unsigned)__builtin_popcountll(mask);

	ctx->counters->copies += n;
	if (mirror->vlan || mirror->truncate) {
		for (; mask; mask &= mask - 1)
			send_changed(ctx, mirror, (unsigned)__builtin_ctzll(mask));
	} else {
		send(ctx, mirror, ctx->burst, mask, ctx->tagged);
	}
	add(&mirror->counts.frames, n);
	add(&mirror->counts.lost, n_lost(at) - lost);
	add(&mirror->counts.lost_ring_full, at->drops[DROP_TX_RING_FULL] - full);
	add(&mirror->counts.lost_not_running, at->drops[DROP_TX_NOT_RUNNING] - down);
	add(&mirror->counts.lost_mtu, at->drops[DROP_TX_MTU] - mtu);
}

uint64_t mirror_stage_takes(const struct stage_ctx *ctx, const struct mirror *mirror, uint64_t mask)
{
	uint8_t takes = atomic_load_explicit(&mirror->takes[ctx->port->id], memory_order_relaxed);

	if (!(takes & (ctx->is_egress ? MIRROR_TAKES_OUT : MIRROR_TAKES_IN)))
		return 0;
	if (mirror->source_vlan)
		mask = in_vlan(ctx, mirror->source_vlan, mask);
	return mirror->filter ? filtered(ctx, mirror->filter, mask) : mask;
}

uint64_t mirror_stage_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	const struct mirror_set *set = conf;

	for (unsigned i = 0; i < set->n; i++) {
		struct mirror *mirror = set->mirrors[i];
		uint64_t taken = mirror_stage_takes(ctx, mirror, mask);

		if (taken)
			copy_frames(ctx, mirror, taken);
	}
	return mask;
}
