#include "fdb_table.h"
#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

static void expect_frame(struct rig *rig, unsigned port, const uint8_t *frame, size_t len)
{
	int n = rig_receive(rig, port, NULL, got, sizeof(got));

	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
}

static void expect_nothing(struct rig *rig, unsigned port)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

static void done(struct rig *rig)
{
	assert_true(rig_counts_add_up(rig));
	rig_destroy(rig);
}

/* 802.1Q reserved addresses with the protocols that labs need across a link, and PAUSE. */
static void link_passes_every_frame(void **state)
{
	static const struct {
		uint8_t last;
		uint16_t type;
	} protocols[] = {{0x00, 0x0027}, {0x01, 0x8808}, {0x02, 0x8809}, {0x03, 0x888e},
		{0x0e, 0x88cc}, {0x0f, 0xabcd}};

	for (unsigned packed = 0; packed < 4; packed++) {
		struct rig *rig = rig_create(2, packed, RIG_FEATURES);

		rig_link(rig, 0, 1);
		rig->ports[0].mtu = rig->ports[1].mtu = 1500;
		for (unsigned i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
			const uint8_t dst[6] = {0x01, 0x80, 0xc2, 0, 0, protocols[i].last};
			size_t len = rig_frame(sent, 0, 9, -1, protocols[i].type, 46);

			memcpy(sent, dst, 6);
			rig_send(rig, 0, sent, len);
			assert_int_equal(rig_run(rig, 0), 1);
			expect_frame(rig, 1, sent, len);
		}
		/* Tagged twice, at the MTU, and from a group address, which no bridge would take.
		 */
		size_t len = rig_frame(sent, 1, 2, 0x0064, 0x8100, 4 + 1500);
		memcpy(sent + 18, "\x00\x07\x08\x00", 4);
		sent[6] |= 1;
		rig_send(rig, 0, sent, len);
		rig_run(rig, 0);
		expect_frame(rig, 1, sent, len);
		/* Runts as guests make them. */
		len = rig_frame(sent, 1, 2, -1, 0x0800, 1);
		rig_send(rig, 1, sent, len);
		rig_run(rig, 1);
		expect_frame(rig, 0, sent, len);
		done(rig);
	}
}

static void link_that_is_down_drops(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	size_t len = rig_frame(sent, 1, 2, -1, 0x0800, 50);

	rig_link(rig, 0, 1);
	rig->ports[0].link_peer = DP_NO_PORT;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_LINK_DOWN), 1);
	/* The sender gets its buffer back all the same. */
	assert_int_equal(fe_ring_pending(&rig->port[0].send), 0);
	done(rig);
}

static void bridge_learns_and_stops_flooding(void **state)
{
	struct rig *rig = rig_create(3, 2, RIG_FEATURES);
	size_t len = rig_frame(sent, 2, 1, -1, 0x0800, 50);

	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	expect_frame(rig, 1, sent, len);
	expect_frame(rig, 2, sent, len);
	expect_nothing(rig, 0);
	rig_learn(rig);
	len = rig_frame(sent, 1, 2, -1, 0x0800, 300);
	rig_send(rig, 1, sent, len);
	rig_run(rig, 1);
	expect_frame(rig, 0, sent, len);
	expect_nothing(rig, 2);
	assert_int_equal(rig->counters[0].rx_frames, 1);
	assert_int_equal(rig->counters[0].copies, 1);
	assert_int_equal(rig->counters[2].tx_frames, 1);
	assert_int_equal(rig->counters[0].tx_bytes, len);
	done(rig);
}

static void address_that_moves_follows(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	size_t len;

	for (unsigned port = 0; port < 2; port++) {
		len = rig_frame(sent, 0xff, 5, -1, 0x0806, 46);
		rig_send(rig, port, sent, len);
		rig_run(rig, port);
		rig_learn(rig);
		for (unsigned other = 0; other < 3; other++)
			while (rig_receive(rig, other, NULL, got, sizeof(got)) > 0)
				;
		len = rig_frame(sent, 5, 7, -1, 0x0800, 46);
		rig_send(rig, 2, sent, len);
		rig_run(rig, 2);
		expect_frame(rig, port, sent, len);
		expect_nothing(rig, !port);
	}
	assert_int_equal(rig->counters[0].tx_broadcast, 1);
	done(rig);
}

