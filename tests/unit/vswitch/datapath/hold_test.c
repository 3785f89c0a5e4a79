#include "hold.h"
#include "hold_setup.h"
#include "spin.h"
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

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX];

/* A stage that holds every frame for a while. */
struct delay {
	struct hold *hold;
	uint64_t tsc;
};

static uint64_t delay_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	const struct delay *delay = conf;
	struct queue *in = &delay->hold->in;

	if (ctx->is_shared)
		spin_acquire(&in->tx_lock);
	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);

		if (!hold_has_room(delay->hold, &ctx->frames[i])) {
			ctx->counters->drops[DROP_TX_RING_FULL]++;
			continue;
		}
		hold_add(delay->hold, &ctx->frames[i], ctx->tagged >> i & 1,
			ctx->now_tsc + delay->tsc);
		ctx->counters->held++;
	}
	flush_add(ctx->flush, in);
	if (ctx->is_shared)
		spin_release(&in->tx_lock);
	return 0;
}

/* A hold in the way to or from a port, and what its frames do afterwards. */
struct line {
	struct hold *hold;
	struct delay delay;
	struct stage stages[3];
	struct dp_rx rx;
};

static void line_begin(struct line *line, struct rig *rig, unsigned port, bool is_egress,
	uint64_t size)
{
	*line = (struct line){0};
	assert_int_equal(hold_create(size, &line->hold), 0);
	line->delay.hold = line->hold;
	line->stages[0] = (struct stage){delay_run, &line->delay};
	line->rx = (struct dp_rx){.queue = &line->hold->out,
		.resume = &line->stages[1],
		.port_id = (uint16_t)port,
		.is_egress = is_egress};
	if (is_egress)
		rig->ports[port].egress = line->stages;
	else
		rig->ports[port].ingress = line->stages;
}

static unsigned line_run(struct line *line, struct rig *rig)
{
	unsigned n = fwd_burst(rig->fwd, &rig->snapshot, &line->rx);

	fwd_flush(rig->fwd, &rig->snapshot);
	return n;
}

static void done(struct rig *rig, struct line *line)
{
	assert_true(rig_counts_add_up(rig));
	assert_int_equal(hold_n_frames(line->hold), 0);
	hold_destroy(line->hold);
	rig_destroy(rig);
}

static size_t make_frame(unsigned number, size_t payload)
{
	size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, payload);

	for (size_t i = 14; i < len; i++)
		sent[i] = (uint8_t)(number * 31 + i * 7);
	return len;
}

static void expect_frame(struct rig *rig, unsigned port, unsigned number, size_t payload)
{
	size_t len = make_frame(number, payload);

	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), len);
	assert_memory_equal(got, sent, len);
}

static void expect_nothing(struct rig *rig, unsigned port)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

static size_t any_payload(unsigned i)
{
	static const size_t sizes[] = {1, 46, 74, 75, 76, 113, 114, 115, 200, 1500, 8986, 20000};

	return sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
}

/* Every length, through the end of the ring many times over. */
static void frames_leave_as_they_came_and_in_order(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct line line;
	unsigned n_sent = 0, n_received = 0;

	rig_link(rig, 0, 1);
	line_begin(&line, rig, 1, true, HOLD_MIN_SIZE);
	for (unsigned round = 0; round < 600; round++) {
		for (unsigned i = 0; i < 3; i++, n_sent++)
			rig_send(rig, 0, sent, make_frame(n_sent, any_payload(n_sent)));
		assert_int_equal(rig_run(rig, 0), 3);
		expect_nothing(rig, 1);
		assert_int_equal(hold_n_frames(line.hold), 3);
		assert_int_equal(line_run(&line, rig), 3);
		for (unsigned i = 0; i < 3; i++, n_received++)
			expect_frame(rig, 1, n_received, any_payload(n_received));
	}
	assert_true(line.hold->tail > 8 * line.hold->size);
	assert_int_equal(rig->counters[1].held, n_sent);
	assert_int_equal(rig->counters[1].released, n_sent);
	done(rig, &line);
}

static void frames_wait_until_they_are_due(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct line line;

	rig_link(rig, 0, 1);
	line_begin(&line, rig, 1, true, HOLD_MIN_SIZE);
	assert_true(hold_due_tsc(&line.hold->out) == UINT64_MAX);
	line.delay.tsc = UINT64_C(1) << 60;
	for (unsigned i = 0; i < 2; i++)
		rig_send(rig, 0, sent, make_frame(i, 60));
	rig_run(rig, 0);
	assert_int_equal(line_run(&line, rig), 0);
	assert_false(queue_pending(&line.hold->out));
	assert_true(hold_due_tsc(&line.hold->out) > UINT64_C(1) << 60);
	/* One that is due at once waits behind them. */
	line.delay.tsc = 0;
	rig_send(rig, 0, sent, make_frame(2, 60));
	rig_run(rig, 0);
	assert_int_equal(line_run(&line, rig), 0);
	assert_int_equal(hold_n_frames(line.hold), 3);
	/* Nobody can wait that long: as if the time had come. */
	memset(line.hold->bytes, 0, sizeof(uint64_t));
	assert_true(queue_pending(&line.hold->out));
	assert_int_equal(line_run(&line, rig), 1);
	expect_frame(rig, 1, 0, 60);
	expect_nothing(rig, 1);
	memset(line.hold->bytes + 128, 0, sizeof(uint64_t));
	assert_int_equal(line_run(&line, rig), 2);
	expect_frame(rig, 1, 1, 60);
	expect_frame(rig, 1, 2, 60);
	done(rig, &line);
}

