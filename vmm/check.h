/**
 * check: is KVM on this machine fit to run guests?
 *
 * Looks at /dev/kvm (present, permitted), at the processor (svm or vmx), and runs a bare loop at
 * CPL 0 in a tiny guest, CHECK_SLICES times for CHECK_SLICE_US, and up to CHECK_MAX_SLICES times
 * where that looks too slow; the fastest time counts, so that a busy machine is no slow one. The
 * verdict rests on the speed alone: a KVM that works but has no virtualization behind it interprets
 * kernel code at about 1 MIPS, real ones do 1000 and more, and a kernel boots in useful time from
 * CHECK_MIN_MIPS on. What the sandbox and disks find in this kernel is reported beside it. Threads:
 * main, before other threads exist (uses SIGALRM and the interval timer).
 */
#ifndef WEFT_VMM_CHECK_H
#define WEFT_VMM_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct err;

#define CHECK_SLICE_US   2000
#define CHECK_SLICES     50
#define CHECK_MAX_SLICES 500
#define CHECK_MIN_MIPS   20

struct check_result {
	bool present;
	bool permitted;
	bool hw_virt; /* the processor says svm or vmx */
	bool measured;
	uint64_t mips; /* millions of guest kernel instructions a second */
	bool fit;
	unsigned landlock_version; /* 0 = none; see sandbox.h */
	bool has_uring;            /* for disks; see dev/disk_ring.h */
};

/** Measure. returns 0 when fit; otherwise -errno, and err says why and what to do. */
int check_kvm(struct check_result *ret_result, struct err *err);
/** As check_kvm(), but believes a processor that has virtualization without measuring. */
int check_kvm_quick(struct err *err);
void check_print(FILE *out, const struct check_result *result, const struct err *err, bool json);

#endif
