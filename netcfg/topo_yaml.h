/**
 * topo_yaml: YAML text -> tree of values that know where they stand.
 *
 * libyaml gives events with raw scalars; typing is ours and is that of the YAML 1.2 core schema:
 * only true and false are booleans, there are no base-60 numbers, and what is quoted is text. Not
 * read, and an error: anchors, aliases, tags, more than one document, duplicate keys, keys that are
 * no scalars.
 *
 * Limits: TOPO_YAML_MAX_BYTES, TOPO_YAML_MAX_DEPTH, TOPO_YAML_MAX_NODES. Nothing recurses.
 */
#ifndef WEFT_NETCFG_TOPO_YAML_H
#define WEFT_NETCFG_TOPO_YAML_H

#include "arena.h"
#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

#define TOPO_YAML_MAX_BYTES (1u << 20)
#define TOPO_YAML_MAX_DEPTH 16
#define TOPO_YAML_MAX_NODES 200000

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml_value {
	enum yaml_kind kind;
	struct diag_mark mark;
	const char *text;             /* scalar */
	bool plain;                   /* scalar without quotes */
	const struct yaml_value *key; /* of an entry of a map */
	struct yaml_value *first, *last, *next;
	unsigned n; /* entries */
};

/**
 * diag holds the text (text, size). Errors go to diag.
 * returns the root value, or NULL (errors are in diag, or the file is empty, which is one too)
 */
const struct yaml_value *topo_yaml_parse(struct arena *arena, struct diag *diag);

/** Entry of a map by key, NULL = none. */
const struct yaml_value *topo_yaml_get(const struct yaml_value *map, const char *key);
/** null, ~ or nothing at all. */
bool topo_yaml_is_null(const struct yaml_value *value);
bool topo_yaml_bool(const struct yaml_value *value, bool *ret);
/** Decimal, 0x or 0o integer. 0, -EINVAL or -ERANGE. */
int topo_yaml_u64(const struct yaml_value *value, uint64_t *ret);
/** "a list", "a map", "a number", "a fraction", "a boolean", "text", "nothing". */
const char *topo_yaml_kind(const struct yaml_value *value);

#endif
