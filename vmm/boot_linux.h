/**
 * boot_linux: place a Linux bzImage in guest RAM for its 64-bit entry point.
 *
 * Pure: bytes and RAM in, RAM and entry out; no file, no KVM. The image is hostile: every size and
 * offset in it is checked against the image and against RAM before use.
 * Source: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header", "64-bit BOOT
 * PROTOCOL"; zero-page.rst. Needs protocol 2.12 with XLF_KERNEL_64, that is Linux 3.8 or later.
 */
#ifndef WEFT_VMM_BOOT_LINUX_H
#define WEFT_VMM_BOOT_LINUX_H

#include "boot.h"

#include <stdbool.h>

/** returns 0, -ENOEXEC (not bootable this way), -ENOSPC (RAM), -E2BIG (command line) */
int boot_linux_load(struct mem *mem, const uint8_t *image, size_t len,
	const struct boot_request *request, struct boot_plan *ret_plan, struct err *err);

extern const struct boot_ops boot_linux_ops;

#endif