/* Held on the way in, frames are forwarded when they leave: tags, learning and all. */
static void ingress_frames_are_forwarded_afterwards(void **state)
{
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	struct line line;
	static const uint16_t vids[] = {10, 0};
	size_t len;

	rig_trunk(rig, 0, vids, 0, false);
	rig_access(rig, 1, 10);
	rig_access(rig, 2, 20);
	line_begin(&line, rig, 0, false, HOLD_MIN_SIZE);
	len = rig_frame(sent, 2, 1, 0xa00a, 0x88b5, 300);
	rig_send(rig, 0, sent, len);
	assert_int_equal(rig_run(rig, 0), 1);
	expect_nothing(rig, 1);
	assert_int_equal(line_run(&line, rig), 1);
	assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), len - 4);
	assert_memory_equal(got, sent, 12);
	assert_memory_equal(got + 12, sent + 16, len - 16);
	expect_nothing(rig, 2);
	assert_int_equal(rig->counters[0].rx_frames, 1);
	assert_int_equal(rig->counters[0].rx_bytes, len);
	done(rig, &line);
}

/* And on the way out they keep the tag that they were to leave with. */
static void egress_frames_keep_their_tag(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct line line;
	static const uint16_t vids[] = {10, 0};
	size_t len;

	rig_access(rig, 0, 10);
	rig_trunk(rig, 1, vids, 0, false);
	line_begin(&line, rig, 1, true, HOLD_MIN_SIZE);
	for (unsigned i = 0; i < 3; i++) {
		len = make_frame(i, 100);
		rig_send(rig, 0, sent, len);
	}
	rig_run(rig, 0);
	assert_int_equal(line_run(&line, rig), 3);
	for (unsigned i = 0; i < 3; i++) {
		make_frame(i, 100);
		assert_int_equal(rig_receive(rig, 1, NULL, got, sizeof(got)), len + 4);
		assert_memory_equal(got + 12, "\x81\x00\x00\x0a", 4);
		assert_memory_equal(got + 16, sent + 12, len - 12);
	}
	done(rig, &line);
}

static void what_does_not_fit_is_dropped(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct line line;
	unsigned n = 0;

	rig_link(rig, 0, 1);
	line_begin(&line, rig, 1, true, HOLD_MIN_SIZE);
	line.hold->max_frames = 5;
	for (; n < 7; n++)
		rig_send(rig, 0, sent, make_frame(n, 60));
	rig_run(rig, 0);
	assert_int_equal(hold_n_frames(line.hold), 5);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 2);
	assert_int_equal(line_run(&line, rig), 5);
	for (unsigned i = 0; i < 5; i++)
		expect_frame(rig, 1, i, 60);
	line.hold->max_frames = UINT64_MAX;
	/* By bytes: 256 KiB are twelve frames of 20,000 and what belongs to them. */
	for (unsigned i = 0; i < 16; i++) {
		rig_send(rig, 0, sent, make_frame(i, 20000));
		rig_run(rig, 0);
	}
	assert_in_range(hold_n_frames(line.hold), 11, 13);
	n = (unsigned)hold_n_frames(line.hold);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 2 + 16 - n);
	for (unsigned i = 0; i < n; i++) {
		if (i % 4 == 0)
			line_run(&line, rig);
		expect_frame(rig, 1, i, 20000);
	}
	while (line_run(&line, rig))
		;
	done(rig, &line);
}

/* A large frame that its receiver has no buffers for waits where it is held. */
static void frames_go_back_for_a_receiver_without_buffers(void **state)
{
	struct rig *rig = rig_create(2, 0, RIG_FEATURES | RIG_OFFLOADS);
	struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1460,
		.csum_start = 34,
		.csum_offset = 16};
	struct line line;
	unsigned n_received = 0, n_sent = 0;

	rig_link(rig, 0, 1);
	rig->fwd->deliver.timeout_tsc = UINT64_MAX;
	line_begin(&line, rig, 1, true, 4 << 20);
	for (; n_sent < 40; n_sent++) {
		size_t len = make_frame(n_sent, 30000);

		memcpy(sent + 12, "\x08\x00\x45", 3);
		sent[23] = 6;
		sent[46] = 0x50;
		rig_send_hdr(rig, 0, &hdr, sent, len);
		assert_int_equal(rig_run(rig, 0), 1);
	}
	for (unsigned idle = 0; n_received < n_sent && idle < 100; idle++) {
		line_run(&line, rig);
		while (rig_receive(rig, 1, &hdr, got, sizeof(got)) > 0) {
			(void)make_frame(n_received++, 30000);
			assert_memory_equal(got + 60, sent + 60, 14 + 30000 - 60);
			idle = 0;
		}
	}
	assert_int_equal(n_received, n_sent);
	assert_int_equal(rig_drops(rig, 1, DROP_TX_RING_FULL), 0);
	done(rig, &line);
}

