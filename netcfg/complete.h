/**
 * complete: what may stand at the end of a command line, by the grammar.
 *
 * The shell's function (`netcfg completion bash`) hands over the words up to the cursor and gets
 * every word that may stand there; it keeps those that begin as the last word does. Names of things
 * that are there now, and files, are only told of: who asks knows where to find them.
 */
#ifndef WEFT_NETCFG_COMPLETE_H
#define WEFT_NETCFG_COMPLETE_H

#include "opts.h"

/** Names that are known only while something runs. */
enum complete_live {
	COMPLETE_BRIDGES = 1 << 0,
	COMPLETE_PORTS = 1 << 1,
	COMPLETE_LINKS = 1 << 2,
	COMPLETE_NODES = 1 << 3,
	COMPLETE_LABS = 1 << 4,
	COMPLETE_NICS = 1 << 5,
	COMPLETE_FILES = 1 << 6,
};

typedef void complete_fn(void *ctx, const char *word);

/**
 * words[n], the last one is at the cursor and may be "": fn for each word that may stand in its
 * place. The others are left as they are. ret_opts: the options among them, as far as they are
 * right. returns  enum complete_live, 0 = no names
 */
unsigned complete(char *const *words, unsigned n, complete_fn *fn, void *ctx,
	struct opts *ret_opts);

#endif
