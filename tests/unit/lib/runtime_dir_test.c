/* Where a user's sockets are: in the directory of the login, where it is one of this user. */
#include "runtime_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* Of a user with an XDG_RUNTIME_DIR (NULL: without). */
static void check(const char *runtime, const char *expected)
{
	char path[128];

	assert_int_equal(runtime ? setenv("XDG_RUNTIME_DIR", runtime, 1)
				 : unsetenv("XDG_RUNTIME_DIR"),
		0);
	assert_int_equal(runtime_dir_path(path, sizeof(path)), 0);
	assert_string_equal(path, expected);
}

static void the_directory_of_a_login_is_taken_if_it_is_ours(void **state)
{
	char dir[] = "/tmp/weft-runtime-XXXXXX", inside[64], fallback[64];
	uid_t other = geteuid() ? 0 : 65534;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(inside, sizeof(inside), "%s/weft", dir);
	(void)snprintf(fallback, sizeof(fallback), "/tmp/weft-%u", (unsigned)getuid());
	check(dir, inside);
	check(NULL, fallback);
	check("", fallback);
	check("tmp", fallback);
	check("/nonexistent/run", fallback);
	check("/dev/null", fallback);
	if (!geteuid()) { /* who may give it away */
		assert_int_equal(chown(dir, other, (gid_t)-1), 0);
		check(dir, fallback);
	} else {
		check("/", fallback);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void a_path_that_does_not_fit_is_none(void **state)
{
	char path[8];

	assert_int_equal(runtime_dir_path(path, sizeof(path)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_directory_of_a_login_is_taken_if_it_is_ours),
		cmocka_unit_test(a_path_that_does_not_fit_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
