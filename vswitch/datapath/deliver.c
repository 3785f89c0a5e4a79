#include "deliver.h"

#include "offload.h"
#include "spin.h"
#include "tag.h"

#include <rte_cycles.h>
#include <string.h>

/** One delivery: where it goes, and what is added to the port's counters once at its end. */
struct delivery {
	struct vring *ring;
	struct ethq *eth; /* instead of ring */
	struct dp_counters *counters;
	uint64_t features; /* offloads that the receiver takes */
	struct put_tally tally;
	struct put_tally refused; /* of these, by the device in the end */
};

/* ---- MTU ---- */

/** Bytes before the layer-3 packet of a canonical frame: tags inside (QinQ, or on a wire) count. */
static uint32_t l2_len(const struct frame *frame)
{
	uint32_t at = frame->rest_off, len = ETHER_HDR_LEN;

	for (unsigned tags = 0; tags < 2 && at + 2 <= frame->head_len; tags++, at += TAG_LEN) {
		uint16_t type = (uint16_t)(frame->head[at] << 8 | frame->head[at + 1]);
		if (type != ETHER_TYPE_VLAN && type != ETHER_TYPE_QINQ)
			break;
		len += TAG_LEN;
	}
	return len;
}

/** Largest layer-3 packet that this frame becomes on a wire: of a large frame, one segment. */
static uint32_t l3_size(const struct frame *frame)
{
	uint32_t l2 = l2_len(frame), headers;

	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return frame->len - l2;
	/* Where the head is too short to hold the headers, the sender's word has to do. */
	headers = frame->hdr.csum_start + 20u;
	uint32_t doff_at = frame->hdr.csum_start + 12u + (frame->rest_off - 12u);
	if ((frame->hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4)
		headers = frame->hdr.csum_start + 8u;
	else if (doff_at < frame->head_len)
		headers = frame->hdr.csum_start + (frame->head[doff_at] >> 4) * 4u;
	return headers - l2 + frame->hdr.gso_size;
}

static bool fits_mtu(const struct frame *frame, uint32_t mtu)
{
	return frame->len <= mtu + ETHER_HDR_LEN || l3_size(frame) <= mtu;
}

/* ---- Putting ---- */

static enum drop_reason drop_of(enum vring_put result)
{
	switch (result) {
	case VRING_PUT_FULL:
		return DROP_TX_RING_FULL;
	case VRING_PUT_NO_ROOM:
		return DROP_TX_NO_ROOM;
	default:
		return DROP_TX_BROKEN;
	}
}

static enum vring_put try_put(
	struct fwd *fwd, struct delivery *d, const struct frame *frame, bool tagged)
{
	enum vring_put result = d->eth ? ethq_put(d->eth, frame, tagged, &d->refused)
				       : vring_put(d->ring, &fwd->plan, frame, tagged);

	if (__builtin_expect(result != VRING_PUT_OK, 0))
		return result;
	put_count(&d->tally, frame->head, frame->len + (tagged ? TAG_LEN : 0));
	if (d->ring)
		d->ring->full_tsc = 0;
	return VRING_PUT_OK;
}

/** False: it was dropped and counted. */
static bool put(struct fwd *fwd, struct delivery *d, const struct frame *frame, bool tagged)
{
	enum vring_put result = try_put(fwd, d, frame, tagged);

	if (result != VRING_PUT_OK)
		d->counters->drops[drop_of(result)]++;
	return result == VRING_PUT_OK;
}

/* ---- Software offloads ---- */

/** The canonical frame in one piece. Its bytes no longer change. */
static void linearize(const struct frame *frame, uint8_t *out)
{
	memcpy(out, frame->head, 12);
	memcpy(out + 12, frame->head + frame->rest_off, frame->head_len - frame->rest_off);
	frame_copy_tail(frame, out + 12 + frame->head_len - frame->rest_off);
}

/** A frame of plain bytes in our own memory; seg holds its tail. */
static void frame_of_bytes(
	struct frame *frame, uint8_t *bytes, uint32_t len, uint16_t tci, struct frame_seg *seg)
{
	uint32_t head_len = len < FRAME_HEAD_SIZE ? len : FRAME_HEAD_SIZE;

	memcpy(frame->head, bytes, head_len);
	memset(&frame->hdr, 0, sizeof(frame->hdr));
	frame->head_len = (uint16_t)head_len;
	frame->rest_off = 12;
	frame->tci = tci;
	frame->len = len;
	frame->tail_len = len - head_len;
	*seg = (struct frame_seg){bytes + head_len, len - head_len};
	frame->segs = seg;
	frame->n_segs = 1;
	frame->skip = 0;
}

/** Has the receiver a buffer, probably? */
static bool has_buffer(const struct fwd *fwd, const struct delivery *d)
{
	return d->eth || fwd->plan.next_ahead < fwd->plan.n_ahead || vring_is_broken(d->ring) ||
	       vring_pending(d->ring);
}

/**
 * Finish what the receiver did not negotiate, then put the result: one frame, or its segments. The
 * first segment that cannot be put ends it: what is left of the frame is dropped with it, as one.
 */
static void put_finished(
	struct fwd *fwd, struct delivery *d, const struct frame *frame, bool tagged)
{
	struct offload_cut cut;
	struct frame_seg seg;
	struct frame out;
	uint32_t len;

	if (!has_buffer(fwd, d)) {
		d->counters->drops[DROP_TX_RING_FULL]++;
		return;
	}
	linearize(frame, fwd->bounce);
	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		offload_checksum(fwd->bounce, frame->len, &frame->hdr);
		frame_of_bytes(&out, fwd->bounce, frame->len, frame->tci, &seg);
		(void)put(fwd, d, &out, tagged);
		return;
	}
	if (!offload_cut_begin(&cut, fwd->bounce, frame->len, &frame->hdr) ||
		!(len = offload_cut_next(&cut, fwd->segment))) {
		d->counters->drops[DROP_TX_OFFLOAD]++;
		return;
	}
	for (; len; len = offload_cut_next(&cut, fwd->segment)) {
		d->counters->copies += cut.index > 1;
		frame_of_bytes(&out, fwd->segment, len, frame->tci, &seg);
		if (!put(fwd, d, &out, tagged))
			break;
	}
}

