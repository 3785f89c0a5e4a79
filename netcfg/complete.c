#include "complete.h"

#include "ctl_field.h"
#include "diag.h"
#include "grammar.h"
#include "show_switch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORDS 64

struct line {
	char *plain[MAX_WORDS]; /* before the cursor, without options and their values */
	unsigned n;
	const char *cur;
	complete_fn *fn;
	void *ctx;
};

/* Options */

/* Each of "auto|always|never", after prefix. */
static void offer_choices(struct line *line, const char *prefix, const char *choices)
{
	char word[80];

	for (size_t len; *choices; choices += len + (choices[len] == '|')) {
		len = strcspn(choices, "|");
		(void)snprintf(word, sizeof(word), "%s%.*s", prefix, (int)len, choices);
		line->fn(line->ctx, word);
	}
}

/* The verb of the words before the cursor that shows something; NULL = none. */
static const struct grammar_verb *find_shown(const struct line *line)
{
	const struct grammar_object *object = NULL;
	const struct grammar_command *command = NULL;
	const struct grammar_verb *verb = NULL;

	if (!line->n || grammar_find_first(line->plain[0], &object, &command, NULL) || !object)
		return NULL;
	for (unsigned i = 1; i < line->n && i < 3; i++) { /* a name may stand before its verb */
		if (!grammar_find_verb(object, line->plain[i], &verb, NULL))
			return verb;
	}
	return grammar_find_verb(object, "show", &verb, NULL) ? NULL : verb;
}

/* Each column behind those that stand there, with a comma between. */
static void offer_columns(struct line *line, const char *prefix)
{
	const struct grammar_verb *verb = find_shown(line);
	const char *value = line->cur + strlen(prefix), *comma = strrchr(value, ',');
	struct show_column columns[SHOW_MAX_COLUMNS];
	unsigned n = verb && verb->method ? show_switch_columns(verb->method, columns) : 0;
	char word[256];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(word, sizeof(word), "%s%.*s%s", prefix,
			(int)(comma ? comma + 1 - value : 0), value, columns[i].title);
		line->fn(line->ctx, word);
	}
}

/* prefix: what of the word stands before the value. */
static unsigned offer_value(struct line *line, const struct opt *opt, const char *prefix)
{
	if (!strcmp(opt->name, "--columns"))
		offer_columns(line, prefix);
	else if (!strcmp(opt->name, "--allow"))
		offer_choices(line, prefix, "restart|stop");
	else if (opt->value && strchr(opt->value, '|'))
		offer_choices(line, prefix, opt->value);
	else if (opt->value && !strcmp(opt->value, "LAB"))
		return COMPLETE_LABS;
	else if (opt->value && (!strcmp(opt->value, "FILE") || !strcmp(opt->value, "DIR") ||
				       !strcmp(opt->value, "SOCKET")))
		return COMPLETE_FILES;
	return 0;
}

/* The command with options of its own that the line is of; NULL: it is none. */
static const struct grammar_command *own_command(const struct line *line)
{
	return line->n ? grammar_with_options(line->plain[0]) : NULL;
}

/* An option of the command, or of all. */
static const struct opt *find_option(const struct line *line, const char *word)
{
	const struct grammar_command *own = own_command(line);
	const struct opt *opt = own ? opts_find_in(own->options, own->n_options, word) : NULL;

	return opt ? opt : opts_find(word);
}

static void offer_table(struct line *line, const struct opt *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line->fn(line->ctx, table[i].name);
		if (table[i].alias)
			line->fn(line->ctx, table[i].alias);
	}
}

static unsigned offer_options(struct line *line)
{
	const struct grammar_command *own = own_command(line);
	const char *equals = strchr(line->cur, '=');
	const struct opt *opt = equals ? find_option(line, line->cur) : NULL;
	char prefix[64];

	if (opt && opt->value) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(equals + 1 - line->cur),
			line->cur);
		return offer_value(line, opt, prefix);
	}
	if (own)
		offer_table(line, own->options, own->n_options);
	offer_table(line, opts_table, opts_n);
	return 0;
}

/* Objects */

/* Names of what the object is about. */
static unsigned names_of(const struct grammar_object *object)
{
	static const struct {
		const char *object;
		unsigned live;
	} names[] = {
		{"bridge", COMPLETE_BRIDGES},
		{"port", COMPLETE_PORTS},
		/* Ports on bridges go up and down as links do. */
		{"link", COMPLETE_LINKS | COMPLETE_PORTS},
		{"vlan", COMPLETE_BRIDGES | COMPLETE_PORTS},
		{"fdb", COMPLETE_BRIDGES},
		{"node", COMPLETE_NODES},
		{"nic", COMPLETE_NICS},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i].object, object->name))
			return names[i].live;
	}
	return 0;
}

