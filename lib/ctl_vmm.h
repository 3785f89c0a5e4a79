/**
 * ctl_vmm: what one can ask of a running virtual machine, as field tables (see ctl_schema.h).
 *
 * Interface net.weft.vmm, one socket per VM.
 */
#ifndef WEFT_LIB_CTL_VMM_H
#define WEFT_LIB_CTL_VMM_H

#include "ctl_iface.h"
#include "ctl_vswitch.h" /* ctl_event, connection states */

enum ctl_vm_state {
	CTL_VM_STARTING,
	CTL_VM_RUNNING,
	CTL_VM_PAUSED,
	CTL_VM_STOPPING, /* power button pressed, waiting for the guest */
	CTL_VM_STOPPED,
	CTL_VM_FAILED, /* KVM could not go on; see reason */
};
extern const char *const ctl_vm_states[];

#define CTL_VM_FIELDS(F, T)                                                                   \
	F(T, STR, name, OPT, 0, CTL_NAME_MAX, "", "VM name")                                  \
	F(T, STR, version, OPT, 0, 31, "", "program version")                                 \
	F(T, U32, pid, OPT, 0, UINT32_MAX, "", "process id")                                  \
	F(T, ENUM, state, OPT, 0, 0, ctl_vm_states, "state", CTL_GAUGE)                       \
	F(T, STR, reason, OPT, 0, 255, "", "why it is in that state, where not obvious")      \
	F(T, U32, vcpus, OPT, 1, 256, "", "virtual CPUs", CTL_GAUGE)                          \
	F(T, U64, memory_bytes, OPT, 0, UINT64_MAX, "bytes", "guest RAM", CTL_GAUGE)          \
	F(T, U64, memory_used_bytes, OPT, 0, UINT64_MAX, "bytes",                             \
		"guest RAM populated on the host", CTL_GAUGE)                                 \
	F(T, U64, uptime_s, OPT, 0, UINT64_MAX, "s", "seconds since start", CTL_GAUGE)        \
	F(T, U32, resets, OPT, 0, UINT32_MAX, "", "times the machine was reset", CTL_COUNTER) \
	F(T, U32, nics, OPT, 0, 256, "", "network devices", CTL_GAUGE)                        \
	F(T, STR, config, OPT, 0, 64, "", "digest of the configuration it was started with")
CTL_STRUCT(ctl_vm, CTL_VM_FIELDS);

#define CTL_STOP_FIELDS(F, T)                                                                  \
	F(T, BOOL, force, OPT, 0, 1, "", "pull the plug instead of pressing the power button") \
	F(T, U32, timeout_s, OPT, 0, 3600, "s", "pull the plug after this long", .def = "10")
CTL_STRUCT(ctl_stop, CTL_STOP_FIELDS);

#define CTL_NIC_FIELDS(F, T)                                                                 \
	F(T, U32, nic, OPT, 0, 255, "", "number of the network device, from 0",              \
		CTL_COLUMN(1, "NIC", BRIEF), CTL_LABEL)                                      \
	F(T, MAC, mac, OPT, 0, 0, "", "address", CTL_COLUMN(2, "MAC", BRIEF), CTL_LABEL)     \
	F(T, STR, path, OPT, 0, CTL_PATH_MAX, "", "vhost-user socket")                       \
	F(T, ENUM, mode, OPT, 0, 0, ctl_sock_modes, "who listens: server = the VMM")         \
	F(T, ENUM, state, OPT, 0, 0, ctl_conn_states, "connection state",                    \
		CTL_COLUMN(4, "STATE", BRIEF), CTL_GAUGE)                                    \
	F(T, BOOL, enabled, OPT, 0, 1, "", "set by SetLink", CTL_GAUGE)                      \
	F(T, BOOL, link, OPT, 0, 1, "", "what the guest sees", CTL_COLUMN(3, "LINK", BRIEF), \
		CTL_GAUGE)                                                                   \
	F(T, U16, queue_pairs, OPT, 0, 256, "", "queue pairs that the guest uses",           \
		CTL_COLUMN(6, "QUEUES", TABLE), CTL_GAUGE)                                   \
	F(T, U32, mtu, OPT, 0, 65535, "bytes", "MTU offered; 0 = none",                      \
		CTL_COLUMN(5, "MTU", TABLE), CTL_GAUGE)                                      \
	F(T, U64, features, OPT, 0, UINT64_MAX, "", "virtio features in use")                \
	F(T, U64, connects, OPT, 0, UINT64_MAX, "", "times the back-end connected",          \
		CTL_COLUMN(7, "CONNECTS", TABLE), CTL_COUNTER)                               \
	F(T, STR, last_error, OPT, 0, 255, "", "why the last connection ended")
CTL_STRUCT(ctl_nic, CTL_NIC_FIELDS);

#define CTL_SET_LINK_FIELDS(F, T)                                               \
	F(T, U32, nic, REQ, 0, 255, "", "number of the network device, from 0") \
	F(T, BOOL, up, REQ, 0, 1, "", "carrier that the guest may see")
CTL_STRUCT(ctl_set_link, CTL_SET_LINK_FIELDS);

/**
 * Methods:
 *   Status {} -> ctl_vm                NicShow {} -> rows of ctl_nic
 *   Stop ctl_stop -> {} (when the guest is off or the plug was pulled; pending until then)
 *   Reset {} -> {}   Pause {} -> {}   Resume {} -> {}   SetLink ctl_set_link -> {}
 *   Monitor {} -> events (ctl_event)
 */
extern const struct ctl_interface ctl_vmm_interface;

#endif
