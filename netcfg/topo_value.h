/**
 * topo_value: one value of a lab file, read as its key's row wants it: type, bounds, words.
 *
 * A value that is none of these is an error with what was wanted, what is there and, where that can
 * be guessed, what was meant.
 */
#ifndef WEFT_NETCFG_TOPO_VALUE_H
#define WEFT_NETCFG_TOPO_VALUE_H

#include "diag.h"
#include "topo_schema.h"

#include <stdbool.h>

/** By field->kind: see enum topo_kind. */
union topo_value {
	struct topo_text text;
	bool truth;
	uint64_t number;
	struct vlan_set vlans;
	const struct yaml_value *yaml;
};

/** Read the value of a key into ret, but for messages. false with an error in diag for what it
 *  cannot be. */
bool topo_value_read(const struct topo_field *field, const struct yaml_value *value,
	union topo_value *ret, struct diag *diag);

#endif
