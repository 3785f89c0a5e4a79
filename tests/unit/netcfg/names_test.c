/* Lists of names keep copies, in the order in which they came. */
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void names_are_copies_in_order(void **state)
{
	struct names names = {0};
	char name[16];

	names_done(&names);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "port%u", i);
		assert_int_equal(names_add(&names, name), 0);
	}
	assert_int_equal(names.n, 100);
	for (unsigned i = 0; i < names.n; i++) {
		(void)snprintf(name, sizeof(name), "port%u", i);
		assert_string_equal(names.list[i], name);
	}
	names_done(&names);
	assert_int_equal(names.n, 0);
	assert_null(names.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_copies_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
