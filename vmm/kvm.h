/**
 * kvm: open /dev/kvm, with an answer for each way in which that fails; and calls that set up a
 * virtual machine.
 */
#ifndef WEFT_VMM_KVM_H
#define WEFT_VMM_KVM_H

#include <stdint.h>

struct err;

/**
 * ret_fd is owned by the caller.
 * returns  0, -ENOENT (no KVM), -EACCES (no permission), -ENOTSUP (API version, or a capability
 *          that we need is missing), or what open() gave; err has a hint
 */
int kvm_open(int *ret_fd, struct err *err);

/**
 * A call that sets up a virtual machine or a vCPU: as ioctl(), but tried again when it is
 * interrupted. No signal of ours is needed for that: the kernel gives up the creation of a virtual
 * machine for whatever waits to be done on the way back to the program, such as the end of an
 * io_uring that was closed just before. Not for KVM_RUN, which is interrupted on purpose.
 * returns  what ioctl() returns, or -errno; -EINTR after KVM_MAX_TRIES
 */
int kvm_ioctl(int fd, unsigned long request, uintptr_t arg);

#define KVM_MAX_TRIES 1000

#endif
