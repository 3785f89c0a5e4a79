#include "ethq.h"

#include "offload.h"
#include "tag.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stddef.h>
#include <string.h>

static struct ethq *to_ethq(struct queue *q)
{
	return (struct ethq *)q; /* first member */
}

#define MAC_BYTES 12 /* both addresses */
/* What an mbuf can say of it. */
#define MAX_L3_LEN 511

/* ---- In ---- */

/* The segments of a frame, as far as they fit. Returns how many, or 0: too many. */
static unsigned segs_of(struct rte_mbuf *mbuf, struct frame_seg *segs, unsigned max)
{
	unsigned n = 0;

	for (; mbuf; mbuf = mbuf->next) {
		if (n == max)
			return 0;
		segs[n++] = (struct frame_seg){rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len};
	}
	return n;
}

/* Copy the header bytes out of the segments and refer to the rest. */
static void load(struct frame *frame, const struct rte_mbuf *mbuf, const struct frame_seg *segs,
	unsigned n_segs)
{
	uint32_t header_len = mbuf->pkt_len < FRAME_HEADER_SIZE ? mbuf->pkt_len : FRAME_HEADER_SIZE;
	uint32_t got = 0, part = 0;
	unsigned at = 0;

	for (; got < header_len; got += part, at++) {
		uint32_t want = header_len - got;
		part = segs[at].len < want ? segs[at].len : want;
		memcpy(frame->header + got, segs[at].hva, part);
	}
	memset(&frame->hdr, 0, sizeof(frame->hdr));
	frame->len = mbuf->pkt_len;
	frame->header_len = (uint16_t)header_len;
	frame->rest_off = MAC_BYTES;
	frame->tail_len = mbuf->pkt_len - header_len;
	/* The last segment read may have more. */
	if (at && part < segs[at - 1].len)
		at--;
	else
		part = 0;
	frame->segs = segs + at;
	frame->n_segs = (uint16_t)(n_segs - at);
	frame->skip = (uint16_t)part;
}

static unsigned rx(struct queue *queue, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct ethq *q = to_ethq(queue);
	struct frame *frames = burst->frames;
	unsigned n, used = 0;

	burst_begin(burst, frames);
	n = rte_eth_rx_burst(q->dev_id, q->queue_id, q->received, (uint16_t)max);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(q->received[i], void *));
	for (unsigned i = 0; i < n; i++) {
		unsigned room = n_segs - used < FRAME_MAX_SEGS ? n_segs - used : FRAME_MAX_SEGS;
		unsigned got = segs_of(q->received[i], segs + used, room);

		if (got)
			load(&frames[i], q->received[i], segs + used, got);
		else
			frames[i].len = 0; /* for the caller to count as too short */
		burst_add(burst, &frames[i]);
		used += got;
	}
	q->n_received = n;
	return n;
}

static void rx_done(struct queue *queue, const struct frame *frames, unsigned n)
{
	struct ethq *q = to_ethq(queue);

	if (!q->n_received)
		return;
	rte_pktmbuf_free_bulk(q->received, q->n_received);
	q->n_received = 0;
}

/* ---- Out ---- */

/* Where the next byte of a frame goes: the last of a chain of mbufs. */
struct filling {
	struct ethq *q;
	struct rte_mbuf *first, *last;
};

/* The pool has no cache for threads that are not DPDK's: a queue takes many at once. */
static struct rte_mbuf *new_mbuf(struct ethq *q)
{
	if (q->n_spare)
		return q->spare[--q->n_spare];
	if (rte_pktmbuf_alloc_bulk(q->pool, q->spare, FRAME_BURST))
		return rte_pktmbuf_alloc(q->pool);
	q->n_spare = FRAME_BURST - 1;
	return q->spare[q->n_spare];
}

