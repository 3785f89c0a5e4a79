/**
 * grammar: every command of netcfg, as one table.
 *
 *   netcfg [OPTIONS] OBJECT [VERB] [NAME...] [FIELD VALUE]...
 *   netcfg [OPTIONS] COMMAND [ARGUMENT...]
 *
 * Parser, help, completion and the command list of the manual page (checked by a test) come from
 * grammar_objects[] and grammar_commands[]; the words after a verb come from the field tables of
 * the control protocol (lib/ctl_*.h), so that a new field of a message is a new word here without a
 * line of code. A field is typed as on the wire with '-' for '_'; a unit at its end is dropped
 * (ageing_s -> ageing).
 *
 * Objects, verbs and fields may be shortened as long as they stay unambiguous; short names of
 * objects (`p` for port) always work. NAME and VERB may change places: `link p3 down`.
 */
#ifndef WEFT_NETCFG_GRAMMAR_H
#define WEFT_NETCFG_GRAMMAR_H

#include "ctl_iface.h"
#include "opts.h"

#define GRAMMAR_MAX_POSITIONS 3

/** Which daemon a verb talks to; GRAMMAR_HOST is none of them. */
enum grammar_target { GRAMMAR_VSWITCH, GRAMMAR_VMM, GRAMMAR_LAB, GRAMMAR_HOST };

/** What may follow what is given by position. */
enum grammar_takes {
	GRAMMAR_NOTHING,
	GRAMMAR_WORDS, /* FIELD VALUE pairs */
	GRAMMAR_NAMES, /* further names: the verb is about each of them */
};

struct grammar_verb {
	const char *name;
	enum grammar_target target;
	const char *method;              /* of the control protocol */
	const struct ctl_struct *schema; /* of the method's request */
	/* fields set by position; the first n_required must be there */
	const char *positions[GRAMMAR_MAX_POSITIONS];
	unsigned n_required;
	const char *preset_field; /* "enabled" for up and down; NULL = none */
	const char *preset_value;
	enum grammar_takes takes;
	const char *help;
};

struct grammar_object {
	const char *name, *short_name;
	const char *help;
	const struct grammar_verb *verbs; /* the first is the default */
	unsigned n_verbs;
};

struct grammar_command {
	const char *name;
	const char *synonym; /* NULL = none */
	const char *args;    /* as help shows them */
	const char *help;
	const struct opt *options; /* of its own, behind it; options[n_options] */
	size_t n_options;
};

extern const struct grammar_object grammar_objects[];
extern const unsigned grammar_n_objects;
extern const struct grammar_command grammar_commands[];
extern const unsigned grammar_n_commands;

/** Room for any request message. */
union grammar_msg {
	uint64_t set;
	char bytes[12288];
};

struct grammar_request {
	const struct grammar_command *command; /* or object and verb */
	const struct grammar_object *object;
	const struct grammar_verb *verb;
	char name[128];        /* first position, "" = none */
	union grammar_msg msg; /* of verb->schema */
	char **more;           /* GRAMMAR_NAMES: borrowed names after the first */
	unsigned n_more;
	char **args; /* command: borrowed words after it */
	unsigned n_args;
};

/**
 * Understand words[n]. Errors name the candidates of an ambiguous word and the nearest of an
 * unknown one. 0 or -EINVAL with err set.
 */
int grammar_parse(char **words, unsigned n, const struct opts *opts,
	struct grammar_request *ret_req, struct err *err);

/** The request about the next of its names: 0, -ENOENT after the last, -EINVAL with err set. */
int grammar_next(struct grammar_request *req, struct err *err);

/** Find an object or command by full or unambiguous word; exactly one of the results is set. */
int grammar_find_first(const char *word, const struct grammar_object **ret_object,
	const struct grammar_command **ret_command, struct err *err);
/** The command with options of its own that a word begins; NULL: it begins none. */
const struct grammar_command *grammar_with_options(const char *word);
int grammar_find_verb(const struct grammar_object *object, const char *word,
	const struct grammar_verb **ret_verb, struct err *err);

/** How field is typed: "vlan_mode" -> "vlan-mode", "ageing_s" -> "ageing". Returns buf. */
const char *grammar_field_word(const struct ctl_field *field, char *buf, size_t size);
/** May the user type field with this verb? (Fields for show only, and options, may not.) */
bool grammar_field_usable(const struct grammar_verb *verb, const struct ctl_field *field);
/** The field of schema that is typed so, in full; NULL = none. */
const struct ctl_field *grammar_find_word(const struct ctl_struct *schema, const char *word);
/** Is field a message within the verb's that the user may type? Its word has no value: it comes
 *  before those of its fields (`a-to-b delay 20ms`), until the word of another one. */
bool grammar_field_within(const struct grammar_verb *verb, const struct ctl_field *field);
/**
 * Of the messages within the verb's message, the fields of those that need no such word: of the
 * first of them and all of its kind, which they concern together then (both directions of a link).
 * NULL: there are none.
 */
const struct ctl_struct *grammar_sub_schema(const struct grammar_verb *verb);

#endif
