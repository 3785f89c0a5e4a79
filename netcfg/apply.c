#include "apply.h"

#include "actual.h"
#include "ctl_client.h"
#include "ev.h"
#include "mirror.h"
#include "node.h"
#include "ctl_field.h"
#include "proc.h"
#include "switch_args.h"
#include "unix_socket.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
#define AFTER_TIMEOUT_S  120
#define STOP_TIMEOUT_MS  20000 /* it rebinds NICs, which a kill would leave with vfio-pci */
#define ANSWER_TIMEOUT_S 60    /* the first port of a NIC starts DPDK: 2 s where all is emulated */

/* The switch */

static int wait_switch(const char *run_dir, const char *log, const char *pid_file, struct err *err)
{
	uint64_t deadline = ev_now_ns() + START_TIMEOUT_MS * UINT64_C(1000000);
	struct ctl_client *client;
	struct err why;

	while (actual_open_switch(run_dir, 0, &client, NULL)) {
		bool runs = proc_find(pid_file) > 0;

		if (!runs && proc_last_error(log, &why)) {
			(void)err_set(err, -EIO, "vswitch: ended at once: %s", why.msg);
			err_hint(err, "%s", why.hint);
			return -EIO;
		}
		if (!runs || ev_now_ns() > deadline) {
			(void)err_set(err, -EIO, "vswitch: %s",
				runs ? "does not answer" : "ended at once");
			err_hint(err, "its log is '%s'", log);
			return -EIO;
		}
		proc_sleep_ms(10);
	}
	ctl_client_close(client);
	return 0;
}

int apply_start_switch(const struct opts *opts, const char *run_dir, const struct state_switch *sw,
	struct err *err)
{
	char program[PATH_MAX], control[CTL_PATH_MAX + 1], state[RUNDIR_PATH_SIZE];
	char log[RUNDIR_PATH_SIZE], pid_file[RUNDIR_PATH_SIZE];
	char *argv[5 + SWITCH_ARGS_MAX + 1] = {
		program, (char *)"--control", control, (char *)"--state", state};
	struct switch_args args;
	pid_t pid;
	int r = rundir_file(run_dir, "vswitch", ".sock", control, sizeof(control), err);

	if (!r)
		r = rundir_file(run_dir, "vswitch", ".log", log, sizeof(log), err);
	if (!r)
		r = rundir_file(run_dir, "vswitch", ".pid", pid_file, sizeof(pid_file), err);
	if (!r)
		r = rundir_file(run_dir, "state", "", state, sizeof(state), err);
	if (r)
		return r;
	if (actual_switch_answers(run_dir))
		return 0;
	switch_args_make(sw, &args);
	memcpy(argv + 5, args.argv, args.n * sizeof(*argv));
	(void)proc_wait_gone(pid_file, STOP_TIMEOUT_MS); /* one that dies has the state still */
	r = proc_find_program(opts->bin_dir, "vswitch", program, sizeof(program), err);
	if (!r)
		r = rundir_create(state, err);
	if (!r)
		r = proc_start(argv, log, pid_file, &pid, err);
	if (r)
		return r;
	r = wait_switch(run_dir, log, pid_file, err);
	if (r) {
		proc_signal(pid_file, SIGKILL);
		(void)proc_wait_gone(pid_file, STOP_TIMEOUT_MS);
		(void)unlink(pid_file);
		(void)unlink(control);
	}
	return r;
}

/* What nodes need of this machine */

