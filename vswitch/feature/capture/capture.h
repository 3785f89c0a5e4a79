/**
 * capture: the captures of a switch: who looks into it, at which ports.
 *
 * Data model. A capture is of any ports; each that it ever had is a point of it, with a name. Ports
 * come and go while it runs (capture_cover(), capture_uncover()). Its frames go to a ring in shared
 * memory (lib/capture_ring.h), which its reader gets as two file descriptors. All captures there
 * are form a set, which workers have by the snapshot (capture_stage.h).
 *
 * The memory is taken when a capture starts, so that no worker waits for it later, and cannot be
 * made smaller by the reader.
 *
 * Threads: the control thread. Life cycle: feature.h. A capture begins with the next snapshot, and
 * one that is stopped is gone when that is published. Limits: CAPTURE_MAX at a time.
 */
#ifndef WEFT_VSWITCH_FEATURE_CAPTURE_CAPTURE_H
#define WEFT_VSWITCH_FEATURE_CAPTURE_CAPTURE_H

#include "capture_stage.h"
#include "err.h"
#include "feature.h"

extern const struct feature capture_feature;

struct capture_params {
	const char *filter; /* as filter_create() takes it; NULL: every frame passes */
	uint64_t size;      /* of the ring, at least */
	uint32_t snaplen;   /* bytes of a frame that are kept */
	bool is_raw;        /* checksums stay as they are */
	bool takes_drops;   /* frames that are dropped at ports, and no others */
};

/** What the reader needs; borrowed. */
struct capture_handle {
	int memory_fd, event_fd;
	uint64_t size;
};

/** 0, -EINVAL (the filter), -ENOSPC (CAPTURE_MAX run), -ENOMEM or another -errno; err set. */
int capture_start(void *state, const struct capture_params *params, struct capture **ret_capture,
	struct err *err);
void capture_stop(void *state, struct capture *capture);
struct capture_handle capture_handle(const struct capture *capture);

/**
 * Take a port's frames, too, from the next snapshot on. The port is not covered.
 * takes    CAPTURE_TAKES_IN, CAPTURE_TAKES_OUT or both
 * returns  0, or -ENOSPC: the capture has had CAPTURE_MAX_POINTS ports
 */
int capture_cover(struct capture *capture, uint16_t port_id, uint16_t takes, const char *name,
	const char *description);
void capture_uncover(struct capture *capture, uint16_t port_id);
/** For the next snapshot, and no other: who watches what is dropped. NULL: nobody. */
const struct drop_watch *capture_watch(void *state);
/** Name under which a port is covered; NULL: it is not. */
const char *capture_covers(const struct capture *capture, uint16_t port_id);

#endif
