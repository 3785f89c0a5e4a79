#include "ether.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void addresses_parse_in_three_notations(void **state)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0 = refused */
	} cases[] = {
		{"52:54:00:00:00:01", 0x525400000001},
		{"52-54-00-00-00-01", 0x525400000001},
		{"5254.0000.0001", 0x525400000001},
		{"Ff:fF:FF:ff:ff:ff", 0xffffffffffff},
		{"01:80:C2:00:00:0e", 0x0180c200000e},
		{"", 0},
		{"52:54:00:00:00", 0},
		{"52:54:00:00:00:", 0},
		{"52:54:00:00:00:01:", 0},
		{"52:54:00:00:00:01:02", 0},
		{":52:54:00:00:00:01", 0},
		{"52:54:0:0:0:1", 0},
		{"52:54-00:00:00:01", 0},
		{"525400000001", 0},
		{"5254:0000:0001", 0},
		{"52.54.00.00.00.01", 0},
		{"5254.0000.00", 0},
		{"52:54:00:00:00:0g", 0},
		{"52:54:00:00:00:0", 0},
		{" 52:54:00:00:00:01", 0},
		{"52:54:00:00:00:01 ", 0},
		{"52:54:00:00:00:01\n", 0},
		{"0x:54:00:00:00:01", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ether_addr48 mac = ether_addr_from_u64(0xa5a5a5a5a5a5);
		int code = ether_addr_parse(cases[i].text, &mac);

		if (code != (cases[i].want ? 0 : -EINVAL))
			fail_msg("'%s' gave %d", cases[i].text, code);
		if (ether_addr_to_u64(&mac) != (cases[i].want ? cases[i].want : 0xa5a5a5a5a5a5))
			fail_msg("'%s' left %llx", cases[i].text,
				(unsigned long long)ether_addr_to_u64(&mac));
	}
}

static void addresses_print_lower_case_with_colons(void **state)
{
	struct ether_addr48 mac = ether_addr_from_u64(0x0A1b2C3d4Eff);
	char buf[ETHER_ADDR_STR_SIZE];

	assert_ptr_equal(ether_addr_format(&mac, buf), buf);
	assert_string_equal(buf, "0a:1b:2c:3d:4e:ff");
}

static void addresses_know_their_kind(void **state)
{
	struct ether_addr48 unicast = ether_addr_from_u64(0x525400000001);
	struct ether_addr48 group = ether_addr_from_u64(0x0180c2000000);
	struct ether_addr48 zero = ether_addr_from_u64(0);

	assert_false(ether_addr_is_multicast(&unicast));
	assert_true(ether_addr_is_multicast(&group));
	assert_true(ether_addr_is_zero(&zero));
	assert_false(ether_addr_is_zero(&unicast));
}

static void vlans_parse_in_bounds(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint16_t vid;
	} cases[] = {
		{"1", 0, 1},
		{"4094", 0, 4094},
		{"0010", 0, 10},
		{"0", -ERANGE, 0},
		{"4095", -ERANGE, 0},
		{"65537", -ERANGE, 0},
		{"4294967297", -ERANGE, 0},
		{"18446744073709551617", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1a", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"99999a", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t vid = 7777;
		int code = vlan_parse(cases[i].text, &vid);

		if (code != cases[i].code || vid != (code ? 7777 : cases[i].vid))
			fail_msg("'%s' gave %d, %u", cases[i].text, code, vid);
	}
}

