/* Nodes of a lab, and its status. */
#include "actual.h"
#include "cmd.h"
#include "ctl_client.h"
#include "ctl_field.h"
#include "lab.h"
#include "node.h"
#include "orphan.h"
#include "show.h"
#include "show_switch.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct show_column node_columns[] = {
	{"name", "NODE", false, CTL_SHOW_BRIEF},
	{"state", "STATE", false, CTL_SHOW_BRIEF},
	{"ready", "READY", false, CTL_SHOW_BRIEF},
	{"vcpus", "VCPUS", true, CTL_SHOW_TABLE},
	{"memory_bytes", "MEMORY", true, CTL_SHOW_TABLE},
	{"memory_used_bytes", "USED", true, CTL_SHOW_TABLE},
	{"nics", "NICS", true, CTL_SHOW_TABLE},
	{"uptime_s", "UPTIME", true, CTL_SHOW_BRIEF},
	{"pid", "PID", true, CTL_SHOW_TABLE},
};

static void size_text(uint64_t bytes, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%lluM", (unsigned long long)(bytes >> 20));
}

/* Of one whose machine cannot be asked. */
static const char *absent_state(const struct actual_node *node)
{
	return node->silent ? "no answer" : "stopped";
}

static const char *switch_state(const struct actual *actual)
{
	return actual->switch_silent ? "no answer" : actual->switch_runs ? "running" : "stopped";
}

static json_t *node_json(const struct actual_node *node)
{
	return node->answers ? show_msg(&ctl_vm_schema, &node->vm)
			     : json_pack("{s:s}", "state", absent_state(node));
}

static void node_row(struct show *show, const struct actual_node *node, const char *run_dir)
{
	char memory[24], used[24], uptime[STR_DURATION_SIZE];
	const char *texts[ARRAY_LEN(node_columns)] = {NULL};
	bool ready = node->answers && node_is_ready(run_dir, node->name, NULL) > 0;
	json_t *row = node_json(node);

	if (!row)
		return;
	json_object_set_new(row, "name", json_string(node->name));
	json_object_set_new(row, "ready", json_boolean(ready));
	if (node->answers) {
		size_text(node->vm.memory_bytes, memory, sizeof(memory));
		size_text(node->vm.memory_used_bytes, used, sizeof(used));
		texts[4] = memory;
		texts[5] = used;
		texts[7] = str_format_duration(uptime, node->vm.uptime_s);
	}
	show_row(show, row, texts);
}

/* Of the node called name, of all for "". */
static int node_rows(struct show *show, const struct actual *actual, const char *run_dir,
	const char *name, struct err *err)
{
	bool found = !name[0];

	for (unsigned i = 0; i < actual->n_nodes; i++) {
		if (name[0] && strcmp(name, actual->nodes[i].name))
			continue;
		found = true;
		node_row(show, &actual->nodes[i], run_dir);
	}
	if (found)
		return 0;
	(void)err_set(err, -ENOENT, "node '%s' not found", name);
	err_hint(err, "`netcfg node show` lists them");
	return -ENOENT;
}

/* Of all where req is NULL. */
static int show_nodes(const struct opts *opts, const struct actual *actual, const char *run_dir,
	struct grammar_request *req, struct err *err)
{
	struct show *show = show_begin(stdout, opts, node_columns, ARRAY_LEN(node_columns));
	int r;

	do
		r = node_rows(show, actual, run_dir, req ? req->name : "", err);
	while (!r && req && !grammar_next(req, err));
	if (!r)
		return show_end(show, err);
	if (show)
		(void)show_discard(show);
	return r;
}

/* Before the columns of the messages. */
static const struct show_column node_column = {"node", "NODE", false, CTL_SHOW_BRIEF};

struct nic_rows {
	struct show *show;
	const char *node;
};

