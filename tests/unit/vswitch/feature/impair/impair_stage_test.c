/* What the model decides is done to frames, and every frame is accounted for. */
#include "impair/impair_stage.h"

#include "hold_setup.h"
#include "impair/settings.h"
#include "rig.h"
#include "worker_pool.h"

#include <errno.h>
#include <rte_cycles.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* Ticks of the clock that settings are compiled for. */
#define HZ       UINT64_C(1000000000)
#define NEVER_NS IMPAIR_MAX_DELAY_NS
#define ALL_PPB  1000000000u
#define HALF_PPB 500000000u
/* The most frames that wait in a ring of the rig. */
#define ROUND 32

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* One direction of a port with an impairment. */
struct way {
	struct impair_stage impair;
	struct impair_line line;
	struct stage stages[2];
	struct dp_rx rx;
};

static void way_set(struct way *way, const struct impair_settings *settings)
{
	struct err err = {0};

	if (impair_compile(settings, HZ, &way->impair.conf, &err))
		fail_msg("%s", err.msg);
}

static void way_begin(struct way *way, struct rig *rig, unsigned port, bool is_egress,
	const struct impair_settings *settings)
{
	*way = (struct way){0};
	way_set(way, settings);
	way->impair.line = &way->line;
	way->impair.seed = 5;
	way->impair.n_seeds = 1;
	assert_int_equal(hold_create(HOLD_MIN_SIZE, &way->impair.hold), 0);
	way->stages[0] = (struct stage){impair_stage_run, &way->impair};
	way->rx = (struct dp_rx){.queue = &way->impair.hold->out,
		.resume = &way->stages[1],
		.port_id = (uint16_t)port,
		.is_egress = is_egress};
	if (is_egress)
		rig->ports[port].egress = way->stages;
	else
		rig->ports[port].ingress = way->stages;
}

static unsigned run_hold(struct rig *rig, const struct dp_rx *rx)
{
	unsigned n = fwd_burst(rig->fwd, &rig->snapshot, rx);

	fwd_flush(rig->fwd, &rig->snapshot);
	return n;
}

static struct held *record_at(struct hold *hold, uint64_t at)
{
	return (struct held *)(hold->bytes + (at & (hold->size - 1)));
}

/* Nobody can wait that long: as if the time had come. */
static void let_time_pass(struct hold *hold)
{
	for (uint64_t at = hold->next; at != hold->tail; at += record_at(hold, at)->size)
		record_at(hold, at)->due_tsc = 0;
}

static void release_all(struct rig *rig, struct way *way)
{
	let_time_pass(way->impair.hold);
	while (run_hold(rig, &way->rx))
		;
}

static void done(struct rig *rig, struct way *way)
{
	assert_true(rig_counts_add_up(rig));
	assert_int_equal(hold_n_frames(way->impair.hold), 0);
	hold_destroy(way->impair.hold);
	rig_destroy(rig);
}

/* Two ports, joined, of which the second gets impaired frames. */
static struct rig *link_begin(struct way *way, const struct impair_settings *settings)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES | RIG_OFFLOADS);

	rig_link(rig, 0, 1);
	way_begin(way, rig, 1, true, settings);
	return rig;
}

static size_t make_frame(unsigned number, size_t payload)
{
	size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, payload);

	for (size_t i = 14; i < len; i++)
		sent[i] = (uint8_t)(number * 31 + i * 7);
	return len;
}

static void send_frames(struct rig *rig, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rig_send(rig, 0, sent, make_frame(first + i, 60));
	assert_int_equal(rig_run(rig, 0), n);
}

static void expect_frame(struct rig *rig, unsigned port, unsigned number)
{
	size_t len = make_frame(number, 60);

	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), len);
	assert_memory_equal(got, sent, len);
}

static void expect_nothing(struct rig *rig, unsigned port)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

static void what_nothing_delays_goes_on_at_once(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.loss = {1, 0}});

	send_frames(rig, 0, 20);
	for (unsigned i = 0; i < 20; i++)
		expect_frame(rig, 1, i);
	assert_int_equal(rig->counters[1].held, 0);
	done(rig, &way);
}

