/**
 * count: counters of ports by size and VLAN, where a port's `count` asks for them.
 *
 * Data model. A port that counts has a stage (count_stage.h) and the counters that it writes in
 * each direction, next to the wire but for captures (feature_list.h). Counters begin
 * at zero when counting is turned on; that they are by size, by VLAN or both can change meanwhile.
 *
 * Threads: the control thread. Life cycle: feature.h. Limits: COUNT_N_VLANS counters a direction.
 */
#ifndef WEFT_VSWITCH_FEATURE_COUNT_COUNT_H
#define WEFT_VSWITCH_FEATURE_COUNT_COUNT_H

#include "ctl_vswitch.h"
#include "err.h"
#include "feature.h"

extern const struct feature count_feature;

/** Get what counting needs. Nothing is counted yet, and nothing needs to be taken back. */
int count_prepare(void *state, uint16_t port_id, bool is_egress, enum ctl_count_mode mode,
	struct err *err);
/** Count so with the next snapshot. After count_prepare(); cannot fail. */
void count_commit(void *state, uint16_t port_id, bool is_egress, enum ctl_count_mode mode);

/** "65-127" */
const char *count_size_name(unsigned size);
/** Frames of that size, from 0. False: the port does not count sizes. */
bool count_of_size(const void *state, uint16_t port_id, bool is_egress, unsigned size,
	uint64_t *ret_frames);
/** The first VLAN from vid on that had frames at the port; COUNT_N_VLANS: there is none. */
unsigned count_next_vlan(const void *state, uint16_t port_id, bool is_egress, unsigned vid);
/** What is counted of a VLAN; nothing where none is. */
void count_of_vlan(const void *state, uint16_t port_id, bool is_egress, unsigned vid,
	uint64_t *ret_frames, uint64_t *ret_bytes);

#endif