static void sets_parse_and_print_back(void **state)
{
	static const struct {
		const char *text, *want;
		unsigned count;
	} cases[] = {
		{"", "", 0},
		{"10", "10", 1},
		{"1,4094", "1,4094", 2},
		{"10,20-29", "10,20-29", 11},
		{"20-29,10", "10,20-29", 11},
		{"10,11,12", "10-12", 3},
		{"10-12,11-15", "10-15", 6},
		{"10-10", "10", 1},
		{"63-65,127-128", "63-65,127-128", 5},
		{"1-4094", "all", 4094},
		{"all", "all", 4094},
		{"1-2000,2001-4094", "all", 4094},
		{"1-4093", "1-4093", 4093},
		{"2-4094", "2-4094", 4093},
		{"10,10,10", "10", 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vlan_set set;
		char buf[64];

		if (vlan_set_parse(cases[i].text, &set, NULL))
			fail_msg("'%s' is refused", cases[i].text);
		assert_int_equal(vlan_set_format(&set, buf, sizeof(buf)), strlen(cases[i].want));
		assert_string_equal(buf, cases[i].want);
		assert_int_equal(vlan_set_count(&set), cases[i].count);
	}
}

static void wrong_sets_say_where(void **state)
{
	static const struct {
		const char *text;
		int code;
		size_t at;
	} cases[] = {
		{"0", -ERANGE, 0},
		{"4095", -ERANGE, 0},
		{"10,4095", -ERANGE, 3},
		{"10,20-5000", -ERANGE, 3},
		{"0-10", -ERANGE, 0},
		{"5000-10", -ERANGE, 0},
		{"10,20-15", -EINVAL, 3},
		{"10,", -EINVAL, 3},
		{",10", -EINVAL, 0},
		{"10,,20", -EINVAL, 3},
		{"10-", -EINVAL, 0},
		{"-10", -EINVAL, 0},
		{"10-20-30", -EINVAL, 0},
		{"10 20", -EINVAL, 0},
		{"10, 20", -EINVAL, 3},
		{"All", -EINVAL, 0},
		{"all,10", -EINVAL, 0},
		{"10,all", -EINVAL, 3},
		{"0,x", -ERANGE, 0},
		{"0-x", -EINVAL, 0},
		{"1-2x", -EINVAL, 0},
		{"abc", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vlan_set set, before;
		size_t at = 999;
		int code;

		vlan_set_clear(&set);
		vlan_set_add(&set, 7, 9);
		before = set;
		code = vlan_set_parse(cases[i].text, &set, &at);
		if (code != cases[i].code || at != cases[i].at)
			fail_msg("'%s' gave %d at %zu", cases[i].text, code, at);
		assert_true(vlan_set_equal(&set, &before));
	}
}

static void sets_add_and_delete_within_bounds(void **state)
{
	struct vlan_set set, other;

	vlan_set_fill(&set);
	assert_false(vlan_set_has(&set, 0));
	assert_false(vlan_set_has(&set, 4095));
	vlan_set_del(&set, 0, 65535);
	vlan_set_clear(&other);
	assert_true(vlan_set_equal(&set, &other));
	vlan_set_add(&set, 0, 65535);
	assert_int_equal(vlan_set_count(&set), 4094);
	vlan_set_del(&set, 2, 4093);
	assert_true(vlan_set_has(&set, 1) && vlan_set_has(&set, 4094));
	assert_int_equal(vlan_set_count(&set), 2);
	vlan_set_add(&set, 20, 10); /* an empty range */
	assert_int_equal(vlan_set_count(&set), 2);
	assert_false(vlan_set_equal(&set, &other));
}

static void sets_are_combined(void **state)
{
	struct vlan_set a, b, set;
	char text[8];

	assert_int_equal(vlan_set_parse("1-10,4094", &a, NULL), 0);
	assert_int_equal(vlan_set_parse("8-12", &b, NULL), 0);
	set = a;
	vlan_set_unite(&set, &b);
	assert_int_equal(vlan_set_count(&set), 13);
	assert_string_equal(vlan_set_format_short(&set, text, sizeof(text)), "1-12...");
	vlan_set_subtract(&set, &a);
	assert_string_equal(vlan_set_format_short(&set, text, sizeof(text)), "11-12");
	vlan_set_intersect(&set, &a);
	assert_string_equal(vlan_set_format_short(&set, text, sizeof(text)), "none");
}

static void ranges_walk_in_order(void **state)
{
	static const uint16_t want[][2] = {{1, 1}, {60, 70}, {4094, 4094}};
	uint16_t vid = 0, first = 0, last = 0;
	struct vlan_set set;
	int n = 0;

	assert_int_equal(vlan_set_parse("1,60-70,4094", &set, NULL), 0);
	while (vlan_set_next_range(&set, &vid, &first, &last)) {
		assert_true(n < 3);
		assert_int_equal(first, want[n][0]);
		assert_int_equal(last, want[n][1]);
		n++;
	}
	assert_int_equal(n, 3);
	vid = 65;
	assert_true(vlan_set_next_range(&set, &vid, &first, &last));
	assert_int_equal(first, 65);
}

static void format_of_the_longest_set_fits_the_size(void **state)
{
	char *buf = malloc(VLAN_SET_STR_SIZE), small[8];
	struct vlan_set set, back;

	vlan_set_clear(&set);
	for (uint16_t vid = 1; vid <= 4094; vid += 2)
		vlan_set_add(&set, vid, vid);
	assert_true(vlan_set_format(&set, buf, VLAN_SET_STR_SIZE) < VLAN_SET_STR_SIZE);
	assert_int_equal(vlan_set_parse(buf, &back, NULL), 0);
	assert_true(vlan_set_equal(&set, &back));
	assert_int_equal(vlan_set_format(&set, NULL, 0), strlen(buf));
	/* Cut, but terminated and true about the length. */
	assert_int_equal(vlan_set_format(&set, small, sizeof(small)), strlen(buf));
	assert_string_equal(small, "1,3,5,7");
	free(buf);
}

static void random_sets_survive_print_and_parse(void **state)
{
	static char buf[VLAN_SET_STR_SIZE];
	unsigned seed = 1;

	for (int round = 0; round < 200; round++) {
		struct vlan_set set, back;

		vlan_set_clear(&set);
		for (int i = 0; i < round; i++) {
			uint16_t first = (uint16_t)(1 + rand_r(&seed) % 4094);

			vlan_set_add(&set, first, (uint16_t)(first + rand_r(&seed) % 20));
			vlan_set_del(&set, (uint16_t)(first + 5), (uint16_t)(first + 6));
		}
		(void)vlan_set_format(&set, buf, sizeof(buf));
		assert_int_equal(vlan_set_parse(buf, &back, NULL), 0);
		assert_true(vlan_set_equal(&set, &back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_parse_in_three_notations),
		cmocka_unit_test(addresses_print_lower_case_with_colons),
		cmocka_unit_test(addresses_know_their_kind),
		cmocka_unit_test(vlans_parse_in_bounds),
		cmocka_unit_test(sets_parse_and_print_back),
		cmocka_unit_test(wrong_sets_say_where),
		cmocka_unit_test(sets_add_and_delete_within_bounds),
		cmocka_unit_test(sets_are_combined),
		cmocka_unit_test(ranges_walk_in_order),
		cmocka_unit_test(format_of_the_longest_set_fits_the_size),
		cmocka_unit_test(random_sets_survive_print_and_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
