/* What is captured is what is on a port's wire, and what is lost is counted. */
#include "capture/capture.h"

#include "offload.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* A rig whose ports are captured, and who reads. */
struct bed {
	struct rig *rig;
	void *state;
	struct capture *capture;
	struct capture_reader reader;
	struct stage stages[RIG_MAX_PORTS][2][2];
};

#define BOTH (CAPTURE_TAKES_IN | CAPTURE_TAKES_OUT)

static const struct capture_params everything = {.size = CAPTURE_RING_MIN, .snaplen = 262144};

static void publish(struct bed *bed)
{
	for (unsigned i = 0; i < bed->rig->n_ports; i++) {
		for (unsigned out = 0; out < 2; out++) {
			struct feature_part part;
			struct stage *stages = bed->stages[i][out];
			bool is_there = capture_feature.part(bed->state, (uint16_t)i, out, &part);

			stages[0] = is_there ? part.stage : (struct stage){NULL, NULL};
			*(out ? &bed->rig->ports[i].egress : &bed->rig->ports[i].ingress) =
				is_there ? stages : NULL;
		}
	}
	bed->rig->snapshot.drops = capture_watch(bed->state);
	capture_feature.published(bed->state);
}

static void read_from(struct bed *bed, struct capture *capture)
{
	struct capture_handle handle = capture_handle(capture);

	assert_int_equal(capture_reader_open(&bed->reader, handle.memory_fd, handle.size), 0);
}

static void begin(struct bed *bed, unsigned n_ports, const struct capture_params *params)
{
	struct err err = {0};

	*bed = (struct bed){.rig = rig_create(n_ports, 0, RIG_FEATURES | RIG_OFFLOADS),
		.state = capture_feature.create(NULL)};
	if (capture_start(bed->state, params, &bed->capture, &err) < 0)
		fail_msg("%s", err.msg);
	read_from(bed, bed->capture);
	assert_int_equal(capture_cover(bed->capture, 1, BOTH, "p1", "the first"), 0);
	publish(bed);
}

static void done(struct bed *bed)
{
	assert_true(rig_counts_add_up(bed->rig));
	capture_reader_close(&bed->reader);
	for (unsigned i = 0; i < bed->rig->n_ports; i++)
		bed->rig->ports[i].ingress = bed->rig->ports[i].egress = NULL;
	capture_feature.destroy(bed->state);
	rig_destroy(bed->rig);
}

/* The next record is a frame of these bytes, or of those that were kept of it. */
static void expect_frame_of(struct bed *bed, uint16_t point, uint8_t flags, const uint8_t *bytes,
	size_t len, size_t kept)
{
	struct capture_record record;
	const uint8_t *captured;

	assert_int_equal(capture_reader_next(&bed->reader, &record, &captured), 1);
	assert_int_equal(record.flags, flags);
	assert_int_equal(record.len, len);
	assert_int_equal(record.n_bytes, kept);
	assert_memory_equal(captured, bytes, kept);
	assert_int_equal(record.point, point);
	assert_true(record.tsc != 0);
}

static void expect_frame(struct bed *bed, uint8_t flags, const uint8_t *bytes, size_t len,
	size_t kept)
{
	expect_frame_of(bed, 0, flags, bytes, len, kept);
}

static void expect_no_frame(struct bed *bed)
{
	struct capture_record record;
	const uint8_t *captured;

	assert_int_equal(capture_reader_next(&bed->reader, &record, &captured), 0);
}

static void frames_are_captured_as_on_the_wire(void **state)
{
	static const uint16_t vids[] = {10, 0};
	struct bed bed;
	size_t len;
	int got_len;

	begin(&bed, 3, &everything);
	rig_access(bed.rig, 0, 10);
	rig_trunk(bed.rig, 1, vids, 0, false);
	/* From an access port without a tag; to the trunk with one. */
	len = rig_frame(sent, 0xff, 1, -1, 0x88b5, 300);
	rig_send(bed.rig, 0, sent, len);
	assert_int_equal(rig_run(bed.rig, 0), 1);
	got_len = rig_receive(bed.rig, 1, NULL, got, sizeof(got));
	assert_int_equal(got_len, len + 4);
	expect_frame(&bed, CAPTURE_OUT, got, len + 4, len + 4);
	/* And back, tag and all. */
	len = rig_frame(sent, 1, 2, 0xa00a, 0x88b5, 80);
	rig_send(bed.rig, 1, sent, len);
	assert_int_equal(rig_run(bed.rig, 1), 1);
	expect_frame(&bed, 0, sent, len, len);
	expect_no_frame(&bed);
	assert_int_equal(bed.reader.ring->points[0].received, 2);
	assert_string_equal(bed.reader.ring->points[0].name, "p1");
	assert_string_equal(bed.reader.ring->points[0].description, "the first");
	done(&bed);
}

