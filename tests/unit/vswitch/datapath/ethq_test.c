/* Queues of DPDK devices, on a ring device whose output is its input. */
#include "eal.h"
#include "ethq.h"
#include "eth_pool.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define N_MBUFS   4095
#define RING_SIZE 1024 /* net_ring's own */
#define MAX_LEN   9234
#define TCP_CSUM  16
#define UDP_CSUM  6

static struct rte_mempool *pool;
static struct ethq queue;
static struct dp_counters counters;

static int start(void **state)
{
	struct rte_eth_conf conf = {0};
	struct err err = {0};
	uint16_t id;

	assert_int_equal(eal_start(&err), 0);
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_ring0", ""), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring0", &id), 0);
	assert_int_equal(eth_pool_create("test", N_MBUFS, 2048, false, &pool, &err), 0);
	assert_int_equal(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(id, 0, 0, SOCKET_ID_ANY, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(id, 0, 0, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(id), 0);
	queue = (struct ethq){.queue = {.ops = &ethq_ops, .wake_fd = -1},
		.dev_id = id,
		.max_len = MAX_LEN,
		.pool = pool};
	return 0;
}

static int stop(void **state)
{
	rte_pktmbuf_free_bulk(queue.spare, queue.n_spare);
	assert_int_equal(rte_eth_dev_stop(queue.dev_id), 0);
	/* Every buffer is back, whatever the tests did. */
	assert_int_equal(rte_mempool_avail_count(pool), N_MBUFS);
	eth_pool_destroy(pool, false);
	eal_stop();
	return 0;
}

/* A frame of len bytes: addresses, type and a pattern; its tail in one segment. */
static void make_frame(struct frame *frame, uint8_t *bytes, uint32_t len)
{
	uint32_t head = len < FRAME_HEADER_SIZE ? len : FRAME_HEADER_SIZE;

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	bytes[0] = 2;
	memset(frame, 0, sizeof(*frame));
	memcpy(frame->header, bytes, head);
	frame->len = len;
	frame->header_len = (uint16_t)head;
	frame->rest_off = 12;
	frame->tail_len = len - head;
	frame->seg = (struct frame_seg){bytes + head, len - head};
	frame->segs = &frame->seg;
	frame->n_segs = 1;
}

/* What a taken frame holds, in one stretch. */
static uint32_t flatten(const struct frame *frame, uint8_t *out)
{
	uint32_t at = frame->header_len, skip = frame->skip;

	memcpy(out, frame->header, at);
	for (unsigned i = 0; i < frame->n_segs; i++, skip = 0) {
		memcpy(out + at, frame->segs[i].hva + skip, frame->segs[i].len - skip);
		at += frame->segs[i].len - skip;
	}
	return at;
}

static unsigned take(struct frame *frames)
{
	static struct frame_seg segs[FRAME_BURST * 16];

	struct burst burst = {.frames = frames};

	return queue_rx(&queue.queue, &burst, FRAME_BURST, segs, FRAME_BURST * 16);
}

static void done(void)
{
	queue_rx_done(&queue.queue, NULL, 0);
}

/* Send the same frame n times: TX_SENT, or why one was not, and what follows it. */
static enum drop_reason transmit_many(const struct frame *frame, bool tagged, unsigned n)
{
	static struct frame frames[FRAME_BURST];
	struct tx_burst tx = {.frames = frames,
		.todo = UINT64_MAX >> (FRAME_BURST - n),
		.tagged = tagged ? UINT64_MAX : 0,
		.keep = UINT64_MAX,
		.counters = &counters};

	for (unsigned i = 0; i < n; i++)
		frames[i] = *frame;
	queue_tx(&queue.queue, &tx);
	return tx.todo ? tx.reason : TX_SENT;
}

static enum drop_reason transmit(const struct frame *frame, bool tagged)
{
	return transmit_many(frame, tagged, 1);
}

static void frames_come_back_as_they_went(void **state)
{
	static const uint32_t lens[] = {14, 60, 127, 128, 129, 1514, 2048, 2049, 9000, MAX_LEN};
	static uint8_t bytes[MAX_LEN], got[MAX_LEN + 4];
	static struct frame frames[FRAME_BURST];

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct frame frame;

		make_frame(&frame, bytes, lens[i]);
		assert_int_equal(transmit(&frame, false), TX_SENT);
		assert_int_equal(take(frames), 1);
		assert_int_equal(frames[0].len, lens[i]);
		assert_int_equal(flatten(&frames[0], got), lens[i]);
		assert_memory_equal(got, bytes, lens[i]);
		done();
	}
	assert_int_equal(counters.drops[DROP_TX_RING_FULL], 0);
}

static void tag_goes_between(void **state)
{
	static struct frame frames[FRAME_BURST];
	static uint8_t bytes[200], got[204];
	struct frame frame;

	make_frame(&frame, bytes, sizeof(bytes));
	frame.tci = 0x6123;
	assert_int_equal(transmit(&frame, true), TX_SENT);
	assert_int_equal(take(frames), 1);
	assert_int_equal(flatten(&frames[0], got), sizeof(got));
	assert_memory_equal(got, bytes, 12);
	assert_memory_equal(got + 12, "\x81\x00\x61\x23", 4);
	assert_memory_equal(got + 16, bytes + 12, sizeof(bytes) - 12);
	done();
}

static void too_long_frame_is_over_the_mtu(void **state)
{
	static uint8_t bytes[MAX_LEN + 1];
	struct frame frame;

	make_frame(&frame, bytes, MAX_LEN + 1);
	assert_int_equal(transmit(&frame, false), DROP_TX_MTU);
	make_frame(&frame, bytes, MAX_LEN - 3);
	assert_int_equal(transmit(&frame, true), DROP_TX_MTU);
}