static void a_delay_holds_frames_and_keeps_their_order(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.delay_ns = NEVER_NS});
	uint64_t before = rte_rdtsc() + NEVER_NS, last = 0;

	for (unsigned round = 0; round < 3; round++)
		send_frames(rig, round * ROUND, ROUND);
	assert_int_equal(run_hold(rig, &way.rx), 0);
	expect_nothing(rig, 1);
	for (uint64_t at = 0; at != way.impair.hold->tail;
		at += record_at(way.impair.hold, at)->size) {
		uint64_t due_tsc = record_at(way.impair.hold, at)->due_tsc;

		assert_true(due_tsc >= before && due_tsc >= last);
		last = due_tsc;
	}
	assert_true(last <= rte_rdtsc() + NEVER_NS);
	/* With no more delay they go first. */
	way_set(&way, &(struct impair_settings){.loss = {1, 0}});
	send_frames(rig, 3 * ROUND, ROUND);
	expect_nothing(rig, 1);
	release_all(rig, &way);
	for (unsigned i = 0; i < 4 * ROUND; i++)
		expect_frame(rig, 1, i);
	assert_int_equal(rig->counters[1].held, 4 * ROUND);
	assert_int_equal(rig->counters[1].released, 4 * ROUND);
	/* The line is free when the last would have left, and then all is as before. */
	way.line.state.due_tsc = 0;
	send_frames(rig, 0, 1);
	expect_frame(rig, 1, 0);
	done(rig, &way);
}

static void lost_frames_count_where_they_were_lost(void **state)
{
	const struct impair_settings all = {.loss = {ALL_PPB, 0}}, half = {.loss = {HALF_PPB, 0}};
	struct way way;
	struct rig *rig = link_begin(&way, &all);
	unsigned n = 0;

	send_frames(rig, 0, 10);
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_IMPAIR_LOSS), 10);
	way_set(&way, &half);
	for (unsigned i = 0; i < 400; i += 20) {
		send_frames(rig, i, 20);
		while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
			n++;
	}
	assert_int_equal(rig_drops(rig, 1, DROP_TX_IMPAIR_LOSS), 410 - n);
	assert_in_range(n, 120, 280); /* seven deviations on either side */
	done(rig, &way);

	rig = rig_create(2, 0, RIG_FEATURES);
	rig_link(rig, 0, 1);
	way_begin(&way, rig, 0, false, &all);
	send_frames(rig, 0, 10);
	expect_nothing(rig, 1);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_IMPAIR_LOSS), 10);
	done(rig, &way);
}

static void both_of_a_duplicated_frame_arrive(void **state)
{
	static const struct impair_settings settings[] = {
		{.duplicate = {ALL_PPB, 0}},
		{.duplicate = {ALL_PPB, 0}, .delay_ns = NEVER_NS},
		{.duplicate = {ALL_PPB, 0}, .rate_bps = 1000},
	};

	for (unsigned s = 0; s < 3; s++) {
		struct way way;
		struct rig *rig = link_begin(&way, &settings[s]);
		unsigned n_of[10] = {0};

		send_frames(rig, 0, 10);
		release_all(rig, &way);
		for (unsigned i = 0; i < 20; i++) {
			unsigned number = 0;

			assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 74);
			while (number < 10 && (make_frame(number, 60), memcmp(got, sent, 74) != 0))
				number++;
			assert_true(number < 10);
			n_of[number]++;
		}
		expect_nothing(rig, 1);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(n_of[i], 2);
		assert_int_equal(rig->counters[1].copies, 10);
		assert_int_equal(rig->counters[1].tx_frames, 20);
		done(rig, &way);
	}
}

/* ---- Corruption ---- */

static unsigned n_bits_that_differ(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return n;
}

