/* What may be mirrored where, and that it is configuration like any other. */
#include "switch_rig.h"

#include "mirror/mirror_stage.h"
#include "change.h"
#include "rows.h"

#define PASS "filter tcp program 0006000000040000"

static void begin(void)
{
	two_ports();
	must("PortAdd", "name m path /s/m");
	must("PortAdd", "name n path /s/n");
}

static const struct mirror *mirror_at(const struct stage *stages)
{
	assert_non_null(stages);
	assert_ptr_equal(stages[0].run, mirror_stage_run);
	return ((const struct mirror_set *)stages[0].conf)->mirrors[0];
}

static void a_mirror_is_at_its_ports(void **state)
{
	begin();
	assert_null(dp_port("a")->ingress);
	must("MirrorAdd", "name s from a to m");
	assert_int_equal(mirror_at(dp_port("a")->ingress)->to, port_of("m")->id);
	assert_int_equal(mirror_at(dp_port("a")->egress)->to, port_of("m")->id);
	assert_null(dp_port("b")->ingress);
	assert_null(dp_port("m")->ingress);
	assert_null(dp_port("m")->bridge);
	must("MirrorDel", "name s");
	assert_null(dp_port("a")->ingress);
	assert_null(dp_port("a")->egress);
	must("MirrorAdd", "name s from a dir in to m truncate 64");
	assert_int_equal(mirror_at(dp_port("a")->ingress)->truncate, 64);
	assert_null(dp_port("a")->egress);
	must_fail("MirrorDel", "name t", -ENOENT, "MirrorNotFound");
	must("MirrorDel", "name t missing_ok true");
}

static struct ctl_mirror from(const char *name, const char *what, const char *to)
{
	struct ctl_mirror req = {0};

	CTL_SET_STR(&req, ctl_mirror, name, name);
	CTL_SET_STR(&req, ctl_mirror, from, what);
	CTL_SET_STR(&req, ctl_mirror, to, to);
	return req;
}

static void ports_that_come_later_are_mirrored(void **state)
{
	static const char *const whats[] = {"bridge br0", "vlan 10"};

	begin();
	for (unsigned i = 0; i < 2; i++) {
		struct ctl_mirror req = from("s", whats[i], "m");

		CTL_SET(&req, ctl_mirror, vlan, 999);
		must("PortSet", "name m bridge br0");
		assert_int_equal(change_apply(rig.sw, "MirrorAdd", &req, NULL, NULL), 0);
		assert_int_equal(mirror_at(dp_port("b")->ingress)->source_vlan, i ? 10 : 0);
		assert_null(dp_port("m")->egress); /* it gets the copies */
		assert_null(dp_port("n")->ingress);
		must("PortSet", "name n bridge br0");
		assert_non_null(dp_port("n")->ingress);
		must("PortSet", "name n bridge -");
		assert_null(dp_port("n")->ingress);
		must("MirrorDel", "name s");
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *name;
	} cases[] = {
		{"name s", -EINVAL, ""},
		{"name s from a", -EINVAL, ""},
		{"name s to m", -EINVAL, ""},
		{"name s from x to m", -ENOENT, "PortNotFound"},
		{"name s from a to x", -ENOENT, "PortNotFound"},
		{"name s from a to a", -EBUSY, "PortInUse"},
		{"name s from m to m", -EINVAL, ""},
		{"name s from a to b", -EBUSY, "PortInUse"},
		{"name s from a to m filter tcp", -EINVAL, ""},
		{"name s from a to m filter tcp program 0", -EINVAL, ""},
		{"name s from n to m filter tcp program ffff000000000000", -EINVAL, ""},
		{"name s from m to n", -EBUSY, "PortInUse"}, /* m is another's destination */
		{"name s from b to p", -EBUSY, "PortInUse"}, /* an end of a link */
		{"name t from b to m", -EEXIST, "MirrorExists"},
	};

	begin();
	must("PortAdd", "name p path /s/p");
	must("PortAdd", "name q path /s/q");
	must("LinkAdd", "name w a p b q");
	must("MirrorAdd", "name t from a to m");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		must_fail("MirrorAdd", cases[i].words, cases[i].code, cases[i].name);
	must_fail("MirrorAdd", "name s from q to a", -EBUSY, "PortInUse"); /* a is mirrored */
	/* What a mirror needs stays. */
	must_fail("PortDel", "name a", -EBUSY, "PortInUse");
	must_fail("PortDel", "name m", -EBUSY, "PortInUse");
	must_fail("PortSet", "name m bridge br0", -EBUSY, "PortInUse");
	must_fail("LinkAdd", "name x a m b n", -EBUSY, "PortInUse");
	must("MirrorDel", "name t");
	must("LinkAdd", "name x a m b n");
	must("PortDel", "name a");
}

