/**
 * ctl: the control protocol of vswitch and vmm, both sides.
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
 * Data model. Every message is declared once, as a field list (ctl_vswitch.h, ctl_vmm.h):
 *
 *   #define CTL_FDB_KEY_FIELDS(F, T) \
 *           F(T, STR, bridge, REQ, 1, 63,   "", "bridge") \
 *           F(T, U16, vlan,   OPT, 1, 4094, "", "only this VLAN")
 *   CTL_STRUCT(ctl_fdb_key, CTL_FDB_KEY_FIELDS);                    in the header
 *   CTL_SCHEMA(ctl_fdb_key, CTL_FDB_KEY_FIELDS);                    in the .c file
 *
 * This makes `struct ctl_fdb_key { uint64_t set; char bridge[64]; uint16_t vlan; }`, an index
 * `ctl_fdb_key__vlan` per field and `const struct ctl_struct ctl_fdb_key_schema`. Bit i of `set`
 * says that field i is present; absent fields are zero. Codec, bounds, help, completion and manual
 * pages walk the table; nobody else touches JSON.
 *
 * Rules: an unknown field or method is an error, so that typing errors never pass; numbers outside
 * min..max are errors that name the field; names, not numbers, identify things. Numbers above
 * INT64_MAX travel as decimal strings; no string holds control characters. A client skips fields of
 * a reply that it does not know, so that programs of different age understand each other.
 *
 * Limits (all of them against a hostile client): CTL_MAX_MESSAGE bytes a message, CTL_MAX_DEPTH
 * nesting, CTL_MAX_CONNECTIONS clients (half of them of other users), CTL_MAX_BACKLOG bytes of
 * unsent replies per client (a subscriber that does not read is cut off), one request at a time.
 * File descriptors that a client sends are left alone (unix_conn.h) and end its connection; after
 * CTL_MAX_CONNECTIONS of those no new client is accepted.
 * Permissions: socket mode 0660; the peer's uid (SO_PEERCRED) must be root, the server's own, or,
 * for CTL_READ methods, a member that the socket's mode let in.
 * Threads: a server belongs to its event loop's thread; a client to one thread, blocking.
 */
#ifndef WEFT_CTL_H
#define WEFT_CTL_H

#include "err.h"
#include "ether.h"
#include "ev.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_MAX_MESSAGE     (128 * 1024)
#define CTL_MAX_DEPTH       8
#define CTL_MAX_CONNECTIONS 64
#define CTL_MAX_BACKLOG     (4 * 1024 * 1024)
#define CTL_MAX_FIELDS      64

/* ---- Schema ---------------------------------------------------------------------------------- */

enum ctl_kind {
	CTL_KIND_BOOL,  /* bool */
	CTL_KIND_U16,   /* uint16_t, min..max */
	CTL_KIND_U32,   /* uint32_t, min..max */
	CTL_KIND_U64,   /* uint64_t, min..max */
	CTL_KIND_STR,   /* char[max + 1], length min..max */
	CTL_KIND_MAC,   /* struct ether_addr48, "52:54:00:00:00:01" */
	CTL_KIND_VLANS, /* struct vlan_set, "10,20-29" */
	CTL_KIND_ENUM,  /* uint32_t index into names[] (NULL-terminated), the name on the wire */
};

struct ctl_field {
	const char *name;
	enum ctl_kind kind;
	bool required;
	uint16_t offset; /* in the struct */
	uint8_t idx;     /* in the table, and bit of the set mask */
	uint64_t min, max;
	const char *unit;         /* "" = none; never NULL */
	const char *const *names; /* CTL_KIND_ENUM only */
	const char *help;         /* one line */
};

struct ctl_struct {
	const char *name;
	size_t size;
	const struct ctl_field *fields;
	unsigned n_fields;
};

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

/* Members by kind. */
#define CTL_MEMBER_BOOL(name, max)  bool name;
#define CTL_MEMBER_U16(name, max)   uint16_t name;
#define CTL_MEMBER_U32(name, max)   uint32_t name;
#define CTL_MEMBER_U64(name, max)   uint64_t name;
#define CTL_MEMBER_STR(name, max)   char name[(max) + 1];
#define CTL_MEMBER_MAC(name, max)   struct ether_addr48 name;
#define CTL_MEMBER_VLANS(name, max) struct vlan_set name;
#define CTL_MEMBER_ENUM(name, max)  uint32_t name;

/* The sixth column is a unit, or for ENUM the table of names. */
#define CTL_UNIT_BOOL(u)  u
#define CTL_UNIT_U16(u)   u
#define CTL_UNIT_U32(u)   u
#define CTL_UNIT_U64(u)   u
#define CTL_UNIT_STR(u)   u
#define CTL_UNIT_MAC(u)   u
#define CTL_UNIT_VLANS(u) u
#define CTL_UNIT_ENUM(u)  ""
#define CTL_NAMES_BOOL(u)  NULL
#define CTL_NAMES_U16(u)   NULL
#define CTL_NAMES_U32(u)   NULL
#define CTL_NAMES_U64(u)   NULL
#define CTL_NAMES_STR(u)   NULL
#define CTL_NAMES_MAC(u)   NULL
#define CTL_NAMES_VLANS(u) NULL
#define CTL_NAMES_ENUM(u)  u
#define CTL_REQ true
#define CTL_OPT false

