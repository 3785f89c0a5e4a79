/**
 * boot_pvh: place an ELF kernel that has a PVH entry point in guest RAM.
 *
 * Pure and hostile-proof as boot_linux.h. 32- and 64-bit little-endian x86 ELF; the entry point is
 * the note "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY).
 * Source: xen/include/public/arch-x86/hvm/start_info.h (hvm_start_info version 1); ELF-64 Object
 * File Format 1.5.
 */
#ifndef VMM_BOOT_PVH_H
#define VMM_BOOT_PVH_H

#include "boot.h"

#include <stdbool.h>

bool boot_pvh_probe(const uint8_t *image, size_t len);
/** returns 0, -ENOEXEC (no such entry, broken ELF), -ENOSPC (RAM), -E2BIG (command line) */
int boot_pvh_load(struct mem *mem, const uint8_t *image, size_t len,
	const struct boot_request *request, struct boot_plan *ret_plan, struct err *err);

#endif
