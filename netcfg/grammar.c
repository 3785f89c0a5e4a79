#include "grammar.h"

#include "capture_opts.h"
#include "ctl_field.h"
#include "ctl_vmm.h"
#include "ctl_vswitch.h"
#include "foreign.h"
#include "former.h"
#include "str.h"
#include "trace_opts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

_Static_assert(sizeof(struct ctl_port) <= sizeof(union grammar_msg), "port request fits");
_Static_assert(sizeof(struct ctl_vlan) <= sizeof(union grammar_msg), "vlan request fits");
_Static_assert(sizeof(struct ctl_bridge) <= sizeof(union grammar_msg), "bridge request fits");
_Static_assert(sizeof(struct ctl_link) <= sizeof(union grammar_msg), "link request fits");
_Static_assert(sizeof(struct ctl_mirror) <= sizeof(union grammar_msg), "mirror request fits");

/*
 * Rows of the verbs' tables. A verb whose fields are typed as FIELD VALUE takes words; one that is
 * only told a name takes as many of them as are given.
 */
#define SHOW(v, m, h)                                                                     \
	{                                                                                 \
		v, GRAMMAR_VSWITCH, m, &ctl_ref_schema, {"name"}, 0, NULL, NULL, NAMES, h \
	}
#define WATCH(h)                                                                                  \
	{                                                                                         \
		"watch", GRAMMAR_VSWITCH, "Monitor", &ctl_ref_schema, {"name"}, 0, NULL, NULL, 0, \
			h                                                                         \
	}
#define DEL(m, h)                                                                             \
	{                                                                                     \
		"del", GRAMMAR_VSWITCH, m, &ctl_ref_schema, {"name"}, 1, NULL, NULL, NAMES, h \
	}
#define ENABLE(v, m, s, on, h)                                                           \
	{                                                                                \
		v, GRAMMAR_VSWITCH, m, &s##_schema, {"name"}, 1, "enabled", on, NAMES, h \
	}
/* The n first of the fields given by position must be there. */
#define FIELDS(v, m, s, n, h, ...)                                                         \
	{                                                                                  \
		v, GRAMMAR_VSWITCH, m, &s##_schema, {__VA_ARGS__}, n, NULL, NULL, WORDS, h \
	}
#define NODE(v, t, m, s, n, h)                                                  \
	{                                                                       \
		v, GRAMMAR_##t, m, &s##_schema, {NULL}, n, NULL, NULL, NAMES, h \
	}
#define NIC(v, n, h)                                                                       \
	{                                                                                  \
		v, GRAMMAR_HOST, NULL, &ctl_empty_schema, {"dev"}, n, NULL, NULL, NAMES, h \
	}
#define WORDS GRAMMAR_WORDS
#define NAMES GRAMMAR_NAMES

static const struct grammar_verb bridge_verbs[] = {
	SHOW("show", "BridgeShow", "show bridges"),
	FIELDS("add", "BridgeAdd", ctl_bridge, 1, "make a bridge", "name"),
	DEL("BridgeDel", "remove a bridge without ports (--force: and its ports)"),
	FIELDS("set", "BridgeSet", ctl_bridge, 1, "change settings of a bridge", "name"),
	WATCH("print events of bridges as they happen"),
};

static const struct grammar_verb port_verbs[] = {
	SHOW("show", "PortShow", "show ports"),
	FIELDS("add", "PortAdd", ctl_port, 1, "make a port", "name"),
	DEL("PortDel", "remove a port"),
	FIELDS("set", "PortSet", ctl_port, 1, "change settings of a port", "name"),
	ENABLE("up", "PortSet", ctl_port, "true", "enable a port"),
	ENABLE("down", "PortSet", ctl_port, "false", "disable a port: its guest loses carrier"),
	SHOW("stats", "PortStats", "show counters of ports"),
	SHOW("sizes", "PortSizes", "show frames by size, of ports that count them"),
	SHOW("rx-queues", "PortRxQueues", "show what was received from each queue of ports"),
	SHOW("vlans", "PortVlans", "show frames by VLAN, of ports that count them"),
	SHOW("drops", "PortDrops", "show why frames were dropped"),
	SHOW("queues", "PortQueues", "show the queues of shapers"),
	WATCH("print events of ports as they happen"),
};

