#include "inject_setup.h"
#include "rig.h"
#include "worker_pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t sent[INJECT_MAX_LEN], got[FE_FRAME_MAX];
static const struct stage no_stages = {NULL, NULL};

/* A rig with a ring, and what control would have counted. */
struct bed {
	struct rig *rig;
	struct inject *inject;
	struct dp_rx row;
};

static void begin(struct bed *bed, unsigned n_ports)
{
	bed->rig = rig_create(n_ports, 0, RIG_FEATURES);
	assert_int_equal(inject_create(&bed->inject), 0);
	bed->row = (struct dp_rx){.queue = &bed->inject->q,
		.resume = &no_stages,
		.pair = DP_MAX_QUEUES,
		.is_injected = true};
}

static void end(struct bed *bed)
{
	assert_true(rig_counts_add_up(bed->rig));
	inject_destroy(bed->inject);
	rig_destroy(bed->rig);
}

static int inject(struct bed *bed, unsigned port, bool is_egress, size_t len)
{
	const struct inject_frame frame = {.port_id = (uint16_t)port,
		.is_egress = is_egress,
		.is_patch = bed->rig->ports[port].flags & DP_PORT_PATCH,
		.bytes = sent,
		.len = (uint32_t)len};
	int r = inject_add(bed->inject, &frame);

	if (!r) {
		bed->rig->counters[port].copies++;
		bed->rig->counters[port].held++;
	}
	return r;
}

static unsigned run(struct bed *bed)
{
	unsigned n = fwd_burst(bed->rig->fwd, &bed->rig->snapshot, &bed->row);

	fwd_flush(bed->rig->fwd, &bed->rig->snapshot);
	return n;
}

static void expect(struct rig *rig, unsigned port, const uint8_t *frame, size_t len)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), len);
	assert_memory_equal(got, frame, len);
}