/* Append n bytes. False: no mbuf. */
static bool append(struct filling *to, const uint8_t *src, uint32_t n)
{
	while (n) {
		uint16_t room = rte_pktmbuf_tailroom(to->last);
		if (!room) {
			struct rte_mbuf *next = new_mbuf(to->q);
			if (!next)
				return false;
			next->data_off = 0;
			to->last->next = next;
			to->last = next;
			to->first->nb_segs++;
			continue;
		}
		uint16_t part = n < room ? (uint16_t)n : room;
		memcpy(rte_pktmbuf_mtod_offset(to->last, void *, to->last->data_len), src, part);
		to->last->data_len += part;
		to->first->pkt_len += part;
		src += part;
		n -= part;
	}
	return true;
}

static bool fill(struct filling *to, const struct frame *frame, bool tagged)
{
	const uint8_t tag[TAG_LEN] = {0x81, 0x00, frame->tci >> 8, frame->tci & 0xff};
	uint32_t left = frame->tail_len, skip = frame->skip;

	if (!append(to, frame->header, MAC_BYTES) || (tagged && !append(to, tag, TAG_LEN)) ||
		!append(to, frame->header + frame->rest_off, frame->header_len - frame->rest_off))
		return false;
	for (const struct frame_seg *seg = frame->segs; left; seg++, skip = 0) {
		uint32_t part = seg->len - skip < left ? seg->len - skip : left;
		if (!append(to, seg->hva + skip, part))
			return false;
		left -= part;
	}
	return true;
}

/* ---- Offloads ---- */

/* Finish a checksum that no device is asked for; start and offset count in the mbuf. */
static void finish_checksum(struct rte_mbuf *mbuf, uint32_t start, uint32_t offset)
{
	uint16_t sum = 0;

	if (start + offset + sizeof(sum) > mbuf->data_len ||
		rte_raw_cksum_mbuf(mbuf, start, mbuf->pkt_len - start, &sum))
		return;
	sum = (uint16_t)~sum;
	if (!sum)
		sum = 0xffff;
	memcpy(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, start + offset), &sum, sizeof(sum));
}

/* What a device that cuts expects: no length in the pseudo-header's sum, IPv4's checksum zero. */
static void prepare_cut(struct rte_mbuf *mbuf, bool ipv6)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, mbuf->l2_len);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + mbuf->l3_len);

	if (ipv6) {
		tcp->cksum = rte_ipv6_phdr_cksum((struct rte_ipv6_hdr *)ip, mbuf->ol_flags);
	} else {
		((struct rte_ipv4_hdr *)ip)->hdr_checksum = 0;
		tcp->cksum = rte_ipv4_phdr_cksum((struct rte_ipv4_hdr *)ip, mbuf->ol_flags);
	}
}

/*
 * Ask the device for what the header asks for; start counts in the mbuf. False: to be cut, but not
 * as a device can, whatever its sender meant by that.
 */
static bool ask(struct rte_mbuf *mbuf, const struct virtio_net_hdr_v1 *hdr, uint32_t start)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	bool tcp = hdr->csum_offset == offsetof(struct rte_tcp_hdr, cksum);
	bool udp = hdr->csum_offset == offsetof(struct rte_udp_hdr, dgram_cksum);
	bool cut = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	uint16_t type = 0;
	uint32_t l3 = offload_find_l3(bytes, mbuf->data_len, &type), l4_len = 0;
	bool ipv6 = type == ETHER_TYPE_IPV6;

	if ((!tcp && !udp) || !l3 || (!ipv6 && type != ETHER_TYPE_IPV4) ||
		start < l3 + sizeof(struct rte_ipv4_hdr) || start - l3 > MAX_L3_LEN ||
		start + sizeof(struct rte_tcp_hdr) > mbuf->data_len) {
		finish_checksum(mbuf, start, hdr->csum_offset);
		return !cut;
	}
	mbuf->l2_len = l3;
	mbuf->l3_len = start - l3;
	mbuf->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	mbuf->ol_flags |= ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (!cut)
		return true;
	if (tcp)
		l4_len = (bytes[start + offsetof(struct rte_tcp_hdr, data_off)] >> 4) * 4;
	if (l4_len < sizeof(struct rte_tcp_hdr) || start + l4_len > mbuf->data_len)
		return false;
	mbuf->l4_len = l4_len;
	mbuf->tso_segsz = hdr->gso_size;
	mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (ipv6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
	prepare_cut(mbuf, ipv6);
	return true;
}