static void one_bit_of_a_corrupted_frame_is_flipped(void **state)
{
	static const size_t payloads[] = {1, 46, 60, 74, 113, 114, 115, 200, 1486};
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.corrupt = {ALL_PPB, 0}});
	bool has_first = false, has_rest = false;

	for (unsigned i = 0; i < 300; i++) {
		size_t len = make_frame(i, payloads[i % 9]);

		rig_send(rig, 0, sent, len);
		assert_int_equal(rig_run(rig, 0), 1);
		expect_nothing(rig, 1);
		release_all(rig, &way);
		assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), len);
		assert_int_equal(n_bits_that_differ(sent, got, len), 1);
		has_first |= n_bits_that_differ(sent, got, 12) == 1;
		has_rest |= n_bits_that_differ(sent + 12, got + 12, len - 12) == 1;
	}
	assert_true(has_first && has_rest);
	done(rig, &way);
}

static uint16_t ones_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A frame whose checksum its sender left to do: the bit is flipped afterwards, so that it is wrong.
 * rest_off is 16 where a tag was taken off, and the copy has that in it. */
static void a_checksum_is_finished_before_a_bit_is_flipped(void **state)
{
	for (unsigned tagged = 0; tagged < 2; tagged++) {
		struct rig *rig = rig_create(2, 0, RIG_FEATURES | RIG_OFFLOADS);
		uint32_t tag = tagged ? 4 : 0;
		const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = (uint16_t)(34 + tag),
			.csum_offset = 6};
		static const uint16_t vids[] = {10, 0};
		struct way way;

		if (tagged) {
			rig_trunk(rig, 0, vids, 0, false);
			rig_access(rig, 1, 10);
		}
		way_begin(&way, rig, 1, true, &(struct impair_settings){.corrupt = {ALL_PPB, 0}});
		for (unsigned i = 0; i < 200; i++) {
			size_t len = rig_frame(sent, 2, 1, tagged ? 10 : -1, 0x0800, 100 + i);
			struct virtio_net_hdr_v1 seen;
			unsigned n_flipped;

			/* Nothing of UDP's pseudo header is there: any will do. */
			sent[34 + tag + 6] = sent[34 + tag + 7] = 0;
			rig_send_hdr(rig, 0, &hdr, sent, len);
			assert_int_equal(rig_run(rig, 0), 1);
			release_all(rig, &way);
			assert_int_equal(rig_receive(rig, 1, &seen, got, sizeof(got)), len - tag);
			assert_int_equal(seen.flags, 0);
			/* Sent without tag, and with its checksum, this is what was to come. */
			memmove(sent + 12, sent + 12 + tag, len - 12 - tag);
			len -= tag;
			uint16_t csum = (uint16_t)~ones_sum(sent + 34, len - 34);
			sent[40] = (uint8_t)(csum >> 8);
			sent[41] = (uint8_t)csum;
			n_flipped = n_bits_that_differ(sent, got, len);
			assert_int_equal(n_flipped, 1);
		}
		done(rig, &way);
	}
}

static void a_large_frame_is_lost_instead_of_corrupted(void **state)
{
	const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1460,
		.csum_start = 34,
		.csum_offset = 16};
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.corrupt = {ALL_PPB, 0}});
	size_t len = make_frame(1, 30000);

	memcpy(sent + 12, "\x08\x00\x45", 3);
	sent[23] = 6;
	sent[46] = 0x50;
	rig_send_hdr(rig, 0, &hdr, sent, len);
	assert_int_equal(rig_run(rig, 0), 1);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_IMPAIR_LOSS), 1);
	expect_nothing(rig, 1);
	done(rig, &way);
}

/* Others get the frame as it was sent. */
static void other_receivers_of_a_flood_get_it_untouched(void **state)
{
	static const struct impair_settings settings[] = {
		{.corrupt = {ALL_PPB, 0}},
		{.loss = {ALL_PPB, 0}},
		{.duplicate = {ALL_PPB, 0}, .delay_ns = NEVER_NS},
	};

	for (unsigned s = 0; s < 3; s++) {
		struct rig *rig = rig_create(3, 0, RIG_FEATURES);
		struct way way;

		way_begin(&way, rig, 1, true, &settings[s]);
		send_frames(rig, 0, 20);
		for (unsigned i = 0; i < 20; i++)
			expect_frame(rig, 2, i);
		expect_nothing(rig, 1);
		assert_int_equal(rig->counters[2].held, 0);
		release_all(rig, &way);
		done(rig, &way);
	}
}

/* ---- Order ---- */

