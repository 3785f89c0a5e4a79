#include "cmocka_all.h"

#include "boot_linux.h"
#include "err.h"
#include "layout.h"
#include "mem.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define IMAGE_BYTES (1024 + 4096)

static uint8_t image[IMAGE_BYTES];
static struct mem *mem;

static void put(unsigned at, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		image[at + i] = (uint8_t)(value >> (8 * i));
}

/* The smallest kernel that is bootable; each test breaks one thing of it. */
static int setup(void **state)
{
	memset(image, 0, sizeof(image));
	image[0x1f1] = 1; /* one sector of setup beside the first */
	put(0x1fe, 2, 0xaa55);
	image[0x200] = 0xeb;
	image[0x201] = 0x66;
	memcpy(image + 0x202, "HdrS", 4);
	put(0x206, 2, 0x20f);
	image[0x211] = 1;
	put(0x22c, 4, 0x7fffffff);
	put(0x230, 4, 0x200000);
	image[0x234] = 1;
	put(0x236, 2, 1);
	put(0x238, 4, 2047);
	put(0x258, 8, 0x1000000);
	put(0x260, 4, 0x400000);
	memset(image + 1024, 0x90, 4096);
	return mem_create(64u << 20, false, &mem, NULL);
}

static int teardown(void **state)
{
	mem_destroy(mem);
	return 0;
}

static uint64_t get(uint64_t gpa, unsigned size)
{
	uint64_t value = 0;

	assert_int_equal(mem_read(mem, gpa, &value, size), 0);
	return value;
}

static int load(size_t len, const char *cmdline, uint64_t initrd_bytes, struct boot_plan *plan,
	struct err *err)
{
	struct boot_request request = {
		.cmdline = cmdline,
		.initrd_bytes = initrd_bytes,
		.rsdp_gpa = 0xe0000,
	};

	memset(err, 0, sizeof(*err));
	return boot_linux_load(mem, image, len, &request, plan, err);
}

static void kernel_is_placed_where_it_prefers(void **state)
{
	struct boot_plan plan;
	struct err err;
	char cmdline[16];

	assert_int_equal(load(IMAGE_BYTES, "console=ttyS0", 5000, &plan, &err), 0);
	assert_int_equal(plan.entry.mode, BOOT_LINUX64);
	assert_int_equal(plan.entry.rip_gpa, 0x1000200);
	assert_int_equal(plan.entry.arg_gpa, LAYOUT_BOOT_PARAMS);
	assert_int_equal(get(0x1000000, 4), 0x90909090);
	/* As high as it goes, on a page. */
	assert_int_equal(plan.initrd_gpa, (64u << 20) - 8192);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x218, 4), plan.initrd_gpa);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x21c, 4), 5000);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x228, 4), LAYOUT_CMDLINE);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x070, 8), 0xe0000);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x202, 4), 0x53726448);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x210, 1), 0xff);
	assert_int_equal(mem_read(mem, LAYOUT_CMDLINE, cmdline, 14), 0);
	assert_string_equal(cmdline, "console=ttyS0");
}

static void memory_map_covers_ram_and_reserves_tables(void **state)
{
	struct boot_plan plan;
	struct err err;
	unsigned n;
	bool has_acpi = false, has_ecam = false;
	uint64_t ram = 0, end = 0;

	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), 0);
	n = (unsigned)get(LAYOUT_BOOT_PARAMS + 0x1e8, 1);
	assert_in_range(n, 3, BOOT_MAX_RANGES);
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = LAYOUT_BOOT_PARAMS + 0x2d0 + i * 20, gpa = get(at, 8),
			 size = get(at + 8, 8);
		bool is_ram = get(at + 16, 4) == BOOT_RANGE_RAM;

		assert_true(gpa >= end); /* ascending, no overlap */
		end = gpa + size;
		ram += is_ram ? size : 0;
		has_acpi |= !is_ram && gpa <= LAYOUT_ACPI_BASE &&
			    end >= LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE;
		has_ecam |= !is_ram && gpa == LAYOUT_ECAM_BASE && size == LAYOUT_ECAM_SIZE;
	}
	assert_true(has_acpi);
	assert_true(has_ecam);
	assert_int_equal(ram, (64u << 20) - LAYOUT_KERNEL + LAYOUT_EBDA);
	assert_int_equal(get(LAYOUT_BOOT_PARAMS + 0x218, 8), 0); /* no initrd */
}

