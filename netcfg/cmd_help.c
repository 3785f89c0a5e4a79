/* Help, drawn from the tables of grammar.c and opts.c. */
#include "cmd.h"
#include "ctl_field.h"
#include "port_type.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_table(const char *title, const struct opt *table, size_t n)
{
	printf("\n%s:\n", title);
	for (size_t i = 0; i < n; i++) {
		const struct opt *opt = &table[i];
		bool maybe = opt->kind == OPT_TEXT_MAYBE || opt->kind == OPT_SECONDS_MAYBE ||
			     opt->kind == OPT_PERIOD_MAYBE;
		char left[64];

		(void)snprintf(left, sizeof(left), "%s%s%s%s%s%s", opt->name,
			opt->alias ? ", " : "", opt->alias ? opt->alias : "",
			opt->value ? (maybe ? "[=" : " ") : "", opt->value ? opt->value : "",
			opt->value && maybe ? "]" : "");
		printf("  %-34s %s\n", left, opt->help);
	}
}

static void print_options(void)
{
	print_table("options", opts_table, opts_n);
}

static void print_all(void)
{
	printf("usage: netcfg [OPTIONS] COMMAND [ARGUMENTS]            a whole lab\n"
	       "       netcfg [OPTIONS] OBJECT [VERB] [NAME] [FIELD VALUE]...\n\ncommands:\n");
	for (unsigned i = 0; i < grammar_n_commands; i++) {
		const struct grammar_command *command = &grammar_commands[i];
		char left[64];

		(void)snprintf(left, sizeof(left), "%s %s", command->name, command->args);
		printf("  %-28s %s%s%s%s\n", left, command->help, command->synonym ? " (also " : "",
			command->synonym ? command->synonym : "", command->synonym ? ")" : "");
	}
	printf("\nobjects:\n");
	for (unsigned i = 0; i < grammar_n_objects; i++) {
		const struct grammar_object *object = &grammar_objects[i];
		char left[32];

		(void)snprintf(left, sizeof(left), "%s%s%s", object->name,
			object->short_name ? ", " : "",
			object->short_name ? object->short_name : "");
		printf("  %-14s %s:", left, object->help);
		for (unsigned j = 0; j < object->n_verbs; j++)
			printf(" %s", object->verbs[j].name);
		printf("\n");
	}
	print_options();
	printf("\nexit status: 0 done, 1 failed, 2 bad usage or file, 3 differences found, 4 timed "
	       "out\n"
	       "more: `netcfg help OBJECT [VERB]`; netcfg(1), weft-lab(5)\n");
}

static void print_usage(const struct grammar_object *object, const struct grammar_verb *verb)
{
	printf("  netcfg %s %s", object->name, verb->name);
	for (unsigned i = 0; i < GRAMMAR_MAX_POSITIONS && verb->positions[i]; i++)
		printf(i < verb->n_required ? " %s" : " [%s]", verb->positions[i]);
	if (verb->target == GRAMMAR_VMM || verb->target == GRAMMAR_LAB)
		printf(verb->n_required ? " NAME" : " [NAME]");
	if (verb->takes == GRAMMAR_NAMES)
		printf("...");
	if (verb->takes == GRAMMAR_WORDS)
		printf(" [FIELD VALUE]...");
	printf("\n      %s\n", verb->help);
}

static const char *kind_text(const struct ctl_field *field, char *buf, size_t size)
{
	char least[MEASURE_TEXT_SIZE], most[MEASURE_TEXT_SIZE];
	size_t used = 0;

	switch (field->kind) {
	case CTL_KIND_BOOL:
		return "on|off";
	case CTL_KIND_MAC:
		return "MAC";
	case CTL_KIND_VLANS:
		return "10,20-29|all";
	case CTL_KIND_STR:
		return "TEXT";
	case CTL_KIND_MSG:
		return "FIELD VALUE...";
	case CTL_KIND_ENUM:
		for (unsigned i = 0; field->names[i] && used < size; i++) {
			if (ctl_field_offers(field, i))
				used += (size_t)snprintf(buf + used, size - used, "%s%s",
					used ? "|" : "", field->names[i]);
		}
		return buf;
	default:
		(void)snprintf(buf, size, "%s..%s",
			measure_format(field->measure, field->min, least),
			measure_format(field->measure, field->max, most));
		return buf;
	}
}