/* Behind a number, each unit that it may have. */
static void offer_units(struct line *line, enum measure measure)
{
	size_t len = strlen(line->cur);
	const char *unit;
	char word[64];

	if (!len || strspn(line->cur, "0123456789.") != len)
		return;
	for (unsigned i = 0; (unit = measure_unit(measure, i)); i++) {
		(void)snprintf(word, sizeof(word), "%s%s", line->cur, unit);
		line->fn(line->ctx, word);
	}
}

/* What a field's value may be: by its kind, or names of other things. */
static unsigned offer_field(struct line *line, const struct ctl_field *field)
{
	static const struct {
		const char *field;
		unsigned live;
	} names[] = {
		{"bridge", COMPLETE_BRIDGES},
		{"port", COMPLETE_PORTS},
		{"a", COMPLETE_PORTS},
		{"b", COMPLETE_PORTS},
		{"dev", COMPLETE_NICS},
		{"path", COMPLETE_FILES},
		{"netns", COMPLETE_FILES},
		{"rx_file", COMPLETE_FILES},
		{"tx_file", COMPLETE_FILES},
	};

	if (field->kind == CTL_KIND_BOOL)
		offer_choices(line, "", "on|off");
	else if (field->kind == CTL_KIND_VLANS)
		line->fn(line->ctx, "all");
	else if (field->measure)
		offer_units(line, field->measure);
	for (unsigned i = 0; field->kind == CTL_KIND_ENUM && field->names[i]; i++) {
		if (ctl_field_offers(field, i))
			line->fn(line->ctx, field->names[i]);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i].field, field->name))
			return names[i].live;
	}
	return 0;
}

/* whole: the message within whose word came last; NULL = none did. */
static const struct ctl_field *find_field(const struct grammar_verb *verb,
	const struct ctl_field *whole, const char *word)
{
	const struct ctl_struct *sub = whole ? whole->sub : grammar_sub_schema(verb);
	const struct ctl_field *field = sub ? grammar_find_word(sub, word) : NULL;

	if (field)
		return field;
	field = grammar_find_word(verb->schema, word);
	return field && grammar_field_usable(verb, field) ? field : NULL;
}

static void offer_field_words(struct line *line, const struct grammar_verb *verb,
	const struct ctl_field *whole)
{
	const struct ctl_struct *sub = whole ? whole->sub : grammar_sub_schema(verb);
	char name[64];

	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		const struct ctl_field *field = &verb->schema->fields[i];

		if (grammar_field_usable(verb, field))
			line->fn(line->ctx, grammar_field_word(field, name, sizeof(name)));
	}
	for (unsigned i = 0; sub && i < sub->n_fields; i++)
		line->fn(line->ctx, grammar_field_word(&sub->fields[i], name, sizeof(name)));
}

/* The field whose value comes behind args[n]; NULL: a field's word does, behind that of
 * ret_whole. */
static const struct ctl_field *field_before(const struct grammar_verb *verb, char *const *args,
	unsigned n, const struct ctl_field **ret_whole)
{
	*ret_whole = NULL;
	for (unsigned i = 0; i < n; i += 2) {
		const struct ctl_field *field = find_field(verb, *ret_whole, args[i]);

		if (field && field->kind == CTL_KIND_MSG) {
			*ret_whole = field;
			i--; /* has no value */
		} else if (i + 1 == n) {
			return field;
		}
	}
	return NULL;
}

static unsigned offer_position(struct line *line, const struct grammar_object *object,
	const struct grammar_verb *verb, const char *position)
{
	if (!strcmp(position, "name")) /* a new name is nobody's */
		return strcmp(verb->name, "add") != 0 ? names_of(object) : 0;
	if (!strcmp(position, "bridge") || !strcmp(position, "dev"))
		return names_of(object);
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		if (!strcmp(verb->schema->fields[i].name, position))
			return offer_field(line, &verb->schema->fields[i]);
	}
	return 0;
}

/* After a verb: names by position, then fields and their values in turn. */
static unsigned offer_after_verb(struct line *line, const struct grammar_object *object,
	const struct grammar_verb *verb, char *const *args, unsigned n)
{
	unsigned position = 0;
	const struct ctl_field *field, *whole;

	if (verb->target == GRAMMAR_VMM || verb->target == GRAMMAR_LAB)
		return COMPLETE_NODES;
	while (n && position < GRAMMAR_MAX_POSITIONS && verb->positions[position] &&
		(position < verb->n_required || !find_field(verb, NULL, args[0]))) {
		position++;
		args++;
		n--;
	}
	if (!n && position < GRAMMAR_MAX_POSITIONS && verb->positions[position]) {
		if (position >= verb->n_required)
			offer_field_words(line, verb, NULL);
		return offer_position(line, object, verb, verb->positions[position]);
	}
	if (verb->takes == GRAMMAR_NAMES)
		return names_of(object);
	field = field_before(verb, args, n, &whole);
	if (field)
		return offer_field(line, field);
	offer_field_words(line, verb, whole);
	return 0;
}