static int nic_row(void *ctx, const void *row)
{
	struct nic_rows *rows = ctx;
	const struct ctl_nic *nic = row;
	const char *texts[1 + SHOW_MAX_COLUMNS] = {NULL};
	char name[16];
	json_t *json = show_msg(&ctl_nic_schema, nic);

	(void)snprintf(name, sizeof(name), "eth%u", nic->nic + 1);
	texts[1 + SHOW_COLUMN(ctl_nic, nic)] = name;
	texts[1 + SHOW_COLUMN(ctl_nic, link)] = nic->link ? "up" : "down";
	if (json) {
		json_object_set_new(json, "node", json_string(rows->node));
		json_object_set_new(json, "ifname", json_string(name));
	}
	show_row(rows->show, json, texts);
	return 0;
}

/* Of the node called name, of all for "". */
static int nics_of(struct nic_rows *rows, const struct actual *actual, const char *run_dir,
	const char *name, struct err *err)
{
	struct ctl_empty nothing = {0};
	int r = 0;

	for (unsigned i = 0; !r && i < actual->n_nodes; i++) {
		struct ctl_client *client;

		rows->node = actual->nodes[i].name;
		if (!actual->nodes[i].answers || (name[0] && strcmp(name, rows->node)))
			continue;
		r = actual_open_node(run_dir, rows->node, 0, &client, err);
		if (!r) {
			r = ctl_client_rows(client, "NicShow", &nothing, nic_row, rows, err);
			ctl_client_close(client);
		}
	}
	return r;
}

static int show_nics(const struct opts *opts, const struct actual *actual, const char *run_dir,
	struct grammar_request *req, struct err *err)
{
	struct show_column columns[1 + SHOW_MAX_COLUMNS] = {node_column};
	unsigned n_columns = 1 + show_columns(&ctl_nic_schema, columns + 1);
	struct nic_rows rows = {show_begin(stdout, opts, columns, n_columns), NULL};
	int r;

	do
		r = nics_of(&rows, actual, run_dir, req->name, err);
	while (!r && !grammar_next(req, err));
	if (r && rows.show)
		(void)show_discard(rows.show);
	return r ? r : show_end(rows.show, err);
}

static int change_node(const struct opts *opts, const struct grammar_request *req,
	const char *run_dir, struct err *err)
{
	struct ctl_client *client;
	struct ctl_stop stop = {0};
	bool stops = !strcmp(req->verb->name, "stop");
	char args[RUNDIR_PATH_SIZE];
	int r = rundir_file(run_dir, req->name, ".args", args, sizeof(args), err);

	if (!r && access(args, F_OK)) {
		(void)err_set(err, -ENOENT, "node '%s': the lab has none of that name", req->name);
		err_hint(err, "see `netcfg node show`");
		return -ENOENT;
	}
	if (r)
		return r;
	if (!strcmp(req->verb->name, "start"))
		return node_start(run_dir, req->name, err);
	CTL_SET(&stop, ctl_stop, force, opts->force);
	if (opts->timeout_s)
		CTL_SET(&stop, ctl_stop, timeout_s, opts->timeout_s);
	ctl_fill_defaults(&ctl_stop_schema, &stop, UINT64_MAX);
	r = actual_open_node(run_dir, req->name,
		stops && opts->force ? ACTUAL_LOOK_MS : (stop.timeout_s + 5) * 1000, &client, err);
	if (r)
		return err_prefix(err, "node '%s'", req->name);
	r = ctl_client_call(client, req->verb->method, stops ? (void *)&stop : (void *)&req->msg,
		NULL, err);
	ctl_client_close(client);
	/* One that does not even answer has no power button. */
	if (stops && (!r || r == -EPIPE || r == -ECONNRESET || (r == -ETIMEDOUT && opts->force))) {
		err_clear(err);
		r = node_wait_stopped(run_dir, req->name, opts->force, err);
	}
	return r;
}

