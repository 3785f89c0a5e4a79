#include "vm.h"

#include "boot.h"
#include "bus.h"
#include "err.h"
#include "ev.h"
#include "irq.h"
#include "kvm.h"
#include "layout.h"
#include "log.h"
#include "mem.h"
#include "vcpu.h"
#include "x86/regs.h"
#include "x86/state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

LOG_MODULE("vm");

#define VM_REQUEST_FAIL 4 /* beside enum vm_request: from the vCPU threads only */

struct vm {
	const struct vm_ops *ops;
	void *ctx;
	int kvm_fd; /* while it is created */
	int vm_fd;
	struct mem *mem;
	struct bus *pio, *mmio;
	struct irq *irq;
	struct vcpus *vcpus;
	struct state_chips *power_on_chips;
	enum vm_state state;
	char reason[256];
	bool is_resetting; /* parked, until the devices are quiet */
	bool stays_paused; /* after the reset */
	unsigned n_resets;
	int request_fd;
	struct ev_source *request_source;
	_Atomic unsigned requests;
	pthread_mutex_t fail_lock; /* guards fail_reason */
	char fail_reason[256];
};

static void set_state(struct vm *vm, enum vm_state state, const char *reason)
{
	vm->state = state;
	(void)snprintf(vm->reason, sizeof(vm->reason), "%.*s", (int)sizeof(vm->reason) - 1, reason);
	vm->ops->state_changed(vm->ctx, state, vm->reason);
}

/* Requests: bits that any thread raises, an eventfd that wakes the loop. */

static void raise_line(struct vm *vm, unsigned bits)
{
	static const uint64_t one = 1;

	atomic_fetch_or(&vm->requests, bits);
	vcpus_hold(vm->vcpus); /* the guest shall not run on behind its own power-off */
	(void)!write(vm->request_fd, &one, sizeof(one)); /* a full counter wakes as well */
}

void vm_request(struct vm *vm, enum vm_request request)
{
	raise_line(vm, request);
}

static void fail_vm(struct vm *vm, const char *reason)
{
	vm->is_resetting = false;
	vcpus_park(vm->vcpus);
	log_err("%s", reason);
	set_state(vm, VM_FAILED, reason);
}

static void on_vcpu_event(void *ctx, enum vcpu_event event, const char *reason)
{
	struct vm *vm = ctx;

	if (event == VCPU_RESET) {
		log_notice_ratelimited("%s, resetting the machine", reason);
		raise_line(vm, VM_REQUEST_RESET);
		return;
	}
	(void)pthread_mutex_lock(&vm->fail_lock);
	if (!vm->fail_reason[0])
		(void)snprintf(vm->fail_reason, sizeof(vm->fail_reason), "%s", reason);
	(void)pthread_mutex_unlock(&vm->fail_lock);
	raise_line(vm, VM_REQUEST_FAIL);
}

static int on_vcpu_enter(void *ctx)
{
	struct vm *vm = ctx;

	return vm->ops->enter_vcpu ? vm->ops->enter_vcpu(vm->ctx) : 0;
}

static void take_failure(struct vm *vm)
{
	char reason[sizeof(vm->fail_reason)];

	(void)pthread_mutex_lock(&vm->fail_lock);
	memcpy(reason, vm->fail_reason, sizeof(reason));
	vm->fail_reason[0] = '\0';
	(void)pthread_mutex_unlock(&vm->fail_lock);
	fail_vm(vm, reason);
}

static int advance_reset(struct vm *vm, struct err *err);

static void hold_vm(struct vm *vm, const char *reason)
{
	vcpus_park(vm->vcpus);
	vm->ops->pause(vm->ctx, true);
	vcpus_note_pause(vm->vcpus);
	set_state(vm, VM_PAUSED, reason);
}

static void on_request(void *ctx, int fd, uint32_t events)
{
	struct vm *vm = ctx;
	struct err err = {0};
	uint64_t count;
	unsigned bits;

	(void)!read(fd, &count, sizeof(count));
	bits = atomic_exchange(&vm->requests, 0);
	if (vm->is_resetting) {
		(void)advance_reset(vm, &err); /* has set the state and logged */
		return;
	}
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return; /* overtaken by an earlier one */
	if (bits & VM_REQUEST_FAIL)
		take_failure(vm);
	else if (bits & VM_REQUEST_POWER_OFF)
		vm_power_off(vm, "guest powered off");
	else if (bits & VM_REQUEST_RESET)
		(void)vm_reset(vm, &err); /* has set the state and logged */
	else if (bits & VM_REQUEST_PAUSE)
		hold_vm(vm, vm->ops->pause_reason(vm->ctx));
	else if (vm->state == VM_RUNNING && vm->ops->is_quiet(vm->ctx))
		vcpus_run(vm->vcpus); /* whoever raised this has held them */
}

/* Creation */

