#include "cmocka_all.h"

#include "err.h"
#include "fake/can_touch.h"
#include "layout.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void size_is_checked(void **state)
{
	struct mem *mem = NULL;
	struct err err = {0};

	assert_int_equal(mem_create(4096, false, &mem, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "is not in"));
	assert_int_equal(mem_create(MEM_MIN_BYTES + 1, false, &mem, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "multiple of 4 KiB"));
	assert_int_equal(mem_create(MEM_MAX_BYTES * 2, false, &mem, &err), -EINVAL);
}

static void file_is_sealed(void **state)
{
	const struct mem_region *regions;
	struct mem *mem = NULL;

	assert_int_equal(mem_create(MEM_MIN_BYTES, false, &mem, NULL), 0);
	assert_int_equal(mem_regions(mem, &regions), 1);
	assert_int_equal(fcntl(regions[0].fd, F_GET_SEALS),
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(regions[0].fd, 4096), -1);
	mem_destroy(mem);
}

static void translation_stays_inside_a_region(void **state)
{
	/* 4 GiB of lazily populated RAM: 3 GiB low, 1 GiB high, nothing between. */
	static const struct {
		uint64_t gpa, size;
		int code;
	} cases[] = {
		{0, 1, 0},
		{0, 0, -ERANGE},
		{LAYOUT_LOW_RAM_END - 1, 1, 0},
		{LAYOUT_LOW_RAM_END - 1, 2, -ERANGE},
		{LAYOUT_LOW_RAM_END, 1, -ERANGE},
		{LAYOUT_HIGH_RAM_BASE - 1, 2, -ERANGE},
		{LAYOUT_HIGH_RAM_BASE, 1ull << 30, 0},
		{LAYOUT_HIGH_RAM_BASE, (1ull << 30) + 1, -ERANGE},
		{LAYOUT_HIGH_RAM_BASE + (1ull << 30), 1, -ERANGE},
		{UINT64_MAX, 1, -ERANGE},
		{4096, UINT64_MAX, -ERANGE},
		{UINT64_MAX - 4095, 8192, -ERANGE},
	};
	const struct mem_region *regions;
	struct mem *mem = NULL;
	void *hva;

	assert_int_equal(mem_create(4ull << 30, false, &mem, NULL), 0);
	assert_int_equal(mem_regions(mem, &regions), 2);
	assert_int_equal(regions[1].fd_offset, LAYOUT_LOW_RAM_END);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (mem_gpa_to_hva(mem, cases[i].gpa, cases[i].size, &hva) != cases[i].code)
			fail_msg("case %zu: gpa 0x%llx", i, (unsigned long long)cases[i].gpa);
	}
	assert_int_equal(mem_gpa_to_hva(mem, LAYOUT_HIGH_RAM_BASE + 5, 1, &hva), 0);
	assert_ptr_equal(hva, regions[1].hva + 5);
	mem_destroy(mem);
}

static void regions_lie_between_guards(void **state)
{
	const struct mem_region *regions;
	struct mem *mem = NULL;
	unsigned n;

	assert_int_equal(mem_create(4ull << 30, false, &mem, NULL), 0);
	n = mem_regions(mem, &regions);
	for (unsigned i = 0; i < n; i++) {
		assert_true(can_touch(regions[i].hva));
		assert_true(can_touch(regions[i].hva + regions[i].size_bytes - 1));
		if (can_touch(regions[i].hva - 1) ||
			can_touch(regions[i].hva + regions[i].size_bytes))
			fail_msg("region %u: a byte outside can be read", i);
	}
	mem_destroy(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_checked),
		cmocka_unit_test(file_is_sealed),
		cmocka_unit_test(translation_stays_inside_a_region),
		cmocka_unit_test(regions_lie_between_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
