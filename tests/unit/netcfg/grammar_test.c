/*
 * The command table: shortenings, word order, ambiguity, values, and that the manual lists it all.
 */
#include "ctl_field.h"
#include "ctl_vmm.h"
#include "ctl_vswitch.h"
#include "foreign.h"
#include "grammar.h"
#include "port_type.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char line_buf[512];
static char *line_words[64];
static struct opts line_opts;
static struct err line_err;

static int parse(const char *line, struct grammar_request *req)
{
	unsigned n = 0;
	char *save = NULL;

	(void)snprintf(line_buf, sizeof(line_buf), "%s", line);
	for (char *word = strtok_r(line_buf, " ", &save); word; word = strtok_r(NULL, " ", &save))
		line_words[n++] = word;
	line_opts = (struct opts){0};
	err_clear(&line_err);
	if (opts_parse(&line_opts, line_words, n, &n, &line_err) < 0)
		return -EINVAL;
	return grammar_parse(line_words, n, &line_opts, req, &line_err);
}

static void check_verb(const char *line, const char *object, const char *verb, const char *name)
{
	struct grammar_request req;

	if (parse(line, &req))
		fail_msg("'%s': %s", line, line_err.msg);
	if (!req.object)
		fail_msg("'%s': is no object", line);
	assert_string_equal(req.object->name, object);
	assert_string_equal(req.verb->name, verb);
	assert_string_equal(req.name, name);
}

/* A verb that is only told a name is about each of several. */
static void several_names_are_one_request_each(void **state)
{
	struct grammar_request req;
	struct err err;

	assert_int_equal(parse("port del p1 p2 --if-exists p3", &req), 0);
	for (unsigned i = 1; i <= 3; i++) {
		const struct ctl_ref *ref = (const void *)&req.msg;
		char name[8];

		(void)snprintf(name, sizeof(name), "p%u", i);
		assert_string_equal(req.name, name);
		assert_string_equal(ref->name, name);
		assert_true(ref->missing_ok);
		assert_int_equal(grammar_next(&req, &err), i < 3 ? 0 : -ENOENT);
	}
	assert_int_equal(parse("node stop h1 h2", &req), 0);
	assert_string_equal(req.name, "h1");
	assert_int_equal(grammar_next(&req, &err), 0);
	assert_string_equal(req.name, "h2");
	assert_int_equal(parse("link down a b", &req), 0);
	assert_int_equal(grammar_next(&req, &err), 0);
	assert_string_equal(((const struct ctl_link *)(const void *)&req.msg)->name, "b");
	assert_false(((const struct ctl_link *)(const void *)&req.msg)->enabled);
}

static void shortenings_mean_the_same(void **state)
{
	check_verb("port show p1", "port", "show", "p1");
	check_verb("p show p1", "port", "show", "p1");
	check_verb("p sh p1", "port", "show", "p1");
	check_verb("p", "port", "show", "");
	check_verb("port p1", "port", "show", "p1");
	check_verb("show port", "port", "show", "");
	check_verb("br a br0", "bridge", "add", "br0");
	check_verb("fdb br0 vlan 10", "fdb", "show", "br0");
	check_verb("n stop h1", "node", "stop", "h1");
	check_verb("link p3 down", "link", "down", "p3");
	check_verb("link down p3", "link", "down", "p3");
	check_verb("l h1:eth1 up", "link", "up", "h1:eth1");
}

static void check_fails(const char *line, const char *msg, const char *hint)
{
	struct grammar_request req;

	if (parse(line, &req) != -EINVAL)
		fail_msg("'%s' was understood", line);
	if (!strstr(line_err.msg, msg))
		fail_msg("'%s': message is '%s'", line, line_err.msg);
	if (!strstr(line_err.hint, hint))
		fail_msg("'%s': hint is '%s'", line, line_err.hint);
}

