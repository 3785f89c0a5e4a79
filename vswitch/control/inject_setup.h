/**
 * inject_setup: the ring of injected frames of a worker (datapath/inject.h): made, filled, ended.
 *
 * Threads: the control thread. Life cycle: create, add..., destroy when it is in no snapshot.
 * Limits: INJECT_MAX_FRAMES frames and INJECT_SIZE bytes; what finds no room is refused.
 */
#ifndef WEFT_VSWITCH_CONTROL_INJECT_SETUP_H
#define WEFT_VSWITCH_CONTROL_INJECT_SETUP_H

#include "datapath/inject.h"

#define INJECT_SIZE       (1u << 20)
#define INJECT_MAX_FRAMES 1024
/* Of a frame. */
#define INJECT_MIN_LEN 14
#define INJECT_MAX_LEN 9238

/** A frame as it is on the port's wire, tag and all. */
struct inject_frame {
	uint16_t port_id;
	bool is_egress;
	bool is_patch;        /* the port is a patch port, where frames are canonical (stage.h) */
	const uint8_t *bytes; /* bytes[len], borrowed; it begins with an Ethernet header */
	uint32_t len;         /* INJECT_MIN_LEN..INJECT_MAX_LEN */
};

/** 0 or -errno. */
int inject_create(struct inject **ret_inject);
/** NULL is accepted. */
void inject_destroy(struct inject *inject);

/** Add a frame and wake the worker up. 0, -EAGAIN: there is no room, -EINVAL: it ends in its tag.
 */
int inject_add(struct inject *inject, const struct inject_frame *frame);
/** Frames in it. */
uint64_t inject_n_frames(const struct inject *inject);
/**
 * Take those out that `stays` is false of; it is asked about each frame, once. The others keep
 * their order. No snapshot that workers have has the ring.
 */
void inject_sift(struct inject *inject, bool (*stays)(void *ctx, uint16_t port_id, bool is_egress),
	void *ctx);

#endif
