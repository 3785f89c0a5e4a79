/**
 * state: what the switch must find again after it was killed.
 *
 * Data model. A state file is a header line and then one line per message, `METHOD JSON`: the very
 * messages of the control protocol that lead to the state. Restoring is asking for them again.
 *   config   a journal: each accepted change appends its line, so that a killed switch loses
 *            nothing that it had answered; rewritten as the shortest equivalent at start, at exit
 *            and when it has grown
 *   fdb      learned addresses, rewritten now and then and at exit: they may be a little old
 * A rewrite goes to a temporary file, is flushed and renamed, so it happens wholly or not at all.
 * An appended line survives the death of the process at once and a power failure after
 * state_sync().
 *
 * A damaged file (torn or unreadable line) is set aside under `.damaged`, and the whole messages
 * before the damage count: each of them is complete, so nothing is half-applied. A message that is
 * in order but refused (it needs what another refused one should have made) is skipped, the file
 * kept in the same way. A port whose socket or device is taken now is not refused: it waits for it
 * (switch_port_open()).
 *
 * Threads: the control thread. Limits: STATE_MAX_LINE bytes a line. The directory is locked while
 * open, so that two switches cannot share one.
 */
#ifndef WEFT_VSWITCH_CONTROL_STATE_H
#define WEFT_VSWITCH_CONTROL_STATE_H

#include "ctl_iface.h"
#include "err.h"

#include <stdbool.h>

#define STATE_MAX_LINE (CTL_MAX_MESSAGE + 64)

enum state_file { STATE_CONFIG, STATE_FDB };

struct state;

/** Life cycle. Creates dir (0700) where it is missing. 0, -EBUSY (another switch), -EACCES, ... */
int state_open(const char *dir, const struct ctl_interface *iface, struct state **ret_state,
	struct err *err);
void state_close(struct state *state);

/** Carry out one message; in has the type of method->in. returns 0 or -errno, err set */
typedef int state_apply_fn(void *ctx, const struct ctl_method *method, const void *in,
	struct err *err);
/**
 * Ask again for every message of a file. A file that is missing is an empty one. Damage and
 * refusals are logged; they do not fail.
 * returns  number of messages carried out, or -errno (cannot read)
 */
int state_restore(struct state *state, enum state_file file, state_apply_fn *fn, void *ctx);

/** Add one change to the journal. A failure is logged (rate limited): the change stays in force. */
void state_append(struct state *state, const char *method, const void *in);
/** Flush appended lines to the disk; does nothing when there are none. */
void state_sync(struct state *state);
/** Has the journal grown so much that it should be rewritten? */
bool state_is_long(const struct state *state);

/** Rewrite a file: begin, put each message, end. put errors are kept until end, which then fails
 *  and leaves the old file alone. returns of end: 0 or -errno, logged */
void state_begin(struct state *state, enum state_file file);
void state_put(struct state *state, const char *method, const void *in);
int state_end(struct state *state);

#endif
