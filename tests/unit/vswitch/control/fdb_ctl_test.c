#include "fdb_ctl.h"

#include "conf_words.h"
#include "ctl_server.h"

#include <errno.h>
#include <stdio.h>

static struct model model;
static struct fdb_ctl fdbs;
static struct model_bridge *bridge;
static struct model_port *ports[3];

static int set_up(void **state)
{
	struct err err = {0};

	model_init(&model);
	fdbs = (struct fdb_ctl){0};
	bridge = add_bridge(&model, "name br0 ageing_s 300 fdb_max 64");
	ports[0] = add_port(&model, "name a bridge br0 path /s/a tag 10");
	ports[1] = add_port(&model, "name b bridge br0 path /s/b trunks 10,20 fdb_max 3");
	ports[2] = add_port(&model, "name c bridge br0 path /s/c");
	return fdb_ctl_open(&fdbs, bridge, &err);
}

static int tear_down(void **state)
{
	fdb_ctl_done(&fdbs);
	model_done(&model);
	return 0;
}

static void learn(const struct model_port *port, uint16_t vid, uint64_t mac48, uint32_t now_s)
{
	const struct learn_event event = {mac48, vid, port->id, bridge->id};

	(void)fdb_ctl_learn(&fdbs, &model, &event, 1, now_s);
}

/* "vid/last-byte@port[*] ..." in ascending order, * = static. */
static void list(const char *filter, uint32_t now_s, char *buf, size_t size)
{
	struct ctl_fdb req, row, rows[64];
	struct fdb_list fdb_list;
	struct err err = {0};
	unsigned n = 0;
	size_t len = 0;

	words_to_msg(&ctl_fdb_schema, &req, filter);
	assert_int_equal(fdb_list_begin(&fdbs, &model, &req, &fdb_list, &err), 0);
	while (fdb_list_next(&fdb_list, &fdbs, &model, now_s, &row, &err) == 1) {
		unsigned i = n++;

		assert_true(n <= 64);
		for (; i > 0 && (rows[i - 1].vlan > row.vlan ||
					(rows[i - 1].vlan == row.vlan &&
						rows[i - 1].mac.bytes[5] > row.mac.bytes[5]));
			i--)
			rows[i] = rows[i - 1];
		rows[i] = row;
	}
	buf[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%u/%x@%s%s", i ? " " : "",
			rows[i].vlan, rows[i].mac.bytes[5], rows[i].port,
			rows[i].type == CTL_FDB_STATIC ? "*" : "");
}

#define ASSERT_LIST(filter, now_s, expected)             \
	do {                                             \
		char got_[1024];                         \
		list(filter, now_s, got_, sizeof(got_)); \
		assert_string_equal(got_, expected);     \
	} while (0)

static int fdb_request(int (*fn)(struct fdb_ctl *, const struct model *, const struct ctl_fdb *,
			       uint32_t, struct err *),
	const char *words, struct err *err)
{
	struct ctl_fdb req;

	err_clear(err);
	words_to_msg(&ctl_fdb_schema, &req, words);
	return fn(&fdbs, &model, &req, 100, err);
}

static void learn_events_are_learned_and_move(void **state)
{
	learn(ports[0], 10, 1, 5);
	learn(ports[2], 20, 1, 5);
	ASSERT_LIST("bridge br0", 5, "10/1@a 20/1@c");
	learn(ports[2], 10, 1, 6);
	ASSERT_LIST("bridge br0", 6, "10/1@c 20/1@c");
}

static void stale_learn_events_are_ignored(void **state)
{
	const struct learn_event events[] = {
		{1, 10, 999, bridge->id},
		{2, 10, MODEL_MAX_PORTS, bridge->id},
		{3, 10, ports[0]->id, (uint16_t)(bridge->id + 1)},
		{4, 10, 0xffff, 0xffff},
	};

	assert_int_equal(fdb_ctl_learn(&fdbs, &model, events, 4, 1), 0);
	ASSERT_LIST("bridge br0", 1, "");
}

static void learned_addresses_age(void **state)
{
	learn(ports[0], 10, 1, 1000);
	learn(ports[2], 10, 2, 1200);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 1299), 0);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 1301), 1);
	ASSERT_LIST("bridge br0", 1301, "10/2@c");
	bridge->conf.ageing_s = 0;
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 100000), 0);
	ASSERT_LIST("bridge br0", 100000, "10/2@c");
}

