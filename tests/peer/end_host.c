#include "end_host.h"

#include "fe_ring.h"

#include "ether.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BURST     32
#define FRAME_MAX 9300
#define MAGIC     0x57454654u
#define TYPE      0x88b5 /* IEEE Std 802: for local experiments */

/* After the Ethernet header; then words that follow from it. */
struct content {
	uint32_t magic;
	uint8_t domain, sender, queue;
	uint8_t forbidden; /* may pass links only */
	uint16_t tag;      /* TPID 0x8100's TCI as sent; 0 where is_tagged is not set */
	uint16_t is_tagged;
	uint32_t len; /* of the frame less its tag */
	uint64_t seq;
};

static char fault_text[256];
static _Atomic bool is_faulty;

const char *end_host_fault(void)
{
	return is_faulty ? fault_text : NULL;
}

__attribute__((format(printf, 2, 3))) static void fault(const struct end_host *host,
	const char *format, ...)
{
	char what[200];
	va_list args;

	if (is_faulty)
		return;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)snprintf(fault_text, sizeof(fault_text), "host %s: %s", host->name, what);
	is_faulty = true;
}

uint32_t end_host_random(uint64_t *rng, uint32_t below)
{
	/* splitmix64 */
	uint64_t z = *rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z >> 32) * below >> 32);
}

/* ---- Content ---- */

static uint64_t word(const struct content *content, size_t i)
{
	return (content->seq * 31 + content->sender + i) * UINT64_C(0x9e3779b97f4a7c15);
}

static void fill(uint8_t *at, const struct content *content, size_t len)
{
	memcpy(at, content, sizeof(*content));
	for (size_t done = sizeof(*content), i = 0; done < len; done += 8, i++) {
		uint64_t w = word(content, i);
		memcpy(at + done, &w, len - done < 8 ? len - done : 8);
	}
}

static bool is_filled(const uint8_t *at, const struct content *content, size_t len)
{
	for (size_t done = sizeof(*content), i = 0; done < len; done += 8, i++) {
		uint64_t w = word(content, i);
		if (memcmp(at + done, &w, len - done < 8 ? len - done : 8))
			return false;
	}
	return true;
}

/* ---- Sending ---- */

static void put_mac(uint8_t *at, const struct end_host *host)
{
	const uint8_t mac[6] = {2, 0, 0, 0, host->domain, host->id};

	memcpy(at, mac, 6);
}

static void choose_destination(const struct end_host *host, const struct end_host *all, unsigned n,
	uint64_t *rng, uint8_t *dst)
{
	static const uint8_t multicast[6] = {1, 0, 0x5e, 1, 2, 3};
	uint32_t kind = end_host_random(rng, 32), at = end_host_random(rng, n);

	put_mac(dst, host); /* to itself, where there is nobody else */
	if (kind == 0) {
		memset(dst, 0xff, 6);
	} else if (kind == 1) {
		memcpy(dst, multicast, 6);
	} else if (kind == 2) {
		dst[5] = (uint8_t)(200 + at); /* nobody's */
	} else {
		for (unsigned i = 0; i < n; i++, at = (at + 1) % n) {
			if (all[at].domain != host->domain || &all[at] == host)
				continue;
			put_mac(dst, &all[at]);
			return;
		}
	}
}

/* Of every 64 frames some that no bridge may let in. */
static void disturb(const struct end_host *host, uint64_t *rng, uint8_t *macs,
	struct content *content)
{
	static const uint8_t reserved[6] = {1, 0x80, 0xc2, 0, 0, 0x0e};

	switch (end_host_random(rng, 64)) {
	case 0:
		content->is_tagged = true;
		content->tag = (uint16_t)(host->vid + 1 + end_host_random(rng, 50));
		break;
	case 1:
		macs[6] |= 1;
		break;
	case 2:
		memcpy(macs, reserved, 6);
		break;
	default:
		return;
	}
	content->forbidden = true;
}

static uint32_t choose_len(uint64_t *rng)
{
	uint32_t least = 14 + sizeof(struct content), kind = end_host_random(rng, 64);

	if (kind == 0)
		return least + end_host_random(rng, FRAME_MAX - least);
	return kind < 8 ? least + end_host_random(rng, 1514 - least)
			: least + end_host_random(rng, 64);
}

/* Make the next frame of a queue; returns its length. */
static size_t make_frame(struct end_host *host, const struct end_host *all, unsigned n,
	unsigned queue, uint64_t *rng, uint8_t *frame)
{
	struct content content = {.magic = MAGIC,
		.domain = host->domain,
		.sender = host->id,
		.queue = (uint8_t)queue,
		.len = choose_len(rng),
		.seq = ++host->next_seq[queue]};
	uint32_t tagging = end_host_random(rng, 32);
	uint8_t *at = frame + 12;

	choose_destination(host, all, n, rng, frame);
	put_mac(frame + 6, host);
	content.is_tagged = tagging < 15;
	if (tagging > 0 && content.is_tagged)
		content.tag = host->vid; /* otherwise a priority tag */
	disturb(host, rng, frame, &content);
	if (content.is_tagged) {
		const uint8_t tag[4] = {0x81, 0, content.tag >> 8, content.tag & 0xff};
		memcpy(at, tag, 4);
		at += 4;
	}
	*at++ = TYPE >> 8;
	*at++ = TYPE & 0xff;
	fill(at, &content, content.len - 14);
	return content.len + (content.is_tagged ? 4 : 0);
}

