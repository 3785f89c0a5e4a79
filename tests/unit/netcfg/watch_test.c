/* Frames of -w: a title, rows that fit, and nothing left of the frame before. */
#include "watch.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HOME  "\033[H"
#define CLEAR "\033[K\n" /* to the end of its line, and the next */
#define REST  "\033[J"
#define WIDE  "日本語語" /* four characters, eight columns */

static void check(const char *text, unsigned rows, unsigned cols, const char *expected)
{
	char *frame = NULL;
	size_t size;
	FILE *out = open_memstream(&frame, &size);

	watch_draw(out, "what", "now", text, rows, cols);
	fclose(out);
	assert_string_equal(frame, expected);
	free(frame);
}

static void a_frame_has_a_title_and_its_rows(void **state)
{
	check("NAME\na\n", 10, 20,
		HOME "what             now" CLEAR CLEAR "NAME" CLEAR "a" CLEAR REST);
	check("", 10, 20, HOME "what             now" CLEAR CLEAR REST);
	check("no end", 10, 20, HOME "what             now" CLEAR CLEAR "no end" CLEAR REST);
}

static void rows_that_do_not_fit_are_counted(void **state)
{
	/* Title, empty line and cursor leave three of six. */
	check("NAME\na\nb\n", 6, 9,
		HOME "what  now" CLEAR CLEAR "NAME" CLEAR "a" CLEAR "b" CLEAR REST);
	check("NAME\na\nb\nc\nd\n", 6, 14,
		HOME "what       now" CLEAR CLEAR "NAME" CLEAR "a" CLEAR "... 3 more" CLEAR REST);
	/* A terminal of no use still gets no more than it can show. */
	check("NAME\na\n", 1, 14, HOME "what       now" CLEAR CLEAR "... 2 more" CLEAR REST);
}

static void lines_that_do_not_fit_are_cut(void **state)
{
	check("0123456789\n01234567890\n", 10, 10,
		HOME "what   now" CLEAR CLEAR "0123456789" CLEAR "012345678\033[0m…" CLEAR REST);
	/* By what a terminal shows of them: colours take no column, wide characters two. */
	check("\033[31mdown\033[0m 12345\n", 10, 10,
		HOME "what   now" CLEAR CLEAR "\033[31mdown\033[0m 12345" CLEAR REST);
	check(WIDE "語\n" WIDE "語x\n", 10, 10,
		HOME "what   now" CLEAR CLEAR WIDE "語" CLEAR WIDE "\033[0m…" CLEAR REST);
	/* What is no UTF-8, and an escape sequence that does not end. */
	check("\xff\xff\xff\n\033[31\n", 10, 9,
		HOME "what  now" CLEAR CLEAR "\xff\xff\xff" CLEAR "\033[31" CLEAR REST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_has_a_title_and_its_rows),
		cmocka_unit_test(rows_that_do_not_fit_are_counted),
		cmocka_unit_test(lines_that_do_not_fit_are_cut),
	};

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
