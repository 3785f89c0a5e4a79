/* Whole labs: validate, plan, apply, destroy, wait, explain. */
#include "actual.h"
#include "apply.h"
#include "cmd.h"
#include "ev.h"
#include "lab.h"
#include "names.h"
#include "node.h"
#include "orphan.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *first_arg(const struct grammar_request *req)
{
	return req->n_args ? req->args[0] : NULL;
}

static int too_many(const struct grammar_request *req, unsigned max)
{
	struct err err = {0};

	if (req->n_args <= max)
		return 0;
	(void)err_set(&err, -EINVAL, "%s: unexpected word '%s'", req->command->name,
		req->args[max]);
	err_hint(&err, "`netcfg %s %s`", req->command->name, req->command->args);
	return cmd_fail(&err);
}

/* lab_load() has printed what is wrong with the file itself. */
static int fail_load(const struct err *err)
{
	return err->code ? cmd_fail(err) : EXIT_USAGE;
}

int cmd_validate(const struct opts *opts, const struct grammar_request *req)
{
	struct err err = {0};
	struct lab lab;

	if (too_many(req, 1))
		return EXIT_USAGE;
	if (lab_load(opts, first_arg(req), true, &lab, &err))
		return fail_load(&err);
	if (opts->json)
		lab_print_errors(opts, &lab);
	else if (!opts->quiet)
		printf("%s: lab %s: %u nodes, %u bridges, %u ports, %u links: no errors\n",
			lab.diag.file, lab.topo.name, lab.topo.n_nodes, lab.topo.n_bridges,
			lab.topo.n_ports, lab.topo.n_links);
	lab_done(&lab);
	return EXIT_DONE;
}

/* Plans for people and programs */

static void print_op(const struct plan_op *op, FILE *out)
{
	fprintf(out, "  %c %-6s %-26s %-7s %s\n", plan_sign(op), plan_object(op), op->name,
		plan_costs[op->cost], op->text);
}

static void progress(const struct plan_op *op)
{
	print_op(op, stderr);
}

static void no_progress(const struct plan_op *op)
{
}

/* A switch that ended comes back with what it saved, which nobody can be asked for now: what then
 * still differs is small, and is not what a plan against nothing says. */
static bool switch_comes_back(const struct lab *lab, bool runs)
{
	char config[RUNDIR_PATH_SIZE];

	return !runs &&
	       !rundir_file(lab->run_dir, "state/config", "", config, sizeof(config), NULL) &&
	       !access(config, F_OK);
}

static bool is_of_node(const struct plan_op *op)
{
	return op->kind == PLAN_NODE_ADD || op->kind == PLAN_NODE_RESTART ||
	       op->kind == PLAN_NODE_DEL;
}

/* What a plan shows of the lab whose switch ended. */
static void hide_switch(struct plan *plan)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->n_ops; i++) {
		if (is_of_node(&plan->ops[i]))
			plan->ops[n++] = plan->ops[i];
	}
	plan->n_ops = n;
	if (STATE_ADD(plan->ops, plan->n_ops)) {
		struct plan_op *op = &plan->ops[n];

		*op = (struct plan_op){.kind = PLAN_SWITCH_START,
			.cost = PLAN_CARRIER,
			.name = "vswitch",
			.text = "is started again with what it saved"};
	}
}

static void print_plan(const struct opts *opts, const struct lab *lab, const struct plan *plan)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->n_ops; i++)
		n += !plan->ops[i].quiet;
	if (!plan->n_ops) {
		printf("lab %s: no changes\n", lab->topo.name);
		return;
	}
	printf("lab %s: %u change%s; highest cost: %s\n", lab->topo.name, n, n == 1 ? "" : "s",
		plan_costs[plan_cost(plan)]);
	for (unsigned i = 0; i < plan->n_ops; i++) {
		if (!plan->ops[i].quiet || opts->verbose)
			print_op(&plan->ops[i], stdout);
	}
}