/* Is KVM fit, by `vmm check`? Or, where it need not be, may this user have it? */
static int check_kvm(const struct opts *opts, bool wants_fit, struct err *err)
{
	char program[PATH_MAX], text[4096];
	char *argv[] = {program, (char *)"check", (char *)"-j", NULL};
	const char *reason, *hint;
	json_t *json;
	int r = proc_find_program(opts->bin_dir, "vmm", program, sizeof(program), err);

	if (!r)
		r = proc_output(argv, text, sizeof(text), err);
	if (r)
		return r;
	json = json_loads(text, 0, NULL);
	reason = json_string_value(json_object_get(json, "reason"));
	hint = json_string_value(json_object_get(json, "hint"));
	if (!json_is_true(json_object_get(json, "fit")) &&
		(wants_fit || json_is_false(json_object_get(json, "permitted")))) {
		r = err_set(err, -ENOTSUP, "no node can be started: %s",
			reason ? reason : "KVM cannot be measured");
		err_hint(err, "%s", hint ? hint : "see `vmm check`");
	}
	json_decref(json);
	return r;
}

int apply_check(const struct opts *opts, const struct plan *plan, struct err *err)
{
	char path[PATH_MAX];
	bool starts = false, starts_nfguest = false, wants_fit = false;
	int r = 0;

	for (unsigned i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];
		const struct topo_node *node = op->to.vm.node;

		if (op->kind != PLAN_NODE_ADD && op->kind != PLAN_NODE_RESTART)
			continue;
		starts = true;
		starts_nfguest = starts_nfguest || node->image->is_nfguest;
		wants_fit = wants_fit || (!node->image->is_nfguest && !opts->slow_kvm);
	}
	if (starts)
		r = proc_find_program(opts->bin_dir, "vmm", path, sizeof(path), err);
	if (!r && starts_nfguest)
		r = proc_find_nfguest(opts->bin_dir, path, sizeof(path), err);
	if (!r)
		r = proc_find_program(opts->bin_dir, "vswitch", path, sizeof(path), err);
	return !r && starts ? check_kvm(opts, wants_fit, err) : r;
}

static int check_node_sockets(const char *run_dir, const struct state_vm *vm, struct err *err)
{
	char path[RUNDIR_PATH_SIZE];
	int r = rundir_file(run_dir, vm->name, ".sock", path, sizeof(path), err);

	if (!r)
		r = unix_check_free(path, "control socket", err);
	if (!r)
		r = rundir_file(run_dir, vm->name, ".console", path, sizeof(path), err);
	if (!r)
		r = unix_check_free(path, "console", err);
	for (unsigned i = 0; !r && i < vm->n_nics; i++) {
		r = rundir_nic_socket(run_dir, vm->name, i, path, sizeof(path), err);
		if (!r)
			r = unix_check_free(path, "socket", err);
	}
	return r ? err_prefix(err, "node '%s'", vm->name) : 0;
}

static bool is_ours(const struct state *actual, const char *path)
{
	for (unsigned i = 0; i < actual->n_ports; i++) {
		if (!strcmp(actual->ports[i].path, path))
			return true;
	}
	return false;
}

static int check_port_socket(const struct ctl_port *port, struct err *err)
{
	if (!port->path[0] || port->mode != CTL_SOCK_SERVER ||
		!unix_check_free(port->path, "socket", err))
		return 0;
	return err_prefix(err, "port '%s'", port->name);
}

int apply_check_sockets(const char *run_dir, const struct plan *plan, const struct actual *actual,
	struct err *err)
{
	bool is_there = !access(run_dir, F_OK); /* without it no node's socket is */
	/* A switch that is about to end still serves what it had. */
	bool is_dying = !actual->switch_runs && rundir_find_daemon(run_dir, "vswitch");
	int r = 0;

	for (unsigned i = 0; !r && i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->kind == PLAN_NODE_ADD && is_there && !rundir_find_daemon(run_dir, op->name))
			r = check_node_sockets(run_dir, &op->to.vm, err);
		else if (op->kind == PLAN_PORT_ADD && !is_dying &&
			 !is_ours(&actual->state, op->to.port.path))
			r = check_port_socket(&op->to.port, err);
	}
	return r;
}

/* Operations */

struct applier {
	const struct opts *opts;
	const struct lab *lab;
	struct ctl_client *client;
};