static int set_ioeventfd(void *ctx, uint64_t addr, unsigned len, int fd, bool assign)
{
	struct vm *vm = ctx;
	struct kvm_ioeventfd ioeventfd = {
		.addr = addr,
		.len = len,
		.fd = fd,
		.flags = assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->vm_fd, KVM_IOEVENTFD, &ioeventfd) < 0 ? -errno : 0;
}

static int create_kvm(struct vm *vm, struct err *err)
{
	uint64_t identity_map = LAYOUT_IDENTITY_MAP;
	int r;

	vm->vm_fd = kvm_ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0)
		return err_set(err, vm->vm_fd, "KVM: cannot create a virtual machine: %s",
			strerror(-vm->vm_fd));
	r = kvm_ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, (uintptr_t)&identity_map);
	if (!r)
		r = kvm_ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, LAYOUT_TSS);
	if (r < 0)
		return err_set(err, r, "KVM: cannot reserve its pages: %s", strerror(-r));
	return 0;
}

/* After the memory: each of these starts a grace period in KVM that the memory would wait for, 5 to
 * 10 ms on a small host. */
static int add_chips(struct vm *vm, struct err *err)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	int r = kvm_ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0);

	if (!r)
		r = kvm_ioctl(vm->vm_fd, KVM_CREATE_PIT2, (uintptr_t)&pit);
	if (r < 0)
		return err_set(err, r, "KVM: cannot create the interrupt controllers: %s",
			strerror(-r));
	return 0;
}

static int add_memory(struct vm *vm, const struct config *config, struct err *err)
{
	const struct mem_region *regions;
	unsigned n_regions;
	int r = mem_create(config->memory_bytes, config->hugepages, &vm->mem, err);

	if (r < 0)
		return r;
	n_regions = mem_regions(vm->mem, &regions);
	for (unsigned i = 0; i < n_regions; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = regions[i].gpa,
			.memory_size = regions[i].size_bytes,
			.userspace_addr = (uintptr_t)regions[i].hva,
		};

		r = kvm_ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&slot);
		if (r < 0)
			return err_set(err, r, "KVM: cannot give memory to the guest: %s",
				strerror(-r));
	}
	return 0;
}

static int add_buses(struct vm *vm, struct err *err)
{
	int r = bus_create("pio", 0x10000, &vm->pio);

	if (!r)
		r = bus_create("mmio", UINT64_MAX, &vm->mmio);
	if (!r)
		r = irq_create(&irq_kvm_ops, &vm->vm_fd, &vm->irq);
	if (r < 0)
		return err_set(err, r, "machine: cannot make buses and interrupts: %s",
			strerror(-r));
	bus_set_ioeventfd_hook(vm->mmio, set_ioeventfd, vm);
	return 0;
}

static int add_vcpus(struct vm *vm, const struct config *config, struct err *err)
{
	struct vcpus_config vcpus = {
		.kvm_fd = vm->kvm_fd,
		.vm_fd = vm->vm_fd,
		.n_vcpus = config->n_vcpus,
		.pio = vm->pio,
		.mmio = vm->mmio,
		.event_fn = on_vcpu_event,
		.enter_fn = on_vcpu_enter,
		.ctx = vm,
	};
	int r = vcpus_create(&vcpus, &vm->vcpus, err);

	if (r < 0)
		return r;
	r = state_chips_save(vm->vm_fd, &vm->power_on_chips);
	return r < 0 ? err_set(err, r, "KVM: cannot read the interrupt controllers: %s",
			       strerror(-r))
		     : 0;
}

int vm_create(const struct config *config, int kvm_fd, struct ev *ev, const struct vm_ops *ops,
	void *ctx, struct vm **ret_vm, struct err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm) {
		(void)close(kvm_fd);
		return err_set(err, -ENOMEM, "machine: out of memory");
	}
	vm->ops = ops;
	vm->ctx = ctx;
	vm->kvm_fd = kvm_fd;
	vm->vm_fd = -1;
	(void)pthread_mutex_init(&vm->fail_lock, NULL);
	vm->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = vm->request_fd < 0
		    ? -errno
		    : ev_add_io(ev, vm->request_fd, EPOLLIN, on_request, vm, &vm->request_source);
	if (r < 0)
		(void)err_set(err, r, "machine: cannot make an eventfd: %s", strerror(-r));
	if (!r)
		r = create_kvm(vm, err);
	if (!r)
		r = add_memory(vm, config, err);
	if (!r)
		r = add_chips(vm, err);
	if (!r)
		r = add_buses(vm, err);
	if (!r)
		r = add_vcpus(vm, config, err);
	(void)close(vm->kvm_fd); /* nobody shall make another VM with it */
	vm->kvm_fd = -1;
	if (r < 0) {
		vm_destroy(vm);
		return r;
	}
	*ret_vm = vm;
	return 0;
}