static void a_reordered_frame_overtakes(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way,
		&(struct impair_settings){.delay_ns = NEVER_NS, .reorder = {ALL_PPB, 0}, .gap = 5});

	send_frames(rig, 0, 20);
	/* One after four that are delayed. */
	for (unsigned i = 4; i < 20; i += 5)
		expect_frame(rig, 1, i);
	expect_nothing(rig, 1);
	release_all(rig, &way);
	for (unsigned i = 0; i < 20; i++)
		if (i % 5 != 4)
			expect_frame(rig, 1, i);
	done(rig, &way);
}

/* It goes to others as it is, so a bit can be flipped in a copy only, which waits. */
static void a_reordered_frame_is_corrupted_nevertheless(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way,
		&(struct impair_settings){
			.delay_ns = NEVER_NS, .reorder = {ALL_PPB, 0}, .corrupt = {ALL_PPB, 0}});

	send_frames(rig, 0, 1);
	expect_nothing(rig, 1);
	release_all(rig, &way);
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), 74);
	make_frame(0, 60);
	assert_int_equal(n_bits_that_differ(sent, got, 74), 1);
	done(rig, &way);
}

/* Frames of a hold that runs empty go first, whatever moment the others are due at. */
static void a_larger_hold_comes_after_the_former(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.delay_ns = NEVER_NS});
	const struct dp_rx former_rx = way.rx;
	struct hold *former = way.impair.hold;

	/* More than one burst. */
	for (unsigned i = 0; i < 3; i++)
		send_frames(rig, i * ROUND, ROUND);
	assert_int_equal(hold_create(2 * HOLD_MIN_SIZE, &way.impair.hold), 0);
	atomic_store(&way.impair.hold->before, former);
	way.rx.queue = &way.impair.hold->out;
	way_set(&way, &(struct impair_settings){.loss = {1, 0}});
	let_time_pass(former);
	way.line.state.due_tsc = 0;
	send_frames(rig, 3 * ROUND, ROUND);
	expect_nothing(rig, 1);
	assert_int_equal(run_hold(rig, &way.rx), 0);
	assert_int_equal(run_hold(rig, &former_rx), FRAME_BURST);
	assert_int_equal(run_hold(rig, &way.rx), 0);
	assert_int_equal(run_hold(rig, &former_rx), 3 * ROUND - FRAME_BURST);
	assert_int_equal(run_hold(rig, &way.rx), ROUND);
	for (unsigned i = 0; i < 4 * ROUND; i++)
		expect_frame(rig, 1, i);
	send_frames(rig, 0, 1);
	expect_frame(rig, 1, 0);
	hold_destroy(former);
	atomic_store(&way.impair.hold->before, NULL);
	done(rig, &way);
}

static uint64_t losses_of(struct rig *rig, unsigned n)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t before = rig_drops(rig, 1, DROP_TX_IMPAIR_LOSS);

		send_frames(rig, i, 1);
		lost |= (rig_drops(rig, 1, DROP_TX_IMPAIR_LOSS) - before) << i;
		(void)rig_receive(rig, 1, NULL, got, sizeof(got));
	}
	return lost;
}

/* The same seed has the same fates, and what is held is not overtaken. */
static void a_line_is_seeded_under_traffic(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way, &(struct impair_settings){.loss = {HALF_PPB, 0}});
	uint64_t first = losses_of(rig, 40), due_tsc;

	assert_true(losses_of(rig, 40) != first);
	way.impair.n_seeds++;
	assert_true(losses_of(rig, 40) == first);
	/* A worker with a snapshot of before brings no older seed back. */
	way.impair.n_seeds--;
	assert_true(losses_of(rig, 40) != first);
	way_set(&way, &(struct impair_settings){.delay_ns = NEVER_NS});
	send_frames(rig, 0, 2);
	due_tsc = way.line.state.due_tsc;
	assert_true(due_tsc > NEVER_NS);
	way_set(&way, &(struct impair_settings){.rate_bps = 1000});
	way.impair.n_seeds += 2;
	send_frames(rig, 2, 1);
	assert_true(way.line.state.due_tsc > due_tsc);
	release_all(rig, &way);
	for (unsigned i = 0; i < 3; i++)
		expect_frame(rig, 1, i);
	done(rig, &way);
}