static void wrong_words_are_named(void **state)
{
	check_fails("prt", "unknown object or command 'prt'", "port");
	check_fails("port s p1", "ambiguous: show, set, stats", "");
	check_fails("port dle p1", "unknown verb 'dle'", "del");
	check_fails("port shwo", "unknown verb 'shwo'", "show");
	check_fails("port set p1 tga 3", "unknown word 'tga'", "tag");
	check_fails("port set p1 t 3", "ambiguous: type, tx-file, tag, trunks", "");
	check_fails("port set p1 tag", "'tag' needs a value", "");
	check_fails("port set p1 tag 4095", "4095", "");
	check_fails("port set p1 tag 1 tag 2", "given twice", "");
	check_fails("port set p1 carrier on", "unknown word 'carrier'", "");
	check_fails("link set l delay 20ms delay 10ms", "link set: 'delay' is given twice", "");
	check_fails("link set l a-to-b delay 20ms delay 10ms", "'delay' is given twice", "");
	check_fails("link set l delay 20ms b-to-a delay 10ms", "'delay' is given twice", "");
	check_fails("link set l a-to-b delay", "'delay' needs a value (how long each frame", "");
	check_fails("link set l delay 20ms a-to-b", "'a-to-b' needs a value", "");
	check_fails("link set l a-to-b dealy 20ms", "unknown word 'dealy'", "delay");
	check_fails("link set l a-to-b delay 20", "a_to_b: delay: '20' has no unit", "20ms");
	check_fails("link set l a-to-b loss 101%", "101% is not in 0%..100%", "");
	check_fails("link set l loss=1%", "unknown word 'loss=1%'", "");
	check_fails("link set l a-to-b state 1%", "ambiguous: state-p13, state-p31", "");
	check_fails("port set p1 broadcast-pps 5", "unknown word 'broadcast-pps'",
		"it stands behind 'storm-control'");
	check_fails("port set p1 storm-control delay 5ms", "unknown word 'delay'", "behind 'in'");
	check_fails("port set p1 storm-control broadcast 5 multicast 1mbit",
		"storm_control: broadcast: '5' has no unit", "");
	check_fails("port set p1 storm-control broadcast 5kpps", "unknown unit 'kpps'",
		"ends in pps");
	check_fails("port add p1 type vhostuser", "veth, pcap, memif, dpdk", "vhost-user");
	check_fails("port set p1 storm-control action stop", "'stop' is not one of drop, shut", "");
	check_fails("link set l replace on", "unknown word 'replace'", "");
	check_fails("port add", "name missing", "help port add");
	check_fails("link add w1 p3", "b missing", "");
	check_fails("worker show 1", "unexpected word '1'", "");
	check_fails("port watch p1 p2", "unexpected word 'p2'", "");
	check_fails("bridge add br0 vlans 0", "0", "");
	check_fails("-x port", "unknown option '-x'", "");
	check_fails("--jsn port", "unknown option '--jsn'", "--json");
	check_fails("port -S", "-S needs a value", "");
	check_fails("port --wait=soon", "not a number of seconds", "");
}