static void one_direction_may_be_asked_for(void **state)
{
	struct bed bed;
	size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, 60);

	begin(&bed, 2, &everything);
	capture_uncover(bed.capture, 1);
	assert_int_equal(capture_cover(bed.capture, 1, CAPTURE_TAKES_OUT, "p1", ""), 0);
	publish(&bed);
	assert_null(bed.rig->ports[1].ingress);
	rig_link(bed.rig, 0, 1);
	rig_send(bed.rig, 1, sent, len);
	rig_run(bed.rig, 1);
	expect_no_frame(&bed);
	rig_send(bed.rig, 0, sent, len);
	rig_run(bed.rig, 0);
	expect_frame_of(&bed, 1, CAPTURE_OUT, sent, len, len);
	expect_no_frame(&bed);
	done(&bed);
}

static void a_frame_is_cut_where_one_asks_for_it(void **state)
{
	struct capture_params params = everything;
	size_t len;

	for (uint32_t snaplen = 1; snaplen < 400; snaplen += 57) {
		struct bed bed;

		params.snaplen = snaplen;
		begin(&bed, 2, &params);
		rig_link(bed.rig, 0, 1);
		for (size_t payload = 1; payload < 500; payload += 83) {
			len = rig_frame(sent, 2, 1, -1, 0x88b5, payload);
			rig_send(bed.rig, 1, sent, len);
			rig_run(bed.rig, 1);
			expect_frame(&bed, 0, sent, len, len < snaplen ? len : snaplen);
			capture_reader_done(&bed.reader);
			assert_true(rig_receive(bed.rig, 0, NULL, got, sizeof(got)) > 0);
		}
		done(&bed);
	}
}