static void used_addresses_do_not_age(void **state)
{
	uint64_t key = fdb_key(10, 1);

	learn(ports[0], 10, 1, 1000);
	for (uint32_t now_s = 1100; now_s < 3000; now_s += 100) {
		(void)fdb_lookup(fdbs.tables[bridge->id], key, fdb_hash(key), true);
		assert_int_equal(fdb_ctl_age(&fdbs, &model, now_s), 0);
	}
}

static void static_addresses_stay(void **state)
{
	struct err err;

	assert_int_equal(fdb_request(fdb_ctl_add, "bridge br0 mac 02:00:00:00:00:01 port a", &err),
		0);
	learn(ports[2], 10, UINT64_C(0x020000000001), 101);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 100000), 0);
	ASSERT_LIST("bridge br0", 100000, "10/1@a*");
}

static void port_limit_refuses(void **state)
{
	for (uint64_t mac = 1; mac <= 10; mac++)
		learn(ports[1], 10, mac, 1);
	ASSERT_LIST("bridge br0", 1, "10/1@b 10/2@b 10/3@b");
	assert_int_equal(fdbs.n_limited, 7);
}

static void full_bridge_spares_quiet_ports(void **state)
{
	char got[1024];

	learn(ports[0], 10, 1, 1);
	for (uint64_t mac = 100; mac < 1000; mac++)
		learn(ports[2], 10, mac, 2);
	assert_true(fdb_ctl_count(&fdbs, bridge->id) <= 64);
	list("bridge br0 port a", 2, got, sizeof(got));
	assert_string_equal(got, "10/1@a");
}

static void requests_are_checked(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *field;
	} cases[] = {
		{"bridge br0 port a", -EINVAL, "mac"},
		{"bridge br0 mac 02:00:00:00:00:01", -EINVAL, "port"},
		{"bridge nope mac 02:00:00:00:00:01 port a", -ENOENT, "bridge"},
		{"bridge br0 mac 02:00:00:00:00:01 port nope", -ENOENT, "port"},
		{"bridge br0 mac 01:00:00:00:00:01 port a", -EINVAL, "mac"},
		{"bridge br0 mac ff:ff:ff:ff:ff:ff port a", -EINVAL, "mac"},
		{"bridge br0 mac 00:00:00:00:00:00 port a", -EINVAL, "mac"},
		{"bridge br0 mac 02:00:00:00:00:01 port a vlan 11", -EINVAL, "vlan"},
		{"bridge br0 mac 02:00:00:00:00:01 port b vlan 11", -EINVAL, "vlan"},
		{"bridge br0 mac 02:00:00:00:00:01 port b", -EINVAL, "vlan"},
		{"bridge br0 mac 02:00:00:00:00:01 port loose", -EINVAL, "port"},
	};
	struct err err;

	(void)add_port(&model, "name loose path /s/loose");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = fdb_request(fdb_ctl_add, cases[i].words, &err);

		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0 || !err.msg[0])
			fail_msg("'%s': got %d, field '%s', '%s'", cases[i].words, r, err.field,
				err.msg);
	}
	ASSERT_LIST("bridge br0", 1, "");
}

static void add_is_idempotent_if_asked(void **state)
{
	const char *again = "bridge br0 mac 02:00:00:00:00:01 port a exist_ok true";
	struct err err;

	assert_int_equal(fdb_request(fdb_ctl_add, again, &err), 0);
	assert_int_equal(fdb_request(fdb_ctl_add, again, &err), 0);
	assert_int_equal(fdb_request(fdb_ctl_add, "bridge br0 mac 02:00:00:00:00:01 port a", &err),
		-EEXIST);
	assert_string_equal(err.name, "FdbEntryExists");
	assert_int_equal(fdb_request(fdb_ctl_add,
				 "bridge br0 mac 02:00:00:00:00:01 port b vlan 10 exist_ok true",
				 &err),
		-EEXIST);
	ASSERT_LIST("bridge br0", 1, "10/1@a*");
}

static void del_removes_from_the_vlans_it_names(void **state)
{
	struct err err;

	learn(ports[2], 10, 1, 1);
	learn(ports[2], 20, 1, 1);
	learn(ports[2], 0, 1, 1);
	learn(ports[2], 0, 2, 1);
	assert_int_equal(fdb_request(fdb_ctl_del, "bridge br0 mac 00:00:00:00:00:01 vlan 20", &err),
		0);
	ASSERT_LIST("bridge br0", 1, "0/1@c 0/2@c 10/1@c");
	assert_int_equal(fdb_request(fdb_ctl_del, "bridge br0 mac 00:00:00:00:00:01", &err), 0);
	ASSERT_LIST("bridge br0", 1, "0/2@c");
	assert_int_equal(fdb_request(fdb_ctl_del, "bridge br0 mac 00:00:00:00:00:01", &err),
		-ENOENT);
	assert_string_equal(err.name, "FdbEntryNotFound");
	assert_int_equal(fdb_request(fdb_ctl_del,
				 "bridge br0 mac 00:00:00:00:00:01 missing_ok true", &err),
		0);
	assert_int_equal(fdb_request(fdb_ctl_del, "bridge br0", &err), -EINVAL);
}