int cmd_node(const struct opts *opts, struct grammar_request *req)
{
	char lab[CTL_NAME_MAX + 1], dir[RUNDIR_PATH_SIZE];
	bool nics = !strcmp(req->verb->name, "nics"),
	     show = nics || !strcmp(req->verb->name, "show");
	struct actual actual = {0};
	struct err err = {0};
	int r;

	if (strchr(req->name, '/')) {
		(void)err_set(&err, -EINVAL, "node '%s': not a name", req->name);
		return cmd_fail(&err);
	}
	r = lab_find(opts, NULL, lab, &err);
	if (r && !err.code)
		return EXIT_USAGE;
	if (!r)
		r = rundir_path(opts, lab, dir, &err);
	if (!r && show) {
		r = actual_read(dir, ACTUAL_LOOK_MS, &actual, &err);
		if (!r)
			r = nics ? show_nics(opts, &actual, dir, req, &err)
				 : show_nodes(opts, &actual, dir, req, &err);
		actual_done(&actual);
	} else if (!r && opts->dry_run) {
		printf("node %s: would %s\n", req->name, req->verb->name);
	} else if (!r) {
		r = change_node(opts, req, dir, &err);
	}
	return r ? cmd_fail(&err) : EXIT_DONE;
}

/* status: nodes and cables of a lab */

static bool all_well(const struct actual *actual, const struct orphans *orphans,
	const char *run_dir)
{
	bool well = actual->switch_runs && !actual->switch_silent && !orphans->n;

	for (unsigned i = 0; i < actual->n_nodes; i++)
		well = well && actual->nodes[i].answers &&
		       actual->nodes[i].vm.state == CTL_VM_RUNNING &&
		       node_is_ready(run_dir, actual->nodes[i].name, NULL) > 0;
	for (unsigned i = 0; i < actual->state.n_ports; i++) {
		const struct ctl_port *port = &actual->state.ports[i];

		well = well && (!port->bridge[0] || port->carrier);
	}
	/* A cable that somebody pulled is not up, whoever it was. */
	for (unsigned i = 0; i < actual->state.n_links; i++)
		well = well && actual->state.links[i].carrier;
	return well;
}

static json_t *status_json(const char *lab, const struct actual *actual,
	const struct orphans *orphans, const char *run_dir)
{
	json_t *nodes = json_array(), *links = json_array(), *ports = json_array();
	json_t *strays = json_array();

	for (unsigned i = 0; i < actual->n_nodes; i++) {
		const struct actual_node *node = &actual->nodes[i];
		json_t *row = node_json(node);

		json_object_set_new(row, "name", json_string(node->name));
		json_object_set_new(row, "ready",
			json_boolean(node->answers &&
				     node_is_ready(run_dir, node->name, NULL) > 0));
		json_array_append_new(nodes, row);
	}
	for (unsigned i = 0; i < actual->state.n_links; i++) {
		json_t *row = show_msg(&ctl_link_schema, &actual->state.links[i]);

		json_object_set_new(row, "mode", json_string("link"));
		json_array_append_new(links, row);
	}
	for (unsigned i = 0; i < actual->state.n_ports; i++) {
		json_t *row = show_attachment_json(&actual->state.ports[i]);

		if (row)
			json_array_append_new(links, row);
		json_array_append_new(ports, show_msg(&ctl_port_schema, &actual->state.ports[i]));
	}
	for (unsigned i = 0; i < orphans->n; i++)
		json_array_append_new(strays, json_pack("{s:s, s:i}", "name", orphans->list[i].name,
						      "pid", (int)orphans->list[i].pid));
	return json_pack("{s:i, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "version",
		SHOW_JSON_VERSION, "lab", lab, "run_dir", run_dir, "vswitch", switch_state(actual),
		"well", (int)all_well(actual, orphans, run_dir), "nodes", nodes, "links", links,
		"ports", ports, "orphans", strays);
}

/* Daemons that the run directory does not know: what happened, and what to do. */
static void print_orphans(const char *lab, const struct orphans *orphans)
{
	char names[400];

	(void)orphan_names(orphans, 0, names, sizeof(names));
	printf("lab %s: its run directory was removed while it ran\n"
	       "  still run: %s\n"
	       "  end them: `netcfg destroy %s`\n",
		lab, names, lab);
}

