/* Ports that count by size and VLAN: what workers see of it, and what a client is told. */
#include "switch_rig.h"

#include "change.h"
#include "count/count_stage.h"
#include "impair/impair_stage.h"
#include "rows.h"

static struct count_way *way_of(const struct stage *stages, unsigned at)
{
	assert_non_null(stages);
	return (struct count_way *)stages[at].conf;
}

static void what_is_asked_for_is_counted(void **state)
{
	static const struct {
		const char *words;
		uint64_t (*run)(struct stage_ctx *, const void *, uint64_t);
	} cases[] = {{"name a count sizes", count_sizes_run},
		{"name a count vlans", count_vlans_run}, {"name a count all", count_all_run}};

	two_ports();
	for (unsigned i = 0; i < 3; i++) {
		must("PortSet", cases[i].words);
		assert_ptr_equal(dp_port("a")->ingress[0].run, cases[i].run);
		assert_ptr_equal(dp_port("a")->egress[0].run, cases[i].run);
		assert_null(dp_port("a")->ingress[1].run);
		assert_null(dp_port("b")->ingress);
		assert_null(dp_port("b")->egress);
	}
	must("PortSet", "name a count off");
	assert_null(dp_port("a")->ingress);
	assert_null(dp_port("a")->egress);
}

/* Before anything that may take a frame away on the way in, and behind it on the way out. */
static void counting_is_next_to_the_wire(void **state)
{
	struct ctl_port set = {0};

	two_ports();
	CTL_SET_STR(&set, ctl_port, name, "a");
	CTL_SET(&set, ctl_port, count, CTL_COUNT_ALL);
	CTL_SET(&set.in, ctl_impair, loss, 1);
	CTL_SET(&set.out, ctl_impair, loss, 1);
	CTL_MARK(&set, ctl_port, in);
	CTL_MARK(&set, ctl_port, out);
	assert_int_equal(change_apply(rig.sw, "PortSet", &set, NULL, NULL), 0);
	assert_ptr_equal(dp_port("a")->ingress[0].run, count_all_run);
	assert_ptr_equal(dp_port("a")->ingress[1].run, impair_stage_run);
	assert_ptr_equal(dp_port("a")->egress[0].run, impair_stage_run);
	assert_ptr_equal(dp_port("a")->egress[1].run, count_all_run);
	/* The next port of that number has none. */
	must("PortDel", "name a");
	must("PortAdd", "name c path /s/c");
	assert_null(dp_port("c")->ingress);
	assert_null(dp_port("c")->egress);
}

static void counters_stay_until_counting_ends(void **state)
{
	struct ctl_port_size size;
	struct ctl_port_vlan vlan;
	struct count_way *in, *out;
	unsigned vid = 0;

	two_ports();
	assert_false(rows_port_size(rig.sw, port_of("a"), 0, &size));
	assert_false(rows_port_vlan(rig.sw, port_of("a"), &vid, &vlan));
	must("PortSet", "name a count all");
	in = way_of(dp_port("a")->ingress, 0);
	out = way_of(dp_port("a")->egress, 0);
	assert_ptr_not_equal(in, out);
	in->sizes[1] = 11;
	out->sizes[6] = 12;
	in->seen[0] = UINT64_C(1) << 10;
	in->vlans[10] = (struct count_vlan){5, 500};
	out->seen[63] = UINT64_C(1) << 62;
	out->vlans[4094] = (struct count_vlan){6, 600};
	/* Other settings, and counting one thing less. */
	must("PortSet", "name a mtu 1400");
	assert_true(rows_port_size(rig.sw, port_of("a"), 2, &size));
	assert_string_equal(size.name, "a");
	assert_string_equal(size.direction, "rx");
	assert_string_equal(size.size, "65-127");
	assert_int_equal(size.frames, 11);
	assert_true(rows_port_size(rig.sw, port_of("a"), 13, &size));
	assert_string_equal(size.direction, "tx");
	assert_string_equal(size.size, "1519-max");
	assert_int_equal(size.frames, 12);
	assert_false(rows_port_size(rig.sw, port_of("a"), 14, &size));
	vid = 0;
	assert_true(rows_port_vlan(rig.sw, port_of("a"), &vid, &vlan));
	assert_int_equal(vlan.vlan, 10);
	assert_int_equal(vlan.rx_frames, 5);
	assert_int_equal(vlan.rx_bytes, 500);
	assert_int_equal(vlan.tx_frames, 0);
	assert_true(rows_port_vlan(rig.sw, port_of("a"), &vid, &vlan));
	assert_int_equal(vlan.vlan, 4094);
	assert_int_equal(vlan.tx_bytes, 600);
	assert_false(rows_port_vlan(rig.sw, port_of("a"), &vid, &vlan));
	must("PortSet", "name a count sizes");
	assert_true(rows_port_size(rig.sw, port_of("a"), 2, &size));
	assert_int_equal(size.frames, 11);
	vid = 0;
	assert_false(rows_port_vlan(rig.sw, port_of("a"), &vid, &vlan));
	must("PortSet", "name a count off");
	must("PortSet", "name a count sizes");
	assert_true(rows_port_size(rig.sw, port_of("a"), 2, &size));
	assert_int_equal(size.frames, 0);
}

static void queues_that_run_tell_what_was_received(void **state)
{
	struct ctl_port_rx_queue row;

	two_ports();
	assert_true(rows_port_rx_queue(rig.sw, port_of("a"), 0, &row));
	assert_false(rows_port_rx_queue(rig.sw, port_of("a"), 1, &row));
	fake_port_run("a", 2);
	fake_load(port_of("a")->id, 0)->frames = 7;
	fake_load(port_of("a")->id, 1)->frames = 8;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(rows_port_rx_queue(rig.sw, port_of("a"), i, &row));
		assert_string_equal(row.name, "a");
		assert_int_equal(row.queue, i);
		assert_int_equal(row.frames, 7 + i);
	}
	assert_false(rows_port_rx_queue(rig.sw, port_of("a"), 2, &row));
}

static void counting_comes_back_after_a_restart(void **state)
{
	two_ports();
	must("PortSet", "name a count vlans");
	switch_destroy(rig.sw);
	rig_start();
	assert_int_equal(port_of("a")->conf.count, CTL_COUNT_VLANS);
	assert_ptr_equal(dp_port("a")->ingress[0].run, count_vlans_run);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_set_up, rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_asked_for_is_counted),
		CASE(counting_is_next_to_the_wire),
		CASE(counters_stay_until_counting_ends),
		CASE(queues_that_run_tell_what_was_received),
		CASE(counting_comes_back_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