static void print_plan_json(const struct opts *opts, const struct lab *lab, const struct plan *plan)
{
	json_t *ops = json_array(), *all;

	for (unsigned i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];
		char sign[2] = {plan_sign(op), '\0'};

		json_array_append_new(ops, json_pack("{s:s, s:s, s:s, s:s, s:s}", "change", sign,
						   "object", plan_object(op), "name", op->name,
						   "text", op->text, "cost", plan_costs[op->cost]));
	}
	all = json_pack("{s:i, s:s, s:s, s:o}", "version", 1, "lab", lab->topo.name, "cost",
		plan->n_ops ? plan_costs[plan_cost(plan)] : "none", "changes", ops);
	if (all)
		json_dumpf(all, stdout, opts->pretty ? JSON_INDENT(4) : JSON_COMPACT);
	printf("\n");
	json_decref(all);
}

static int make_plan(const struct opts *opts, const struct lab *lab, struct plan *plan,
	bool *ret_switch_runs, struct err *err)
{
	struct actual actual;
	int r = actual_read(lab->run_dir, ACTUAL_CHANGE_MS, &actual, err);

	*plan = (struct plan){0};
	if (!r)
		r = orphan_check(opts, lab->topo.name, err);
	if (!r)
		r = actual_check_complete(&actual, err);
	if (!r)
		r = plan_make(&lab->wanted, &actual.state, lab->run_dir, plan, err);
	if (!r)
		r = apply_check_sockets(lab->run_dir, plan, &actual, err);
	*ret_switch_runs = actual.switch_runs;
	actual_done(&actual);
	return r;
}

int cmd_plan(const struct opts *opts, const struct grammar_request *req)
{
	struct err err = {0};
	struct lab lab;
	struct plan plan;
	bool runs;
	int r;

	if (too_many(req, 1))
		return EXIT_USAGE;
	if (lab_load(opts, first_arg(req), true, &lab, &err))
		return fail_load(&err);
	if (make_plan(opts, &lab, &plan, &runs, &err)) {
		r = cmd_fail(&err);
	} else {
		if (switch_comes_back(&lab, runs))
			hide_switch(&plan);
		if (opts->json)
			print_plan_json(opts, &lab, &plan);
		else
			print_plan(opts, &lab, &plan);
		r = opts->exit_code && plan.n_ops ? EXIT_DIFFERS : EXIT_DONE;
	}
	plan_done(&plan);
	lab_done(&lab);
	return r;
}

/* Apply */

/* The cost that needs no leave; -EINVAL for a word that is none. */
static int allowed_cost(const struct opts *opts, struct err *err)
{
	if (!opts->allow)
		return PLAN_CARRIER;
	if (!strcmp(opts->allow, "restart"))
		return PLAN_RESTART;
	if (!strcmp(opts->allow, "stop"))
		return PLAN_STOP;
	return err_set(err, -EINVAL, "--allow '%s': is neither restart nor stop", opts->allow);
}

/* Nodes whose operations cost as much as the whole plan. */
static void dearest_nodes(const struct plan *plan, char *names, size_t size)
{
	names[0] = '\0';
	for (unsigned i = 0; i < plan->n_ops; i++) {
		size_t used = strlen(names);

		if (plan->ops[i].cost == plan_cost(plan))
			(void)snprintf(names + used, size - used, "%s%s", used ? ", " : "",
				plan->ops[i].name);
	}
}

static int check_cost(const struct opts *opts, const struct lab *lab, const struct plan *plan,
	struct err *err)
{
	char names[200], from[PATH_MAX];
	const char *cost = plan_costs[plan_cost(plan)];
	int allowed = allowed_cost(opts, err);

	if (allowed < 0)
		return allowed;
	if ((int)plan_cost(plan) <= allowed)
		return 0;
	dearest_nodes(plan, names, sizeof(names));
	(void)err_set(err, -EPERM, "lab '%s': nodes would %s: %s", lab->topo.name, cost, names);
	/* Most likely it is another lab, whose name somebody forgot to change. */
	if (rundir_read_file_name(lab->run_dir, from, sizeof(from)) && strcmp(from, lab->file)) {
		(void)err_set(err, -EPERM,
			"lab '%s': it runs from '%s', and its nodes would %s: %s", lab->topo.name,
			from, cost, names);
		err_hint(err,
			"give the lab of this file another name; or see `netcfg plan`, and go on "
			"with `--allow %s`",
			cost);
	} else {
		err_hint(err, "see `netcfg plan`; go on with `--allow %s`", cost);
	}
	return -EPERM;
}

