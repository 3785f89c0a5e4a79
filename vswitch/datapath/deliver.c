#include "deliver.h"

#include "crossing.h"
#include "offload.h"
#include "spin.h"
#include "tag.h"

#include <rte_cycles.h>
#include <string.h>

/* A burst's frames for one queue, sorted. */
struct sorted {
	uint64_t todo;
	uint64_t unfinished; /* of todo: ask for offloads that the receiver does not take */
	uint64_t large;      /* of todo: to be cut, by whoever receives them */
};

/* ---- MTU ---- */

/* Bytes before the layer-3 packet of a canonical frame: tags inside (QinQ, or on a link) count. */
static uint32_t l2_len(const struct frame *frame)
{
	uint32_t at = frame->rest_off, len = ETHER_HDR_LEN;

	for (unsigned tags = 0; tags < 2 && at + 2 <= frame->header_len; tags++, at += TAG_LEN) {
		uint16_t type = (uint16_t)(frame->header[at] << 8 | frame->header[at + 1]);
		if (type != ETHER_TYPE_VLAN && type != ETHER_TYPE_QINQ)
			break;
		len += TAG_LEN;
	}
	return len;
}

/* Largest layer-3 packet that this frame becomes on a link: of a large frame, one segment. */
static uint32_t l3_size(const struct frame *frame)
{
	uint32_t l2 = l2_len(frame), headers;

	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return frame->len - l2;
	/* Where the header bytes are too few to hold the headers, the sender's word has to do. */
	headers = frame->hdr.csum_start + 20u;
	uint32_t doff_at = frame->hdr.csum_start + 12u + (frame->rest_off - 12u);
	if ((frame->hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4)
		headers = frame->hdr.csum_start + 8u;
	else if (doff_at < frame->header_len)
		headers = frame->hdr.csum_start + (frame->header[doff_at] >> 4) * 4u;
	return headers - l2 + frame->hdr.gso_size;
}

static bool fits_mtu(const struct frame *frame, uint32_t mtu)
{
	return frame->len <= mtu + ETHER_HDR_LEN || l3_size(frame) <= mtu;
}

/* ---- Sorting ---- */

/* Does the burst hold nothing but frames that any receiver takes as they are? */
static inline bool needs_no_sorting(const struct burst *burst, uint32_t mtu)
{
	return !(burst->bits >> 8) && burst->max_len <= mtu + ETHER_HDR_LEN;
}

/* Look at each frame; drop those that exceed the MTU. */
static struct sorted sort_frames(const struct burst *burst, uint64_t frames, uint64_t features,
	uint32_t mtu, struct dp_counters *counters)
{
	struct sorted sorted = {.todo = frames};

	for (; frames; frames &= frames - 1) {
		const struct frame *frame = &burst->frames[__builtin_ctzll(frames)];
		uint64_t bit = frames & -frames;

		if (!fits_mtu(frame, mtu)) {
			counters->drops[DROP_TX_MTU]++;
			sorted.todo &= ~bit;
		} else if (!frame_needs_no_offload(frame) &&
			   !offload_is_native(&frame->hdr, features)) {
			sorted.unfinished |= bit;
		} else if (frame->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
			sorted.large |= bit;
		}
	}
	return sorted;
}

/* ---- Software offloads ---- */

/* A frame of plain bytes in our own memory, in the VLAN of another. */
static void frame_of_bytes(struct frame *frame, uint8_t *bytes, uint32_t len,
	const struct frame *like)
{
	uint32_t header_len = len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE;

	memcpy(frame->header, bytes, header_len);
	memset(&frame->hdr, 0, sizeof(frame->hdr));
	frame->header_len = (uint16_t)header_len;
	frame->rest_off = 12;
	frame->tci = like->tci;
	frame->len = len;
	frame->tail_len = len - header_len;
	frame->seg = (struct frame_seg){bytes + header_len, len - header_len};
	frame->segs = &frame->seg;
	frame->n_segs = 1;
	frame->skip = 0;
}

/* Cut the next segments, DELIVER_SEGMENTS at most. Returns how many, 0: there are no more. */
static unsigned cut_segments(struct deliver *deliver, struct offload_cut *cut,
	const struct frame *frame)
{
	uint32_t most = cut->header_len + cut->gso_size, at = 0, len;
	unsigned n = 0;

	while (n < DELIVER_SEGMENTS && (!n || at + most <= DELIVER_BOUNCE_SIZE)) {
		uint8_t *bytes = deliver->segment_bytes + at;

		len = offload_cut_next(cut, bytes);
		if (!len)
			break;
		frame_of_bytes(&deliver->segments[n++], bytes, len, frame);
		at += (len + 63) / 64 * 64;
	}
	return n;
}

/*
 * Cut a frame and send its segments. The first segment that cannot be sent ends it: what is left of
 * the frame is dropped with it, as one.
 */
static void send_segments(struct deliver *deliver, struct queue *q, struct tx_burst *tx,
	const struct frame *frame, bool tagged)
{
	struct dp_counters *counters = tx->counters;
	struct offload_cut cut;
	unsigned n = 0;
	uint64_t n_sent = 0;

	if (offload_cut_begin(&cut, deliver->bounce, frame->len, &frame->hdr))
		n = cut_segments(deliver, &cut, frame);
	if (!n) {
		counters->drops[DROP_TX_OFFLOAD]++;
		return;
	}
	for (; n; n = cut_segments(deliver, &cut, frame)) {
		tx->todo = tx->keep = UINT64_MAX >> (FRAME_BURST - n);
		tx->tagged = tagged ? tx->todo : 0;
		queue_tx(q, tx);
		n_sent += n - (unsigned)__builtin_popcountll(tx->todo);
		if (tx->todo) {
			counters->drops[tx->reason]++;
			n_sent++; /* the rest of the frame: as one that came and did not go */
			break;
		}
	}
	counters->copies += n_sent - 1;
}

/* Finish what the receiver did not negotiate, then send the result: one frame, or its segments. */
static void send_finished(struct deliver *deliver, struct queue *q, struct tx_burst *whole,
	const struct frame *frame, bool tagged)
{
	struct tx_burst tx = {.frames = deliver->segments,
		.counters = whole->counters,
		.is_fast = !(frame->header[0] & 1),
		.effort = whole->effort};

	if (!queue_has_room(q)) {
		tx.counters->drops[DROP_TX_RING_FULL]++;
		return;
	}
	frame_linearize(frame, deliver->bounce);
	if (frame->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		send_segments(deliver, q, &tx, frame, tagged);
	} else {
		offload_checksum(deliver->bounce, frame->len, &frame->hdr);
		frame_of_bytes(&deliver->segments[0], deliver->bounce, frame->len, frame);
		tx.todo = 1;
		tx.tagged = tagged;
		queue_tx(q, &tx);
	}
	whole->effort = tx.effort;
}

/* ---- Bursts ---- */

/* May frames go on waiting for a queue that is full? */
static bool may_wait(const struct deliver *deliver, struct queue *q)
{
	uint64_t now_tsc = rte_rdtsc();

	if (!q->full_tsc)
		q->full_tsc = now_tsc;
	return now_tsc - q->full_tsc < deliver->timeout_tsc;
}

/* Send what was sorted, in order. Returns those of job->may_wait that have to wait. */
static uint64_t send_sorted(struct deliver *deliver, const struct delivery *job, struct queue *q,
	struct tx_burst *tx, struct sorted sorted)
{
	uint64_t left = sorted.todo, waiting = 0;

	tx->keep = queue_can_fill(q) ? sorted.large & job->may_wait : 0;
	while (left) {
		uint64_t next = sorted.unfinished & left;
		uint64_t bit = next & -next; /* the first that has to be finished; 0: none */

		tx->todo = left & (bit - 1);
		left &= ~tx->todo;
		if (tx->todo)
			queue_tx(q, tx);
		if (tx->todo) {
			left |= tx->todo;
			if (tx->reason != DROP_TX_RING_FULL) {
				tx->counters->drops[tx->reason]++;
				left &= left - 1;
			} else {
				if (may_wait(deliver, q)) {
					/* Those behind it do not overtake. */
					waiting |= left & job->may_wait;
					left &= ~job->may_wait;
				}
				tx->keep = 0;
			}
		} else if (bit) {
			unsigned i = (unsigned)__builtin_ctzll(bit);

			send_finished(deliver, q, tx, &tx->frames[i], job->tagged & bit);
			left &= ~bit;
		}
	}
	return waiting;
}

/* Put frames down to come in at the other end of a patch port's link: whole, whatever they ask for.
 */
static void cross(struct deliver *deliver, const struct delivery *job, const struct dp_port *port,
	struct dp_counters *counters)
{
	struct crossing *crossing = crossings_to(deliver->crossings, port->link_peer);
	struct tx_tally tally = {0};
	uint64_t todo = job->frames;

	if (!crossing) {
		counters->drops[DROP_TX_HOPS] += (unsigned)__builtin_popcountll(todo);
		return;
	}
	if (!needs_no_sorting(job->burst, port->mtu))
		todo = sort_frames(job->burst, todo, UINT64_MAX, port->mtu, counters).todo;
	for (; todo; todo &= todo - 1) {
		unsigned i = (unsigned)__builtin_ctzll(todo);
		const struct frame *frame = &job->burst->frames[i];
		bool is_tagged = job->tagged >> i & 1;

		crossing_add(crossing, i, frame, is_tagged);
		tally_add(&tally, frame->header, frame->len + (is_tagged ? TAG_LEN : 0));
	}
	tally_count(&tally, counters);
}

static __attribute__((noinline)) void deliver_without_queue(struct deliver *deliver,
	const struct delivery *job, const struct dp_port *port, struct dp_counters *counters)
{
	if (port->flags & DP_PORT_PATCH && port->link_peer != DP_NO_PORT)
		cross(deliver, job, port, counters);
	else
		counters->drops[DROP_TX_NOT_RUNNING] += (unsigned)__builtin_popcountll(job->frames);
}

uint64_t deliver(struct deliver *deliver, const struct delivery *job)
{
	const struct dp_port *port = &job->snapshot->ports[job->port_id];
	const struct burst *burst = job->burst;
	struct tx_burst tx = {.frames = burst->frames,
		.tagged = job->tagged,
		.counters = &deliver->counters[job->port_id],
		.is_fast = burst_is_fast(burst)};
	struct sorted sorted = {.todo = job->frames};
	bool shared = job->snapshot->n_workers > 1;
	uint64_t waiting;

	if (!port->n_tx) {
		deliver_without_queue(deliver, job, port, tx.counters);
		return 0;
	}
	struct queue *q = port->tx[job->pair < port->n_tx ? job->pair : job->pair % port->n_tx];
	if (!needs_no_sorting(burst, port->mtu))
		sorted = sort_frames(burst, job->frames,
			atomic_load_explicit(&q->tx_features, memory_order_relaxed), port->mtu,
			tx.counters);
	if (shared)
		spin_acquire(&q->tx_lock);
	waiting = send_sorted(deliver, job, q, &tx, sorted);
	flush_add(job->flush, q);
	if (shared)
		spin_release(&q->tx_lock);
	return waiting;
}