/* ---- Limits ---- */

static void what_exceeds_a_limit_is_dropped(void **state)
{
	struct way way;
	struct rig *rig = link_begin(&way,
		&(struct impair_settings){.delay_ns = NEVER_NS, .duplicate = {ALL_PPB, 0}});
	unsigned n = 0;

	/* Seven frames and their copies: the copy of the third finds no room any more. */
	way.impair.hold->max_frames = 5;
	send_frames(rig, 0, 7);
	assert_int_equal(hold_n_frames(way.impair.hold), 5);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_HOLD_FULL), 9);
	assert_true(rig_counts_add_up(rig));
	release_all(rig, &way);
	while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
		n++;
	assert_int_equal(n, 5);
	/* By memory. */
	way.impair.hold->max_frames = UINT64_MAX;
	for (unsigned i = 0; i < 200; i++) {
		rig_send(rig, 0, sent, make_frame(i, 1400));
		rig_run(rig, 0);
	}
	n = (unsigned)hold_n_frames(way.impair.hold);
	assert_in_range(n, HOLD_MIN_SIZE / 1536 - 1, HOLD_MIN_SIZE / 1472);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_HOLD_FULL), 9 + 400 - n);
	let_time_pass(way.impair.hold);
	while (run_hold(rig, &way.rx))
		while (rig_receive(rig, 1, NULL, got, sizeof(got)) > 0)
			n--;
	assert_int_equal(n, 0);
	done(rig, &way);
}

static void frames_that_are_dropped_at_ingress_count_there(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct way way;

	rig_link(rig, 0, 1);
	way_begin(&way, rig, 0, false, &(struct impair_settings){.delay_ns = NEVER_NS});
	way.impair.hold->max_frames = 3;
	send_frames(rig, 0, 5);
	assert_int_equal(rig_drops(rig, 0, DROP_RX_HOLD_FULL), 2);
	release_all(rig, &way);
	for (unsigned i = 0; i < 3; i++)
		expect_frame(rig, 1, i);
	done(rig, &way);
}

/* One after the other, each as long as its bytes take on the line, a tag's included. */
static void a_rate_spaces_frames(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	static const uint16_t vids[] = {10, 0};
	uint64_t last = 0, at = 0;
	struct way way;

	rig_access(rig, 0, 10);
	rig_trunk(rig, 1, vids, 0, false);
	way_begin(&way, rig, 1, true, &(struct impair_settings){.rate_bps = 8000000});
	/* A line that was idle, and busy until the last frame is behind it. */
	for (unsigned i = 0; i < ROUND; i++)
		rig_send(rig, 0, sent, make_frame(i, 100 + 10 * i));
	assert_int_equal(rig_run(rig, 0), ROUND);
	for (unsigned i = 0; i < ROUND; i++) {
		const struct held *held = record_at(way.impair.hold, at);

		assert_int_equal(held->len, 114 + 10 * i);
		/* At 8 Mbit/s of this clock a byte takes 1000 ticks. */
		if (i)
			assert_int_equal(held->due_tsc - last, (held->len + 4) * 1000);
		last = held->due_tsc;
		at += held->size;
	}
	release_all(rig, &way);
	done(rig, &way);
}

/* ---- Several workers ---- */

#define N_SENT 3000 /* by each of two ports */

/* Over all workers and the ports 0 to 2. */
static struct dp_counters sum_of(const struct worker_pool *pool, uint64_t *ret_in,
	uint64_t *ret_out)
{
	struct dp_counters last = {0};

	*ret_in = *ret_out = 0;
	for (uint16_t i = 0; i < 3; i++) {
		worker_counters(pool, i, &last);
		*ret_in += last.rx_frames + last.copies + last.released;
		*ret_out += last.tx_frames + last.held;
		for (unsigned r = 0; r < DROP_N_REASONS; r++)
			*ret_out += last.drops[r];
	}
	return last;
}