static void fields_reach_the_message(void **state)
{
	struct grammar_request req;
	const struct ctl_port *port = (const void *)&req.msg;
	const struct ctl_link *link = (const void *)&req.msg;
	const struct ctl_bridge *bridge = (const void *)&req.msg;
	const struct ctl_vlan *vlan = (const void *)&req.msg;

	assert_int_equal(
		parse("port add p2 bridge br0 type vhost-user path /s/p2 mode client trunks "
		      "10,20-29 native 10",
			&req),
		0);
	assert_string_equal(req.verb->method, "PortAdd");
	assert_string_equal(port->name, "p2");
	assert_string_equal(port->bridge, "br0");
	assert_int_equal(port->mode, CTL_SOCK_CLIENT);
	assert_int_equal(port->native, 10);
	assert_int_equal(vlan_set_count(&port->trunks), 11);
	assert_false(CTL_HAS(port, ctl_port, tag));

	assert_int_equal(parse("port add up0 bridge br0 type nic dev enp5s0f0 rebind on", &req), 0);
	assert_int_equal(port->type, CTL_PORT_NIC);
	assert_string_equal(port->dev, "enp5s0f0");
	assert_true(port->rebind);
	assert_int_equal(parse("port add up0 type nic dev enp5s0f0 give-back on", &req), 0);
	assert_true(port->rebind); /* as it was called before */
	assert_int_equal(
		parse("port add host0 type tap ip 192.0.2.1/24 mac 52:54:00:00:00:01 owner joe",
			&req),
		0);
	assert_int_equal(port->type, CTL_PORT_TAP);
	assert_string_equal(port->ip, "192.0.2.1/24");
	assert_string_equal(port->owner, "joe");
	assert_int_equal(parse("port add c type pcap rx-file in.pcap tx_file out.pcap loop on",
				 &req),
		0);
	assert_string_equal(port->rx_file, "in.pcap");
	assert_string_equal(port->tx_file, "out.pcap");
	assert_true(port->loop);
	assert_int_equal(parse("port add m type memif path m.sock memif-id 7", &req), 0);
	assert_int_equal(port->memif_id, 7);
	assert_int_equal(parse("port add d type dpdk devargs net_ring0,size=64", &req), 0);
	assert_string_equal(port->devargs, "net_ring0,size=64");
	assert_int_equal(parse("port add v type veth netns blue peer eth0", &req), 0);
	assert_string_equal(port->netns, "blue");
	assert_string_equal(port->peer, "eth0");

	assert_int_equal(parse("link p3 down", &req), 0);
	assert_true(CTL_HAS(link, ctl_link, enabled));
	assert_false(link->enabled);

	assert_int_equal(parse("link add w1 p3 p4", &req), 0);
	assert_string_equal(link->a, "p3");
	assert_string_equal(link->b, "p4");

	assert_int_equal(parse("link set w1 enabled off delay 20ms a-to-b loss 1% gemodel-r 5% "
			       "b-to-a rate 10mbit",
				 &req),
		0);
	assert_false(link->enabled);
	assert_int_equal(link->a_to_b.delay, 20000000);
	assert_int_equal(link->b_to_a.delay, 20000000);
	assert_int_equal(link->a_to_b.set, CTL_BIT(ctl_impair, delay) | CTL_BIT(ctl_impair, loss) |
						   CTL_BIT(ctl_impair, gemodel_r));
	assert_int_equal(link->b_to_a.set, CTL_BIT(ctl_impair, delay) | CTL_BIT(ctl_impair, rate));
	assert_int_equal(link->b_to_a.rate, 10000000);
	/* The other direction may be named first, and a direction again. */
	assert_int_equal(parse("link add w1 p3 p4 b-to-a loss 1% a-to-b delay 1ms b-to-a delay 2ms",
				 &req),
		0);
	assert_int_equal(link->a_to_b.set, CTL_BIT(ctl_impair, delay));
	assert_int_equal(link->b_to_a.delay, 2000000);

	/* What is about a message of another kind stands behind its word. */
	assert_int_equal(parse("port set p1 delay 1ms storm-control broadcast-pps 1kpps "
			       "unknown-unicast 10mbit action shut mtu 1500 in loss 1%",
				 &req),
		0);
	assert_int_equal(port->mtu, 1500);
	assert_int_equal(port->in.delay, 1000000);
	assert_int_equal(port->in.set, CTL_BIT(ctl_impair, delay) | CTL_BIT(ctl_impair, loss));
	assert_int_equal(port->out.set, CTL_BIT(ctl_impair, delay));
	assert_int_equal(port->storm_control.broadcast_pps, 1000);
	assert_int_equal(port->storm_control.unknown_unicast, 10000000);
	assert_int_equal(port->storm_control.action, CTL_STORM_SHUT);

	assert_int_equal(parse("bridge add br0 ageing 60 --may-exist", &req), 0);
	assert_int_equal(bridge->ageing_s, 60);
	assert_true(bridge->exist_ok);

	assert_int_equal(parse("vlan add br0 10,20 name blue", &req), 0);
	assert_string_equal(vlan->bridge, "br0");
	assert_string_equal(vlan->name, "blue");
	assert_int_equal(parse("vlan add port p1 vlans 10", &req), 0);
	assert_string_equal(vlan->port, "p1");
	assert_string_equal(vlan->bridge, "");
}

static void options_stand_anywhere(void **state)
{
	struct grammar_request req;

	assert_int_equal(parse("port -j show p1 -S /x -br", &req), 0);
	assert_true(line_opts.json && line_opts.brief);
	assert_string_equal(line_opts.socket, "/x");
	assert_int_equal(parse("exec h1 --timeout=5 -- ping -c 3", &req), 0);
	assert_string_equal(req.command->name, "exec");
	assert_int_equal(line_opts.timeout_s, 5);
	assert_int_equal(req.n_args, 5);
	assert_string_equal(req.args[2], "ping");
	assert_string_equal(req.args[3], "-c");
	assert_int_equal(parse("apply --wait", &req), 0);
	assert_true(line_opts.wait);
	assert_int_equal(line_opts.wait_s, 60);
	assert_int_equal(parse("apply --wait=7", &req), 0);
	assert_int_equal(line_opts.wait_s, 7);
	assert_int_equal(parse("-w0.25 port", &req), 0);
	assert_true(line_opts.watch && line_opts.watch_s == 0.25);
	assert_int_equal(parse("-w=0.5 port", &req), 0);
	assert_true(line_opts.watch && line_opts.watch_s == 0.5);
}

