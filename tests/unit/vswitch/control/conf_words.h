/**
 * conf_words: requests for tests, written as a user types them: "name p1 bridge br0 tag 10".
 *
 * Threads: one. A word that the schema refuses fails the test that uses it.
 */
#ifndef WEFT_TESTS_UNIT_VSWITCH_CONTROL_CONF_WORDS_H
#define WEFT_TESTS_UNIT_VSWITCH_CONTROL_CONF_WORDS_H

#include "bridge.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "link.h"
#include "model.h"
#include "port.h"

#include <stdio.h>
#include <string.h>

/* setjmp.h, stdarg.h and stddef.h must come before cmocka.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl_words.h"

/** Set the fields of msg from "FIELD VALUE FIELD VALUE ..."; "-" is the empty value, FIELD as in
 *  ctl_words.h. */
static inline void words_to_msg(const struct ctl_struct *schema, void *msg, const char *words)
{
	char text[512], *save = NULL, *field, *value;
	struct err err = {0};

	memset(msg, 0, schema->size);
	assert_true(strlen(words) < sizeof(text));
	(void)strcpy(text, words);
	for (field = strtok_r(text, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
		value = strtok_r(NULL, " ", &save);
		assert_non_null(value);
		if (ctl_word_parse(schema, msg, field, strcmp(value, "-") ? value : "", &err) < 0)
			fail_msg("'%s': %s", words, err.msg);
	}
}

static inline struct model_bridge *add_bridge(struct model *model, const char *words)
{
	struct ctl_bridge req, conf;
	struct model_bridge *bridge = NULL;
	struct err err = {0};

	words_to_msg(&ctl_bridge_schema, &req, words);
	if (bridge_conf_new(&req, &conf, &err) < 0 ||
		model_bridge_add(model, &conf, &bridge, &err) < 0)
		fail_msg("'%s': %s", words, err.msg);
	return bridge;
}

static inline struct model_port *add_port(struct model *model, const char *words)
{
	struct ctl_port req, conf;
	struct model_port *port = NULL;
	struct err err = {0};

	words_to_msg(&ctl_port_schema, &req, words);
	if (port_conf_new(model, &req, &conf, &err) < 0 ||
		model_port_add(model, &conf, &port, &err) < 0)
		fail_msg("'%s': %s", words, err.msg);
	return port;
}

static inline struct model_link *add_link(struct model *model, const char *words)
{
	struct ctl_link req, conf;
	struct model_link *link = NULL;
	struct model_port *ends[2];
	struct err err = {0};

	words_to_msg(&ctl_link_schema, &req, words);
	if (link_conf_new(model, &req, &conf, &err) < 0)
		fail_msg("'%s': %s", words, err.msg);
	ends[0] = model_port_find(model, conf.a);
	ends[1] = model_port_find(model, conf.b);
	if (model_link_add(model, &conf, ends, &link, &err) < 0)
		fail_msg("'%s': %s", words, err.msg);
	return link;
}

/** What conf has of numbers, words and switches that req did not ask for is what the rows call the
 *  default, and help tells it. */
static inline void check_defaults_are_told(const struct ctl_struct *schema, const void *req,
	const void *conf)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		union {
			uint64_t set;
			char bytes[4096];
		} other = {0};

		if (field->kind == CTL_KIND_STR || field->kind == CTL_KIND_VLANS ||
			ctl_field_is_set(req, i) || !ctl_field_is_set(conf, i))
			continue;
		assert_true(schema->size <= sizeof(other));
		ctl_fill_defaults(schema, &other, UINT64_C(1) << i);
		if (!other.set || !ctl_field_equal(field, &other, conf))
			fail_msg("%s: the default is not '%s'", field->name,
				field->def ? field->def : "");
	}
}

#endif