/* ---- Bursts ---- */

static void begin(struct fwd *fwd, struct delivery *d, unsigned n)
{
	if (!d->eth)
		vring_put_begin(d->ring, &fwd->plan, n);
}

static void end(struct fwd *fwd, struct delivery *d)
{
	if (d->eth)
		ethq_publish(d->eth, &d->refused);
	else
		fwd_list(fwd, d->ring);
}

static void count(const struct delivery *d)
{
	struct dp_counters *counters = d->counters;

	counters->tx_frames += d->tally.frames - d->refused.frames;
	counters->tx_bytes += d->tally.bytes - d->refused.bytes;
	counters->tx_multicast += d->tally.multicast - d->refused.multicast;
	counters->tx_broadcast += d->tally.broadcast - d->refused.broadcast;
	counters->drops[DROP_TX_RING_FULL] += d->refused.frames;
}

/**
 * May frame i wait for a receiver that has no buffers? Large TCP segments may: one of them takes
 * many buffers, a burst of them more than a ring has, and a sender whose frames stay in its ring
 * slows down instead of losing them. Others are dropped at once, as by any switch, lest they hold
 * up what the sender has for somebody else; so are these when the receiver does not move.
 */
static bool may_wait(const struct fwd *fwd, const struct delivery *d, unsigned i)
{
	struct vring *ring = d->ring;

	if (!ring || fwd->frames[i].hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE ||
		!(fwd->may_wait >> i & 1))
		return false;
	uint64_t now_tsc = rte_rdtsc();
	if (!ring->full_tsc)
		ring->full_tsc = now_tsc;
	return now_tsc - ring->full_tsc < fwd->patience_tsc;
}

/** A frame that needs a closer look. False: it waits. */
static bool put_careful(struct fwd *fwd, struct delivery *d, unsigned i, bool tagged, uint32_t mtu)
{
	const struct frame *frame = &fwd->frames[i];

	if (!fits_mtu(frame, mtu)) {
		d->counters->drops[DROP_TX_MTU]++;
	} else if (frame_is_plain(frame) || offload_is_native(&frame->hdr, d->features)) {
		enum vring_put result = try_put(fwd, d, frame, tagged);

		if (result == VRING_PUT_FULL && may_wait(fwd, d, i))
			return false;
		if (result != VRING_PUT_OK)
			d->counters->drops[drop_of(result)]++;
	} else {
		put_finished(fwd, d, frame, tagged);
	}
	return true;
}

void deliver(struct fwd *fwd, const struct dp_snapshot *snapshot, uint16_t port_id, uint16_t queue)
{
	const struct dp_port *port = &snapshot->ports[port_id];
	const uint32_t max_len = port->mtu + ETHER_HDR_LEN;
	struct put_burst burst = {fwd->frames, fwd->out[port_id], fwd->out_tagged[port_id], max_len,
		burst_is_plain(&fwd->burst) && fwd->burst.max_len <= max_len};
	struct delivery d = {.counters = &fwd->counters[port_id]};

	if (!port->n_tx) {
		d.counters->drops[DROP_TX_NOT_RUNNING] +=
			(unsigned)__builtin_popcountll(burst.todo);
		return;
	}
	queue = queue < port->n_tx ? queue : queue % port->n_tx;
	if (port->eth)
		d.eth = port->eth[queue];
	else
		d.ring = port->tx[queue];
	d.features = d.eth ? d.eth->tx_features : d.ring->features;
	_Atomic bool *lock = d.eth ? &d.eth->tx_lock : &d.ring->tx_lock;
	if (snapshot->n_workers > 1)
		spin_acquire(lock);
	begin(fwd, &d, (unsigned)__builtin_popcountll(burst.todo));
	while (burst.todo) {
		if (d.ring)
			burst.todo = vring_put_plain(d.ring, &fwd->plan, &burst, &d.tally);
		if (!burst.todo)
			break;
		unsigned i = (unsigned)__builtin_ctzll(burst.todo);
		if (!put_careful(fwd, &d, i, burst.tagged >> i & 1, port->mtu)) {
			/* Those behind it do not overtake. */
			fwd_wait(fwd, burst.todo & fwd->may_wait, port_id);
			burst.todo &= ~fwd->may_wait;
			continue;
		}
		burst.todo &= burst.todo - 1;
	}
	end(fwd, &d);
	if (snapshot->n_workers > 1)
		spin_release(lock);
	count(&d);
}
