/**
 * msrs: the model-specific registers that firmware would have set before it starts a kernel.
 *
 * There is no firmware on a direct boot, and KVM's reset state is a processor's: memory types off,
 * fast strings off. A guest then runs without PAT, and Linux on Intel without ERMS. The table is
 * what a PC's firmware leaves: fast strings on, RAM write-back, the VGA window and the PCI hole
 * uncacheable, PAT as after reset.
 * msrs_fill() is pure and is tested without KVM. Threads: main, while no vCPU runs.
 * Source: Intel SDM vol. 3, 12.11 "Memory Type Range Registers (MTRRs)", 12.12 "Page Attribute
 * Table (PAT)"; vol. 4, IA32_MISC_ENABLE.
 */
#ifndef WEFT_VMM_X86_MSRS_H
#define WEFT_VMM_X86_MSRS_H

#include <linux/kvm.h>

struct cpuid_table;

#define MSRS_MAX 24

struct msrs_table {
	unsigned n_entries;
	struct kvm_msr_entry entries[MSRS_MAX];
};

/** What a vCPU with this CPUID starts with. */
void msrs_fill(const struct cpuid_table *cpuid, struct msrs_table *ret_table);
/** KVM_SET_MSRS. 0, or -errno; -EINVAL when KVM refuses one that CPUID promises. */
int msrs_apply(int vcpu_fd, const struct msrs_table *table);

#endif
