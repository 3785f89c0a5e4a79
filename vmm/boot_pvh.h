/**
 * boot_pvh: place an ELF kernel that has a PVH entry point in guest RAM.
 *
 * Pure and hostile-proof as boot_linux.h. 32- and 64-bit little-endian x86 ELF; the entry point is
 * the note "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY).
 * A second note, "Weft" of type BOOT_PVH_USER_NOTE with an address of 4 or 8 bytes, says that the
 * file can as well be entered there in user mode (BOOT_USER64), and then it is. For guests without
 * a
 * kernel: a KVM without hardware virtualization interprets kernel mode but runs user mode at full
 * speed, and has no instruction that leads from the one to the other (its interpreter knows neither
 * IRET nor a SYSEXIT that works).
 * Source: xen/include/public/arch-x86/hvm/start_info.h (hvm_start_info version 1); ELF-64 Object
 * File Format 1.5.
 */
#ifndef WEFT_VMM_BOOT_PVH_H
#define WEFT_VMM_BOOT_PVH_H

#include "boot.h"

#include <stdbool.h>

#define BOOT_PVH_USER_NOTE 1

/** returns 0, -ENOEXEC (no such entry, broken ELF), -ENOSPC (RAM), -E2BIG (command line) */
int boot_pvh_load(struct mem *mem, const uint8_t *image, size_t len,
	const struct boot_request *request, struct boot_plan *ret_plan, struct err *err);

extern const struct boot_ops boot_pvh_ops;

#endif
