#include "vring_priv.h"

/* Are all positions inside the ring, and no more of it used than there is? At any time. */
static inline bool is_inside(const struct vring *ring)
{
	return ring->n_unpublished <= ring->size &&
	       (!ring->packed ||
		       (ring->next_avail < ring->size && ring->next_used < ring->size &&
			       ring->published < ring->size && ring->publish_slot < ring->size));
}

bool vring_is_sound(const struct vring *ring)
{
	return is_inside(ring) && ring->next_avail == ring->next_used &&
	       ring->avail_wrap == ring->used_wrap;
}

/* ---- Copies ---- */

/* Move n bytes out of segs, from byte `skip` of segs[*at] on. */
static void gather(uint8_t *dst, uint32_t n, const struct frame_seg *segs, unsigned *at,
	uint32_t *skip)
{
	while (n) {
		uint32_t room = segs[*at].len - *skip;
		uint32_t part = n < room ? n : room;

		STEP(bytes, part);
		memcpy(dst, segs[*at].hva + *skip, part);
		dst += part;
		n -= part;
		*skip += part;
		if (*skip == segs[*at].len) {
			++*at;
			*skip = 0;
		}
	}
}

void frame_gather(struct frame *frame, uint32_t len)
{
	const struct frame_seg *segs = frame->segs;
	uint32_t skip = 0;
	unsigned at = 0;

	len = len > HDR_SIZE ? len - (uint32_t)HDR_SIZE : 0;
	frame->len = len;
	frame->header_len = (uint16_t)(len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE);
	frame->rest_off = 12;
	frame->tail_len = len - frame->header_len;
	frame->skip = 0;
	if (!len)
		return; /* nothing beyond the header, or not even that: the caller drops it */
	gather((uint8_t *)&frame->hdr, HDR_SIZE, segs, &at, &skip);
	gather(frame->header, frame->header_len, segs, &at, &skip);
	if (!frame->tail_len)
		return;
	while (skip == segs[at].len) { /* an empty segment has nothing left, either */
		at++;
		skip = 0;
	}
	frame->segs = segs + at;
	frame->n_segs -= (uint16_t)at;
	frame->skip = (uint16_t)skip;
}

/* Where the next byte of a frame goes. */
struct cursor {
	const struct frame_seg *seg;
	uint32_t used;
};

static void put_bytes(struct cursor *to, const uint8_t *src, uint32_t n)
{
	while (n) {
		uint32_t room = to->seg->len - to->used;
		uint32_t part = n < room ? n : room;

		STEP(bytes, part);
		memcpy(to->seg->hva + to->used, src, part);
		src += part;
		n -= part;
		to->used += part;
		if (to->used == to->seg->len && n) {
			to->seg++;
			to->used = 0;
		}
	}
}

/*
 * Header, addresses, tag and rest of the header bytes as one stretch of bytes. Returns its length.
 */
