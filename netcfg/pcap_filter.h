/**
 * pcap_filter: filters in pcap's language (pcap-filter(7)), compiled by libpcap for the switch.
 *
 * libpcap says what is wrong, but not where. So where an expression does not compile, the longest
 * beginning is looked for that could still become one, by trying how it might go on; what follows
 * is where the caret goes.
 *
 * Threads: one at a time. Names of hosts are looked up, which may take a while.
 */
#ifndef WEFT_NETCFG_PCAP_FILTER_H
#define WEFT_NETCFG_PCAP_FILTER_H

#include "err.h"

#include <stddef.h>

#define PCAP_FILTER_MAX_INSNS 512
#define PCAP_FILTER_TEXT_SIZE (16 * PCAP_FILTER_MAX_INSNS + 1)

/** Where an expression is wrong, in bytes from its beginning. */
struct pcap_filter_mark {
	size_t at, len;
};

/**
 * Compile for frames of Ethernet.
 * ret_text  [PCAP_FILTER_TEXT_SIZE]: the program as the switch takes it; "" = all pass
 * ret_mark  where it is wrong, if it is; len 0 = at its end
 * returns   0, -EINVAL, -E2BIG (too long for the switch), -ENOMEM; err set
 */
int pcap_filter_compile(const char *expression, char *ret_text, struct pcap_filter_mark *ret_mark,
	struct err *err);

/** Print the expression on stderr, and below it where it is wrong. */
void pcap_filter_print_mark(const char *expression, struct pcap_filter_mark mark);

#endif