static void same_learn_event_is_not_repeated_at_once(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct learn_event event;

	rig->fwd->learn.interval_tsc = UINT64_MAX;
	for (unsigned i = 0; i < 5; i++) {
		size_t len = rig_frame(sent, 2, 1, -1, 0x0800, 50);
		rig_send(rig, 0, sent, len);
		rig_run(rig, 0);
	}
	assert_true(fwd_wants_control(rig->fwd));
	assert_true(learn_ring_get(rig->events, &event));
	assert_int_equal(event.mac48, UINT64_C(0x020000000001));
	assert_int_equal(event.port_id, 0);
	assert_false(learn_ring_get(rig->events, &event));
	done(rig);
}

enum role { NONE, ACCESS10, TRUNK, NATIVE_UNTAGGED, NATIVE_TAGGED, ALL };

static void set_role(struct rig *rig, unsigned port, enum role role)
{
	static const uint16_t vids[] = {10, 20, 0};

	switch (role) {
	case ACCESS10:
		rig_access(rig, port, 10);
		break;
	case TRUNK:
		rig_trunk(rig, port, vids, 0, false);
		break;
	case NATIVE_UNTAGGED:
		rig_trunk(rig, port, vids, 10, false);
		break;
	case NATIVE_TAGGED:
		rig_trunk(rig, port, vids, 10, true);
		break;
	default:
		break;
	}
}

#define DROPPED  (-2)
#define UNTAGGED (-1)

/* What comes in at a port of one role leaves a port of another with which tag? Open vSwitch's
 * words; the expected column was written by hand from its manual. */
static void vlan_rules_hold(void **state)
{
	static const struct {
		enum role in, out;
		int tci, expect;
	} rows[] = {
		{ACCESS10, ACCESS10, UNTAGGED, UNTAGGED},
		{ACCESS10, ACCESS10, 10, DROPPED},
		{ACCESS10, ACCESS10, 0xa000, UNTAGGED}, /* priority-tagged */
		{ACCESS10, TRUNK, UNTAGGED, 10},
		{ACCESS10, TRUNK, 0xa000, 0xa00a},
		{ACCESS10, NATIVE_UNTAGGED, UNTAGGED, UNTAGGED},
		{ACCESS10, NATIVE_TAGGED, UNTAGGED, 10},
		{ACCESS10, ALL, UNTAGGED, 10},
		{TRUNK, ACCESS10, 10, UNTAGGED},
		{TRUNK, ACCESS10, 20, DROPPED},
		{TRUNK, ACCESS10, UNTAGGED, DROPPED},
		{TRUNK, TRUNK, 0x600a, 0x600a},
		{TRUNK, TRUNK, 20, 20},
		{TRUNK, TRUNK, 30, DROPPED},
		{TRUNK, TRUNK, 0xfff, DROPPED},
		{TRUNK, ALL, 20, 20},
		{NATIVE_UNTAGGED, TRUNK, UNTAGGED, 10},
		{NATIVE_UNTAGGED, NATIVE_TAGGED, UNTAGGED, 10},
		{NATIVE_UNTAGGED, NATIVE_UNTAGGED, 10, UNTAGGED},
		{NATIVE_UNTAGGED, NATIVE_UNTAGGED, 20, 20},
		{NATIVE_TAGGED, NATIVE_UNTAGGED, 10, UNTAGGED},
		{NATIVE_TAGGED, ACCESS10, UNTAGGED, UNTAGGED},
		{ALL, ALL, UNTAGGED, UNTAGGED},
		{ALL, ALL, 30, 30},
		{ALL, ALL, 0xfff, DROPPED},
		{ALL, ALL, 0xe000, UNTAGGED},
		{ALL, TRUNK, UNTAGGED, DROPPED},
		{ALL, TRUNK, 30, DROPPED},
		{ALL, ACCESS10, 0x200a, UNTAGGED},
	};

	/* Payloads around the scratch line's end: push and pop move its bytes. */
	static const size_t payloads[] = {0, 46, 109, 110, 111, 113, 114, 115, 400, 9000};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned p = 0; p < sizeof(payloads) / sizeof(payloads[0]); p++) {
			struct rig *rig = rig_create(2, i & 3, RIG_FEATURES);
			size_t len = rig_frame(sent, 2, 1, rows[i].tci, 0x0800, payloads[p]);

			set_role(rig, 0, rows[i].in);
			set_role(rig, 1, rows[i].out);
			rig_send(rig, 0, sent, len);
			rig_run(rig, 0);
			if (rows[i].expect == DROPPED) {
				expect_nothing(rig, 1);
			} else {
				len = rig_frame(sent, 2, 1, rows[i].expect, 0x0800, payloads[p]);
				expect_frame(rig, 1, sent, len);
			}
			done(rig);
		}
	}
}