static uint32_t build_header(const struct frame *frame, bool tagged, uint16_t n_buffers,
	uint8_t *out)
{
	struct virtio_net_hdr_v1 hdr = {0};
	uint32_t at = HDR_SIZE + 12, rest = frame->header_len - frame->rest_off;

	if (!frame_needs_no_offload(frame))
		hdr = frame->hdr;
	hdr.num_buffers = n_buffers;
	if (tagged && hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		hdr.csum_start += 4;
	if (tagged && hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		hdr.hdr_len += 4;
	memcpy(out, &hdr, HDR_SIZE);
	memcpy(out + HDR_SIZE, frame->header, 12);
	if (tagged) {
		const uint8_t tag[4] = {0x81, 0x00, frame->tci >> 8, frame->tci & 0xff};
		memcpy(out + at, tag, 4);
		at += 4;
	}
	copy_small(out + at, frame->header + frame->rest_off, rest);
	return at + rest;
}

void frame_store(const struct frame *frame, bool tagged, uint16_t n_buffers, struct tx_plan *plan)
{
	uint8_t header[HDR_SIZE + 4 + COPY_SMALL_MAX] UNINITIALIZED;
	uint32_t n = build_header(frame, tagged, n_buffers, header);
	uint32_t total = n + frame->tail_len;
	struct cursor to = {plan->segs, 0};

	if (plan->segs[0].len >= n) {
		memcpy(plan->segs[0].hva, header, n);
		to.used = n;
	} else {
		put_bytes(&to, header, n);
	}
	uint32_t left = frame->tail_len, skip = frame->skip;
	for (const struct frame_seg *from = frame->segs; left; from++, skip = 0) {
		uint32_t part = from->len - skip < left ? from->len - skip : left;
		put_bytes(&to, from->hva + skip, part);
		left -= part;
	}
	for (unsigned i = 0; i < plan->n_chains; i++) {
		uint32_t part = plan->chains[i].len < total ? plan->chains[i].len : total;
		plan->chains[i].len = part;
		total -= part;
	}
}

/* ---- Taking and putting ---- */

unsigned vring_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	if (vring_is_broken(ring))
		return 0;
	return ring->packed ? packed_rx(ring, burst, max, segs, n_segs)
			    : split_rx(ring, burst, max, segs, n_segs);
}

void vring_requeue(struct vring *ring, const struct frame *frames, unsigned n)
{
	if (ring->packed)
		packed_requeue(ring, frames, n);
	else
		ring->next_avail -= n;
	STEP_CHECK(is_inside(ring));
}

void vring_return(struct vring *ring, const struct frame *frames, unsigned n)
{
	if (ring->packed)
		packed_return(ring, frames, n);
	else
		split_return(ring, frames, n);
	STEP_CHECK(is_inside(ring));
}

/* Collect writable chains until they hold need bytes. */
static enum drop_reason plan_tx(struct vring *ring, uint32_t need, struct tx_plan *plan,
	uint16_t *ret_ahead)
{
	uint32_t room = 0;

	plan->n_chains = plan->n_segs = 0;
	*ret_ahead = 0;
	if (plan->n_descs >= TX_MAX_DESCS)
		return DROP_TX_RING_FULL;
	while (room < need) {
		if (plan->n_chains && (!ring->mergeable || plan->n_chains == TX_MAX_CHAINS ||
					      plan->n_segs >= TX_MAX_SEGS))
			return DROP_TX_NO_ROOM;
		int r = ring->packed ? packed_next(ring, *ret_ahead, plan)
				     : split_next(ring, *ret_ahead, plan);
		if (r)
			return r < 0 ? DROP_TX_BROKEN : DROP_TX_RING_FULL;
		const struct vring_chain *chain = &plan->chains[plan->n_chains - 1];
		plan->n_descs += chain->n_segs + 1;
		if (plan->n_chains == 1 && chain->len < HDR_SIZE)
			return ring_fault(ring, VRING_BAD_LENGTH), DROP_TX_BROKEN;
		*ret_ahead += ring->packed ? chain->n_desc : 1;
		room = chain->len > UINT32_MAX - room ? UINT32_MAX : room + chain->len;
	}
	return TX_SENT;
}

void vring_tx_begin(struct vring *ring, struct tx_plan *plan, unsigned n)
{
	plan->n_ahead = plan->next_ahead = 0;
	if (vring_is_broken(ring) || plan->n_descs >= TX_MAX_DESCS)
		return;
	if (ring->packed)
		packed_ahead(ring, plan, n);
	else
		split_ahead(ring, plan, n);
	plan->n_descs += plan->n_ahead + 1;
}

uint64_t vring_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally)
{
	return ring->packed ? packed_tx_fast(ring, plan, tx, tally)
			    : split_tx_fast(ring, plan, tx, tally);
}

enum drop_reason vring_tx_frame(struct vring *ring, struct tx_plan *plan, const struct frame *frame,
	bool tagged)
{
	uint32_t need = (uint32_t)HDR_SIZE + frame->len + (tagged ? 4 : 0);
	uint16_t n;

	if (vring_is_broken(ring))
		return DROP_TX_BROKEN;
	enum drop_reason ret = plan_tx(ring, need, plan, &n);
	if (ret != TX_SENT)
		return ret;
	frame_store(frame, tagged, (uint16_t)plan->n_chains, plan);
	if (ring->packed)
		packed_use(ring, plan->chains, plan->n_chains);
	else
		split_use(ring, plan->chains, plan->n_chains);
	/* Those that were looked at ahead are the first of what was just taken. Positions count,
	 * not chains: the driver may have made a chain of them meanwhile. */
	plan->next_ahead += n;
	STEP_CHECK(is_inside(ring));
	return TX_SENT;
}

