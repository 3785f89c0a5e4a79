/**
 * ctl_iface: the control protocol of vswitch and vmm: what a program can be asked.
 *
 * One JSON object per message, ended by a NUL byte, over a Unix stream socket (the varlink shape):
 *
 *   -> {"method":"net.weft.vswitch.PortAdd","parameters":{"name":"p1","bridge":"br0"}}
 *   <- {"parameters":{}}
 *   <- {"error":"net.weft.vswitch.PortExists",
 *       "parameters":{"field":"name","message":"port 'p1': ...","hint":"..."}}
 *
 * A method that lists things is called with "more":true and answers one object per row, each with
 * "continues":true, then one last object without it and with empty parameters. A subscription is
 * such a method that does not end. Interfaces answer `<interface>.Describe` with their own text.
 *
 * An interface is a table of methods and one of errors; a method's messages are tables, too
 * (ctl_schema.h). The server's side is ctl_server.h, the client's ctl_client.h, both by ctl_wire.h
 * and ctl_codec.h; ctl_limits.h says how large anything may be.
 *
 * Rules: an unknown field or method is an error, so that typing errors never pass; numbers outside
 * min..max are errors that name the field; names, not numbers, identify things. Numbers above
 * INT64_MAX travel as decimal strings; no string holds control characters. A client skips fields of
 * a reply that it does not know, so that programs of different age understand each other.
 * Threads: any; no state.
 */
#ifndef WEFT_LIB_CTL_IFACE_H
#define WEFT_LIB_CTL_IFACE_H

#include "ctl_schema.h"
#include "err.h"

enum ctl_class { CTL_READ, CTL_CHANGE };
enum ctl_stability { CTL_DRAFT, CTL_STABLE, CTL_DEPRECATED };
enum ctl_reply { CTL_ONE, CTL_ROWS, CTL_EVENTS };

struct ctl_method {
	const char *name; /* "PortAdd" */
	enum ctl_class class;
	enum ctl_stability stability;
	enum ctl_reply reply;
	const struct ctl_struct *in;  /* never NULL: ctl_empty_schema when there is nothing */
	const struct ctl_struct *out; /* reply, or one row or event */
	const char *help;             /* one line */
};

struct ctl_error {
	const char *name; /* "PortExists" */
	int code;         /* what the client's function returns: -EEXIST */
	const char *help;
};

struct ctl_interface {
	const char *name; /* "net.weft.vswitch" */
	const char *help;
	const struct ctl_method *methods;
	unsigned n_methods;
	const struct ctl_error *errors;
	unsigned n_errors;
};

/** The interface as readable text (owned, free()), as Describe returns it. */
int ctl_describe(const struct ctl_interface *iface, char **ret_text);
const struct ctl_method *ctl_method_find(const struct ctl_interface *iface, const char *name);
/** The method that an unknown name was likely meant to be; NULL = none is near. */
const char *ctl_method_nearest(const struct ctl_interface *iface, const char *name);

/** Errors that every interface has: InvalidParameter, NotFound, ... */
extern const struct ctl_error ctl_common_errors[];
extern const unsigned ctl_n_common_errors;
/** Name to report for err: its own where iface knows it, else the common one of its code. */
const char *ctl_error_name(const struct ctl_interface *iface, const struct err *err);
/** Negative errno of an error name; -EIO for one that is not known. */
int ctl_error_code(const struct ctl_interface *iface, const char *name);

#endif