static void small_ram_moves_a_relocatable_kernel(void **state)
{
	struct boot_plan plan;
	struct err err;

	put(0x258, 8, 0x10000000); /* 256 MiB */
	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), 0);
	assert_int_equal(plan.entry.rip_gpa, 0x200200);
	image[0x234] = 0;
	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), -ENOSPC);
	assert_string_equal(err.hint, "give the guest more memory");
}

static void broken_headers_are_refused(void **state)
{
	static const struct {
		unsigned at, size;
		uint64_t value;
		int code;
		const char *msg;
	} cases[] = {
		{0x1fe, 2, 0, -ENOEXEC, "no boot header"},
		{0x202, 4, 0, -ENOEXEC, "no boot header"},
		{0x206, 2, 0x20b, -ENOEXEC, "2.11 is too old"},
		{0x236, 2, 0, -ENOEXEC, "32-bit kernel"},
		{0x211, 1, 0, -ENOEXEC, "zImage"},
		{0x1f1, 1, 255, -ENOEXEC, "truncated"},
		{0x1f1, 1, 9, -ENOEXEC, "truncated"},
		{0x260, 4, 0xffffffff, -ENOSPC, "needs RAM"},
	};
	struct boot_plan plan;
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mem_destroy(mem);
		setup(state);
		put(cases[i].at, cases[i].size, cases[i].value);
		if (load(IMAGE_BYTES, "", 0, &plan, &err) != cases[i].code ||
			!strstr(err.msg, cases[i].msg))
			fail_msg("case %zu: %d %s", i, err.code, err.msg);
	}
}

static void hostile_addresses_are_refused(void **state)
{
	struct boot_plan plan;
	struct err err;

	put(0x258, 8, UINT64_MAX - 4095);
	put(0x230, 4, 0x1234); /* and an alignment that is none */
	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), -ENOEXEC);
	put(0x230, 4, 0);
	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), -ENOEXEC);
	image[0x234] = 0;
	put(0x258, 8, 0x1000); /* would overwrite its own parameters */
	assert_int_equal(load(IMAGE_BYTES, "", 0, &plan, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "below 1 MiB"));
}

static void every_truncation_is_refused(void **state)
{
	struct boot_plan plan;
	struct err err;

	for (size_t len = 0; len <= 1024 + 0x200; len++) {
		if (load(len, "", 0, &plan, &err) != -ENOEXEC)
			fail_msg("%zu bytes were accepted", len);
	}
	assert_int_equal(load(1024 + 0x201, "", 0, &plan, &err), 0);
}

static void command_line_and_initrd_must_fit(void **state)
{
	struct boot_plan plan;
	struct err err;

	put(0x238, 4, 4);
	assert_int_equal(load(IMAGE_BYTES, "12345", 0, &plan, &err), -E2BIG);
	assert_int_equal(load(IMAGE_BYTES, "1234", 0, &plan, &err), 0);
	assert_int_equal(load(IMAGE_BYTES, "", 60u << 20, &plan, &err), -ENOSPC);
	assert_int_equal(load(IMAGE_BYTES, "", UINT64_MAX, &plan, &err), -ENOSPC);
	put(0x22c, 4, 0x1401fff); /* the highest address an initrd may touch */
	assert_int_equal(load(IMAGE_BYTES, "", 4096, &plan, &err), 0);
	assert_int_equal(plan.initrd_gpa, 0x1401000);
	put(0x22c, 4, 0);
	assert_int_equal(load(IMAGE_BYTES, "", 4096, &plan, &err), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kernel_is_placed_where_it_prefers, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_map_covers_ram_and_reserves_tables, setup,
			teardown),
		cmocka_unit_test_setup_teardown(small_ram_moves_a_relocatable_kernel, setup,
			teardown),
		cmocka_unit_test_setup_teardown(broken_headers_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_addresses_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(every_truncation_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(command_line_and_initrd_must_fit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