static void what_a_bridge_mirror_is_of_stays(void **state)
{
	struct ctl_mirror req = from("s", "bridge br1", "m");

	begin();
	assert_int_equal(change_apply(rig.sw, "MirrorAdd", &req, NULL, NULL), -ENOENT);
	must("BridgeAdd", "name br1");
	assert_int_equal(change_apply(rig.sw, "MirrorAdd", &req, NULL, NULL), 0);
	must_fail("BridgeDel", "name br1", -EBUSY, "BridgeInUse");
	must("MirrorDel", "name s");
	must("BridgeDel", "name br1");
	for (unsigned i = 0; i < 4; i++) {
		static const char *const bad[] = {"vlan 0", "vlan 4095", "vlan x", "vlan "};

		req = from("s", bad[i], "m");
		assert_int_equal(change_apply(rig.sw, "MirrorAdd", &req, NULL, NULL), -EINVAL);
	}
	/* A link's own port goes with its link. */
	must("BridgeAdd", "name br1");
	must("LinkAdd", "name l a br0 b br1");
	must("MirrorAdd", "name s from l:br0 to m");
	must_fail("LinkDel", "name l", -EBUSY, "PortInUse");
	must_fail("MirrorAdd", "name t from a to l:br1", -EBUSY, "PortInUse");
	must("MirrorDel", "name s");
	must("LinkDel", "name l");
}

static void restart(void)
{
	switch_destroy(rig.sw);
	rig.sw = NULL;
	rig_start();
}

static void mirrors_come_back(void **state)
{
	struct ctl_mirror row;

	begin();
	must("MirrorAdd", "name s from a dir out to m truncate 100 " PASS);
	must("MirrorAdd", "name s from a dir out to m truncate 100 exist_ok true " PASS);
	must_fail("MirrorAdd", "name s from a dir in to m exist_ok true", -EEXIST, "MirrorExists");
	for (unsigned i = 0; i < 2; i++) {
		restart();
		rows_mirror(model_mirror_find(&rig.sw->model, "s"), &row);
		assert_string_equal(row.from, "a");
		assert_string_equal(row.to, "m");
		assert_string_equal(row.filter, "tcp");
		assert_false(CTL_HAS(&row, ctl_mirror, program)); /* it is nothing for people */
		assert_int_equal(row.dir, CTL_MIRROR_OUT);
		assert_int_equal(row.frames, 0);
		assert_null(dp_port("a")->ingress);
		assert_int_equal(mirror_at(dp_port("a")->egress)->truncate, 100);
		assert_int_equal(mirror_at(dp_port("a")->egress)->filter->n, 1);
	}
	must("MirrorDel", "name s");
	restart();
	assert_null(model_mirror_find(&rig.sw->model, "s"));
}

static void there_are_no_more_than_can_be(void **state)
{
	char words[64];

	begin();
	for (unsigned i = 0; i < MIRROR_MAX; i++) {
		(void)snprintf(words, sizeof(words), "name s%u from a to m", i);
		must("MirrorAdd", words);
	}
	must_fail("MirrorAdd", "name t from a to m", -ENOSPC, "");
	must("MirrorDel", "name s7");
	must("MirrorAdd", "name t from a to m");
	assert_int_equal(port_of("m")->n_mirrors_to, MIRROR_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mirror_is_at_its_ports, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(ports_that_come_later_are_mirrored, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(what_a_bridge_mirror_is_of_stays, rig_set_up,
			rig_tear_down),
		cmocka_unit_test_setup_teardown(mirrors_come_back, rig_set_up, rig_tear_down),
		cmocka_unit_test_setup_teardown(there_are_no_more_than_can_be, rig_set_up,
			rig_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
