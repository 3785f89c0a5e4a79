/**
 * filter: a filter of pcap's language, as captures and mirrors have it and workers run it.
 *
 * Who asks for one compiles the expression (libpcap) and sends classic BPF, which is checked here
 * and interpreted. DPDK's library for BPF, which could compile it to machine code, does not do: its
 * check walks every way through a program, and the control thread would walk for ever in one of 500
 * instructions; and its conversion takes memory from DPDK's heaps, which a switch without DPDK's
 * devices does not have.
 *
 * The header bytes of a frame are at hand in one piece. The rest is brought together once, where a
 * filter looks that far.
 *
 * Threads: made and ended by the control thread, run by any. Limits: FILTER_MAX_INSNS; jumps go
 * forward, so a run takes no more steps than the program has instructions.
 * Source: the BSD manual bpf(4); McCanne and Jacobson, "The BSD Packet Filter", 1993.
 */
#ifndef WEFT_VSWITCH_FEATURE_FILTER_FILTER_H
#define WEFT_VSWITCH_FEATURE_FILTER_FILTER_H

#include "err.h"

#include "model.h"
#include <stdint.h>

/** An instruction in text: code, jump if true, jump if false, operand; hexadecimal. */
#define FILTER_INSN_TEXT 16

/**
 * text     the instructions, FILTER_INSN_TEXT characters each
 * returns  0, -EINVAL (no program, or one that might do harm), -ENOMEM; err set. Owned, free().
 */
int filter_create(const char *text, struct filter **ret, struct err *err);

#endif
