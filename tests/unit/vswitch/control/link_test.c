#include "conf_words.h"

#include <errno.h>

static struct model model;

static int set_up(void **state)
{
	model_init(&model);
	(void)add_bridge(&model, "name br0");
	(void)add_port(&model, "name a path /s/a mtu 9000");
	(void)add_port(&model, "name b path /s/b mtu 1500");
	(void)add_port(&model, "name c path /s/c");
	(void)add_port(&model, "name d path /s/d");
	(void)add_port(&model, "name bridged path /s/bridged bridge br0");
	(void)add_port(&model, "name tagged path /s/tagged tag 3");
	return 0;
}

static int tear_down(void **state)
{
	model_done(&model);
	return 0;
}

static void new_link_refuses_bad_input(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *field;
	} cases[] = {
		{"name w", -EINVAL, "a"},
		{"name w a a", -EINVAL, "b"},
		{"name w b a", -EINVAL, "a"},
		{"name w a a b a", -EINVAL, "b"},
		{"name w a a b nope", -ENOENT, "b"},
		{"name w a nope b a", -ENOENT, "a"},
		{"name w a a b bridged", -EBUSY, "b"},
		{"name w a tagged b a", -EBUSY, "a"},
		{"name w a a b c", -EBUSY, "b"}, /* c is an end of `taken` */
		{"name w a a b b mtu 1501", -EINVAL, "mtu"},
		{"name w a a b b carrier true", -EINVAL, "carrier"},
	};
	struct ctl_link req, conf;
	struct err err;

	(void)add_link(&model, "name taken a c b d");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r;

		err_clear(&err);
		words_to_msg(&ctl_link_schema, &req, cases[i].words);
		r = link_conf_new(&model, &req, &conf, &err);
		if (r != cases[i].code || strcmp(err.field, cases[i].field) != 0 || !err.msg[0])
			fail_msg("'%s': got %d, field '%s', '%s'", cases[i].words, r, err.field,
				err.msg);
	}
}

static void set_link_keeps_ends(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");
	struct ctl_link req, conf;
	struct err err = {0};

	words_to_msg(&ctl_link_schema, &req, "name w b c");
	assert_int_equal(link_conf_set(link, &req, &conf, &err), -EINVAL);
	words_to_msg(&ctl_link_schema, &req, "name w a a b b enabled false mtu 1400");
	assert_int_equal(link_conf_set(link, &req, &conf, &err), 0);
	assert_false(conf.enabled);
	assert_int_equal(conf.mtu, 1400);
}

static void ask(struct ctl_link *req, const char *a_to_b)
{
	struct err err = {0};
	char text[128], *save = NULL;

	(void)snprintf(text, sizeof(text), "%s", a_to_b);
	*req = (struct ctl_link){0};
	CTL_MARK(req, ctl_link, a_to_b);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(ctl_field_parse(&ctl_impair_schema, &req->a_to_b, word,
					 strtok_r(NULL, " ", &save), &err),
			0);
}

static void check_set(struct model_link *link, const char *a_to_b, bool replaces,
	const char *expected)
{
	struct ctl_link req, conf;
	struct err err = {0};
	char text[512];

	ask(&req, a_to_b);
	if (replaces)
		CTL_SET(&req, ctl_link, replace, true);
	assert_int_equal(link_conf_set(link, &req, &conf, &err), 0);
	link->conf = conf;
	assert_false(CTL_HAS(&conf, ctl_link, replace));
	(void)ctl_field_format(&ctl_link_schema.fields[ctl_link__a_to_b], &conf, text,
		sizeof(text));
	assert_string_equal(text, expected);
}

/* A request changes what it names, or all of the impairment, also what has no value that means
 * nothing; of the other direction nothing. */
static void set_link_merges_or_replaces(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");

	CTL_SET(&link->conf.b_to_a, ctl_impair, loss, 10000000);
	CTL_MARK(&link->conf, ctl_link, b_to_a);
	check_set(link, "delay 20ms seed 5", false, "delay 20ms seed 5");
	check_set(link, "jitter 1ms", false, "delay 20ms jitter 1ms seed 5");
	check_set(link, "delay 10ms", true, "delay 10ms");
	check_set(link, "gemodel_p 1% gemodel_r 20%", true, "gemodel_p 1% gemodel_r 20%");
	check_set(link, "gemodel_p 1% delay 0", true, "gemodel_p 1%");
	check_set(link, "", false, "gemodel_p 1%");
	check_set(link, "", true, "");
	assert_false(CTL_HAS(&link->conf, ctl_link, a_to_b));
	assert_int_equal(link->conf.b_to_a.loss, 10000000);
}

static void mtu_is_the_smallest(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");

	assert_int_equal(link_mtu(link), 1500);
	link->ends[1]->conf.mtu = 9100;
	assert_int_equal(link_mtu(link), 9000);
	CTL_SET(&link->conf, ctl_link, mtu, 1400);
	assert_int_equal(link_mtu(link), 1400);
}

static void link_is_found_by_either_end(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");

	assert_ptr_equal(model_link_find_by_end(&model, "w"), link);
	assert_ptr_equal(model_link_find_by_end(&model, "a"), link);
	assert_ptr_equal(model_link_find_by_end(&model, "b"), link);
	assert_null(model_link_find_by_end(&model, "c"));
	assert_ptr_equal(link_other_end(link->ends[0]), link->ends[1]);
	assert_ptr_equal(link_other_end(link->ends[1]), link->ends[0]);
}

/* Each of the five conditions off, one at a time, and everything on. */
static void link_carrier_needs_all(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");

	for (unsigned off = 0; off <= 5; off++) {
		link->conf.enabled = off != 0;
		link->ends[0]->conf.enabled = off != 1;
		link->ends[1]->conf.enabled = off != 2;
		link->ends[0]->running = off != 3;
		link->ends[1]->running = off != 4;
		assert_int_equal(link_carrier(link), off == 5);
		assert_int_equal(link_port_carrier(link->ends[0]), off == 5);
		assert_int_equal(link_port_carrier(link->ends[1]), off == 5);
	}
}

static void bridged_carrier_needs_port_and_peer(void **state)
{
	struct model_port *port = model_port_find(&model, "bridged");

	assert_false(link_port_carrier(port));
	port->running = true;
	assert_true(link_port_carrier(port));
	port->conf.enabled = false;
	assert_false(link_port_carrier(port));
}

static void port_with_nothing_plugged_in_has_no_carrier(void **state)
{
	struct model_port *port = model_port_find(&model, "a");

	port->running = true;
	assert_false(link_port_carrier(port));
}

static void deleting_a_link_frees_its_ends(void **state)
{
	struct model_link *link = add_link(&model, "name w a a b b");

	model_link_del(&model, link);
	assert_null(model_port_find(&model, "a")->link);
	(void)add_link(&model, "name w2 a b b a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_link_refuses_bad_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_link_keeps_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_link_merges_or_replaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mtu_is_the_smallest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(link_is_found_by_either_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(link_carrier_needs_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bridged_carrier_needs_port_and_peer, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(port_with_nothing_plugged_in_has_no_carrier, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(deleting_a_link_frees_its_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