static void synonyms_are_kept(void **state)
{
	static const char *const pairs[][2] = {
		{"up", "apply"}, {"down", "destroy"}, {"diff", "plan"}, {"inspect", "status"}};
	struct grammar_request req;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(parse(pairs[i][0], &req), 0);
		assert_string_equal(req.command->name, pairs[i][1]);
	}
}

/* Each verb names a method of its daemon, with that method's request; positions are its fields. */
static void verbs_fit_the_protocol(void **state)
{
	for (unsigned o = 0; o < grammar_n_objects; o++) {
		for (unsigned v = 0; v < grammar_objects[o].n_verbs; v++) {
			const struct grammar_verb *verb = &grammar_objects[o].verbs[v];
			const struct ctl_interface *iface = verb->target == GRAMMAR_VSWITCH
								    ? &ctl_vswitch_interface
								    : &ctl_vmm_interface;
			const struct ctl_method *method;

			if (verb->target == GRAMMAR_LAB || verb->target == GRAMMAR_HOST)
				continue;
			method = ctl_method_find(iface, verb->method);
			if (!method)
				fail_msg("%s %s: no method %s", grammar_objects[o].name, verb->name,
					verb->method);
			if (strcmp(verb->method, "Monitor"))
				assert_ptr_equal(method->in, verb->schema);
			for (unsigned i = 0; i < GRAMMAR_MAX_POSITIONS && verb->positions[i]; i++)
				assert_non_null(ctl_field_find(verb->schema, verb->positions[i]));
			assert_true(verb->help[0]);
		}
	}
}

static char *read_page(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = calloc(1, 1 << 17);

	assert_non_null(in);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 17) - 1, in) > 0);
	fclose(in);
	return text;
}

static void expect(const char *page, const char *word, const char *what)
{
	if (!strstr(page, word))
		fail_msg("netcfg(1) does not mention %s '%s'", what, word);
}

/* "*tap* [_dev_] [_mac_]": what it needs, then in brackets what else it takes. */
static void synopsis_of(enum ctl_port_type type, char *buf, size_t size)
{
	uint64_t needs = port_type_needs(type), takes = port_type_takes(type) & ~needs;
	const uint64_t passes[] = {needs, takes};
	int used = snprintf(buf, size, "\n*%s*", ctl_port_types[type]);

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < ctl_port_schema.n_fields; i++) {
			char word[64];

			if (!(passes[pass] >> i & 1))
				continue;
			(void)grammar_field_word(&ctl_port_schema.fields[i], word, sizeof(word));
			used += snprintf(buf + used, size - (size_t)used,
				pass ? " [_%s_]" : " _%s_", word);
		}
	}
	(void)snprintf(buf + used, size - (size_t)used, "\n");
}

static void manual_lists_everything(void **state)
{
	char *page = read_page(MAN_DIR "/netcfg.1.scd"), word[96], line[160];

	for (unsigned i = 0; i < grammar_n_commands; i++) {
		(void)snprintf(word, sizeof(word), "*%s*", grammar_commands[i].name);
		expect(page, word, "command");
	}
	for (unsigned o = 0; o < grammar_n_objects; o++) {
		for (unsigned v = 0; v < grammar_objects[o].n_verbs; v++) {
			(void)snprintf(word, sizeof(word), "*%s %s*", grammar_objects[o].name,
				grammar_objects[o].verbs[v].name);
			expect(page, word, "verb");
		}
	}
	for (size_t i = 0; i < opts_n; i++) {
		(void)snprintf(word, sizeof(word), "*%s*", opts_table[i].name);
		expect(page, word, "option");
	}
	for (unsigned i = 0; ctl_port_types[i]; i++) {
		synopsis_of(i, line, sizeof(line));
		expect(page, line, "port type");
	}
	free(page);
}

static void check_hint(const char *line, const char *hint)
{
	struct grammar_request req;

	if (!parse(line, &req))
		fail_msg("'%s' is understood", line);
	if (!strstr(line_err.hint, hint))
		fail_msg("'%s' leads to \"%s\"", line, line_err.hint);
}

