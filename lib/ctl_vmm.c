#include "ctl_vmm.h"

#include <errno.h>

const char *const ctl_vm_states[] = {
	"starting", "running", "paused", "stopping", "stopped", "failed", NULL};

CTL_SCHEMA(ctl_vm, CTL_VM_FIELDS);
CTL_SCHEMA(ctl_stop, CTL_STOP_FIELDS);
CTL_SCHEMA(ctl_nic, CTL_NIC_FIELDS);
CTL_SCHEMA(ctl_set_link, CTL_SET_LINK_FIELDS);

#define READ   CTL_READ, CTL_STABLE
#define CHANGE CTL_CHANGE, CTL_STABLE
#define NONE   &ctl_empty_schema

static const struct ctl_method methods[] = {
	{"Status", READ, CTL_ONE, NONE, &ctl_vm_schema, "show the virtual machine"},
	{"NicShow", READ, CTL_ROWS, NONE, &ctl_nic_schema, "list network devices"},
	{"Stop", CHANGE, CTL_ONE, &ctl_stop_schema, NONE,
		"press the power button and answer when the guest is off"},
	{"Reset", CHANGE, CTL_ONE, NONE, NONE, "reset the machine"},
	{"Pause", CHANGE, CTL_ONE, NONE, NONE, "stop the virtual CPUs and devices where they are"},
	{"Resume", CHANGE, CTL_ONE, NONE, NONE, "let a paused machine go on"},
	{"SetLink", CHANGE, CTL_ONE, &ctl_set_link_schema, NONE,
		"pull or plug the cable of a network device"},
	{"Monitor", READ, CTL_EVENTS, NONE, &ctl_event_schema, "report changes as they happen"},
};

static const struct ctl_error errors[] = {
	{"NicNotFound", -ENOENT, "there is no network device of that number"},
	{"WrongState", -EBUSY, "the machine is in a state that does not allow it"},
};

const struct ctl_interface ctl_vmm_interface = {
	.name = "net.weft.vmm",
	.help = "One running virtual machine.",
	.methods = methods,
	.n_methods = sizeof(methods) / sizeof(methods[0]),
	.errors = errors,
	.n_errors = sizeof(errors) / sizeof(errors[0]),
};
