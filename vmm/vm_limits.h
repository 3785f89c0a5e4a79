/**
 * vm_limits: what the host lets this process have, against what a VM needs, before it is made.
 *
 * Threads: main.
 */
#ifndef WEFT_VMM_VM_LIMITS_H
#define WEFT_VMM_VM_LIMITS_H

struct config;
struct config_net;
struct err;

/** File descriptors that a network device has open at most, its back-end connected. */
unsigned vm_limits_net_files(const struct config_net *net);
/** File descriptors that a VM of this configuration has open at most, clients included. */
unsigned vm_limits_files(const struct config *config);
/**
 * Raise the limit of open files (RLIMIT_NOFILE) as far as it goes. -EMFILE: that is less than the
 * VM needs; err says both.
 */
int vm_limits_raise(const struct config *config, struct err *err);

#endif
