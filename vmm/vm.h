/**
 * vm: one KVM virtual machine: memory, buses, interrupts, vCPUs, and the state they are in.
 *
 *   STARTING --start--> RUNNING <--resume/pause--> PAUSED
 *                          |  ^                      |
 *                          |  '---- reset (also from FAILED); of a paused one: stays PAUSED
 *                          v
 *          power off --> STOPPED      KVM cannot go on --> FAILED
 *
 * A reset parks the vCPUs, tells the devices (begin_reset) and ends in the loop, once they are
 * quiet: nothing waits for it. The same way a device holds the vCPUs for a moment while it stops at
 * the guest's wish: VM_REQUEST_SETTLE parks them, and they go on when is_quiet().
 *
 * Not here: devices, loading a kernel (machine.c does both, through vm_ops).
 * Threads: vm_request() from any thread; it holds the vCPUs and returns, the main loop does the
 * work. Everything else on the main loop's thread.
 * Life cycle: vm_create(), devices are made on its buses, vm_start(); vm_destroy() stops the
 * threads. Devices are destroyed after vm_halt() and before vm_destroy().
 */
#ifndef WEFT_VMM_VM_H
#define WEFT_VMM_VM_H

#include "config.h"

struct boot_entry;
struct bus;
struct err;
struct ev;
struct irq;
struct mem;
struct vm;

enum vm_state { VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPED, VM_FAILED };
enum vm_request {
	VM_REQUEST_RESET = 1,
	VM_REQUEST_POWER_OFF = 2,
	VM_REQUEST_SETTLE = 8, /* hold the vCPUs and ask is_quiet() whether they may go on */
	VM_REQUEST_PAUSE = 16, /* for pause_reason() */
};

struct vm_ops {
	/** A reset is coming: devices let go of RAM. vCPUs are parked. */
	void (*begin_reset)(void *ctx);
	/** Has all ended that the vCPUs are held for? */
	bool (*is_quiet)(void *ctx);
	/** Devices stand still, or go on. vCPUs are parked. */
	void (*pause)(void *ctx, bool is_paused);
	/** Put devices into their power-on state and load the kernel. vCPUs are parked. */
	int (*reset)(void *ctx, struct boot_entry *ret_entry, struct err *err);
	/** The state has changed; reason may be "". */
	void (*state_changed)(void *ctx, enum vm_state state, const char *reason);
	/** Why VM_REQUEST_PAUSE was raised. */
	const char *(*pause_reason)(void *ctx);
	/** Confine a vCPU thread; on that thread. May be NULL. */
	int (*enter_vcpu)(void *ctx);
	/** Confine the main thread, when all others are and no vCPU has run yet. May be NULL. */
	int (*enter_main)(void *ctx, struct err *err);
};

/** kvm_fd is transferred, also on failure. ops, ctx and ev are borrowed. */
int vm_create(const struct config *config, int kvm_fd, struct ev *ev, const struct vm_ops *ops,
	void *ctx, struct vm **ret_vm, struct err *err);
/** Stop the vCPU threads for good. */
void vm_halt(struct vm *vm);
/** Accepts NULL. */
void vm_destroy(struct vm *vm);

struct mem *vm_mem(struct vm *vm);
struct bus *vm_pio(struct vm *vm);
struct bus *vm_mmio(struct vm *vm);
struct irq *vm_irq(struct vm *vm);

/** -EBUSY with err when the state does not allow it; pausing what is paused is no error. */
int vm_start(struct vm *vm, struct err *err);
int vm_pause(struct vm *vm, struct err *err);
int vm_resume(struct vm *vm, struct err *err);
/** 0 may also mean that it goes on in the loop: vm_is_resetting(), until state_changed(). */
int vm_reset(struct vm *vm, struct err *err);
bool vm_is_resetting(const struct vm *vm);
void vm_power_off(struct vm *vm, const char *reason);

/** From any thread, device handlers included. */
void vm_request(struct vm *vm, enum vm_request request);

enum vm_state vm_state(const struct vm *vm);
const char *vm_reason(const struct vm *vm);
unsigned vm_n_resets(const struct vm *vm);

#endif
