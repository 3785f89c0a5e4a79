/* Owners as people write them. */
#include "owner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void forms_are_those_of_chown(void **state)
{
	static const char *const good[] = {"joe", "joe:kvm", ":kvm", "1000", "1000:100", "a-b_c.d"};
	static const char *const bad[] = {"", ":", "joe:", "a:b:c", "joe kvm", "joe: kvm", "::"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!owner_is_valid(good[i]))
			fail_msg("'%s' is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (owner_is_valid(bad[i]))
			fail_msg("'%s' is accepted", bad[i]);
	}
}

static void names_and_numbers_are_found(void **state)
{
	static const struct {
		const char *owner;
		uid_t uid;
		gid_t gid;
	} cases[] = {
		{"root", 0, (gid_t)-1},
		{"root:root", 0, 0},
		{":root", (uid_t)-1, 0},
		{"4294967294:7", 4294967294u, 7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		uid_t uid;
		gid_t gid;

		if (owner_find(cases[i].owner, &uid, &gid, &err))
			fail_msg("'%s': %s", cases[i].owner, err.msg);
		assert_true(uid == cases[i].uid && gid == cases[i].gid);
	}
}

static void who_is_not_there_is_named(void **state)
{
	static const struct {
		const char *owner, *msg;
	} cases[] = {
		{"no-such-user", "user 'no-such-user' not found"},
		{"root:no-such-group", "group 'no-such-group' not found"},
		/* all ones would leave the owner as it is */
		{"4294967295", "user '4294967295' not found"},
		{"-1", "user '-1' not found"},
		{"0:4294967296", "group '4294967296' not found"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		uid_t uid;
		gid_t gid;

		assert_int_equal(owner_find(cases[i].owner, &uid, &gid, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
		assert_string_equal(err.field, "owner");
		assert_true(err.hint[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_those_of_chown),
		cmocka_unit_test(names_and_numbers_are_found),
		cmocka_unit_test(who_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
