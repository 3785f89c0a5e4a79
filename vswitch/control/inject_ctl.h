/**
 * inject_ctl: frames that the switch itself puts in at ports, or sends out of them.
 *
 * The way back from punts (punt_ctl.h): a protocol's own frames, or one that somebody wants to see
 * forwarded. Each goes into the ring of the worker that has what is held of its port
 * (datapath/inject.h), is counted, and passes the port's stages in its direction like any other.
 * Nobody waits: a full ring refuses the frame.
 *
 * Off costs nothing: a worker looks into its ring while there is use of it, from the first frame
 * until none came for INJECT_IDLE_TICKS seconds.
 *
 * A port that goes takes the frames with it that are still in the ring: they are counted as
 * discarded before its counters are read for the last time, and no port that gets the same id finds
 * any. For that the ring is left out of the snapshot in which the port is missing: then no worker
 * looks into it, and it is sifted before the next one.
 *
 * Threads: the control thread. Life cycle: zeroed, done when workers have stopped. Limits: those of
 * inject_setup.h, for each worker.
 */
#ifndef WEFT_VSWITCH_CONTROL_INJECT_CTL_H
#define WEFT_VSWITCH_CONTROL_INJECT_CTL_H

#include "ctl_vswitch.h"
#include "err.h"
#include "inject_setup.h"
#include "model.h"

#define INJECT_IDLE_TICKS 10

struct inject_port_counts {
	uint64_t injected;
	uint64_t discarded[2]; /* ingress, egress */
};

struct inject_ctl {
	struct inject *rings[DP_MAX_WORKERS]; /* by worker; NULL: there was no use of it so far */
	struct inject *used[DP_MAX_WORKERS];  /* of these, those that workers look into */
	struct inject *rows[DP_MAX_WORKERS];  /* of these, those of the next snapshot */
	unsigned n_idle_ticks[DP_MAX_WORKERS];
	struct inject_port_counts ports[MODEL_MAX_PORTS];
	uint64_t n_injected; /* since start */
};

void inject_ctl_done(struct inject_ctl *injects);

/**
 * Add a frame at a port, of bytes[len]. *ret_publish: workers have to look into the ring from now
 * on, which they do with the next snapshot.
 * returns 0; -EINVAL (its length, its tag), -EAGAIN (the ring is full), -ENOMEM, err set
 */
int inject_ctl_add(struct inject_ctl *injects, unsigned n_workers, const struct model_port *port,
	bool is_egress, const uint8_t *bytes, uint32_t len, bool *ret_publish, struct err *err);

/** What a snapshot of the model has of it; borrowed, by worker. */
struct inject *const *inject_ctl_rows(struct inject_ctl *injects, const struct model *model);
/** That snapshot was published. True: publish again, for rings that were left out. */
bool inject_ctl_published(struct inject_ctl *injects, const struct model *model);
/** A second has passed. True: publish, there is no use of a ring any more. */
bool inject_ctl_tick(struct inject_ctl *injects);

/** Add what control counts of a port to what workers counted. */
void inject_ctl_count(const struct inject_ctl *injects, uint16_t port_id,
	struct dp_counters *counters);
/** The port's id may be another port's. */
void inject_ctl_forget(struct inject_ctl *injects, uint16_t port_id);

#endif
