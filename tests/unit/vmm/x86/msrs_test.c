#include "cmocka_all.h"

#include "x86/cpuid.h"
#include "x86/msrs.h"

#include <stdint.h>

enum { UNCACHEABLE = 0, WRITE_BACK = 6 };

static struct cpuid_table cpuid;
static struct msrs_table msrs;

static void fill(uint32_t features, uint32_t physical_bits)
{
	cpuid = (struct cpuid_table){
		.n_entries = 2,
		.entries = {{.function = 1, .edx = features},
			{.function = 0x80000008, .eax = 0x3000 | physical_bits}},
	};
	msrs_fill(&cpuid, &msrs);
}

static bool has(uint32_t index)
{
	for (unsigned i = 0; i < msrs.n_entries; i++) {
		if (msrs.entries[i].index == index)
			return true;
	}
	return false;
}

static uint64_t get(uint32_t index)
{
	for (unsigned i = 0; i < msrs.n_entries; i++) {
		if (msrs.entries[i].index == index)
			return msrs.entries[i].data;
	}
	fail_msg("MSR 0x%x is not in the table", index);
	return 0;
}

/* The type of an address as a processor finds it: SDM vol. 3, 12.11.4.1 "MTRR Precedences". */
static unsigned type_of(uint64_t addr)
{
	uint64_t def = get(0x2ff), base = get(0x200), mask = get(0x201);

	assert_true(def & 1 << 11); /* MTRRs are on */
	assert_true(mask & 1 << 11);
	if (addr < 0x100000 && def & 1 << 10) {
		uint32_t index = addr < 0x80000   ? 0x250
				 : addr < 0xc0000 ? 0x258 + (uint32_t)(addr - 0x80000) / 0x20000
						  : 0x268 + (uint32_t)(addr - 0xc0000) / 0x8000;
		unsigned range = addr < 0x80000   ? (unsigned)(addr / 0x10000)
				 : addr < 0xc0000 ? (unsigned)(addr / 0x4000 % 8)
						  : (unsigned)(addr / 0x1000 % 8);

		return get(index) >> (8 * range) & 0xff;
	}
	if ((addr & mask & ~0xfffull) == (base & mask & ~0xfffull))
		return base & 0xff;
	return def & 0xff;
}

static void memory_has_the_types_that_firmware_leaves(void **state)
{
	static const struct {
		uint64_t addr;
		unsigned type;
	} cases[] = {
		{0, WRITE_BACK},
		{0x7ffff, WRITE_BACK},
		{0x80000, WRITE_BACK},
		{0x9ffff, WRITE_BACK},
		{0xa0000, UNCACHEABLE},
		{0xbffff, UNCACHEABLE},
		{0xc0000, WRITE_BACK},
		{0xe0000, WRITE_BACK},
		{0xfffff, WRITE_BACK},
		{0x100000, WRITE_BACK},
		{0xbfffffff, WRITE_BACK},
		{0xc0000000, UNCACHEABLE}, /* BARs */
		{0xe0000000, UNCACHEABLE}, /* ECAM */
		{0xfee00000, UNCACHEABLE},
		{0xffffffff, UNCACHEABLE},
		{0x100000000, WRITE_BACK},
		{0x1c0000000, WRITE_BACK},
		{0xfc0000000, WRITE_BACK},
	};

	for (uint32_t bits = 36; bits <= 52; bits++) {
		fill(UINT32_MAX, bits);
		assert_int_equal(get(0x201) >> bits, 0); /* reserved bits: KVM would refuse them */
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			if (type_of(cases[i].addr) != cases[i].type)
				fail_msg("0x%llx with %u bits: type %u",
					(unsigned long long)cases[i].addr, bits,
					type_of(cases[i].addr));
		}
	}
}

static void strings_are_fast_and_pat_is_the_default(void **state)
{
	fill(UINT32_MAX, 40);
	assert_int_equal(get(0x1a0) & 1, 1);
	assert_true(get(0x277) == 0x0007040600070406);
}

static void only_what_cpuid_promises(void **state)
{
	fill(0, 40);
	assert_true(has(0x1a0));
	assert_false(has(0x277));
	assert_false(has(0x2ff));
	fill(1u << 12, 60); /* no such processor */
	assert_false(has(0x2ff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_has_the_types_that_firmware_leaves),
		cmocka_unit_test(strings_are_fast_and_pat_is_the_default),
		cmocka_unit_test(only_what_cpuid_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
