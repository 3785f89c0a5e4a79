/* What the guest does with frames, by mode, until its time or count is over. */
#include "cmdline.h"
#include "machine.h"
#include "nic.h"
#include "packet.h"
#include "text.h"

#define MAX_NICS      8u
#define BURST         32u
#define LINE          64u
#define BUTTON_ROUNDS (1u << 16) /* milliseconds */
#define MIN_FRAME     60u        /* without FCS */
#define EXIT_USAGE    2u         /* as programs of the host: wrong arguments */
#define EXIT_FAILED   1u

struct guest {
	struct cmdline cmdline;
	unsigned n_nics;
	uint64_t begin, hz; /* TSC ticks; hz is 0 where no time is needed */
	uint64_t n_generated, n_taken;
	uint64_t n_forgone; /* slow=: frames that were due in a pause and did not come */
	bool is_enough;     /* nothing more is generated */
	uint8_t *noise;
};

static struct guest guest;
static struct nic nics[MAX_NICS];

/* ---- The end ---- */

static void print_port(const struct nic *nic)
{
	const struct nic_counts *c = &nic->counts;

	text_add(nic == nics ? "{" : ",{");
	text_mac("mac", nic->mac);
	text_string("ring", nic->packed ? "packed" : "split");
	text_member("pairs", nic->n_pairs);
	text_member("rx", c->rx);
	text_member("tx", c->tx);
	text_member("rx_bytes", c->rx_bytes);
	text_member("tx_bytes", c->tx_bytes);
	text_member("tx_full", c->tx_full);
	text_member("consumed", c->consumed);
	text_member("not_ip", c->not_ip);
	text_member("ttl", c->ttl);
	text_member("short", c->short_frame);
	text_add("}");
}

static uint64_t elapsed_ms(void)
{
	return guest.hz ? (tsc_now() - guest.begin) / (guest.hz / 1000) : 0;
}

static void print_result(bool last, unsigned code)
{
	text_add("{");
	text_member("nfguest", 1);
	text_string("mode", cmdline_mode_name(guest.cmdline.mode));
	text_member("ms", elapsed_ms());
	text_add(",\"ports\":[");
	for (unsigned i = 0; i < guest.n_nics; i++)
		print_port(&nics[i]);
	text_add("]");
	if (last)
		text_member("exit", code);
	text_add("}");
	text_end();
}

static void print_ready(void)
{
	text_add("{");
	text_member("nfguest", 1);
	text_string("mode", cmdline_mode_name(guest.cmdline.mode));
	text_member("ready", 1);
	text_add("}");
	text_end();
}

static _Noreturn void fail(const char *why, const char *word, unsigned code)
{
	char buf[64];
	unsigned n = 0;

	text_add("{");
	text_member("nfguest", 1);
	text_string("error", why);
	if (word) {
		for (; word[n] && word[n] != ' ' && n < sizeof(buf) - 1; n++)
			buf[n] = word[n];
		buf[n] = '\0';
		text_string("word", buf);
	}
	text_member("exit", code);
	text_add("}");
	text_end();
	machine_off((uint8_t)code);
}

/* ---- Frames ---- */

/* How many of n frames may be taken now, at the pace that slow= sets. */
static unsigned allowed(unsigned n)
{
	uint64_t rate = guest.cmdline.slow;

	if (!rate)
		return n;
	uint64_t ticks = tsc_now() - guest.begin;
	uint64_t due = ticks / guest.hz * rate + ticks % guest.hz * rate / guest.hz;
	uint64_t had = guest.n_taken + guest.n_forgone, left = due > had ? due - had : 0;

	if (left > BURST) { /* a pause is not made good */
		guest.n_forgone += left - BURST;
		left = BURST;
	}
	return left < n ? (unsigned)left : n;
}

static void make_noise(void)
{
	for (uint64_t at = 0; at < guest.cmdline.noisy; at += LINE)
		guest.noise[at]++;
}