void vm_halt(struct vm *vm)
{
	vcpus_destroy(vm->vcpus);
	vm->vcpus = NULL;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	vm_halt(vm);
	ev_del(vm->request_source);
	if (vm->request_fd >= 0)
		(void)close(vm->request_fd);
	state_chips_free(vm->power_on_chips);
	irq_destroy(vm->irq);
	bus_destroy(vm->mmio);
	bus_destroy(vm->pio);
	if (vm->vm_fd >= 0)
		(void)close(vm->vm_fd);
	mem_destroy(vm->mem); /* after the VM that has it mapped */
	(void)pthread_mutex_destroy(&vm->fail_lock);
	free(vm);
}

struct mem *vm_mem(struct vm *vm)
{
	return vm->mem;
}

struct bus *vm_pio(struct vm *vm)
{
	return vm->pio;
}

struct bus *vm_mmio(struct vm *vm)
{
	return vm->mmio;
}

struct irq *vm_irq(struct vm *vm)
{
	return vm->irq;
}

/* States */

static int wrong_state(struct err *err, const char *msg)
{
	(void)err_set(err, -EBUSY, "%s", msg);
	err_name(err, "WrongState");
	return -EBUSY;
}

static int power_on(struct vm *vm, struct err *err)
{
	struct boot_entry entry;
	int r = state_chips_restore(vm->vm_fd, vm->power_on_chips);

	if (r < 0)
		return err_set(err, r, "interrupt controllers: KVM refuses their state: %s",
			strerror(-r));
	r = vm->ops->reset(vm->ctx, &entry, err);
	if (r < 0)
		return r;
	r = regs_write_tables(vm->mem, &entry);
	if (!r)
		r = vcpus_reset(vm->vcpus, &entry);
	if (r < 0)
		return err_set(err, r, "vCPUs: KVM refuses their state: %s", strerror(-r));
	atomic_store(&vm->requests, 0); /* whatever the former life asked for */
	return 0;
}

int vm_start(struct vm *vm, struct err *err)
{
	int r = power_on(vm, err);

	if (!r)
		r = vcpus_start_threads(vm->vcpus, err);
	if (!r && vm->ops->enter_main)
		r = vm->ops->enter_main(vm->ctx, err);
	if (r < 0)
		return r;
	vcpus_run(vm->vcpus);
	set_state(vm, VM_RUNNING, "");
	return 0;
}

static void let_run(struct vm *vm)
{
	vm->ops->pause(vm->ctx, false);
	if (vm->ops->is_quiet(vm->ctx))
		vcpus_run(vm->vcpus); /* else when the devices are */
	set_state(vm, VM_RUNNING, "");
}

int vm_pause(struct vm *vm, struct err *err)
{
	if (vm->is_resetting)
		vm->stays_paused = true;
	if (vm->state == VM_PAUSED || vm->is_resetting)
		return 0;
	if (vm->state != VM_RUNNING)
		return wrong_state(err, "machine is not running, it cannot be paused");
	hold_vm(vm, "");
	return 0;
}

int vm_resume(struct vm *vm, struct err *err)
{
	if (vm->is_resetting)
		vm->stays_paused = false;
	if (vm->state == VM_RUNNING || vm->is_resetting)
		return 0;
	if (vm->state != VM_PAUSED)
		return wrong_state(err, "machine is not paused, it cannot be resumed");
	let_run(vm);
	return 0;
}

/* Once the devices are quiet: the second half of a reset. */
static int advance_reset(struct vm *vm, struct err *err)
{
	int r;

	if (!vm->ops->is_quiet(vm->ctx))
		return 0;
	vm->is_resetting = false;
	r = power_on(vm, err);
	if (r < 0) {
		(void)err_prefix(err, "reset");
		fail_vm(vm, err ? err->msg : "reset failed");
		return r;
	}
	vm->n_resets++;
	log_notice_ratelimited("machine was reset"); /* a guest may do nothing else */
	if (!vm->stays_paused) {
		let_run(vm);
		return 0;
	}
	vm->ops->pause(vm->ctx, true);
	set_state(vm, VM_PAUSED, "");
	return 0;
}

int vm_reset(struct vm *vm, struct err *err)
{
	if (vm->is_resetting)
		return 0;
	if (vm->state == VM_STARTING || vm->state == VM_STOPPED)
		return wrong_state(err, "machine is not running, it cannot be reset");
	vcpus_park(vm->vcpus);
	vm->is_resetting = true;
	vm->stays_paused = vm->state == VM_PAUSED;
	vm->ops->begin_reset(vm->ctx);
	return advance_reset(vm, err);
}

bool vm_is_resetting(const struct vm *vm)
{
	return vm->is_resetting;
}

void vm_power_off(struct vm *vm, const char *reason)
{
	if (vm->state == VM_STOPPED)
		return;
	vcpus_park(vm->vcpus);
	vm->is_resetting = false;
	log_info("machine is off: %s", reason);
	set_state(vm, VM_STOPPED, reason);
}

enum vm_state vm_state(const struct vm *vm)
{
	return vm->state;
}

const char *vm_reason(const struct vm *vm)
{
	return vm->reason;
}

unsigned vm_n_resets(const struct vm *vm)
{
	return vm->n_resets;
}
