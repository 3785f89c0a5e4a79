#include "err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void set_returns_code_and_keeps_text(void **state)
{
	struct err err = {.hint = "old", .field = "old", .name = "Old"};

	assert_int_equal(err_set(&err, -EINVAL, "port '%s': VLAN %u", "p0", 4095u), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.msg, "port 'p0': VLAN 4095");
	assert_string_equal(err.hint, "");
	assert_string_equal(err.field, "");
	assert_string_equal(err.name, "");
}

static void set_may_quote_itself(void **state)
{
	struct err err = {0};

	(void)err_set(&err, -EIO, "inner");
	(void)err_hint(&err, "try");
	(void)err_set_field(&err, -EBUSY, err.msg, "outer of %s, %s", err.msg, err.hint);
	assert_string_equal(err.msg, "outer of inner, try");
	assert_string_equal(err.field, "inner");
}

static void prefix_nests_and_keeps_the_rest(void **state)
{
	struct err err = {0};

	(void)err_set_field(&err, -ERANGE, "vlan", "VLAN 0");
	err_hint(&err, "use 1");
	err_name(&err, "BadVlan");
	assert_int_equal(err_prefix(&err, "link %d", 2), -ERANGE);
	assert_int_equal(err_prefix(&err, "topology '%s'", "lab1"), -ERANGE);
	assert_string_equal(err.msg, "topology 'lab1': link 2: VLAN 0");
	assert_string_equal(err.field, "vlan");
	assert_string_equal(err.hint, "use 1");
	assert_string_equal(err.name, "BadVlan");
}

static void prefix_of_nothing_has_no_colon(void **state)
{
	struct err err = {.code = -EIO};

	(void)err_prefix(&err, "disk");
	assert_string_equal(err.msg, "disk");
}

static void null_is_accepted_everywhere(void **state)
{
	err_clear(NULL);
	assert_int_equal(err_set(NULL, -EPERM, "x"), -EPERM);
	assert_int_equal(err_set_field(NULL, -EPERM, "f", "x"), -EPERM);
	assert_int_equal(err_prefix(NULL, "x"), -EIO);
	err_hint(NULL, "x");
	err_name(NULL, "X");
	err_print(NULL, "p");
}

static void long_texts_are_cut_and_terminated(void **state)
{
	char text[2 * ERR_MSG_SIZE];
	struct err err = {0};

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)err_set_field(&err, -EIO, text, "%s", text);
	err_hint(&err, "%s", text);
	err_name(&err, text);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(err_prefix(&err, "%s", text), -EIO);
		assert_in_range(strlen(err.msg), ERR_MSG_SIZE - 4, ERR_MSG_SIZE - 1);
	}
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
	assert_int_equal(strlen(err.name), sizeof(err.name) - 1);
}

/* What err_print() writes, by way of a file in place of stderr. */
static void printed(const struct err *err, char *text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_non_null(file);
	assert_true(saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	err_print(err, "netcfg");
	(void)fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	n = pread(fileno(file), text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	(void)fclose(file);
}

static void print_gives_message_then_hint(void **state)
{
	struct err err = {0};
	char text[256];

	printed(&err, text, sizeof(text));
	assert_string_equal(text, "");
	(void)err_set(&err, -ENOENT, "bridge 'br0' not found");
	printed(&err, text, sizeof(text));
	assert_string_equal(text, "netcfg: error: bridge 'br0' not found\n");
	err_hint(&err, "add it");
	printed(&err, text, sizeof(text));
	assert_string_equal(text, "netcfg: error: bridge 'br0' not found\nnetcfg: hint: add it\n");
	err.msg[0] = err.hint[0] = '\0';
	printed(&err, text, sizeof(text));
	assert_string_equal(text, "netcfg: error: No such file or directory\n");
}

static void last_words_are_read_back(void **state)
{
	static const struct {
		const char *text, *msg, *hint;
	} cases[] = {
		{"vmm: error: kernel 'k': none\nvmm: hint: give it one\n", "kernel 'k': none",
			"give it one"},
		{"info net: connected\nvmm: error: a: b: c\n\n", "a: b: c", ""},
		{"vmm: error: old\nvmm: error: new\n", "new", ""},
		{"vmm: error: tab\there", "tab here", ""},
		{"vmm: error: old\nnotice net: connected\n", NULL, ""},
		{"info net: error: connected\n", NULL, ""},
		{"vmm: hint: of nothing\n", NULL, ""},
		{"vmm: error:", NULL, ""},
		{"\n", NULL, ""},
		{"", NULL, ""},
	};
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = err_read_last(cases[i].text, &err);

		if (found != (cases[i].msg != NULL) || (found && strcmp(err.msg, cases[i].msg)) ||
			strcmp(err.hint, cases[i].hint) || err.code != (found ? -EIO : 0))
			fail_msg("'%s': '%s' '%s'", cases[i].text, err.msg, err.hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_words_are_read_back),
		cmocka_unit_test(set_returns_code_and_keeps_text),
		cmocka_unit_test(set_may_quote_itself),
		cmocka_unit_test(prefix_nests_and_keeps_the_rest),
		cmocka_unit_test(prefix_of_nothing_has_no_colon),
		cmocka_unit_test(null_is_accepted_everywhere),
		cmocka_unit_test(long_texts_are_cut_and_terminated),
		cmocka_unit_test(print_gives_message_then_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