static void offer_verbs(struct line *line, const struct grammar_object *object)
{
	for (unsigned i = 0; i < object->n_verbs; i++)
		line->fn(line->ctx, object->verbs[i].name);
}

static unsigned offer_of_object(struct line *line, const struct grammar_object *object)
{
	const struct grammar_verb *verb;

	if (line->n == 1) { /* a name may stand before its verb */
		offer_verbs(line, object);
		return names_of(object);
	}
	if (!grammar_find_verb(object, line->plain[1], &verb, NULL))
		return offer_after_verb(line, object, verb, line->plain + 2, line->n - 2);
	if (line->n == 2) {
		offer_verbs(line, object);
		return 0;
	}
	if (grammar_find_verb(object, line->plain[2], &verb, NULL))
		return 0;
	line->plain[2] = line->plain[1];
	return offer_after_verb(line, object, verb, line->plain + 2, line->n - 2);
}

/* Commands */

static void offer_first(struct line *line, bool commands)
{
	for (unsigned i = 0; commands && i < grammar_n_commands; i++)
		line->fn(line->ctx, grammar_commands[i].name);
	for (unsigned i = 0; i < grammar_n_objects; i++)
		line->fn(line->ctx, grammar_objects[i].name);
}

static void offer_codes(struct line *line)
{
	char code[16];

	for (unsigned i = 1; diag_explain(i); i++) {
		(void)snprintf(code, sizeof(code), "E%02u", i);
		line->fn(line->ctx, code);
	}
}

static unsigned offer_help(struct line *line)
{
	const struct grammar_object *object = NULL;
	const struct grammar_command *command;

	if (line->n == 1)
		offer_first(line, true);
	else if (line->n == 2 && !grammar_find_first(line->plain[1], &object, &command, NULL) &&
		 object)
		offer_verbs(line, object);
	return 0;
}

/* By what its help says it takes. */
static unsigned offer_of_command(struct line *line, const struct grammar_command *command)
{
	const char *args = command->args;

	if (!strcmp(command->name, "help"))
		return offer_help(line);
	if (!strcmp(args, "[NODE...]"))
		return COMPLETE_NODES;
	if (!strncmp(args, "PORT...", strlen("PORT..."))) {
		line->fn(line->ctx, "any");
		return COMPLETE_PORTS | COMPLETE_LINKS | COMPLETE_BRIDGES;
	}
	if (line->n > 1)
		return 0;
	if (!strcmp(args, "CODE"))
		offer_codes(line);
	if (!strcmp(command->name, "completion"))
		line->fn(line->ctx, "bash");
	return (strstr(args, "FILE") ? COMPLETE_FILES : 0) |
	       (strstr(args, "LAB") ? COMPLETE_LABS : 0) |
	       (strstr(args, "NODE") ? COMPLETE_NODES : 0);
}

unsigned complete(char *const *words, unsigned n, complete_fn *fn, void *ctx, struct opts *ret_opts)
{
	struct line line = {.cur = n ? words[n - 1] : "", .fn = fn, .ctx = ctx};
	const struct grammar_object *object = NULL;
	const struct grammar_command *command = NULL;
	char *copy[MAX_WORDS];
	unsigned left;

	*ret_opts = (struct opts){0};
	for (unsigned i = 0; i + 1 < n; i++) {
		const struct opt *opt =
			opts_is_option(words[i]) ? find_option(&line, words[i]) : NULL;
		bool is_own = opt && opt != opts_find(words[i]);

		if (!strcmp(words[i], "--"))
			return 0; /* a command for a guest */
		if (!opts_is_option(words[i]) && line.n < MAX_WORDS)
			line.plain[line.n++] = words[i];
		if (!opt || !opts_wants_word(opt) || strchr(words[i], '=')) {
			copy[0] = words[i];
			if (opt && !is_own)
				(void)opts_parse(ret_opts, copy, 1, &left, NULL);
			continue;
		}
		if (i + 2 == n)
			return offer_value(&line, opt, "");
		copy[0] = words[i];
		copy[1] = words[++i];
		if (!is_own)
			(void)opts_parse(ret_opts, copy, 2, &left, NULL);
	}
	if (line.cur[0] == '-')
		return offer_options(&line);
	if (!line.n)
		offer_first(&line, true);
	else if (!grammar_find_first(line.plain[0], &object, &command, NULL))
		return object ? offer_of_object(&line, object) : offer_of_command(&line, command);
	return 0;
}
