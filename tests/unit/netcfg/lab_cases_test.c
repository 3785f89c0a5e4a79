/*
 * Labs as people write them: tests/data/labs/cases, many to a file, each with what it is answered.
 *
 *   == a key misspelt                     the name of the case
 *   nodes:                                the lab
 *     r1: { vcpu: 2 }
 *   => 2:9 E03 a node has no key "vcpu"   each error: line:column, code, text; or "=> accepted"
 *      ? did you mean "vcpus"?            and its hint
 *
 * What a case does not say of version, name, images and defaults is added below it, unless its name
 * has [whole]. In a lab <09> is the byte of that hexadecimal value, and <30*[> is [ 30 times. Lines
 * before the first case are comments.
 */
#include "state.h"
#include "topo.h"
#include "topo_yaml.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CASES_DIR LABS_DIR "/cases"

/* A text that grows. */
struct text {
	FILE *out;
	char *bytes;
	size_t size;
};

static void text_begin(struct text *text)
{
	*text = (struct text){0};
	text->out = open_memstream(&text->bytes, &text->size);
	assert_non_null(text->out);
}

static void text_end(struct text *text)
{
	assert_int_equal(fclose(text->out), 0);
	text->out = NULL;
}

/* ---- One case -------------------------------------------------------------------------------- */

/* A line of a lab, with <HH> and <N*TEXT> written out. */
static void put_line(FILE *out, const char *line)
{
	while (*line) {
		char *after;
		unsigned long n = strtoul(line + 1, &after, 10);
		const char *end = strchr(line, '>');

		if (*line == '<' && end && isdigit((unsigned char)line[1]) && *after == '*') {
			while (n--)
				fwrite(after + 1, 1, (size_t)(end - after - 1), out);
			line = end + 1;
		} else if (*line == '<' && end == line + 3 && isxdigit((unsigned char)line[1]) &&
			   isxdigit((unsigned char)line[2])) {
			fputc((int)strtoul(line + 1, NULL, 16), out);
			line = end + 1;
		} else {
			fputc(*line++, out);
		}
	}
	fputc('\n', out);
}

static bool says(const char *lab, const char *key)
{
	size_t len = strlen(key);

	for (; lab; lab = strchr(lab, '\n')) {
		lab += *lab == '\n';
		if (!strncmp(lab, key, len))
			return true;
	}
	return false;
}

/* What a case does not say, in the order of the manual page. A lab in pieces stays as it is. */
static void complete(struct text *lab)
{
	static const char *const lines[] = {"version: 1\n", "name: t\n",
		"images: { i: { kernel: /dev/null } }\n", "defaults: { node: { image: i } }\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(lines[i], ":"), lines[i]);
		fflush(lab->out);
		if (!says(lab->bytes, key))
			fputs(lines[i], lab->out);
	}
}

static void put_answer(FILE *out, const struct diag *diag)
{
	for (unsigned i = 0; i < diag->n && i < DIAG_MAX; i++) {
		const struct diag_item *item = &diag->items[i];

		fprintf(out, "=> %u:%u E%02d %s\n", item->mark.line, item->mark.column, item->code,
			item->text);
		if (item->hint[0])
			fprintf(out, "   ? %s\n", item->hint);
	}
	if (diag->n > DIAG_MAX)
		fprintf(out, "=> and %u more\n", diag->n - DIAG_MAX);
	if (!diag->n)
		fputs("=> accepted\n", out);
}

/* As `netcfg validate` does. */
static void answer(const struct text *lab, struct text *ret_answer)
{
	struct diag diag = {.file = "t.yaml", .text = lab->bytes, .size = lab->size};
	struct topo topo;
	struct state state = {0};
	struct err err = {0};

	text_begin(ret_answer);
	if (!topo_parse(CASES_DIR, true, &diag, &topo) &&
		state_from_topo(&topo, "/run/weft/t", &state, &err))
		fprintf(ret_answer->out, "=> without a place: %s\n", err.msg);
	else
		put_answer(ret_answer->out, &diag);
	state_done(&state);
	topo_done(&topo);
	text_end(ret_answer);
}

/* ---- Files of cases -------------------------------------------------------------------------- */

struct cases {
	FILE *in;
	char *line;
	size_t capacity;
	unsigned n, n_failed;
};

/* The next line, without its end; false: there is none. */
static bool next_line(struct cases *cases)
{
	ssize_t len = getline(&cases->line, &cases->capacity, cases->in);

	if (len > 0 && cases->line[len - 1] == '\n')
		cases->line[len - 1] = '\0';
	return len >= 0;
}

/* From the name of one case to that of the next. */
static bool check_case(struct cases *cases)
{
	struct text lab, expected, got;
	char *name = strdup(cases->line + 3);
	bool more;

	assert_non_null(name);
	text_begin(&lab);
	text_begin(&expected);
	while ((more = next_line(cases)) && strncmp(cases->line, "=> ", 3) != 0) {
		assert_true(strncmp(cases->line, "== ", 3) != 0);
		put_line(lab.out, cases->line);
	}
	do {
		if (more && cases->line[0] && strncmp(cases->line, "== ", 3) != 0)
			fprintf(expected.out, "%s\n", cases->line);
	} while (more && strncmp(cases->line, "== ", 3) != 0 && (more = next_line(cases)));
	if (!strstr(name, "[whole]"))
		complete(&lab);
	text_end(&lab);
	text_end(&expected);
	answer(&lab, &got);
	cases->n++;
	if (strcmp(expected.bytes, got.bytes) != 0) {
		cases->n_failed++;
		print_error("== %s\n-- expected\n%s-- got\n%s", name, expected.bytes, got.bytes);
	}
	free(lab.bytes);
	free(expected.bytes);
	free(got.bytes);
	free(name);
	return more;
}

static void check_file(struct cases *cases, const char *file_name)
{
	char path[512];
	bool more;

	(void)snprintf(path, sizeof(path), CASES_DIR "/%s", file_name);
	cases->in = fopen(path, "r");
	assert_non_null(cases->in);
	while ((more = next_line(cases)) && strncmp(cases->line, "== ", 3) != 0)
		;
	while (more)
		more = check_case(cases);
	fclose(cases->in);
}

static int is_cases(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".cases");
}

static void every_lab_has_its_answer(void **state)
{
	struct cases cases = {0};
	struct dirent **entries;
	int n = scandir(CASES_DIR, &entries, is_cases, alphasort);

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		check_file(&cases, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	free(cases.line);
	assert_true(cases.n >= 200);
	if (cases.n_failed)
		fail_msg("%u of %u labs", cases.n_failed, cases.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_lab_has_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
