/*
 * Every command that a text of the programs tells somebody to type is one that its program
 * understands.
 *
 * The texts are the string literals of the sources, so none is missed and a new one needs no entry
 * here. In a text
 *   - what stands in backticks is a command of netcfg, vmm or vswitch, options of one, FIELD VALUE
 *     of an object, or a key of lab files: each is given to the parser that would read it, and
 *     nothing is run;
 *   - a command of ours stands in backticks;
 *   - an option (--word) is one of a program of ours.
 * Programs of others are quoted by apostrophes.
 */
#include "args.h"
#include "capture_opts.h"
#include "ctl_field.h"
#include "ctl_vswitch.h"
#include "err.h"
#include "grammar.h"
#include "options.h"
#include "topo_schema.h"
#include "trace_opts.h"

#include <ctype.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MAX_WORDS       32
#define MAX_CONVERSIONS 4

static struct args vmm_args; /* too large for the stack */
static unsigned n_quoted, n_wrong;

/* What a conversion of printf may stand for. */
static const char *const samples[] = {"p1", "port", "show", "10"};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* The words of a command, in buf. */
struct command {
	char buf[512];
	char *words[MAX_WORDS + 1];
	unsigned n;
};

/* What a user may write for a word such as VLANS; most are names, which may be anything. */
static const char *replace_placeholder(const char *word)
{
	if (!strncmp(word, "VLAN", 4))
		return "10";
	if (!strcmp(word, "OBJECT"))
		return "port";
	if (!strcmp(word, "VERB"))
		return "show";
	return strcmp(word, "\"\"") ? word : "";
}

/* Split text; "" is an empty word, [OPTIONAL] words lose their brackets. */
static void command_split(struct command *command, const char *text)
{
	char *out = command->buf, *save = NULL;

	for (; *text && out < command->buf + sizeof(command->buf) - 1; text++) {
		if (*text != '[' && *text != ']')
			*out++ = *text;
	}
	*out = '\0';
	command->n = 0;
	for (char *word = strtok_r(command->buf, " \n", &save); word && command->n < MAX_WORDS;
		word = strtok_r(NULL, " \n", &save)) {
		command->words[command->n++] = (char *)replace_placeholder(word);
	}
	command->words[command->n] = NULL;
}

/* How many words a command of netcfg takes, from what help says: "[NODE...]" -> 0 to many. */
static bool takes_args(const char *args, unsigned n)
{
	unsigned min = 0, max = 0;
	bool open = strstr(args, "...") != NULL;

	for (const char *at = args; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		max++;
		min += *at != '[' && at[len - 1] != ']';
		at += len;
	}
	return n >= min && (open || n <= max);
}

static bool netcfg_helps_with(const char *first, const char *second)
{
	const struct grammar_object *object;
	const struct grammar_command *command;
	const struct grammar_verb *verb;

	return !grammar_find_first(first, &object, &command, NULL) &&
	       (!second || (object && !grammar_find_verb(object, second, &verb, NULL)));
}

static bool netcfg_parses(char **words, unsigned n)
{
	struct opts opts = {0};
	struct grammar_request req;

	if (opts_parse(&opts, words, n, &n, NULL) < 0)
		return false;
	if (!n)
		return opts.help || opts.version;
	if (grammar_parse(words, n, &opts, &req, NULL) < 0)
		return false;
	if (!req.command)
		return true;
	if (!strcmp(req.command->name, "help") && req.n_args)
		return netcfg_helps_with(req.args[0], req.n_args > 1 ? req.args[1] : NULL);
	return takes_args(req.command->args, req.n_args);
}

static bool vmm_parses(char **words, unsigned n)
{
	return args_parse((int)n, words, &vmm_args, NULL) == 0;
}

static bool vswitch_parses(char **words, unsigned n)
{
	struct options options;

	return options_parse((int)n, words, &options, NULL) == 0;
}

