/* What links do to frames, in the words of tables and plans. */
#include "impairment.h"

#include "ctl_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Settings of one direction, as people type them. */
static void set_way(struct ctl_impair *way, const char *words)
{
	char text[256], *save = NULL;
	struct err err = {0};

	(void)snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (ctl_field_parse(&ctl_impair_schema, way, word, strtok_r(NULL, " ", &save),
			    &err))
			fail_msg("%s: %s", words, err.msg);
	}
}

static struct ctl_link link_of(const char *a_to_b, const char *b_to_a)
{
	struct ctl_link link = {0};

	set_way(&link.a_to_b, a_to_b);
	set_way(&link.b_to_a, b_to_a);
	return link;
}

static void tables_tell_delay_loss_and_rate(void **state)
{
	static const char *const cases[][3] = {
		{"", "", "-"},
		{"delay 20ms", "delay 20ms", "20ms"},
		{"delay 20ms jitter 2ms loss 0.1% rate 1gbit",
			"delay 20ms jitter 2ms loss 0.1% rate 1gbit", "20ms+-2ms 0.1% 1gbit"},
		{"loss 1%", "", "1% / -"},
		{"", "rate 10mbit", "- / 10mbit"},
		{"gemodel_p 1%", "gemodel_p 1%", "..."},
		{"delay 5ms seed 7", "delay 5ms", "5ms ... / 5ms"},
	};
	char text[80], cut[8];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_link link = link_of(cases[i][0], cases[i][1]);

		assert_string_equal(impairment_brief(&link, text, sizeof(text)), cases[i][2]);
		assert_ptr_equal(impairment_brief(&link, cut, sizeof(cut)), cut);
		assert_true(strlen(cut) < sizeof(cut));
	}
}

static void plans_tell_from_what_to_what(void **state)
{
	struct ctl_link none = {0}, was, is;
	char text[192], cut[20];

	was = link_of("delay 20ms loss 1% seed 3", "delay 20ms");
	is = link_of("delay 50ms gemodel_r 5%",
		"delay 50ms jitter 1ms delay_correlation 5% distribution normal");
	assert_string_equal(impairment_change(&was, &was, text, sizeof(text)), "");
	assert_string_equal(impairment_change(&was, &is, text, sizeof(text)),
		"delay 20ms -> 50ms, b-to-a jitter none -> 1ms, b-to-a delay-correlation none -> "
		"5%, b-to-a distribution uniform -> normal, a-to-b loss 1% -> none, a-to-b "
		"gemodel-r none -> 5%, a-to-b seed ...");
	assert_string_equal(impairment_change(&is, &none, cut, sizeof(cut)), "delay 50ms -> no...");
	assert_string_equal(impairment_change(NULL, &none, text, sizeof(text)), "");
	assert_string_equal(impairment_change(NULL, &was, text, sizeof(text)),
		"delay 20ms, a-to-b loss 1%, a-to-b seed 3");
	/* Two directions that become the same were not. */
	is = link_of("delay 10ms", "delay 10ms");
	was = link_of("delay 5ms", "");
	assert_string_equal(impairment_change(&was, &is, text, sizeof(text)),
		"a-to-b delay 5ms -> 10ms, b-to-a delay none -> 10ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_tell_delay_loss_and_rate),
		cmocka_unit_test(plans_tell_from_what_to_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