/* A frame with two tags whose outer one is taken off never leaves a trunk as one of the inner VLAN:
 * neither by a priority tag from an access port, nor by the native VLAN's own tag. */
static void inner_tag_does_not_become_the_vlan(void **state)
{
	static const struct {
		enum role in, out;
		int outer, expect; /* expect: the outer tag, or UNTAGGED: the inner one is first */
	} rows[] = {
		{ACCESS10, NATIVE_UNTAGGED, 0x0000, 0x000a},
		{ACCESS10, NATIVE_UNTAGGED, 0xa000, 0xa00a},
		{ACCESS10, TRUNK, 0xa000, 0xa00a},
		{NATIVE_UNTAGGED, NATIVE_UNTAGGED, 10, 10}, /* double tagging, as in textbooks */
		{NATIVE_UNTAGGED, NATIVE_UNTAGGED, 0x0000, 10},
		{TRUNK, NATIVE_UNTAGGED, 0x600a, 0x600a},
		{ALL, ALL, 0xe000, 0xe000},
		{ALL, ALL, 10, 10},
		/*
		 * An access port has no VLANs to hop into; what is inside is its host's business.
		 */
		{TRUNK, ACCESS10, 10, UNTAGGED},
		{ACCESS10, ACCESS10, 0xa000, UNTAGGED},
	};

	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned row = i / 2;
		struct rig *rig = rig_create(3, i & 1 ? 7 : 0, RIG_FEATURES);
		uint8_t inner[100], want[100];
		size_t inner_len = rig_frame(inner, i & 1 ? 0xff : 2, 1, 20, 0x0800, 60);

		set_role(rig, 0, rows[row].in);
		set_role(rig, 1, rows[row].out);
		set_role(rig, 2, NONE);
		rig->bridge.n_ports = 2;
		/*
		 * One with nothing inside, then two with a tag inside: of one flow, and both ways.
		 */
		for (unsigned n = 0; n < 3; n++) {
			size_t len = rig_frame(sent, i & 1 ? 0xff : 2, 1, rows[row].outer,
				n ? 0x8100 : 0x0800, 0);

			memcpy(sent + len, inner + 14, inner_len - 14);
			rig_send(rig, 0, sent, len + inner_len - 14);
		}
		assert_int_equal(rig_run(rig, 0), 3);
		for (unsigned n = 0; n < 3; n++) {
			int got_len = rig_receive(rig, 1, NULL, got, sizeof(got));
			int tag = rows[row].expect;
			size_t len;

			if (!n && (rows[row].out == NATIVE_UNTAGGED || rows[row].out == ACCESS10 ||
					  !(tag & 0xfff)))
				tag = UNTAGGED;
			len = rig_frame(want, i & 1 ? 0xff : 2, 1, tag, n ? 0x8100 : 0x0800, 0);
			memcpy(want + len, inner + 14, inner_len - 14);
			assert_int_equal(got_len, len + inner_len - 14);
			assert_memory_equal(got, want, len + inner_len - 14);
		}
		done(rig);
	}
}