/* Options alone, which the user gives to the program that he used. */
static bool options_parse_somewhere(struct command *command)
{
	char *words[MAX_WORDS + 2] = {(char *)"vswitch"};
	struct opts opts = {0};
	unsigned n, left = 0;

	for (n = 0; n < command->n; n++)
		words[n + 1] = command->words[n];
	return (!opts_parse(&opts, command->words, command->n, &left, NULL) && !left) ||
	       vswitch_parses(words, n + 1);
}

static bool is_lab_key(const char *word)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, ":"), word);
	for (const struct topo_schema *const *schema = topo_schemas; *schema; schema++) {
		if (topo_schema_find(*schema, name, NULL))
			return true;
	}
	return false;
}

static bool is_field(const struct grammar_verb *verb, const char *word, const char *value)
{
	union grammar_msg msg = {0};
	char name[64];

	for (unsigned i = 0; verb->takes == GRAMMAR_WORDS && i < verb->schema->n_fields; i++) {
		const struct ctl_field *field = &verb->schema->fields[i];

		if (grammar_field_usable(verb, field) &&
			!strcmp(grammar_field_word(field, name, sizeof(name)), word))
			return !ctl_field_parse(verb->schema, &msg, field->name, value, NULL);
	}
	return false;
}

/* FIELD VALUE... of any verb of any object. */
static bool are_fields(const struct command *command)
{
	for (unsigned o = 0; o < grammar_n_objects; o++) {
		for (unsigned v = 0; v < grammar_objects[o].n_verbs; v++) {
			const struct grammar_verb *verb = &grammar_objects[o].verbs[v];
			unsigned i = 0;

			while (i + 1 < command->n &&
				is_field(verb, command->words[i], command->words[i + 1]))
				i += 2;
			if (i == command->n)
				return true;
		}
	}
	return false;
}

static bool is_understood(const char *text)
{
	struct command command;

	command_split(&command, text);
	if (!command.n)
		return false;
	if (!strcmp(command.words[0], "netcfg"))
		return netcfg_parses(command.words + 1, command.n - 1);
	if (!strcmp(command.words[0], "vmm"))
		return vmm_parses(command.words, command.n);
	if (!strcmp(command.words[0], "vswitch"))
		return vswitch_parses(command.words, command.n);
	if (command.words[0][0] == '-')
		return options_parse_somewhere(&command);
	return is_lab_key(command.words[0]) || are_fields(&command);
}

/*
 * The text with sample number i for its i-th %s, and numbers for others. returns how many %s there
 * are
 */
static unsigned fill_in(const char *text, const unsigned *choice, char *out, size_t size)
{
	unsigned n = 0;
	size_t used = 0;

	while (*text && used + 8 < size) {
		size_t len;

		if (*text != '%') {
			out[used++] = *text++;
			continue;
		}
		len = 1 + strcspn(text + 1, "sudxlc%");
		while (text[len] == 'l')
			len++;
		used += (size_t)snprintf(out + used, size - used, "%s",
			text[len] == 's' && n < MAX_CONVERSIONS ? samples[choice[n]] : "100");
		n += text[len] == 's';
		text += len + 1;
	}
	out[used] = '\0';
	return n < MAX_CONVERSIONS ? n : MAX_CONVERSIONS;
}

/* With one choice of samples at least. */
static bool is_understood_with_samples(const char *text)
{
	unsigned choice[MAX_CONVERSIONS] = {0}, n, i;
	char filled[600];

	do {
		n = fill_in(text, choice, filled, sizeof(filled));
		if (is_understood(filled))
			return true;
		for (i = 0; i < n && ++choice[i] == N_SAMPLES; i++)
			choice[i] = 0;
	} while (i < n);
	return false;
}

__attribute__((format(printf, 3, 4))) static void wrong(const char *file, unsigned line,
	const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error("%s:%u: ", file, line);
	vprint_error(fmt, args);
	print_error("\n");
	va_end(args);
	n_wrong++;
}

