#include "cmocka_all.h"

#include "boot_pvh.h"
#include "err.h"
#include "layout.h"
#include "mem.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

/* A kernel of one loaded segment and one note. */
static struct {
	Elf64_Ehdr header;
	Elf64_Phdr load, note;
	uint8_t code[256];
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint32_t entry;
	} entry;
	struct {
		Elf64_Nhdr header;
		char name[8];
		uint32_t entry;
	} user;
} kernel;

static struct mem *mem;

static int setup(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	memcpy(kernel.header.e_ident, ELFMAG, SELFMAG);
	kernel.header.e_ident[EI_CLASS] = ELFCLASS64;
	kernel.header.e_ident[EI_DATA] = ELFDATA2LSB;
	kernel.header.e_machine = EM_X86_64;
	kernel.header.e_phoff = offsetof(__typeof__(kernel), load);
	kernel.header.e_phentsize = sizeof(Elf64_Phdr);
	kernel.header.e_phnum = 2;
	kernel.load = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = offsetof(__typeof__(kernel), code),
		.p_paddr = 0x200000,
		.p_filesz = sizeof(kernel.code),
		.p_memsz = 4096,
	};
	kernel.note = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = offsetof(__typeof__(kernel), entry),
		.p_filesz = sizeof(kernel.entry),
		.p_align = 4,
	};
	memset(kernel.code, 0xf4, sizeof(kernel.code));
	kernel.entry.header = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
	memcpy(kernel.entry.name, "Xen", 4);
	kernel.entry.entry = 0x200010;
	kernel.user.header =
		(Elf64_Nhdr){.n_namesz = 5, .n_descsz = 4, .n_type = BOOT_PVH_USER_NOTE};
	memcpy(kernel.user.name, "Weft", 4);
	kernel.user.entry = 0x200020;
	return mem_create(32u << 20, false, &mem, NULL);
}

static int teardown(void **state)
{
	mem_destroy(mem);
	return 0;
}

static const char *cmdline = "root=x";

static int load(size_t len, uint64_t initrd_bytes, struct boot_plan *plan, struct err *err)
{
	struct boot_request request = {
		.cmdline = cmdline,
		.initrd_bytes = initrd_bytes,
		.rsdp_gpa = 0xe0000,
	};

	memset(err, 0, sizeof(*err));
	return boot_pvh_load(mem, (const uint8_t *)&kernel, len, &request, plan, err);
}

static uint64_t get(uint64_t gpa, unsigned size)
{
	uint64_t value = 0;

	assert_int_equal(mem_read(mem, gpa, &value, size), 0);
	return value;
}

static void kernel_and_start_info_are_placed(void **state)
{
	struct boot_plan plan;
	struct err err;
	uint64_t modules, map;

	memset(kernel.code, 0xf4, sizeof(kernel.code));
	assert_int_equal(mem_write(mem, 0x200100, "stale", 5), 0);
	assert_int_equal(load(sizeof(kernel), 5000, &plan, &err), 0);
	assert_int_equal(plan.entry.mode, BOOT_PVH);
	assert_int_equal(plan.entry.rip_gpa, 0x200010);
	assert_int_equal(get(0x2000ff, 1), 0xf4);
	assert_int_equal(get(0x200100, 8), 0); /* .bss is cleared */
	assert_int_equal(get(LAYOUT_PVH_INFO, 4), 0x336ec578);
	assert_int_equal(get(LAYOUT_PVH_INFO + 4, 4), 1);
	assert_int_equal(get(LAYOUT_PVH_INFO + 12, 4), 1);
	modules = get(LAYOUT_PVH_INFO + 16, 8);
	assert_int_equal(get(modules, 8), plan.initrd_gpa);
	assert_int_equal(get(modules + 8, 8), 5000);
	assert_int_equal(get(get(LAYOUT_PVH_INFO + 24, 8), 4), 0x746f6f72); /* "root" */
	assert_int_equal(get(LAYOUT_PVH_INFO + 32, 8), 0xe0000);
	map = get(LAYOUT_PVH_INFO + 40, 8);
	assert_int_equal(get(map, 8), 0);
	assert_int_equal(get(map + 16, 4), BOOT_RANGE_RAM);
	assert_in_range(get(LAYOUT_PVH_INFO + 48, 4), 3, BOOT_MAX_RANGES);
}

/* A Linux kernel would cut it short, and not even end it. */
static void a_command_line_that_linux_cannot_take_is_refused(void **state)
{
	static char text[2049];
	struct boot_plan plan;
	struct err err;

	memset(text, 'x', sizeof(text) - 1);
	cmdline = text;
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), -E2BIG);
	assert_string_equal(err.field, "cmdline");
	text[2047] = '\0';
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), 0);
	text[2047] = 'x';
	kernel.note.p_filesz += sizeof(kernel.user);
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), 0); /* not Linux */
	cmdline = "root=x";
}

