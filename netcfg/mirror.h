/**
 * mirror: a mirror as the switch takes it: the program of its filter beside the text, since the
 * switch does not compile one. Threads: as pcap_filter.h.
 */
#ifndef WEFT_NETCFG_MIRROR_H
#define WEFT_NETCFG_MIRROR_H

#include "ctl_vswitch.h"
#include "pcap_filter.h"

/**
 * Compile the filter, if there is one; one that lets everything pass goes.
 * ret_mark  where it is wrong, if it is
 * returns   as pcap_filter_compile()
 */
int mirror_compile(struct ctl_mirror *mirror, struct pcap_filter_mark *ret_mark, struct err *err);

#endif
