#include "ethq.h"

#include "sockq.h"
#include "tag.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <string.h>

#define MAC_BYTES 12 /* both addresses */

/* ---- In ---- */

/** The pieces of a frame, as far as they fit. Returns how many, or 0: too many. */
static unsigned pieces_of(struct rte_mbuf *mbuf, struct frame_seg *segs, unsigned max)
{
	unsigned n = 0;

	for (; mbuf; mbuf = mbuf->next) {
		if (n == max)
			return 0;
		segs[n++] = (struct frame_seg){rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len};
	}
	return n;
}

/** Copy the head out of the pieces and refer to the rest. */
static void load(struct frame *frame, const struct rte_mbuf *mbuf, const struct frame_seg *segs,
	unsigned n_segs)
{
	uint32_t head_len = mbuf->pkt_len < FRAME_HEAD_SIZE ? mbuf->pkt_len : FRAME_HEAD_SIZE;
	uint32_t got = 0, part = 0;
	unsigned at = 0;

	for (; got < head_len; got += part, at++) {
		uint32_t want = head_len - got;
		part = segs[at].len < want ? segs[at].len : want;
		memcpy(frame->head + got, segs[at].hva, part);
	}
	memset(&frame->hdr, 0, sizeof(frame->hdr));
	frame->len = mbuf->pkt_len;
	frame->head_len = (uint16_t)head_len;
	frame->rest_off = MAC_BYTES;
	frame->tail_len = mbuf->pkt_len - head_len;
	/* The last piece read may have more. */
	if (at && part < segs[at - 1].len)
		at--;
	else
		part = 0;
	frame->segs = segs + at;
	frame->n_segs = (uint16_t)(n_segs - at);
	frame->skip = (uint16_t)part;
}

unsigned ethq_take(
	struct ethq *q, struct frame *frames, unsigned max, struct frame_seg *segs, unsigned n_segs)
{
	unsigned n, used = 0;

	if (q->sock)
		return sockq_take(q->sock, frames, max);
	n = rte_eth_rx_burst(q->dev_id, q->queue_id, q->taken, (uint16_t)max);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(q->taken[i], void *));
	for (unsigned i = 0; i < n; i++) {
		unsigned room = n_segs - used < FRAME_MAX_SEGS ? n_segs - used : FRAME_MAX_SEGS;
		unsigned got = pieces_of(q->taken[i], segs + used, room);

		if (got)
			load(&frames[i], q->taken[i], segs + used, got);
		else
			frames[i].len = 0; /* for the caller to count as too short */
		used += got;
	}
	q->n_taken = n;
	return n;
}

void ethq_return(struct ethq *q)
{
	if (!q->n_taken)
		return;
	rte_pktmbuf_free_bulk(q->taken, q->n_taken);
	q->n_taken = 0;
}

/* ---- Out ---- */

/** Where the next byte of a frame goes: the last of a chain of mbufs. */
struct filling {
	struct rte_mempool *pool;
	struct rte_mbuf *first, *last;
};

/** Append n bytes. False: no mbuf. */
static bool append(struct filling *to, const uint8_t *src, uint32_t n)
{
	while (n) {
		uint16_t room = rte_pktmbuf_tailroom(to->last);
		if (!room) {
			struct rte_mbuf *next = rte_pktmbuf_alloc(to->pool);
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

	if (!append(to, frame->head, MAC_BYTES) || (tagged && !append(to, tag, TAG_LEN)) ||
		!append(to, frame->head + frame->rest_off, frame->head_len - frame->rest_off))
		return false;
	for (const struct frame_seg *seg = frame->segs; left; seg++, skip = 0) {
		uint32_t part = seg->len - skip < left ? seg->len - skip : left;
		if (!append(to, seg->hva + skip, part))
			return false;
		left -= part;
	}
	return true;
}

void ethq_refuse(struct ethq_refused *refused, const uint8_t *mac, uint32_t len)
{
	refused->frames++;
	refused->bytes += len;
	if (!(mac[0] & 1))
		return;
	if ((mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff)
		refused->broadcast++;
	else
		refused->multicast++;
}

void ethq_publish(struct ethq *q, struct ethq_refused *refused)
{
	unsigned sent = 0;

	if (q->sock)
		sockq_publish(q->sock, refused);
	if (!q->n_out)
		return;
	sent = rte_eth_tx_burst(q->dev_id, q->queue_id, q->out, (uint16_t)q->n_out);
	for (unsigned i = sent; i < q->n_out; i++)
		ethq_refuse(
			refused, rte_pktmbuf_mtod(q->out[i], const uint8_t *), q->out[i]->pkt_len);
	rte_pktmbuf_free_bulk(q->out + sent, q->n_out - sent);
	q->n_out = 0;
}

enum vring_put ethq_put(
	struct ethq *q, const struct frame *frame, bool tagged, struct ethq_refused *refused)
{
	struct filling to = {.pool = q->pool};

	if (q->sock)
		return sockq_put(q->sock, frame, tagged, refused);
	if (frame->len + (tagged ? TAG_LEN : 0) > q->max_len)
		return VRING_PUT_NO_ROOM;
	to.first = to.last = rte_pktmbuf_alloc(q->pool);
	if (!to.first)
		return VRING_PUT_FULL;
	if (!fill(&to, frame, tagged)) {
		rte_pktmbuf_free(to.first);
		return VRING_PUT_FULL;
	}
	q->out[q->n_out++] = to.first;
	if (q->n_out == FRAME_BURST)
		ethq_publish(q, refused);
	return VRING_PUT_OK;
}

/* ---- Idle ---- */

void ethq_notify(struct ethq *q, bool on)
{
	if (q->sock || q->kick_fd < 0)
		return;
	if (on)
		(void)rte_eth_dev_rx_intr_enable(q->dev_id, q->queue_id);
	else
		(void)rte_eth_dev_rx_intr_disable(q->dev_id, q->queue_id);
}

bool ethq_pending(struct ethq *q)
{
	/* What came since the last look has left an edge that ends the sleep at once. */
	if (q->sock)
		return false;
	/* Drivers that cannot tell (-ENOTSUP) have no interrupt, either: their worker polls. */
	return rte_eth_rx_queue_count(q->dev_id, q->queue_id) > 0;
}