static const struct grammar_verb link_verbs[] = {
	SHOW("show", "LinkShow", "show links, and ports on bridges"),
	FIELDS("add", "LinkAdd", ctl_link, 3, "join two ports by a link", "name", "a", "b"),
	DEL("LinkDel", "remove a link"),
	FIELDS("set", "LinkSet", ctl_link, 1,
		"change settings of a link, named by itself or a port", "name"),
	ENABLE("up", "LinkSet", ctl_link, "true", "plug the cable in"),
	ENABLE("down", "LinkSet", ctl_link, "false", "pull the cable: both ends lose carrier"),
	WATCH("print events of links as they happen"),
};

static const struct grammar_verb mirror_verbs[] = {
	SHOW("show", "MirrorShow", "show mirrors, and what became of their copies"),
	FIELDS("add", "MirrorAdd", ctl_mirror, 1,
		"copy frames from PORT, bridge B or vlan N to a port", "name"),
	DEL("MirrorDel", "end a mirror"),
	WATCH("print events of mirrors as they happen"),
};

static const struct grammar_verb vlan_verbs[] = {
	FIELDS("show", "VlanShow", ctl_vlan, 0, "show the VLANs of bridges and ports", "bridge"),
	FIELDS("add", "VlanAdd", ctl_vlan, 0, "add VLANs to a bridge, or to a port's trunk",
		"bridge", "vlans"),
	FIELDS("del", "VlanDel", ctl_vlan, 0, "remove VLANs from a bridge, or a port's trunk",
		"bridge", "vlans"),
	FIELDS("set", "VlanSet", ctl_vlan, 0, "set exactly these VLANs, or a VLAN's name", "bridge",
		"vlans"),
};

static const struct grammar_verb fdb_verbs[] = {
	FIELDS("show", "FdbShow", ctl_fdb, 0, "show known addresses", "bridge"),
	FIELDS("add", "FdbAdd", ctl_fdb, 2, "add a static address", "bridge", "mac"),
	FIELDS("del", "FdbDel", ctl_fdb, 2, "remove an address", "bridge", "mac"),
	FIELDS("flush", "FdbFlush", ctl_fdb, 1,
		"forget learned addresses (static ones with `type static`)", "bridge"),
	WATCH("print events of addresses as they happen"),
};

static const struct grammar_verb worker_verbs[] = {
	{"show", GRAMMAR_VSWITCH, "WorkerShow", &ctl_empty_schema, {NULL}, 0, NULL, NULL, 0,
		"show how busy packet threads are, and what they do"},
};

static const struct grammar_verb sflow_verbs[] = {
	{"show", GRAMMAR_VSWITCH, "SflowShow", &ctl_empty_schema, {NULL}, 0, NULL, NULL, 0,
		"show what is sampled and sent to a collector"},
	FIELDS("set", "SflowSet", ctl_sflow, 0, "sample frames for an sFlow collector", NULL),
};

static const struct grammar_verb node_verbs[] = {
	NODE("show", VMM, "Status", ctl_empty, 0, "show the nodes of the lab"),
	NODE("start", LAB, NULL, ctl_empty, 1, "start a stopped node"),
	NODE("stop", VMM, "Stop", ctl_stop, 1,
		"press the power button, then pull the plug (at once with --force)"),
	NODE("restart", VMM, "Reset", ctl_empty, 1, "reset a node"),
	NODE("pause", VMM, "Pause", ctl_empty, 1, "stop the virtual CPUs and devices of a node"),
	NODE("resume", VMM, "Resume", ctl_empty, 1, "let a paused node go on"),
	NODE("nics", VMM, "NicShow", ctl_empty, 0, "show the network devices of nodes"),
};

static const struct grammar_verb nic_verbs[] = {
	NIC("show", 0, "show interfaces and NICs of this host, and which the switch can have"),
	NIC("bind", 1,
		"take a NIC from the kernel, for a port of type nic (--force: even if the host "
		"needs it)"),
	NIC("unbind", 1, "rebind a NIC to the kernel's driver"),
};