static bool is_sent_on(struct nic *in, struct nic *out, uint8_t *frame, uint32_t len)
{
	const struct cmdline *c = &guest.cmdline;
	unsigned to = (unsigned)(out - nics) & 1;

	switch (c->mode) {
	case MODE_REFLECT:
		packet_swap(frame);
		return true;
	case MODE_FWD:
		if (c->mac) {
			memcpy(frame, c->next_hop[to], 6);
			memcpy(frame + 6, out->mac, 6);
		}
		return true;
	case MODE_L3:
		switch (packet_route(frame, len, out->mac, c->next_hop[to])) {
		case PACKET_GO:
			return true;
		case PACKET_NOT_IP:
			in->counts.not_ip++;
			return false;
		case PACKET_TTL:
			in->counts.ttl++;
			return false;
		}
		return false;
	case MODE_ECHO:
		if (packet_answer(frame, len, c->ip, in->mac))
			return true;
		break;
	default:
		break;
	}
	in->counts.consumed++;
	return false;
}

/* A received buffer becomes one that is sent; the one that was sent before takes its place. */
static void send_on(struct virtq *rx, uint16_t rx_id, struct nic *out, struct virtq *tx,
	uint32_t len)
{
	uint16_t id;

	if (!virtq_get_free(tx, &id)) {
		out->counts.tx_full++;
		return;
	}
	uint8_t *buf = rx->bufs[rx_id];
	rx->bufs[rx_id] = tx->bufs[id];
	tx->bufs[id] = buf;
	memset(buf, 0, NIC_HDR);
	virtq_post(tx, id, NIC_HDR + len);
	out->counts.tx++;
	out->counts.tx_bytes += len;
}

/* Receive a burst at one queue pair and do with it what the mode says. */
static void step(struct nic *in, struct nic *out, unsigned pair)
{
	struct virtq *rx = &in->rx[pair], *tx = &out->tx[pair];
	unsigned most = allowed(BURST), n = 0;
	uint64_t before = out->counts.tx;
	uint16_t id;
	uint32_t len;

	for (; n < most && virtq_get_used(rx, &id, &len); n++) {
		len = len > NIC_HDR ? len - NIC_HDR : 0;
		in->counts.rx++;
		in->counts.rx_bytes += len;
		if (guest.noise)
			make_noise();
		if (len < 14)
			in->counts.short_frame++;
		else if (is_sent_on(in, out, rx->bufs[id] + NIC_HDR, len))
			send_on(rx, id, out, tx, len);
		virtq_post(rx, id, VIRTQ_BUF);
	}
	guest.n_taken += n;
	if (n)
		virtq_publish(rx);
	if (out->counts.tx != before)
		virtq_publish(tx);
}

static uint64_t due_frames(void)
{
	const struct cmdline *c = &guest.cmdline;
	uint64_t due = UINT64_MAX;

	if (c->rate) {
		uint64_t ticks = tsc_now() - guest.begin;

		due = ticks / guest.hz * c->rate + ticks % guest.hz * c->rate / guest.hz;
	}
	if (c->count && due > c->count)
		due = c->count;
	return due - guest.n_generated;
}

static void generate(struct nic *out, unsigned pair)
{
	const struct cmdline *c = &guest.cmdline;
	struct virtq *tx = &out->tx[pair];
	uint64_t due = due_frames();
	uint32_t len = c->size - 4;
	unsigned n = 0;
	uint16_t id;

	for (; n < BURST && n < due && virtq_get_free(tx, &id); n++) {
		uint8_t *frame = tx->bufs[id] + NIC_HDR;

		/* A buffer stays with its id in this mode: it is written once. */
		if (!frame[12])
			packet_make(frame, len, c->dst, c->has_src ? c->src : out->mac, c->vlan);
		packet_sign(frame, len, c->stream, (uint32_t)guest.n_generated++, 0);
		virtq_post(tx, id, NIC_HDR + len);
	}
	out->counts.tx += n;
	out->counts.tx_bytes += (uint64_t)n * len;
	if (n)
		virtq_publish(tx);
}

static void poll_nic(unsigned i)
{
	struct nic *in = &nics[i];
	bool crosses = guest.cmdline.mode == MODE_FWD || guest.cmdline.mode == MODE_L3;
	struct nic *out = crosses ? &nics[i ^ 1] : in;

	for (unsigned pair = 0; pair < in->n_pairs; pair++) {
		if (guest.cmdline.mode == MODE_GEN && !i && !guest.is_enough)
			generate(in, pair);
		step(in, out, pair);
	}
}

