/**
 * mirror: what is asked of a switch about mirrors, and what is said of them to people.
 *
 * The switch takes the program of a filter beside its text, and does not compile one. Threads: as
 * pcap_filter.h.
 */
#ifndef WEFT_NETCFG_MIRROR_H
#define WEFT_NETCFG_MIRROR_H

#include "ctl_vswitch.h"
#include "pcap_filter.h"

#include <stddef.h>

/**
 * Compile the filter, if there is one; one that lets everything pass goes.
 * ret_mark  where it is wrong, if it is
 * returns   as pcap_filter_compile()
 */
int mirror_compile(struct ctl_mirror *mirror, struct pcap_filter_mark *ret_mark, struct err *err);

/** A new mirror (old NULL), or what differs: "to p2 -> p3, truncate none -> 64 bytes". Cut where it
 *  does not fit. Returns buf. */
const char *mirror_change(const struct ctl_mirror *old, const struct ctl_mirror *mirror, char *buf,
	size_t size);

#endif
