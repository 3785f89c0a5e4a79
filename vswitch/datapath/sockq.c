#include "sockq.h"

#include "ether.h"
#include "sys.h"
#include "tag.h"

#include <errno.h>
#include <rte_cycles.h>
#include <string.h>

#define HDR_SIZE  SOCKQ_HDR_SIZE
#define MAC_BYTES 12 /* both addresses */
/* Frames up to this length are copied; a larger one waits for nobody. */
#define OUT_COPY_MAX (SOCKQ_OUT_SLOT - HDR_SIZE - TAG_LEN)
/* Header, and frame in segments. */
#define OUT_MAX_SEGS 128
/* About 2 us. */
#define REST_TSC 5000

static struct sockq *to_sockq(struct queue *q)
{
	return (struct sockq *)q; /* first member */
}

/* ---- In ---- */

/* The tag that the kernel took out of a frame. False: it had none. */
static bool stripped_tag(const struct msghdr *msg, uint8_t tag[TAG_LEN])
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;

	if (!cmsg || cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA ||
		cmsg->cmsg_len < CMSG_LEN(sizeof(aux)))
		return false;
	memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return false;
	uint16_t tpid =
		aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETHER_TYPE_VLAN;
	tag[0] = (uint8_t)(tpid >> 8);
	tag[1] = (uint8_t)tpid;
	tag[2] = (uint8_t)(aux.tp_vlan_tci >> 8);
	tag[3] = (uint8_t)aux.tp_vlan_tci;
	return true;
}