/* Where a command of ours begins in a text; NULL = nowhere. */
static const char *find_command(const char *text)
{
	static const char *const programs[] = {"netcfg ", "vmm ", "vswitch "};
	static const char *const of_vmm[] = {"run ", "check "};

	for (const char *at = text; *at; at++) {
		if (at > text && (isalnum((unsigned char)at[-1]) || strchr("_-/.", at[-1])))
			continue;
		for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
			const char *next = at + strlen(programs[i]);
			char word[32];

			if (strncmp(at, programs[i], strlen(programs[i])) != 0)
				continue;
			if (*next == '-')
				return at;
			(void)snprintf(word, sizeof(word), "%.*s ",
				(int)strspn(next, "abcdefghijklmnopqrstuvwxyz"), next);
			for (unsigned c = 0; i == 0 && c < grammar_n_commands; c++) {
				if (!strncmp(word, grammar_commands[c].name, strlen(word) - 1) &&
					strlen(grammar_commands[c].name) == strlen(word) - 1)
					return at;
			}
			for (unsigned o = 0; i == 0 && o < grammar_n_objects; o++) {
				if (!strncmp(word, grammar_objects[o].name, strlen(word) - 1) &&
					strlen(grammar_objects[o].name) == strlen(word) - 1)
					return at;
			}
			if (i == 1 && (!strcmp(word, of_vmm[0]) || !strcmp(word, of_vmm[1])))
				return at;
		}
	}
	return NULL;
}

static void print_options(FILE *out, const struct opt *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %s %s ", table[i].name, table[i].alias ? table[i].alias : "");
}

/* All that the three programs say of their options. */
static const char *usage_of_all(void)
{
	static char *text;
	size_t size;
	FILE *out;

	if (text)
		return text;
	out = open_memstream(&text, &size);
	assert_non_null(out);
	args_print_usage(out);
	fprintf(out, "%s", options_usage());
	print_options(out, opts_table, opts_n);
	print_options(out, capture_opts_table, CAPTURE_OPTS_N);
	print_options(out, trace_opts_table, TRACE_OPTS_N);
	fclose(out);
	return text;
}

static bool is_option(const char *word, size_t len)
{
	for (const char *at = usage_of_all(); (at = strstr(at, "--")); at++) {
		if (!strncmp(at, word, len) && !isalnum((unsigned char)at[len]) && at[len] != '-')
			return true;
	}
	return false;
}

static void check_options(const char *text, const char *file, unsigned line)
{
	if (!strchr(text, ' '))
		return; /* an argument for somebody */
	for (const char *at = text; (at = strstr(at, "--"));) {
		size_t len = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");

		if (len > 2 && !is_option(at, len))
			wrong(file, line, "no program has the option '%.*s'", (int)len, at);
		at += len;
	}
}

static void check_text(const char *text, const char *file, unsigned line)
{
	char *copy = strdup(text), *part = copy, *end;
	bool quoted = false;
	bool shows = !strncmp(text, "usage:", 6) ||
		     text[0] == '#'; /* usage, or a script: nothing but commands */

	assert_non_null(copy);
	check_options(text, file, line);
	for (; part; part = end ? end + 1 : NULL, quoted = !quoted) {
		end = strchr(part, '`');
		if (end)
			*end = '\0';
		else if (quoted)
			wrong(file, line, "a backtick is not closed: \"%s\"", text);
		if (quoted && end) {
			n_quoted++;
			if (!is_understood_with_samples(part))
				wrong(file, line,
					"`%s` is nothing that our programs or lab files understand",
					part);
		} else if (!quoted && !shows && find_command(part)) {
			wrong(file, line, "a command is not in backticks: \"%s\"",
				find_command(part));
		}
	}
	free(copy);
}

/* Skip a comment or a character in quotes at at; at itself if there is neither. */
static const char *skip_other(const char *at)
{
	if (at[0] == '/' && at[1] == '/')
		return at + strcspn(at, "\n");
	if (at[0] == '/' && at[1] == '*') {
		const char *end = strstr(at + 2, "*/");

		return end ? end + 2 : at + strlen(at);
	}
	if (at[0] == '\'') {
		for (at++; *at && *at != '\''; at++)
			at += *at == '\\' && at[1];
		return *at ? at + 1 : at;
	}
	return at;
}

