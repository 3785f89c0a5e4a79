/**
 * change: every request that changes the switch, whoever makes it: a client, or the saved state.
 *
 * All or nothing: a change first works out what it leads to (pure: bridge.h, port.h, link.h,
 * vlan.h), then gets what can be refused (memory, a socket), and only then touches the model and
 * applies it, which cannot fail. An accepted change is appended to the saved state and told to
 * monitors.
 *
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_CONTROL_CHANGE_H
#define WEFT_VSWITCH_CONTROL_CHANGE_H

#include "switch.h"

/**
 * Carry out the CTL_CHANGE method called `method`. in as decoded; out is zeroed, or NULL when
 * nobody wants the reply. returns 0 or -errno with err set, and nothing changed
 */
int change_apply(struct vswitch *sw, const char *method, const void *in, void *out,
	struct err *err);
/** Is the method one of those? */
bool change_is_known(const char *method);

#endif
