/* Copies are what was on the wire, cost the traffic nothing, and every one of them is counted. */
#include "mirror/mirror_stage.h"

#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IP 0x0800
#define TO 2 /* the port that gets the copies; frames go from 0 to 1 */

static uint8_t bytes[FE_FRAME_MAX], got[FE_FRAME_MAX], copy[FE_FRAME_MAX];

static struct {
	struct rig *rig;
	struct mirror mirror, other;
	struct mirror_set set;
	struct stage stages[2];
} test;

/* takes: of port 0's frames, and of port 1's. */
static void begin(unsigned packed, uint64_t features, uint8_t takes_0, uint8_t takes_1)
{
	memset(&test, 0, sizeof(test));
	test.rig = rig_create(3, packed, features);
	test.rig->ports[TO].bridge = NULL;
	test.rig->bridge.n_ports = 2;
	test.mirror.to = TO;
	test.mirror.takes[0] = takes_0;
	test.mirror.takes[1] = takes_1;
	test.set = (struct mirror_set){{&test.mirror}, 1};
	test.stages[0] = (struct stage){mirror_stage_run, &test.set};
	test.rig->ports[0].ingress = test.stages;
	test.rig->ports[1].egress = test.stages;
}

static void end(void)
{
	assert_true(rig_counts_add_up(test.rig));
	rig_destroy(test.rig);
}

/* A frame to port 1, of that length without tag; returns its length on the way in. */
static size_t pass(size_t len, int tci)
{
	size_t n = rig_frame(bytes, 2, 1, tci, IP, len - 14);

	rig_send(test.rig, 0, bytes, n);
	assert_int_equal(rig_run(test.rig, 0), 1);
	return n;
}

static int receive(unsigned port, uint8_t *frame)
{
	return rig_receive(test.rig, port, NULL, frame, FE_FRAME_MAX);
}

static void a_copy_is_the_frame_as_it_came(void **state)
{
	static const size_t sizes[] = {14, 60, 127, 128, 129, 1514, 9000};

	for (unsigned packed = 0; packed < 2; packed++) {
		begin(packed ? 7 : 0, RIG_FEATURES, MIRROR_TAKES_IN, 0);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			test.rig->ports[1].mtu = test.rig->ports[TO].mtu = 9500;
			for (int tci = -1; tci < 11; tci += 11) {
				size_t n = pass(sizes[i], tci);

				assert_int_equal(receive(TO, copy), n);
				assert_memory_equal(copy, bytes, n);
				assert_int_equal(receive(1, got), n);
				assert_memory_equal(got, bytes, n);
			}
		}
		assert_int_equal(test.mirror.counts.lost, 0);
		end();
	}
}

/* On an access port's wire there is no tag, on a trunk's there is. */
static void tags_are_those_of_the_wire(void **state)
{
	static const uint16_t vids[] = {10, 0};

	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, MIRROR_TAKES_OUT);
	rig_access(test.rig, 0, 10);
	rig_trunk(test.rig, 1, vids, 0, false);
	assert_int_equal(pass(200, -1), 200);
	assert_int_equal(receive(1, got), 204);
	assert_int_equal(receive(TO, copy), 200);
	assert_memory_equal(copy, bytes, 200);
	assert_int_equal(receive(TO, copy), 204);
	assert_memory_equal(copy, got, 204);
	assert_int_equal(receive(TO, copy), -EAGAIN);
	assert_int_equal(test.mirror.counts.frames, 2);
	end();
}

static void one_vlan_is_told_from_others(void **state)
{
	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, MIRROR_TAKES_OUT);
	test.mirror.source_vlan = 10;
	pass(100, 10);
	pass(100, 11);
	pass(100, -1);
	assert_int_equal(test.mirror.counts.frames, 2); /* where it came in, and where it left */
	assert_int_equal(receive(TO, copy), 104);
	assert_int_equal(copy[15], 10);
	end();
}

static void a_filter_picks_frames(void **state)
{
	/* Those of 100 bytes or more pass. */
	static const struct filter filter = {
		4, {{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}, {BPF_JMP | BPF_JGE | BPF_K, 0, 1, 100},
			   {BPF_RET | BPF_K, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, 0}}};

	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, 0);
	test.mirror.filter = &filter;
	for (size_t len = 98; len < 103; len++) {
		pass(len, -1);
		assert_int_equal(receive(1, got), len);
		assert_int_equal(receive(TO, copy), len < 100 ? -EAGAIN : (int)len);
	}
	assert_int_equal(test.mirror.counts.frames, 3);
	end();
}

static void no_more_than_asked_for_is_copied(void **state)
{
	static const uint32_t limits[] = {14, 60, 128, 129, 500};

	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		test.mirror.truncate = limits[i];
		for (size_t len = limits[i] - (i ? 1 : 0); len < limits[i] + 2; len++) {
			pass(len, -1);
			assert_int_equal(receive(1, got), len); /* the frame itself is whole */
			assert_memory_equal(got, bytes, len);
			assert_int_equal(receive(TO, copy), len < limits[i] ? len : limits[i]);
			assert_memory_equal(copy, bytes, len < limits[i] ? len : limits[i]);
		}
	}
	end();
}