#define CTL_F_MEMBER(T, kind, name, req, min, max, unit, help) CTL_MEMBER_##kind(name, max)
#define CTL_F_INDEX(T, kind, name, req, min, max, unit, help)  T##__##name,
#define CTL_F_TABLE(T, fkind, fname, req, fmin, fmax, funit, fhelp)                                \
	{.name = #fname,                                                                           \
		.kind = CTL_KIND_##fkind,                                                          \
		.required = CTL_##req,                                                             \
		.offset = offsetof(struct T, fname),                                               \
		.idx = T##__##fname,                                                               \
		.min = (fmin),                                                                     \
		.max = (fmax),                                                                     \
		.unit = CTL_UNIT_##fkind(funit),                                                   \
		.names = CTL_NAMES_##fkind(funit),                                                 \
		.help = fhelp},

/** Declare struct T, its field indices T__x and T_schema. */
#define CTL_STRUCT(T, FIELDS)                                                                      \
	struct T {                                                                                 \
		uint64_t set;                                                                      \
		FIELDS(CTL_F_MEMBER, T)                                                            \
	};                                                                                         \
	enum { FIELDS(CTL_F_INDEX, T) T##__n_fields };                                                \
	_Static_assert((int)T##__n_fields <= CTL_MAX_FIELDS, #T " has more fields than set bits");    \
	extern const struct ctl_struct T##_schema

/** Define T_schema; once, in a .c file. */
#define CTL_SCHEMA(T, FIELDS)                                                                      \
	static const struct ctl_field T##_fields[] = {FIELDS(CTL_F_TABLE, T)};                     \
	const struct ctl_struct T##_schema = {                                                     \
		#T, sizeof(struct T), T##_fields, sizeof(T##_fields) / sizeof(T##_fields[0])}

/** Presence. CTL_HAS(req, ctl_port, tag); CTL_SET(req, ctl_port, tag, 10). */
#define CTL_HAS(msg, T, field)        ((msg)->set >> (T##__##field) & 1)
#define CTL_MARK(msg, T, field)       ((msg)->set |= UINT64_C(1) << (T##__##field))
#define CTL_UNMARK(msg, T, field)     ((msg)->set &= ~(UINT64_C(1) << (T##__##field)))
#define CTL_SET(msg, T, field, value) ((msg)->field = (value), CTL_MARK(msg, T, field))
/** Copies at most sizeof(field) - 1 bytes. */
#define CTL_SET_STR(msg, T, field, text)                                                           \
	(ctl_copy_str((msg)->field, sizeof((msg)->field), (text)), CTL_MARK(msg, T, field))

void ctl_copy_str(char *dst, size_t size, const char *src);

/** The message with no fields. */
struct ctl_empty {
	uint64_t set;
};
extern const struct ctl_struct ctl_empty_schema;

/* ---- Codec ----------------------------------------------------------------------------------- */

/**
 * Decode a JSON object text[len] into msg (schema->size bytes, zeroed first).
 * returns  0, -EPROTO (not an object, too deep), -EMSGSIZE, -EINVAL or -ERANGE (unknown, missing or
 *          bad field; err->field set)
 */
int ctl_decode(const struct ctl_struct *schema, const char *text, size_t len, void *msg,
	struct err *err);
/** Encode the present fields as a JSON object. ret_text is owned (free()). 0 or -ENOMEM. */
int ctl_encode(const struct ctl_struct *schema, const void *msg, char **ret_text);

/**
 * Set one field from a word as a user types it (CLI, lab file). The same bounds and messages as
 * ctl_decode(). returns 0, -ENOENT (no such field), -EINVAL or -ERANGE.
 */
int ctl_field_parse(const struct ctl_struct *schema, void *msg, const char *field, const char *word,
	struct err *err);
/** Print one field's value (plain, unquoted); "" when absent. Returns the length as snprintf(). */
size_t ctl_field_format(const struct ctl_field *field, const void *msg, char *buf, size_t size);
const struct ctl_field *ctl_field_find(const struct ctl_struct *schema, const char *name);
/** Is field i of msg present? */
bool ctl_field_is_set(const void *msg, unsigned i);
/** Same value, where both have one? */
bool ctl_field_equal(const struct ctl_field *field, const void *a, const void *b);
/** Same presence and same values. */
bool ctl_msg_equal(const struct ctl_struct *schema, const void *a, const void *b);

/** The interface as readable text (owned, free()), as Describe returns it. */
int ctl_describe(const struct ctl_interface *iface, char **ret_text);
const struct ctl_method *ctl_method_find(const struct ctl_interface *iface, const char *name);
/** The method or field that an unknown name was likely meant to be; NULL = none is near. */
const char *ctl_method_nearest(const struct ctl_interface *iface, const char *name);
const char *ctl_field_nearest(const struct ctl_struct *schema, const char *name);

/** Errors that every interface has: InvalidParameter, NotFound, ... */
extern const struct ctl_error ctl_common_errors[];
extern const unsigned ctl_n_common_errors;
/** Name to report for err: its own where iface knows it, else the common one of its code. */
const char *ctl_error_name(const struct ctl_interface *iface, const struct err *err);
/** Negative errno of an error name; -EIO for one that is not known. */
int ctl_error_code(const struct ctl_interface *iface, const char *name);

/* ---- Server ---------------------------------------------------------------------------------- */

struct ctl_server;
struct ctl_call; /* one request of one client */

/**
 * Serve one request. in is decoded and in bounds; out is zeroed.
 * returns  0: out is the reply (CTL_ONE), or the rows are ended (CTL_ROWS);
 *          CTL_PENDING: the call stays open: the owner sends rows with ctl_call_send() and may end
 *          it with ctl_call_finish();
 *          -errno with err set: the error reply; its name is err->name or derived from the errno.
 */
typedef int ctl_handler_fn(struct ctl_call *call, void *ctx, const void *in, void *out,
	struct err *err);
#define CTL_PENDING 1

struct ctl_handler {
	const char *method; /* "PortAdd" */
	ctl_handler_fn *fn;
};

/**
 * Listen on path (at most 107 bytes), replacing a socket that nobody serves any more, and answer on
 * ev. handlers[n_handlers] must cover every method of iface (-EINVAL else); ctx goes to each.
 * returns  0, -EADDRINUSE (served by a living process), -EACCES, -ENAMETOOLONG, ...
 */
int ctl_server_create(struct ev *ev, const char *path, const struct ctl_interface *iface,
	const struct ctl_handler *handlers, unsigned n_handlers, void *ctx,
	struct ctl_server **ret_server, struct err *err);
/** Close all clients and unlink the socket. Not from within a handler. */
void ctl_server_destroy(struct ctl_server *server);

/** Queue one row or event of a CTL_ROWS or CTL_EVENTS call. 0, -EPIPE when the client is gone. */
int ctl_call_send(struct ctl_call *call, const void *row);
/**
 * For replies that may be long: the rows are pulled as the client reads them, so that a table of
 * any size takes little memory. A handler ends with `return ctl_call_rows(call, next, done, st)`.
 * next   fills row (zeroed) and returns 1, or returns 0 at the end, or -errno with err set, or
 *        CTL_NO_ROW_YET after a while in which no row passed its filters: others get their turn, and
 *        it is asked again
 * done   frees state; called once, however the call ends; may be NULL
 */
typedef int ctl_next_fn(void *state, void *row, struct err *err);
#define CTL_NO_ROW_YET 2
int ctl_call_rows(struct ctl_call *call, ctl_next_fn *next, void (*done)(void *state), void *state);
/** End a pending call: out as in a handler, or err when code is negative. call is gone then. */
void ctl_call_finish(struct ctl_call *call, int code, const void *out, const struct err *err);
/**
 * fn(ctx, call) runs once if the client goes away, or the server ends, while the call is pending;
 * the call is gone when fn returns. Without it a call whose client went away stays valid (sending
 * gives -EPIPE) until ctl_call_finish() or the server's end.
 */
void ctl_call_on_close(struct ctl_call *call, void (*fn)(void *ctx, struct ctl_call *call),
	void *ctx);

/* ---- Client ---------------------------------------------------------------------------------- */

struct ctl_client;

/**
 * Connect; timeout_ms bounds every later wait for a reply (0 = 10 s). A call that ended early
 * (timeout, a row callback that stopped) leaves the connection stale; the next makes a new one.
 */
int ctl_client_open(const char *path, const struct ctl_interface *iface, unsigned timeout_ms,
	struct ctl_client **ret_client, struct err *err);
void ctl_client_close(struct ctl_client *client);

/** One call of a CTL_ONE method; out may be NULL. Errors of the server arrive in err with its code,
 *  name, field, message and hint. */
int ctl_client_call(struct ctl_client *client, const char *method, const void *in, void *out,
	struct err *err);

/** Called per row; row is borrowed for the call. Non-zero stops and is returned. */
typedef int ctl_row_fn(void *ctx, const void *row);
/**
 * A CTL_ROWS or CTL_EVENTS method. The timeout applies between rows of CTL_ROWS only; a signal ends
 * the wait for events with -EINTR.
 */
int ctl_client_rows(struct ctl_client *client, const char *method, const void *in, ctl_row_fn *fn,
	void *ctx, struct err *err);
/** The server's Describe text (owned, free()). */
int ctl_client_describe(struct ctl_client *client, char **ret_text, struct err *err);
/** The socket, to poll while waiting for events. Borrowed. */
int ctl_client_fd(const struct ctl_client *client);

#endif