static void expect_nothing(struct rig *rig, unsigned port)
{
	assert_int_equal(rig_receive(rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

/* What it saw, and whether it lets frames pass. */
struct probe {
	unsigned n_frames;
	uint16_t port_id;
	uint64_t tagged;
	bool is_egress, stops;
};

static uint64_t probe_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	struct probe *probe = (struct probe *)(uintptr_t)conf;

	probe->n_frames += (unsigned)__builtin_popcountll(mask);
	probe->port_id = ctx->port->id;
	probe->tagged = ctx->tagged & mask;
	probe->is_egress = ctx->is_egress;
	if (!probe->stops)
		return mask;
	stage_drop(ctx, DROP_RX_POLICER, mask);
	return 0;
}

/* As if its peer had sent it: through the port's stages, learned, looked up. */
static void an_ingress_frame_is_forwarded(void **state)
{
	struct probe in = {0}, out = {0};
	const struct stage ingress[] = {{probe_run, &in}, {NULL, NULL}},
			   egress[] = {{probe_run, &out}, {NULL, NULL}};
	struct bed bed;
	size_t len;

	begin(&bed, 3);
	bed.rig->ports[0].ingress = ingress;
	bed.rig->ports[1].egress = egress;
	len = rig_frame(sent, 2, 1, -1, 0x88b5, 500);
	assert_int_equal(inject(&bed, 0, false, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(in.n_frames, 1);
	assert_int_equal(in.port_id, 0);
	assert_false(in.is_egress);
	assert_int_equal(out.n_frames, 1);
	expect(bed.rig, 1, sent, len);
	expect(bed.rig, 2, sent, len);
	expect_nothing(bed.rig, 0);
	assert_int_equal(bed.rig->counters[0].rx_frames, 0);
	assert_int_equal(bed.rig->counters[0].released, 1);
	/* Its source is known from now on. */
	rig_learn(bed.rig);
	len = rig_frame(sent, 1, 2, -1, 0x88b5, 60);
	rig_send(bed.rig, 1, sent, len);
	assert_int_equal(rig_run(bed.rig, 1), 1);
	expect(bed.rig, 0, sent, len);
	expect_nothing(bed.rig, 2);
	assert_int_equal(run(&bed), 0);
	/* A stage stops it under its own reason. */
	in.stops = true;
	assert_int_equal(inject(&bed, 0, false, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(rig_drops(bed.rig, 0, DROP_RX_POLICER), 1);
	end(&bed);
}

/* VLANs are as if the port's peer had sent it, too. */
static void an_ingress_frame_has_the_vlan_of_its_tag(void **state)
{
	static const uint16_t vids[] = {10, 20, 0};
	struct bed bed;
	size_t len;

	begin(&bed, 3);
	rig_trunk(bed.rig, 0, vids, 0, false);
	rig_access(bed.rig, 1, 10);
	rig_access(bed.rig, 2, 20);
	len = rig_frame(sent, 2, 1, 20, 0x88b5, 60);
	assert_int_equal(inject(&bed, 0, false, len), 0);
	assert_int_equal(run(&bed), 1);
	expect_nothing(bed.rig, 1);
	assert_int_equal(rig_receive(bed.rig, 2, NULL, got, sizeof(got)), len - 4);
	assert_int_equal(inject(&bed, 1, false, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(rig_drops(bed.rig, 1, DROP_RX_TAGGED), 1);
	end(&bed);
}

/* Out of the port whatever the bridge would say, through its egress stages, with its tag. */
static void an_egress_frame_leaves_by_its_port(void **state)
{
	struct probe in = {0}, out = {0};
	const struct stage ingress[] = {{probe_run, &in}, {NULL, NULL}},
			   egress[] = {{probe_run, &out}, {NULL, NULL}};
	const uint8_t bpdu[6] = {0x01, 0x80, 0xc2};
	struct bed bed;
	size_t len;

	begin(&bed, 3);
	rig_access(bed.rig, 1, 10);
	bed.rig->bridge.keep_reserved = true;
	bed.rig->ports[1].ingress = ingress;
	bed.rig->ports[1].egress = egress;
	len = rig_frame(sent, 0, 9, -1, 0x0027, 300);
	memcpy(sent, bpdu, sizeof(bpdu));
	assert_int_equal(inject(&bed, 1, true, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(in.n_frames, 0);
	assert_int_equal(out.n_frames, 1);
	assert_int_equal(out.tagged, 0);
	assert_true(out.is_egress);
	expect(bed.rig, 1, sent, len);
	len = rig_frame(sent, 0xff, 9, 0x6014, 0x88b5, 300);
	assert_int_equal(inject(&bed, 1, true, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(out.tagged, 1);
	expect(bed.rig, 1, sent, len);
	expect_nothing(bed.rig, 0);
	expect_nothing(bed.rig, 2);
	/* Without stages and without a peer. */
	bed.rig->ports[2].n_tx = 0;
	assert_int_equal(inject(&bed, 2, true, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(rig_drops(bed.rig, 2, DROP_TX_NOT_RUNNING), 1);
	assert_int_equal(bed.rig->counters[1].tx_frames, 2);
	end(&bed);
}

/* A patch port has its tags beside the bytes, in both directions. */
static void frames_cross_where_they_are_injected_at_a_patch_port(void **state)
{
	struct bed bed;
	size_t len;

	begin(&bed, 4);
	rig_patch(bed.rig, 1, 2);
	rig_access(bed.rig, 3, 20);
	rig_access(bed.rig, 0, 20);
	len = rig_frame(sent, 0xff, 9, 20, 0x88b5, 60);
	/* In at it: as one that crossed. */
	assert_int_equal(inject(&bed, 1, false, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(rig_receive(bed.rig, 0, NULL, got, sizeof(got)), len - 4);
	while (rig_receive(bed.rig, 3, NULL, got, sizeof(got)) != -EAGAIN)
		;
	/* Out of it: across. */
	assert_int_equal(inject(&bed, 1, true, len), 0);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(rig_receive(bed.rig, 3, NULL, got, sizeof(got)), len - 4);
	assert_memory_equal(got + 12, sent + 16, len - 16);
	end(&bed);
}

/* One burst is of one port and one direction, and none overtakes. */
static void bursts_are_of_one_port_and_direction(void **state)
{
	static const struct {
		unsigned port;
		bool is_egress;
		unsigned n;
	} runs[] = {{0, true, 3}, {0, false, 2}, {1, true, FRAME_BURST + 1}, {0, true, 1}};
	struct bed bed;
	uint8_t number = 0;

	begin(&bed, 2);
	rig_link(bed.rig, 0, 1);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < runs[i].n; k++) {
			size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, 60u + i);

			sent[20] = number++;
			assert_int_equal(inject(&bed, runs[i].port, runs[i].is_egress, len), 0);
		}
	}
	assert_int_equal(run(&bed), 3);
	assert_int_equal(run(&bed), 2);
	assert_int_equal(run(&bed), FRAME_BURST);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(run(&bed), 1);
	assert_int_equal(run(&bed), 0);
	for (uint8_t i = 0; i < number; i++) {
		unsigned port = i < 3 || i == number - 1 ? 0 : 1;

		assert_true(rig_receive(bed.rig, port, NULL, got, sizeof(got)) > 0);
		assert_int_equal(got[20], i);
	}
	end(&bed);
}

static void a_full_ring_refuses(void **state)
{
	struct bed bed;
	unsigned n = 0;

	begin(&bed, 2);
	for (unsigned size = 0; size < 2; size++) {
		size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, size ? INJECT_MAX_LEN - 14 : 60);

		for (n = 0; !inject(&bed, 0, false, len); n++)
			assert_true(n < INJECT_MAX_FRAMES);
		assert_int_equal(inject(&bed, 0, false, len), -EAGAIN);
		assert_int_equal(inject_n_frames(bed.inject), n);
		assert_true(size ? n * len > INJECT_SIZE / 2 : n == INJECT_MAX_FRAMES);
		while (run(&bed))
			while (rig_receive(bed.rig, 1, NULL, got, sizeof(got)) != -EAGAIN)
				;
		assert_int_equal(inject_n_frames(bed.inject), 0);
	}
	/* What ends inside its tag can have none taken off. */
	sent[12] = 0x81;
	sent[13] = 0;
	assert_int_equal(inject(&bed, 0, true, 16), -EINVAL);
	end(&bed);
}

struct sieve {
	unsigned n_asked, n_stayed;
	struct bed *bed;
};

static bool stays_at_one(void *ctx, uint16_t port_id, bool is_egress)
{
	struct sieve *sieve = ctx;
	struct dp_counters *counters = &sieve->bed->rig->counters[port_id];

	sieve->n_asked++;
	if (port_id == 1) {
		sieve->n_stayed++;
		return true;
	}
	counters->released++;
	counters->drops[is_egress ? DROP_TX_DISCARDED : DROP_RX_DISCARDED]++;
	return false;
}

/* Wherever the ring ends. */
static void frames_of_a_port_are_taken_out(void **state)
{
	struct sieve sieve;
	struct bed bed;

	begin(&bed, 2);
	for (unsigned turn = 0; turn < 20; turn++) {
		unsigned n = 0;

		sieve = (struct sieve){.bed = &bed};
		for (;; n++) {
			size_t len =
				rig_frame(sent, 2, 1, -1, 0x88b5, 60 + 977 * (n + turn) % 9000);

			sent[20] = (uint8_t)(n / 3);
			if (inject(&bed, n % 3 == 1, n % 3 == 2, len))
				break;
		}
		inject_sift(bed.inject, stays_at_one, &sieve);
		assert_int_equal(sieve.n_asked, n);
		assert_int_equal(inject_n_frames(bed.inject), sieve.n_stayed);
		for (unsigned k = 0; inject_n_frames(bed.inject);) {
			assert_true(run(&bed) > 0);
			while (rig_receive(bed.rig, 0, NULL, got, sizeof(got)) != -EAGAIN)
				assert_int_equal(got[20], (uint8_t)k++);
		}
	}
	end(&bed);
}

static int receive_soon(struct rig *rig, unsigned port)
{
	for (unsigned i = 0; i < 60000; i++) {
		int n = rig_receive(rig, port, NULL, got, sizeof(got));

		if (n != -EAGAIN)
			return n;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

/* Asleep or on its way there: it comes. */
static void a_sleeping_worker_wakes_up(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	const struct worker_config config = {.n_workers = 1, .control_fd = control_wakeup};
	struct worker_pool *pool;
	struct dp_counters sum;
	struct bed bed;

	begin(&bed, 2);
	assert_int_equal(worker_pool_create(&config, &pool), 0);
	bed.rig->rx[0] = bed.row;
	assert_null(worker_publish(pool, &bed.rig->snapshot));
	for (unsigned i = 0; i < 100; i++) {
		size_t len = rig_frame(sent, 2, 1, -1, 0x88b5, 60 + i);

		usleep(i % 5 * 50);
		assert_int_equal(inject(&bed, 1, true, len), 0);
		assert_int_equal(receive_soon(bed.rig, 1), len);
		assert_memory_equal(got, sent, len);
	}
	assert_ptr_equal(worker_publish(pool, NULL), &bed.rig->snapshot);
	worker_counters(pool, 1, &sum);
	assert_int_equal(sum.released, 100);
	assert_int_equal(sum.tx_frames, 100);
	worker_pool_destroy(pool);
	bed.rig->counters[1] = (struct dp_counters){0};
	end(&bed);
	close(control_wakeup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ingress_frame_is_forwarded),
		cmocka_unit_test(an_ingress_frame_has_the_vlan_of_its_tag),
		cmocka_unit_test(an_egress_frame_leaves_by_its_port),
		cmocka_unit_test(frames_cross_where_they_are_injected_at_a_patch_port),
		cmocka_unit_test(bursts_are_of_one_port_and_direction),
		cmocka_unit_test(a_full_ring_refuses),
		cmocka_unit_test(frames_of_a_port_are_taken_out),
		cmocka_unit_test(a_sleeping_worker_wakes_up),
	};

	return cmocka_run_group_tests_name("datapath inject", tests, NULL, NULL);
}
