#include "boot_linux.h"

#include "err.h"
#include "layout.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

/*
 * The setup header starts at 0x1f1 of the file and of boot_params; both share these offsets. Kept
 * as offsets, not as the kernel's packed struct: each is read by a function that checks the bounds.
 */
enum {
	HDR_SETUP_SECTS = 0x1f1,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_OFFSET = 0x201,
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_CODE32_START = 0x214,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_HEAP_END = 0x224,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_KERNEL_ALIGNMENT = 0x230,
	HDR_RELOCATABLE = 0x234,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_END_MIN = 0x268,
	HDR_MAX_END = 0x290, /* zero page: edd_mbr_sig_buffer starts here */
	ZP_ACPI_RSDP = 0x070,
	ZP_E820_ENTRIES = 0x1e8,
	ZP_E820_TABLE = 0x2d0,
	ZP_SIZE = 4096,
};

#define HDR_MAGIC_VALUE       0x53726448u /* "HdrS" */
#define HDR_BOOT_FLAG_VALUE   0xaa55
#define HDR_MIN_VERSION       0x020c
#define LOADFLAG_LOADED_HIGH  0x01
#define LOADFLAG_CAN_USE_HEAP 0x80
#define XLF_KERNEL_64         0x01
#define LOADER_UNDEFINED      0xff
#define ENTRY64_OFFSET        0x200
#define SECTOR                512

