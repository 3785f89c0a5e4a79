/**
 * state: everything KVM knows of a vCPU and of the interrupt controllers, saved and put back.
 *
 * Used for reset: what was saved right after creation is the power-on state. MSRs are all those
 * that KVM lists; one that it does not take back is left as it is.
 * Threads: main, while no vCPU runs. Life cycle: saved state is owned by the caller.
 */
#ifndef WEFT_VMM_X86_STATE_H
#define WEFT_VMM_X86_STATE_H

struct state_vcpu;
struct state_chips;

int state_vcpu_save(int kvm_fd, int vcpu_fd, struct state_vcpu **ret_state);
int state_vcpu_restore(int vcpu_fd, const struct state_vcpu *state);
void state_vcpu_free(struct state_vcpu *state);

/** PIC, I/O APIC and PIT. */
int state_chips_save(int vm_fd, struct state_chips **ret_state);
int state_chips_restore(int vm_fd, const struct state_chips *state);
void state_chips_free(struct state_chips *state);

#endif
