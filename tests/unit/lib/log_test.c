#include "log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

LOG_MODULE("unit");

#define SEC UINT64_C(1000000000)

static int pipe_fds[2];

static int setup(void **state)
{
	assert_int_equal(pipe(pipe_fds), 0);
	log_set_fd(pipe_fds[1]);
	log_set_level(LOG_INFO);
	return 0;
}

static int teardown(void **state)
{
	log_set_fd(STDERR_FILENO);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return 0;
}

/* All that was logged so far. */
static const char *logged(void)
{
	static char text[8192];
	ssize_t n;

	(void)!write(pipe_fds[1], "", 1);
	n = read(pipe_fds[0], text, sizeof(text));
	assert_true(n > 0);
	return text;
}

static void line_has_level_module_text(void **state)
{
	log_err("port '%s': gone", "p0");
	log_warn("w");
	log_notice("n");
	log_info("i");
	assert_string_equal(logged(),
		"err unit: port 'p0': gone\nwarn unit: w\nnotice unit: n\ninfo unit: i\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
	log_debug("no");
	log_set_level(LOG_WARN);
	log_notice("no");
	log_warn("yes");
	log_set_level(LOG_DEBUG);
	log_debug("all");
	assert_string_equal(logged(), "warn unit: yes\ndebug unit: all\n");
}

static void levels_parse_by_name(void **state)
{
	static const char *const names[] = {"err", "warn", "notice", "info", "debug"};
	enum log_level level = LOG_ERR;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(log_level_parse(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("verbose", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, LOG_DEBUG);
}

static void control_characters_cannot_forge_a_line(void **state)
{
	log_info("name '%s'", "a\nerr unit: forged\x1b[31m\x7f\r");
	assert_string_equal(logged(), "info unit: name 'a?err unit: forged?[31m?"
				      "?'\n");
}

static void long_lines_are_cut_but_end(void **state)
{
	char text[4096];
	const char *line;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	line = logged();
	assert_int_equal(strlen(line), 1023);
	assert_int_equal(line[1022], '\n');
}

static void bucket_gives_burst_then_one_a_second(void **state)
{
	struct log_bucket bucket = {0};
	uint32_t held = 99;

	for (int i = 0; i < LOG_BURST; i++) {
		assert_true(log_bucket_take(&bucket, 5 * SEC, &held));
		assert_int_equal(held, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(log_bucket_take(&bucket, 5 * SEC + 999, &held));
	assert_false(log_bucket_take(&bucket, 6 * SEC - 1, &held));
	assert_true(log_bucket_take(&bucket, 6 * SEC, &held));
	assert_int_equal(held, 8);
	assert_false(log_bucket_take(&bucket, 6 * SEC + SEC / 2, &held));
	/* Half a second is not lost: the next token comes at 7 s, not at 7.5 s. */
	assert_true(log_bucket_take(&bucket, 7 * SEC, &held));
	assert_int_equal(held, 1);
}

static void bucket_never_holds_more_than_the_burst(void **state)
{
	struct log_bucket bucket = {0};
	uint32_t held;
	int n = 0;

	assert_true(log_bucket_take(&bucket, 0, &held));
	while (log_bucket_take(&bucket, 1000000 * SEC, &held))
		n++;
	assert_int_equal(n, LOG_BURST);
}

static void bucket_survives_a_clock_that_stands_or_goes_back(void **state)
{
	struct log_bucket bucket = {0};
	uint32_t held;
	int n = 0;

	while (log_bucket_take(&bucket, 100 * SEC, &held))
		n++;
	assert_int_equal(n, LOG_BURST);
	assert_false(log_bucket_take(&bucket, 1 * SEC, &held));
	assert_true(log_bucket_take(&bucket, 101 * SEC, &held));
}

static void call_sites_are_limited_apart_and_say_what_was_held(void **state)
{
	struct log_bucket bucket = {
		.primed = true, .tokens = 1, .suppressed = 3, .refill_ns = UINT64_MAX};

	for (int i = 0; i < 100; i++)
		log_warn_ratelimited("flood");
	log_notice_ratelimited("other");
	log_write_limited(&bucket, LOG_WARN, "unit", "late");
	log_write_limited(&bucket, LOG_WARN, "unit", "never");
	assert_string_equal(logged(), "warn unit: flood\nwarn unit: flood\nwarn unit: flood\n"
				      "warn unit: flood\nwarn unit: flood\nwarn unit: flood\n"
				      "warn unit: flood\nwarn unit: flood\nwarn unit: flood\n"
				      "warn unit: flood\nnotice unit: other\n"
				      "warn unit: late (3 more held back)\n");
	assert_int_equal(bucket.suppressed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(line_has_level_module_text, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_above_the_level_are_dropped, setup, teardown),
		cmocka_unit_test(levels_parse_by_name),
		cmocka_unit_test_setup_teardown(control_characters_cannot_forge_a_line, setup,
			teardown),
		cmocka_unit_test_setup_teardown(long_lines_are_cut_but_end, setup, teardown),
		cmocka_unit_test(bucket_gives_burst_then_one_a_second),
		cmocka_unit_test(bucket_never_holds_more_than_the_burst),
		cmocka_unit_test(bucket_survives_a_clock_that_stands_or_goes_back),
		cmocka_unit_test_setup_teardown(call_sites_are_limited_apart_and_say_what_was_held,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
