/*
 * What a burst may cost, whatever is in it: counted in steps (steps.h), never timed. rig_run()
 * compares every burst with the bounds of fwd.h; these are the inputs that would break them, and
 * the extremes of what drivers do send, which must go through.
 */
#include "offload.h"
#include "rig.h"
#include "steps.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

static void done(struct rig *rig)
{
	assert_true(rig_counts_add_up(rig));
	rig_destroy(rig);
}

/* Descriptor `at` of a table in either layout. */
static void put_desc(void *table, bool packed, unsigned at, uint64_t gpa, uint32_t len,
	unsigned flags)
{
	if (packed)
		((struct vring_packed_desc *)table)[at] = (struct vring_packed_desc){
			gpa, len, (uint16_t)at, (uint16_t)(AVAIL | flags)};
	else
		((struct vring_desc *)table)[at] =
			(struct vring_desc){gpa, len, (uint16_t)flags, (uint16_t)(at + 1)};
}

/* Make the first n descriptors available, each the head of a chain. */
static void offer(struct fe_ring *ring, unsigned n)
{
	struct vring_avail *avail = ring->avail;

	if (ring->packed)
		return; /* by their flags */
	for (unsigned i = 0; i < n; i++)
		avail->ring[i] = (uint16_t)i;
	avail->idx = (uint16_t)n;
}

/* Fill a ring with chains of which each says `len` bytes n times, directly or by a table. */
static void fill_with_chains(struct fe_ring *ring, unsigned n, uint64_t gpa, uint32_t len,
	bool indirect)
{
	unsigned write = ring->receive ? VRING_DESC_F_WRITE : 0;

	if (!indirect) {
		for (unsigned i = 0; i < ring->size; i++)
			put_desc(ring->desc, ring->packed, i, gpa, len,
				write | ((i + 1) % n ? VRING_DESC_F_NEXT : 0));
		offer(ring, ring->size);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		put_desc(ring->bufs, ring->packed, i, gpa, len,
			write | (i + 1 < n ? VRING_DESC_F_NEXT : 0));
	for (unsigned i = 0; i < ring->size; i++)
		put_desc(ring->desc, ring->packed, i, ring->bufs_gpa, n * 16,
			VRING_DESC_F_INDIRECT);
	offer(ring, ring->size);
}

/* QEMU refuses them, too: no driver sends any. */
static void descriptor_without_bytes_is_a_fault(void **state)
{
	for (unsigned kind = 0; kind < 16; kind++) {
		bool packed = kind & 1, indirect = kind & 2, inside = kind & 4, receive = kind & 8;
		struct rig *rig = rig_create(2, packed ? 2 : 0, RIG_FEATURES);
		struct rig_port *port = &rig->port[1];
		size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 50);

		fill_with_chains(receive ? &port->receive : &port->send, 64,
			inside ? port->send.bufs_gpa : UINT64_MAX - 8, 0, indirect);
		for (unsigned i = 0; receive && i < FRAME_BURST; i++)
			rig_send(rig, 0, sent, len);
		(void)rig_run(rig, receive ? 0 : 1);
		assert_int_equal((receive ? &port->tx : &port->rx)->broken, VRING_BAD_LENGTH);
		assert_in_range(steps_taken.descriptors, 1, 2 * FRAME_BURST + 4);
		done(rig);
	}
}

/* Buffers of a byte, in chains as long as they may be: a frame looks at few of them, a burst at no
 * more than its bound, and a frame that finds no room leaves the ring as it is. */
static void small_receive_buffers_are_bounded(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct rig *rig = rig_create(2, kind & 1 ? 2 : 0, RIG_FEATURES);
		struct rig_port *port = &rig->port[1];
		size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 1000);

		fill_with_chains(&port->receive, kind & 2 ? TX_MAX_SEGS : 32,
			port->receive.bufs_gpa + 65536, 1, kind & 2);
		for (unsigned i = 0; i < FRAME_BURST; i++)
			rig_send(rig, 0, sent, len);
		assert_int_equal(rig_run(rig, 0), FRAME_BURST);
		assert_in_range(steps_taken.descriptors, FRAME_BURST,
			FWD_MAX_RX_DESCS + FWD_MAX_TX_DESCS);
		assert_int_equal(port->tx.broken, VRING_OK);
		if (kind & 2)
			assert_true(rig_drops(rig, 1, DROP_TX_NO_ROOM) > 0);
		assert_int_equal(rig->counters[1].tx_frames, 0);
		done(rig);
	}
}