/* One literal, from its quotation mark; appended to out. returns behind it */
static const char *read_literal(const char *at, char *out, size_t size)
{
	size_t used = strlen(out);

	for (at++; *at && *at != '"'; at++) {
		char c = *at;

		if (c == '\\' && at[1]) {
			c = *++at;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : isdigit((unsigned char)c) ? ' ' : c;
		}
		if (used + 1 < size)
			out[used++] = c;
	}
	out[used] = '\0';
	return *at ? at + 1 : at;
}

/* Each literal; those that stand side by side are one. */
static void check_source(const char *source, const char *file)
{
	static char text[1 << 14];
	unsigned line = 1, began = 0;
	const char *at = source;

	text[0] = '\0';
	while (*at) {
		const char *next = skip_other(at);

		if (next == at && *at == '"') {
			began = began ? began : line;
			next = read_literal(at, text, sizeof(text));
		} else if (next == at) {
			if (began && !isspace((unsigned char)*at)) {
				check_text(text, file, began);
				text[0] = '\0';
				began = 0;
			}
			next = at + 1;
		}
		for (; at < next; at++)
			line += *at == '\n';
	}
}

static int check_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	size_t len = strlen(path);
	char *source;
	FILE *in;

	if (flag != FTW_F || len < 2 ||
		(strcmp(path + len - 2, ".c") && strcmp(path + len - 2, ".h")))
		return 0;
	source = calloc(1, (size_t)st->st_size + 1);
	in = fopen(path, "r");
	if (!in || !source || fread(source, 1, (size_t)st->st_size, in) != (size_t)st->st_size)
		fail_msg("cannot read %s", path);
	fclose(in);
	check_source(source, path);
	free(source);
	return 0;
}

static void what_programs_tell_to_type_is_understood(void **state)
{
	static const char *const folders[] = {"lib", "netcfg", "vmm", "vswitch"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, folders[i]);
		assert_int_equal(nftw(path, check_file, 8, FTW_PHYS), 0);
	}
	assert_true(n_quoted > 100); /* it found them */
	assert_int_equal(n_wrong, 0);
}

/* The judge itself: what it lets pass and what not. */
static void wrong_words_are_found(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"netcfg port set %s native %u", true},
		{"netcfg port set %s nativ_ %u", false},
		{"netcfg port set %s native %u x", false},
		{"netcfg help %s %s", true},
		{"netcfg help port shoe", false},
		{"netcfg apply FILE", true},
		{"netcfg apply A B", false},
		{"netcfg console NAME --log", true},
		{"netcfg console NAME --logs", false},
		{"netcfg exec NAME -- COMMAND", true},
		{"netcfg shwo", false},
		{"vmm check", true},
		{"vmm chek", false},
		{"vmm run --kernel FILE", true},
		{"vmm run --kernels FILE", false},
		{"vswitch --help", true},
		{"vswitch --hlp", false},
		{"--allow %s", true},
		{"--alow %s", false},
		{"version: 1", true},
		{"versoin: 1", false},
		{"tag 10", true},
		{"tag=10", false},
		{"tag 10 trunks", false},
		{"ulimit -l", false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (is_understood_with_samples(cases[i].text) != cases[i].good)
			fail_msg("`%s` %s", cases[i].text, cases[i].good ? "is refused" : "passes");
	}
	check_text("see netcfg port show", "case", 1);
	check_text("see `netcfg port show", "case", 2);
	check_text("try --colums", "case", 3);
	check_source("f(\"see `netcfg \" /* no */ '\"' \"x\");", "case");
	assert_int_equal(n_wrong, 4);
	n_wrong = n_quoted = 0;
	check_text("see `netcfg port show`, another netcfg is at it", "case", 1);
	check_source("f(\"see `netcfg port \" /* \" */\n\t\"show`\"); // `\"", "case");
	assert_int_equal(n_wrong, 0);
	assert_int_equal(n_quoted, 2);
	n_quoted = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_words_are_found),
		cmocka_unit_test(what_programs_tell_to_type_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