/* Two workers send to one impaired port, and one of them has its hold. */
static void two_workers_share_a_line(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	const struct worker_config config = {.n_workers = 2, .control_fd = control_wakeup};
	static const struct virtio_net_hdr_v1 none;
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	unsigned n_sent[2] = {0}, n_got = 0;
	struct dp_counters port = {0};
	struct worker_pool *pool;
	uint64_t in = 0, out = 1;
	struct way way;

	assert_int_equal(worker_pool_create(&config, &pool), 0);
	rig_link(rig, 0, 2);
	rig_link(rig, 1, 2);
	way_begin(&way, rig, 2, true,
		&(struct impair_settings){.delay_ns = 20000,
			.jitter_ns = 5000,
			.loss = {HALF_PPB / 50, 0},
			.duplicate = {HALF_PPB / 10, 0},
			.corrupt = {HALF_PPB / 100, 0},
			.reorder = {HALF_PPB / 5, 0},
			.rate_bps = UINT64_C(10000000000)});
	rig->snapshot.n_workers = 2;
	rig->rx[2] = way.rx;
	rig->snapshot.workers[0].n_rx = 1;
	rig->snapshot.workers[1].rx = &rig->rx[1];
	rig->snapshot.workers[1].n_rx = 2;
	assert_null(worker_publish(pool, &rig->snapshot));
	for (unsigned tries = 0; n_sent[0] + n_sent[1] < 2 * N_SENT || in != out || in < 2 * N_SENT;
		tries++) {
		for (unsigned i = 0; i < 2; i++) {
			size_t len = rig_frame(sent, 2, (uint8_t)i, -1, 0x88b5, 60);

			for (unsigned k = 0; k < 8 && n_sent[i] < N_SENT &&
					     !fe_ring_send(&rig->port[i].send, &none, sent, len);
				k++)
				n_sent[i]++;
			(void)fe_ring_kick(&rig->port[i].send);
		}
		while (rig_receive(rig, 2, NULL, got, sizeof(got)) > 0)
			n_got++;
		if (n_sent[0] + n_sent[1] == 2 * N_SENT)
			usleep(1000);
		if (tries > 600000)
			fail_msg("%u of %u frames sent, %llu in, %llu out", n_sent[0] + n_sent[1],
				2 * N_SENT, (unsigned long long)in, (unsigned long long)out);
		port = sum_of(pool, &in, &out);
		if (hold_n_frames(way.impair.hold))
			in = 0;
	}
	while (rig_receive(rig, 2, NULL, got, sizeof(got)) > 0)
		n_got++;
	assert_ptr_equal(worker_publish(pool, NULL), &rig->snapshot);
	assert_int_equal(n_got, port.tx_frames);
	assert_int_equal(port.held, port.released);
	assert_true(port.held > N_SENT && port.copies > 0);
	assert_true(port.drops[DROP_TX_IMPAIR_LOSS] > 0);
	worker_pool_destroy(pool);
	hold_destroy(way.impair.hold);
	rig_destroy(rig);
	close(control_wakeup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nothing_delays_goes_on_at_once),
		cmocka_unit_test(a_delay_holds_frames_and_keeps_their_order),
		cmocka_unit_test(lost_frames_count_where_they_were_lost),
		cmocka_unit_test(both_of_a_duplicated_frame_arrive),
		cmocka_unit_test(one_bit_of_a_corrupted_frame_is_flipped),
		cmocka_unit_test(a_checksum_is_finished_before_a_bit_is_flipped),
		cmocka_unit_test(a_large_frame_is_lost_instead_of_corrupted),
		cmocka_unit_test(other_receivers_of_a_flood_get_it_untouched),
		cmocka_unit_test(a_reordered_frame_overtakes),
		cmocka_unit_test(a_reordered_frame_is_corrupted_nevertheless),
		cmocka_unit_test(a_larger_hold_comes_after_the_former),
		cmocka_unit_test(a_line_is_seeded_under_traffic),
		cmocka_unit_test(what_exceeds_a_limit_is_dropped),
		cmocka_unit_test(frames_that_are_dropped_at_ingress_count_there),
		cmocka_unit_test(a_rate_spaces_frames),
		cmocka_unit_test(two_workers_share_a_line),
	};

	return cmocka_run_group_tests_name("feature impair stage", tests, NULL, NULL);
}
