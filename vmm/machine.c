#include "machine.h"

#include "boot.h"
#include "closer.h"
#include "config.h"
#include "dev/virtio_net.h"
#include "err.h"
#include "ev.h"
#include "log.h"
#include "machine_devices.h"
#include "machine_sandbox.h"
#include "vm.h"
#include "x86/acpi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("machine");

#define NS_PER_S 1000000000ull

struct machine {
	const struct config *config;
	struct ev *ev;
	struct vm *vm;
	struct boot *boot;
	struct machine_devices *devices;
	struct ev_source *plug_timer; /* pulls the plug on a guest that ignores the button */
	struct ev_source *end_timer;  /* leaves the loop once its callbacks are through */
	uint64_t started_ns;
	bool stopping;
	struct sandbox_needs sandbox_needs;
	char pause_reason[200]; /* of the pause that a full disk asked for */
	machine_event_fn *event_fn;
	void *event_ctx;
};

static const char *const machine_state_events[] = {
	[VM_STARTING] = "starting",
	[VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",
	[VM_STOPPED] = "stopped",
	[VM_FAILED] = "failed",
};

/* Called by the vm */

static void on_begin_reset(void *ctx)
{
	struct machine *m = ctx;

	machine_devices_begin_reset(m->devices);
}

static bool on_is_quiet(void *ctx)
{
	struct machine *m = ctx;

	return machine_devices_is_quiet(m->devices);
}

static void on_pause(void *ctx, bool is_paused)
{
	struct machine *m = ctx;

	machine_devices_set_paused(m->devices, is_paused);
}

static int on_reset(void *ctx, struct boot_entry *ret_entry, struct err *err)
{
	struct machine *m = ctx;
	uint64_t rsdp_gpa = 0;
	int r;

	machine_devices_reset(m->devices);
	r = acpi_write(vm_mem(m->vm), m->config->n_vcpus, &rsdp_gpa);
	if (r < 0)
		return err_set(err, r, "ACPI tables do not fit: %s", strerror(-r));
	return boot_load(m->boot, vm_mem(m->vm), rsdp_gpa, ret_entry, err);
}

static void on_state(void *ctx, enum vm_state state, const char *reason)
{
	struct machine *m = ctx;

	/* A guest that resets itself instead of going off is still being stopped. */
	if (state == VM_STOPPED || state == VM_FAILED) {
		m->stopping = false;
		ev_timer_stop(m->plug_timer);
	}
	if (state == VM_RUNNING)
		machine_devices_retry(m->devices);
	if (m->event_fn)
		m->event_fn(m->event_ctx, "vm", m->config->name, machine_state_events[state],
			reason);
	/* With a control socket a failed machine waits to be looked at, reset or stopped. */
	if (state == VM_STOPPED || (state == VM_FAILED && !m->config->control[0]))
		ev_timer_set(m->end_timer, 0, 0);
}

static const char *on_pause_reason(void *ctx)
{
	return ((struct machine *)ctx)->pause_reason;
}

static int on_enter_vcpu(void *ctx)
{
	struct machine *m = ctx;

	return m->config->seccomp ? sandbox_enter(SANDBOX_VCPU, NULL) : 0;
}

static int on_enter_main(void *ctx, struct err *err)
{
	struct machine *m = ctx;
	int r = m->config->seccomp ? sandbox_enter(SANDBOX_MAIN, &m->sandbox_needs) : 0;

	return r < 0 ? err_set(err, r, "sandbox: cannot confine the process: %s", strerror(-r)) : 0;
}

static const struct vm_ops machine_vm_ops = {
	.begin_reset = on_begin_reset,
	.is_quiet = on_is_quiet,
	.pause = on_pause,
	.reset = on_reset,
	.state_changed = on_state,
	.pause_reason = on_pause_reason,
	.enter_vcpu = on_enter_vcpu,
	.enter_main = on_enter_main,
};

/* Called by the PM block, on a vCPU thread. */
static void on_pm(void *ctx, enum pm_request request)
{
	struct machine *m = ctx;

	vm_request(m->vm, request == PM_RESET ? VM_REQUEST_RESET : VM_REQUEST_POWER_OFF);
}

/* Called by a device, on any thread. */
static void on_settle(void *ctx)
{
	struct machine *m = ctx;

	vm_request(m->vm, VM_REQUEST_SETTLE);
}

/* Called by disks, on the loop */

static void on_disk_full(void *ctx, const char *path, int r)
{
	struct machine *m = ctx;
	size_t len = strlen(path);

	/* The end of a long path says more than its beginning. */
	(void)snprintf(m->pause_reason, sizeof(m->pause_reason), "disk '%s': %s",
		len > 128 ? path + len - 128 : path, strerror(-r));
	vm_request(m->vm, VM_REQUEST_PAUSE);
}

/* Ending */

static void pull_plug(void *ctx)
{
	struct machine *m = ctx;

	vm_power_off(m->vm, m->stopping ? "guest did not react to the power button" : "forced");
}

static void end_machine(void *ctx)
{
	struct machine *m = ctx;

	ev_stop(m->ev);
}

void machine_stop(struct machine *m, bool force, unsigned timeout_s)
{
	struct err err = {0};

	if (force || vm_state(m->vm) == VM_FAILED || vm_state(m->vm) == VM_STARTING) {
		vm_power_off(m->vm, "forced");
		return;
	}
	/* A paused guest cannot hear the button. */
	if (vm_state(m->vm) == VM_STOPPED || vm_resume(m->vm, &err) < 0)
		return;
	pm_press_power_button(machine_devices_pm(m->devices));
	m->stopping = true;
	if (m->event_fn)
		m->event_fn(m->event_ctx, "vm", m->config->name, "stopping",
			"power button pressed");
	ev_timer_set(m->plug_timer, timeout_s * NS_PER_S, 0);
}

bool machine_is_stopping(const struct machine *m)
{
	return m->stopping;
}

bool machine_failed(const struct machine *m)
{
	return vm_state(m->vm) == VM_FAILED;
}

unsigned machine_exit_status(const struct machine *m)
{
	return pm_exit_status(machine_devices_pm(m->devices));
}

/* Life cycle */

static int build_machine(struct machine *m, int kvm_fd, struct err *err)
{
	struct dev_env env = {
		.ev = m->ev,
		.settle = on_settle,
		.settle_ctx = m,
		.disk_full = on_disk_full,
		.disk_full_ctx = m,
	};
	int r = vm_create(m->config, kvm_fd, m->ev, &machine_vm_ops, m, &m->vm, err);

	if (r < 0)
		return r;
	env.mem = vm_mem(m->vm);
	env.pio = vm_pio(m->vm);
	env.mmio = vm_mmio(m->vm);
	env.irq = vm_irq(m->vm);
	r = machine_devices_create(m->config, &env, on_pm, m, &m->devices, err);
	if (!r)
		r = ev_add_timer(m->ev, pull_plug, m, &m->plug_timer);
	if (!r)
		r = ev_add_timer(m->ev, end_machine, m, &m->end_timer);
	return r;
}

int machine_create(const struct config *config, int kvm_fd, struct ev *ev,
	struct machine **ret_machine, struct err *err)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(err, -ENOMEM, "machine: out of memory");
	m->config = config;
	m->ev = ev;
	m->started_ns = ev_now_ns();
	r = boot_open(config, &m->boot, err);
	if (!r)
		r = build_machine(m, kvm_fd, err);
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	*ret_machine = m;
	return 0;
}

