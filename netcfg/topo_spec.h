/**
 * topo_spec: a map of a lab file, read through its table (topo_schema.h) into its spec.
 *
 * A spec is a struct whose first member is the mask of keys that are set. A key that the map cannot
 * have is an error, with the key that was meant: a similar one, the one of another map, or another
 * tool's word for it.
 */
#ifndef WEFT_NETCFG_TOPO_SPEC_H
#define WEFT_NETCFG_TOPO_SPEC_H

#include "diag.h"
#include "topo_schema.h"

#include <stdbool.h>

/**
 * Read map (NULL or nothing = empty) into spec, zeroed before. Errors to diag. Texts of a message
 * are checked to be texts only, and not stored. What the map of one message within names goes
 * before what concerns all of them.
 */
void topo_spec_read(const struct topo_schema *schema, const struct yaml_value *map, void *spec,
	struct diag *diag);
/** Copy from base what spec does not set, but for messages. */
void topo_spec_inherit(const struct topo_schema *schema, void *spec, const void *base);
/** Is the key set in spec? key is one of schema's, and not of all messages within. */
bool topo_spec_has(const struct topo_schema *schema, const void *spec, const char *key);

#endif