/* " [frames]", " [20ms, 1.5s, 250us]", or nothing. */
static const char *unit_text(const struct ctl_field *field, char *buf, size_t size)
{
	const char *unit = field->measure ? measure_examples(field->measure) : field->unit;

	(void)snprintf(buf, size, "%s%s%s", unit[0] ? " [" : "", unit, unit[0] ? "]" : "");
	return buf;
}

static void print_field(const struct ctl_struct *schema, const struct ctl_field *field)
{
	char word[64], kind[128], left[192], help[CTL_HELP_SIZE], unit[64];

	(void)snprintf(left, sizeof(left), "%s %s", grammar_field_word(field, word, sizeof(word)),
		kind_text(field, kind, sizeof(kind)));
	printf("  %-36s %s%s\n", left, ctl_field_help(schema, field, help, sizeof(help)),
		unit_text(field, unit, sizeof(unit)));
}

/* The words of messages within of one kind, and before which of them each of those stands. */
static void print_within(const struct grammar_verb *verb, const struct ctl_struct *sub)
{
	char word[64];
	bool is_first = true;

	printf("\nafter");
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		const struct ctl_field *field = &verb->schema->fields[i];

		if (!grammar_field_within(verb, field) || field->sub != sub)
			continue;
		printf("%s%s", is_first ? " " : " or ",
			grammar_field_word(field, word, sizeof(word)));
		is_first = false;
	}
	printf("%s:\n", sub == grammar_sub_schema(verb) ? ", or for both without it" : "");
	for (unsigned i = 0; i < sub->n_fields; i++)
		print_field(sub, &sub->fields[i]);
}

static void print_fields(const struct grammar_verb *verb)
{
	const struct ctl_struct *last = NULL;

	printf("\nfields:\n");
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		if (grammar_field_usable(verb, &verb->schema->fields[i]))
			print_field(verb->schema, &verb->schema->fields[i]);
	}
	/* Those of one kind stand side by side. */
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		const struct ctl_field *field = &verb->schema->fields[i];

		if (!grammar_field_within(verb, field) || field->sub == last)
			continue;
		last = field->sub;
		print_within(verb, last);
	}
}

/* Which fields each port type takes; those in brackets may be absent. */
static void print_port_kinds(void)
{
	printf("\nkinds of port:\n");
	for (unsigned type = 0; ctl_port_types[type]; type++) {
		uint64_t needs = port_type_needs(type), takes = port_type_takes(type);

		printf("  %-12s", ctl_port_types[type]);
		for (unsigned pass = 0; pass < 2; pass++) {
			for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
				char word[64];

				if (!(takes >> i & 1) || (needs >> i & 1) == pass)
					continue;
				printf(pass ? " [%s]" : " %s",
					grammar_field_word(&ctl_port_schema.fields[i], word,
						sizeof(word)));
			}
		}
		printf("\n");
	}
}

static int print_object(const struct grammar_object *object, const char *verb_word)
{
	const struct grammar_verb *verb = NULL;
	struct err err = {0};

	if (verb_word && grammar_find_verb(object, verb_word, &verb, &err) < 0) {
		(void)cmd_fail(&err);
		return EXIT_USAGE;
	}
	printf("%s: %s\n\n", object->name, object->help);
	for (unsigned i = 0; i < object->n_verbs; i++) {
		if (!verb || verb == &object->verbs[i])
			print_usage(object, &object->verbs[i]);
	}
	if (verb && verb->takes == GRAMMAR_WORDS)
		print_fields(verb);
	if (verb && verb->method && !strcmp(verb->method, "PortAdd"))
		print_port_kinds();
	return EXIT_DONE;
}

int cmd_help(const struct opts *opts, const struct grammar_request *req)
{
	const struct grammar_object *object;
	const struct grammar_command *command;
	struct err err = {0};

	if (!req->n_args) {
		print_all();
		return EXIT_DONE;
	}
	if (grammar_find_first(req->args[0], &object, &command, &err) < 0) {
		(void)cmd_fail(&err);
		return EXIT_USAGE;
	}
	if (object)
		return print_object(object, req->n_args > 1 ? req->args[1] : NULL);
	printf("usage: netcfg [OPTIONS] %s %s\n\n%s\n", command->name, command->args,
		command->help);
	if (command->options)
		print_table("options behind it", command->options, command->n_options);
	print_options();
	return EXIT_DONE;
}