/* Every frame takes two chains, which are as long as two may be: a burst ends where it would look
 * at more descriptors than it may, and drops what is left. */
static void long_receive_chains_are_bounded(void **state)
{
	const unsigned chain_descs = TX_MAX_SEGS, n_put = TX_MAX_DESCS / (2 * chain_descs);

	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 2 : 0, RIG_FEATURES);
		struct rig_port *port = &rig->port[1];
		size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 900);

		/* The table's descriptors, and the one that says where it is. */
		fill_with_chains(&port->receive, chain_descs - 1, port->receive.bufs_gpa + 65536, 2,
			true);
		for (unsigned i = 0; i < FRAME_BURST; i++)
			rig_send(rig, 0, sent, len);
		assert_int_equal(rig_run(rig, 0), FRAME_BURST);
		assert_in_range(steps_taken.descriptors, FRAME_BURST,
			FWD_MAX_RX_DESCS + FWD_MAX_TX_DESCS);
		assert_int_equal(port->tx.broken, VRING_OK);
		assert_int_equal(rig->counters[1].tx_frames, n_put);
		assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), FRAME_BURST - n_put);
		done(rig);
	}
}

/* One that is longer than any may be breaks the ring, and nothing is written. */
static void receive_chain_has_a_most(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 2 : 0, RIG_FEATURES);
		struct rig_port *port = &rig->port[1];
		size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 1000);

		fill_with_chains(&port->receive, TX_MAX_SEGS + 1, port->receive.bufs_gpa + 65536, 8,
			true);
		rig_send(rig, 0, sent, len);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(port->tx.broken, VRING_BAD_CHAIN);
		assert_int_equal(rig_drops(rig, 1, DROP_TX_BROKEN), 1);
		done(rig);
	}
}

/* A burst ends where another chain could be longer than there is room for its segments: rig_run()
 * knows how many descriptors that are. Those behind it go with the next one. */
static void long_sent_chains_are_bounded(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(2, packed ? 2 : 0, RIG_FEATURES);
		struct rig_port *port = &rig->port[1];
		unsigned n, sum = 0;

		fill_with_chains(&port->send, 255, port->send.bufs_gpa + 65536, 1, true);
		for (; (n = rig_run(rig, 1)); sum += n)
			assert_in_range(n, 1, FWD_MAX_SEGS / 255);
		assert_int_equal(port->rx.broken, VRING_OK);
		assert_int_equal(sum, RIG_RING_SIZE);
		done(rig);
	}
}

/* An IPv4 TCP or UDP frame of len bytes to dst, to be cut by gso_size. */
static struct virtio_net_hdr_v1 large_frame(uint8_t dst, bool udp, size_t len, uint16_t gso_size)
{
	(void)rig_frame(sent, dst, 7, -1, 0x0800, len - 14);
	memset(sent + 14, 0, 40);
	sent[14] = 0x45;
	sent[23] = udp ? 17 : 6;
	sent[46] = 5 << 4;
	return (struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = udp ? VIRTIO_NET_HDR_GSO_UDP_L4 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = gso_size,
		.hdr_len = udp ? 42 : 54,
		.csum_start = 34,
		.csum_offset = udp ? 6 : 16};
}

#define USO (VIRTIO_BIT(VIRTIO_NET_F_HOST_USO))

/* A rig whose port 0 may send large frames and whose others take none. */
static struct rig *rig_of_cutting(unsigned n_ports, unsigned packed)
{
	struct rig *rig = rig_create(n_ports, packed, RIG_FEATURES);

	rig_set_features(rig, 0, RIG_FEATURES | RIG_OFFLOADS | USO);
	return rig;
}

