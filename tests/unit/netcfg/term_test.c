/* The output of a command among everything else on a console, in pieces of every size. */
#include "term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define BEGIN "\033_b7\033\\"
#define END   "\033_e7:"

static char got[4096];
static size_t n_got;

static void collect(void *ctx, const char *data, size_t len)
{
	assert_true(n_got + len < sizeof(got));
	memcpy(got + n_got, data, len);
	n_got += len;
	got[n_got] = '\0';
}

static void check(const char *stream, const char *expected, bool done, int status)
{
	for (size_t piece = 1; piece <= 64; piece++) {
		struct term_filter filter = {.begin = BEGIN, .end = END, .output = collect};
		size_t len = strlen(stream);
		bool ended = false;

		n_got = 0;
		got[0] = '\0';
		for (size_t at = 0; at < len; at += piece)
			ended = term_filter_feed(&filter, stream + at,
				len - at < piece ? len - at : piece);
		assert_int_equal(ended, done);
		assert_string_equal(got, expected);
		if (done)
			assert_int_equal(filter.status, status);
	}
}

static void output_is_found(void **state)
{
	check("boot\r\nweft:h1# printf '\\033_b%s\\033\\134' 7; ...\r\n" BEGIN "hello\r\n" END
	      "0\033\\",
		"hello\n", true, 0);
	check(BEGIN END "7\033\\", "", true, 7);
	check(BEGIN "no newline at the end" END "1\033\\weft:h1# ", "no newline at the end", true,
		1);
	check(BEGIN "\033_e8:0\033\\\r\n\033" END "255\033\\more", "\033_e8:0\033\\\n\033", true,
		255);
	check(BEGIN "a\rb\r\r\n" END "0\r\n", "a\rb\r\n", true, 0);
	check(END "0\033\\" BEGIN "x\r\n" END, "x\n", false, 0);
	check(END "0\033\\" BEGIN "x\r\n" END "12", "x\n", false, 0);
	check("nothing of ours\r\n", "", false, 0);
}

/* Without an end the beginning is all that is looked for. */
static void a_word_is_found(void **state)
{
	struct term_filter filter = {.begin = BEGIN, .output = collect};

	n_got = 0;
	assert_false(term_filter_feed(&filter, "\033_b8\033\\\033_b7\033", 11));
	assert_true(term_filter_feed(&filter, "\\more", 5));
	assert_int_equal(n_got, 0);
}

static void check_quote(char *const *words, unsigned n, const char *expected)
{
	char *line = term_quote(words, n);

	assert_non_null(line);
	assert_string_equal(line, expected);
	free(line);
}

static void words_survive_the_shell(void **state)
{
	check_quote((char *[]){(char *)"ip addr | cat"}, 1, "ip addr | cat");
	check_quote((char *[]){(char *)"sh", (char *)"-c", (char *)"echo $HOME 'x'"}, 3,
		"'sh' '-c' 'echo $HOME '\\''x'\\'''");
	check_quote((char *[]){(char *)"a", (char *)""}, 2, "'a' ''");
}

static void check_typed(const char *line, const char *expected)
{
	char *typed = term_typed(line);

	assert_non_null(typed);
	assert_string_equal(typed, expected);
	free(typed);
}

/* What a shell makes of the typed line must be what the line prints. */
static void check_same(const char *line, const char *prints)
{
	char *typed = term_typed(line), out[128] = "";
	char *shell[] = {(char *)"sh", (char *)"-c", typed, NULL};
	size_t n_out = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)dup2(fds[1], 1);
		execv("/bin/sh", shell);
		_exit(127);
	}
	close(fds[1]);
	/* Each line of the shell's is a write of its own, and may come by itself. */
	while ((n = read(fds[0], out + n_out, sizeof(out) - 1 - n_out)) > 0)
		n_out += (size_t)n;
	close(fds[0]);
	(void)waitpid(pid, NULL, 0);
	assert_string_equal(out, prints);
	free(typed);
}

static void lines_survive_the_line_editor(void **state)
{
	check_typed("ip -br address", "ip -br address");
	check_typed("a\tb", "eval \"$(printf '%b' 'a\\0011b')\"");
	check_same("for i in 1 2; do\n\techo \"$i!\"\ndone", "1!\n2!\n");
	check_same("echo 'it'\\''s'\n# a comment", "it's\n");
	check_same("printf '%s\\n' 'a\\b\tc'", "a\\b\tc\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_found),
		cmocka_unit_test(a_word_is_found),
		cmocka_unit_test(words_survive_the_shell),
		cmocka_unit_test(lines_survive_the_line_editor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