static int wait_all(const struct opts *opts, const struct lab *lab, struct err *err)
{
	uint64_t deadline = ev_now_ns() + opts->wait_s * UINT64_C(1000000000);
	const char *names[TOPO_MAX_NODES];

	for (unsigned i = 0; i < lab->topo.n_nodes; i++)
		names[i] = lab->topo.nodes[i].name;
	return node_wait_ready(lab->run_dir, names, lab->topo.n_nodes, deadline, opts->wait_s,
		node_progress(opts), err);
}

static int apply_locked(const struct opts *opts, const struct lab *lab, struct err *err)
{
	struct plan plan;
	bool runs;
	int r = make_plan(opts, lab, &plan, &runs, err);

	if (!r)
		r = check_cost(opts, lab, &plan, err);
	if (!r && opts->dry_run) {
		print_plan(opts, lab, &plan);
		plan_done(&plan);
		return 0;
	}
	if (!r)
		r = apply_check(opts, &plan, err);
	if (!r)
		r = rundir_write_file_name(lab->run_dir, lab->file, err);
	if (!r && !plan.n_ops && runs) {
		if (!opts->quiet)
			printf("lab %s: no changes\n", lab->topo.name);
	} else if (!r) {
		if (runs && plan.ops[0].kind == PLAN_SWITCH_RESTART) {
			if (!opts->quiet)
				progress(&plan.ops[0]);
			r = apply_stop_switch(lab->run_dir, err);
			runs = false;
		}
		if (!r)
			r = apply_start_switch(opts, lab->run_dir, &lab->wanted.sw, err);
		if (!r && !runs) {
			/* A switch that comes back may bring what it kept: look again. */
			plan_done(&plan);
			r = make_plan(opts, lab, &plan, &runs, err);
		}
		if (!r)
			r = apply_plan(opts, lab, &plan, opts->quiet ? no_progress : progress, err);
		if (!r && !opts->quiet)
			printf("lab %s: applied\n", lab->topo.name);
	}
	plan_done(&plan);
	if (!r && opts->wait)
		r = wait_all(opts, lab, err);
	return r;
}

static int count_node(void *ctx, const char *node)
{
	++*(unsigned *)ctx;
	return 0;
}

/* A lab of which nothing was started is none: its directory would be shown as one. */
static void remove_if_empty(const char *run_dir)
{
	char pid_file[RUNDIR_PATH_SIZE];
	unsigned n = 0;

	(void)rundir_each_node(run_dir, count_node, &n);
	if (!n && !rundir_file(run_dir, "vswitch", ".pid", pid_file, sizeof(pid_file), NULL) &&
		access(pid_file, F_OK))
		(void)rundir_remove(run_dir, NULL);
}

int cmd_apply(const struct opts *opts, const struct grammar_request *req)
{
	struct err err = {0};
	struct lab lab;
	int lock = -1, r;

	if (too_many(req, 1))
		return EXIT_USAGE;
	if (allowed_cost(opts, &err) < 0)
		return cmd_fail(&err);
	if (lab_load(opts, first_arg(req), true, &lab, &err))
		return fail_load(&err);
	r = opts->dry_run ? 0 : rundir_create(lab.run_dir, &err);
	if (!r && !opts->dry_run) {
		lock = rundir_lock(lab.run_dir, &err);
		r = lock < 0 ? lock : 0;
	}
	if (!r)
		r = apply_locked(opts, &lab, &err);
	if (r && lock >= 0)
		remove_if_empty(lab.run_dir);
	if (lock >= 0)
		close(lock);
	lab_done(&lab);
	if (!r)
		return EXIT_DONE;
	(void)cmd_fail(&err);
	return r == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_FAILED;
}