/* RSPAN: the tag stands in front of what the frame has. */
static void copies_get_a_tag(void **state)
{
	static const uint16_t vids[] = {10, 0};
	static const uint8_t outer[] = {0x81, 0, 0x03, 0xe7};
	static const size_t sizes[] = {60, 124, 127, 128, 200, 1400};

	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, MIRROR_TAKES_OUT);
	rig_access(test.rig, 0, 10);
	rig_trunk(test.rig, 1, vids, 0, false);
	test.mirror.vlan = 999;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = pass(sizes[i], -1);

		assert_int_equal(receive(1, got), n + 4);
		assert_int_equal(receive(TO, copy), n + 4);
		assert_memory_equal(copy, bytes, 12);
		assert_memory_equal(copy + 12, outer, 4);
		assert_memory_equal(copy + 16, bytes + 12, n - 12);
		assert_int_equal(receive(TO, copy), n + 8);
		assert_memory_equal(copy, got, 12);
		assert_memory_equal(copy + 12, outer, 4);
		assert_memory_equal(copy + 16, got + 12, n + 4 - 12);
	}
	assert_int_equal(test.mirror.counts.lost, 0);
	end();
}

/* Nobody takes the copies: they are lost, by their reason, and the traffic does not notice. */
static void a_slow_destination_loses_copies_only(void **state)
{
	uint64_t n = 3 * RIG_RING_SIZE;

	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, 0);
	for (uint64_t i = 0; i < n; i++) {
		pass(100, -1);
		assert_int_equal(receive(1, got), 100);
	}
	assert_int_equal(test.mirror.counts.frames, n);
	assert_true(test.mirror.counts.lost > 0 && test.mirror.counts.lost < n);
	assert_int_equal(test.mirror.counts.lost, test.mirror.counts.lost_ring_full);
	assert_int_equal(test.mirror.counts.lost, rig_drops(test.rig, TO, DROP_TX_RING_FULL));
	assert_int_equal(test.rig->counters[TO].tx_frames + test.mirror.counts.lost, n);
	assert_int_equal(test.rig->counters[0].copies, n);
	assert_int_equal(test.rig->counters[1].tx_frames, n);
	test.rig->ports[TO].n_tx = 0;
	pass(100, -1);
	assert_int_equal(test.mirror.counts.lost_not_running, 1);
	assert_int_equal(receive(1, got), 100);
	end();
}

static void two_mirrors_of_one_port(void **state)
{
	begin(0, RIG_FEATURES, MIRROR_TAKES_IN, 0);
	test.other.to = TO;
	test.other.truncate = 20;
	test.other.takes[0] = MIRROR_TAKES_IN;
	test.set = (struct mirror_set){{&test.mirror, &test.other}, 2};
	pass(100, -1);
	assert_int_equal(receive(TO, copy), 100);
	assert_int_equal(receive(TO, copy), 20);
	assert_int_equal(test.rig->counters[0].copies, 2);
	end();
}

/* A large frame is cut for a receiver that takes none, as for any, with a tag in front or two. */
static void large_frames_are_cut_for_the_destination(void **state)
{
	static const uint16_t vids[] = {10, 0};
	struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1000,
		.csum_start = 34,
		.csum_offset = 16};
	size_t n = 54 + 2500;

	for (unsigned vlan = 0; vlan < 2; vlan++) {
		begin(0, RIG_FEATURES | RIG_OFFLOADS, 0, MIRROR_TAKES_OUT);
		rig_set_features(test.rig, TO, RIG_FEATURES);
		rig_access(test.rig, 0, 10);
		rig_trunk(test.rig, 1, vids, 0, false);
		test.mirror.vlan = vlan ? 999 : 0;
		(void)rig_frame(bytes, 2, 1, -1, IP, n - 14);
		memset(bytes + 14, 0, 40);
		bytes[14] = 0x45;
		bytes[16] = (uint8_t)((n - 14) >> 8);
		bytes[17] = (uint8_t)(n - 14);
		bytes[23] = 6;
		bytes[46] = 0x50;
		rig_send_hdr(test.rig, 0, &hdr, bytes, n);
		assert_int_equal(rig_run(test.rig, 0), 1);
		assert_int_equal(receive(1, got), n + 4);
		for (unsigned i = 0; i < 3; i++) {
			size_t payload = i < 2 ? 1000 : 500, tags = vlan ? 8 : 4;

			assert_int_equal(receive(TO, copy), 54 + tags + payload);
			assert_memory_equal(copy + 54 + tags, bytes + 54 + (size_t)1000 * i,
				payload);
			assert_int_equal(copy[12 + tags - 4 + 3], 10); /* the inner, or only, tag */
		}
		assert_int_equal(receive(TO, copy), -EAGAIN);
		assert_int_equal(test.mirror.counts.lost, 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_the_frame_as_it_came),
		cmocka_unit_test(tags_are_those_of_the_wire),
		cmocka_unit_test(one_vlan_is_told_from_others),
		cmocka_unit_test(a_filter_picks_frames),
		cmocka_unit_test(no_more_than_asked_for_is_copied),
		cmocka_unit_test(copies_get_a_tag),
		cmocka_unit_test(a_slow_destination_loses_copies_only),
		cmocka_unit_test(two_mirrors_of_one_port),
		cmocka_unit_test(large_frames_are_cut_for_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
