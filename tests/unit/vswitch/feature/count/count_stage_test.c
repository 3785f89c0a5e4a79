/* Frames count in the class of their size and the VLAN that they have on the port's wire. */
#include "count/count_stage.h"

#include "fdb_table.h"
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IP 0x0800

static uint8_t bytes[FE_FRAME_MAX], got[FE_FRAME_MAX];

static struct {
	struct rig *rig;
	struct count_way ways[2]; /* of port 0 on the way in, of port 1 on the way out */
	struct stage stages[2][2];
} test;

static void begin(uint64_t (*run)(struct stage_ctx *, const void *, uint64_t))
{
	memset(&test, 0, sizeof(test));
	test.rig = rig_create(2, 0, RIG_FEATURES);
	test.stages[0][0] = (struct stage){run, &test.ways[0]};
	test.stages[1][0] = (struct stage){run, &test.ways[1]};
	test.rig->ports[0].ingress = test.stages[0];
	test.rig->ports[1].egress = test.stages[1];
}

static void end(void)
{
	assert_true(rig_counts_add_up(test.rig));
	rig_destroy(test.rig);
}

/* A frame of that many bytes without tag and check sequence, and out again. */
static void pass(size_t len, int tci)
{
	size_t n = rig_frame(bytes, 2, 1, tci, IP, len - 14);

	rig_send(test.rig, 0, bytes, n);
	assert_int_equal(rig_run(test.rig, 0), 1);
	assert_true(rig_receive(test.rig, 1, NULL, got, sizeof(got)) > 0);
}

static void sizes_are_those_of_the_wire(void **state)
{
	static const struct {
		size_t len;
		unsigned size;
	} cases[] = {{14, 0}, {60, 0}, {61, 1}, {123, 1}, {124, 2}, {251, 2}, {252, 3}, {507, 3},
		{508, 4}, {1019, 4}, {1020, 5}, {1514, 5}, {1515, 6}, {4000, 6}};
	uint64_t sizes[COUNT_N_SIZES] = {0};

	begin(count_sizes_run);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pass(cases[i].len, -1);
		sizes[cases[i].size]++;
		assert_memory_equal(test.ways[0].sizes, sizes, sizeof(sizes));
		assert_memory_equal(test.ways[1].sizes, sizes, sizeof(sizes));
	}
	/* VLANs are not counted where nobody asked. */
	for (unsigned i = 0; i < COUNT_N_VLANS / 64; i++)
		assert_int_equal(test.ways[0].seen[i], 0);
	end();
}

/* A tag counts where it is. */
static void a_tag_is_part_of_the_size(void **state)
{
	begin(count_all_run);
	rig_access(test.rig, 0, 10);
	pass(60, -1); /* 64 on the first wire, 68 on the second */
	assert_int_equal(test.ways[0].sizes[0], 1);
	assert_int_equal(test.ways[1].sizes[0], 0);
	assert_int_equal(test.ways[1].sizes[1], 1);
	assert_int_equal(test.ways[0].vlans[10].frames, 1);
	assert_int_equal(test.ways[0].vlans[10].bytes, 60);
	assert_int_equal(test.ways[1].vlans[10].frames, 1);
	assert_int_equal(test.ways[1].vlans[10].bytes, 64);
	end();
}

static void vlans_are_told_apart(void **state)
{
	static const uint16_t vids[] = {5, 7, 4094, 0};

	begin(count_vlans_run);
	rig_trunk(test.rig, 0, vids, 7, false);
	rig_trunk(test.rig, 1, vids, 5, false);
	pass(100, 5);
	pass(100, 5 | 3 << 13);
	pass(100, 4094);
	pass(100, -1);      /* native VLAN 7 */
	pass(100, 6 << 13); /* as well: a priority tag */
	assert_int_equal(test.ways[0].vlans[5].frames, 2);
	assert_int_equal(test.ways[0].vlans[5].bytes, 208);
	assert_int_equal(test.ways[0].vlans[7].frames, 2);
	assert_int_equal(test.ways[0].vlans[7].bytes, 204);
	assert_int_equal(test.ways[0].vlans[4094].frames, 1);
	assert_int_equal(test.ways[1].vlans[5].frames, 2);
	assert_int_equal(test.ways[1].vlans[5].bytes, 200); /* leaves untagged */
	assert_int_equal(test.ways[1].vlans[7].bytes, 208);
	assert_int_equal(test.ways[1].vlans[4094].frames, 1);
	for (unsigned out = 0; out < 2; out++) {
		assert_int_equal(test.ways[out].seen[0], 1 << 5 | 1 << 7);
		assert_int_equal(test.ways[out].seen[63], UINT64_C(1) << 62);
		for (unsigned i = 0; i < COUNT_N_SIZES; i++)
			assert_int_equal(test.ways[out].sizes[i], 0);
	}
	end();
}