static void words_of_other_tools_lead_on(void **state)
{
	check_hint("ls", "netcfg status");
	check_hint("deploy lab.yaml", "netcfg apply");
	check_hint("logs h1", "console NAME --log");
	check_hint("add-port br0 p1", "netcfg port add");
	check_hint("port list", "did you mean 'show'?");
	check_hint("bridge create br0", "did you mean 'add'?");
	check_hint("bridge rm br0", "did you mean 'del'?");
	check_hint("fdb clear br0", "did you mean 'flush'?");
	check_hint("node create h1", "netcfg help"); /* nodes are not made so */
	check_hint("port set p1 master br0", "bridge BRIDGE");
	check_hint("port set p1 access 10", "vlan-mode access tag 10");
	check_hint("port set p1 vlan 20", "vlan-mode access tag 10");
	check_hint("port set p1 tag=10", "`tag 10`");
}

/* What stands in backticks of a hint is a command that is understood. */
static void check_commands_in(const char *hint)
{
	struct grammar_request req;
	char text[300], *save = NULL;

	(void)snprintf(text, sizeof(text), "%s", hint);
	for (char *part = strtok_r(text, "`", &save); part; part = strtok_r(NULL, "`", &save)) {
		if (!strncmp(part, "netcfg ", 7) && parse(part + 7, &req))
			fail_msg("hint \"%s\": '%s': %s", hint, part, line_err.msg);
	}
}

/* True for words that are none of ours. */
static void check_row(const struct foreign_word *row, const char *before)
{
	struct grammar_request req;
	char words[200], line[300], *save = NULL;

	(void)snprintf(words, sizeof(words), "%s", row->words);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		(void)snprintf(line, sizeof(line), "%s%s x", before, word);
		if (!parse(line, &req))
			fail_msg("'%s' is a word of ours", line);
		if (!strstr(line_err.hint, row->ours))
			fail_msg("'%s' leads to \"%s\"", line, line_err.hint);
	}
}

static void hints_lead_to_commands(void **state)
{
	for (const struct foreign_word *row = foreign_commands; row->words; row++) {
		check_commands_in(row->ours);
		check_row(row, "");
	}
	for (const struct foreign_word *row = foreign_fields; row->words; row++) {
		check_commands_in(row->ours);
		check_row(row, "port set p1 ");
	}
	/* Each of these verbs is one of an object. */
	for (const struct foreign_word *row = foreign_verbs; row->words; row++) {
		const struct grammar_verb *verb;
		unsigned n = 0;

		for (unsigned i = 0; i < grammar_n_objects; i++) {
			const struct grammar_object *object = &grammar_objects[i];
			char before[64];

			if (grammar_find_verb(object, row->ours, &verb, NULL) ||
				strcmp(verb->name, row->ours))
				continue;
			(void)snprintf(before, sizeof(before), "%s ", object->name);
			check_row(row, before);
			n++;
		}
		assert_true(n > 0);
	}
}

/*
 * A name that is short for a word, or one: the exact word wins, and what the words come out even
 * with.
 */
static void names_may_be_like_words(void **state)
{
	static const struct {
		const char *line, *bridge, *vlans;
	} cases[] = {
		{"vlan add br 10", "br", "10"},
		{"vlan add bridge 10 vlans 20", "10", "20"},
		{"vlan add bridge br vlans 10", "br", "10"},
		{"vlan add br vlans 10", "br", "10"},
		{"vlan show br", "br", ""},
		{"vlan show br br0", "br0", ""},
		{"vlan show bridge", "bridge", ""},
		{"vlan br", "br", ""},
	};
	struct grammar_request req;
	char vlans[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ctl_vlan *vlan = (const void *)&req.msg;

		if (parse(cases[i].line, &req))
			fail_msg("%s", cases[i].line);
		(void)vlan_set_format(&vlan->vlans, vlans, sizeof(vlans));
		if (strcmp(vlan->bridge, cases[i].bridge) || strcmp(vlans, cases[i].vlans))
			fail_msg("%s: bridge '%s' vlans '%s'", cases[i].line, vlan->bridge, vlans);
	}
	check_verb("bridge set set ageing 5", "bridge", "set", "set");
	check_verb("bridge br set ageing 5", "bridge", "set", "br");
	check_verb("port down up", "port", "down", "up");
	check_verb("bridge add show", "bridge", "add", "show");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_may_be_like_words),
		cmocka_unit_test(shortenings_mean_the_same),
		cmocka_unit_test(several_names_are_one_request_each),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(fields_reach_the_message),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(synonyms_are_kept),
		cmocka_unit_test(words_of_other_tools_lead_on),
		cmocka_unit_test(hints_lead_to_commands),
		cmocka_unit_test(verbs_fit_the_protocol),
		cmocka_unit_test(manual_lists_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