/* ---- Sending ---- */

static void refuse_mbuf(struct rte_mbuf *mbuf, struct tx_tally *refused)
{
	tally_add(refused, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->pkt_len);
	rte_pktmbuf_free(mbuf);
}

/* Let the driver look at frames with offloads. Those that it cannot send are refused. */
static void prepare(struct ethq *q, struct tx_tally *refused)
{
	unsigned good = 0;

	while (good < q->n_out) {
		good += rte_eth_tx_prepare(q->dev_id, q->queue_id, q->out + good,
			(uint16_t)(q->n_out - good));
		if (good == q->n_out)
			break;
		refuse_mbuf(q->out[good], refused);
		q->n_out--;
		memmove(q->out + good, q->out + good + 1, (q->n_out - good) * sizeof(q->out[0]));
	}
	q->has_offloads = false;
}

static void send_out(struct ethq *q, struct tx_tally *refused)
{
	unsigned sent;

	if (q->has_offloads)
		prepare(q, refused);
	sent = rte_eth_tx_burst(q->dev_id, q->queue_id, q->out, (uint16_t)q->n_out);
	for (unsigned i = sent; i < q->n_out; i++)
		refuse_mbuf(q->out[i], refused);
	q->n_out = 0;
}

/* Make an mbuf of a frame, to be sent with the others: TX_SENT, or why not. */
static enum drop_reason add_frame(struct ethq *q, const struct frame *frame, bool tagged)
{
	uint32_t tag_len = tagged ? TAG_LEN : 0;
	struct filling to = {.q = q};

	if (frame->len + tag_len > q->max_len &&
		(frame_needs_no_offload(frame) || !frame->hdr.gso_type))
		return DROP_TX_MTU;
	to.first = to.last = new_mbuf(q);
	if (!to.first)
		return DROP_TX_RING_FULL;
	if (!fill(&to, frame, tagged)) {
		rte_pktmbuf_free(to.first);
		return DROP_TX_RING_FULL;
	}
	if (!frame_needs_no_offload(frame) && frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!ask(to.first, &frame->hdr, frame->hdr.csum_start + tag_len)) {
			rte_pktmbuf_free(to.first);
			return DROP_TX_OFFLOAD;
		}
		q->has_offloads = true;
	}
	q->out[q->n_out++] = to.first;
	return TX_SENT;
}

static void tx(struct queue *queue, struct tx_burst *tx)
{
	struct ethq *q = to_ethq(queue);
	struct tx_tally sent = {0}, refused = {0};

	while (tx->todo) {
		unsigned i = (unsigned)__builtin_ctzll(tx->todo);
		const struct frame *frame = &tx->frames[i];
		bool tagged = tx->tagged >> i & 1;
		enum drop_reason reason = add_frame(q, frame, tagged);

		if (reason == TX_SENT) {
			tally_add(&sent, frame->header, frame->len + (tagged ? TAG_LEN : 0));
			tx->todo &= tx->todo - 1;
		} else if (tx_refuse(tx, reason)) {
			break;
		}
	}
	if (q->n_out)
		send_out(q, &refused);
	tally_subtract(&sent, &refused);
	tally_count(&sent, tx->counters);
	tx->counters->drops[DROP_TX_RING_FULL] += refused.frames;
}

/* ---- Idle ---- */

static void set_wakeup(struct queue *queue, bool on)
{
	struct ethq *q = to_ethq(queue);

	if (queue->wake_fd < 0 || q->wants_wakeup == on)
		return;
	q->wants_wakeup = on;
	if (on)
		(void)rte_eth_dev_rx_intr_enable(q->dev_id, q->queue_id);
	else
		(void)rte_eth_dev_rx_intr_disable(q->dev_id, q->queue_id);
}

static bool pending(struct queue *queue)
{
	const struct ethq *q = to_ethq(queue);

	/* Drivers that cannot tell (-ENOTSUP) have no interrupt, either: their worker polls. */
	return rte_eth_rx_queue_count(q->dev_id, q->queue_id) > 0;
}

const struct queue_ops ethq_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.tx = tx,
	.pending = pending,
	.set_wakeup = set_wakeup,
};