/* A thread of a disk. */
static int enter_disk(void *ctx)
{
	struct machine *m = ctx;

	return m->config->seccomp ? sandbox_enter(SANDBOX_DISK, NULL) : 0;
}

static int enter_closer(void *ctx)
{
	(void)ctx;
	return sandbox_enter(SANDBOX_CLOSER, NULL);
}

static int confine_threads(struct machine *m, struct err *err)
{
	int r;

	sandbox_init(); /* before the first thread confines itself */
	r = machine_sandbox_enter_files(m->config, &m->sandbox_needs, err);
	if (r < 0)
		return r;
	r = closer_start(ev_closer(m->ev), enter_closer, NULL);
	return r < 0 ? err_set(err, r, "sandbox: cannot start the thread that closes files: %s",
			       strerror(-r))
		     : 0;
}

int machine_start(struct machine *m, struct err *err)
{
	int r = m->config->seccomp ? confine_threads(m, err) : 0;

	/* After that: a back-end that answers may send descriptors, too. */
	if (!r)
		machine_devices_settle(m->devices);
	if (!r)
		r = machine_devices_start(m->devices, enter_disk, m, err);
	return r ? r : vm_start(m->vm, err);
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	if (m->vm)
		vm_halt(m->vm); /* no handler of a device runs after this */
	machine_devices_destroy(m->devices);
	vm_destroy(m->vm);
	boot_close(m->boot);
	ev_del(m->plug_timer);
	ev_del(m->end_timer);
	free(m);
}

/* For the control socket */

void machine_set_listener(struct machine *m, machine_event_fn *fn, void *ctx)
{
	m->event_fn = fn;
	m->event_ctx = ctx;
}

const struct config *machine_config(const struct machine *m)
{
	return m->config;
}

struct vm *machine_vm(struct machine *m)
{
	return m->vm;
}

unsigned long long machine_uptime_s(const struct machine *m)
{
	return (ev_now_ns() - m->started_ns) / NS_PER_S;
}

void machine_set_link(struct machine *m, unsigned i, bool up)
{
	virtio_net_set_link(machine_devices_net(m->devices, i), up);
}

void machine_nic_status(struct machine *m, unsigned i, struct ctl_nic *ret_nic)
{
	virtio_net_status(machine_devices_net(m->devices, i), ret_nic);
}
