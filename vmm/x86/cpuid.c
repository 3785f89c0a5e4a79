#include "cpuid.h"

#include "err.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define BIT(n) (1u << (n))

struct cpuid_buffer {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_MAX_ENTRIES];
};

int cpuid_read_supported(int kvm_fd, struct cpuid_table *ret_table, struct err *err)
{
	struct cpuid_buffer *buffer = calloc(1, sizeof(*buffer));
	int r = 0;

	if (!buffer)
		return err_set(err, -ENOMEM, "CPUID: out of memory");
	buffer->head.nent = CPUID_MAX_ENTRIES;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, buffer) < 0) {
		r = -errno;
		(void)err_set(err, r, "KVM does not say which CPU features it supports: %s",
			strerror(-r));
	} else {
		ret_table->n_entries = buffer->head.nent;
		memcpy(ret_table->entries, buffer->entries, sizeof(buffer->entries));
	}
	free(buffer);
	return r;
}

static void drop_function(struct cpuid_table *table, uint32_t function)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < table->n_entries; i++) {
		if (table->entries[i].function != function)
			table->entries[kept++] = table->entries[i];
	}
	table->n_entries = kept;
}

static struct kvm_cpuid_entry2 *find_entry(struct cpuid_table *table, uint32_t function)
{
	for (unsigned i = 0; i < table->n_entries; i++) {
		if (table->entries[i].function == function)
			return &table->entries[i];
	}
	return NULL;
}

/* Bits that number 0..n-1. */
static unsigned id_bits(unsigned n)
{
	unsigned bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static void fill_basic(struct kvm_cpuid_entry2 *e, unsigned vcpu_id, unsigned n_vcpus,
	bool tsc_deadline)
{
	e->ebx = (e->ebx & 0xff00) | vcpu_id << 24 | (1u << id_bits(n_vcpus)) << 16;
	e->ecx &= ~(BIT(3) | BIT(5) | BIT(24));           /* MONITOR, VMX, TSC deadline */
	e->ecx |= BIT(31) | (tsc_deadline ? BIT(24) : 0); /* hypervisor present */
	e->edx &= ~BIT(28);                               /* HTT: more than one logical processor */
	e->edx |= n_vcpus > 1 ? BIT(28) : 0;
}

/* Leaf 4 and 0x8000001d share their layout; level 3 is shared by all, the others by nobody. */
static void fill_cache(struct kvm_cpuid_entry2 *e, unsigned n_vcpus, bool has_cores)
{
	unsigned level = e->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? n_vcpus - 1 : 0;

	if (!(e->eax & 0x1f))
		return;
	e->eax = (e->eax & 0x3fff) | sharing << 14;
	if (has_cores)
		e->eax |= ((1u << id_bits(n_vcpus)) - 1) << 26;
}

static void add_entry(struct cpuid_table *table, const struct kvm_cpuid_entry2 *e)
{
	if (table->n_entries < CPUID_MAX_ENTRIES)
		table->entries[table->n_entries++] = *e;
}

/* Extended topology: level 0 "SMT" with one thread, level 1 "core". */
static void add_topology(struct cpuid_table *table, uint32_t function, unsigned vcpu_id,
	unsigned n_vcpus)
{
	struct kvm_cpuid_entry2 e = {
		.function = function,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.edx = vcpu_id,
	};

	e.index = 0;
	e.eax = 0;
	e.ebx = 1;
	e.ecx = 1u << 8 | 0;
	add_entry(table, &e);
	e.index = 1;
	e.eax = id_bits(n_vcpus);
	e.ebx = n_vcpus;
	e.ecx = 2u << 8 | 1;
	add_entry(table, &e);
	e.index = 2;
	e.eax = e.ebx = 0;
	e.ecx = 2;
	add_entry(table, &e);
}

static void fill_entry(struct kvm_cpuid_entry2 *e, unsigned vcpu_id, unsigned n_vcpus,
	bool tsc_deadline)
{
	switch (e->function) {
	case 0x1:
		fill_basic(e, vcpu_id, n_vcpus, tsc_deadline);
		break;
	case 0x4:
		fill_cache(e, n_vcpus, true);
		break;
	case 0x7:
		if (!e->index)
			e->ebx &= ~(BIT(2) | BIT(25)); /* SGX, processor trace */
		if (!e->index)
			e->ecx &= ~BIT(30); /* SGX launch control */
		break;
	case 0xa:        /* performance counters */
	case 0x12:       /* SGX */
	case 0x14:       /* processor trace */
	case 0x8000000a: /* SVM */
	case 0x80000022: /* AMD performance counters */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x80000001:
		e->ecx &=
			~(BIT(1) | BIT(2) | BIT(23) | BIT(24)); /* CmpLegacy, SVM, PMU extensions */
		e->ecx |= n_vcpus > 1 ? BIT(1) : 0;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | (n_vcpus - 1) | id_bits(n_vcpus) << 12;
		break;
	case 0x8000001d:
		fill_cache(e, n_vcpus, false);
		break;
	case 0x8000001e:
		e->eax = vcpu_id;
		e->ebx = (e->ebx & ~0xffffu) | vcpu_id; /* core id, one thread per core */
		e->ecx = 0;
		break;
	default:
		break;
	}
}

void cpuid_fill(struct cpuid_table *table, unsigned vcpu_id, unsigned n_vcpus, bool tsc_deadline)
{
	const struct kvm_cpuid_entry2 *base = find_entry(table, 0);
	uint32_t max_basic = base ? base->eax : 0;

	drop_function(table, 0xb);
	drop_function(table, 0x1f);
	for (unsigned i = 0; i < table->n_entries; i++)
		fill_entry(&table->entries[i], vcpu_id, n_vcpus, tsc_deadline);
	if (max_basic >= 0xb)
		add_topology(table, 0xb, vcpu_id, n_vcpus);
	if (max_basic >= 0x1f)
		add_topology(table, 0x1f, vcpu_id, n_vcpus);
}

int cpuid_apply(int vcpu_fd, const struct cpuid_table *table)
{
	struct cpuid_buffer *buffer = calloc(1, sizeof(*buffer));
	int r = 0;

	if (!buffer)
		return -ENOMEM;
	buffer->head.nent = table->n_entries;
	memcpy(buffer->entries, table->entries, table->n_entries * sizeof(table->entries[0]));
	if (ioctl(vcpu_fd, KVM_SET_CPUID2, buffer) < 0)
		r = -errno;
	free(buffer);
	return r;
}
