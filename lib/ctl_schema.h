/**
 * ctl_schema: messages of the control protocol, as C structs and as tables.
 *
 * Every message is declared once, as a field list (ctl_vswitch.h, ctl_vmm.h):
 *
 *   #define CTL_FDB_KEY_FIELDS(F, T) \
 *           F(T, STR, bridge, REQ, 1, 63,   "", "bridge") \
 *           F(T, U16, vlan,   OPT, 1, 4094, "", "only this VLAN", .def = "1", .lab = "vlan")
 *   CTL_STRUCT(ctl_fdb_key, CTL_FDB_KEY_FIELDS);                    in the header
 *   CTL_SCHEMA(ctl_fdb_key, CTL_FDB_KEY_FIELDS);                    in the .c file
 *
 * This makes `struct ctl_fdb_key { uint64_t set; char bridge[64]; uint16_t vlan; }`, an index
 * `ctl_fdb_key__vlan` per field and `const struct ctl_struct ctl_fdb_key_schema`. Bit i of `set`
 * says that field i is present; absent fields are zero.
 *
 * A row is all that is known of a field: kind, name, access (enum ctl_access), bounds, unit and
 * help, and behind them what not every field has, as designated initialisers of struct ctl_field.
 * Codec, bounds, defaults, what can change and what makes two objects the same, help, completion,
 * keys of lab files, columns of tables, metrics and the protocol's description follow from it;
 * nobody else touches JSON. A field by its name: ctl_field.h.
 *
 * A message may have others within it (MSG), one level deep: settings that belong together, such as
 * those of one direction of a link. There an absent field is at its default, and a request changes
 * what it names and nothing else.
 *
 * A number that measures something (`.measure`, measure.h) is in its base unit in structs and JSON,
 * and has a unit in every text: delay 20000000 on the wire is `delay 20ms` on the command line, in
 * lab files, help and tables.
 */
#ifndef WEFT_LIB_CTL_SCHEMA_H
#define WEFT_LIB_CTL_SCHEMA_H

#include "ctl_limits.h"
#include "ether.h"
#include "measure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_kind {
	CTL_KIND_BOOL,  /* bool */
	CTL_KIND_U16,   /* uint16_t, min..max */
	CTL_KIND_U32,   /* uint32_t, min..max */
	CTL_KIND_U64,   /* uint64_t, min..max */
	CTL_KIND_STR,   /* char[max + 1], length min..max */
	CTL_KIND_MAC,   /* struct ether_addr48, "52:54:00:00:00:01" */
	CTL_KIND_VLANS, /* struct vlan_set, "10,20-29" */
	CTL_KIND_ENUM,  /* uint32_t index into names[] (NULL-terminated), the name on the wire */
	CTL_KIND_MSG,   /* a message of its own, struct and table, as an object on the wire */
};

/** What a field is to a request; as bits, for ctl_fields(). */
enum ctl_access {
	CTL_ACCESS_REQ = 1 << 0, /* must be there: it says which object is meant */
	CTL_ACCESS_NEW =
		1 << 1, /* a setting that is given to a new object and stays for its life */
	CTL_ACCESS_OPT = 1 << 2,  /* a setting that can change; in other messages, may be there */
	CTL_ACCESS_ASK = 1 << 3,  /* no setting: how the request is meant */
	CTL_ACCESS_SHOW = 1 << 4, /* of replies: nobody asks for it */
};
/** An object as it is configured; what a request to add one may hold, and one to change it. */
#define CTL_ACCESS_SETTINGS (CTL_ACCESS_NEW | CTL_ACCESS_OPT)
#define CTL_ACCESS_SET      (CTL_ACCESS_REQ | CTL_ACCESS_SETTINGS)
#define CTL_ACCESS_ADD      (CTL_ACCESS_SET | CTL_ACCESS_ASK)

