/**
 * machine: the whole virtual computer: a vm, its devices, its consoles, and when it ends.
 *
 * This is the one place that says which devices there are and in which order (machine_devices.c):
 * serial, RTC, PM, PCI host bridge, then what the configuration asks for, at ascending PCI slots.
 * Ending: a guest that powers off, machine_stop(), or, without a control socket, a failure of KVM,
 * stops the event loop. With a control socket a failed machine stays, so that one can see why.
 * Threads: the loop's thread.
 * Life cycle: machine_create(), machine_start(), ev_run(), machine_destroy().
 */
#ifndef WEFT_VMM_MACHINE_H
#define WEFT_VMM_MACHINE_H

#include <stdbool.h>

struct config;
struct ctl_event;
struct ctl_nic;
struct err;
struct ev;
struct machine;
struct vm;

/** config and ev are borrowed and outlive the machine; kvm_fd is transferred, also on failure. */
int machine_create(const struct config *config, int kvm_fd, struct ev *ev,
	struct machine **ret_machine, struct err *err);
int machine_start(struct machine *machine, struct err *err);
/** Accepts NULL. */
void machine_destroy(struct machine *machine);

/** Press the power button, and pull the plug after timeout_s (at once with force). */
void machine_stop(struct machine *machine, bool force, unsigned timeout_s);
/** The power button was pressed and the guest is still on. */
bool machine_is_stopping(const struct machine *machine);
/** It ended because of a failure. */
bool machine_failed(const struct machine *machine);
/** What the guest left for vmm to end with, 0..255. */
unsigned machine_exit_status(const struct machine *machine);

/** fn(ctx, ...) is told about each change of state; one listener. */
typedef void machine_event_fn(void *ctx, const char *object, const char *name, const char *event,
	const char *detail);
void machine_set_listener(struct machine *machine, machine_event_fn *fn, void *ctx);

const struct config *machine_config(const struct machine *machine);
struct vm *machine_vm(struct machine *machine);
unsigned long long machine_uptime_s(const struct machine *machine);
/** Network device i of machine_config()->n_nets. */
void machine_set_link(struct machine *machine, unsigned i, bool up);
void machine_nic_status(struct machine *machine, unsigned i, struct ctl_nic *ret_nic);

#endif