/* Make a frame of n bytes in a slot, header included; with tag, where there is one. */
static void load(struct frame *frame, uint8_t *slot, uint32_t n, const uint8_t *tag)
{
	uint8_t *bytes = slot + HDR_SIZE, *header = frame->header;
	uint32_t len = n - HDR_SIZE, tag_len = 0, copied;

	memset(&frame->hdr, 0, sizeof(frame->hdr));
	memcpy(&frame->hdr, slot, HDR_SIZE);
	if (tag && len >= MAC_BYTES) {
		tag_len = TAG_LEN;
		memcpy(header, bytes, MAC_BYTES);
		memcpy(header + MAC_BYTES, tag, TAG_LEN);
		copied = len < FRAME_HEADER_SIZE - TAG_LEN ? len : FRAME_HEADER_SIZE - TAG_LEN;
		memcpy(header + MAC_BYTES + TAG_LEN, bytes + MAC_BYTES, copied - MAC_BYTES);
		if (frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			frame->hdr.csum_start += TAG_LEN;
		if (frame->hdr.hdr_len)
			frame->hdr.hdr_len += TAG_LEN;
	} else {
		copied = len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE;
		memcpy(header, bytes, copied);
	}
	frame->len = len + tag_len;
	frame->header_len = (uint16_t)(copied + tag_len);
	frame->rest_off = MAC_BYTES;
	frame->tail_len = len - copied;
	frame->seg = (struct frame_seg){bytes + copied, len - copied};
	frame->segs = &frame->seg;
	frame->n_segs = frame->tail_len ? 1 : 0;
	frame->skip = 0;
}

static unsigned take_packets(struct sockq *q, struct frame *frames, unsigned max)
{
	uint8_t tag[TAG_LEN];
	int n;

	for (unsigned i = 0; i < max; i++)
		q->in_msgs[i].msg_hdr.msg_controllen = sizeof(q->aux[i].bytes);
	n = sys_receive_packets(q->fd, q->in_msgs, max);
	for (int i = 0; i < n; i++) {
		const struct msghdr *msg = &q->in_msgs[i].msg_hdr;
		bool tagged = stripped_tag(msg, tag);

		if (msg->msg_flags & MSG_TRUNC || q->in_msgs[i].msg_len < HDR_SIZE)
			frames[i].len = 0; /* for the caller to count as too short */
		else
			load(&frames[i], q->in[i], q->in_msgs[i].msg_len, tagged ? tag : NULL);
	}
	return n > 0 ? (unsigned)n : 0;
}

static unsigned take_tap(struct sockq *q, struct frame *frames, unsigned max)
{
	unsigned n = 0;

	for (; n < max; n++) {
		ssize_t got = sys_read_tap(q->fd, q->in[n], SOCKQ_IN_SLOT);

		if (got < 0)
			break;
		if (got < HDR_SIZE)
			frames[n].len = 0;
		else
			load(&frames[n], q->in[n], (uint32_t)got, NULL);
	}
	return n;
}

static unsigned rx(struct queue *queue, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct sockq *q = to_sockq(queue);
	unsigned n;

	burst_begin(burst, burst->frames);
	if (q->rest_until_tsc && rte_rdtsc() < q->rest_until_tsc)
		return 0;
	n = q->kind == SOCKQ_TAP ? take_tap(q, burst->frames, max)
				 : take_packets(q, burst->frames, max);
	q->rest_until_tsc = n ? 0 : rte_rdtsc() + REST_TSC;
	for (unsigned i = 0; i < n; i++)
		burst_add(burst, &burst->frames[i]);
	return n;
}

static void rx_done(struct queue *queue, const struct frame *frames, unsigned n)
{
	/* Slots are free for the next burst by themselves. */
}

static bool pending(struct queue *queue)
{
	return false;
}

/* ---- Out ---- */

/* Header, addresses, tag and the rest of the header bytes in one stretch. Returns its length. */
static uint32_t store_header(const struct frame *frame, bool tagged, uint8_t *out)
{
	uint32_t at = HDR_SIZE + MAC_BYTES, rest = frame->header_len - frame->rest_off;
	struct virtio_net_hdr_v1 hdr = {0};

	if (!frame_needs_no_offload(frame)) {
		hdr = frame->hdr;
		if (tagged && hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			hdr.csum_start += TAG_LEN;
		if (tagged && hdr.hdr_len)
			hdr.hdr_len += TAG_LEN;
	}
	memcpy(out, &hdr, HDR_SIZE);
	memcpy(out + HDR_SIZE, frame->header, MAC_BYTES);
	if (tagged) {
		const uint8_t tag[TAG_LEN] = {0x81, 0x00, frame->tci >> 8, frame->tci & 0xff};
		memcpy(out + at, tag, TAG_LEN);
		at += TAG_LEN;
	}
	memcpy(out + at, frame->header + frame->rest_off, rest);
	return at + rest;
}

static void put_small(struct sockq *q, const struct frame *frame, bool tagged)
{
	uint8_t *slot = q->out[q->n_out];
	uint32_t at = store_header(frame, tagged, slot);

	frame_copy_tail(frame, slot + at);
	q->out_iov[q->n_out++].iov_len = at + frame->tail_len;
}

/*
 * Why the kernel did not take a frame, by its error. A tap says EBADFD without an interface, and
 * EIO when it is down.
 */
static enum drop_reason why_refused(int error)
{
	switch (error) {
	case EMSGSIZE:
		return DROP_TX_MTU; /* the device's became smaller, and control has not been told */
	case EBADFD:
	case EIO:
	case ENETDOWN:
	case ENODEV:
	case ENXIO:
		return DROP_TX_NOT_RUNNING;
	case EINVAL:
		return DROP_TX_OFFLOAD; /* the virtio header makes no sense to it */
	default:
		return DROP_TX_RING_FULL;
	}
}

/* Straight from the sender's memory. */
static enum drop_reason put_large(struct sockq *q, const struct frame *frame, bool tagged)
{
	uint8_t header[HDR_SIZE + TAG_LEN + FRAME_HEADER_SIZE];
	struct iovec iov[OUT_MAX_SEGS];
	struct msghdr msg = {.msg_iov = iov};
	uint32_t left = frame->tail_len, skip = frame->skip;
	unsigned n = 1;
	ssize_t sent;

	iov[0] = (struct iovec){header, store_header(frame, tagged, header)};
	for (const struct frame_seg *seg = frame->segs; left; seg++, skip = 0) {
		uint32_t part = seg->len - skip < left ? seg->len - skip : left;

		if (n == OUT_MAX_SEGS)
			return DROP_TX_NO_ROOM;
		iov[n++] = (struct iovec){seg->hva + skip, part};
		left -= part;
	}
	msg.msg_iovlen = n;
	if (q->kind == SOCKQ_TAP)
		sent = sys_write_tap(q->fd, iov, n);
	else
		sent = sys_send_packet(q->fd, &msg);
	return sent < 0 ? why_refused(errno) : TX_SENT;
}

/* Send slots from..n_out. Returns how many went; at least the first is refused if that is 0. */
static unsigned send_slots(struct sockq *q, unsigned from)
{
	int n;

	if (q->kind == SOCKQ_PACKET) {
		n = sys_send_packets(q->fd, q->out_msgs + from, q->n_out - from);
		return n > 0 ? (unsigned)n : 0;
	}
	return sys_write_tap(q->fd, &q->out_iov[from], 1) < 0 ? 0 : 1;
}

/* Send the slots that are filled; drop, and count so, what the kernel does not take. */
static void send_small(struct sockq *q, struct dp_counters *counters, struct tx_tally *refused)
{
	for (unsigned at = 0, n; at < q->n_out; at += n) {
		n = send_slots(q, at);
		if (n)
			continue;
		/* One that the kernel does not take says nothing about the next. */
		counters->drops[why_refused(errno)]++;
		tally_add(refused, q->out[at] + HDR_SIZE,
			(uint32_t)q->out_iov[at].iov_len - HDR_SIZE);
		n = 1;
	}
	q->n_out = 0;
}

static enum drop_reason put(struct sockq *q, const struct frame *frame, bool tagged,
	struct dp_counters *counters, struct tx_tally *refused)
{
	if (frame->len > OUT_COPY_MAX) {
		send_small(q, counters, refused); /* what came before goes first */
		return put_large(q, frame, tagged);
	}
	put_small(q, frame, tagged);
	return TX_SENT;
}

static void tx(struct queue *queue, struct tx_burst *tx)
{
	struct sockq *q = to_sockq(queue);
	struct tx_tally sent = {0}, refused = {0};

	while (tx->todo) {
		unsigned i = (unsigned)__builtin_ctzll(tx->todo);
		const struct frame *frame = &tx->frames[i];
		bool tagged = tx->tagged >> i & 1;
		enum drop_reason reason = put(q, frame, tagged, tx->counters, &refused);

		if (reason == TX_SENT) {
			tally_add(&sent, frame->header, frame->len + (tagged ? TAG_LEN : 0));
			tx->todo &= tx->todo - 1;
		} else if (tx_refuse(tx, reason)) {
			break;
		}
	}
	send_small(q, tx->counters, &refused);
	tally_subtract(&sent, &refused);
	tally_count(&sent, tx->counters);
}

const struct queue_ops sockq_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.tx = tx,
	.pending = pending,
};
