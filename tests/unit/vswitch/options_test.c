#include "options.h"

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

static int parse(const char *words, struct options *options, struct err *err)
{
	static char text[512];
	char *argv[16] = {NULL}, *save = NULL;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "vswitch %s", words);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	err_clear(err);
	return options_parse(argc, argv, options, err);
}

static void nothing_given_is_one_free_worker(void **state)
{
	char dir[] = "/tmp/weft-options-XXXXXX", control[64];
	struct options options;
	struct err err;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	assert_int_equal(parse("", &options, &err), 0);
	(void)snprintf(control, sizeof(control), "%s/weft/vswitch.sock", dir);
	assert_string_equal(options.control, control);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(options.n_cpus, 1);
	assert_int_equal(options.cpus[0], OPTIONS_CPU_ANY);
	assert_null(options.state);
	assert_false(options.busy);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(parse("", &options, &err), 0);
	assert_memory_equal(options.control, "/tmp/weft-", 10);
}

static void options_are_taken(void **state)
{
	struct options options;
	struct err err;

	assert_int_equal(parse("--control /c --state /s --workers 2,4-5 --busy --log-level debug",
				 &options, &err),
		0);
	assert_string_equal(options.control, "/c");
	assert_false(options.control_is_default);
	assert_string_equal(options.state, "/s");
	assert_int_equal(options.n_cpus, 3);
	assert_int_equal(options.cpus[0], 2);
	assert_int_equal(options.cpus[2], 5);
	assert_true(options.busy);
	assert_int_equal(options.log_level, LOG_DEBUG);
	assert_int_equal(options.rebalance_s, OPTIONS_REBALANCE_S);
	assert_int_equal(parse("--rebalance 60", &options, &err), 0);
	assert_int_equal(options.rebalance_s, 60);
	assert_int_equal(parse("--rebalance off", &options, &err), 0);
	assert_int_equal(options.rebalance_s, 0);
	assert_string_equal(options.metrics.text, "");
	assert_int_equal(parse("--metrics unix:/m", &options, &err), 0);
	assert_string_equal(options.metrics.path, "/m");
}

static void bad_words_are_refused_with_a_hint(void **state)
{
	static const char *const cases[] = {"--what", "--control", "--workers", "--workers ,",
		"--workers 1,", "--workers 1,,2", "--workers a", "--workers 1-", "--workers -2",
		"--workers 2-1", "--workers 1,1", "--workers 1-3,2", "--workers 0-16",
		"--workers 1x", "--workers 99999999999999999999", "--log-level", "--log-level x",
		"--busy=1", "--rebalance", "--rebalance 0", "--rebalance -1", "--rebalance 1s",
		"--rebalance 86401", "--metrics", "--metrics /m", "--metrics 0.0.0.0:9100",
		"--rebalance 99999999999999999999", "--rebalance on", "word", "-x",
		"--control /a b"};
	struct options options;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i], &options, &err) >= 0 || !err.msg[0] || !err.hint[0])
			fail_msg("'%s': '%s', hint '%s'", cases[i], err.msg, err.hint);
	}
}

static void default_directory_is_private(void **state)
{
	char dir[] = "/tmp/weft-options-XXXXXX", path[64];
	struct options options;
	struct err err;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	assert_int_equal(parse("", &options, &err), 0);
	assert_int_equal(options_prepare_control(&options, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/weft", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(options_prepare_control(&options, &err), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(options_prepare_control(&options, &err), -EACCES);
	assert_true(err.hint[0]);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/", path), 0);
	assert_int_equal(options_prepare_control(&options, &err), -EACCES);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given_is_one_free_worker),
		cmocka_unit_test(options_are_taken),
		cmocka_unit_test(bad_words_are_refused_with_a_hint),
		cmocka_unit_test(default_directory_is_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