static void vlans_learn_apart(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	size_t len = rig_frame(sent, 0xff, 1, 10, 0x0800, 50);

	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	rig_learn(rig);
	expect_frame(rig, 1, sent, len);
	expect_frame(rig, 2, sent, len);
	len = rig_frame(sent, 1, 3, 20, 0x0800, 50);
	rig_send(rig, 2, sent, len);
	rig_run(rig, 2);
	expect_frame(rig, 0, sent, len);
	expect_frame(rig, 1, sent, len); /* unknown in VLAN 20 */
	len = rig_frame(sent, 1, 3, 10, 0x0800, 50);
	rig_send(rig, 2, sent, len);
	rig_run(rig, 2);
	expect_frame(rig, 0, sent, len);
	expect_nothing(rig, 1);
	done(rig);
}

/* Each reason is reached by the frame that it names, and counted once. */
static void drops_have_their_reason(void **state)
{
	struct rig *rig = rig_create(3, 4, RIG_FEATURES);
	size_t len;

	len = rig_frame(sent, 2, 1, -1, 0x0800, 50);
	rig_send(rig, 0, sent, 13);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_TOO_SHORT), 1);

	sent[6] = 3; /* group source */
	rig_send(rig, 0, sent, len);
	memset(sent + 6, 0, 6);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_SOURCE), 2);

	rig->bridge.keep_reserved = true;
	len = rig_frame(sent, 2, 1, -1, 0x88cc, 50);
	memcpy(sent, "\x01\x80\xc2\x00\x00\x0e", 6);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_RESERVED), 1);

	rig->ports[0].flags &= (uint16_t)~DP_PORT_ENABLED;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_PORT_DOWN), 1);
	rig->ports[0].flags |= DP_PORT_ENABLED;

	rig->ports[0].bridge = NULL;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_NO_BRIDGE), 1);
	rig->ports[0].bridge = &rig->bridge;

	(void)fdb_learn(rig->bridge.fdb, 0, UINT64_C(0x020000000007), 0, 0, 1);
	len = rig_frame(sent, 7, 1, -1, 0x0800, 50);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_SAME_PORT), 1);

	(void)fdb_learn(rig->bridge.fdb, 0, UINT64_C(0x020000000008), 1, 0, 1);
	len = rig_frame(sent, 8, 1, -1, 0x0800, 1000);
	rig->ports[1].mtu = 1001;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_MTU), 0);
	rig->ports[1].mtu = 999;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_MTU), 1);
	rig->ports[1].mtu = 1500;

	rig->ports[1].n_tx = 0;
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_NOT_RUNNING), 1);
	rig->ports[1].n_tx = 1;

	rig_access(rig, 1, 10);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_VLAN), 1);

	len = rig_frame(sent, 8, 1, 10, 0x0800, 50);
	rig_send(rig, 1, sent, len);
	rig_run(rig, 1);
	assert_int_equal(rig_drops(rig, 1, DROP_RX_TAGGED), 1);
	assert_int_equal(rig_drops(rig, 1, DROP_RX_VLAN), 0);

	rig->bridge.n_ports = 2;
	len = rig_frame(sent, 0xff, 1, -1, 0x0800, 50);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_NO_MEMBER), 1);
	done(rig);
}

/* Frames of many flows in any order: every one goes where a switch that looks at one frame at a
 * time would send it, as it came, and in order at every port. */
