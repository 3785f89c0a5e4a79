#include "state.h"

#include <errno.h>
#include <stdint.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define STATE_MAX_MSRS 1024
#define STATE_N_CHIPS  3

struct state_vcpu {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	unsigned n_msrs;
	struct kvm_msr_entry msrs[];
};

struct state_chips {
	struct kvm_irqchip chips[STATE_N_CHIPS];
	struct kvm_pit_state2 pit;
};

static int list_msrs(int kvm_fd, struct kvm_msr_list **ret_list)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + STATE_MAX_MSRS * sizeof(uint32_t));

	if (!list)
		return -ENOMEM;
	list->nmsrs = STATE_MAX_MSRS;
	if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, list) < 0) {
		int r = -errno;

		free(list);
		return r;
	}
	*ret_list = list;
	return 0;
}

/* One at a time: KVM stops a batch at the first MSR that this vCPU does not have. */
static bool transfer_msr(int vcpu_fd, unsigned long request, struct kvm_msr_entry *entry)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {.head.nmsrs = 1, .entry = *entry};

	if (ioctl(vcpu_fd, request, &one) != 1)
		return false;
	*entry = one.entry;
	return true;
}

int state_vcpu_save(int kvm_fd, int vcpu_fd, struct state_vcpu **ret_state)
{
	struct kvm_msr_list *list = NULL;
	struct state_vcpu *s;
	int r = list_msrs(kvm_fd, &list);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s) + list->nmsrs * sizeof(s->msrs[0]));
	if (!s) {
		free(list);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < list->nmsrs; i++) {
		struct kvm_msr_entry entry = {.index = list->indices[i]};

		if (transfer_msr(vcpu_fd, KVM_GET_MSRS, &entry))
			s->msrs[s->n_msrs++] = entry;
	}
	free(list);
	if (ioctl(vcpu_fd, KVM_GET_REGS, &s->regs) < 0 ||
		ioctl(vcpu_fd, KVM_GET_SREGS, &s->sregs) < 0 ||
		ioctl(vcpu_fd, KVM_GET_FPU, &s->fpu) < 0 ||
		ioctl(vcpu_fd, KVM_GET_XCRS, &s->xcrs) < 0 ||
		ioctl(vcpu_fd, KVM_GET_DEBUGREGS, &s->debugregs) < 0 ||
		ioctl(vcpu_fd, KVM_GET_VCPU_EVENTS, &s->events) < 0 ||
		ioctl(vcpu_fd, KVM_GET_LAPIC, &s->lapic) < 0 ||
		ioctl(vcpu_fd, KVM_GET_MP_STATE, &s->mp_state) < 0) {
		r = -errno;
		state_vcpu_free(s);
		return r;
	}
	*ret_state = s;
	return 0;
}

int state_vcpu_restore(int vcpu_fd, const struct state_vcpu *s)
{
	struct kvm_mp_state mp_state = s->mp_state;

	/*
	 * Control registers before MSRs (EFER), the LAPIC after its base MSR, the run state last.
	 */
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &s->sregs) < 0)
		return -errno;
	for (unsigned i = 0; i < s->n_msrs; i++) {
		struct kvm_msr_entry entry = s->msrs[i];

		(void)transfer_msr(vcpu_fd, KVM_SET_MSRS, &entry); /* read-only ones refuse */
	}
	if (ioctl(vcpu_fd, KVM_SET_REGS, &s->regs) < 0 ||
		ioctl(vcpu_fd, KVM_SET_FPU, &s->fpu) < 0 ||
		ioctl(vcpu_fd, KVM_SET_XCRS, &s->xcrs) < 0 ||
		ioctl(vcpu_fd, KVM_SET_DEBUGREGS, &s->debugregs) < 0 ||
		ioctl(vcpu_fd, KVM_SET_LAPIC, &s->lapic) < 0 ||
		ioctl(vcpu_fd, KVM_SET_VCPU_EVENTS, &s->events) < 0 ||
		ioctl(vcpu_fd, KVM_SET_MP_STATE, &mp_state) < 0)
		return -errno;
	return 0;
}

void state_vcpu_free(struct state_vcpu *state)
{
	free(state);
}

int state_chips_save(int vm_fd, struct state_chips **ret_state)
{
	struct state_chips *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	for (unsigned i = 0; !r && i < STATE_N_CHIPS; i++) {
		s->chips[i].chip_id = i;
		if (ioctl(vm_fd, KVM_GET_IRQCHIP, &s->chips[i]) < 0)
			r = -errno;
	}
	if (!r && ioctl(vm_fd, KVM_GET_PIT2, &s->pit) < 0)
		r = -errno;
	if (r < 0) {
		state_chips_free(s);
		return r;
	}
	*ret_state = s;
	return 0;
}

int state_chips_restore(int vm_fd, const struct state_chips *state)
{
	struct kvm_pit_state2 pit = state->pit;

	for (unsigned i = 0; i < STATE_N_CHIPS; i++) {
		struct kvm_irqchip chip = state->chips[i];

		if (ioctl(vm_fd, KVM_SET_IRQCHIP, &chip) < 0)
			return -errno;
	}
	return ioctl(vm_fd, KVM_SET_PIT2, &pit) < 0 ? -errno : 0;
}

void state_chips_free(struct state_chips *state)
{
	free(state);
}
