/**
 * kvm: open /dev/kvm, with an answer for each way in which that fails.
 */
#ifndef WEFT_VMM_KVM_H
#define WEFT_VMM_KVM_H

struct err;

/**
 * ret_fd is owned by the caller.
 * returns  0, -ENOENT (no KVM), -EACCES (no permission), -ENOTSUP (API version, or a capability
 *          that we need is missing), or what open() gave; err has a hint
 */
int kvm_open(int *ret_fd, struct err *err);

#endif
