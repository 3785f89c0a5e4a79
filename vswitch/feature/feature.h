/**
 * feature: what the switch does to frames beside forwarding them, one folder for each.
 *
 * A feature has settings, which are rows of the control protocol (such as impair/impair_fields.h;
 * commands, lab files and the protocol's description follow from them), stages that it puts in the
 * way of ports' frames (datapath/stage.h), and holds where those keep frames (datapath/hold.h). The
 * features that there are stand in one array (feature_list.h).
 *
 * Threads: the control thread. Life cycle: create; for each snapshot part of every port and
 * direction, then published when workers use it and no former one; destroy when there are no
 * workers.
 */
#ifndef WEFT_VSWITCH_FEATURE_FEATURE_H
#define WEFT_VSWITCH_FEATURE_FEATURE_H

#include "hold.h"
#include "pace.h"
#include "stage.h"

/** Of one feature, at one port in one direction. */
#define FEATURE_MAX_HOLDS 2

/** Memory for held frames, of all features. */
struct hold_budget {
	uint64_t bytes, used;
};

/** What a feature has in the way of a port's frames in one direction. */
struct feature_part {
	struct stage stage;
	/* Frames held by the stage; those of the first go first. */
	struct hold *holds[FEATURE_MAX_HOLDS];
	unsigned n_holds;
	struct queue *queue; /* what they come back from, where that is no hold */
};

/** What people are to hear of a port. */
struct feature_event {
	const char *name; /* of the event, static */
	char detail[128];
	bool shuts; /* the port is to be disabled, for that reason */
};

/** What a stage would do to a frame. All false: it goes on. */
struct feature_answer {
	bool stops; /* dropped, for that reason */
	bool holds; /* goes on later */
	enum drop_reason reason;
	char text[96]; /* for people: "goes on", unless it is written */
};

/** Where an operation is NULL the feature has nothing of the kind. */
struct feature {
	const char *name; /* for people, static */
	/** Its state, for the whole switch; NULL: no memory. What it holds is accounted for in
	 *  budget (borrowed). */
	void *(*create)(struct hold_budget *budget);
	void (*destroy)(void *state);
	/** False: nothing stands there. */
	bool (*part)(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret);
	/** The same of what the port floods, which goes to all others. Nothing is held there. */
	bool (*flood_stage)(const void *state, uint16_t port_id, struct stage *ret);
	/** What its stage of that conf would do to ctx->frames[0], which it may change as the stage
	 *  does, and nothing else: what it remembers is read while workers write it, so that an
	 *  answer is as old as that. NULL: every frame goes on. */
	void (*explain)(const struct stage_ctx *ctx, const void *conf, uint64_t tsc_hz,
		struct feature_answer *ret);
	/** What its queues are received from no faster than; NULL: as fast as they come. */
	struct pace *(*pace)(const void *state, uint16_t port_id);
	/** Workers use the snapshot that was made last, and no other. */
	void (*published)(void *state);
	/** Once a second. True: what part() says has changed. */
	bool (*tick)(void *state);
	/** The next event of a port; false: there is none. Asked for when workers want to be
	 *  heard, and once a second. */
	bool (*event)(void *state, uint16_t port_id, struct feature_event *ret);
	/** Frames that it held and that will never be released, now that the port or its link is
	 *  gone: control counts them as dropped. Only grows while the port is there. */
	uint64_t (*discarded)(const void *state, uint16_t port_id, bool is_egress);
	/** The port is gone: forget what was counted. */
	void (*forget)(void *state, uint16_t port_id);
};

#endif