static uint64_t get_le(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void put_le(uint8_t *at, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static bool probe_image(const uint8_t *image, size_t len)
{
	return len >= HDR_END_MIN && get_le(image + HDR_BOOT_FLAG, 2) == HDR_BOOT_FLAG_VALUE &&
	       get_le(image + HDR_MAGIC, 4) == HDR_MAGIC_VALUE;
}

static int check_header(const uint8_t *image, size_t len, size_t *ret_setup_bytes, struct err *err)
{
	unsigned version, sects;
	size_t setup_bytes;

	if (!probe_image(image, len))
		return err_set(err, -ENOEXEC, "not a Linux bzImage: no boot header");
	version = (unsigned)get_le(image + HDR_VERSION, 2);
	if (version < HDR_MIN_VERSION)
		return err_set(err, -ENOEXEC,
			"boot protocol %u.%02u is too old, 2.12 (Linux 3.8) is needed",
			version >> 8, version & 0xff);
	if (!(get_le(image + HDR_XLOADFLAGS, 2) & XLF_KERNEL_64))
		return err_set(err, -ENOEXEC, "a 32-bit kernel: it has no 64-bit entry point");
	if (!(image[HDR_LOADFLAGS] & LOADFLAG_LOADED_HIGH))
		return err_set(err, -ENOEXEC, "a zImage that loads low, only bzImage is supported");
	sects = image[HDR_SETUP_SECTS] ? image[HDR_SETUP_SECTS] : 4;
	setup_bytes = (sects + 1) * (size_t)SECTOR;
	if (setup_bytes < HDR_END_MIN || len <= setup_bytes + ENTRY64_OFFSET)
		return err_set(err, -ENOEXEC,
			"truncated: %zu bytes hold no code after %zu bytes of setup", len,
			setup_bytes);
	*ret_setup_bytes = setup_bytes;
	return 0;
}

/*
 * Where the kernel unpacks itself. A relocatable one takes any aligned place; we give it the one it
 * prefers, so that it need not move. It uses init_size bytes from there.
 */
static int place_kernel(const struct mem *mem, const uint8_t *image, size_t code_bytes,
	uint64_t *ret_gpa, uint64_t *ret_end, struct err *err)
{
	uint64_t gpa = get_le(image + HDR_PREF_ADDRESS, 8);
	uint64_t size = get_le(image + HDR_INIT_SIZE, 4);
	const struct mem_region *low;

	(void)mem_regions(mem, &low);
	if (size < code_bytes)
		size = code_bytes;
	/* Not where it likes to be, if RAM is small: at 1 MiB, aligned as it asks. */
	if (image[HDR_RELOCATABLE] &&
		(gpa < LAYOUT_KERNEL || gpa >= low->size_bytes || size > low->size_bytes - gpa)) {
		uint64_t align = get_le(image + HDR_KERNEL_ALIGNMENT, 4);

		if (!align || align & (align - 1) || align > (1u << 30))
			return err_set(err, -ENOEXEC,
				"kernel alignment 0x%llx is not a power of two up to 1 GiB",
				(unsigned long long)align);
		gpa = (LAYOUT_KERNEL + align - 1) & ~(align - 1);
	}
	if (gpa < LAYOUT_KERNEL)
		return err_set(err, -ENOEXEC, "kernel wants to be loaded at 0x%llx, below 1 MiB",
			(unsigned long long)gpa);
	if (gpa >= low->size_bytes || size > low->size_bytes - gpa) {
		(void)err_set(err, -ENOSPC,
			"kernel needs RAM up to %llu MiB, the guest has %llu MiB there",
			(unsigned long long)((gpa + size) >> 20),
			(unsigned long long)(low->size_bytes >> 20));
		err_hint(err, "give the guest more memory");
		return -ENOSPC;
	}
	*ret_gpa = gpa;
	*ret_end = gpa + size;
	return 0;
}

static void fill_e820(const struct mem *mem, uint8_t *zero_page)
{
	struct boot_range ranges[BOOT_MAX_RANGES];
	unsigned n_ranges = boot_memory_map(mem, ranges);

	zero_page[ZP_E820_ENTRIES] = (uint8_t)n_ranges;
	for (unsigned i = 0; i < n_ranges; i++) {
		uint8_t *e = zero_page + ZP_E820_TABLE + i * 20;

		put_le(e, 8, ranges[i].gpa);
		put_le(e + 8, 8, ranges[i].size_bytes);
		put_le(e + 16, 4, ranges[i].type);
	}
}

static void fill_zero_page(uint8_t *zero_page, const uint8_t *image, size_t setup_bytes,
	const struct boot_request *request, uint64_t initrd_gpa)
{
	/* The header ends where its second jump byte says; the rest of the page is ours. */
	size_t end = HDR_MAGIC + image[HDR_JUMP_OFFSET];

	if (end > HDR_MAX_END)
		end = HDR_MAX_END;
	if (end > setup_bytes)
		end = setup_bytes;
	if (end > HDR_SETUP_SECTS)
		memcpy(zero_page + HDR_SETUP_SECTS, image + HDR_SETUP_SECTS, end - HDR_SETUP_SECTS);
	zero_page[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	zero_page[HDR_LOADFLAGS] &= (uint8_t)~LOADFLAG_CAN_USE_HEAP;
	put_le(zero_page + HDR_RAMDISK_IMAGE, 4, request->initrd_bytes ? initrd_gpa : 0);
	put_le(zero_page + HDR_RAMDISK_SIZE, 4, request->initrd_bytes);
	put_le(zero_page + HDR_CMD_LINE_PTR, 4, LAYOUT_CMDLINE);
	put_le(zero_page + ZP_ACPI_RSDP, 8, request->rsdp_gpa);
}

int boot_linux_load(struct mem *mem, const uint8_t *image, size_t len,
	const struct boot_request *request, struct boot_plan *ret_plan, struct err *err)
{
	uint8_t zero_page[ZP_SIZE] = {0};
	size_t cmdline_len = strlen(request->cmdline), setup_bytes = 0;
	uint64_t kernel_gpa = 0, kernel_end = 0, initrd_gpa = 0, cmdline_max, initrd_max;
	int r = check_header(image, len, &setup_bytes, err);

	if (r < 0)
		return r;
	cmdline_max = get_le(image + HDR_CMDLINE_SIZE, 4);
	if (cmdline_len > cmdline_max || cmdline_len >= LAYOUT_CMDLINE_MAX)
		return err_set_field(err, -E2BIG, "cmdline",
			"kernel command line of %zu bytes is longer than the %llu that this kernel "
			"takes",
			cmdline_len, (unsigned long long)cmdline_max);
	r = place_kernel(mem, image, len - setup_bytes, &kernel_gpa, &kernel_end, err);
	if (r < 0)
		return r;
	initrd_max = get_le(image + HDR_INITRD_ADDR_MAX, 4);
	r = boot_place_initrd(mem, request->initrd_bytes, kernel_end, initrd_max, &initrd_gpa, err);
	if (r < 0)
		return r;

	fill_zero_page(zero_page, image, setup_bytes, request, initrd_gpa);
	put_le(zero_page + HDR_CODE32_START, 4, kernel_gpa);
	fill_e820(mem, zero_page);
	r = mem_write(mem, LAYOUT_BOOT_PARAMS, zero_page, sizeof(zero_page));
	if (!r)
		r = mem_write(mem, LAYOUT_CMDLINE, request->cmdline, cmdline_len + 1);
	if (!r)
		r = mem_write(mem, kernel_gpa, image + setup_bytes, len - setup_bytes);
	if (r < 0)
		return err_set(err, r, "kernel does not fit into guest memory");
	*ret_plan = (struct boot_plan){
		.entry =
			{
				.mode = BOOT_LINUX64,
				.rip_gpa = kernel_gpa + ENTRY64_OFFSET,
				.arg_gpa = LAYOUT_BOOT_PARAMS,
			},
		.initrd_gpa = initrd_gpa,
	};
	return 0;
}

const struct boot_ops boot_linux_ops = {.probe = probe_image, .load = boot_linux_load};
