/**
 * cpuid: what the guest's CPUs say of themselves.
 *
 * The base is KVM_GET_SUPPORTED_CPUID: what host and KVM can do. On top: our topology (one socket,
 * one thread per core, APIC id = vCPU number), the hypervisor bit, TSC deadline where KVM has it.
 * Hidden: nested virtualization, MWAIT, SGX, processor trace and performance counters, none of
 * which a guest here can use.
 * cpuid_fill() is pure and is tested without KVM. Threads: main.
 * Source: Intel SDM vol. 2A "CPUID"; AMD APM vol. 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#ifndef WEFT_VMM_X86_CPUID_H
#define WEFT_VMM_X86_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

struct err;

#define CPUID_MAX_ENTRIES 256

struct cpuid_table {
	unsigned n_entries;
	struct kvm_cpuid_entry2 entries[CPUID_MAX_ENTRIES];
};

/** What KVM supports. kvm_fd: /dev/kvm. */
int cpuid_read_supported(int kvm_fd, struct cpuid_table *ret_table, struct err *err);
/** Turn what is supported into what vCPU vcpu_id of n_vcpus shows. */
void cpuid_fill(struct cpuid_table *table, unsigned vcpu_id, unsigned n_vcpus, bool tsc_deadline);
/** KVM_SET_CPUID2. */
int cpuid_apply(int vcpu_fd, const struct cpuid_table *table);

#endif
