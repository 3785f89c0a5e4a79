/** impairment: what links do to frames beside passing them, as people read it. */
#ifndef WEFT_NETCFG_IMPAIRMENT_H
#define WEFT_NETCFG_IMPAIRMENT_H

#include "ctl_vswitch.h"

#include <stddef.h>

/** A port on a bridge as the link that people see, of which the bridge is b. */
struct ctl_link impairment_of_port(const struct ctl_port *port);

/**
 * Delay (with jitter), loss and rate, "..." for what is more: "20ms+-2ms 1% 10mbit". Both
 * directions, a to b first, where they differ: "20ms 1% / -". "-" = none. Returns buf.
 */
const char *impairment_brief(const struct ctl_link *link, char *buf, size_t size);

/**
 * What is another than in old, in the words of lab files: "delay 20ms -> 50ms, b-to-a loss none ->
 * 1%"; a direction is named where they differ. old NULL: all that is set, "delay 20ms". What does
 * not fit ends by "...". Returns buf; "" = nothing.
 */
const char *impairment_change(const struct ctl_link *old, const struct ctl_link *link, char *buf,
	size_t size);

#endif
