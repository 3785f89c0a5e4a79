/** names: a list of names that grows, copied from where they come by. */
#ifndef WEFT_NETCFG_NAMES_H
#define WEFT_NETCFG_NAMES_H

/** Begins as {0}. */
struct names {
	char **list;
	unsigned n;
};

/** 0 or -ENOMEM. */
int names_add(struct names *names, const char *name);
void names_done(struct names *names);

#endif
