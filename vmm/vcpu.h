/**
 * vcpu: the virtual CPUs, one thread each, and how they are held and let go.
 *
 * Data model: all vCPUs of a VM form one set; they run or they are parked, together. A thread
 * leaves KVM_RUN when it is kicked: its immediate_exit flag is raised, then a signal breaks the
 * wait; the flag, which only the parked thread lowers, closes the gap between the check and the
 * ioctl. Before a thread parks it enters KVM once more with the flag up, so that no half-done I/O
 * is left behind.
 *
 *   parked --vcpus_run()--> running --vcpus_hold()--> ... each at its next exit ... --> parked
 *
 * Other CPUs than the first wait inside KVM for INIT/SIPI from the guest.
 * Threads: vcpus_hold() from any, vCPU threads included; never waits. Everything else: main thread.
 * Guest behaviour never ends a thread: what KVM cannot carry on is reported once by event_fn and
 * the CPUs park.
 */
#ifndef WEFT_VMM_VCPU_H
#define WEFT_VMM_VCPU_H

struct boot_entry;
struct bus;
struct err;
struct vcpus;

enum vcpu_event {
	VCPU_RESET, /* triple fault or a reset that KVM saw */
	VCPU_FAIL,  /* KVM cannot go on; reason says why */
};

/** Called on a vCPU thread, which parks after it. reason is borrowed for the call. */
typedef void vcpu_event_fn(void *ctx, enum vcpu_event event, const char *reason);
/** Called first thing on each vCPU thread (sandbox). 0 or -errno. */
typedef int vcpu_enter_fn(void *ctx);

struct vcpus_config {
	int kvm_fd; /* borrowed for vcpus_create() */
	int vm_fd;  /* borrowed */
	unsigned n_vcpus;
	struct bus *pio, *mmio;
	vcpu_event_fn *event_fn;
	vcpu_enter_fn *enter_fn; /* may be NULL */
	void *ctx;
};

/** Create the vCPUs with their CPUID and what firmware would set (msrs.h). */
int vcpus_create(const struct vcpus_config *config, struct vcpus **ret_vcpus, struct err *err);
/** Returns when enter_fn has been called on every thread; fails if it failed on one. */
int vcpus_start_threads(struct vcpus *vcpus, struct err *err);
/** Stop and join the threads. Accepts NULL and half-built sets. */
void vcpus_destroy(struct vcpus *vcpus);

void vcpus_run(struct vcpus *vcpus);
/** Ask all to park; returns at once. */
void vcpus_hold(struct vcpus *vcpus);
/** Ask all to park and wait until they have. */
void vcpus_park(struct vcpus *vcpus);

/** Parked: back to power-on state, the first one at entry. Returns 0 or -errno. */
int vcpus_reset(struct vcpus *vcpus, const struct boot_entry *entry);

/** Parked for a while: inform the guest's watchdogs that the gap in time was ours. */
void vcpus_note_pause(struct vcpus *vcpus);

#endif
