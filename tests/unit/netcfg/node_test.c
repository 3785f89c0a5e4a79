/* What a terminal is told while nodes are waited for: who, how many are ready, how long. */
#include "node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void progress_fits_its_line(void **state)
{
	static const char *const names[] = {"h1", "h2", "a-long-name"};
	static const struct {
		unsigned n_waiting, n, seconds, cols;
		const char *text;
	} cases[] = {
		{1, 1, 3, 80, "waiting for h1 (0 of 1 ready), 3s"},
		{3, 10, 740, 80, "waiting for h1, h2, a-long-name (7 of 10 ready), 12m20s"},
		{3, 3, 5, 50, "waiting for h1, h2, and 1 more (0 of 3 ready), 5s"},
		{3, 3, 5, 46, "waiting for h1, and 2 more (0 of 3 ready), 5s"},
		/* The first is always named. */
		{3, 3, 5, 20, "waiting for h1, and 2 more (0 of 3 ready), 5s"},
		{1, 3, 5, 1, "waiting for h1 (2 of 3 ready), 5s"},
	};
	char text[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		node_progress_text(text, sizeof(text), names, cases[i].n_waiting, cases[i].n,
			cases[i].seconds, cases[i].cols);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(progress_fits_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
