/**
 * orphan: daemons of a lab that its run directory does not know.
 *
 * A run directory may be removed under a lab that runs: the end of a login takes /run/user/UID
 * away. Its daemons go on, holding NICs and memory, and nobody can talk to them: their sockets are
 * gone. They are found by their command line (--control RUN_DIR/NAME.sock, of our user, with
 * our mounts), since RUN_DIR/NAME.pid does not name them.
 *
 * Nothing is started beside them; destroy ends them. Under the lab's lock, or where nothing is
 * started: a daemon has its pid file before it runs (proc.h).
 */
#ifndef WEFT_NETCFG_ORPHAN_H
#define WEFT_NETCFG_ORPHAN_H

#include "err.h"

#include <stdbool.h>

/** Are there none? 0, or -EBUSY with err naming them and how they are ended. */
int orphan_check(const char *run_dir, const char *lab, struct err *err);
/**
 * End them, nodes before the switch, which rebinds NICs. force: nodes at once.
 * returns  how many there were, or -EBUSY for one that cannot be ended
 */
int orphan_end(const char *run_dir, bool force, struct err *err);

#endif
