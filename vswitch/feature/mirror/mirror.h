/**
 * mirror: the mirrors of a switch: which ports' frames are copied to which.
 *
 * Data model. A mirror is of any ports, each in one direction or both, and which those are changes
 * while it runs (mirror_cover()). All mirrors there are form a set, which workers have by the
 * snapshot (mirror_stage.h).
 *
 * Threads: the control thread. Life cycle: feature.h. A mirror begins with the next snapshot, and
 * one that is ended is gone when that is published. Limits: MIRROR_MAX at a time.
 */
#ifndef WEFT_VSWITCH_FEATURE_MIRROR_MIRROR_H
#define WEFT_VSWITCH_FEATURE_MIRROR_MIRROR_H

#include "err.h"
#include "feature.h"
#include "mirror_stage.h"

extern const struct feature mirror_feature;

struct mirror_params {
	const char *name;   /* for people */
	const char *filter; /* as filter_create() takes it; NULL: every frame passes */
	uint32_t truncate;  /* 0: whole frames */
	uint16_t vlan;      /* that copies are tagged with; 0: none */
	uint16_t source_vlan;
	uint16_t to;
};

/** 0, -EINVAL (the filter), -ENOSPC (MIRROR_MAX run) or -ENOMEM; err set. */
int mirror_start(void *state, const struct mirror_params *params, struct mirror **ret_mirror,
	struct err *err);
void mirror_stop(void *state, struct mirror *mirror);
/** Take these of a port's frames: MIRROR_TAKES_IN and _OUT, or none. */
void mirror_cover(struct mirror *mirror, uint16_t port_id, uint8_t takes);

#endif