static void a_user_entry_is_taken_where_there_is_one(void **state)
{
	struct boot_plan plan;
	struct err err;

	kernel.note.p_filesz += sizeof(kernel.user);
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), 0);
	assert_int_equal(plan.entry.mode, BOOT_USER64);
	assert_int_equal(plan.entry.rip_gpa, 0x200020);
	assert_int_equal(plan.entry.arg_gpa, LAYOUT_PVH_INFO);
	kernel.user.entry = 0x300000; /* outside */
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "user entry point 0x300000"));
	kernel.entry.header.n_type = 17; /* alone it does not do */
	assert_int_equal(load(sizeof(kernel), 0, &plan, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "no PVH entry point"));
}

static void expect_refusal(int r, const char *msg)
{
	struct boot_plan plan;
	struct err err;

	if (load(sizeof(kernel), 0, &plan, &err) != r || !strstr(err.msg, msg))
		fail_msg("expected '%s', got %d '%s'", msg, err.code, err.msg);
}

static void broken_files_are_refused(void **state)
{
	kernel.header.e_machine = EM_AARCH64;
	expect_refusal(-ENOEXEC, "not for x86");
	kernel.header.e_machine = EM_386;
	kernel.header.e_phoff = UINT64_MAX;
	expect_refusal(-ENOEXEC, "program headers");
	kernel.header.e_phoff = offsetof(__typeof__(kernel), load);
	kernel.header.e_phnum = 65;
	expect_refusal(-ENOEXEC, "program headers");
	kernel.header.e_phnum = 2;
	kernel.header.e_phentsize = 1;
	expect_refusal(-ENOEXEC, "program headers");
	kernel.header.e_phentsize = sizeof(Elf64_Phdr);
	kernel.header.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refusal(-ENOEXEC, "little-endian");
}

static void hostile_segments_are_refused(void **state)
{
	kernel.load.p_filesz = UINT64_MAX;
	expect_refusal(-ENOEXEC, "past the end of the file"); /* filesz > memsz */
	kernel.load.p_memsz = UINT64_MAX;
	expect_refusal(-ENOSPC, "larger than guest RAM");
	kernel.load.p_filesz = 16;
	kernel.load.p_memsz = 4096;
	kernel.load.p_paddr = UINT64_MAX - 100;
	expect_refusal(-ENOSPC, "not in guest RAM");
	kernel.load.p_paddr = 0x7000;
	expect_refusal(-ENOEXEC, "below 1 MiB");
	kernel.load.p_paddr = (32u << 20) - 4095;
	expect_refusal(-ENOSPC, "not in guest RAM");
	kernel.load.p_paddr = 0x200000;
	kernel.load.p_offset = UINT64_MAX;
	expect_refusal(-ENOEXEC, "past the end of the file");
}

static void entry_point_is_checked(void **state)
{
	kernel.entry.entry = 0x1000;
	expect_refusal(-ENOEXEC, "outside the kernel");
	kernel.entry.entry = 0x201000;
	expect_refusal(-ENOEXEC, "outside the kernel");
	kernel.entry.header.n_type = 17;
	expect_refusal(-ENOEXEC, "no PVH entry point");
	kernel.entry.header.n_type = 18;
	kernel.entry.header.n_descsz = UINT32_MAX;
	expect_refusal(-ENOEXEC, "no PVH entry point");
	kernel.entry.header.n_descsz = 4;
	kernel.entry.header.n_namesz = UINT32_MAX;
	expect_refusal(-ENOEXEC, "no PVH entry point");
	kernel.entry.header.n_namesz = 4;
	kernel.note.p_offset = sizeof(kernel) - 3;
	expect_refusal(-ENOEXEC, "no PVH entry point");
}

static void every_truncation_is_refused(void **state)
{
	struct boot_plan plan;
	struct err err;

	for (size_t len = 0; len < offsetof(__typeof__(kernel), entry) + sizeof(kernel.entry);
		len++) {
		if (load(len, 0, &plan, &err) != -ENOEXEC)
			fail_msg("%zu bytes were accepted", len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kernel_and_start_info_are_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_command_line_that_linux_cannot_take_is_refused,
			setup, teardown),
		cmocka_unit_test_setup_teardown(a_user_entry_is_taken_where_there_is_one, setup,
			teardown),
		cmocka_unit_test_setup_teardown(broken_files_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_segments_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(entry_point_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(every_truncation_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