static void flows_may_be_mixed(void **state)
{
	static const int tcis[] = {-1, 10, 20, 0x6000 | 10};
	enum { FRAMES = 64, UNKNOWN = 9, EVERYBODY = 0xff };
	uint32_t seed = 1;

	for (unsigned round = 0; round < 200; round++) {
		struct rig *rig = rig_create(4, round & 15, RIG_FEATURES);
		struct {
			uint8_t bytes[100];
			size_t len;
			unsigned dst;
		} frames[FRAMES];

		for (unsigned port = 1; port < 4; port++) {
			for (unsigned t = 0; t < 3; t++) {
				size_t len = rig_frame(sent, 0, port, tcis[t], 0x0800, 50);
				rig_send(rig, port, sent, len);
			}
			rig_run(rig, port);
		}
		rig_learn(rig);
		for (unsigned port = 0; port < 4; port++)
			while (rig_receive(rig, port, NULL, got, sizeof(got)) > 0)
				;
		for (unsigned i = 0; i < FRAMES; i++) {
			static const unsigned dsts[] = {1, 2, 3, UNKNOWN, EVERYBODY, 1, 1, 2};
			seed = seed * 1664525 + 1013904223;
			frames[i].dst = dsts[seed >> 20 & 7];
			frames[i].len = rig_frame(frames[i].bytes, (uint8_t)frames[i].dst, 7,
				tcis[seed >> 24 & 3], 0x0800, 46 + (seed >> 28));
			frames[i].bytes[frames[i].len - 1] = (uint8_t)i;
			rig_send(rig, 0, frames[i].bytes, frames[i].len);
		}
		assert_int_equal(rig_run(rig, 0), FRAMES);
		for (unsigned port = 1; port < 4; port++) {
			for (unsigned i = 0; i < FRAMES; i++)
				if (frames[i].dst == port || frames[i].dst >= UNKNOWN)
					expect_frame(rig, port, frames[i].bytes, frames[i].len);
			expect_nothing(rig, port);
		}
		done(rig);
	}
}

static void full_receiver_loses_only_its_own(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = rig_create(3, packed ? 7 : 0, RIG_FEATURES);
		unsigned n = 0;

		/* Port 1 never reads; port 2 does. */
		for (unsigned i = 0; i < 3 * RIG_RING_SIZE; i++) {
			size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 60 + i);
			rig_send(rig, 0, sent, len);
			rig_run(rig, 0);
			expect_frame(rig, 2, sent, len);
			n++;
		}
		assert_int_equal(rig->counters[1].tx_frames, RIG_RING_SIZE);
		assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), n - RIG_RING_SIZE);
		done(rig);
	}
}

static void large_frames_are_merged(void **state)
{
	for (unsigned packed = 0; packed < 4; packed++) {
		struct rig *rig = rig_create(2, packed, RIG_FEATURES);
		static const size_t sizes[] = {4082, 4083, 4084, 4085, 8178, 8180, 9000, 65000};

		for (unsigned i = 0; i < 40; i++) {
			size_t len = rig_frame(sent, 2, 1, -1, 0x0800, sizes[i % 8]);
			rig_send(rig, 0, sent, len);
			rig_run(rig, 0);
			expect_frame(rig, 1, sent, len);
		}
		done(rig);
	}
}

static void unmergeable_large_frame_is_dropped(void **state)
{
	struct rig *rig = rig_create(2, 2, RIG_FEATURES & ~VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	size_t len = rig_frame(sent, 2, 1, -1, 0x0800, 4084 - 14);

	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	expect_frame(rig, 1, sent, len);
	len = rig_frame(sent, 2, 1, -1, 0x0800, 4085 - 14);
	rig_send(rig, 0, sent, len);
	rig_run(rig, 0);
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_NO_ROOM), 1);
	done(rig);
}

/* Send a large TCP segment of 8 descriptors from port 0 to the address, marked with number. */
static void send_large(struct rig *rig, uint8_t dst, uint8_t number)
{
	const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = 1448,
		.hdr_len = 54,
		.csum_start = 34,
		.csum_offset = 16};
	size_t len = rig_frame(sent, dst, 7, -1, 0x0800, 8 * FE_BUF_SIZE - 100);

	sent[len - 1] = number;
	rig_send_hdr(rig, 0, &hdr, sent, len);
}