static int show_status(const struct opts *opts, const char *lab, const char *run_dir,
	const struct actual *actual, const struct orphans *orphans, struct err *err)
{
	const struct ctl_ref all = {0};
	const void *const msgs[] = {&all};
	struct ctl_client *client;
	json_t *json;
	int r;

	if (opts->json) {
		json = status_json(lab, actual, orphans, run_dir);
		if (json)
			json_dumpf(json, stdout, opts->pretty ? JSON_INDENT(4) : JSON_COMPACT);
		printf("\n");
		json_decref(json);
		return 0;
	}
	if (orphans->n)
		print_orphans(lab, orphans);
	if (access(run_dir, F_OK))
		return 0; /* then that is all there is */
	printf("lab %s: vswitch %s, %u of %u nodes run, in %s\n\n", lab, switch_state(actual),
		actual->state.n_vms, actual->n_nodes, run_dir);
	r = show_nodes(opts, actual, run_dir, NULL, err);
	if (r || !actual->switch_runs || actual->switch_silent)
		return r;
	printf("\n");
	r = actual_open_switch(run_dir, 0, &client, err);
	if (r)
		return r;
	r = show_switch(opts, client, "LinkShow", msgs, 1, err);
	ctl_client_close(client);
	return r;
}

struct labs {
	const struct opts *opts;
	const struct orphans *orphans;
	unsigned n;
	int code;
};

/* orphans: of all labs, or of this one */
static int status_of(const struct opts *opts, const char *lab, const struct orphans *orphans,
	struct err *err)
{
	const struct orphans its = orphan_of_lab(orphans, lab);
	char dir[RUNDIR_PATH_SIZE];
	struct actual actual = {0};
	int r = rundir_path(opts, lab, dir, err);
	bool well = false;

	if (!r)
		r = actual_read(dir, ACTUAL_LOOK_MS, &actual, err);
	if (!r)
		r = show_status(opts, lab, dir, &actual, &its, err);
	if (!r)
		well = all_well(&actual, &its, dir);
	actual_done(&actual);
	if (r)
		return cmd_fail(err);
	return opts->check && !well ? EXIT_DIFFERS : EXIT_DONE;
}

static int each_status(void *ctx, const char *lab)
{
	struct labs *labs = ctx;
	struct err err = {0};
	int r;

	if (labs->n++ && !labs->opts->json)
		printf("\n");
	r = status_of(labs->opts, lab, labs->orphans, &err);
	if (r)
		labs->code = r;
	return 0;
}

/* Labs that have daemons, and no run directory any more. */
static void each_lost_lab(struct labs *labs)
{
	const struct orphan *list = labs->orphans->list;

	for (unsigned i = 0; i < labs->orphans->n; i++) {
		char dir[RUNDIR_PATH_SIZE];

		if ((!i || strcmp(list[i - 1].lab, list[i].lab) != 0) &&
			!rundir_path(labs->opts, list[i].lab, dir, NULL) && access(dir, F_OK))
			(void)each_status(labs, list[i].lab);
	}
}

static int status_of_all(const struct opts *opts, const struct orphans *orphans, struct err *err)
{
	struct labs labs = {.opts = opts, .orphans = orphans};

	if (rundir_each_lab(opts, each_status, &labs, err))
		return cmd_fail(err);
	each_lost_lab(&labs);
	if (labs.n)
		return labs.code;
	(void)err_set(err, -ENOENT, "no lab runs");
	err_hint(err, "start one: `netcfg apply -f FILE`");
	return cmd_fail(err);
}

int cmd_status(const struct opts *opts, const struct grammar_request *req)
{
	const char *arg = req->n_args ? req->args[0] : NULL;
	bool is_one = arg || opts->lab || opts->file;
	char lab[CTL_NAME_MAX + 1];
	struct orphans orphans;
	struct err err = {0};
	int r = is_one ? lab_find(opts, arg, lab, &err) : 0;

	if (r)
		return err.code ? cmd_fail(&err) : EXIT_USAGE;
	if (orphan_find(opts, is_one ? lab : NULL, &orphans, &err))
		return cmd_fail(&err);
	r = is_one ? status_of(opts, lab, &orphans, &err) : status_of_all(opts, &orphans, &err);
	orphan_done(&orphans);
	return r;
}