const struct grammar_object grammar_objects[] = {
	{"node", "n", "virtual machines of a lab", node_verbs, ARRAY_LEN(node_verbs)},
	{"link", "l", "cables", link_verbs, ARRAY_LEN(link_verbs)},
	{"bridge", "br", "learning 802.1Q bridges", bridge_verbs, ARRAY_LEN(bridge_verbs)},
	{"mirror", NULL, "copies of frames for who looks on", mirror_verbs,
		ARRAY_LEN(mirror_verbs)},
	{"port", "p", "ports of the switch", port_verbs, ARRAY_LEN(port_verbs)},
	{"vlan", "v", "VLANs of bridges and ports", vlan_verbs, ARRAY_LEN(vlan_verbs)},
	{"fdb", NULL, "forwarding database", fdb_verbs, ARRAY_LEN(fdb_verbs)},
	{"worker", NULL, "packet threads of the switch", worker_verbs, ARRAY_LEN(worker_verbs)},
	{"sflow", NULL, "frames sampled for a collector", sflow_verbs, ARRAY_LEN(sflow_verbs)},
	{"nic", NULL, "NICs of this host", nic_verbs, ARRAY_LEN(nic_verbs)},
};
const unsigned grammar_n_objects = ARRAY_LEN(grammar_objects);

const struct grammar_command grammar_commands[] = {
	{"validate", NULL, "[FILE]", "check a lab file and report every error in it"},
	{"plan", "diff", "[FILE]", "show what apply would do, and at what cost"},
	{"apply", "up", "[FILE]", "make the running lab what the file says"},
	{"destroy", "down", "[FILE|LAB]", "stop a lab and remove everything it left"},
	{"status", "inspect", "[FILE|LAB]",
		"show nodes, links and ports of a lab; without one, all labs"},
	{"capture", NULL, "PORT... [FILTER]",
		"capture frames at ports, links, bridges or any, as tcpdump does",
		capture_opts_table, CAPTURE_OPTS_N},
	{"trace", NULL,
		"PORT (--dst MAC [...] | --hex DIGITS | --pcap FILE:N | --follow N [FILTER])",
		"tell step by step what would become of a frame", trace_opts_table, TRACE_OPTS_N},
	{"wait", NULL, "[NODE...]", "wait until nodes are ready"},
	{"console", NULL, "NODE", "attach to the serial console of a node; Ctrl-] leaves"},
	{"exec", NULL, "NODE -- COMMAND...",
		"run a command in a node's shell, over its serial console"},
	{"test", NULL, "[FILE]", "do the steps of a lab file's test, in nodes and with swbench"},
	{"monitor", NULL, "[OBJECT...]",
		"print events of the switch as they happen, of some objects or of all; -j prints "
		"JSON lines"},
	{"explain", NULL, "CODE", "explain an error code of lab files"},
	{"help", NULL, "[OBJECT [VERB]]", "show help"},
	{"completion", NULL, "bash", "print a completion script for the shell"},
};
const unsigned grammar_n_commands = ARRAY_LEN(grammar_commands);

/* Matching words */

struct match {
	const char *word;
	const char *names[64];
	unsigned n_names;
	int exact; /* index, -1 = none */
	int first_prefix;
	unsigned n_prefixes;
	bool led_on; /* after match_end(): the hint says another word */
	char candidates[200];
};

static void match_offer(struct match *match, const char *name, int idx)
{
	size_t used = strlen(match->candidates);

	if (!name)
		return;
	if (match->n_names < ARRAY_LEN(match->names))
		match->names[match->n_names++] = name;
	if (!strcmp(name, match->word))
		match->exact = idx;
	if (strncmp(name, match->word, strlen(match->word)))
		return;
	if (!match->n_prefixes++)
		match->first_prefix = idx;
	(void)snprintf(match->candidates + used, sizeof(match->candidates) - used, "%s%s",
		used ? ", " : "", name);
}

/*
 * Index of what was meant, or -EINVAL; leads_on: the hint for an unknown word, NULL = none in
 * particular.
 */