static int receive_number(struct rig *rig, unsigned port)
{
	int len = rig_receive(rig, port, NULL, got, sizeof(got));

	return len > 0 ? got[len - 1] : -1;
}

static void expect_numbers(struct rig *rig, unsigned port, uint8_t from, uint8_t to)
{
	for (uint8_t i = from; i < to; i++)
		assert_int_equal(receive_number(rig, port), i);
	expect_nothing(rig, port);
}

static void send_small(struct rig *rig, uint8_t dst, uint8_t number)
{
	size_t len = rig_frame(sent, dst, 7, -1, 0x0800, 60);

	sent[len - 1] = number;
	rig_send(rig, 0, sent, len);
}

/* A receiver without buffers keeps large segments waiting in the sender's ring, and what is behind
 * them for it, in order. Of its 128 buffers each takes 8. */
static void large_frames_wait_for_buffers(void **state)
{
	for (unsigned packed = 0; packed < 4; packed++) {
		struct rig *rig = rig_create(2, packed, RIG_FEATURES | RIG_OFFLOADS);

		rig_link(rig, 0, 1);
		rig->fwd->deliver.timeout_tsc = UINT64_MAX;
		for (unsigned lap = 0; lap < 5; lap++) {
			uint8_t number = 0;

			while (number < 10)
				send_large(rig, 1, number++);
			assert_int_equal(rig_run(rig, 0), 10);
			while (number < 18)
				send_large(rig, 1, number++);
			while (number < 21)
				send_small(rig, 1, number++);
			assert_int_equal(rig_run(rig, 0), 6);
			assert_int_equal(rig_run(rig, 0), 0);
			assert_true(rig_counts_add_up(rig));
			assert_int_equal(rig->counters[0].rx_frames, lap * 21 + 16);
			expect_numbers(rig, 1, 0, 16);
			assert_int_equal(rig_run(rig, 0), 5);
			expect_numbers(rig, 1, 16, 21);
		}
		assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 0);
		done(rig);
	}
}

/* They are dropped when the receiver does not move, or when the sender has something behind them
 * for somebody else. */
static void large_frames_do_not_hold_others_up(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES | RIG_OFFLOADS);

	for (unsigned port = 1; port < 3; port++) {
		size_t len = rig_frame(sent, 7, (uint8_t)port, -1, 0x0800, 60);
		rig_send(rig, port, sent, len);
		rig_run(rig, port);
	}
	rig_learn(rig);
	for (unsigned port = 0; port < 3; port++)
		while (rig_receive(rig, port, NULL, got, sizeof(got)) > 0)
			;
	rig->fwd->deliver.timeout_tsc = UINT64_MAX;
	for (uint8_t number = 0; number < 16; number++) {
		send_large(rig, 1, number);
		if (number % 8 == 7)
			assert_int_equal(rig_run(rig, 0), 8);
	}
	/* Full. One for somebody else between two large ones: only the last one waits. */
	send_large(rig, 1, 16);
	send_small(rig, 2, 1);
	send_large(rig, 1, 17);
	assert_int_equal(rig_run(rig, 0), 2);
	expect_numbers(rig, 2, 1, 2);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 1);
	rig->fwd->deliver.timeout_tsc = 0;
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 2);
	expect_numbers(rig, 1, 0, 16);
	done(rig);
}

static void broken_neighbour_is_told_once_and_hurts_nobody(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	struct vring_desc *desc = rig->port[1].receive.desc;
	size_t len = rig_frame(sent, 0xff, 1, -1, 0x0800, 60);

	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		desc[i].addr = UINT64_MAX - 8;
	for (unsigned i = 0; i < 10; i++) {
		rig_send(rig, 0, sent, len);
		rig_run(rig, 0);
		expect_frame(rig, 2, sent, len);
	}
	assert_int_equal(rig->port[1].tx.broken, VRING_BAD_ADDRESS);
	assert_true(fwd_wants_control(rig->fwd));
	assert_int_equal(rig_drops(rig, 1, DROP_TX_BROKEN), 10);
	assert_int_equal(rig->port[2].tx.broken, VRING_OK);
	done(rig);
}

