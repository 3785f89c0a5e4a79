/**
 * orphan: daemons of a lab that its run directory does not know.
 *
 * A run directory may be removed under a lab that runs: the end of a login takes /run/user/UID
 * away. Its daemons go on, holding NICs and memory, and nobody can talk to them: their sockets are
 * gone. They are found by their command line (--control RUN_DIR/NAME.sock, of our user, with
 * our mounts), since RUN_DIR/NAME.pid does not name them.
 *
 * Nothing is started beside them; status lists them, destroy ends them. Under the lab's lock, or
 * where nothing is started: a daemon has its pid file before it runs (proc.h).
 */
#ifndef WEFT_NETCFG_ORPHAN_H
#define WEFT_NETCFG_ORPHAN_H

#include "ctl_vswitch.h"
#include "err.h"
#include "opts.h"

#include <stdbool.h>
#include <sys/types.h>

struct orphan {
	pid_t pid;
	int fd; /* pidfd: the process that was looked at, and no other */
	char lab[CTL_NAME_MAX + 1], name[CTL_NAME_MAX + 1];
};

/** By lab, the oldest process first. */
struct orphans {
	struct orphan *list;
	unsigned n;
};

/** Those of a lab, of all labs for NULL. Release with orphan_done(). 0, -ENOMEM, ... */
int orphan_find(const struct opts *opts, const char *lab, struct orphans *ret_orphans,
	struct err *err);
void orphan_done(struct orphans *orphans);
/** Those of a lab among those of all labs, which they are borrowed from. */
struct orphans orphan_of_lab(const struct orphans *orphans, const char *lab);
/** "vswitch (12), a (13)": all of the lab of the first one. Returns how many they are. */
unsigned orphan_names(const struct orphans *orphans, unsigned first, char *names, size_t size);
/** Are there none? 0, or -EBUSY with err naming those of one lab and how they are ended. */
int orphan_check(const struct opts *opts, const char *lab, struct err *err);
/**
 * End those of a lab, nodes before the switch, which rebinds NICs; with --force nodes at once.
 * returns  how many there were, or -EBUSY for one that cannot be ended
 */
int orphan_end(const struct opts *opts, const char *lab, struct err *err);

#endif