static int match_end(struct match *match, const char *what, const char *leads_on, struct err *err)
{
	const char *nearest;

	if (match->exact >= 0)
		return match->exact;
	if (match->n_prefixes == 1)
		return match->first_prefix;
	if (match->n_prefixes > 1)
		return err_set(err, -EINVAL, "%s '%s' is ambiguous: %s", what, match->word,
			match->candidates);
	nearest = str_nearest(match->word, match->names, match->n_names);
	match->led_on = leads_on || nearest;
	(void)err_set(err, -EINVAL, "unknown %s '%s'", what, match->word);
	if (leads_on)
		err_hint(err, "%s", leads_on);
	else if (nearest)
		err_hint(err, "did you mean '%s'?", nearest);
	else
		err_hint(err, "see `netcfg help`");
	return -EINVAL;
}

int grammar_find_first(const char *word, const struct grammar_object **ret_object,
	const struct grammar_command **ret_command, struct err *err)
{
	struct match match = {.word = word, .exact = -1};
	int idx, n = (int)grammar_n_objects;

	*ret_object = NULL;
	*ret_command = NULL;
	for (int i = 0; i < n; i++) {
		if (grammar_objects[i].short_name && !strcmp(grammar_objects[i].short_name, word))
			match.exact = i;
		match_offer(&match, grammar_objects[i].name, i);
	}
	for (int i = 0; i < (int)grammar_n_commands; i++) {
		match_offer(&match, grammar_commands[i].name, n + i);
		match_offer(&match, grammar_commands[i].synonym, n + i);
	}
	idx = match_end(&match, "object or command", foreign_find(foreign_commands, word), err);
	if (idx < 0)
		return idx;
	if (idx < n)
		*ret_object = &grammar_objects[idx];
	else
		*ret_command = &grammar_commands[idx - n];
	return 0;
}

const struct grammar_command *grammar_with_options(const char *word)
{
	const struct grammar_object *object;
	const struct grammar_command *command;

	if (grammar_find_first(word, &object, &command, NULL) < 0 || !command)
		return NULL;
	return command->options ? command : NULL;
}

static bool is_exact_verb(const struct grammar_object *object, const char *word)
{
	for (unsigned i = 0; i < object->n_verbs; i++) {
		if (!strcmp(object->verbs[i].name, word))
			return true;
	}
	return false;
}

/* match: none yet; afterwards how well the word fits, where it is no verb. */
static int find_verb(const struct grammar_object *object, struct match *match,
	const struct grammar_verb **ret_verb, struct err *err)
{
	const char *ours = foreign_find(foreign_verbs, match->word);
	char hint[48];
	int idx;

	for (unsigned i = 0; i < object->n_verbs; i++)
		match_offer(match, object->verbs[i].name, (int)i);
	(void)snprintf(hint, sizeof(hint), "did you mean '%s'?", ours ? ours : "");
	idx = match_end(match, "verb", ours && is_exact_verb(object, ours) ? hint : NULL, err);
	if (idx < 0)
		return idx;
	*ret_verb = &object->verbs[idx];
	return 0;
}

int grammar_find_verb(const struct grammar_object *object, const char *word,
	const struct grammar_verb **ret_verb, struct err *err)
{
	struct match match = {.word = word, .exact = -1};

	return find_verb(object, &match, ret_verb, err);
}

/* Fields */

const char *grammar_field_word(const struct ctl_field *field, char *buf, size_t size)
{
	size_t len = str_copy(buf, size, field->name);

	if (len > 2 && !strcmp(buf + len - 2, "_s"))
		buf[len - 2] = '\0';
	for (char *c = buf; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	return buf;
}

bool grammar_field_usable(const struct grammar_verb *verb, const struct ctl_field *field)
{
	/* What is asked for beside the settings has an option: --may-exist, --if-exists. */
	return verb->takes == GRAMMAR_WORDS && (field->access & CTL_ACCESS_SET);
}

const struct ctl_field *grammar_find_word(const struct ctl_struct *schema, const char *word)
{
	char name[32];

	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (!strcmp(grammar_field_word(&schema->fields[i], name, sizeof(name)), word) ||
			!strcmp(schema->fields[i].name, word))
			return &schema->fields[i];
	}
	return NULL;
}

const struct ctl_struct *grammar_sub_schema(const struct grammar_verb *verb)
{
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		const struct ctl_field *field = &verb->schema->fields[i];

		if (field->kind == CTL_KIND_MSG && grammar_field_usable(verb, field))
			return field->sub;
	}
	return NULL;
}

bool grammar_field_within(const struct grammar_verb *verb, const struct ctl_field *field)
{
	return field->kind == CTL_KIND_MSG && grammar_field_usable(verb, field);
}

