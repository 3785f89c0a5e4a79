/*
 * What `netcfg test` does: a list of steps, each a command in a node or a measurement between
 * ports.
 */
#include "topo_priv.h"

#include "str.h"
#include "topo_spec.h"

#include <stdio.h>
#include <string.h>

static bool has(const struct topo_step_spec *spec, const char *key)
{
	return topo_spec_has(&topo_step_schema, spec, key);
}

static void missing(struct topo_reader *reader, const struct yaml_value *step, const char *what,
	const char *hint)
{
	diag_hint(diag_add(reader->diag, step->mark, DIAG_MISSING_KEY, "a step has no \"%s\"",
			  what),
		"%s", hint);
}

/* A port that the tester can be at: a socket on which the switch listens. */
static void add_port(struct topo_reader *reader, struct topo_step *step,
	const struct yaml_value *value)
{
	const struct topo *topo = reader->topo;
	int i = value->kind == YAML_SCALAR ? topo_find_port(topo, value->text) : -1;
	const struct ctl_port *conf;

	if (i < 0) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_PORT, "no port called \"%.40s\"",
				  value->kind == YAML_SCALAR ? value->text : topo_yaml_kind(value)),
			"ports of the lab are listed under \"ports\" at the top level");
		return;
	}
	conf = &topo->ports[i].conf;
	if (conf->set && (conf->type != CTL_PORT_VHOST_USER || conf->mode != CTL_SOCK_SERVER)) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_PORT,
				  "swbench cannot connect to port \"%s\"", topo->ports[i].name),
			"make it { type: vhost-user, path: SOCKET, mode: server }");
		return;
	}
	for (unsigned k = 0; k < step->n_ports; k++) {
		if (step->ports[k] != (unsigned)i)
			continue;
		diag_add(reader->diag, value->mark, DIAG_VALUE, "port \"%s\" stands here twice",
			topo->ports[i].name);
		return;
	}
	if (step->n_ports == TOPO_MAX_STEP_PORTS)
		diag_add(reader->diag, value->mark, DIAG_LIMIT, "more than %d ports",
			TOPO_MAX_STEP_PORTS);
	else
		step->ports[step->n_ports++] = (unsigned)i;
}

/* Those of swbench(1), which a test compares, and "suite", which names several. */
const char *const topo_swbench_verbs[] = {"calibrate", "mrr", "ndr", "pdr", "loss", "imix", "flows",
	"macs", "vlans", "mesh", "mac-capacity", "mac-rate", "broadcast", "congestion",
	"slow-guest", "errored", "density", "latency", "b2b", "recovery", "reset", "reconf", "soak",
	"suite", NULL};

/* The verb stands first: behind an option it could be the option's value. */
static void check_verb(struct topo_reader *reader, const struct topo_text *text)
{
	size_t len = strcspn(text->text, " "), n = 0;
	const char *nearest;
	char verb[40];

	(void)snprintf(verb, sizeof(verb), "%.*s", (int)len, text->text);
	while (topo_swbench_verbs[n] && strcmp(topo_swbench_verbs[n], verb) != 0)
		n++;
	if (topo_swbench_verbs[n])
		return;
	nearest = str_nearest(verb, topo_swbench_verbs, n);
	diag_hint(diag_add(reader->diag, text->mark, DIAG_VALUE, "\"%s\" is no verb of swbench",
			  verb),
		nearest          ? "did you mean \"%s\"?"
		: verb[0] == '-' ? "write the verb first, then its options"
				 : "`swbench list` tells which there are",
		nearest);
}

static void read_swbench(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_step_spec *spec, struct topo_step *step)
{
	step->swbench = spec->swbench.text;
	check_verb(reader, &spec->swbench);
	for (const struct yaml_value *v = spec->ports ? spec->ports->first : NULL; v; v = v->next)
		add_port(reader, step, v);
	if (!spec->ports)
		missing(reader, value, "ports",
			"name the ports that the tester takes: \"ports: [in, out]\"");
	else if (spec->ports->n < 2)
		diag_add(reader->diag, spec->ports->mark, DIAG_VALUE,
			"a measurement needs two ports");
}

static void read_exec(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_step_spec *spec, struct topo_step *step)
{
	int i;

	step->exec = spec->exec.text;
	if (!spec->node.text) {
		missing(reader, value, "node", "name the node that runs the command: \"node: r1\"");
		return;
	}
	step->node = spec->node.text;
	i = topo_find_node(reader->topo, step->node);
	if (i < 0)
		topo_no_node(reader, step->node, spec->node.mark);
	else if (reader->topo->nodes[i].image && reader->topo->nodes[i].image->is_nfguest)
		diag_add(reader->diag, spec->node.mark, DIAG_VALUE,
			"node \"%s\" is an nfguest, which has no shell", step->node);
}

/* A key that belongs to the other sort of step. */
static void check_useless(struct topo_reader *reader, const struct yaml_value *step,
	const char *key, const char *verb)
{
	const struct yaml_value *value = topo_yaml_get(step, key);

	if (value)
		diag_add(reader->diag, value->key->mark, DIAG_VALUE,
			"\"%s\" is of no use to \"%s\"", key, verb);
}

static void read_step(struct topo_reader *reader, const struct yaml_value *value,
	struct topo_step *step)
{
	struct topo_step_spec spec = {0};
	unsigned errors = reader->diag->n;

	topo_spec_read(&topo_step_schema, value, &spec, reader->diag);
	if (reader->diag->n != errors)
		return;
	step->mark = value->mark;
	if (!spec.name.text) {
		missing(reader, value, "name", "its report goes into a directory of that name");
		return;
	}
	if (!topo_name_check("step", spec.name.text, spec.name.mark, TOPO_NAME_MAX, reader->diag))
		return;
	step->name = spec.name.text;
	step->timeout_s = has(&spec, "timeout") ? (unsigned)spec.timeout : 0;
	if (has(&spec, "exec") == has(&spec, "swbench")) {
		diag_hint(diag_add(reader->diag, value->mark, DIAG_MISSING_KEY,
				  "step \"%s\" has to have either \"exec\" or \"swbench\"",
				  step->name),
			"\"exec: COMMAND\" for a node, \"swbench: VERB OPTIONS\" for a "
			"measurement");
		return;
	}
	if (spec.exec.text) {
		check_useless(reader, value, "ports", "exec");
		read_exec(reader, value, &spec, step);
	} else {
		check_useless(reader, value, "node", "swbench");
		read_swbench(reader, value, &spec, step);
	}
}

void topo_read_steps(struct topo_reader *reader, const struct yaml_value *steps)
{
	struct topo *topo = reader->topo;

	if (!steps || !steps->n)
		return;
	if (steps->n > TOPO_MAX_STEPS) {
		diag_add(reader->diag, steps->mark, DIAG_LIMIT, "more than %d steps",
			TOPO_MAX_STEPS);
		return;
	}
	topo->steps = arena_alloc(&topo->arena, steps->n * sizeof(*topo->steps));
	for (const struct yaml_value *v = topo->steps ? steps->first : NULL; v; v = v->next)
		read_step(reader, v, &topo->steps[topo->n_steps++]);
	for (unsigned i = 0; i < topo->n_steps; i++) {
		for (unsigned j = 0; topo->steps[i].name && j < i; j++) {
			if (topo->steps[j].name &&
				!strcmp(topo->steps[i].name, topo->steps[j].name))
				diag_add(reader->diag, topo->steps[i].mark, DIAG_NAME_TAKEN,
					"step \"%s\" is there already, at line %u",
					topo->steps[i].name, topo->steps[j].mark.line);
		}
	}
}