/* Has the device taken everything that was sent? */
static bool is_sent(struct nic *nic)
{
	for (unsigned pair = 0; pair < nic->n_pairs; pair++) {
		struct virtq *tx = &nic->tx[pair];
		uint32_t len;
		uint16_t id;

		while (virtq_get_used(tx, &id, &len))
			tx->free[tx->n_free++] = id;
		if (tx->n_free < tx->size && !tx->broken)
			return false;
	}
	return true;
}

/* A generator ends when the device has all frames, or has not taken them for a second. */
static bool is_generator_over(void)
{
	const struct cmdline *c = &guest.cmdline;
	uint64_t ticks = tsc_now() - guest.begin;

	guest.is_enough = (c->count && guest.n_generated >= c->count) ||
			  (c->seconds && ticks >= c->seconds * guest.hz);
	return guest.is_enough &&
	       (is_sent(&nics[0]) || (c->seconds && ticks >= (c->seconds + 1) * guest.hz));
}

static bool is_over(void)
{
	const struct cmdline *c = &guest.cmdline;

	if (c->mode == MODE_GEN)
		return is_generator_over();
	if (c->count && guest.n_taken >= c->count && is_sent(&nics[0]) &&
		(guest.n_nics < 2 || is_sent(&nics[1])))
		return true;
	return c->seconds && tsc_now() - guest.begin >= c->seconds * guest.hz;
}

static void run(void)
{
	uint64_t next_report = guest.cmdline.report * guest.hz;

	for (uint64_t round = 1; !is_over(); round++) {
		if (round % BUTTON_ROUNDS == 0 && machine_is_asked_off())
			break;
		if (guest.cmdline.mode == MODE_IDLE)
			__asm__ volatile("pause");
		else
			for (unsigned i = 0; i < guest.n_nics; i++)
				poll_nic(i);
		if (next_report && tsc_now() - guest.begin >= next_report) {
			next_report += guest.cmdline.report * guest.hz;
			print_result(false, 0);
		}
	}
}

static void start_nics(void)
{
	struct pci_nic found[MAX_NICS];
	enum mode mode = guest.cmdline.mode;
	enum nic_ring ring = guest.cmdline.split    ? NIC_SPLIT
			     : guest.cmdline.packed ? NIC_PACKED
						    : NIC_ANY;

	guest.n_nics = pci_find_nics(found, MAX_NICS);
	if (!guest.n_nics && mode != MODE_IDLE)
		fail("there is no network device", NULL, EXIT_FAILED);
	if ((mode == MODE_FWD || mode == MODE_L3) && (guest.n_nics < 2 || guest.n_nics % 2))
		fail("the mode needs pairs of network devices", NULL, EXIT_USAGE);
	for (unsigned i = 0; i < guest.n_nics; i++) {
		nics[i].pci = found[i];
		const char *wrong = nic_start(&nics[i], guest.cmdline.queues, ring);
		if (wrong)
			fail(wrong, NULL, EXIT_FAILED);
	}
}

/* A frame to everybody, from which switches learn where the devices are. */
static void announce(struct nic *nic)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct virtq *tx = &nic->tx[0];
	uint16_t id;

	if (!virtq_get_free(tx, &id))
		return;
	packet_make(tx->bufs[id] + NIC_HDR, MIN_FRAME, everybody, nic->mac, guest.cmdline.vlan);
	virtq_post(tx, id, NIC_HDR + MIN_FRAME);
	virtq_publish(tx);
	nic->counts.tx++;
	nic->counts.tx_bytes += MIN_FRAME;
}

void nfguest_main(const struct start_info *info);

void nfguest_main(const struct start_info *info)
{
	const char *text = info->cmdline ? (const char *)(uintptr_t)info->cmdline : "";
	struct cmdline *c = &guest.cmdline;
	const char *wrong = cmdline_parse(text, c);

	if (wrong)
		fail("not understood", wrong, EXIT_USAGE);
	memory_init(info);
	tsc_set_hz(c->tsc_hz);
	if (c->rate || c->seconds || c->report || c->slow)
		guest.hz = tsc_hz();
	if (c->noisy && !(guest.noise = memory_take(c->noisy)))
		fail("memory is too small for noisy", NULL, EXIT_USAGE);
	start_nics();
	for (unsigned i = 0; c->announce && c->mode != MODE_GEN && i < guest.n_nics; i++)
		announce(&nics[i]);
	if (c->ready)
		print_ready();
	guest.begin = tsc_now();
	run();
	print_result(true, 0);
	machine_off(0);
}