/* An UDP datagram whose checksum is left to others: the sum of its pseudo header is there. */
static size_t make_datagram(struct virtio_net_hdr_v1 *hdr, int tci, uint16_t payload)
{
	size_t len = rig_frame(sent, 2, 1, tci, 0x0800, 28u + payload), l3 = tci < 0 ? 14 : 18;
	uint8_t *ip = sent + l3, *udp = ip + 20;
	uint32_t sum = 17u + 8u + payload;

	memset(ip, 0, 28);
	ip[0] = 0x45;
	ip[2] = (uint8_t)((28 + payload) >> 8);
	ip[3] = (uint8_t)(28 + payload);
	ip[9] = 17;
	ip[12] = ip[16] = 10;
	ip[15] = 1;
	ip[19] = 2;
	for (unsigned i = 12; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	udp[4] = (uint8_t)((8 + payload) >> 8);
	udp[5] = (uint8_t)(8 + payload);
	udp[6] = (uint8_t)(sum >> 8);
	udp[7] = (uint8_t)sum;
	*hdr = (struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = (uint16_t)(l3 + 20),
		.csum_offset = 6};
	return len;
}

static void checksums_are_finished_in_the_copy_alone(void **state)
{
	for (unsigned round = 0; round < 8; round++) {
		struct capture_params params = everything;
		uint8_t finished[FE_FRAME_MAX];
		struct virtio_net_hdr_v1 hdr, got_hdr;
		struct bed bed;
		size_t len = make_datagram(&hdr, round & 1 ? 0x0014 : -1, round & 2 ? 900 : 21);

		params.is_raw = round & 4;
		memcpy(finished, sent, len);
		if (!params.is_raw)
			offload_checksum(finished, (uint32_t)len, &hdr);
		begin(&bed, 2, &params);
		rig_send_hdr(bed.rig, 1, &hdr, sent, len);
		assert_int_equal(rig_run(bed.rig, 1), 1);
		expect_frame(&bed, 0, finished, len, len);
		assert_int_equal(rig_receive(bed.rig, 0, &got_hdr, got, sizeof(got)), len);
		assert_memory_equal(got, sent, len);
		assert_int_equal(got_hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		/* And on the way out, where a tag may have been taken off and is put back. */
		sent[5] = 1;
		sent[11] = 2;
		memcpy(finished, sent, 12);
		rig_send_hdr(bed.rig, 0, &hdr, sent, len);
		assert_int_equal(rig_run(bed.rig, 0), 1);
		expect_frame(&bed, CAPTURE_OUT, finished, len, len);
		done(&bed);
	}
}

static void a_filter_sees_the_frame_of_the_wire(void **state)
{
	struct capture_params params = everything;
	static const uint16_t vids[] = {10, 0};
	struct bed bed;
	size_t len;

	/* ether[12:2] = 0x8100 and ether[300] = 7 */
	params.filter = "002800000000000c"
			"0015000300008100"
			"003000000000012c"
			"0015000100000007"
			"000600000000ffff"
			"0006000000000000";
	begin(&bed, 2, &params);
	rig_access(bed.rig, 0, 10);
	rig_trunk(bed.rig, 1, vids, 0, false);
	len = rig_frame(sent, 0xff, 1, -1, 0x88b5, 600);
	sent[300] = 1;
	sent[296] = 7;
	rig_send(bed.rig, 0, sent, len);
	sent[296] = 8;
	rig_send(bed.rig, 0, sent, len);
	assert_int_equal(rig_run(bed.rig, 0), 2);
	assert_int_equal(rig_receive(bed.rig, 1, NULL, got, sizeof(got)), len + 4);
	expect_frame(&bed, CAPTURE_OUT, got, len + 4, len + 4);
	expect_no_frame(&bed);
	assert_int_equal(bed.reader.ring->points[0].received, 1);
	done(&bed);
}

/* Send until the ring has been full; returns how many frames that took. */
static unsigned overflow(struct bed *bed, size_t len)
{
	unsigned n = 0;

	while (!bed->reader.ring->points[0].lost) {
		rig_send(bed->rig, 1, sent, len);
		assert_int_equal(rig_run(bed->rig, 1), 1);
		assert_int_equal(rig_receive(bed->rig, 0, NULL, got, sizeof(got)), len);
		n++;
	}
	return n;
}

static void a_reader_that_does_not_read_loses_frames_and_no_other_does(void **state)
{
	struct bed bed;
	size_t len = rig_frame(sent, 1, 2, -1, 0x88b5, 1000);
	unsigned n;

	begin(&bed, 2, &everything);
	n = overflow(&bed, len);
	assert_int_equal(bed.reader.ring->points[0].received, n);
	assert_int_equal(bed.reader.ring->points[0].lost, 1);
	for (unsigned i = 0; i + 1 < n; i++)
		expect_frame(&bed, 0, sent, len, len);
	expect_no_frame(&bed);
	/* Then it goes on, round and round. */
	capture_reader_done(&bed.reader);
	for (unsigned i = 0; i < 3 * n; i++) {
		len = rig_frame(sent, 1, 2, -1, 0x88b5, 46 + i * 7 % 1200);
		rig_send(bed.rig, 1, sent, len);
		assert_int_equal(rig_run(bed.rig, 1), 1);
		(void)rig_receive(bed.rig, 0, NULL, got, sizeof(got));
		expect_frame(&bed, 0, sent, len, len);
		capture_reader_done(&bed.reader);
	}
	assert_int_equal(bed.reader.ring->points[0].lost, 1);
	done(&bed);
}

/* Whatever a reader writes, a worker writes inside the ring and loses frames at worst. */
static void a_reader_that_lies_gets_nothing_of_it(void **state)
{
	struct bed bed;
	uint32_t seed = 7;

	begin(&bed, 2, &everything);
	for (unsigned i = 0; i < 4000; i++) {
		size_t len = rig_frame(sent, 1, 2, -1, 0x88b5, 46 + seed % 1400);
		struct capture_ring *ring = bed.reader.ring;
		uint64_t *words = (uint64_t *)bed.reader.ring;

		seed = seed * 1664525 + 1013904223;
		switch (seed >> 24 & 7) {
		case 0:
			ring->head = seed;
			break;
		case 1:
			ring->head = ring->published + (seed & 0xffff);
			break;
		case 2:
			ring->head = ring->published - (seed & 0xfffff);
			break;
		case 3:
			words[seed % (CAPTURE_RING_HEADER_SIZE / 8)] = ~(uint64_t)seed;
			break;
		case 4:
			words[(CAPTURE_RING_HEADER_SIZE + seed % CAPTURE_RING_MIN) / 8] = seed;
			break;
		default:
			ring->head = ring->published;
			ring->n_sleeps++;
			break;
		}
		rig_send(bed.rig, 1, sent, len);
		assert_int_equal(rig_run(bed.rig, 1), 1);
		assert_int_equal(rig_receive(bed.rig, 0, NULL, got, sizeof(got)), len);
		assert_memory_equal(got, sent, len);
	}
	done(&bed);
}

static void the_memory_cannot_be_made_smaller(void **state)
{
	struct bed bed;
	int fd;

	begin(&bed, 2, &everything);
	fd = capture_handle(bed.capture).memory_fd;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 30), -1);
	done(&bed);
}

