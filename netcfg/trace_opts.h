/**
 * trace_opts: the options and words of `netcfg trace`, and the frame that they mean.
 *
 * They stand behind the word `trace`.
 */
#ifndef WEFT_NETCFG_TRACE_OPTS_H
#define WEFT_NETCFG_TRACE_OPTS_H

#include "ctl_vswitch.h"
#include "opts.h"

struct trace_opts {
	/* As they were typed; NULL = not. */
	const char *hex, *pcap, *dst, *src, *vlan, *pcp, *type, *ip, *proto, *len;
	const char *follow;
	bool send;
};

#define TRACE_OPTS_N         12
#define TRACE_MAX_EXPRESSION 4096
extern const struct opt trace_opts_table[TRACE_OPTS_N];

/** What they mean. */
struct trace_what {
	struct ctl_trace request;
	bool sends; /* the frame is sent, too */
	/* So many frames that come in, and pass the filter; 0: the one that is described. */
	uint64_t n_follow;
	char expression[TRACE_MAX_EXPRESSION]; /* the filter; "" = none */
};

/**
 * Understand words[n] (reordered), those options that are for all commands into opts. With
 * opts->help *ret says nothing. 0, or -errno with err set.
 */
int trace_opts_parse(struct trace_what *ret, struct opts *opts, char **words, unsigned n,
	struct err *err);

#endif