static void segment_sizes_have_a_least(void **state)
{
	static const struct {
		bool udp;
		uint16_t payload, gso_size;
		unsigned segments; /* 0: refused */
	} rows[] = {
		{false, 700, 1, 0},
		{false, 700, OFFLOAD_MIN_SEGMENT - 1, 0},
		{false, 700, OFFLOAD_MIN_SEGMENT, 88},
		{false, 700, 36, 20}, /* Linux' least MSS with timestamps */
		{true, 128, 1, 128},
		{true, 129, 1, 0},
		{true, 128 * 7, 7, 128},
		{true, 128 * 7 + 1, 7, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *rig = rig_of_cutting(2, i & 1);
		size_t len = (rows[i].udp ? 42u : 54u) + rows[i].payload;
		struct virtio_net_hdr_v1 hdr =
			large_frame(0xff, rows[i].udp, len, rows[i].gso_size);

		rig_send_hdr(rig, 0, &hdr, sent, len);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(rig_drops(rig, 0, DROP_RX_SEGMENTS), !rows[i].segments);
		assert_int_equal(rig->counters[1].tx_frames, rows[i].segments);
		assert_int_equal(steps_taken.segments, rows[i].segments);
		done(rig);
	}
}

/* The largest frame in the smallest segments, to receivers that do not read: no more is cut than
 * they have buffers, and what is cut before it is sent; nothing at all once they are full. */
static void segmentation_stops_at_a_full_ring(void **state)
{
	struct rig *rig = rig_of_cutting(8, 0xaa);
	struct virtio_net_hdr_v1 hdr = large_frame(0xff, false, 65000, OFFLOAD_MIN_SEGMENT);

	for (unsigned round = 0; round < 2; round++) {
		rig_send_hdr(rig, 0, &hdr, sent, 65000);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(steps_taken.segments,
			round ? 0 : 7 * (RIG_RING_SIZE + DELIVER_SEGMENTS));
	}
	for (unsigned i = 1; i < 8; i++) {
		assert_int_equal(rig->counters[i].tx_frames, RIG_RING_SIZE);
		assert_int_equal(rig_drops(rig, i, DROP_TX_RING_FULL), 2);
	}
	done(rig);
}

/* Have port 0's driver send the same bytes n times, with one descriptor each. */
static void send_many(struct rig *rig, const struct virtio_net_hdr_v1 *hdr, size_t len, unsigned n)
{
	struct fe_ring *ring = &rig->port[0].send;

	memcpy(ring->bufs, hdr, sizeof(*hdr));
	memcpy(ring->bufs + sizeof(*hdr), sent, len);
	for (unsigned i = 0; i < n; i++)
		put_desc(ring->desc, ring->packed, i, ring->bufs_gpa,
			(uint32_t)(len + sizeof(*hdr)), 0);
	offer(ring, n);
}

/* Bytes and segments end a burst; what is behind goes with the next one. */
static void large_frames_end_a_burst(void **state)
{
	static const struct {
		uint16_t gso_size;
		unsigned burst;
	} rows[] = {{1440, FWD_BURST_BYTES / 60000}, {36, 4}, {OFFLOAD_MIN_SEGMENT, 1}};

	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *rig = rig_of_cutting(2, i & 1 ? 3 : 0);
		struct virtio_net_hdr_v1 hdr =
			large_frame(0xff, false, 60000, rows[i / 2].gso_size);
		unsigned left = FRAME_BURST;

		rig_set_features(rig, 1, RIG_FEATURES | RIG_OFFLOADS);
		send_many(rig, &hdr, 60000, left);
		while (left) {
			unsigned n = rig_run(rig, 0);

			assert_int_equal(n, left < rows[i / 2].burst ? left : rows[i / 2].burst);
			left -= n;
			while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
				;
		}
		assert_int_equal(rig_run(rig, 0), 0);
		assert_int_equal(rig->counters[0].rx_frames, FRAME_BURST);
		/* A ring of buffers holds eight of them. */
		assert_int_equal(rig->counters[1].tx_frames + rig_drops(rig, 1, DROP_TX_RING_FULL),
			FRAME_BURST);
		done(rig);
	}
}

