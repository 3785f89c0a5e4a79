#include "msrs.h"

#include "layout.h"
#include "x86/cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define MSR_MISC_ENABLE      0x1a0
#define MSR_MTRR_PHYS_BASE_0 0x200
#define MSR_MTRR_PHYS_MASK_0 0x201
#define MSR_MTRR_FIX_64K     0x250
#define MSR_MTRR_FIX_16K_8   0x258
#define MSR_MTRR_FIX_16K_A   0x259
#define MSR_MTRR_FIX_4K_C0   0x268 /* eight of them, 32 KiB each */
#define MSR_MTRR_DEF_TYPE    0x2ff
#define MSR_PAT              0x277

#define MISC_ENABLE_FAST_STRINGS 1ull
#define MTRR_UNCACHEABLE         0ull
#define MTRR_WRITE_BACK          6ull
#define MTRR_ALL_WRITE_BACK      0x0606060606060606ull /* eight ranges */
#define MTRR_MASK_VALID          (1ull << 11)
#define MTRR_DEF_FIXED           (1ull << 10)
#define MTRR_DEF_ENABLED         (1ull << 11)
#define PAT_AFTER_RESET          0x0007040600070406ull

#define CPUID_1_EDX_MTRR (1u << 12)
#define CPUID_1_EDX_PAT  (1u << 16)

/* 4 GiB less the hole is a power of two, so that one variable range does. */
_Static_assert(LAYOUT_PCI_MEM_BASE == 0xc0000000ull, "the hole is its last GiB");
_Static_assert(LAYOUT_LOW_RAM_END <= LAYOUT_PCI_MEM_BASE, "no RAM is uncacheable");

static const struct kvm_cpuid_entry2 *msrs_find_leaf(const struct cpuid_table *cpuid,
	uint32_t function)
{
	for (unsigned i = 0; i < cpuid->n_entries; i++) {
		if (cpuid->entries[i].function == function)
			return &cpuid->entries[i];
	}
	return NULL;
}

static void add_msr(struct msrs_table *table, uint32_t index, uint64_t value)
{
	table->entries[table->n_entries++] = (struct kvm_msr_entry){.index = index, .data = value};
}

static void add_mtrrs(struct msrs_table *table, unsigned physical_bits)
{
	uint64_t physical = (1ull << physical_bits) - 1;

	add_msr(table, MSR_MTRR_FIX_64K, MTRR_ALL_WRITE_BACK);
	add_msr(table, MSR_MTRR_FIX_16K_8, MTRR_ALL_WRITE_BACK);
	add_msr(table, MSR_MTRR_FIX_16K_A, MTRR_UNCACHEABLE); /* where VGA would be */
	/* Plain RAM here, with the tables of ACPI in it. */
	for (uint32_t i = 0; i < 8; i++)
		add_msr(table, MSR_MTRR_FIX_4K_C0 + i, MTRR_ALL_WRITE_BACK);
	add_msr(table, MSR_MTRR_PHYS_BASE_0, LAYOUT_PCI_MEM_BASE | MTRR_UNCACHEABLE);
	add_msr(table, MSR_MTRR_PHYS_MASK_0,
		(physical & ~(LAYOUT_HIGH_RAM_BASE - LAYOUT_PCI_MEM_BASE - 1)) | MTRR_MASK_VALID);
	add_msr(table, MSR_MTRR_DEF_TYPE, MTRR_DEF_ENABLED | MTRR_DEF_FIXED | MTRR_WRITE_BACK);
}

void msrs_fill(const struct cpuid_table *cpuid, struct msrs_table *ret_table)
{
	const struct kvm_cpuid_entry2 *features = msrs_find_leaf(cpuid, 1);
	const struct kvm_cpuid_entry2 *sizes = msrs_find_leaf(cpuid, 0x80000008);
	unsigned physical_bits = sizes ? sizes->eax & 0xff : 36;

	ret_table->n_entries = 0;
	add_msr(ret_table, MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS);
	if (features && features->edx & CPUID_1_EDX_PAT)
		add_msr(ret_table, MSR_PAT, PAT_AFTER_RESET);
	if (features && features->edx & CPUID_1_EDX_MTRR && physical_bits >= 36 &&
		physical_bits <= 52)
		add_mtrrs(ret_table, physical_bits);
}

/* One at a time, so that it is known which one was refused. */
int msrs_apply(int vcpu_fd, const struct msrs_table *table)
{
	for (unsigned i = 0; i < table->n_entries; i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} one = {.head.nmsrs = 1, .entry = table->entries[i]};
		int n = ioctl(vcpu_fd, KVM_SET_MSRS, &one);

		if (n < 0)
			return -errno;
		if (n != 1)
			return -EINVAL;
	}
	return 0;
}