static void full_device_refuses_and_all_are_counted(void **state)
{
	static struct frame frames[FRAME_BURST];
	static uint8_t bytes[100];
	struct frame frame;
	unsigned n_put = 0, n_got = 0, n;
	uint64_t n_refused;

	counters = (struct dp_counters){0};
	make_frame(&frame, bytes, sizeof(bytes));
	frame.header[0] = 0xff;
	for (; n_put < RING_SIZE + 200; n_put += 50)
		assert_int_equal(transmit_many(&frame, false, 50), TX_SENT);
	while ((n = take(frames)) > 0) {
		n_got += n;
		done();
	}
	n_refused = counters.drops[DROP_TX_RING_FULL];
	assert_true(n_refused > 0);
	assert_int_equal(n_got + n_refused, n_put);
	assert_int_equal(counters.tx_frames, n_got);
	assert_int_equal(counters.tx_bytes, n_got * sizeof(bytes));
	assert_int_equal(counters.tx_multicast, n_got);
}

/* IPv4 and TCP or UDP at their places, an IPv4 header of 20 bytes. */
static void make_ip(struct frame *frame, uint8_t *bytes, uint32_t len, uint16_t csum_offset)
{
	make_frame(frame, bytes, len);
	frame->header[12] = 0x08;
	frame->header[13] = 0x00;
	frame->header[14] = 0x45;
	frame->header[23] = csum_offset == TCP_CSUM ? 6 : 17;
	frame->header[34 + 12] = 0x80; /* TCP: 32 bytes of header */
	frame->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame->hdr.csum_start = 34;
	frame->hdr.csum_offset = csum_offset;
}

/* Put a frame and look at the mbuf that the device got. */
static const struct rte_mbuf *pass(const struct frame *frame, bool tagged)
{
	static struct frame frames[FRAME_BURST];

	assert_int_equal(transmit(frame, tagged), TX_SENT);
	assert_int_equal(take(frames), 1);
	return queue.received[0];
}

static void device_is_asked_for_checksums(void **state)
{
	static uint8_t bytes[1500];
	const struct rte_mbuf *mbuf;
	struct frame frame;

	make_ip(&frame, bytes, sizeof(bytes), TCP_CSUM);
	mbuf = pass(&frame, false);
	assert_true(mbuf->ol_flags == (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4));
	assert_int_equal(mbuf->l2_len, 14);
	assert_int_equal(mbuf->l3_len, 20);
	done();
	make_ip(&frame, bytes, sizeof(bytes), UDP_CSUM);
	mbuf = pass(&frame, true);
	assert_true(mbuf->ol_flags == (RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4));
	assert_int_equal(mbuf->l2_len, 18);
	assert_int_equal(mbuf->l3_len, 20);
	done();
}

static void device_is_asked_to_cut(void **state)
{
	static uint8_t bytes[30000];
	const struct rte_mbuf *mbuf;
	struct frame frame;

	make_ip(&frame, bytes, sizeof(bytes), TCP_CSUM);
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.gso_size = 1448;
	mbuf = pass(&frame, false);
	assert_true(mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	assert_true(mbuf->ol_flags & RTE_MBUF_F_TX_IP_CKSUM);
	assert_int_equal(mbuf->tso_segsz, 1448);
	assert_int_equal(mbuf->l4_len, 32);
	assert_int_equal(mbuf->pkt_len, sizeof(bytes));
	done();
}

static void nonsense_to_cut_is_dropped(void **state)
{
	static uint8_t bytes[30000];
	struct frame frame;

	make_ip(&frame, bytes, sizeof(bytes), UDP_CSUM);
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.gso_size = 1448;
	assert_int_equal(transmit(&frame, false), DROP_TX_OFFLOAD);
	make_ip(&frame, bytes, sizeof(bytes), TCP_CSUM);
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.gso_size = 1448;
	frame.header[34 + 12] = 0x10; /* a header of 4 bytes */
	assert_int_equal(transmit(&frame, false), DROP_TX_OFFLOAD);
	make_ip(&frame, bytes, sizeof(bytes), TCP_CSUM);
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.gso_size = 1448;
	frame.header[12] = 0x88; /* not IP */
	assert_int_equal(transmit(&frame, false), DROP_TX_OFFLOAD);
}

/* RFC 1071 over bytes[n], which hold the checksum: zero when that is right. */
static uint16_t check_sum(const uint8_t *bytes, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (uint32_t)bytes[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void other_checksums_are_finished_here(void **state)
{
	static struct frame frames[FRAME_BURST];
	static uint8_t bytes[5001], got[5001];
	struct frame frame;

	/* At an offset that neither TCP nor UDP has, over several mbufs and an odd length. */
	make_frame(&frame, bytes, sizeof(bytes));
	frame.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame.hdr.csum_start = 40;
	frame.hdr.csum_offset = 2;
	frame.header[42] = frame.header[43] = 0;
	assert_int_equal(transmit(&frame, false), TX_SENT);
	assert_int_equal(take(frames), 1);
	assert_int_equal(queue.received[0]->ol_flags, 0);
	assert_int_equal(flatten(&frames[0], got), sizeof(got));
	assert_int_equal(check_sum(got + 40, sizeof(got) - 40), 0);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_as_they_went),
		cmocka_unit_test(tag_goes_between),
		cmocka_unit_test(too_long_frame_is_over_the_mtu),
		cmocka_unit_test(full_device_refuses_and_all_are_counted),
		cmocka_unit_test(device_is_asked_for_checksums),
		cmocka_unit_test(device_is_asked_to_cut),
		cmocka_unit_test(nonsense_to_cut_is_dropped),
		cmocka_unit_test(other_checksums_are_finished_here),
	};

	return cmocka_run_group_tests_name("ethq", tests, start, stop);
}
