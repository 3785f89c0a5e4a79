#include "actual.h"

#include "ev.h"
#include "proc.h"
#include "rundir.h"
#include "ctl_client.h"
#include "str.h"
#include "switch_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int actual_open_switch(const char *run_dir, unsigned timeout_ms, struct ctl_client **ret_client,
	struct err *err)
{
	char path[CTL_PATH_MAX + 1];
	int r = rundir_file(run_dir, "vswitch", ".sock", path, sizeof(path), err);

	return r ? r : ctl_client_open(path, &ctl_vswitch_interface, timeout_ms, ret_client, err);
}

int actual_open_node(const char *run_dir, const char *node, unsigned timeout_ms,
	struct ctl_client **ret_client, struct err *err)
{
	char path[CTL_PATH_MAX + 1];
	int r = rundir_file(run_dir, node, ".sock", path, sizeof(path), err);

	return r ? r : ctl_client_open(path, &ctl_vmm_interface, timeout_ms, ret_client, err);
}

static bool is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

/*
 * A program that dies still takes connections, for as long as the kernel is cleaning up after it.
 */
static bool is_dying(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

bool actual_switch_answers(const char *run_dir)
{
	struct ctl_client *client;
	struct ctl_empty nothing = {0};
	struct ctl_switch sw;
	int r = actual_open_switch(run_dir, 0, &client, NULL);

	if (r)
		return false;
	r = ctl_client_call(client, "SwitchShow", &nothing, &sw, NULL);
	ctl_client_close(client);
	return !is_dying(r);
}

#define NOTE(fn, type, member)                                                        \
	static int fn(void *ctx, const void *row)                                     \
	{                                                                             \
		struct state *state = ctx;                                            \
		struct type *out = STATE_ADD(state->member##s, state->n_##member##s); \
		if (!out)                                                             \
			return -ENOMEM;                                               \
		*out = *(const struct type *)row;                                     \
		return 0;                                                             \
	}
NOTE(note_bridge, ctl_bridge, bridge)
NOTE(note_port, ctl_port, port)
NOTE(note_link, ctl_link, link)
NOTE(note_mirror, ctl_mirror, mirror)

static int note_sflow(void *ctx, const void *row)
{
	((struct state *)ctx)->sflow = *(const struct ctl_sflow *)row;
	return 0;
}

struct reader {
	const char *run_dir;
	struct actual *actual;
	uint64_t deadline_ns;
	struct err *err;
};

/* How long the daemon of that name may take for an answer; 0 = it is stopped. */
static unsigned patience_ms(const struct reader *reader, const char *name)
{
	enum { LEAST_MS = 200 };
	uint64_t now_ns = ev_now_ns(), least_ns = LEAST_MS * UINT64_C(1000000);
	pid_t pid = rundir_find_daemon(reader->run_dir, name);

	if (pid && proc_is_stopped(pid))
		return 0;
	if (now_ns + least_ns > reader->deadline_ns)
		return LEAST_MS;
	return (unsigned)((reader->deadline_ns - now_ns) / 1000000);
}

static int read_switch(const struct reader *reader)
{
	struct actual *actual = reader->actual;
	struct err *err = reader->err;
	struct ctl_client *client;
	struct ctl_ref all = {0};
	struct ctl_empty nothing = {0};
	unsigned timeout_ms = patience_ms(reader, "vswitch");
	int r = timeout_ms ? actual_open_switch(reader->run_dir, timeout_ms, &client, err)
			   : -ETIMEDOUT;

	if (r == -ETIMEDOUT) {
		err_clear(err);
		actual->switch_runs = actual->switch_silent = true;
		return 0;
	}

	if (is_absent(r)) {
		err_clear(err);
		return 0;
	}
	if (r)
		return r;
	actual->switch_runs = actual->state.sw.runs = true;
	switch_args_read(rundir_find_daemon(reader->run_dir, "vswitch"), &actual->state.sw);
	r = ctl_client_rows(client, "BridgeShow", &all, note_bridge, &actual->state, err);
	if (!r)
		r = ctl_client_rows(client, "PortShow", &all, note_port, &actual->state, err);
	if (!r)
		r = ctl_client_rows(client, "LinkShow", &all, note_link, &actual->state, err);
	if (!r)
		r = ctl_client_rows(client, "MirrorShow", &all, note_mirror, &actual->state, err);
	if (!r)
		r = ctl_client_rows(client, "SflowShow", &nothing, note_sflow, &actual->state, err);
	ctl_client_close(client);
	if (is_dying(r) || r == -ETIMEDOUT) {
		err_clear(err);
		actual->switch_runs = actual->switch_silent = r == -ETIMEDOUT;
		state_done(&actual->state);
		return 0;
	}
	return r;
}

static int note_nic(void *ctx, const void *row)
{
	struct state_vm *vm = ctx;
	const struct ctl_nic *nic = row;

	if (nic->nic < TOPO_MAX_NICS) {
		vm->nics[nic->nic].mtu = nic->mtu;
		vm->nics[nic->nic].mac = nic->mac;
		if (nic->nic >= vm->n_nics)
			vm->n_nics = nic->nic + 1;
	}
	return 0;
}

static int ask_node(struct ctl_client *client, const char *name, struct actual *actual,
	struct actual_node *node, struct err *err)
{
	struct ctl_empty nothing = {0};
	struct state_vm *vm;
	int r = ctl_client_call(client, "Status", &nothing, &node->vm, err);

	if (r)
		return r;
	node->answers = true;
	if (node->vm.state == CTL_VM_STOPPED || node->vm.state == CTL_VM_FAILED)
		return 0;
	vm = STATE_ADD(actual->state.vms, actual->state.n_vms);
	if (!vm)
		return err_set(err, -ENOMEM, "out of memory");
	(void)str_copy(vm->name, sizeof(vm->name), name);
	vm->vcpus = node->vm.vcpus;
	vm->memory_bytes = node->vm.memory_bytes;
	(void)str_copy(vm->digest, sizeof(vm->digest), node->vm.config);
	return ctl_client_rows(client, "NicShow", &nothing, note_nic, vm, err);
}

static int read_node(void *ctx, const char *name)
{
	struct reader *reader = ctx;
	struct actual_node *node = STATE_ADD(reader->actual->nodes, reader->actual->n_nodes);
	unsigned timeout_ms = patience_ms(reader, name), n_vms = reader->actual->state.n_vms;
	struct ctl_client *client;
	int r;

	if (!node)
		return err_set(reader->err, -ENOMEM, "out of memory");
	(void)str_copy(node->name, sizeof(node->name), name);
	r = timeout_ms ? actual_open_node(reader->run_dir, name, timeout_ms, &client, reader->err)
		       : -ETIMEDOUT;
	if (!r) {
		r = ask_node(client, name, reader->actual, node, reader->err);
		ctl_client_close(client);
	}
	if (r == -ETIMEDOUT) {
		err_clear(reader->err);
		node->answers = false;
		node->silent = true;
		reader->actual->state.n_vms = n_vms;
		return 0;
	}
	if (is_dying(r) || is_absent(r)) {
		err_clear(reader->err); /* it just went away */
		return 0;
	}
	return r ? err_prefix(reader->err, "node '%s'", name) : 0;
}

int actual_read(const char *run_dir, unsigned wait_ms, struct actual *ret_actual, struct err *err)
{
	struct reader reader = {
		run_dir, ret_actual, ev_now_ns() + wait_ms * UINT64_C(1000000), err};
	int r;

	*ret_actual = (struct actual){0};
	if (access(run_dir, F_OK) && errno == ENOENT)
		return 0;
	r = rundir_check(run_dir, err);
	if (!r)
		r = read_switch(&reader);
	if (!r)
		r = rundir_each_node(run_dir, read_node, &reader);
	return r;
}

int actual_check_complete(const struct actual *actual, struct err *err)
{
	if (actual->switch_silent) {
		(void)err_set(err, -ETIMEDOUT, "vswitch: it runs and does not answer");
		err_hint(err, "see `netcfg status`; its log is vswitch.log in the run directory");
		return -ETIMEDOUT;
	}
	for (unsigned i = 0; i < actual->n_nodes; i++) {
		const char *name = actual->nodes[i].name;

		if (!actual->nodes[i].silent)
			continue;
		(void)err_set(err, -ETIMEDOUT, "node '%s': its vmm runs and does not answer", name);
		err_hint(err, "end it: `netcfg node stop %s --force`", name);
		return -ETIMEDOUT;
	}
	return 0;
}

void actual_done(struct actual *actual)
{
	state_done(&actual->state);
	free(actual->nodes);
	*actual = (struct actual){0};
}