static void flush_obeys_filters(void **state)
{
	static const struct {
		const char *filter, *left;
		uint64_t count;
	} cases[] = {
		{"bridge br0", "10/9@a*", 3},
		{"bridge br0 vlan 20", "10/1@a 10/2@c 10/9@a*", 1},
		{"bridge br0 port c", "10/1@a 10/9@a*", 2},
		{"bridge br0 port a type static", "10/1@a 10/2@c 20/2@c", 1},
		{"bridge br0 mac 00:00:00:00:00:02", "10/1@a 10/9@a*", 2},
		{"bridge br0 mac 00:00:00:00:00:09", "10/1@a 10/2@c 10/9@a* 20/2@c", 0},
		{"bridge br0 mac 00:00:00:00:00:09 type static", "10/1@a 10/2@c 20/2@c", 1},
	};
	struct ctl_fdb req;
	struct err err = {0};
	uint64_t count;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		learn(ports[0], 10, 1, 1);
		learn(ports[2], 10, 2, 1);
		learn(ports[2], 20, 2, 1);
		assert_int_equal(fdb_request(fdb_ctl_add,
					 "bridge br0 mac 00:00:00:00:00:09 port a exist_ok true",
					 &err),
			0);
		words_to_msg(&ctl_fdb_schema, &req, cases[i].filter);
		assert_int_equal(fdb_ctl_flush(&fdbs, &model, &req, 2, &count, &err), 0);
		assert_int_equal(count, cases[i].count);
		ASSERT_LIST("bridge br0", 2, cases[i].left);
	}
}

static void resize_keeps_what_fits(void **state)
{
	struct fdb *old;
	struct err err;

	assert_int_equal(fdb_request(fdb_ctl_add, "bridge br0 mac 00:00:00:00:00:09 port a", &err),
		0);
	assert_int_equal(fdb_request(fdb_ctl_add, "bridge br0 mac 00:00:00:00:00:0a port a", &err),
		0);
	learn(ports[2], 10, 1, 1);
	assert_int_equal(fdb_ctl_resize(&fdbs, bridge, 1, 2, &old, &err), -ENOSPC);
	ASSERT_LIST("bridge br0", 2, "10/1@c 10/9@a* 10/a@a*");
	assert_int_equal(fdb_ctl_resize(&fdbs, bridge, 2, 2, &old, &err), 0);
	fdb_destroy(old);
	ASSERT_LIST("bridge br0", 2, "10/9@a* 10/a@a*");
	assert_int_equal(fdb_ctl_resize(&fdbs, bridge, 1000, 2, &old, &err), 0);
	fdb_destroy(old);
	ASSERT_LIST("bridge br0", 2, "10/9@a* 10/a@a*");
}

static void deleted_port_leaves_nothing(void **state)
{
	struct err err;

	learn(ports[0], 10, 1, 1);
	learn(ports[2], 10, 2, 1);
	assert_int_equal(fdb_request(fdb_ctl_add, "bridge br0 mac 00:00:00:00:00:09 port a", &err),
		0);
	assert_int_equal(fdb_ctl_flush_port(&fdbs, ports[0], false), 1);
	ASSERT_LIST("bridge br0", 2, "10/2@c 10/9@a*");
	assert_int_equal(fdb_ctl_flush_port(&fdbs, ports[0], true), 1);
	ASSERT_LIST("bridge br0", 2, "10/2@c");
}

static void list_survives_changes(void **state)
{
	struct fdb_list fdb_list;
	struct ctl_fdb req, row;
	struct err err = {0};
	struct fdb *old;

	learn(ports[0], 10, 1, 1);
	learn(ports[2], 10, 2, 1);
	words_to_msg(&ctl_fdb_schema, &req, "bridge br0");
	assert_int_equal(fdb_list_begin(&fdbs, &model, &req, &fdb_list, &err), 0);
	assert_int_equal(fdb_ctl_flush_port(&fdbs, ports[0], true), 1);
	assert_int_equal(fdb_list_next(&fdb_list, &fdbs, &model, 1, &row, &err), 1);
	assert_string_equal(row.port, "c");
	assert_int_equal(fdb_list_next(&fdb_list, &fdbs, &model, 1, &row, &err), 0);
	assert_int_equal(fdb_ctl_resize(&fdbs, bridge, 100, 1, &old, &err), 0);
	assert_int_equal(fdb_list_next(&fdb_list, &fdbs, &model, 1, &row, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "br0"));
	fdb_destroy(old);
}