/** Where a column is shown, unless --columns says. Tables are to fit 80 columns. */
enum ctl_where {
	CTL_SHOW_BRIEF,  /* with -br, too */
	CTL_SHOW_TABLE,  /* in tables */
	CTL_SHOW_IF_ANY, /* in tables of which some row has something to say there */
	CTL_SHOW_NOTE,   /* below the table, of each row that has something to say: long texts */
	CTL_SHOW_NAMED,  /* only where it is asked for */
};

struct ctl_column {
	uint8_t place; /* from the left, from 1; 0 = the field is no column */
	const char *title;
	enum ctl_where where;
};

/** What a field is to who collects metrics (metrics.h). */
enum ctl_metric {
	CTL_METRIC_NONE,
	CTL_METRIC_COUNTER, /* a number that only grows */
	CTL_METRIC_GAUGE,   /* a number, or a yes or no */
	CTL_METRIC_LABEL,   /* says what the numbers of the row are about */
};

struct ctl_field {
	const char *name;
	enum ctl_kind kind;
	enum ctl_access access;
	uint16_t offset, size; /* in the struct */
	uint8_t idx;           /* in the table, and bit of the set mask */
	uint64_t min, max;
	const char *unit;             /* "" = none; never NULL */
	const char *const *names;     /* CTL_KIND_ENUM only */
	const struct ctl_struct *sub; /* CTL_KIND_MSG only */
	const char *help;             /* one line; ctl_field_help() adds what else the row says */

	/* What not every field has. */
	const char *def;          /* its value where a request says nothing, as people type it */
	uint32_t types;           /* of the values of the message's `type` that take it, as bits;
				     0 = it is for all */
	enum measure measure;     /* of a number: texts have its units; unit is its base unit */
	bool is_path;             /* of a file: may be relative until the switch is asked */
	uint32_t made;            /* of an enum: values that no request can have, as bits */
	const char *lab;          /* its key in lab files */
	struct ctl_column column; /* of the tables that netcfg shows of such messages */
	enum ctl_metric metric;
};

struct ctl_struct {
	const char *name;
	size_t size;
	const struct ctl_field *fields;
	unsigned n_fields;
};

/* Members by kind. */
#define CTL_MEMBER_BOOL(name, max, u)  bool name;
#define CTL_MEMBER_U16(name, max, u)   uint16_t name;
#define CTL_MEMBER_U32(name, max, u)   uint32_t name;
#define CTL_MEMBER_U64(name, max, u)   uint64_t name;
#define CTL_MEMBER_STR(name, max, u)   char name[(max) + 1];
#define CTL_MEMBER_MAC(name, max, u)   struct ether_addr48 name;
#define CTL_MEMBER_VLANS(name, max, u) struct vlan_set name;
#define CTL_MEMBER_ENUM(name, max, u)  uint32_t name;
#define CTL_MEMBER_MSG(name, max, u)   struct u name;

/* The sixth column is a unit, or for ENUM the table of names, or for MSG the struct. */
#define CTL_UNIT_BOOL(u)   u
#define CTL_UNIT_U16(u)    u
#define CTL_UNIT_U32(u)    u
#define CTL_UNIT_U64(u)    u
#define CTL_UNIT_STR(u)    u
#define CTL_UNIT_MAC(u)    u
#define CTL_UNIT_VLANS(u)  u
#define CTL_UNIT_ENUM(u)   ""
#define CTL_UNIT_MSG(u)    ""
#define CTL_NAMES_BOOL(u)  NULL
#define CTL_NAMES_U16(u)   NULL
#define CTL_NAMES_U32(u)   NULL
#define CTL_NAMES_U64(u)   NULL
#define CTL_NAMES_STR(u)   NULL
#define CTL_NAMES_MAC(u)   NULL
#define CTL_NAMES_VLANS(u) NULL
#define CTL_NAMES_ENUM(u)  u
#define CTL_NAMES_MSG(u)   NULL
#define CTL_SUB_BOOL(u)    NULL
#define CTL_SUB_U16(u)     NULL
#define CTL_SUB_U32(u)     NULL
#define CTL_SUB_U64(u)     NULL
#define CTL_SUB_STR(u)     NULL
#define CTL_SUB_MAC(u)     NULL
#define CTL_SUB_VLANS(u)   NULL
#define CTL_SUB_ENUM(u)    NULL
#define CTL_SUB_MSG(u)     &u##_schema
/** A number's macro as text, for a help that names a default. */
#define CTL_TEXT(number)  CTL_TEXT_(number)
#define CTL_TEXT_(number) #number
/** The attribute for a column of tables: CTL_COLUMN(4, "CARRIER", BRIEF). */
#define CTL_COLUMN(nth, title, where) .column = {nth, title, CTL_SHOW_##where}
/** Attributes for metrics: CTL_COUNTER and such, behind a row's others. */
#define CTL_COUNTER .metric = CTL_METRIC_COUNTER
#define CTL_GAUGE   .metric = CTL_METRIC_GAUGE
#define CTL_LABEL   .metric = CTL_METRIC_LABEL