static bool send_burst(struct end_host *host, const struct end_host *all, unsigned n,
	unsigned queue, uint64_t *rng)
{
	static const struct virtio_net_hdr_v1 no_offload;
	struct fe_ring *ring = fe_ring(host->fe, 2 * queue + 1);
	uint8_t frame[FRAME_MAX + 8];
	unsigned sent;

	for (sent = 0; sent < BURST; sent++) {
		bool runt = end_host_random(rng, 256) == 0;
		size_t len = make_frame(host, all, n, queue, rng, frame);
		int r = fe_ring_send(ring, &no_offload, frame, runt ? 10 : len);

		if (r == -EMSGSIZE) /* more buffers than a small ring has */
			continue;
		if (r < 0)
			break;
		host->n_sent++;
	}
	if (sent)
		(void)fe_ring_kick(ring); /* an eventfd does not fail */
	return sent;
}

/* ---- Receiving ---- */

static void check(struct end_host *host, unsigned queue, const uint8_t *frame, size_t len)
{
	const uint8_t *at = frame + 12;
	bool is_tagged = len >= 18 && at[0] == 0x81 && at[1] == 0;
	uint16_t tag = is_tagged ? (uint16_t)(at[2] << 8 | at[3]) : 0;
	struct content content;

	at += is_tagged ? 4 : 0;
	len -= is_tagged ? 4 : 0;
	if (len < 14 + sizeof(content)) {
		fault(host, "got a runt of %zu bytes", len);
		return;
	}
	memcpy(&content, at + 2, sizeof(content));
	if ((at[0] << 8 | at[1]) != TYPE || content.magic != MAGIC ||
		content.sender >= END_HOST_MAX || content.queue >= END_HOST_MAX_QUEUES) {
		fault(host, "got %zu bytes that nobody sent", len);
		return;
	}
	uint64_t *last = &host->last_seq[queue][content.sender][content.queue];
	if (len != content.len || !is_filled(at + 2, &content, len - 14))
		fault(host, "got frame %llu of %u damaged: %zu of %u bytes",
			(unsigned long long)content.seq, content.sender, len, content.len);
	else if (content.domain != host->domain || content.sender == host->id)
		fault(host, "in domain %u: heard %u of domain %u", host->domain, content.sender,
			content.domain);
	else if (host->vid && content.forbidden)
		fault(host, "heard what %u may not say", content.sender);
	else if (host->vid ? is_tagged && (tag & 0xfff) != host->vid
			   : is_tagged != content.is_tagged || tag != content.tag)
		fault(host, "got tag %u in VLAN %u (sent with %u)", tag, host->vid, content.tag);
	else if (content.seq <= *last)
		fault(host, "heard %u's frame %llu on queue %u after %llu", content.sender,
			(unsigned long long)content.seq, content.queue, (unsigned long long)*last);
	*last = content.seq;
}

static bool receive_burst(struct end_host *host, unsigned queue)
{
	struct fe_ring *ring = fe_ring(host->fe, 2 * queue);
	bool merge = fe_features(host->fe) & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	uint8_t frame[FRAME_MAX + 8];
	unsigned got;

	for (got = 0; got < 2 * BURST; got++) {
		int len = fe_ring_recv(ring, merge, NULL, frame, sizeof(frame));

		if (len == -EAGAIN)
			break;
		if (len < 0 || (size_t)len > sizeof(frame)) {
			fault(host, "receive ring %u: %s", queue,
				len < 0 ? "broken" : "frame too long");
			break;
		}
		host->n_got++;
		if (!host->hears_anything)
			check(host, queue, frame, (size_t)len);
	}
	return got;
}

/* ---- A host's turns ---- */

bool end_host_poll(struct end_host *host, struct end_host *all, unsigned n, uint64_t *rng)
{
	bool moved = false;

	for (unsigned q = 0; host->fe && q < host->n_queues; q++) {
		if (host->reads)
			moved |= receive_burst(host, q);
		if (host->sends)
			moved |= send_burst(host, all, n, q, rng);
	}
	return moved;
}

unsigned end_host_pending(struct end_host *host)
{
	unsigned pending = 0;

	for (unsigned q = 0; host->fe && q < host->n_queues; q++) {
		struct fe_ring *ring = fe_ring(host->fe, 2 * q + 1);

		(void)fe_pending(host->fe, q); /* takes back what was returned */
		for (unsigned i = 0; i < ring->size; i++)
			pending += ring->chain[i] > 0; /* a frame may have several descriptors */
	}
	return pending;
}

void end_host_retire(struct end_host *host)
{
	for (unsigned q = 0; host->fe && q < host->n_queues; q++)
		while (receive_burst(host, q))
			continue;
	host->n_sent -= end_host_pending(host);
	fe_destroy(host->fe);
	host->fe = NULL;
}
