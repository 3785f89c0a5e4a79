/**
 * machine_ctl: the control socket of a VM, interface net.weft.vmm (lib/ctl_vmm.h).
 *
 * Handlers run on the loop's thread and never wait: neither for a back-end nor for the guest.
 * `Stop` stays open until the guest is off; everything else answers at once. Events of the machine
 * go to whoever called `Monitor`.
 * Life cycle: machine_ctl_create() after the machine; machine_ctl_destroy() before it; accepts
 * NULL.
 */
#ifndef WEFT_VMM_MACHINE_CTL_H
#define WEFT_VMM_MACHINE_CTL_H

struct ctl_nic;
struct ctl_vm;
struct err;
struct ev;
struct machine;
struct machine_ctl;

int machine_ctl_create(struct machine *machine, struct ev *ev, const char *path,
	struct machine_ctl **ret_ctl, struct err *err);
void machine_ctl_destroy(struct machine_ctl *ctl);

/** The VM, and its network device of that number, as rows of the protocol. */
void machine_ctl_vm_row(struct machine *machine, struct ctl_vm *row);
void machine_ctl_nic_row(struct machine *machine, unsigned nic, struct ctl_nic *row);

#endif
