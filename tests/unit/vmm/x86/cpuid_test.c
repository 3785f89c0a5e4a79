#include "cmocka_all.h"

#include "x86/cpuid.h"

#include <stdlib.h>
#include <string.h>

static struct kvm_cpuid_entry2 *find(struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t->n_entries; i++) {
		if (t->entries[i].function == function && t->entries[i].index == index)
			return &t->entries[i];
	}
	fail_msg("no leaf 0x%x.%u", function, index);
	return NULL;
}

static struct cpuid_table *host_with_everything(void)
{
	static const uint32_t leaves[] = {
		0x1, 0x7, 0xa, 0xb, 0x1f, 0x8000000a, 0x80000001, 0x80000008, 0x8000001e};
	struct cpuid_table *t = calloc(1, sizeof(*t));

	t->entries[t->n_entries++] = (struct kvm_cpuid_entry2){.function = 0, .eax = 0x1f};
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		t->entries[t->n_entries++] = (struct kvm_cpuid_entry2){
			leaves[i], 0, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
	return t;
}

static void topology_is_ours(void **state)
{
	struct cpuid_table *t = host_with_everything();

	cpuid_fill(t, 3, 5, true);
	assert_int_equal(find(t, 1, 0)->ebx >> 24, 3);
	assert_int_equal(find(t, 1, 0)->ebx >> 16 & 0xff, 8);
	assert_int_equal(find(t, 0xb, 0)->ebx, 1);
	assert_int_equal(find(t, 0xb, 1)->eax, 3); /* bits of a core number */
	assert_int_equal(find(t, 0xb, 1)->ebx, 5);
	assert_int_equal(find(t, 0xb, 1)->edx, 3);
	assert_int_equal(find(t, 0xb, 2)->ebx, 0);
	assert_int_equal(find(t, 0x1f, 1)->ebx, 5);
	assert_int_equal(find(t, 0x80000008, 0)->ecx & 0xff, 4);
	assert_int_equal(find(t, 0x8000001e, 0)->eax, 3);
	free(t);
}

static void features_are_hidden_and_added(void **state)
{
	struct cpuid_table *t = host_with_everything();

	cpuid_fill(t, 0, 1, false);
	assert_int_equal(find(t, 1, 0)->ecx & (1u << 3 | 1u << 5 | 1u << 24),
		0);                                                   /* MONITOR, VMX, deadline */
	assert_true(find(t, 1, 0)->ecx >> 31);                        /* hypervisor */
	assert_int_equal(find(t, 1, 0)->edx >> 28 & 1, 0);            /* one processor: no HTT */
	assert_int_equal(find(t, 0x80000001, 0)->ecx & (1u << 2), 0); /* SVM */
	assert_int_equal(find(t, 0xa, 0)->eax, 0);
	assert_int_equal(find(t, 0x8000000a, 0)->edx, 0);
	assert_int_equal(find(t, 7, 0)->ebx & (1u << 2), 0);
	free(t);
	t = host_with_everything();
	cpuid_fill(t, 0, 2, true);
	assert_true(find(t, 1, 0)->ecx >> 24 & 1);
	assert_true(find(t, 1, 0)->edx >> 28 & 1);
	free(t);
}

static void a_full_table_does_not_overflow(void **state)
{
	struct cpuid_table *t = host_with_everything();

	while (t->n_entries < CPUID_MAX_ENTRIES)
		t->entries[t->n_entries++] = (struct kvm_cpuid_entry2){.function = 0x4000ffff};
	cpuid_fill(t, 0, 64, true);
	assert_int_equal(t->n_entries, CPUID_MAX_ENTRIES);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topology_is_ours),
		cmocka_unit_test(features_are_hidden_and_added),
		cmocka_unit_test(a_full_table_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