/* What a word means: a field of the verb's message, or of the messages within it. */
struct meaning {
	const struct ctl_field *field;
	const struct ctl_struct *schema; /* that it is of */
	bool is_within;
};

/* The message within that alone has the word, which stands before it then; NULL = there is none. */
static const struct ctl_field *find_whole(const struct grammar_verb *verb, const char *word)
{
	for (unsigned i = 0; i < verb->schema->n_fields; i++) {
		const struct ctl_field *whole = &verb->schema->fields[i];

		if (grammar_field_within(verb, whole) && grammar_find_word(whole->sub, word))
			return whole;
	}
	return NULL;
}

static void offer_field(struct match *match, const struct ctl_field *field, char word[32], int idx,
	const char *now)
{
	match_offer(match, grammar_field_word(field, word, 32), idx);
	if (!strcmp(field->name, match->word) || (now && !strcmp(field->name, now)))
		match->exact = idx;
}

/* whole: the message within whose word came last; NULL = none did. */
static int find_field(const struct grammar_verb *verb, const struct ctl_field *whole,
	const char *word, struct meaning *ret, struct err *err)
{
	const struct ctl_struct *schema = verb->schema,
				*sub = whole ? whole->sub : grammar_sub_schema(verb);
	const struct ctl_field *elsewhere = find_whole(verb, word);
	char words[2 * CTL_MAX_FIELDS][32], hint[96], before[32];
	struct match match = {.word = word, .exact = -1};
	const char *leads_on =
		schema == &ctl_port_schema ? foreign_find(foreign_fields, word) : NULL;
	const char *now = former_word(word);
	int idx;

	for (unsigned i = 0; sub && i < sub->n_fields; i++)
		offer_field(&match, &sub->fields[i], words[CTL_MAX_FIELDS + i],
			(int)(CTL_MAX_FIELDS + i), now);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		if (grammar_field_usable(verb, &schema->fields[i]))
			offer_field(&match, &schema->fields[i], words[i], (int)i, now);
	}
	if (leads_on && match.exact < 0)
		match.n_prefixes =
			0; /* `vlan` is not short for vlan-mode: whoever writes it means a number */
	if (strchr(word, '='))
		leads_on = "a value follows its word without '=': `tag 10`";
	if (elsewhere && match.exact < 0) {
		(void)snprintf(hint, sizeof(hint), "it stands behind '%s'",
			grammar_field_word(elsewhere, before, sizeof(before)));
		leads_on = hint;
		match.n_prefixes = 0;
	}
	/* What is about a message goes before what is about the whole. */
	if (whole && grammar_find_word(sub, word))
		match.exact = CTL_MAX_FIELDS + grammar_find_word(sub, word)->idx;
	idx = match_end(&match, "word", leads_on, err);
	if (idx < 0)
		return idx;
	ret->is_within = idx >= CTL_MAX_FIELDS;
	ret->schema = ret->is_within ? sub : schema;
	ret->field = &ret->schema->fields[ret->is_within ? idx - CTL_MAX_FIELDS : idx];
	return 0;
}

/* Messages of the field parser speak of fields; a user typed a word. */
static int set_field(const struct grammar_verb *verb, struct grammar_request *req,
	const char *field, const char *value, struct err *err)
{
	int r = ctl_field_parse(verb->schema, &req->msg, field, value, err);

	return r < 0 ? -EINVAL : 0;
}

static int given_twice(const struct grammar_request *req, const char *word, struct err *err)
{
	return err_set(err, -EINVAL, "%s %s: '%s' is given twice", req->object->name,
		req->verb->name, word);
}

/* Set a field within `whole`, a message within the request's. */
static int set_within(struct grammar_request *req, const struct ctl_field *whole,
	const struct ctl_field *field, const char *word, const char *value, struct err *err)
{
	const void *sub = req->msg.bytes + whole->offset;
	int r;

	if (ctl_field_is_set(sub, field->idx))
		return given_twice(req, word, err);
	r = ctl_field_parse_within(whole, &req->msg, field->name, value, err);
	return r < 0 ? -EINVAL : 0;
}

