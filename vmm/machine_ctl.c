#include "machine_ctl.h"

#include "config.h"
#include "ctl_field.h"
#include "ctl_server.h"
#include "ctl_vmm.h"
#include "machine.h"
#include "mem.h"
#include "monitor.h"
#include "version.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A call that is open: somebody who waits for the end. */
struct machine_ctl_waiter {
	struct machine_ctl_waiter *next;
	struct machine_ctl *ctl;
	struct ctl_call *call;
};

struct machine_ctl {
	struct machine *machine;
	struct ctl_server *server;
	struct machine_ctl_waiter *stoppers, *resetters; /* at most one per connection */
	struct monitor monitor;
};

/* Open calls */

static void forget_in(struct machine_ctl_waiter **list, const struct ctl_call *call)
{
	for (; *list; list = &(*list)->next) {
		struct machine_ctl_waiter *waiter = *list;

		if (waiter->call != call)
			continue;
		*list = waiter->next;
		free(waiter);
		return;
	}
}

static void on_close(void *ctx, struct ctl_call *call)
{
	struct machine_ctl *ctl = ctx;

	forget_in(&ctl->stoppers, call);
	forget_in(&ctl->resetters, call);
}

static int keep_call(struct machine_ctl *ctl, struct machine_ctl_waiter **list,
	struct ctl_call *call, struct err *err)
{
	struct machine_ctl_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return err_set(err, -ENOMEM, "out of memory");
	waiter->ctl = ctl;
	waiter->call = call;
	waiter->next = *list;
	*list = waiter;
	ctl_call_on_close(call, on_close, ctl);
	return CTL_PENDING;
}

static void finish_call(struct machine_ctl_waiter **list, int r, const struct err *err)
{
	struct ctl_empty out = {0};
	struct machine_ctl_waiter *waiter;

	while ((waiter = *list)) {
		*list = waiter->next;
		ctl_call_finish(waiter->call, r, &out, err);
		free(waiter);
	}
}

/* A reset that had to wait for its devices is over, one way or the other. */
static void finish_resetters(struct machine_ctl *ctl)
{
	struct vm *vm = machine_vm(ctl->machine);
	struct err err = {0};
	int r = 0;

	if (vm_is_resetting(vm))
		return;
	if (vm_state(vm) == VM_FAILED || vm_state(vm) == VM_STOPPED)
		r = err_set(&err, -EIO, "reset: %s", vm_reason(vm));
	finish_call(&ctl->resetters, r, &err);
}

static void on_event(void *ctx, const char *object, const char *name, const char *event,
	const char *detail)
{
	struct machine_ctl *ctl = ctx;

	monitor_report(&ctl->monitor, object, name, event, detail);
	if (vm_state(machine_vm(ctl->machine)) == VM_STOPPED)
		finish_call(&ctl->stoppers, 0, NULL);
	finish_resetters(ctl);
}

/* Methods */

static uint32_t serve_state(struct machine *machine)
{
	switch (vm_state(machine_vm(machine))) {
	case VM_RUNNING:
		return machine_is_stopping(machine) ? CTL_VM_STOPPING : CTL_VM_RUNNING;
	case VM_PAUSED:
		return CTL_VM_PAUSED;
	case VM_STOPPED:
		return CTL_VM_STOPPED;
	case VM_FAILED:
		return CTL_VM_FAILED;
	default:
		return CTL_VM_STARTING;
	}
}

