/**
 * capture_opts: the options and words of `netcfg capture`, which are tcpdump's where it has them.
 *
 * They stand behind the word `capture`, where letters that mean other things to netcfg mean these.
 */
#ifndef WEFT_NETCFG_CAPTURE_OPTS_H
#define WEFT_NETCFG_CAPTURE_OPTS_H

#include "capture_out.h"
#include "ctl_vswitch.h"
#include "opts.h"

struct capture_opts {
	/* As they were typed; NULL = not. */
	const char *write, *count, *snaplen, *dir, *size, *seconds, *files, *buffer;
	bool raw, drops, with_macs, no_names;
	/* What they mean. */
	uint64_t max_frames; /* 0 = no limit */
	struct capture_out_params out;
	struct ctl_capture request; /* but for names and filter */
};

#define CAPTURE_OPTS_N 12
extern const struct opt capture_opts_table[CAPTURE_OPTS_N];

/**
 * Take the options out of words[n] (reordered), those for all commands into opts.
 * ret_n: how many words are left: names, and a filter. 0, or -EINVAL with err set.
 */
int capture_opts_parse(struct capture_opts *ret, struct opts *opts, char **words, unsigned n,
	unsigned *ret_n, struct err *err);

#endif
