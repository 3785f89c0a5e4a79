/* Options of the switch, made into words and read back from the command line of this very test. */
#include "switch_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct state_switch wanted = {
	.metrics = "unix:/run/m.sock", .hold_memory_bytes = UINT64_C(3) << 29};

static void options_have_their_words(void **state)
{
	static const struct state_switch none;
	struct switch_args args;

	switch_args_make(&none, &args);
	assert_int_equal(args.n, 0);
	switch_args_make(&wanted, &args);
	assert_int_equal(args.n, SWITCH_ARGS_MAX);
	assert_string_equal(args.argv[0], "--metrics");
	assert_string_equal(args.argv[1], "unix:/run/m.sock");
	assert_string_equal(args.argv[2], "--hold-memory");
	assert_string_equal(args.argv[3], "1.5G");
}

static void a_process_is_asked_for_them(void **state)
{
	struct state_switch sw = {.runs = true};

	switch_args_read(getpid(), &sw);
	assert_true(sw.runs);
	assert_true(state_same_switch(&sw, &wanted));
}

static void one_that_is_gone_has_none(void **state)
{
	struct state_switch sw = {0};

	switch_args_read(INT32_MAX, &sw);
	assert_string_equal(sw.metrics, "");
	assert_int_equal(sw.hold_memory_bytes, 0);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_have_their_words),
		cmocka_unit_test(a_process_is_asked_for_them),
		cmocka_unit_test(one_that_is_gone_has_none),
	};

	if (argc == 1) {
		struct switch_args args;
		char *words[4 + SWITCH_ARGS_MAX] = {argv[0], (char *)"--state", (char *)"s"};

		switch_args_make(&wanted, &args);
		memcpy(words + 3, args.argv, args.n * sizeof(*words));
		(void)execv("/proc/self/exe", words);
		return EXIT_FAILURE;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
