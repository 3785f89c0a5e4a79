/* Completion offers all that the grammar has, where it may stand: the test walks the grammar. */
#include "complete.h"
#include "ctl_field.h"
#include "ctl_vswitch.h"
#include "grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define MAX_WORDS 12

static char offered[65536];
static struct opts seen;

static void note(void *ctx, const char *word)
{
	(void)ctx;
	assert_true(strlen(offered) + strlen(word) + 2 < sizeof(offered));
	strcat(strcat(offered, word), " ");
}

/* Complete the words of a line, the last of which is empty where it ends by a blank. */
static unsigned at(const char *line)
{
	static char copy[256];
	char *words[MAX_WORDS], *rest = copy;
	unsigned n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	while (rest && n < MAX_WORDS)
		words[n++] = strsep(&rest, " ");
	strcpy(offered, " ");
	return complete(words, n, note, NULL, &seen);
}

static void must_offer(const char *line, const char *word)
{
	char text[128];

	(void)snprintf(text, sizeof(text), " %s ", word);
	if (!strstr(offered, text))
		fail_msg("after '%s' there is no '%s' in%s", line, word, offered);
}

static void must_not_offer(const char *line, const char *word)
{
	char text[128];

	(void)snprintf(text, sizeof(text), " %s ", word);
	if (strstr(offered, text))
		fail_msg("after '%s' there is '%s' in%s", line, word, offered);
}

static void every_first_word(void **state)
{
	assert_int_equal(at(""), 0);
	for (unsigned i = 0; i < grammar_n_commands; i++)
		must_offer("", grammar_commands[i].name);
	for (unsigned i = 0; i < grammar_n_objects; i++)
		must_offer("", grammar_objects[i].name);
}

static void every_option_anywhere(void **state)
{
	static const char *const lines[] = {"-", "port show --", "-L x apply -"};

	for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
		(void)at(lines[l]);
		for (size_t i = 0; i < opts_n; i++) {
			must_offer(lines[l], opts_table[i].name);
			if (opts_table[i].alias)
				must_offer(lines[l], opts_table[i].alias);
		}
	}
}

static void every_value_of_options(void **state)
{
	for (size_t i = 0; i < opts_n; i++) {
		const struct opt *opt = &opts_table[i];
		bool is_path =
			opt->value && (!strcmp(opt->value, "FILE") || !strcmp(opt->value, "DIR") ||
					      !strcmp(opt->value, "SOCKET"));
		char line[64];

		if (opt->kind == OPT_TEXT) {
			(void)snprintf(line, sizeof(line), "%s ", opt->name);
			assert_int_equal(at(line), is_path                      ? COMPLETE_FILES
						   : !strcmp(opt->value, "LAB") ? COMPLETE_LABS
										: 0);
		}
	}
	(void)at("apply --allow ");
	must_offer("apply --allow ", "restart");
	must_offer("apply --allow ", "stop");
	(void)at("--color=");
	must_offer("--color=", "--color=never");
	assert_int_equal(at("--lab="), COMPLETE_LABS);
}

/* Of the table that the line shows, one after the other. */
static void every_column(void **state)
{
	static const char *const lines[] = {
		"port --columns ", "port show --columns ", "port show --columns="};
	static const char *const columns[] = {"PORT", "TYPE", "ENDPOINT", "ERROR"};
	char word[80];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)at(lines[i]);
		for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
			(void)snprintf(word, sizeof(word), "%s%s",
				strchr(lines[i], '=') ? "--columns=" : "", columns[c]);
			must_offer(lines[i], word);
		}
	}
	(void)at("port stats --columns PORT,IN");
	must_offer("port stats --columns PORT,IN", "PORT,IN-FRAMES");
	(void)at("link h1:eth1 show --columns ");
	must_offer("link h1:eth1 show --columns ", "VLANS");
	(void)at("plan --columns ");
	assert_string_equal(offered, " ");
}

/* A value is no object, and what is asked is asked where the line says. */
static void options_stand_in_nobodys_way(void **state)
{
	(void)at("-L plan --timeout 5 -j port ");
	must_offer("-L plan --timeout 5 -j port ", "drops");
	assert_string_equal(seen.lab, "plan");
	assert_true(seen.json);
	assert_int_equal(at("exec h1 -- l"), 0);
	assert_string_equal(offered, " ");
}

static void every_verb(void **state)
{
	for (unsigned i = 0; i < grammar_n_objects; i++) {
		const struct grammar_object *object = &grammar_objects[i];
		char lines[4][64];

		(void)snprintf(lines[0], sizeof(lines[0]), "%s ", object->name);
		(void)snprintf(lines[1], sizeof(lines[1]), "%s ",
			object->short_name ? object->short_name : object->name);
		(void)snprintf(lines[2], sizeof(lines[2]), "%s some-name ", object->name);
		(void)snprintf(lines[3], sizeof(lines[3]), "help %s ", object->name);
		for (unsigned l = 0; l < 4; l++) {
			(void)at(lines[l]);
			for (unsigned v = 0; v < object->n_verbs; v++)
				must_offer(lines[l], object->verbs[v].name);
		}
	}
}

static void check_field(const char *line, const struct ctl_field *field)
{
	unsigned live = at(line);

	for (unsigned i = 0; field->kind == CTL_KIND_ENUM && field->names[i]; i++) {
		if (ctl_field_offers(field, i))
			must_offer(line, field->names[i]);
		else
			must_not_offer(line, field->names[i]);
	}
	if (field->kind == CTL_KIND_BOOL) {
		must_offer(line, "on");
		must_offer(line, "off");
	}
	if (!strcmp(field->name, "bridge"))
		assert_int_equal(live, COMPLETE_BRIDGES);
	if (!strcmp(field->name, "port"))
		assert_int_equal(live, COMPLETE_PORTS);
}

