#include "log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* The longest years and months, the last second before 2000 and one of today. */
static void times_are_of_the_day(void **state)
{
	static const struct {
		uint64_t s;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.007Z"},
		{951782399, "2000-02-28T23:59:59.007Z"},
		{951782400, "2000-02-29T00:00:00.007Z"},
		{946684799, "1999-12-31T23:59:59.007Z"},
		{1735689599, "2024-12-31T23:59:59.007Z"},
		{1796049539, "2026-11-30T14:38:59.007Z"},
		{4107542400, "2100-03-01T00:00:00.007Z"},
		{16725225599, "2499-12-31T23:59:59.007Z"},
	};
	char text[LOG_TIME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(log_format_time(text, cases[i].s * SEC + 7999999),
			cases[i].text);
}

static void a_line_begins_with_its_time_where_that_is_wanted(void **state)
{
	unsigned year, month, day, hour, minute, second, ms;
	const char *line;
	int len = 0;

	log_set_times(true);
	log_info("x");
	log_set_times(false);
	line = logged();
	assert_int_equal(sscanf(line, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ info unit: x%n", &year, &month,
				 &day, &hour, &minute, &second, &ms, &len),
		7);
	assert_int_equal(line[len], '\n');
	assert_true(year > 2020 && month <= 12 && day <= 31 && hour < 24 && second <= 60);
}

static void the_journal_has_times_of_its_own(void **state)
{
	char stream[64];
	struct stat st;

	(void)unsetenv("WEFT_LOG_TIMES");
	(void)unsetenv("JOURNAL_STREAM");
	assert_true(log_wants_times());
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	assert_false(log_wants_times());
	(void)setenv("JOURNAL_STREAM", "1:1", 1); /* it is another's */
	assert_true(log_wants_times());
	(void)setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_true(log_wants_times());
	(void)setenv("WEFT_LOG_TIMES", "no", 1);
	assert_false(log_wants_times());
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
		cmocka_unit_test(times_are_of_the_day),
		cmocka_unit_test_setup_teardown(a_line_begins_with_its_time_where_that_is_wanted,
			setup, teardown),
		cmocka_unit_test(the_journal_has_times_of_its_own),
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