/* ---- With workers ---- */

static void receive_soon(struct rig *rig, unsigned port, unsigned number, size_t payload)
{
	size_t len = make_frame(number, payload);

	for (unsigned i = 0; i < 60000; i++) {
		int n = rig_receive(rig, port, NULL, got, sizeof(got));

		if (n == -EAGAIN) {
			usleep(1000);
			continue;
		}
		assert_int_equal(n, len);
		assert_memory_equal(got, sent, len);
		return;
	}
	fail_msg("frame %u did not come", number);
}

/* The worker that has the hold is another one than who fills it, or the same; both sleep. */
static void a_sleeping_worker_wakes_up_for_what_is_due(void **state)
{
	for (unsigned n_workers = 1; n_workers < 3; n_workers++) {
		int control_wakeup = eventfd(0, EFD_NONBLOCK);
		const struct worker_config config = {
			.n_workers = n_workers, .control_fd = control_wakeup};
		struct rig *rig = rig_create(2, 0, RIG_FEATURES);
		struct worker_pool *pool;
		struct dp_counters sum;
		struct line line;

		assert_int_equal(worker_pool_create(&config, &pool), 0);
		rig_link(rig, 0, 1);
		line_begin(&line, rig, 1, true, HOLD_MIN_SIZE);
		rig->snapshot.n_workers = (uint16_t)n_workers;
		rig->rx[1] = line.rx;
		if (n_workers == 2) {
			rig->snapshot.workers[0].n_rx = 1;
			rig->snapshot.workers[1].rx = &rig->rx[1];
			rig->snapshot.workers[1].n_rx = 1;
		}
		assert_null(worker_publish(pool, &rig->snapshot));
		for (unsigned i = 0; i < 30; i++) {
			/* From nothing to some milliseconds. */
			line.delay.tsc = UINT64_C(1) << (i % 25);
			usleep(i % 3 * 1000);
			rig_send(rig, 0, sent, make_frame(i, 60 + i));
			assert_int_equal(fe_ring_kick(&rig->port[0].send), 0);
			receive_soon(rig, 1, i, 60 + i);
		}
		assert_ptr_equal(worker_publish(pool, NULL), &rig->snapshot);
		worker_counters(pool, 1, &sum);
		assert_int_equal(sum.held, 30);
		assert_int_equal(sum.released, 30);
		assert_int_equal(sum.tx_frames, 30);
		worker_pool_destroy(pool);
		hold_destroy(line.hold);
		rig_destroy(rig);
		close(control_wakeup);
	}
}

/* Several rings fill one hold: what is due leaves it as fast. */
static void a_hold_keeps_up_with_several_rings(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	const struct worker_config config = {.n_workers = 1, .control_fd = control_wakeup};
	struct rig *rig = rig_create(4, 0, RIG_FEATURES);
	struct worker_pool *pool;
	struct dp_counters sum = {0};
	struct line line;

	assert_int_equal(worker_pool_create(&config, &pool), 0);
	line_begin(&line, rig, 3, true, HOLD_MIN_SIZE);
	rig->rx[0] = line.rx;
	for (unsigned i = 0; i < 3; i++) {
		rig_link(rig, i, 3);
		rig->rx[i + 1] =
			(struct dp_rx){.queue = &rig->port[i].rx.queue, .port_id = (uint16_t)i};
		for (unsigned k = 0; k < RIG_RING_SIZE; k++)
			rig_send(rig, i, sent, make_frame(k, 60));
	}
	/* A burst of each ring, and no more. */
	line.hold->max_frames = 3 * FRAME_BURST;
	assert_null(worker_publish(pool, &rig->snapshot));
	for (unsigned i = 0; sum.released + sum.drops[DROP_TX_RING_FULL] < 3 * RIG_RING_SIZE; i++) {
		assert_true(i < 60000);
		usleep(1000);
		worker_counters(pool, 3, &sum);
	}
	assert_int_equal(sum.held, 3 * RIG_RING_SIZE);
	assert_ptr_equal(worker_publish(pool, NULL), &rig->snapshot);
	worker_pool_destroy(pool);
	hold_destroy(line.hold);
	rig_destroy(rig);
	close(control_wakeup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_as_they_came_and_in_order),
		cmocka_unit_test(frames_wait_until_they_are_due),
		cmocka_unit_test(ingress_frames_are_forwarded_afterwards),
		cmocka_unit_test(egress_frames_keep_their_tag),
		cmocka_unit_test(what_does_not_fit_is_dropped),
		cmocka_unit_test(frames_go_back_for_a_receiver_without_buffers),
		cmocka_unit_test(a_sleeping_worker_wakes_up_for_what_is_due),
		cmocka_unit_test(a_hold_keeps_up_with_several_rings),
	};

	return cmocka_run_group_tests_name("datapath hold", tests, NULL, NULL);
}