/* Frames, sizes, tags, roles and readers at random: nothing is lost without a reason, and what
 * arrives arrived in order. */
static void counts_add_up_whatever_happens(void **state)
{
	srandom(7);
	for (unsigned round = 0; round < 60; round++) {
		struct rig *rig = rig_create(5, (unsigned)random() & 31,
			RIG_FEATURES | (round & 1 ? RIG_OFFLOADS : 0));

		for (unsigned i = 0; i < 5; i++) {
			set_role(rig, i, (enum role)(random() % 6));
			rig->ports[i].mtu = random() % 4 ? 9000 : 700;
			if (random() % 8 == 0)
				rig->ports[i].flags &= (uint16_t)~DP_PORT_ENABLED;
		}
		if (random() % 3 == 0)
			rig_link(rig, 3, 4);
		for (unsigned step = 0; step < 400; step++) {
			unsigned port = (unsigned)random() % 5;
			unsigned n = (unsigned)random() % 20;

			for (unsigned i = 0; i < n; i++) {
				int tci = random() % 2 ? -1 : (int)(random() % 4) * 10;
				size_t len = rig_frame(sent,
					random() % 9 ? (uint8_t)(random() % 9) : 255,
					(uint8_t)(random() % 9), tci, 0x0800,
					(size_t)random() % 1600);
				struct virtio_net_hdr_v1 hdr = {0};

				if (random() % 8 == 0)
					hdr = (struct virtio_net_hdr_v1){.flags = (uint8_t)random(),
						.gso_type = (uint8_t)(random() % 6),
						.csum_start = (uint16_t)(random() % 70),
						.csum_offset = (uint16_t)(random() % 20),
						.gso_size = (uint16_t)(random() % 300)};
				if (rig->port[port].send.n_free < 4 &&
					fe_ring_pending(&rig->port[port].send) > 100)
					break;
				rig_send_hdr(rig, port, &hdr, sent, len);
			}
			while (rig_run(rig, port))
				;
			assert_int_equal(fe_ring_pending(&rig->port[port].send), 0);
			unsigned reader = (unsigned)random() % 5;
			while (rig_receive(rig, reader, NULL, got, sizeof(got)) > 0)
				;
			if (random() % 4 == 0)
				rig_learn(rig);
			assert_true(rig_counts_add_up(rig));
		}
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(rig->port[i].rx.broken, VRING_OK);
			assert_int_equal(rig->port[i].tx.broken, VRING_OK);
		}
		rig_destroy(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_passes_every_frame),
		cmocka_unit_test(link_that_is_down_drops),
		cmocka_unit_test(bridge_learns_and_stops_flooding),
		cmocka_unit_test(address_that_moves_follows),
		cmocka_unit_test(same_learn_event_is_not_repeated_at_once),
		cmocka_unit_test(vlan_rules_hold),
		cmocka_unit_test(inner_tag_does_not_become_the_vlan),
		cmocka_unit_test(vlans_learn_apart),
		cmocka_unit_test(drops_have_their_reason),
		cmocka_unit_test(flows_may_be_mixed),
		cmocka_unit_test(full_receiver_loses_only_its_own),
		cmocka_unit_test(large_frames_are_merged),
		cmocka_unit_test(unmergeable_large_frame_is_dropped),
		cmocka_unit_test(large_frames_wait_for_buffers),
		cmocka_unit_test(large_frames_do_not_hold_others_up),
		cmocka_unit_test(broken_neighbour_is_told_once_and_hurts_nobody),
		cmocka_unit_test(counts_add_up_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
