/**
 * foreign: what other tools call it. Whoever comes from Open vSwitch, iproute2, brctl, libvirt or
 * containerlab types their words first: a table leads from those to ours.
 *
 * Asked only for words that are none of ours, and never understood in their place: a script has one
 * way to say a thing. Commands in hints stand in backticks, and a test parses every one of them.
 */
#ifndef WEFT_NETCFG_FOREIGN_H
#define WEFT_NETCFG_FOREIGN_H

/** A row of a table; the last has no words. */
struct foreign_word {
	const char *words; /* separated by spaces */
	const char *ours;  /* verbs: our verb; else a hint */
};

extern const struct foreign_word foreign_commands[]; /* in place of an object or a command */
extern const struct foreign_word foreign_verbs[];
extern const struct foreign_word foreign_fields[]; /* in place of a field of a port */

/** Of the row that has the word; NULL = none has. */
const char *foreign_find(const struct foreign_word *table, const char *word);

#endif