/* Headers go into every segment, so they are bounded as well. */
static void repeated_headers_have_a_most(void **state)
{
	for (unsigned over = 0; over < 2; over++) {
		struct rig *rig = rig_of_cutting(2, 0);
		unsigned headers = over ? OFFLOAD_MAX_HEADERS + 1 : OFFLOAD_MAX_HEADERS;
		unsigned extensions = headers - 14 - 40 - 20;
		struct virtio_net_hdr_v1 hdr = large_frame(0xff, false, 3000, 100);

		hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
		hdr.csum_start = (uint16_t)(54 + extensions);
		memcpy(sent + 12, "\x86\xdd\x60", 3);
		sent[hdr.csum_start + 12] = 5 << 4;
		rig_send_hdr(rig, 0, &hdr, sent, 3000);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(rig_drops(rig, 1, DROP_TX_OFFLOAD), over);
		assert_int_equal(rig->counters[1].tx_frames,
			over ? 0 : (3000 - headers + 99) / 100);
		done(rig);
	}
}

/* 64 KiB as drivers cut them: in 4 KiB (Linux: 17 fragments and a header), in 256 segments (DPDK),
 * by table or not, into buffers of 1.5 KiB. */
static void what_drivers_send_goes_through(void **state)
{
	static const unsigned buf_sizes[] = {4096, 3600, 1500, 512, 256};

	for (unsigned kind = 0; kind < 4 * 5; kind++) {
		bool packed = kind & 1, indirect = kind & 2;
		unsigned size = buf_sizes[kind / 4], n = 0;
		struct rig *rig = rig_create(2, packed ? 3 : 0, RIG_FEATURES);
		struct fe_ring *ring = &rig->port[0].send, *to = &rig->port[1].receive;
		const uint32_t whole = 64000;
		uint8_t *frame = ring->bufs + 8 * FE_BUF_SIZE + sizeof(struct virtio_net_hdr_v1);
		size_t at = 0;

		if (!indirect && whole / size + 1 > RIG_RING_SIZE) {
			rig_destroy(rig);
			continue;
		}
		memset(ring->bufs + 8 * FE_BUF_SIZE, 0, sizeof(struct virtio_net_hdr_v1));
		(void)rig_frame(frame, 2, 1, -1, 0x0800, whole - 12 - 14);
		for (uint32_t done_bytes = 0; done_bytes < whole; done_bytes += size, n++)
			put_desc(indirect ? ring->bufs : ring->desc, packed, n,
				ring->bufs_gpa + 8 * FE_BUF_SIZE + done_bytes,
				whole - done_bytes < size ? whole - done_bytes : size,
				done_bytes + size < whole ? VRING_DESC_F_NEXT : 0);
		if (indirect)
			put_desc(ring->desc, packed, 0, ring->bufs_gpa, n * 16,
				VRING_DESC_F_INDIRECT);
		offer(ring, 1);
		for (unsigned i = 0; i < RIG_RING_SIZE; i++)
			put_desc(to->desc, packed, i, to->bufs_gpa + i * FE_BUF_SIZE, 1536,
				VRING_DESC_F_WRITE);
		assert_int_equal(rig_run(rig, 0), 1);
		assert_int_equal(rig->counters[1].tx_frames, 1);
		assert_int_equal(rig->counters[1].tx_bytes, whole - 12);
		for (unsigned i = 0, skip = 12; at < whole - 12; i++, skip = 0) {
			size_t part = whole - 12 - at < 1536 - skip ? whole - 12 - at : 1536 - skip;

			assert_memory_equal(to->bufs + i * FE_BUF_SIZE + skip, frame + at, part);
			at += part;
		}
		done(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptor_without_bytes_is_a_fault),
		cmocka_unit_test(small_receive_buffers_are_bounded),
		cmocka_unit_test(long_receive_chains_are_bounded),
		cmocka_unit_test(receive_chain_has_a_most),
		cmocka_unit_test(long_sent_chains_are_bounded),
		cmocka_unit_test(segment_sizes_have_a_least),
		cmocka_unit_test(segmentation_stops_at_a_full_ring),
		cmocka_unit_test(large_frames_end_a_burst),
		cmocka_unit_test(repeated_headers_have_a_most),
		cmocka_unit_test(what_drivers_send_goes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