/* Whoever sleeps is woken up once, by the next frame that is for it. */
static void a_sleeping_reader_is_woken_up_once(void **state)
{
	struct capture_params params = everything;
	struct bed bed;
	uint64_t n;
	int fd;

	params.filter = "002800000000000c"
			"00150001000088b5"
			"000600000000ffff"
			"0006000000000000";
	begin(&bed, 2, &params);
	fd = capture_handle(bed.capture).event_fd;
	assert_true(capture_reader_sleep(&bed.reader));
	rig_send(bed.rig, 1, sent, rig_frame(sent, 1, 2, -1, 0x88b6, 60));
	rig_run(bed.rig, 1);
	assert_int_equal(read(fd, &n, sizeof(n)), -1);
	for (unsigned i = 0; i < 3; i++) {
		rig_send(bed.rig, 1, sent, rig_frame(sent, 1, 2, -1, 0x88b5, 60));
		rig_run(bed.rig, 1);
	}
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1);
	assert_false(capture_reader_sleep(&bed.reader));
	done(&bed);
}

static void captures_at_one_port_do_not_disturb_each_other(void **state)
{
	struct capture_params params = everything;
	struct capture *more[CAPTURE_MAX], *one_too_many;
	struct capture_reader first;
	struct err err = {0};
	struct bed bed;
	size_t len = rig_frame(sent, 1, 2, -1, 0x88b5, 60);

	begin(&bed, 2, &everything);
	first = bed.reader;
	for (unsigned i = 1; i < CAPTURE_MAX; i++) {
		assert_int_equal(capture_start(bed.state, &params, &more[i], &err), 0);
		assert_int_equal(capture_cover(more[i], 1, CAPTURE_TAKES_IN, "p1", ""), 0);
	}
	assert_int_equal(capture_start(bed.state, &params, &one_too_many, &err), -ENOSPC);
	publish(&bed);
	rig_send(bed.rig, 1, sent, len);
	rig_run(bed.rig, 1);
	expect_frame(&bed, 0, sent, len, len);
	read_from(&bed, more[5]);
	expect_frame(&bed, 0, sent, len, len);
	/* One ends; what the others have goes on. */
	capture_stop(bed.state, bed.capture);
	publish(&bed);
	rig_send(bed.rig, 1, sent, len);
	rig_run(bed.rig, 1);
	expect_frame(&bed, 0, sent, len, len);
	assert_int_equal(first.ring->points[0].received, 1);
	for (unsigned i = 1; i < CAPTURE_MAX; i++)
		capture_stop(bed.state, more[i]);
	publish(&bed);
	assert_null(bed.rig->ports[1].ingress);
	capture_reader_close(&first);
	done(&bed);
}