/* Set a field of the messages within: of `whole`, or where none was named, of each of its kind. */
static int set_each(struct grammar_request *req, const struct ctl_field *whole,
	const struct ctl_field *field, const char *word, const char *value, struct err *err)
{
	const struct ctl_struct *schema = req->verb->schema;

	if (whole)
		return set_within(req, whole, field, word, value, err);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		int r = 0;

		if (schema->fields[i].sub && schema->fields[i].sub == grammar_sub_schema(req->verb))
			r = set_within(req, &schema->fields[i], field, word, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int value_missing(const struct grammar_request *req, const struct meaning *meaning,
	const char *word, struct err *err)
{
	char help[CTL_HELP_SIZE];

	return err_set(err, -EINVAL, "%s %s: '%s' needs a value (%s)", req->object->name,
		req->verb->name, word,
		ctl_field_help(meaning->schema, meaning->field, help, sizeof(help)));
}

/* Are there two words of the field's value (`from vlan 10`)? They are one of a mirror's, and what
 * follows does not come out even without the second. */
static bool takes_two(const struct meaning *meaning, char **words, unsigned n)
{
	return meaning->schema == &ctl_mirror_schema && meaning->field->idx == ctl_mirror__from &&
	       n % 2 && n > 2 && (!strcmp(words[1], "vlan") || !strcmp(words[1], "bridge"));
}

/*
 * FIELD VALUE pairs. The word of a message within (`a-to-b`) has no value: what follows is about it
 * and no other, until the next such word.
 */
static int parse_words(struct grammar_request *req, char **words, unsigned n, struct err *err)
{
	const struct grammar_verb *verb = req->verb;
	const struct ctl_field *whole = NULL;
	struct meaning meaning;
	int r;

	for (unsigned i = 0; i < n; i += 2) {
		r = find_field(verb, whole, words[i], &meaning, err);
		if (r < 0)
			return err_prefix(err, "%s %s", req->object->name, verb->name);
		if (meaning.field->kind == CTL_KIND_MSG) {
			whole = meaning.field;
			if (i + 1 == n)
				return value_missing(req, &meaning, words[i], err);
			i--;
			continue;
		}
		if (!meaning.is_within && ctl_field_is_set(&req->msg, meaning.field->idx))
			return given_twice(req, words[i], err);
		if (i + 1 == n)
			return value_missing(req, &meaning, words[i], err);
		if (takes_two(&meaning, words + i, n - i)) {
			char both[256];

			(void)snprintf(both, sizeof(both), "%s %s", words[i + 1], words[i + 2]);
			r = set_field(verb, req, meaning.field->name, both, err);
			if (r < 0)
				return r;
			i++;
			continue;
		}
		r = meaning.is_within
			    ? set_each(req, whole, meaning.field, words[i], words[i + 1], err)
			    : set_field(verb, req, meaning.field->name, words[i + 1], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Does the first of n words begin the fields, where n_free positions need not be given? The exact
 * word of a field does, if a value follows; short for one, it may be a name as well (a bridge
 * called `br`), and is one where the words come out even with it. */
static bool begins_fields(const struct grammar_verb *verb, char **words, unsigned n,
	unsigned n_free)
{
	struct meaning meaning;
	char word[32];

	if (verb->takes != GRAMMAR_WORDS || n < 2 ||
		find_field(verb, NULL, words[0], &meaning, NULL))
		return false;
	if (!strcmp(grammar_field_word(meaning.field, word, sizeof(word)), words[0]) ||
		!strcmp(meaning.field->name, words[0]))
		return true;
	return n % 2 == 0 && n_free < 2;
}

static unsigned n_positions(const struct grammar_verb *verb)
{
	unsigned n = 0;

	while (n < GRAMMAR_MAX_POSITIONS && verb->positions[n])
		n++;
	return n;
}

static int parse_positions(struct grammar_request *req, char **words, unsigned n,
	unsigned *ret_used, struct err *err)
{
	const struct grammar_verb *verb = req->verb;
	unsigned used = 0;

	/* Verbs of nodes take the name aside: it chooses the socket, not a field. */
	unsigned max = verb->target == GRAMMAR_VSWITCH ? n_positions(verb) : 1;

	for (; used < max && used < n; used++) {
		const char *field = verb->positions[used];

		if (verb->target == GRAMMAR_VSWITCH) {
			int r;

			if (used >= verb->n_required &&
				begins_fields(verb, words + used, n - used, max - used))
				break;
			r = set_field(verb, req, field, words[used], err);
			if (r < 0)
				return r;
		}
		if (!used)
			(void)str_copy(req->name, sizeof(req->name), words[used]);
	}
	if (used < verb->n_required) {
		const char *missing = verb->positions[used] ? verb->positions[used] : "name";

		(void)err_set_field(err, -EINVAL, missing, "%s %s: %s missing", req->object->name,
			verb->name, missing);
		err_hint(err, "see `netcfg help %s %s`", req->object->name, verb->name);
		return -EINVAL;
	}
	*ret_used = used;
	return 0;
}

/* Takes the verb out of words; the name that stood before it stays. */
static int parse_verb(struct grammar_request *req, char **words, unsigned *n, struct err *err)
{
	const struct grammar_object *object = req->object;
	struct match match = {.exact = -1};
	struct err why;

	req->verb = &object->verbs[0];
	if (!*n)
		return 0;
	if (*n > 1 && !is_exact_verb(object, words[0]) && is_exact_verb(object, words[1])) {
		char *name = words[0];

		words[0] = words[1];
		words[1] = name;
	}
	match.word = words[0];
	if (!find_verb(object, &match, &req->verb, &why)) {
		(*n)--;
		memmove(words, words + 1, *n * sizeof(words[0]));
		return 0;
	}
	/* `port p1` shows p1; `port shwo` is a slip of the finger. */
	if (*n == 1 && !match.led_on && match.n_prefixes < 2)
		return 0;
	if (*n > 1 && req->verb->takes == GRAMMAR_WORDS && !match.led_on)
		return 0; /* `fdb br0 vlan 10` */
	if (err)
		*err = why;
	return err_prefix(err, "%s", object->name);
}

static int parse_object(struct grammar_request *req, char **words, unsigned n,
	const struct opts *opts, struct err *err)
{
	unsigned used = 0;
	int r = parse_verb(req, words, &n, err);

	if (r < 0)
		return r;
	r = parse_positions(req, words, n, &used, err);
	if (r < 0)
		return r;
	if (req->verb->takes == GRAMMAR_NAMES) {
		req->more = words + used;
		req->n_more = n - used;
	} else if (req->verb->takes == GRAMMAR_WORDS) {
		r = parse_words(req, words + used, n - used, err);
	} else if (used < n) {
		r = err_set(err, -EINVAL, "%s %s: unexpected word '%s'", req->object->name,
			req->verb->name, words[used]);
	}
	if (r < 0)
		return r;
	if (req->verb->preset_field)
		r = set_field(req->verb, req, req->verb->preset_field, req->verb->preset_value,
			err);
	if (!r && opts->may_exist && ctl_field_find(req->verb->schema, "exist_ok"))
		r = set_field(req->verb, req, "exist_ok", "true", err);
	if (!r && opts->if_exists && ctl_field_find(req->verb->schema, "missing_ok"))
		r = set_field(req->verb, req, "missing_ok", "true", err);
	return r;
}

int grammar_next(struct grammar_request *req, struct err *err)
{
	const char *name;

	if (!req->n_more)
		return -ENOENT;
	name = *req->more++;
	req->n_more--;
	(void)str_copy(req->name, sizeof(req->name), name);
	return req->verb->target == GRAMMAR_VSWITCH
		       ? set_field(req->verb, req, req->verb->positions[0], name, err)
		       : 0;
}

int grammar_parse(char **words, unsigned n, const struct opts *opts,
	struct grammar_request *ret_req, struct err *err)
{
	int r;

	memset(ret_req, 0, sizeof(*ret_req));
	/* `show mac ...`-minded hands: "show port" is "port show". */
	if (n > 1 && !strcmp(words[0], "show")) {
		char *verb = words[0];

		words[0] = words[1];
		words[1] = verb;
	}
	r = grammar_find_first(words[0], &ret_req->object, &ret_req->command, err);
	if (r < 0)
		return r;
	if (ret_req->object)
		return parse_object(ret_req, words + 1, n - 1, opts, err);
	ret_req->args = words + 1;
	ret_req->n_args = n - 1;
	return 0;
}
