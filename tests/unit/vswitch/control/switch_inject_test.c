/* Frames that control puts in: who looks for them, and what becomes of a port's when it goes. */
#include "switch_rig.h"

#include "stats.h"

static uint8_t frame[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};

/* The ring that the workers of a port look into; NULL: none. */
static struct inject *ring_of(const char *port)
{
	const struct dp_snapshot *snapshot = fake_published();
	unsigned w = port_of(port)->id % snapshot->n_workers;
	struct inject *found = NULL;

	for (unsigned i = 0; i < snapshot->workers[w].n_rx; i++) {
		const struct dp_rx *rx = &snapshot->workers[w].rx[i];

		if (!rx->is_injected)
			continue;
		assert_null(found);
		assert_non_null(rx->resume);
		found = (struct inject *)rx->queue;
	}
	return found;
}

static void inject(const char *port, bool is_egress)
{
	struct err err = {0};

	assert_int_equal(switch_inject(rig.sw, port_of(port), is_egress, frame, sizeof(frame),
				 &err),
		0);
}

/* Its worker comes by and drops what it gets. Returns how many. */
static unsigned receive(struct inject *ring)
{
	static struct frame frames[FRAME_BURST];
	struct burst burst = {.frames = frames};
	unsigned n = queue_rx(&ring->q, &burst, FRAME_BURST, NULL, 0);

	queue_rx_done(&ring->q, frames, n);
	fake_counters(ring->port_id)->released += n;
	fake_counters(ring->port_id)->drops[DROP_TX_RING_FULL] += n;
	return n;
}

static void expect_sum(uint64_t copies, uint64_t held)
{
	struct dp_counters sum;

	switch_counters(rig.sw, &sum);
	assert_int_equal(sum.copies, copies);
	assert_int_equal(sum.held - sum.released, held);
	assert_int_equal(sum.rx_frames + sum.copies + sum.released,
		sum.tx_frames + sum.held + stats_dropped(&sum));
}

static void workers_look_while_there_is_use_of_it(void **state)
{
	unsigned n_published;

	two_ports();
	assert_null(ring_of("a"));
	inject("a", false);
	assert_non_null(ring_of("a"));
	n_published = fake_n_published();
	inject("a", true);
	assert_int_equal(fake_n_published(), n_published);
	expect_sum(2, 2);
	/* What is in it keeps it. */
	for (unsigned i = 0; i < 2 * INJECT_IDLE_TICKS; i++)
		assert_false(inject_ctl_tick(&rig.sw->injects));
	assert_int_equal(receive(ring_of("a")), 1);
	assert_int_equal(receive(ring_of("a")), 1);
	expect_sum(2, 0);
	for (unsigned i = 1; i < INJECT_IDLE_TICKS; i++)
		assert_false(inject_ctl_tick(&rig.sw->injects));
	assert_true(inject_ctl_tick(&rig.sw->injects));
	switch_apply(rig.sw);
	assert_null(ring_of("a"));
	assert_false(inject_ctl_tick(&rig.sw->injects));
	inject("a", false);
	assert_int_equal(receive(ring_of("a")), 1);
	expect_sum(3, 0);
}

static void a_port_that_goes_takes_its_frames(void **state)
{
	struct inject *ring;

	two_ports();
	must("PortAdd", "name c path /s/c bridge br0");
	for (unsigned i = 0; i < 3; i++) {
		inject("a", false);
		inject("b", i % 2);
		inject("c", true);
	}
	ring = ring_of("c");
	assert_int_equal(inject_n_frames(ring), fake_published()->n_workers == 1 ? 9 : 3);
	expect_sum(9, 9);
	must("PortDel", "name b");
	expect_sum(9, 6);
	assert_int_equal(rig.sw->gone.drops[DROP_RX_DISCARDED], 2);
	assert_int_equal(rig.sw->gone.drops[DROP_TX_DISCARDED], 1);
	/* Who gets its id finds nothing of it. */
	must("PortAdd", "name d path /s/d bridge br0");
	expect_sum(9, 6);
	for (unsigned n = 0; n < 6;) {
		unsigned got = receive(ring_of("a"));

		assert_int_not_equal(got, 0);
		n += got;
	}
	expect_sum(9, 0);
	/* With nothing on its way nothing is lost. */
	must("PortDel", "name c");
	must("PortDel", "name a");
	expect_sum(9, 0);
	assert_ptr_equal(ring_of("d"), ring);
}

static void what_cannot_be_injected_is_refused(void **state)
{
	static uint8_t long_frame[INJECT_MAX_LEN + 1];
	static const uint8_t cut[16] = {[12] = 0x81};
	const struct model_port *port;
	struct err err = {0};

	two_ports();
	port = port_of("a");
	assert_int_equal(switch_inject(rig.sw, port, false, frame, 13, &err), -EINVAL);
	assert_string_equal(err.field, "frame");
	assert_int_equal(switch_inject(rig.sw, port, false, long_frame, sizeof(long_frame), &err),
		-EINVAL);
	assert_int_equal(switch_inject(rig.sw, port, true, cut, sizeof(cut), &err), -EINVAL);
	assert_null(ring_of("a"));
	must("PortSet", "name a enabled off");
	assert_int_equal(switch_inject(rig.sw, port, false, frame, sizeof(frame), &err), -ENETDOWN);
	assert_string_equal(err.name, "PortDisabled");
	must("PortSet", "name a enabled on");
	for (unsigned i = 0; i < INJECT_MAX_FRAMES; i++)
		inject("a", false);
	assert_int_equal(switch_inject(rig.sw, port, false, frame, sizeof(frame), &err), -EAGAIN);
	assert_string_equal(err.name, "InjectFull");
	assert_true(err.hint[0]);
	expect_sum(INJECT_MAX_FRAMES, INJECT_MAX_FRAMES);
	assert_int_equal(rig.sw->injects.n_injected, INJECT_MAX_FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(workers_look_while_there_is_use_of_it, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(a_port_that_goes_takes_its_frames, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_injected_is_refused, rig_set_up,
			rig_tear_down),
	};

	return cmocka_run_group_tests_name("inject of a switch", tests, NULL, NULL);
}
