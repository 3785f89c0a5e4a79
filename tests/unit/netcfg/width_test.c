/* The size of a terminal, and of what is none. Cutting texts: watch_test.c and show_test.c. */
#include "width.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

static void check(int fd, bool is_known, unsigned rows, unsigned cols)
{
	unsigned its_rows, its_cols;

	assert_int_equal(width_of_terminal(fd, &its_rows, &its_cols), is_known);
	assert_int_equal(its_rows, rows);
	assert_int_equal(its_cols, cols);
}

static void a_terminal_says_its_size(void **state)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize size = {.ws_row = 50, .ws_col = 140};

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	check(fd, true, 50, 140);
	/* A serial line does not know. */
	size = (struct winsize){0};
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	check(fd, false, 24, 80);
	close(fd);
}

static void what_is_no_terminal_has_none(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	check(fds[1], false, 24, 80);
	close(fds[0]);
	close(fds[1]);
	check(-1, false, 24, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_says_its_size),
		cmocka_unit_test(what_is_no_terminal_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