static int wait_after(const struct applier *a, const struct topo_node *node, struct err *err)
{
	const struct opts *opts = a->opts;
	unsigned timeout_s = opts->timeout_s              ? opts->timeout_s
			     : opts->wait && opts->wait_s ? opts->wait_s
							  : AFTER_TIMEOUT_S;
	uint64_t deadline = ev_now_ns() + timeout_s * UINT64_C(1000000000);
	int r = 0;

	for (unsigned i = 0; !r && i < node->n_after; i++) {
		const char *name = a->lab->topo.nodes[node->after[i]].name;

		r = node_wait_ready(a->lab->run_dir, &name, 1, deadline, timeout_s,
			node_progress(opts), err);
	}
	return r;
}

static int start_node(const struct applier *a, const struct state_vm *vm, struct err *err)
{
	const char *dir = a->lab->run_dir;
	int r = wait_after(a, vm->node, err);

	/* One that is stopped or failed may still hold its sockets. */
	node_ask_stop(dir, vm->name, true);
	if (!r)
		r = node_wait_stopped(dir, vm->name, true, err);
	if (!r)
		r = node_configure(a->opts, vm, dir, err);
	return r ? r : node_start(dir, vm->name, err);
}

static int stop_node(const struct applier *a, const char *name, struct err *err)
{
	node_ask_stop(a->lab->run_dir, name, a->opts->force);
	return node_wait_stopped(a->lab->run_dir, name, a->opts->force, err);
}

/* A node that is no more leaves no trace. */
static int remove_node(const struct applier *a, const char *name, struct err *err)
{
	static const char *const suffixes[] = {".args", ".log", ".serial"};
	char path[RUNDIR_PATH_SIZE];
	int r = stop_node(a, name, err);

	for (size_t i = 0; !r && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (!rundir_file(a->lab->run_dir, name, suffixes[i], path, sizeof(path), NULL))
			(void)unlink(path);
	}
	return r;
}

static int call(const struct applier *a, const char *method, const void *msg, struct err *err)
{
	return ctl_client_call(a->client, method, msg, NULL, err);
}

static int call_del(const struct applier *a, const char *method, const char *name, struct err *err)
{
	struct ctl_ref ref = {0};

	CTL_SET_STR(&ref, ctl_ref, name, name);
	CTL_SET(&ref, ctl_ref, missing_ok, true);
	return ctl_client_call(a->client, method, &ref, NULL, err);
}

/* What cannot change is left out, or an older switch might take it for a change. */
static int set_port(const struct applier *a, const struct ctl_port *port, struct err *err)
{
	struct ctl_port request = *port;

	request.set &= ~ctl_fields(&ctl_port_schema, CTL_ACCESS_NEW);
	CTL_MARK(&request, ctl_port, in);
	CTL_MARK(&request, ctl_port, out);
	request.set |= STATE_PORT_LIMITS;
	CTL_SET(&request, ctl_port, replace, true);
	return call(a, "PortSet", &request, err);
}

static int set_link(const struct applier *a, const struct ctl_link *link, struct err *err)
{
	struct ctl_link request = {0};

	CTL_SET_STR(&request, ctl_link, name, link->name);
	CTL_SET(&request, ctl_link, enabled, link->enabled);
	CTL_SET(&request, ctl_link, a_to_b, link->a_to_b);
	CTL_SET(&request, ctl_link, b_to_a, link->b_to_a);
	CTL_SET(&request, ctl_link, replace, true);
	return call(a, "LinkSet", &request, err);
}

static int add_mirror(const struct applier *a, const struct ctl_mirror *mirror, struct err *err)
{
	struct ctl_mirror request = *mirror;
	struct pcap_filter_mark mark;
	int r = mirror_compile(&request, &mark, err);

	return r ? err_prefix(err, "mirror '%s'", mirror->name)
		 : call(a, "MirrorAdd", &request, err);
}