/* Another port gets the id of one that is gone: it is another point. */
static void ports_come_and_go(void **state)
{
	struct bed bed;
	size_t len = rig_frame(sent, 1, 2, -1, 0x88b5, 60);
	struct capture_record record;
	const uint8_t *bytes;

	begin(&bed, 2, &everything);
	assert_string_equal(capture_covers(bed.capture, 1), "p1");
	capture_uncover(bed.capture, 1);
	assert_null(capture_covers(bed.capture, 1));
	publish(&bed);
	assert_null(bed.rig->ports[1].ingress);
	assert_int_equal(capture_cover(bed.capture, 1, BOTH, "p2", ""), 0);
	publish(&bed);
	rig_send(bed.rig, 1, sent, len);
	rig_run(bed.rig, 1);
	assert_int_equal(capture_reader_next(&bed.reader, &record, &bytes), 1);
	assert_int_equal(record.point, 1);
	assert_int_equal(capture_reader_n_points(&bed.reader), 2);
	assert_string_equal(bed.reader.ring->points[1].name, "p2");
	for (unsigned i = 2; i < CAPTURE_MAX_POINTS; i++) {
		capture_uncover(bed.capture, 1);
		assert_int_equal(capture_cover(bed.capture, 1, BOTH, "p3", ""), 0);
	}
	capture_uncover(bed.capture, 1);
	assert_int_equal(capture_cover(bed.capture, 1, BOTH, "p4", ""), -ENOSPC);
	publish(&bed);
	done(&bed);
}

/* Wherever it is dropped: by a rule, by a port that is down, for want of a buffer. */
static void dropped_frames_are_captured_with_their_reason(void **state)
{
	struct capture_params params = everything;
	struct capture_record record;
	const uint8_t *bytes;
	struct bed bed;
	size_t len;
	unsigned n = 0;

	params.takes_drops = true;
	begin(&bed, 2, &params);
	assert_null(bed.rig->ports[1].ingress);
	rig_access(bed.rig, 0, 10);
	rig_access(bed.rig, 1, 10);
	/* In: tagged, to an access port, between two that pass. */
	for (unsigned i = 0; i < 3; i++) {
		len = rig_frame(sent, 0xff, 2, i == 1 ? 0x000a : -1, 0x88b5, 300);
		rig_send(bed.rig, 1, sent, len);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_run(bed.rig, 1), 1);
	assert_int_equal(capture_reader_next(&bed.reader, &record, &bytes), 1);
	assert_int_equal(record.flags, CAPTURE_DROPPED);
	assert_int_equal(record.reason, DROP_RX_TAGGED);
	(void)rig_frame(sent, 0xff, 2, 0x000a, 0x88b5, 300);
	assert_int_equal(record.n_bytes, 318);
	assert_memory_equal(bytes, sent, 318);
	expect_no_frame(&bed);
	/* Out: the receiver reads nothing. */
	while (!rig_drops(bed.rig, 1, DROP_TX_RING_FULL)) {
		rig_send(bed.rig, 0, sent, rig_frame(sent, 0xff, 1, -1, 0x88b5, 60));
		n += rig_run(bed.rig, 0);
	}
	assert_true(n > 1);
	assert_int_equal(capture_reader_next(&bed.reader, &record, &bytes), 1);
	assert_int_equal(record.flags, CAPTURE_DROPPED | CAPTURE_OUT);
	assert_int_equal(record.reason, DROP_TX_RING_FULL);
	assert_memory_equal(bytes, sent, 74);
	assert_string_equal(bed.reader.ring->reasons[record.reason], "ring-full");
	expect_no_frame(&bed);
	bed.rig->snapshot.drops = NULL;
	done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_captured_as_on_the_wire),
		cmocka_unit_test(one_direction_may_be_asked_for),
		cmocka_unit_test(a_frame_is_cut_where_one_asks_for_it),
		cmocka_unit_test(checksums_are_finished_in_the_copy_alone),
		cmocka_unit_test(a_filter_sees_the_frame_of_the_wire),
		cmocka_unit_test(a_reader_that_does_not_read_loses_frames_and_no_other_does),
		cmocka_unit_test(a_reader_that_lies_gets_nothing_of_it),
		cmocka_unit_test(the_memory_cannot_be_made_smaller),
		cmocka_unit_test(a_sleeping_reader_is_woken_up_once),
		cmocka_unit_test(captures_at_one_port_do_not_disturb_each_other),
		cmocka_unit_test(ports_come_and_go),
		cmocka_unit_test(dropped_frames_are_captured_with_their_reason),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