/* A link passes tags as they are. */
static void on_a_link_the_tag_says_it(void **state)
{
	begin(count_all_run);
	rig_link(test.rig, 0, 1);
	pass(60, 33);
	pass(60, -1);
	for (unsigned out = 0; out < 2; out++) {
		assert_int_equal(test.ways[out].vlans[33].frames, 1);
		assert_int_equal(test.ways[out].vlans[33].bytes, 64);
		assert_int_equal(test.ways[out].vlans[test.rig->ports[out].pvid].frames, 1);
		assert_int_equal(test.ways[out].sizes[0], 1);
		assert_int_equal(test.ways[out].sizes[1], 1);
	}
	end();
}

/* Between bridges a tag is beside the bytes; of what leaves untagged, an old one is in them. */
static void patch_ports_count_what_a_cable_would_carry(void **state)
{
	static const uint16_t vids[] = {10, 20, 0}, members[] = {2, 3};
	struct dp_bridge other = {.ports = members, .n_ports = 2, .id = 1};

	memset(&test, 0, sizeof(test));
	test.rig = rig_create(4, 0, RIG_FEATURES);
	assert_int_equal(fdb_create(256, &other.fdb), 0);
	test.rig->bridge.n_ports = 2;
	test.rig->ports[2].bridge = test.rig->ports[3].bridge = &other;
	rig_trunk(test.rig, 0, vids, 0, false);
	rig_trunk(test.rig, 1, vids, 20, false);
	rig_trunk(test.rig, 2, vids, 20, false);
	rig_trunk(test.rig, 3, vids, 0, false);
	rig_patch(test.rig, 1, 2);
	test.stages[0][0] = (struct stage){count_all_run, &test.ways[0]};
	test.stages[1][0] = (struct stage){count_all_run, &test.ways[1]};
	test.rig->ports[2].ingress = test.stages[0];
	test.rig->ports[1].egress = test.stages[1];
	for (int vid = 10; vid <= 20; vid += 10) {
		rig_send(test.rig, 0, bytes, rig_frame(bytes, 2, 1, vid, IP, 46));
		assert_int_equal(rig_run(test.rig, 0), 1);
		assert_int_equal(rig_receive(test.rig, 3, NULL, got, sizeof(got)), 64);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(test.ways[i].vlans[10].frames, 1);
		assert_int_equal(test.ways[i].vlans[10].bytes, 64);
		assert_int_equal(test.ways[i].vlans[20].frames, 1);
		assert_int_equal(test.ways[i].vlans[20].bytes, 60);
		assert_int_equal(test.ways[i].seen[0], 1 << 10 | 1 << 20);
	}
	end();
	fdb_destroy(other.fdb);
}

static void what_is_refused_afterwards_counts_where_it_came_in(void **state)
{
	static const uint16_t vids[] = {5, 0};

	begin(count_all_run);
	rig_trunk(test.rig, 0, vids, 5, false);
	rig_send(test.rig, 0, bytes, rig_frame(bytes, 2, 1, 9, IP, 46));
	assert_int_equal(rig_run(test.rig, 0), 1);
	assert_int_equal(rig_drops(test.rig, 0, DROP_RX_VLAN), 1);
	assert_int_equal(test.ways[0].vlans[9].frames, 1);
	assert_int_equal(test.ways[1].vlans[9].frames, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_the_wire),
		cmocka_unit_test(a_tag_is_part_of_the_size),
		cmocka_unit_test(vlans_are_told_apart),
		cmocka_unit_test(on_a_link_the_tag_says_it),
		cmocka_unit_test(patch_ports_count_what_a_cable_would_carry),
		cmocka_unit_test(what_is_refused_afterwards_counts_where_it_came_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
