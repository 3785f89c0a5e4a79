/**
 * diag: what is wrong with a lab file, and where.
 *
 *   three.lab.yaml:17:28: error: no node called "r22" [E12]
 *      17 |   - { endpoints: [r1:eth1, r22:eth1] }
 *         |                            ^~~~~~~~ did you mean "r2"?
 *
 * All errors of a file are collected and printed together, in the order of the file, at most
 * DIAG_MAX of them. The number in brackets is stable; diag_explain() says more about it.
 */
#ifndef WEFT_NETCFG_DIAG_H
#define WEFT_NETCFG_DIAG_H

#include <jansson.h>
#include <stdio.h>

#define DIAG_MAX 20

/** Codes; numbers are never used again for something else. */
enum diag_code {
	DIAG_SYNTAX = 1,
	DIAG_LIMIT = 2,
	DIAG_UNKNOWN_KEY = 3,
	DIAG_YAML_FEATURE = 4,
	DIAG_DUPLICATE_KEY = 5,
	DIAG_TYPE = 6,
	DIAG_MISSING_KEY = 7,
	DIAG_NOT_SUPPORTED = 8,
	DIAG_VERSION = 9,
	DIAG_NAME = 10,
	DIAG_NAME_TAKEN = 11,
	DIAG_NO_NODE = 12,
	DIAG_NO_BRIDGE = 13,
	DIAG_CABLED = 14,
	DIAG_ENDPOINT = 15,
	DIAG_NO_IMAGE = 16,
	DIAG_NO_GROUP = 17,
	DIAG_INTERFACE = 18,
	DIAG_LINK_ENDS = 19,
	DIAG_VLAN_SYNTAX = 20,
	DIAG_VLAN_RANGE = 21,
	DIAG_VLAN_ROLE = 22,
	DIAG_VLAN_BRIDGE = 23,
	DIAG_NUMBER = 24,
	DIAG_VALUE = 25,
	DIAG_RANGE = 26,
	DIAG_IMAGE = 27,
	DIAG_AFTER = 28,
	DIAG_ADDRESS = 29,
	DIAG_MESH = 30,
	DIAG_PORT = 31,
	DIAG_MTU = 32,
	DIAG_MIRROR = 33,
};

/** 1-based; line 0 = the file as a whole. len: characters to underline. */
struct diag_mark {
	unsigned line, column, len;
};

struct diag_item {
	struct diag_mark mark;
	enum diag_code code;
	char text[256];
	char hint[128];
};

struct diag {
	const char *file; /* borrowed, for messages */
	const char *text; /* borrowed contents, NULL = unknown */
	size_t size;
	struct diag_item items[DIAG_MAX];
	unsigned n; /* all errors found, may be more than DIAG_MAX */
};

/**
 * Note an error. returns the item for diag_hint(), or NULL when DIAG_MAX are noted, or this one at
 * this place is.
 */
struct diag_item *diag_add(struct diag *diag, struct diag_mark mark, enum diag_code code,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** item may be NULL. */
void diag_hint(struct diag_item *item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Sort by place. */
void diag_sort(struct diag *diag);
void diag_print(const struct diag *diag, FILE *out);
/** {"version":1,"file":...,"errors":[{"line","column","code","message","hint"}]}, new reference. */
json_t *diag_json(const struct diag *diag);
/** What a code means and what to do; NULL for a number that is none. */
const char *diag_explain(unsigned code);

#endif