static void every_field_and_its_values(void **state)
{
	for (unsigned o = 0; o < grammar_n_objects; o++) {
		for (unsigned v = 0; v < grammar_objects[o].n_verbs; v++) {
			const struct grammar_verb *verb = &grammar_objects[o].verbs[v];
			char line[160], longer[256], word[64];

			if (verb->takes != GRAMMAR_WORDS)
				continue;
			(void)snprintf(line, sizeof(line), "%s %s ", grammar_objects[o].name,
				verb->name);
			for (unsigned i = 0; i < verb->n_required; i++)
				strcat(line, "x ");
			(void)at(line);
			for (unsigned i = 0; i < verb->schema->n_fields; i++) {
				const struct ctl_field *field = &verb->schema->fields[i];

				if (!grammar_field_usable(verb, field))
					continue;
				(void)at(line);
				(void)grammar_field_word(field, word, sizeof(word));
				must_offer(line, word);
				(void)snprintf(longer, sizeof(longer), "%s%s ", line, word);
				check_field(longer, field);
			}
		}
	}
}

/* Behind a name, and behind the word of one direction. */
static void every_word_of_an_impairment(void **state)
{
	static const char *const lines[] = {"link set l ", "link add l p1 p2 delay 20ms ",
		"link set l a-to-b ", "link set l loss 1% b-to-a rate 1mbit "};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (unsigned f = 0; f < ctl_impair_schema.n_fields; f++) {
			const struct ctl_field *field = &ctl_impair_schema.fields[f];
			char longer[160], word[64];

			(void)at(lines[i]);
			(void)grammar_field_word(field, word, sizeof(word));
			must_offer(lines[i], word);
			(void)snprintf(longer, sizeof(longer), "%s%s ", lines[i], word);
			check_field(longer, field);
		}
		(void)at(lines[i]);
		must_offer(lines[i], "b-to-a");
	}
	(void)at("link set l a-to-b delay 20");
	must_offer("link set l a-to-b delay 20", "20ms");
	(void)at("link set l loss 0.1");
	must_offer("link set l loss 0.1", "0.1%");
	(void)at("link set l b-to-a rate 10");
	must_offer("link set l b-to-a rate 10", "10mbit");
}

/* Those of one of another kind come behind its word. */
static void every_word_of_a_limit(void **state)
{
	static const struct {
		const char *line;
		const struct ctl_struct *schema;
	} cases[] = {
		{"port set p1 mtu 1500 storm-control ", &ctl_storm_schema},
		{"port set p1 pacing ", &ctl_pacing_schema},
		{"port set p1 shaper ", &ctl_shaper_schema},
		{"port set p1 in delay 20ms policer ", &ctl_policer_schema},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned f = 0; f < cases[i].schema->n_fields; f++) {
			const struct ctl_field *field = &cases[i].schema->fields[f];
			char longer[160], word[64];

			(void)at(cases[i].line);
			(void)grammar_field_word(field, word, sizeof(word));
			must_offer(cases[i].line, word);
			(void)snprintf(longer, sizeof(longer), "%s%s ", cases[i].line, word);
			check_field(longer, field);
		}
	}
	(void)at("port set p1 storm-control action shut broadcast-pps 5");
	must_offer("port set p1 storm-control action shut broadcast-pps 5", "5kpps");
}

static void names_of_what_is_there(void **state)
{
	static const struct {
		const char *line;
		unsigned live;
	} cases[] = {
		{"port show ", COMPLETE_PORTS},
		{"port show p1 ", COMPLETE_PORTS},
		{"port ", COMPLETE_PORTS},
		{"p1 ", 0},
		{"port add ", 0},
		{"port set ", COMPLETE_PORTS},
		{"port del p1 ", COMPLETE_PORTS},
		{"bridge del ", COMPLETE_BRIDGES},
		{"link down ", COMPLETE_LINKS | COMPLETE_PORTS},
		{"link add l ", COMPLETE_PORTS},
		{"link add l p1 ", COMPLETE_PORTS},
		{"vlan show ", COMPLETE_BRIDGES | COMPLETE_PORTS},
		{"fdb show ", COMPLETE_BRIDGES},
		{"node stop ", COMPLETE_NODES},
		{"node stop h1 ", COMPLETE_NODES},
		{"nic bind ", COMPLETE_NICS},
		{"port add p type nic dev ", COMPLETE_NICS},
		{"wait h1 ", COMPLETE_NODES},
		{"console ", COMPLETE_NODES},
		{"exec ", COMPLETE_NODES},
		{"apply ", COMPLETE_FILES},
		{"status ", COMPLETE_FILES | COMPLETE_LABS},
		{"destroy ", COMPLETE_FILES | COMPLETE_LABS},
		{"destroy x ", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned live = at(cases[i].line);

		if (live != cases[i].live)
			fail_msg("'%s' has names 0x%x, not 0x%x", cases[i].line, live,
				cases[i].live);
	}
	(void)at("explain ");
	must_offer("explain ", "E01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_first_word),
		cmocka_unit_test(every_option_anywhere),
		cmocka_unit_test(every_value_of_options),
		cmocka_unit_test(every_column),
		cmocka_unit_test(options_stand_in_nobodys_way),
		cmocka_unit_test(every_verb),
		cmocka_unit_test(every_field_and_its_values),
		cmocka_unit_test(every_word_of_an_impairment),
		cmocka_unit_test(every_word_of_a_limit),
		cmocka_unit_test(names_of_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