/* Pages of the memfd that exist: what the guest costs the host. */
static uint64_t memory_used(struct machine *machine)
{
	const struct mem_region *regions;
	struct stat st;

	(void)mem_regions(vm_mem(machine_vm(machine)), &regions);
	return fstat(regions[0].fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

void machine_ctl_vm_row(struct machine *machine, struct ctl_vm *row)
{
	const struct config *config = machine_config(machine);
	struct vm *vm = machine_vm(machine);

	CTL_SET_STR(row, ctl_vm, name, config->name);
	CTL_SET_STR(row, ctl_vm, version, weft_version());
	CTL_SET(row, ctl_vm, pid, (uint32_t)getpid());
	CTL_SET(row, ctl_vm, state, serve_state(machine));
	if (vm_reason(vm)[0])
		CTL_SET_STR(row, ctl_vm, reason, vm_reason(vm));
	CTL_SET(row, ctl_vm, vcpus, config->n_vcpus);
	CTL_SET(row, ctl_vm, memory_bytes, config->memory_bytes);
	CTL_SET(row, ctl_vm, memory_used_bytes, memory_used(machine));
	CTL_SET(row, ctl_vm, uptime_s, machine_uptime_s(machine));
	CTL_SET(row, ctl_vm, resets, vm_n_resets(vm));
	CTL_SET(row, ctl_vm, nics, config->n_nets);
	if (config->digest[0])
		CTL_SET_STR(row, ctl_vm, config, config->digest);
}

static int serve_status(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	machine_ctl_vm_row(((struct machine_ctl *)ctx)->machine, reply);
	return 0;
}

void machine_ctl_nic_row(struct machine *machine, unsigned nic, struct ctl_nic *row)
{
	machine_nic_status(machine, nic, row);
	CTL_SET(row, ctl_nic, nic, nic);
}

static int serve_nic_show(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	struct machine *machine = ((struct machine_ctl *)ctx)->machine;

	for (unsigned i = 0; i < machine_config(machine)->n_nets; i++) {
		struct ctl_nic row = {0};

		machine_ctl_nic_row(machine, i, &row);
		if (ctl_call_send(call, &row) < 0)
			break;
	}
	return 0;
}

static int serve_stop(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	struct machine_ctl *ctl = ctx;
	struct ctl_stop stop = *(const struct ctl_stop *)in;

	ctl_fill_defaults(&ctl_stop_schema, &stop, UINT64_MAX);
	machine_stop(ctl->machine, stop.force, stop.timeout_s);
	if (vm_state(machine_vm(ctl->machine)) == VM_STOPPED)
		return 0;
	return keep_call(ctl, &ctl->stoppers, call, err);
}

static int serve_reset(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	struct machine_ctl *ctl = ctx;
	struct vm *vm = machine_vm(ctl->machine);
	int r = vm_reset(vm, err);

	if (r < 0 || !vm_is_resetting(vm))
		return r;
	return keep_call(ctl, &ctl->resetters, call, err);
}

static int serve_pause(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	return vm_pause(machine_vm(((struct machine_ctl *)ctx)->machine), err);
}

static int serve_resume(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	return vm_resume(machine_vm(((struct machine_ctl *)ctx)->machine), err);
}

static int serve_set_link(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	struct machine *machine = ((struct machine_ctl *)ctx)->machine;
	const struct ctl_set_link *link = in;
	unsigned n_nets = machine_config(machine)->n_nets;

	if (link->nic >= n_nets) {
		(void)err_set_field(err, -ENOENT, "nic",
			"network device %u: this VM has %u of them, counted from 0", link->nic,
			n_nets);
		err_name(err, "NicNotFound");
		return -ENOENT;
	}
	machine_set_link(machine, link->nic, link->up);
	return 0;
}

static int serve_monitor(struct ctl_call *call, void *ctx, const void *in, void *reply,
	struct err *err)
{
	struct machine_ctl *ctl = ctx;

	if (monitor_subscribe(&ctl->monitor, call) < 0)
		return err_set(err, -ENOSPC, "monitor: too many clients listen already");
	return CTL_PENDING;
}

static const struct ctl_handler machine_ctl_handlers[] = {
	{"Status", serve_status},
	{"NicShow", serve_nic_show},
	{"Stop", serve_stop},
	{"Reset", serve_reset},
	{"Pause", serve_pause},
	{"Resume", serve_resume},
	{"SetLink", serve_set_link},
	{"Monitor", serve_monitor},
};

int machine_ctl_create(struct machine *machine, struct ev *ev, const char *path,
	struct machine_ctl **ret_ctl, struct err *err)
{
	struct machine_ctl *ctl = calloc(1, sizeof(*ctl));
	int r;

	if (!ctl)
		return err_set(err, -ENOMEM, "control socket: out of memory");
	ctl->machine = machine;
	monitor_init(&ctl->monitor);
	r = ctl_server_create(ev, path, &ctl_vmm_interface, machine_ctl_handlers,
		sizeof(machine_ctl_handlers) / sizeof(machine_ctl_handlers[0]), ctl, &ctl->server,
		err);
	if (r < 0) {
		free(ctl);
		return r;
	}
	machine_set_listener(machine, on_event, ctl);
	*ret_ctl = ctl;
	return 0;
}

void machine_ctl_destroy(struct machine_ctl *ctl)
{
	if (!ctl)
		return;
	machine_set_listener(ctl->machine, NULL, NULL);
	ctl_server_destroy(ctl->server); /* closes open calls, which forgets their waiters */
	free(ctl);
}