static int run_op(const struct applier *a, const struct plan_op *op, struct err *err)
{
	int r;

	switch (op->kind) {
	case PLAN_LINK_DEL:
		return call_del(a, "LinkDel", op->name, err);
	case PLAN_BRIDGE_ADD:
		return call(a, "BridgeAdd", &op->to.bridge, err);
	case PLAN_BRIDGE_SET:
		return call(a, "BridgeSet", &op->to.bridge, err);
	case PLAN_BRIDGE_DEL:
		return call_del(a, "BridgeDel", op->name, err);
	case PLAN_PORT_DEL:
		return call_del(a, "PortDel", op->name, err);
	case PLAN_PORT_ADD:
		return call(a, "PortAdd", &op->to.port, err);
	case PLAN_PORT_SET:
		return set_port(a, &op->to.port, err);
	case PLAN_LINK_ADD:
		return call(a, "LinkAdd", &op->to.link, err);
	case PLAN_LINK_SET:
		return set_link(a, &op->to.link, err);
	case PLAN_NODE_ADD:
		return start_node(a, &op->to.vm, err);
	case PLAN_NODE_RESTART:
		r = stop_node(a, op->name, err);
		return r ? r : start_node(a, &op->to.vm, err);
	case PLAN_NODE_DEL:
		return remove_node(a, op->name, err);
	case PLAN_MIRROR_DEL:
		return call_del(a, "MirrorDel", op->name, err);
	case PLAN_MIRROR_ADD:
	case PLAN_MIRROR_SET:
		return add_mirror(a, &op->to.mirror, err);
	case PLAN_SFLOW_SET:
		return call(a, "SflowSet", &op->to.sflow, err);
	case PLAN_SWITCH_RESTART:
	case PLAN_SWITCH_START:
		break;
	}
	return 0;
}

int apply_plan(const struct opts *opts, const struct lab *lab, const struct plan *plan,
	apply_progress_fn *progress, struct err *err)
{
	struct applier a = {.opts = opts, .lab = lab};
	unsigned timeout_s = opts->timeout_s ? opts->timeout_s : ANSWER_TIMEOUT_S;
	int r = actual_open_switch(lab->run_dir, timeout_s * 1000, &a.client, err);

	for (unsigned i = 0; !r && i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (!op->quiet)
			progress(op);
		r = run_op(&a, op, err);
	}
	ctl_client_close(a.client);
	return r;
}

/* The end */

struct ender {
	const struct opts *opts;
	const char *run_dir;
	struct err *err;
	int code;
};

static int ask_stop(void *ctx, const char *node)
{
	struct ender *ender = ctx;

	node_ask_stop(ender->run_dir, node, ender->opts->force);
	return 0;
}

static int wait_stopped(void *ctx, const char *node)
{
	struct ender *ender = ctx;
	struct err err = {0};
	int r = node_wait_stopped(ender->run_dir, node, ender->opts->force, &err);

	if (r && !ender->code) {
		ender->code = r;
		*ender->err = err;
	}
	return 0; /* the others too */
}

int apply_stop_switch(const char *run_dir, struct err *err)
{
	char pid_file[RUNDIR_PATH_SIZE];
	int r = rundir_file(run_dir, "vswitch", ".pid", pid_file, sizeof(pid_file), err);

	if (r)
		return r;
	proc_signal(pid_file, SIGTERM);
	if (proc_wait_gone(pid_file, STOP_TIMEOUT_MS))
		return 0;
	proc_signal(pid_file, SIGKILL);
	if (!proc_wait_gone(pid_file, STOP_TIMEOUT_MS))
		return err_set(err, -EBUSY, "vswitch: process %d cannot be killed",
			(int)proc_find(pid_file));
	return 0;
}

int apply_destroy(const struct opts *opts, const char *run_dir, struct err *err)
{
	struct ender ender = {opts, run_dir, err, 0};

	(void)rundir_each_node(run_dir, ask_stop, &ender);
	(void)rundir_each_node(run_dir, wait_stopped, &ender);
	if (!ender.code)
		ender.code = apply_stop_switch(run_dir, err);
	return ender.code ? ender.code : rundir_remove(run_dir, err);
}