#define MANY 300000

/* Fill the largest table with n addresses, all at port a. */
static void fill(uint32_t n)
{
	struct err err = {0};
	struct fdb *old;

	assert_int_equal(fdb_ctl_resize(&fdbs, bridge, FDB_BRIDGE_MAX, 1, &old, &err), 0);
	fdb_destroy(old);
	for (uint32_t i = 0; i < n; i++)
		learn(ports[0], 10, i + 1, 1);
	assert_int_equal(fdb_ctl_count(&fdbs, bridge->id), n);
}

/* How many rows a list has, and how often it asked for a pause. */
static unsigned count_rows(const char *filter, unsigned *ret_n_pauses)
{
	struct fdb_list fdb_list;
	struct ctl_fdb req, row;
	struct err err = {0};
	unsigned n = 0;
	int r;

	*ret_n_pauses = 0;
	words_to_msg(&ctl_fdb_schema, &req, filter);
	assert_int_equal(fdb_list_begin(&fdbs, &model, &req, &fdb_list, &err), 0);
	while ((r = fdb_list_next(&fdb_list, &fdbs, &model, 1, &row, &err)) > 0) {
		n += r == 1;
		*ret_n_pauses += r == CTL_NO_ROW_YET;
	}
	assert_int_equal(r, 0);
	return n;
}

static void long_list_comes_in_steps(void **state)
{
	unsigned n_pauses;

	fill(MANY);
	learn(ports[2], 20, 7, 1);
	assert_int_equal(count_rows("bridge br0", &n_pauses), MANY + 1);
	assert_int_equal(count_rows("bridge br0 vlan 20", &n_pauses), 1);
	assert_true(n_pauses > 50);
	assert_int_equal(count_rows("bridge br0 port c", &n_pauses), 1);
	assert_true(n_pauses > 50);
	assert_int_equal(count_rows("bridge br0 mac 00:00:00:00:00:07", &n_pauses), 2);
	assert_int_equal(count_rows("bridge br0 type static", &n_pauses), 0);
	assert_int_equal(n_pauses, 0);
}

static void large_table_ages_in_slices(void **state)
{
	unsigned n = 0, n_slices = 0;

	fill(MANY);
	do {
		unsigned got = fdb_ctl_age(&fdbs, &model, 301);

		assert_true(got < MANY / 8);
		n += got;
		n_slices++;
	} while (fdbs.is_ageing);
	assert_int_equal(n, MANY);
	assert_int_equal(fdb_ctl_count(&fdbs, bridge->id), 0);
	assert_true(n_slices > 8 && n_slices < 100);
}

/* The sweep goes on where there is something, whatever happens to bridges in between. */
static void bridge_may_go_during_a_sweep(void **state)
{
	uint16_t id = bridge->id;
	struct err err = {0};

	fill(MANY);
	(void)fdb_ctl_age(&fdbs, &model, 2);
	assert_true(fdbs.is_ageing);
	fdb_ctl_close(&fdbs, id);
	assert_int_equal(fdb_ctl_open(&fdbs, bridge, &err), 0);
	learn(ports[0], 10, 1, 1);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 302), 1);
	assert_false(fdbs.is_ageing);
	learn(ports[0], 10, 1, 303);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 304), 0);
	assert_int_equal(fdb_ctl_age(&fdbs, &model, 603), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(learn_events_are_learned_and_move),
		TEST(stale_learn_events_are_ignored),
		TEST(learned_addresses_age),
		TEST(used_addresses_do_not_age),
		TEST(static_addresses_stay),
		TEST(port_limit_refuses),
		TEST(full_bridge_spares_quiet_ports),
		TEST(requests_are_checked),
		TEST(add_is_idempotent_if_asked),
		TEST(del_removes_from_the_vlans_it_names),
		TEST(flush_obeys_filters),
		TEST(resize_keeps_what_fits),
		TEST(deleted_port_leaves_nothing),
		TEST(list_survives_changes),
		TEST(long_list_comes_in_steps),
		TEST(large_table_ages_in_slices),
		TEST(bridge_may_go_during_a_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
