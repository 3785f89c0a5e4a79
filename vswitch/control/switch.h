/**
 * switch: the running switch: what is configured (model), and everything that makes it so.
 *
 *        requests                 events                     frames
 *   requests -> change --+   port/ (sockets, rings)     datapath/ (workers)
 *                        v        v                        ^       |
 *                      model -> snapshot_build -> publish -+       +-> learn events -> fdb_ctl
 *
 * A request changes the model and then applies it: publish a snapshot, report carrier to peers.
 * Both cannot fail, so a request has happened wholly once it has passed its checks and got its
 * resources. A port that gains or loses its rings takes the same way.
 *
 * Ownership: the switch owns model, ports, tables, workers, state and control server; destroying it
 * frees them in reverse. Threads: the control thread (the event loop's); workers are its servants.
 * Limits: MODEL_MAX_*; SWITCH_FDB_SAVED learned addresses are kept over a restart.
 */
#ifndef WEFT_VSWITCH_CONTROL_SWITCH_H
#define WEFT_VSWITCH_CONTROL_SWITCH_H

#include "capture_ctl.h"
#include "fdb_ctl.h"
#include "inject_ctl.h"
#include "model.h"
#include "monitor.h"
#include "port_rates.h"
#include "state.h"
#include "worker_ctl.h"

#include "datapath/counters.h"
#include "ev.h"
#include "feature/feature_list.h"
#include "log.h"
#include "port/port.h"

struct ctl_server;
struct exporter;
struct metrics_address;

#define SWITCH_FDB_SAVED      16384
#define SWITCH_FDB_SAVE_EVERY 60 /* s */
#define SWITCH_REOPEN_EVERY   3  /* s: a port that waits for its socket or device tries again */

struct switch_params {
	const char *control_path;
	const char *state_dir;                 /* NULL: nothing is kept */
	const struct metrics_address *metrics; /* NULL: none are served */
	const int *cpus;                       /* cpus[n_workers]; cpus[0] < 0: not pinned */
	unsigned n_workers;
	unsigned rebalance_s; /* workers take rings from each other no more often; 0 = never */
	uint64_t hold_budget; /* bytes for frames that are held */
	bool busy;
};

/** The running half of a port. */
struct switch_port {
	struct vswitch *sw;
	struct port *dev; /* NULL while it is made, or waits for what it was refused */
	uint16_t id;
	enum ctl_conn_state state; /* as last told to monitors */
	struct log_bucket log;     /* its peer comes and goes as it likes */
	char last_error[256];      /* why it waits */
	struct port_rates rates;
	bool limit_reported;   /* that it has too many addresses, since the last tick */
	char shut_reason[128]; /* why the switch disabled it; "" = it did not */
};

/** Addresses on their way to a file. */
struct fdb_saving {
	enum ctl_fdb_type type;
	unsigned n_left;    /* that may still be written */
	unsigned bridge_id; /* of the table at which it is; is_open: begun with */
	bool is_open;
	struct fdb_list list;
};

struct vswitch {
	struct ev *ev;
	struct model model;
	struct fdb_ctl fdbs;
	struct switch_port ports[MODEL_MAX_PORTS]; /* by port id */
	struct feature_states features;
	struct worker_ctl *workers;
	struct monitor monitor;
	struct capture_ctl captures;
	struct inject_ctl injects;
	struct state *state; /* NULL: nothing is kept */
	struct ctl_server *server;
	struct exporter *exporter; /* NULL: no metrics are served */
	struct ev_source *tick, *age_timer, *save_timer;
	struct fdb_saving saving; /* of learned addresses, while is_saving */
	bool is_saving;
	bool is_restoring; /* what was saved is being carried out */
	uint64_t start_ns;
	struct dp_counters gone; /* what ports counted that were deleted */
	unsigned n_ticks;
	bool fdb_changed; /* since learned addresses were last saved */
};

/* Life cycle */
int switch_create(struct ev *ev, const struct switch_params *params, struct vswitch **ret_sw,
	struct err *err);
void switch_destroy(struct vswitch *sw);

/* For change.c and show.c */
/** Make the model so: publish it, report carriers. */
void switch_apply(struct vswitch *sw);
/**
 * Start the running half of a port that is in the model. A port of the saved configuration whose
 * socket or device is refused stays and waits: it was promised once, and who has the thing now
 * (a process that takes its time to die) may let go of it.
 * returns 0 or -errno, err set
 */
int switch_port_open(struct vswitch *sw, const struct model_port *port, struct err *err);
/** Fill the fields that say how the running half does, whether it runs or waits. */
void switch_port_status(const struct vswitch *sw, const struct model_port *port,
	struct ctl_port *ret_status);
/** Stop it; the port has left the model and the snapshot. */
void switch_port_close(struct vswitch *sw, uint16_t port_id);
/**
 * Put a frame of bytes[len], as it is on the port's wire, in at a port that is enabled, or send it
 * out of it. 0, or -errno with err set (inject_ctl.h; PortDisabled).
 */
int switch_inject(struct vswitch *sw, const struct model_port *port, bool is_egress,
	const uint8_t *bytes, uint32_t len, struct err *err);
/** What a port counted, all workers added up. */
void switch_port_counters(const struct vswitch *sw, uint16_t port_id, struct dp_counters *ret_sum);
/** What all ports counted since start, those deleted since included. */
void switch_counters(const struct vswitch *sw, struct dp_counters *ret_sum);
/** Seconds since some moment; never decreases. */
uint32_t switch_now_s(void);

#endif