void vring_publish(struct vring *ring)
{
	STEP_CHECK(is_inside(ring));
	if (ring->packed)
		packed_publish(ring);
	else
		split_publish(ring);
}

/* ---- Notifications ---- */

bool vring_pending(const struct vring *ring)
{
	if (vring_is_broken(ring))
		return false;
	if (ring->packed)
		return packed_pending(ring);
	const struct vring_avail *avail = ring->avail;
	return __atomic_load_n(&avail->idx, __ATOMIC_RELAXED) != ring->next_avail;
}

void vring_notify(struct vring *ring, bool on)
{
	struct vring_used *used = ring->used;

	/* Test, then store: the driver reads what is written here. */
	if (ring->notify_on == on &&
		!(on && ring->event_idx && ring->notify_at != ring->next_avail))
		return;
	ring->notify_on = on;
	ring->notify_at = ring->next_avail;
	if (ring->packed)
		packed_notify(ring, on);
	else if (!ring->event_idx)
		STORE_ONCE(used->flags, on ? 0 : VRING_USED_F_NO_NOTIFY);
	else if (on) /* an event index that stays behind asks for no kick */
		__atomic_store_n((uint16_t *)(void *)&used->ring[ring->size], ring->next_avail,
			__ATOMIC_RELAXED);
}

bool vring_signal_needed(struct vring *ring)
{
	const struct vring_avail *avail = ring->avail;
	uint32_t n = ring->n_unsignalled;

	if (!n)
		return false;
	ring->n_unsignalled = 0;
	if (ring->packed)
		return packed_signal_needed(ring, n);
	if (!ring->event_idx)
		return !(LOAD_ONCE(avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	uint16_t event = LOAD_ONCE(avail->ring[ring->size]);
	return (uint16_t)(ring->published - event - 1) < n;
}

/* ---- The queue ---- */

static unsigned rx(struct queue *q, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	return vring_rx(vring_of(q), burst, max, segs, n_segs);
}

/* A small ring may not wait for the flush: its driver would run out of buffers. */
static void publish_if_small(struct vring *ring)
{
	if (ring->n_unpublished >= ring->size / 4)
		vring_publish(ring);
}

static void rx_done(struct queue *q, const struct frame *frames, unsigned n)
{
	struct vring *ring = vring_of(q);

	vring_return(ring, frames, n);
	publish_if_small(ring);
}

static void requeue(struct queue *q, const struct frame *frames, unsigned n)
{
	vring_requeue(vring_of(q), frames, n);
}

static void tx(struct queue *q, struct tx_burst *tx)
{
	struct vring *ring = vring_of(q);
	struct tx_plan plan UNINITIALIZED;
	struct tx_tally tally = {0};

	plan.n_descs = tx->effort;
	vring_tx_begin(ring, &plan, (unsigned)__builtin_popcountll(tx->todo));
	while ((tx->todo = vring_tx_fast(ring, &plan, tx, &tally))) {
		unsigned i = (unsigned)__builtin_ctzll(tx->todo);
		const struct frame *frame = &tx->frames[i];
		bool tagged = tx->tagged >> i & 1;
		enum drop_reason reason = vring_tx_frame(ring, &plan, frame, tagged);

		if (reason == TX_SENT) {
			tally_add(&tally, frame->header, frame->len + (tagged ? 4 : 0));
			q->full_tsc = 0;
			tx->todo &= tx->todo - 1;
		} else if (tx_refuse(tx, reason)) {
			break;
		}
	}
	tx->effort = plan.n_descs;
	tally_count(&tally, tx->counters);
	publish_if_small(ring);
}

static bool has_room(struct queue *q)
{
	/* One that is broken takes any frame at once, to be dropped as such. */
	return vring_is_broken(vring_of(q)) || vring_pending(vring_of(q));
}

static void flush(struct queue *q)
{
	vring_publish(vring_of(q));
}

static int notify_fd(struct queue *q)
{
	return vring_signal_needed(vring_of(q)) ? vring_of(q)->call_fd : -1;
}

static bool pending(struct queue *q)
{
	return vring_pending(vring_of(q));
}

static void set_wakeup(struct queue *q, bool on)
{
	vring_notify(vring_of(q), on);
}

const struct queue_ops vring_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.requeue = requeue,
	.tx = tx,
	.has_room = has_room,
	.flush = flush,
	.notify_fd = notify_fd,
	.pending = pending,
	.set_wakeup = set_wakeup,
};
