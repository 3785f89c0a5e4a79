/**
 * boot: a kernel without firmware: read the files, place them in RAM, say how the first vCPU
 * starts.
 *
 * Data model: boot_open() opens kernel and initrd and keeps the descriptors, so that every reset of
 * the machine loads the same files again although the process may open nothing any more. The
 * formats are pure functions from bytes to guest RAM (struct boot_ops: boot_linux.h, boot_pvh.h);
 * this module takes the one that knows the magic number.
 * Threads: main thread, while no vCPU runs.
 * Limits: a kernel file of BOOT_MAX_KERNEL_BYTES; an initrd that fits into low RAM.
 */
#ifndef WEFT_VMM_BOOT_H
#define WEFT_VMM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boot;
struct config;
struct err;
struct mem;

#define BOOT_MAX_KERNEL_BYTES (512u << 20)

enum boot_mode {
	BOOT_LINUX64, /* long mode, identity-mapped; rsi = arg (boot_params) */
	BOOT_PVH,     /* 32-bit protected mode, no paging; ebx = arg (hvm_start_info) */
	BOOT_USER64, /* long mode, identity-mapped, CPL 3 with IOPL 3; rdi = arg (hvm_start_info) */
};

/** How the first vCPU starts. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip_gpa;
	uint64_t arg_gpa;
};

/** What a loader needs to know beside the kernel's bytes. */
struct boot_request {
	const char *cmdline;
	uint64_t initrd_bytes; /* 0 = none */
	uint64_t rsdp_gpa;
};

struct boot_plan {
	struct boot_entry entry;
	uint64_t initrd_gpa; /* where the caller puts the initrd_bytes */
};

/** A stretch of the memory map. Types as in ACPI 6.4, 15 "System Address Map Interfaces". */
struct boot_range {
	uint64_t gpa;
	uint64_t size_bytes;
	uint32_t type;
};
#define BOOT_RANGE_RAM      1
#define BOOT_RANGE_RESERVED 2
#define BOOT_MAX_RANGES     8

/** The memory map, ascending. Returns the number of ranges (at most BOOT_MAX_RANGES). */
unsigned boot_memory_map(const struct mem *mem, struct boot_range ranges[BOOT_MAX_RANGES]);

/**
 * Where an initrd goes: as high as possible in low RAM, at or below limit_gpa, page-aligned and
 * above floor_gpa. 0 or -ENOSPC with err set.
 */
int boot_place_initrd(const struct mem *mem, uint64_t initrd_bytes, uint64_t floor_gpa,
	uint64_t limit_gpa, uint64_t *ret_gpa, struct err *err);

/** A format of kernels: pure, from hostile bytes to guest RAM. */
struct boot_ops {
	/** Is image[len] of this format? By its magic number. */
	bool (*probe)(const uint8_t *image, size_t len);
	/** returns 0, -ENOEXEC (not bootable this way), -ENOSPC (RAM), -E2BIG (command line) */
	int (*load)(struct mem *mem, const uint8_t *image, size_t len,
		const struct boot_request *request, struct boot_plan *ret_plan, struct err *err);
};

/** Open the files of config. ret_boot owned by the caller; boot_close() accepts NULL. */
int boot_open(const struct config *config, struct boot **ret_boot, struct err *err);
void boot_close(struct boot *boot);
/** Load everything into mem. */
int boot_load(struct boot *boot, struct mem *mem, uint64_t rsdp_gpa, struct boot_entry *ret_entry,
	struct err *err);

#endif