/*
 * A lab that is named and is not there is gone already, but for daemons that lost their run
 * directory.
 */
static int destroy_rest(const struct opts *opts, const char *name, const struct err *gone)
{
	struct err err = {0};
	int n;

	if (opts->dry_run) {
		printf("%s\n", gone->msg);
		return EXIT_DONE;
	}
	n = orphan_end(opts, name, &err);
	if (n < 0)
		return cmd_fail(&err);
	if (opts->quiet)
		return EXIT_DONE;
	if (n)
		printf("lab %s: destroyed; its run directory was gone\n", name);
	else
		printf("%s\n", gone->msg);
	return EXIT_DONE;
}

int cmd_destroy(const struct opts *opts, const struct grammar_request *req)
{
	char name[CTL_NAME_MAX + 1], dir[RUNDIR_PATH_SIZE];
	struct err err = {0};
	int lock, r;

	if (too_many(req, 1))
		return EXIT_USAGE;
	r = lab_find(opts, first_arg(req), name, &err);
	if (r && !err.code)
		return EXIT_USAGE;
	if (r == -ENOENT && (first_arg(req) || opts->file))
		return destroy_rest(opts, name, &err);
	if (!r)
		r = rundir_path(opts, name, dir, &err);
	if (!r)
		r = rundir_check(dir, &err);
	if (r)
		return cmd_fail(&err);
	if (opts->dry_run) {
		printf("lab %s: would be stopped and removed\n", name);
		return EXIT_DONE;
	}
	lock = rundir_lock(dir, &err);
	if (lock < 0)
		return cmd_fail(&err);
	r = orphan_end(opts, name, &err);
	if (r >= 0)
		r = apply_destroy(opts, dir, &err);
	close(lock);
	if (r)
		return cmd_fail(&err);
	if (!opts->quiet)
		printf("lab %s: destroyed\n", name);
	return EXIT_DONE;
}

static int add_node(void *ctx, const char *node)
{
	return names_add(ctx, node);
}

int cmd_wait(const struct opts *opts, const struct grammar_request *req)
{
	unsigned timeout_s = opts->timeout_s ? opts->timeout_s : opts->wait_s ? opts->wait_s : 60;
	uint64_t deadline = ev_now_ns() + timeout_s * UINT64_C(1000000000);
	char name[CTL_NAME_MAX + 1], dir[RUNDIR_PATH_SIZE];
	struct names nodes = {0};
	struct err err = {0};
	int r = lab_find(opts, NULL, name, &err);

	if (r && !err.code)
		return EXIT_USAGE;
	if (!r)
		r = rundir_path(opts, name, dir, &err);
	for (unsigned i = 0; !r && i < req->n_args; i++)
		r = names_add(&nodes, req->args[i]);
	if (!r && !nodes.n)
		r = rundir_each_node(dir, add_node, &nodes);
	if (!r)
		r = node_wait_ready(dir, (const char *const *)nodes.list, nodes.n, deadline,
			timeout_s, node_progress(opts), &err);
	names_done(&nodes);
	return r ? cmd_fail(&err) : EXIT_DONE;
}

int cmd_explain(const struct opts *opts, const struct grammar_request *req)
{
	const char *code = first_arg(req), *text = NULL;
	struct err err = {0};
	unsigned long number;

	if (too_many(req, 1))
		return EXIT_USAGE;
	for (unsigned i = 1; !code && diag_explain(i); i++)
		printf("E%02u\n%s\n\n", i, diag_explain(i));
	if (!code)
		return EXIT_DONE;
	number = strtoul(code + (toupper((unsigned char)code[0]) == 'E'), NULL, 10);
	text = number ? diag_explain((unsigned)number) : NULL;
	if (!text) {
		(void)err_set(&err, -EINVAL, "unknown error code '%s'", code);
		err_hint(&err, "codes look like E12");
		return cmd_fail(&err);
	}
	printf("E%02lu\n%s\n", number, text);
	return EXIT_DONE;
}