#define CTL_F_MEMBER(T, kind, name, access, min, max, unit, help, ...) \
	CTL_MEMBER_##kind(name, max, unit)
#define CTL_F_INDEX(T, kind, name, access, min, max, unit, help, ...) T##__##name,
#define CTL_F_TABLE(T, fkind, fname, faccess, fmin, fmax, funit, fhelp, ...) \
	{.name = #fname,                                                     \
		.kind = CTL_KIND_##fkind,                                    \
		.access = CTL_ACCESS_##faccess,                              \
		.offset = offsetof(struct T, fname),                         \
		.size = sizeof(((struct T *)0)->fname),                      \
		.idx = T##__##fname,                                         \
		.min = (fmin),                                               \
		.max = (fmax),                                               \
		.unit = CTL_UNIT_##fkind(funit),                             \
		.names = CTL_NAMES_##fkind(funit),                           \
		.sub = CTL_SUB_##fkind(funit),                               \
		.help = fhelp,                                               \
		__VA_ARGS__},

/** Declare struct T, its field indices T__x and T_schema. */
#define CTL_STRUCT(T, FIELDS)                                                                      \
	struct T {                                                                                 \
		uint64_t set;                                                                      \
		FIELDS(CTL_F_MEMBER, T)                                                            \
	};                                                                                         \
	enum { FIELDS(CTL_F_INDEX, T) T##__n_fields };                                             \
	_Static_assert((int)T##__n_fields <= CTL_MAX_FIELDS, #T " has more fields than set bits"); \
	extern const struct ctl_struct T##_schema

/** Define T_schema; once, in a .c file. */
#define CTL_SCHEMA(T, FIELDS)                                                  \
	static const struct ctl_field T##_fields[] = {FIELDS(CTL_F_TABLE, T)}; \
	const struct ctl_struct T##_schema = {                                 \
		#T, sizeof(struct T), T##_fields, sizeof(T##_fields) / sizeof(T##_fields[0])}

/** Presence, as a bit of the member `set`. CTL_HAS(req, ctl_port, tag); CTL_SET(req, ctl_port, tag,
 *  10). */
#define CTL_BIT(T, field)             (UINT64_C(1) << (T##__##field))
#define CTL_HAS(msg, T, field)        ((msg)->set >> (T##__##field) & 1)
#define CTL_MARK(msg, T, field)       ((msg)->set |= CTL_BIT(T, field))
#define CTL_UNMARK(msg, T, field)     ((msg)->set &= ~CTL_BIT(T, field))
#define CTL_SET(msg, T, field, value) ((msg)->field = (value), CTL_MARK(msg, T, field))
/** Copies at most sizeof(field) - 1 bytes. */
#define CTL_SET_STR(msg, T, field, text) \
	(ctl_copy_str((msg)->field, sizeof((msg)->field), (text)), CTL_MARK(msg, T, field))

void ctl_copy_str(char *dst, size_t size, const char *src);

/** The message with no fields. */
struct ctl_empty {
	uint64_t set;
};
extern const struct ctl_struct ctl_empty_schema;

#endif
